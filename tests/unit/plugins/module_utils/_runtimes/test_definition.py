# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import Component, Executable
from ansible_collections.kwok.sim.plugins.module_utils._runtimes.definition import Definition, parse, render

COMPONENT = Component("a", executable=Executable("/bin/echo", "1:1"), args=("x", "\udcff", ""), env=(("A", "b"),), stop_timeout=7)


def test_round_trip() -> None:
    assert parse(render(COMPONENT, "one")) == Definition(("/bin/echo", "x", "\udcff", ""), "one", 7)


def test_every_changed_byte_shows() -> None:
    script = render(COMPONENT, "one")
    for index in range(len(script)):
        assert parse(script[:index] + bytes([script[index] ^ 1]) + script[index + 1 :]) is None, script[index - 20 : index + 20]
    assert parse(script + b"\n") is None
    assert parse(script[:-1]) is None


@pytest.mark.parametrize("script", [b"", b"# []\n", b"# 1\n", b"# {}\n", b"\xff\xfe", b"exec sleep 1\n"])
def test_garbage(script: bytes) -> None:
    assert parse(script) is None


def test_script_passes_every_byte_on(tmp_path: Path) -> None:
    """Bytes that a shell uses for itself, and those that are no UTF-8."""
    every = os.fsdecode(bytes(range(1, 256)))
    code = "import os, sys; sys.stdout.buffer.write(os.fsencode(sys.argv[1]) + b'\\0' + os.environb[b'A'])"
    component = Component("a", executable=Executable(sys.executable, "1:1"), args=("-c", code, every), env=(("A", every),))
    path = tmp_path / "a.sh"
    path.write_bytes(render(component, "one"))
    output = subprocess.run(["/bin/sh", str(path)], capture_output=True, check=True).stdout
    assert output == bytes(range(1, 256)) + b"\0" + bytes(range(1, 256))
