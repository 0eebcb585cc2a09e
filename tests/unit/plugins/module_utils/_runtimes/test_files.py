# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._runtimes import files


@pytest.mark.parametrize(
    ("content", "lines", "expected"),
    [
        (b"", 3, ""),
        (b"a\nb\nc\n", 2, "b\nc\n"),
        (b"a\nb\nc", 2, "b\nc"),
        (b"a\nb\n", 5, "a\nb\n"),
        (b"a\n\n\n", 2, "\n\n"),
        (b"a\r\nb\x0cb\n", 1, "b\x0cb\n"),
        (b"a\n\xff\xfe\n", 1, "\ufffd\ufffd\n"),
        (b"a\nb\n", 0, ""),
    ],
)
def test_tail(tmp_path: Path, content: bytes, lines: int, expected: str) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    assert files.tail(path, lines) == expected


def test_tail_of_a_big_file_reads_its_end_alone(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = [f"{index} {'x' * 997}" for index in range(3000)]
    path.write_text("\n".join(lines) + "\n")
    for count in (1, 15, 17, 400):
        assert files.tail(path, count) == "\n".join(lines[-count:]) + "\n"
    assert len(files.tail(path, 3000)) <= (1 << 20) + (1 << 14)


def test_tail_of_a_missing_file(tmp_path: Path) -> None:
    assert files.tail(tmp_path / "log", 3) == ""


def test_write_leaves_alone_what_is_right(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write_atomically(path, b"x")
    before = path.stat()
    files.write_atomically(path, b"x")
    assert path.stat().st_ino == before.st_ino
    path.chmod(0o644)
    files.write_atomically(path, b"x")
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(SimError, match="directory") as caught:
        files.write_atomically(tmp_path / "file", b"x")
    assert caught.value.option == "base_dir"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SimError, match="cannot be written") as caught:
        files.make_private_directory(tmp_path / "file" / "directory")
    assert caught.value.option == "base_dir"
