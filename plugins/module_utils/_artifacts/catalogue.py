# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of each executable: versions, release sites, platforms, and how it is built. Pure.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._errors import SimError
from .executable import Platform

# The newest releases that the tests of this collection have run.
KUBERNETES_VERSION = "v1.36.3"
ETCD_VERSION = "v3.6.5"
KWOK_VERSION = "v0.8.0"
METRICS_SERVER_VERSION = "v0.9.0"
PROMETHEUS_VERSION = "v3.13.5"
JAEGER_VERSION = "v1.65.0"
GRAFANA_VERSION = "v12.4.2"

_VERSION = re.compile(r"v?(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*)?")
_FOLDED_VERSION = re.compile(r"v0\.([1-9][0-9]*)([0-9]{2})\.(.+)")


@dataclass(frozen=True)
class Version:
    """A semantic version without build metadata; ``str()`` gives ``vX.Y.Z`` or ``vX.Y.Z-pre``."""

    major: int
    minor: int
    patch: int
    prerelease: str = ""

    def __str__(self) -> str:
        return f"v{self.number}"

    @property
    def number(self) -> str:
        """The version without its leading ``v``."""
        return f"{self.major}.{self.minor}.{self.patch}{self.prerelease}"

    def format(self, template: str, **values: str) -> str:
        """Fill in a template of this catalogue: the fields of a version and its texts (``version``, ``number``), and ``values``."""
        return template.format(
            version=str(self),
            number=self.number,
            major=self.major,
            minor=self.minor,
            patch=self.patch,
            prerelease=self.prerelease,
            **values,
        )


def parse_version(text: str, *, option: str = "version") -> Version:
    """Read ``vX.Y.Z`` or ``X.Y.Z``, each with an optional pre-release (``-rc.1``).

    Raises:
        SimError: The text is no such version; names ``option``.
    """
    match = _VERSION.fullmatch(text)
    if match is None:
        raise SimError(
            f"{text!r} is no version",
            option=option,
            remedy="Give all three numbers, such as v1.36.3 or v1.37.0-rc.1",
        )
    return Version(int(match[1]), int(match[2]), int(match[3]), match[4] or "")


@dataclass(frozen=True)
class Release:
    """Where a project publishes its executables. ``path`` and the other templates take the fields of ``Version.format``
    and ``name``, ``os``, ``arch`` and ``suffix``.

    Attributes:
        prefix: The release site, without a final slash; a mirror replaces it and keeps what follows.
        path: The file below the prefix.
        checksum_path: The file with its SHA-256 below the prefix: the digest alone, or lines of digest and file name.
        platforms: What the project publishes.
        member: The executable in the archive; ``None``: the file is the executable.
        suffixes: Operating system to the archive's suffix, where it differs between them.
        whole: The executable needs what the archive holds beside it: all of it is unpacked, without the directory that holds
            everything, whose name differs between releases. ``member`` is below that directory, and may be a script.
        checksum_alone: The checksum file is of this file alone, whatever name stands there: Grafana's has that which its build gave it.
    """

    prefix: str
    path: str
    checksum_path: str
    platforms: frozenset[Platform]
    member: str | None = None
    suffixes: tuple[tuple[str, str], ...] = ()
    whole: bool = False
    checksum_alone: bool = False


@dataclass(frozen=True)
class GoBuild:
    """How an executable is built from the Go module proxy. Templates take the fields of ``Version.format``.

    Attributes:
        module: Path of the module that holds the package.
        package: Import path of the command.
        ldflags: The linker's flags.
        staging_prefix: Modules below this prefix that the module requires at exactly v0.0.0 live in its own repository
            and are published apart; ``None``: there are none.
        staging_version: The version under which they are published.
        tags: Build constraints that are met.
        folded: The release vX.Y.Z is the module's version v0.(100 X + Y).Z, as Prometheus has it since v3: from v2 on, Go
            would want the number in the module's path.
    """

    module: str
    package: str
    ldflags: str = "-s -w"
    staging_prefix: str | None = None
    staging_version: str = "v0.{minor}.{patch}{prerelease}"
    tags: tuple[str, ...] = ()
    folded: bool = False

    def module_version(self, version: Version) -> str:
        """The module's version that a release is made from."""
        return version.format("v0.{major}{minor:02d}.{patch}{prerelease}" if self.folded else "{version}")

    def release_version(self, module_version: str) -> str | None:
        """The release that a version of the module belongs to; ``None`` if it belongs to none."""
        if not self.folded:
            return module_version
        match = _FOLDED_VERSION.fullmatch(module_version)
        return f"v{match[1]}.{int(match[2])}.{match[3]}" if match else None


