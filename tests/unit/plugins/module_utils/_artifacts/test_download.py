# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import io
import os
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._artifacts import catalogue, download
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.executable import Platform
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.request import Fetched, OptionNames, SourceFailed, Wanted

VERSION = "v1.36.3"
PATH = f"/{VERSION}/bin/{Platform.host().os}/{Platform.host().arch}/kubectl"


@pytest.fixture
def fetch(site: Any, tmp_path: Path) -> Callable[..., Fetched]:
    def call(name: str = "kubectl", platform: Platform | None = None, mirror: str | None = None, timeout: float = 5.0) -> Fetched:
        artifact = catalogue.find(name)
        wanted = Wanted(artifact, catalogue.parse_version(artifact.version), platform or Platform.host(), OptionNames())
        return download.fetch(wanted, tmp_path, mirror=mirror or site.url, timeout=timeout, progress=messages.append, sleep=pauses.append)

    messages: list[str] = []
    pauses: list[float] = []
    call.messages = messages  # type: ignore[attr-defined]
    call.pauses = pauses  # type: ignore[attr-defined]
    return call


def failure(call: Callable[..., Fetched], **how: Any) -> SourceFailed:
    with pytest.raises(SourceFailed) as caught:
        call(**how)
    return caught.value


def test_right_checksum(site: Any, fetch: Any, elf: Callable[..., bytes]) -> None:
    body = elf(size=1_000_000)
    site.publish_kubernetes("kubectl", VERSION, body)
    fetched = fetch()
    assert fetched.path.read_bytes() == body
    assert fetched.sha256 == hashlib.sha256(body).hexdigest()
    assert fetched.url == f"{site.url}{PATH}"
    assert fetch.messages[0] == f"downloading {site.url}{PATH}"
    assert fetch.messages[-1] == "downloaded 100 % of 1.0 MB"
    assert fetch.pauses == []


def test_wrong_checksum_is_told_and_not_tried_again(site: Any, fetch: Any, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf(), checksum="wrong")
    told = failure(fetch)
    assert "does not match its checksum" in told.reason
    assert hashlib.sha256(elf()).hexdigest() in told.reason
    assert hashlib.sha256(b"something else").hexdigest() in told.reason
    assert told.option == "mirror"
    assert site.gets[PATH] == 1


def test_missing_checksum_refuses_the_download(site: Any, fetch: Any, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf(), checksum=None)
    told = failure(fetch)
    assert told.reason == f"no checksum is published at {site.url}{PATH}.sha256, so the download is refused"
    assert not told.missing
    assert site.gets[PATH] == 0


@pytest.mark.parametrize("text", ["", "not a digest", "<html>welcome to our network</html>", "ab" * 31, f"{'ab' * 32}  another-file"])
def test_checksum_file_without_the_checksum(site: Any, fetch: Any, elf: Callable[..., bytes], text: str) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf())
    site.files[f"{PATH}.sha256"].body = text.encode()
    assert "gives no SHA-256 for kubectl, so the download is refused" in failure(fetch).reason
    assert site.gets[PATH] == 0


def test_version_that_was_not_released(site: Any, fetch: Any) -> None:
    told = failure(fetch)
    assert told.missing
    assert told.option == "version"
    assert "the release site has no kubectl v1.36.3" in told.reason


def test_checksum_without_its_file(site: Any, fetch: Any, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf())
    del site.files[PATH]
    told = failure(fetch)
    assert told.missing
    assert "is published, but" in told.reason


def test_connection_cut_halfway_is_told(site: Any, fetch: Any, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf(size=600_000), cut=300_000)
    told = failure(fetch)
    assert told.reason == f"the connection for {site.url}{PATH} was cut after 300000 of 600000 bytes (3 tries)"
    assert site.gets[PATH] == 3
    assert fetch.pauses == [1.0, 2.0]


def test_connection_cut_once_is_mended(site: Any, fetch: Any, elf: Callable[..., bytes]) -> None:
    body = elf(size=600_000)
    site.publish_kubernetes("kubectl", VERSION, body, cut=300_000, cuts=1)
    assert fetch().path.read_bytes() == body
    assert site.gets[PATH] == 2


def test_cut_without_a_length_is_found_by_the_checksum(site: Any, fetch: Any, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf(size=600_000), cut=300_000, length=False)
    assert "does not match its checksum" in failure(fetch).reason


def test_silent_server(site: Any, fetch: Any, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf(), wait=5.0)
    told = failure(fetch, timeout=0.1)
    assert told.reason == f"{site.url}{PATH} went silent (3 tries)"


def test_busy_server_is_asked_again(site: Any, fetch: Any, elf: Callable[..., bytes]) -> None:
    file = site.publish_kubernetes("kubectl", VERSION, elf(), fails=2)
    fetch()
    assert site.gets[PATH] == 3
    file.fails = 3
    assert failure(fetch).reason == f"{site.url}{PATH} answers HTTP 503 (3 tries)"


def test_redirect_is_followed(site: Any, fetch: Any, elf: Callable[..., bytes]) -> None:
    site.publish_kubernetes("kubectl", VERSION, elf(), redirect="/cdn/kubectl")
    site.publish("/cdn/kubectl", elf(), checksum=None)
    assert fetch().path.read_bytes() == elf()


