# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._artifacts import catalogue, gobuild
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.executable import Platform
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.request import Fetched, OptionNames, SourceFailed, Wanted

Build = Callable[..., Fetched]


@pytest.fixture
def build(tmp_path: Path, fake_go: dict[str, str]) -> Build:
    def call(name: str = "kubectl", version: str | None = None, arch: str | None = None, timeout: float = 10.0, **env: str) -> Fetched:
        artifact = catalogue.find(name)
        platform = Platform("linux", arch) if arch else Platform.host()
        wanted = Wanted(artifact, catalogue.parse_version(version or artifact.version), platform, OptionNames())
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        return gobuild.fetch(
            wanted,
            work,
            go=None,
            toolchains=tmp_path / "toolchains",
            environment={**fake_go, **env},
            timeout=timeout,
            progress=said.append,
        )

    said: list[str] = []
    call.said = said  # type: ignore[attr-defined]
    return call


def failure(call: Build, **how: Any) -> SourceFailed:
    with pytest.raises(SourceFailed) as caught:
        call(**how)
    return caught.value


def log(fake_go: dict[str, str]) -> list[str]:
    return Path(fake_go["FAKE_LOG"]).read_text().splitlines()


def test_command_environment_and_module(build: Any, fake_go: dict[str, str], tmp_path: Path, elf: Callable[..., bytes]) -> None:
    fetched = build(GOPROXY="https://goproxy.example.com", GOFLAGS="-p=1", CGO_ENABLED="1")
    assert fetched.path.read_bytes() == elf()
    assert fetched.url == "k8s.io/kubernetes/cmd/kubectl@v1.36.3"
    lines = log(fake_go)
    for setting in ("CGO_ENABLED=0", "GOWORK=off", f"GOARCH={Platform.host().arch}", "GOPROXY=https://goproxy.example.com", "GOFLAGS=-p=1"):
        assert setting in lines
    assert f"GOTMPDIR={tmp_path / 'work'}" in lines
    assert "-trimpath" in lines
    assert "k8s.io/kubernetes/cmd/kubectl" in lines
    assert "replace k8s.io/api => k8s.io/api v0.36.3" in lines
    assert "require k8s.io/kubernetes v1.36.3" in lines
    assert not any("k8s.io/utils" in line for line in lines)
    assert build.said[0] == "looking up k8s.io/kubernetes v1.36.3 in the Go module proxy"


def test_other_architecture(build: Build, fake_go: dict[str, str], elf: Callable[..., bytes]) -> None:
    Path(fake_go["FAKE_RESULT"]).write_bytes(elf("s390x"))
    build(arch="s390x")
    assert "GOARCH=s390x" in log(fake_go)
    assert "is an executable for linux-s390x, not for linux-ppc64le" in failure(build, arch="ppc64le").reason


def test_etcd_has_no_staging(build: Build, fake_go: dict[str, str]) -> None:
    build("etcdctl")
    assert "go.etcd.io/etcd/etcdctl/v3" in log(fake_go)
    assert not any(line.startswith("replace") for line in log(fake_go))


def test_prometheus_is_asked_for_by_the_version_of_its_module(build: Any, fake_go: dict[str, str]) -> None:
    fetched = build("promtool", "v3.13.5")
    assert fetched.url == "github.com/prometheus/prometheus/cmd/promtool@v0.313.5"
    assert "require github.com/prometheus/prometheus v0.313.5" in log(fake_go)
    assert "-s -w -X github.com/prometheus/common/version.Version=3.13.5" in log(fake_go)
    assert "remove_all_sd,enable_kubernetes_sd" in log(fake_go)
    assert build.said[0] == "looking up github.com/prometheus/prometheus v0.313.5 in the Go module proxy"


@pytest.mark.parametrize(("version", "nearest"), [("v3.13.9", "v3.13.5"), ("v3.5.1", "v3.5.0"), ("v2.55.1", "v3.13.5")])
def test_a_release_of_prometheus_that_does_not_exist(build: Build, version: str, nearest: str) -> None:
    told = failure(build, name="prometheus", version=version)
    assert told.missing
    assert told.reason.startswith(f"{version} does not exist: the Go module proxy has no github.com/prometheus/prometheus v0.")
    assert told.remedy == f"Choose a version that exists, such as {nearest}"


@pytest.mark.parametrize(
    ("version", "nearest"),
    [("v1.36.9", "v1.36.3"), ("v9.9.9", "v1.36.3"), ("v1.0.7", "v1.0.0"), ("v1.37.0", "v1.36.3")],
)
def test_version_that_does_not_exist(build: Build, version: str, nearest: str) -> None:
    told = failure(build, version=version)
    assert told.missing
    assert told.option == "version"
    assert told.reason == f"{version} does not exist: the Go module proxy has no k8s.io/kubernetes {version}"
    assert told.remedy == f"Choose a version that exists, such as {nearest}"


def test_version_that_exists_but_is_not_given(build: Build) -> None:
    told = failure(build, version="v1.36.2", FAKE_LIST_ERROR="dial tcp: connection refused")
    assert not told.missing
    assert "does not give k8s.io/kubernetes v1.36.2" in told.reason
    assert "connection refused" in told.reason


def test_build_that_fails(build: Build) -> None:
    told = failure(build, FAKE_BUILD_ERROR="x.go:3:1: undefined: y")
    assert told.reason.endswith("go ended with code 1: x.go:3:1: undefined: y")


@pytest.mark.parametrize("variable", ["FAKE_BUILD_ERROR", "FAKE_LIST_ERROR"])
def test_full_disk_of_gos_own(build: Build, variable: str) -> None:
    told = failure(
        build, version="v1.36.3" if variable == "FAKE_BUILD_ERROR" else "v1.36.2", **{variable: "write /x: no space left on device"}
    )
    assert told.option == "cache_dir"
    assert "GOCACHE" in str(told.remedy)


def test_build_that_takes_too_long(build: Build) -> None:
    started = time.monotonic()
    assert failure(build, timeout=1.0, FAKE_BUILD_SLEEP="60").reason.endswith("go did not end in time")
    assert time.monotonic() - started < 10
