# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._artifacts import download
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.executable import Platform
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.request import ArtifactRequest, OptionNames
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.resolve import describe, look_up, remove, resolve
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError

VERSION = "v1.36.3"
PATH = f"/{VERSION}/bin/{Platform.host().os}/{Platform.host().arch}/kubectl"


@pytest.fixture
def request_(tmp_path: Path, site: Any, fake_go: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> ArtifactRequest:
    """kubectl from the release site or the fake go command, into a cache below tmp_path."""
    monkeypatch.setattr(download, "_PAUSE", 0.0)
    return ArtifactRequest("kubectl", mirror=site.url, cache_dir=str(tmp_path / "cache"), environment=fake_go, timeout=5.0)


def failure(request: ArtifactRequest, *, check_mode: bool = False) -> SimError:
    with pytest.raises(SimError) as caught:
        resolve(request, check_mode=check_mode)
    return caught.value


def outcomes(attempts: Any) -> list[tuple[str, str]]:
    return [(attempt.source, attempt.outcome) for attempt in attempts]


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_download_and_then_the_cache(request_: ArtifactRequest, site: Any, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf())
    said: list[str] = []
    first = resolve(request_, progress=said.append)
    assert (first.name, first.version, first.source, first.changed) == ("kubectl", VERSION, "download", True)
    assert first.sha256 == hashlib.sha256(elf()).hexdigest()
    assert first.path.read_bytes() == elf()
    assert os.access(first.path, os.X_OK)
    assert outcomes(first.attempts) == [("cache", "missing"), ("download", "used")]
    assert said[0] == f"kubectl v1.36.3: downloading {site.url}{PATH}"
    second = resolve(request_)
    assert (second.path, second.sha256, second.source, second.changed) == (first.path, first.sha256, "cache", False)
    assert outcomes(second.attempts) == [("cache", "used")]
    assert second.attempts[0].reason == f"download of {site.url}{PATH}"
    assert site.gets[PATH] == 1
    assert json.dumps(second.as_dict())


def test_a_cache_hit_needs_no_write_access_and_few_milliseconds(request_: ArtifactRequest, site: Any, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf(size=50_000_000))
    path = resolve(request_).path
    (path.parent / ".lock").unlink()
    before = path.parent.stat().st_mtime_ns
    best = 1.0
    for _round in range(10):
        started = time.perf_counter()
        resolve(request_)
        best = min(best, time.perf_counter() - started)
    assert best < 0.01  # hashing 50 MB takes 30 ms or more
    assert path.parent.stat().st_mtime_ns == before


def test_build_when_nothing_is_released(request_: ArtifactRequest, elf: Callable[..., bytes]) -> None:
    result = resolve(request_)
    assert (result.source, result.changed) == ("build", True)
    assert result.path.read_bytes() == elf()
    assert outcomes(result.attempts) == [("cache", "missing"), ("download", "missing"), ("build", "used")]


def test_order_is_the_callers(request_: ArtifactRequest, site: Any, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf())
    assert resolve(replace(request_, sources=("build", "download"))).source == "build"
    assert not site.gets


def test_without_the_cache_as_a_source_it_is_fetched_anew(request_: ArtifactRequest, site: Any, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf())
    afresh = replace(request_, sources=("download",))
    assert resolve(afresh).changed
    assert not resolve(afresh).changed  # the same bytes again
    assert site.gets[PATH] == 2
    site.publish_kubernetes("kubectl", VERSION, elf(size=5000))
    assert resolve(afresh).changed


def test_cache_as_the_last_resort(request_: ArtifactRequest, site: Any, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf())
    resolve(request_)
    site.files.clear()
    result = resolve(replace(request_, sources=("download", "cache")))
    assert (result.source, result.changed) == ("cache", False)


def test_damaged_cache_is_told_and_mended(request_: ArtifactRequest, site: Any, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf())
    path = resolve(request_).path
    os.truncate(path, 100)
    assert resolve(request_, check_mode=True).changed
    result = resolve(request_)
    assert outcomes(result.attempts) == [("cache", "failed"), ("download", "used")]
    assert result.attempts[0].reason == f"{path} has 100 bytes instead of 4096"
    assert path.read_bytes() == elf()


def test_explicit_path(request_: ArtifactRequest, tmp_path: Path, elf: Callable[..., bytes]) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(elf())
    mine.chmod(0o755)
    result = resolve(replace(request_, path=str(mine)))
    assert (result.path, result.source, result.changed, result.sha256, result.version) == (mine, "path", False, None, "")
    assert resolve(replace(request_, path=str(mine), version="1.35.0")).version == "1.35.0"
    assert not (tmp_path / "cache").exists()


def test_wrong_path_is_an_error_even_where_other_sources_would_do(
    request_: ArtifactRequest, site: Any, tmp_path: Path, elf: Callable[..., bytes]
) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf())
    mine = tmp_path / "mine"
    named = replace(request_, path=str(mine), options=OptionNames(path="executables"))
    error = failure(named)
    assert (error.option, error.message) == ("executables", f"{mine} does not exist")
    other = "arm64" if Platform.host().arch != "arm64" else "amd64"
    mine.write_bytes(elf(other))
    assert failure(named).message == f"{mine} is an executable for linux-{other}, not for {Platform.host()}"
    mine.write_bytes(elf())
    assert failure(named).message == f"{mine} may not be executed by this user"
    mine.write_bytes(b"text")
    error = failure(named, check_mode=True)
    assert error.message == f"{mine} is not an executable"
    assert error.remedy == f"Name an executable of kubectl for {Platform.host()}, or leave the option out"