@dataclass(frozen=True)
class Artifact:
    """One executable of the catalogue. ``go_build``: ``None`` where there is no way to build it from modules alone."""

    name: str
    version: str
    release: Release
    go_build: GoBuild | None


def _platforms(*names: str) -> frozenset[Platform]:
    return frozenset(Platform(*name.split("-")) for name in names)


# The linker's -X settings that Kubernetes' own release build gives, as far as they follow from the version: what
# --version prints, what /version answers, and what clients send as their user agent.
_KUBERNETES_LDFLAGS = "-s -w " + " ".join(
    f"-X {package}.gitVersion={{version}} -X {package}.gitMajor={{major}} -X {package}.gitMinor={{minor}}"
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
)

_SERVER_PLATFORMS = _platforms("linux-amd64", "linux-arm64", "linux-ppc64le", "linux-s390x")
_CLIENT_PLATFORMS = _SERVER_PLATFORMS | _platforms("linux-386", "linux-arm", "darwin-amd64", "darwin-arm64")
_ETCD_PLATFORMS = _SERVER_PLATFORMS | _platforms("darwin-amd64", "darwin-arm64")


def _kubernetes(name: str, platforms: frozenset[Platform] = _SERVER_PLATFORMS) -> Artifact:
    return Artifact(
        name=name,
        version=KUBERNETES_VERSION,
        release=Release(
            prefix="https://dl.k8s.io/release",
            path="{version}/bin/{os}/{arch}/{name}",
            checksum_path="{version}/bin/{os}/{arch}/{name}.sha256",
            platforms=platforms,
        ),
        go_build=GoBuild(
            module="k8s.io/kubernetes",
            package=f"k8s.io/kubernetes/cmd/{name}",
            ldflags=_KUBERNETES_LDFLAGS,
            staging_prefix="k8s.io/",
        ),
    )


def _etcd(name: str, module: str) -> Artifact:
    return Artifact(
        name=name,
        version=ETCD_VERSION,
        release=Release(
            prefix="https://github.com/etcd-io/etcd/releases/download",
            path="{version}/etcd-{version}-{os}-{arch}{suffix}",
            checksum_path="{version}/SHA256SUMS",
            platforms=_ETCD_PLATFORMS,
            member="etcd-{version}-{os}-{arch}/{name}",
            suffixes=(("linux", ".tar.gz"), ("darwin", ".zip")),
        ),
        go_build=GoBuild(module=module, package=module),
    )


def _prometheus(name: str) -> Artifact:
    return Artifact(
        name=name,
        version=PROMETHEUS_VERSION,
        release=Release(
            prefix="https://github.com/prometheus/prometheus/releases/download",
            path="{version}/prometheus-{number}.{os}-{arch}.tar.gz",
            checksum_path="{version}/sha256sums.txt",
            platforms=_platforms(
                "linux-386",
                "linux-amd64",
                "linux-arm64",
                "linux-ppc64le",
                "linux-riscv64",
                "linux-s390x",
                "darwin-amd64",
                "darwin-arm64",
            ),
            member="prometheus-{number}.{os}-{arch}/{name}",
        ),
        go_build=GoBuild(
            module="github.com/prometheus/prometheus",
            package=f"github.com/prometheus/prometheus/cmd/{name}",
            ldflags="-s -w -X github.com/prometheus/common/version.Version={number}",
            # The service discoveries of clouds are most of what there is to compile, and nothing that a simulated cluster has.
            tags=("remove_all_sd", "enable_kubernetes_sd"),
            folded=True,
        ),
    )


