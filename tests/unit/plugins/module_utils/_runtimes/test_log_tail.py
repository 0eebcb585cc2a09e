# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._runtimes import log_tail


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
    assert log_tail.tail(path, lines) == expected


def test_tail_of_a_big_file_reads_its_end_alone(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = [f"{index} {'x' * 997}" for index in range(3000)]
    path.write_text("\n".join(lines) + "\n")
    for count in (1, 15, 17, 400):
        assert log_tail.tail(path, count) == "\n".join(lines[-count:]) + "\n"
    assert len(log_tail.tail(path, 3000)) <= (1 << 20) + (1 << 14)


def test_tail_of_a_missing_file(tmp_path: Path) -> None:
    assert log_tail.tail(tmp_path / "log", 3) == ""
