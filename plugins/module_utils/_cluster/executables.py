# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs of a control plane: where they are, what version they are, which flags and feature gates they know.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._artifacts.request import ArtifactRequest, OptionNames, ResolvedArtifact
from .._artifacts.resolve import resolve
from .._errors import SimError
from .component import Executable
from .spec import ETCD, ClusterSpec

_ASK_TIMEOUT_SECONDS = 30
_VERSION_IN_OUTPUT = re.compile(r"\bv?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.+-]+)?)")
_FLAG_IN_HELP = re.compile(r"^\s+(?:-\w, )?--([a-z0-9-]+)", re.MULTILINE)
_GATE_UNKNOWN = re.compile(r"unrecognized feature gate: ([A-Za-z0-9:]+)")
_GATE_LOCKED = re.compile(r"cannot set feature gate \w+ to \w+, feature is locked to \w+")
_GATE_IN_HELP = re.compile(r"\b(?:kube:)?([A-Z][A-Za-z0-9]+)=true\|false")


@dataclass(frozen=True)
class Programs:
    """The programs that a cluster's components run.

    Attributes:
        executables: Component to its program.
        versions: Component to the version that its program reports.
        known: ``PATH:FINGERPRINT`` to the version, for the record, so that a program is asked once.
        obtained: Those that had to be fetched or built for this run, or in check mode would have to be.
    """

    executables: Mapping[str, Executable]
    versions: Mapping[str, str]
    known: Mapping[str, str]
    obtained: tuple[ResolvedArtifact, ...]


def artifact_version(spec: ClusterSpec, name: str) -> str:
    """The version in which the cluster wants an executable."""
    return spec.etcd_version if name in (ETCD, "etcdctl") else spec.kube_version


def artifact_request(spec: ClusterSpec, name: str) -> ArtifactRequest:
    """What to ask of ``_artifacts`` for one executable of a cluster."""
    version_option = "etcd_version" if name in (ETCD, "etcdctl") else "kube_version"
    sources: tuple[Any, ...] = spec.artifact_sources
    return ArtifactRequest(
        name=name,
        version=artifact_version(spec, name),
        path=spec.executables.get(name),
        sources=sources,
        mirror=spec.artifact_mirrors.get(name),
        cache_dir=spec.artifact_cache_dir,
        options=OptionNames(
            name="executables",
            version=version_option,
            path="executables",
            sources="artifact_sources",
            mirror="artifact_mirrors",
            cache_dir="artifact_cache_dir",
        ),
    )


def obtain(
    spec: ClusterSpec,
    names: Iterable[str],
    known: Mapping[str, str],
    *,
    check_mode: bool,
    progress: Callable[[str], None] | None = None,
) -> Programs:
    """Find, fetch or build the programs of a cluster.

    Args:
        names: The components.
        known: ``Record.versions`` of the run before.
        check_mode: Fetch and build nothing.

    Raises:
        SimError: One can be had from no source; the message says which were tried and why each failed.
    """
    executables: dict[str, Executable] = {}
    versions: dict[str, str] = {}
    remembered: dict[str, str] = {}
    obtained: list[ResolvedArtifact] = []
    for name in names:
        resolved = resolve(artifact_request(spec, name), check_mode=check_mode, progress=progress)
        if resolved.changed:
            obtained.append(resolved)
        executable = Executable(str(resolved.path), fingerprint(str(resolved.path)))
        key = f"{executable.path}:{executable.fingerprint}"
        if resolved.source == "path":
            version = known.get(key) or ask_version(executable.path)
            remembered[key] = version
        else:
            version = resolved.version
        executables[name] = executable
        versions[name] = version
    return Programs(executables, versions, remembered, tuple(obtained))


def fingerprint(path: str) -> str:
    """``"<size>:<mtime in ns>"``; ``"absent"`` where there is no such file, which only happens in check mode."""
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return "absent"
    return f"{status.st_size}:{status.st_mtime_ns}"


def _ask(path: str, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_ASK_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SimError(
            f"{path} {' '.join(arguments)} did not answer within {_ASK_TIMEOUT_SECONDS} s",
            option="executables",
            remedy="Give a working program",
        ) from None
    except OSError as error:
        raise SimError(f"{path} cannot be run: {error.strerror}", option="executables", remedy="Give a working program") from error
    return done.stdout.decode(errors="replace")


def ask_version(path: str) -> str:
    """The version that a program reports, as ``v1.36.3``; empty if it reports none."""
    match = _VERSION_IN_OUTPUT.search(_ask(path, "--version"))
    return f"v{match[1]}" if match else ""


def check_flags(component: str, executable: Executable, flags: Iterable[str]) -> None:
    """Raise a SimError for the first of the user's flags that the program does not know.

    Without this check a misspelt flag would be found by the restarted component, when the cluster is down already.
    """
    wanted = list(flags)
    if not wanted or executable.fingerprint == "absent":
        return
    known = set(_FLAG_IN_HELP.findall(_ask(executable.path, "--help")))
    for flag in wanted:
        if known and flag not in known:
            raise SimError(
                f"{component} has no flag --{flag}", option="extra_args", remedy=_suggestion(flag, known, f"See {component} --help")
            )


def check_feature_gates(executable: Executable, gates: Mapping[str, bool]) -> None:
    """Raise a SimError if kube-apiserver does not know a feature gate, or does not let it be set so.

    Its help does not name gates that have become generally available, so it is asked to take them: with ``--version`` it does nothing else.
    """
    if not gates or executable.fingerprint == "absent":
        return
    answer = _ask(
        executable.path, "--feature-gates=" + ",".join(f"{gate}={'true' if on else 'false'}" for gate, on in gates.items()), "--version"
    )
    unknown = _GATE_UNKNOWN.search(answer)
    if unknown:
        known = _GATE_IN_HELP.findall(_ask(executable.path, "--help"))
        raise SimError(
            f"this version of Kubernetes has no feature gate {unknown[1]}",
            option="kube_feature_gates",
            remedy=_suggestion(unknown[1], known, "See kube-apiserver --help"),
        )
    locked = _GATE_LOCKED.search(answer)
    if locked:
        raise SimError(locked[0], option="kube_feature_gates", remedy="Leave it out")


def _suggestion(word: str, known: Iterable[str], otherwise: str) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean {close[0]}? {otherwise}" if close else otherwise