def test_nothing_listens(fetch: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://user:secret@127.0.0.1:{unused.getsockname()[1]}"
        told = failure(fetch, mirror=url)
    assert "cannot be reached" in told.reason
    assert "secret" not in told.reason
    assert fetch.pauses == []


def test_name_that_does_not_resolve(fetch: Any) -> None:
    # RFC 2606 reserves .invalid: it never resolves.
    assert "the host name of http://mirror.invalid/" in failure(fetch, mirror="http://mirror.invalid").reason


def test_file_for_another_architecture(site: Any, fetch: Any, elf: Callable[..., bytes]) -> None:
    other = "arm64" if Platform.host().arch != "arm64" else "amd64"
    site.publish_kubernetes("kubectl", VERSION, elf(other))
    assert f"is an executable for linux-{other}, not for {Platform.host()}" in failure(fetch).reason


@pytest.mark.parametrize("platform", ["linux-amd64", "linux-arm64"])
def test_member_of_a_tar_archive(site: Any, fetch: Any, elf: Callable[..., bytes], platform: str) -> None:
    arch = platform.split("-")[1]
    site.publish_etcd("v3.6.5", {"README.md": b"x", "etcd": elf(arch, 5000), "etcdctl": elf(arch, 6000)}, platform)
    fetched = fetch("etcdctl", Platform("linux", arch))
    assert fetched.path.read_bytes() == elf(arch, 6000)
    assert fetched.sha256 == hashlib.sha256(elf(arch, 6000)).hexdigest()


def test_member_of_a_zip_archive(site: Any, fetch: Any) -> None:
    body = b"\xcf\xfa\xed\xfe\x0c\x00\x00\x01" + bytes(1000)
    site.publish_etcd("v3.6.5", {"etcd": body}, "darwin-arm64")
    assert fetch("etcd", Platform("darwin", "arm64")).path.read_bytes() == body


@pytest.mark.parametrize("platform", ["linux-amd64", "darwin-amd64"])
def test_archive_without_the_member(site: Any, fetch: Any, platform: str) -> None:
    site.publish_etcd("v3.6.5", {"README.md": b"x"}, platform)
    told = failure(fetch, name="etcd", platform=Platform(*platform.split("-")))
    assert f"holds no etcd-v3.6.5-{platform}/etcd" in told.reason


@pytest.mark.parametrize("platform", ["linux-amd64", "darwin-amd64"])
def test_archive_that_is_none(site: Any, fetch: Any, platform: str) -> None:
    site.publish_etcd("v3.6.5", {"etcd": b"x"}, platform)
    path = next(path for path in site.files if platform in path)
    site.files[path].body = b"no archive"
    site.files["/v3.6.5/SHA256SUMS"].body = f"{hashlib.sha256(b'no archive').hexdigest()} *{path.rpartition('/')[2]}\n".encode()
    assert "cannot be unpacked" in failure(fetch, name="etcd", platform=Platform(*platform.split("-"))).reason


GRAFANA = f"/grafana-12.4.2.{Platform.host()}.tar.gz"


def publish_grafana(site: Any, members: dict[str, bytes | str], checksum: str = "{digest}", top: str = "grafana-12.4.2/") -> None:
    """Publish an archive as Grafana's releases are; a text among the members is where a link leads."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, body in members.items():
            entry = tarfile.TarInfo(f"{top}{name}")
            entry.mode, entry.uid, entry.gid = 0o777, 4711, 4711
            if isinstance(body, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, body
                tar.addfile(entry)
            else:
                entry.size = len(body)
                tar.addfile(entry, io.BytesIO(body))
    site.publish(GRAFANA, buffer.getvalue(), checksum=None)
    site.publish(f"{GRAFANA}.sha256", checksum.format(digest=hashlib.sha256(buffer.getvalue()).hexdigest()).encode(), checksum=None)


@pytest.mark.parametrize("checksum", ["{digest}", "{digest}  dist/grafana_12.4.2_4711_linux_amd64.tar.gz\n"])
@pytest.mark.parametrize("top", ["grafana-12.4.2/", "./grafana-v12.4.2/"])
def test_a_whole_archive(site: Any, fetch: Any, elf: Callable[..., bytes], checksum: str, top: str, tmp_path: Path) -> None:
    members: dict[str, bytes | str] = {"bin/grafana": elf(), "conf/defaults.ini": b"x", "public/now/here": b"y", "public/there": "now"}
    publish_grafana(site, members, checksum, top)
    fetched = fetch("grafana")
    assert fetched.tree == tmp_path / "grafana"
    assert fetched.path == fetched.tree / "bin/grafana"
    assert fetched.sha256 == hashlib.sha256(elf()).hexdigest()
    assert (fetched.tree / "public/there/here").read_bytes() == b"y"
    assert {path.stat().st_uid for path in fetched.tree.rglob("*")} == {os.geteuid()}
    assert fetched.path.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["grafana"]


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"conf/defaults.ini": b"x"}, "holds no bin/grafana"),
        ({"bin/grafana": b"#!/bin/sh", "../../outside": b"x"}, "which is outside of its directory"),
        ({"bin/grafana": b"#!/bin/sh", "up": "../.."}, "which leads out of its directory"),
        ({"bin/grafana": b"#!/bin/sh", "up": "/etc"}, "which leads out of its directory"),
        ({"bin/grafana": b"#!/bin/sh", "bin/grafana/x": b"x"}, "cannot be unpacked"),
        ({}, "does not hold one directory"),
    ],
)
def test_a_whole_archive_that_is_wrong(site: Any, fetch: Any, members: dict[str, bytes | str], told: str, tmp_path: Path) -> None:
    publish_grafana(site, members)
    assert told in failure(fetch, name="grafana").reason
    assert not (tmp_path.parent / "outside").exists()
