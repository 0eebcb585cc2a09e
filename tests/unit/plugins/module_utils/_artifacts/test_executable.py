# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._artifacts import executable
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.executable import NotExecutable, Platform

HOST = Platform.host()


def place(path: Path, content: bytes, mode: int = 0o755) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def reason(path: Path, platform: Platform = HOST, **how: bool) -> str:
    with pytest.raises(NotExecutable) as caught:
        executable.check(path, platform, **how)
    return str(caught.value)


def test_the_running_python_is_for_this_machine() -> None:
    path = Path(os.path.realpath(sys.executable))
    assert executable.check(path, HOST).st_size == path.stat().st_size


@pytest.mark.parametrize("arch", ["amd64", "arm64", "ppc64le", "s390x", "riscv64"])
def test_elf_of_each_architecture(tmp_path: Path, elf: Callable[..., bytes], arch: str) -> None:
    path = place(tmp_path / "x", elf(arch))
    executable.check(path, Platform("linux", arch))
    other = "arm64" if arch != "arm64" else "amd64"
    assert reason(path, Platform("linux", other)) == f"is an executable for linux-{arch}, not for linux-{other}"


def test_mach_o_alone_and_universal(tmp_path: Path) -> None:
    thin = place(tmp_path / "thin", b"\xcf\xfa\xed\xfe" + struct.pack("<I", 0x0100000C) + bytes(24))
    executable.check(thin, Platform("darwin", "arm64"))
    assert reason(thin, Platform("darwin", "amd64")) == "is an executable for darwin-arm64, not for darwin-amd64"
    both = struct.pack(">II", 0xCAFEBABE, 2) + struct.pack(">5I", 0x01000007, 3, 0, 0, 0) + struct.pack(">5I", 0x0100000C, 0, 0, 0, 0)
    universal = place(tmp_path / "universal", both)
    for arch in ("amd64", "arm64"):
        executable.check(universal, Platform("darwin", arch))
    assert reason(universal, Platform("linux", "amd64")).startswith("is an executable for darwin-amd64 and darwin-arm64")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"MZ\x90\x00", "is a Windows program"),
        (b"<html>404</html>", "is not an executable"),
        (b"#!/bin/sh\n", "is not an executable"),
        (b"\x7fELF\x02\x01", f"is not an executable for {HOST}"),
        (b"\xca\xfe\xba\xbe\x00\x00\x00\x41" + bytes(60), f"is not an executable for {HOST}"),  # a Java class file
    ],
)
def test_other_files(tmp_path: Path, content: bytes, expected: str) -> None:
    assert reason(place(tmp_path / "x", content)) == expected


def test_an_object_file_is_no_executable(tmp_path: Path, elf: Callable[..., bytes]) -> None:
    assert reason(place(tmp_path / "x", elf(kind=1))) == f"is not an executable for {HOST}"


def test_a_script_where_scripts_are_accepted(tmp_path: Path) -> None:
    executable.check(place(tmp_path / "x", b"#!/bin/sh\n"), HOST, scripts=True)


def test_what_is_no_file(tmp_path: Path) -> None:
    assert reason(tmp_path / "missing") == "does not exist"
    assert reason(tmp_path) == "is a directory"
    os.mkfifo(tmp_path / "pipe")
    assert reason(tmp_path / "pipe") == "is not a regular file"
    (tmp_path / "loop").symlink_to("loop")
    assert reason(tmp_path / "loop").startswith("cannot be read")


def test_without_permission(tmp_path: Path, elf: Callable[..., bytes]) -> None:
    assert reason(place(tmp_path / "x", elf(), 0o644)) == "may not be executed by this user"
