# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images of one executable: what goes into them, what they are called, what cannot be one."""

from __future__ import annotations

import shutil
import struct
import sys
import tarfile
from pathlib import Path

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import Component, Executable
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._runtimes.images import image_of, layer, needs_libraries

PT_LOAD, PT_INTERP = 1, 3


def elf(*kinds: int, bits: int = 64, order: str = "<") -> bytes:
    """A program with program headers of these kinds, and nothing that could run."""
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    if bits == 64:
        head = ident + struct.pack(f"{order}HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, len(kinds), 0, 0, 0)
        return head + b"".join(struct.pack(f"{order}I", kind) + bytes(52) for kind in kinds)
    head = ident + struct.pack(f"{order}HHIIIIIHHHHHH", 2, 3, 1, 0, 52, 0, 0, 52, 32, len(kinds), 0, 0, 0)
    return head + b"".join(struct.pack(f"{order}I", kind) + bytes(28) for kind in kinds)


def component(path: Path, version: str = "v1.2.3") -> Component:
    return Component("web", version, Executable(str(path), "1:2"), owner="component")


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_programs_that_need_libraries(tmp_path: Path, bits: int, order: str) -> None:
    path = tmp_path / "program"
    for kinds, needs in (((PT_LOAD,), False), ((), False), ((PT_LOAD, PT_INTERP), True)):
        path.write_bytes(elf(*kinds, bits=bits, order=order))
        with path.open("rb") as stream:
            assert needs_libraries(stream) is needs


@pytest.mark.parametrize("content", [b"#!/bin/sh\n", b"", b"\x7fEL", b"MZ"])
def test_what_is_no_program_needs_more_than_itself(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "program"
    path.write_bytes(content)
    with path.open("rb") as stream:
        assert needs_libraries(stream)


def test_a_name_for_each_content(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(elf(PT_LOAD))
    first = image_of(component(path))
    assert first.reference.startswith("localhost/kwok-sim/web:v1.2.3-")
    assert image_of(component(path)) == first
    path.write_bytes(elf(PT_LOAD, PT_LOAD))
    assert image_of(component(path)).reference != first.reference
    assert 'ENTRYPOINT ["/usr/local/bin/program"]' in first.changes


@pytest.mark.parametrize(("version", "tag"), [("", "v0"), ("v1.2.3+build", "v1.2.3-build"), ("a b", "a-b")])
def test_a_version_that_is_no_tag(tmp_path: Path, version: str, tag: str) -> None:
    path = tmp_path / "program"
    path.write_bytes(elf(PT_LOAD))
    assert image_of(component(path, version)).reference.startswith(f"localhost/kwok-sim/web:{tag}-")


def test_what_cannot_be_an_image(tmp_path: Path) -> None:
    with pytest.raises(SimError, match="neither an executable nor an image") as caught:
        image_of(Component("web"))
    assert caught.value.option == "image"
    with pytest.raises(SimError, match="No such file") as caught:
        image_of(component(tmp_path / "none"))
    assert caught.value.option == "executable"
    with pytest.raises(SimError, match="needs libraries") as caught:
        image_of(Component("etcd", "v1", Executable(shutil.which("sh") or sys.executable, "1:2")))
    assert caught.value.option == "executables"


def test_the_layer_holds_the_program_alone(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(elf(PT_LOAD))
    path.chmod(0o700)
    with layer(path) as stream, tarfile.open(fileobj=stream) as archive:
        entries = archive.getmembers()
        assert [entry.name for entry in entries] == ["usr", "usr/local", "usr/local/bin", "usr/local/bin/program"]
        assert {(entry.mode, entry.uid, entry.gid, entry.uname) for entry in entries} == {(0o755, 0, 0, "")}
        content = archive.extractfile(entries[-1])
        assert content is not None
        assert content.read() == path.read_bytes()
