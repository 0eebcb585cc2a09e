# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files are private from their first byte on, and there whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import ObservedFile
from ansible_collections.kwok.sim.plugins.module_utils._cluster.files import observe_files
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._files import as_sim_error, make_directory, write_atomically


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.mark.parametrize("wanted", [0o600, 0o644, 0o400, 0o755])
@pytest.mark.parametrize("umask", [0o000, 0o077, 0o277])
def test_modes_whatever_the_umask(tmp_path: Path, wanted: int, umask: int) -> None:
    path = tmp_path / "file"
    before = os.umask(umask)
    try:
        write_atomically(path, "ä\n", wanted)
        write_atomically(path, "ö\n", wanted)
    finally:
        os.umask(before)
    assert mode(path) == wanted
    assert path.read_text(encoding="utf-8") == "ö\n"
    assert list(tmp_path.iterdir()) == [path]


def test_every_directory_on_the_way_is_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "a" / "b" / "file", "", 0o600)
        make_directory(tmp_path / "c" / "d")
    finally:
        os.umask(before)
    assert [mode(tmp_path / name) for name in ("a", "a/b", "c", "c/d")] == [0o700] * 4
    assert mode(tmp_path) == 0o755


def test_a_directory_that_is_there_is_made_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    make_directory(tmp_path)
    assert mode(tmp_path) == 0o700


def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    (tmp_path / "file").symlink_to(tmp_path / "precious")
    write_atomically(tmp_path / "file", "y", 0o600)
    assert (tmp_path / "precious").read_text() == "x"
    assert not (tmp_path / "file").is_symlink()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old", 0o600)

    def full(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SimError) as caught:
        write_atomically(path, "new", 0o600)
    assert caught.value.option == "base_dir"
    assert f"no space left to write {path}" in caught.value.message
    assert "Free space" in str(caught.value.remedy)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_is_really_full() -> None:
    with pytest.raises(OSError, match="No space") as caught, Path("/dev/full").open("w") as stream:
        stream.write("x")
        stream.flush()
    assert "no space left" in as_sim_error(caught.value, Path("/dev/full")).message


@pytest.mark.parametrize("make", [make_directory, lambda path: write_atomically(path, "", 0o600)])
def test_a_file_in_the_way(tmp_path: Path, make: object) -> None:
    (tmp_path / "file").touch()
    assert callable(make)
    with pytest.raises(SimError) as caught:
        make(tmp_path / "file" / "below")
    assert caught.value.option == "base_dir"
    assert caught.value.remedy


def test_observed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "x", 0o640)
    (tmp_path / "broken").symlink_to("nowhere")
    names = [path, tmp_path, tmp_path / "none", tmp_path / "broken", path / "below"]
    seen = observe_files(map(str, names))
    assert seen.pop(str(path)) == ObservedFile(hashlib.sha256(b"x").hexdigest(), 0o640)
    assert seen == dict.fromkeys(map(str, names[1:]))


def test_write_leaves_alone_what_is_right(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"x")
    before = path.stat()
    write_atomically(path, b"x")
    assert path.stat().st_ino == before.st_ino
    path.chmod(0o644)
    write_atomically(path, b"x")
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(SimError, match="directory") as caught:
        write_atomically(tmp_path / "file", b"x")
    assert caught.value.option == "base_dir"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SimError, match="cannot be written") as caught:
        make_directory(tmp_path / "file" / "directory")
    assert caught.value.option == "base_dir"
