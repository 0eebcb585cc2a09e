# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._artifacts import catalogue
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.executable import Platform
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.request import OptionNames, SourceFailed, Wanted
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.urls import check_mirror, redact, urls
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError


def wanted(name: str, version: str | None = None, platform: str = "linux-amd64") -> Wanted:
    artifact = catalogue.find(name)
    return Wanted(artifact, catalogue.parse_version(version or artifact.version), Platform(*platform.split("-")), OptionNames())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1.36.3", "v1.36.3"),
        ("1.36.3", "v1.36.3"),
        ("v1.37.0-rc.1", "v1.37.0-rc.1"),
        ("0.0.0", "v0.0.0"),
        ("v3.6.5-alpha-2", "v3.6.5-alpha-2"),
    ],
)
def test_version_is_normalised(text: str, expected: str) -> None:
    assert str(catalogue.parse_version(text)) == expected


@pytest.mark.parametrize(
    "text", ["", "v1", "1.36", "v1.36.3.4", "v01.2.3", "v1.2.3-", "latest", "v1.2.3+build", "v1.2.3 ", "V1.2.3", "v1.2.3-../x", "v१.2.3"]
)
def test_version_that_is_none(text: str) -> None:
    with pytest.raises(SimError) as caught:
        catalogue.parse_version(text, option="kube_version")
    assert caught.value.option == "kube_version"
    assert repr(text) in str(caught.value)
    assert "v1.36.3" in str(caught.value.remedy)


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(SimError) as caught:
        catalogue.find("kube-proxy")
    assert caught.value.option == "name"
    for name in ("etcd", "etcdctl", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"):
        assert name in str(caught.value.remedy)


@pytest.mark.parametrize(
    ("name", "platform", "expected"),
    [
        (
            "kubectl",
            "darwin-arm64",
            (
                "https://dl.k8s.io/release/v1.36.3/bin/darwin/arm64/kubectl",
                "https://dl.k8s.io/release/v1.36.3/bin/darwin/arm64/kubectl.sha256",
                None,
            ),
        ),
        (
            "etcd",
            "linux-arm64",
            (
                "https://github.com/etcd-io/etcd/releases/download/v3.6.5/etcd-v3.6.5-linux-arm64.tar.gz",
                "https://github.com/etcd-io/etcd/releases/download/v3.6.5/SHA256SUMS",
                "etcd-v3.6.5-linux-arm64/etcd",
            ),
        ),
        (
            "etcdctl",
            "darwin-amd64",
            (
                "https://github.com/etcd-io/etcd/releases/download/v3.6.5/etcd-v3.6.5-darwin-amd64.zip",
                "https://github.com/etcd-io/etcd/releases/download/v3.6.5/SHA256SUMS",
                "etcd-v3.6.5-darwin-amd64/etcdctl",
            ),
        ),
        (
            "metrics-server",
            "linux-arm",
            (
                "https://github.com/kubernetes-sigs/metrics-server/releases/download/v0.9.0/metrics-server-linux-arm",
                "https://github.com/kubernetes-sigs/metrics-server/releases/download/v0.9.0/metrics-server-linux-arm.sha256",
                None,
            ),
        ),
        (
            "promtool",
            "linux-amd64",
            (
                "https://github.com/prometheus/prometheus/releases/download/v3.13.5/prometheus-3.13.5.linux-amd64.tar.gz",
                "https://github.com/prometheus/prometheus/releases/download/v3.13.5/sha256sums.txt",
                "prometheus-3.13.5.linux-amd64/promtool",
            ),
        ),
        (
            "jaeger",
            "linux-arm64",
            (
                "https://github.com/jaegertracing/jaeger/releases/download/v1.65.0/jaeger-1.65.0-linux-arm64.tar.gz",
                "https://github.com/jaegertracing/jaeger/releases/download/v1.65.0/jaeger-1.65.0.sha256sum.txt",
                "jaeger-1.65.0-linux-arm64/jaeger-all-in-one",
            ),
        ),
    ],
)
def test_release_urls(name: str, platform: str, expected: tuple[str, str, str | None]) -> None:
    assert urls(wanted(name, platform=platform)) == expected


def test_mirror_replaces_the_prefix_alone() -> None:
    assert urls(wanted("kube-apiserver", "v1.34.4"), "http://mirror:8080/k8s/") == (
        "http://mirror:8080/k8s/v1.34.4/bin/linux/amd64/kube-apiserver",
        "http://mirror:8080/k8s/v1.34.4/bin/linux/amd64/kube-apiserver.sha256",
        None,
    )


@pytest.mark.parametrize("mirror", ["", "mirror.example.com", "ftp://mirror/x", "http:///x", "http://m/x?y", "file:///srv"])
def test_mirror_that_is_no_url(mirror: str) -> None:
    with pytest.raises(SimError) as caught:
        check_mirror(wanted("etcd"), mirror)
    assert caught.value.option == "mirror"


def test_mirror_that_is_one() -> None:
    check_mirror(wanted("etcd"), "https://user:secret@mirror.example.com:8443/etcd/")
    assert redact("https://user:secret@mirror.example.com:8443/etcd/") == "https://mirror.example.com:8443/etcd/"


def test_a_platform_without_releases() -> None:
    with pytest.raises(SourceFailed) as caught:
        urls(wanted("kube-apiserver", platform="darwin-arm64"))
    assert caught.value.missing
    assert "linux-amd64, linux-arm64" in caught.value.reason


def test_build_flags_and_staging_version_follow_the_version() -> None:
    version = catalogue.parse_version("1.34.4-rc.0")
    build = wanted("kube-scheduler").build
    assert version.format(build.staging_version) == "v0.34.4-rc.0"
    flags = version.format(build.ldflags).split(" -X ")
    assert flags[0] == "-s -w"
    assert "k8s.io/component-base/version.gitVersion=v1.34.4-rc.0" in flags
    assert "k8s.io/client-go/pkg/version.gitMinor=34" in flags
    assert wanted("etcd").build.staging_prefix is None


@pytest.mark.parametrize(
    ("name", "release", "module"),
    [
        ("prometheus", "v3.13.5", "v0.313.5"),
        ("promtool", "v3.5.0", "v0.305.0"),
        ("prometheus", "v4.0.0-rc.0", "v0.400.0-rc.0"),
        ("metrics-server", "v0.9.0", "v0.9.0"),
        ("etcd", "v3.6.5", "v3.6.5"),
    ],
)
def test_a_release_and_its_version_in_the_module_proxy(name: str, release: str, module: str) -> None:
    assert wanted(name, release).module_version == module
    assert wanted(name).build.release_version(module) == release


@pytest.mark.parametrize("module", ["v0.55.1", "v1.8.2", "v2.5.0+incompatible", "v0.0.0"])
def test_versions_of_prometheus_module_that_are_no_release_of_its_numbering(module: str) -> None:
    assert wanted("prometheus").build.release_version(module) is None


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("metrics-server", "k8s.io/client-go/pkg/version.gitVersion=v0.9.0"),
        ("prometheus", "github.com/prometheus/common/version.Version=3.13.5"),
        ("promtool", "github.com/prometheus/common/version.Version=3.13.5"),
        ("jaeger", "github.com/jaegertracing/jaeger/pkg/version.latestVersion=v1.65.0"),
    ],
)
def test_what_is_built_says_its_release(name: str, flag: str) -> None:
    assert wanted(name).version.format(wanted(name).build.ldflags) == f"-s -w -X {flag}"


def test_grafana_is_in_no_module() -> None:
    with pytest.raises(SourceFailed) as caught:
        str(wanted("grafana").module_version)
    assert caught.value.missing
    assert "grafana cannot be built" in caught.value.reason