def _kubernetes_sigs(name: str, version: str, platforms: frozenset[Platform], version_symbol: str) -> Artifact:
    # Released without a checksum file beside the executable: the download is refused, as any without one is, unless a mirror has such a
    # file; then it is built.
    return Artifact(
        name=name,
        version=version,
        release=Release(
            prefix=f"https://github.com/kubernetes-sigs/{name}/releases/download",
            path="{version}/{name}-{os}-{arch}",
            checksum_path="{version}/{name}-{os}-{arch}.sha256",
            platforms=platforms,
        ),
        go_build=GoBuild(
            module=f"sigs.k8s.io/{name}",
            package=f"sigs.k8s.io/{name}/cmd/{name}",
            ldflags=f"-s -w -X {version_symbol}={{version}}",
        ),
    )


# The Go kwok, that can stand in for kwok-controller.
_KWOK = _kubernetes_sigs(
    "kwok",
    KWOK_VERSION,
    _platforms("linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"),
    "sigs.k8s.io/kwok/pkg/consts.Version",
)

_METRICS_SERVER = _kubernetes_sigs(
    "metrics-server",
    METRICS_SERVER_VERSION,
    _SERVER_PLATFORMS | _platforms("linux-arm", "darwin-amd64", "darwin-arm64"),
    "k8s.io/client-go/pkg/version.gitVersion",
)

# All of Jaeger in one executable.
_JAEGER = Artifact(
    name="jaeger",
    version=JAEGER_VERSION,
    release=Release(
        prefix="https://github.com/jaegertracing/jaeger/releases/download",
        path="{version}/jaeger-{number}-{os}-{arch}.tar.gz",
        checksum_path="{version}/jaeger-{number}.sha256sum.txt",
        platforms=_SERVER_PLATFORMS | _platforms("darwin-amd64", "darwin-arm64"),
        member="jaeger-{number}-{os}-{arch}/jaeger-all-in-one",
    ),
    go_build=GoBuild(
        module="github.com/jaegertracing/jaeger",
        package="github.com/jaegertracing/jaeger/cmd/all-in-one",
        ldflags="-s -w -X github.com/jaegertracing/jaeger/pkg/version.latestVersion={version}",
    ),
)

# Pages and plugins, which the server does not run without, are in the archive alone: no Go module has what they are made from.
_GRAFANA = Artifact(
    name="grafana",
    version=GRAFANA_VERSION,
    release=Release(
        prefix="https://dl.grafana.com/oss/release",
        path="grafana-{number}.{os}-{arch}.tar.gz",
        checksum_path="grafana-{number}.{os}-{arch}.tar.gz.sha256",
        platforms=_platforms("linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"),
        member="bin/grafana",
        whole=True,
        checksum_alone=True,
    ),
    go_build=None,
)

CATALOGUE: dict[str, Artifact] = {
    artifact.name: artifact
    for artifact in (
        _etcd("etcd", "go.etcd.io/etcd/server/v3"),
        _etcd("etcdctl", "go.etcd.io/etcd/etcdctl/v3"),
        _kubernetes("kube-apiserver"),
        _kubernetes("kube-controller-manager"),
        _kubernetes("kube-scheduler"),
        _kubernetes("kubectl", _CLIENT_PLATFORMS),
        _KWOK,
        _METRICS_SERVER,
        _prometheus("prometheus"),
        _prometheus("promtool"),
        _JAEGER,
        _GRAFANA,
    )
}


def find(name: str, *, option: str = "name") -> Artifact:
    """The catalogue's entry.

    Raises:
        SimError: There is none; names ``option`` and the entries there are.
    """
    try:
        return CATALOGUE[name]
    except KeyError:
        raise SimError(f"{name!r} is not in the catalogue", option=option, remedy="Choose one of " + ", ".join(CATALOGUE)) from None