def test_path_for_another_platform(request_: ArtifactRequest, tmp_path: Path, elf: Callable[..., bytes]) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(elf("s390x"))
    mine.chmod(0o755)
    assert resolve(replace(request_, path=str(mine), os="linux", arch="s390x")).path == mine


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"name": "kube-proxy"}, "name"),
        ({"version": "latest"}, "version"),
        ({"sources": ()}, "sources"),
        ({"sources": ("cache", "magic")}, "sources"),
        ({"path": "/bin/true", "sources": ("cache",)}, "sources"),
        ({"mirror": "example.com"}, "mirror"),
        ({"os": "plan9"}, "os"),
        ({"arch": "vax"}, "arch"),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_wrong_options(request_: ArtifactRequest, tmp_path: Path, change: dict[str, Any], option: str, check_mode: bool) -> None:
    error = failure(replace(request_, **change), check_mode=check_mode)
    assert error.option == option
    assert error.remedy
    assert not (tmp_path / "cache").exists()


def test_every_source_failed(
    request_: ArtifactRequest, site: Any, fake_go: dict[str, str], tmp_path: Path, elf: Callable[..., bytes]
) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf(size=600_000), cut=1000)
    error = failure(replace(request_, environment={**fake_go, "FAKE_BUILD_ERROR": "p.go:1: no such thing"}))
    assert error.message.startswith(f"kubectl v1.36.3 for {Platform.host()} could not be had. cache: it is not in the cache; download: ")
    assert "was cut after 1000 of 600000 bytes (3 tries); build: building k8s.io/kubernetes/cmd/kubectl v1.36.3 failed" in error.message
    assert "p.go:1: no such thing" in error.message
    attempts: Any = error.details["attempts"]
    assert [(item["source"], item["outcome"]) for item in attempts] == [("cache", "missing"), ("download", "failed"), ("build", "failed")]
    assert all(item["reason"] and item["seconds"] >= 0 for item in attempts)
    assert "mirror" in str(error.remedy)
    assert list((tmp_path / "cache").iterdir()) == []


def test_version_that_exists_nowhere(request_: ArtifactRequest, tmp_path: Path) -> None:
    error = failure(replace(request_, version="v1.36.9", options=OptionNames(version="kube_version")))
    assert error.option == "kube_version"
    assert "v1.36.9 does not exist: the Go module proxy has no k8s.io/kubernetes v1.36.9" in error.message
    assert error.remedy == "Choose a version that exists, such as v1.36.3"
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_old_executable_stays_when_nothing_better_is_had(request_: ArtifactRequest, site: Any, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf())
    path = resolve(request_).path
    site.publish_kubernetes("kubectl", VERSION, elf(size=5000), checksum="wrong")
    failure(replace(request_, sources=("download",)))
    assert path.read_bytes() == elf()
    assert not resolve(request_).changed


def test_check_mode_touches_nothing(request_: ArtifactRequest, site: Any, tmp_path: Path, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf())
    planned = resolve(request_, check_mode=True)
    assert (planned.source, planned.changed, planned.sha256) == ("download", True, None)
    assert outcomes(planned.attempts) == [("cache", "missing"), ("download", "planned")]
    assert not (tmp_path / "cache").exists()
    assert not site.gets
    done = resolve(request_)
    assert planned.path == done.path
    assert not resolve(request_, check_mode=True).changed
    assert resolve(replace(request_, version="v1.36.4"), check_mode=True).path != done.path


def test_check_mode_plans_a_build_where_nothing_is_released(request_: ArtifactRequest) -> None:
    planned = resolve(replace(request_, os="linux", arch="riscv64"), check_mode=True)
    assert outcomes(planned.attempts) == [("cache", "missing"), ("download", "missing"), ("build", "planned")]
    error = failure(replace(request_, os="linux", arch="riscv64", sources=("cache", "download")), check_mode=True)
    assert "there is no release for linux-riscv64" in error.message


