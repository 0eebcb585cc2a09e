# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build an executable from the Go module proxy, without a checkout of its repository.

An otherwise empty main module requires the module that holds the command. What the module requires at v0.0.0 lives in
its own repository (Kubernetes' staging modules) and is replaced by its published form, whose names are read from the
go.mod of the very version that is asked for. Go's own settings (GOPROXY, GOSUMDB, GOFLAGS, GOCACHE, …) are respected.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import executable, gomod
from .catalogue import GoBuild
from .executable import NotExecutable, Platform
from .process import Failed, run
from .request import Fetched, Progress, SourceFailed, Wanted
from .storage import require_space
from .toolchain import Toolchain

# Bytes in the work directory. 101 MiB were measured while kube-apiserver v1.36.3, the largest, was linked; when Go's build
# cache is cold, what is being compiled comes on top.
_NEEDED = 200 * 1024 * 1024
_REPORT_INTERVAL = 5.0  # seconds


@dataclass(frozen=True)
class Module:
    """A module version that the proxy has.

    Attributes:
        text: The go.mod of the main module to build from.
        go: The Go version it asks for; empty: any.
    """

    text: str
    go: str


def module_for(wanted: Wanted, go: Path, work: Path, environment: Mapping[str, str], deadline: float) -> Module:
    """Look the wanted version up in the module proxy and derive the main module from its go.mod.

    Raises:
        SourceFailed: The version does not exist, or the proxy cannot be asked.
    """
    build = wanted.build
    version = wanted.module_version
    try:
        info = _query(["-json", f"{build.module}@{version}"], go, work, environment, deadline)
    except Failed as error:
        raise _explain(wanted, error, go, work, environment, deadline) from None
    source = gomod.parse(Path(info["GoMod"]).read_text(encoding="utf-8"))
    staging = source.staging(build.staging_prefix) if build.staging_prefix else ()
    text = gomod.render(build.module, version, source, staging, wanted.version.format(build.staging_version))
    return Module(text, source.go)


def _query(arguments: list[str], go: Path, work: Path, environment: Mapping[str, str], deadline: float) -> dict[str, Any]:
    output = run([str(go), "list", "-m", "-mod=mod", *arguments], cwd=work, environment=environment, deadline=deadline)
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError:
        raise Failed("go list gave no JSON", output) from None
    if "Error" in answer or ("GoMod" not in answer and "Versions" not in answer):
        raise Failed(str(answer.get("Error", "go list gave no go.mod")), output)
    return answer


def _explain(wanted: Wanted, error: Failed, go: Path, work: Path, environment: Mapping[str, str], deadline: float) -> SourceFailed:
    """Tell a version that does not exist from a proxy that does not answer, by the list of versions."""
    build = wanted.build
    if error.disk_full:
        return _full(wanted, error)
    try:
        listed = _query(["-versions", "-json", build.module], go, work, environment, deadline).get("Versions", [])
    except Failed:
        listed = []
    versions = [version for version in map(build.release_version, listed) if version]
    if not versions or str(wanted.version) in versions:
        return SourceFailed(f"the Go module proxy does not give {build.module} {wanted.module_version}: {error}")
    return SourceFailed(
        f"{wanted.version} does not exist: the Go module proxy has no {build.module} {wanted.module_version}",
        option=wanted.options.version,
        remedy=f"Choose a version that exists, such as {_nearest(str(wanted.version), versions)}",
        missing=True,
    )


def _nearest(version: str, versions: list[str]) -> str:
    """The newest stable version of the same series, or else the newest stable one of all. ``versions`` ascends. Pure."""
    stable = [item for item in versions if "-" not in item] or versions
    series = version.rsplit(".", 1)[0] + "."
    return next((item for item in reversed(stable) if item.startswith(series)), stable[-1])


def _full(wanted: Wanted, error: Failed) -> SourceFailed:
    return SourceFailed(
        f"a disk is full: {error}",
        option=wanted.options.cache_dir,
        remedy="Free some space, or point cache_dir, GOCACHE and GOMODCACHE to another disk",
    )


def environment_for(platform: Platform, work: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a build: the user's, and what makes the result independent of where it is built."""
    return {
        "HOME": str(Path.home()),  # where there is none, Go does not know its cache
        **environment,
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOWORK": "off",
        "GOOS": platform.os,
        "GOARCH": platform.arch,
        "GOTMPDIR": str(work),  # removed with the work directory, also when go is killed
    }


def command_for(build: GoBuild, wanted: Wanted, go: Path, target: Path) -> list[str]:
    """The ``go build`` command. Pure."""
    return [
        str(go),
        "build",
        "-mod=mod",
        "-trimpath",
        "-buildvcs=false",  # the cache may lie in a checkout of something else
        "-v",
        *(("-tags", ",".join(build.tags)) if build.tags else ()),
        "-ldflags",
        wanted.version.format(build.ldflags),
        "-o",
        str(target),
        build.package,
    ]


def fetch(
    wanted: Wanted,
    work: Path,
    *,
    go: str | None,
    toolchains: Path,
    environment: Mapping[str, str],
    timeout: float,
    progress: Progress,
) -> Fetched:
    """Build the executable into ``work``.

    Args:
        wanted: What.
        work: An empty directory.
        go: The ``go`` command; ``None``: the one on PATH, or else one that is installed into ``toolchains``.
        toolchains: Where toolchains are installed.
        environment: The user's.
        timeout: Seconds that it may take in all.
        progress: Told what happens.

    Raises:
        SourceFailed: The version does not exist, there is no toolchain, or the build failed.
        OSError: The disk is full or cannot be written.
    """
    build = wanted.build
    deadline = time.monotonic() + timeout
    require_space(work, _NEEDED)
    native = environment_for(Platform.host(), work, environment)
    cross = environment_for(wanted.platform, work, environment)
    chooser = Toolchain(wanted, go, toolchains, native, deadline, progress)
    command = chooser.find()
    progress(f"looking up {build.module} {wanted.module_version} in the Go module proxy")
    module = module_for(wanted, command, work, native, deadline)
    command = chooser.find(module.go)
    (work / "go.mod").write_text(module.text, encoding="utf-8")
    target = work / wanted.artifact.name
    progress(f"building {build.package} with {command}")
    try:
        run(
            command_for(build, wanted, command, target),
            cwd=work,
            environment=cross,
            deadline=deadline,
            on_line=_Reporter(progress),
        )
    except Failed as error:
        if error.disk_full:
            raise _full(wanted, error) from None
        raise SourceFailed(f"building {build.package} {wanted.module_version} failed: {error}") from None
    try:
        executable.check(target, wanted.platform)
    except NotExecutable as error:
        raise SourceFailed(f"what was built from {build.package} {error}") from None
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Fetched(target, digest, f"{build.package}@{wanted.module_version}")


class _Reporter:
    """Reads what ``go build -v`` says, reports every few seconds, and picks out what explains a failure."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._downloaded = 0
        self._compiled = 0
        self._reported = time.monotonic()

    def __call__(self, line: str) -> bool:
        if line.startswith(("go: downloading ", "go: extracting ", "go: finding ")):
            self._downloaded += 1
        elif " " not in line and not line.startswith("#"):  # -v prints the bare path of each package that is compiled
            self._compiled += 1
        else:
            return True
        if time.monotonic() - self._reported >= _REPORT_INTERVAL:
            self._reported = time.monotonic()
            self._progress(f"{self._downloaded} modules downloaded, {self._compiled} packages compiled")
        return False