def test_removal(request_: ArtifactRequest, site: Any, tmp_path: Path, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf())
    path = resolve(request_).path
    assert describe(look_up(request_)[1]) == {"path": str(path), "state": "present", "sha256": hashlib.sha256(elf()).hexdigest()}
    assert remove(request_, check_mode=True)
    assert path.exists()
    assert remove(request_)
    assert list((tmp_path / "cache").iterdir()) == []
    assert not remove(request_)
    assert not remove(request_, check_mode=True)
    assert describe(look_up(request_)[1]) == {"path": str(path), "state": "absent"}


def test_cache_directory_that_cannot_be_made(request_: ArtifactRequest, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = failure(replace(request_, cache_dir=str(tmp_path / "file" / "cache")))
    assert error.option == "cache_dir"
    assert "cannot be used" in error.message


Start = Callable[..., "subprocess.Popen[str]"]


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    answer: dict[str, Any] = json.loads(out)
    return answer


def arguments(site: Any, tmp_path: Path, **more: Any) -> dict[str, Any]:
    return {"name": "kubectl", "mirror": site.url, "cache_dir": str(tmp_path / "cache"), "sources": ["cache", "download"], **more}


def test_two_runs_at_once_download_once(start_resolution: Start, site: Any, tmp_path: Path, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf(), wait=1.0)
    first = start_resolution(**arguments(site, tmp_path))
    assert site.halfway.wait(10)
    second = start_resolution(**arguments(site, tmp_path))
    assert second.stderr is not None
    assert second.stderr.readline() == "kubectl v1.36.3: waiting for another run that fetches it\n"
    results = [finish(first), finish(second)]
    assert [(result["source"], result["changed"]) for result in results] == [("download", True), ("cache", False)]
    assert results[0]["path"] == results[1]["path"]
    assert site.gets[PATH] == 1


def test_killed_halfway_and_run_again(start_resolution: Start, site: Any, tmp_path: Path, elf: Callable[..., bytes]) -> None:
    file = site.publish_kubernetes("kubectl", VERSION, elf(size=1_000_000), wait=20.0)
    process = start_resolution(**arguments(site, tmp_path))
    assert site.halfway.wait(10)
    while not any(".work-" in name for name in files(tmp_path / "cache")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not any(name.endswith("/kubectl") for name in files(tmp_path / "cache"))
    file.wait = 0.0
    result = finish(start_resolution(**arguments(site, tmp_path)))
    assert (result["source"], result["changed"]) == ("download", True)
    assert Path(result["path"]).read_bytes() == elf(size=1_000_000)
    assert sorted(Path(name).name for name in files(tmp_path / "cache")) == [".lock", "kubectl", "kubectl.json"]


def test_write_that_the_disk_refuses(start_resolution: Start, site: Any, tmp_path: Path, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf(size=1_000_000))
    result = finish(start_resolution(**arguments(site, tmp_path, file_size_limit=100_000)))
    assert result["option"] == "cache_dir"
    assert f"no space is left in {tmp_path / 'cache'}" in result["error"]
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    directory = tmp_path / "small"
    directory.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a file system")
    yield directory
    subprocess.run(["umount", directory], check=True)


@pytest.mark.parametrize("length", [True, False])
def test_full_disk(request_: ArtifactRequest, site: Any, small_disk: Path, elf: Callable[..., bytes], length: bool) -> None:
    """With its length known, the download is not begun; otherwise the disk fills up."""
    file = site.publish_kubernetes("kubectl", VERSION, elf(size=3_000_000), length=length)
    error = failure(replace(request_, cache_dir=str(small_disk)))
    assert error.option == "cache_dir"
    assert f"no space is left in {small_disk}" in error.message
    assert ("3 MiB are needed" in error.message) == length
    assert list(small_disk.iterdir()) == []
    file.body = elf(size=3_000_000)
    site.publish_kubernetes("kubectl", VERSION, elf())
    assert resolve(replace(request_, cache_dir=str(small_disk))).changed


def test_archive_that_does_not_fit_unpacked(request_: ArtifactRequest, site: Any, small_disk: Path, elf: Callable[..., bytes]) -> None:
    site.publish_etcd("v3.6.5", {"etcd": elf(size=4096) + bytes(3_000_000)})
    error = failure(replace(request_, name="etcd", cache_dir=str(small_disk)))
    assert error.option == "cache_dir"
    assert list(small_disk.iterdir()) == []
