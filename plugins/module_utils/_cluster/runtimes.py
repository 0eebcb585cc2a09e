# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runtimes by the names that the option ``runtime`` takes, and which of them a cluster has.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from .._errors import SimError
from .._runtimes.base import Runtime
from .._runtimes.binary import BinaryRuntime
from .._runtimes.container import ContainerRuntime, noted_engine
from .._runtimes.docker_engine import DockerEngine
from .._runtimes.podman_engine import PodmanEngine
from .layout import Layout
from .record import Record
from .spec import AUTO, DEFAULT_RUNTIME, RUNTIME_ORDER, ClusterSpec

RUNTIMES: Mapping[str, Callable[[Layout, str], Runtime]] = {
    "binary": lambda layout, endpoint: BinaryRuntime(layout),
    "docker": lambda layout, endpoint: ContainerRuntime(layout, DockerEngine(endpoint)),
    "podman": lambda layout, endpoint: ContainerRuntime(layout, PodmanEngine(endpoint)),
}


@dataclass(frozen=True)
class Choice:
    """The runtime of a cluster.

    Attributes:
        spec: The options, with the runtime and its endpoint filled in.
        reason: Which others were tried and why they do not work; empty where the user has named the runtime.
    """

    spec: ClusterSpec
    runtime: Runtime
    reason: str = ""


def runtime_of(layout: Layout, record: Record) -> Runtime:
    """The runtime of a cluster that is there."""
    return RUNTIMES[record.runtime](layout, str(record.spec.get("runtime_endpoint") or ""))


def choose(layout: Layout, spec: ClusterSpec, record: Record | None) -> Choice:
    """The runtime that is asked for, or that the cluster has; for a new cluster and ``auto``, the first that works.

    Raises:
        SimError: None works.
    """
    before = ClusterSpec.from_dict(record.spec) if record else None
    if spec.runtime == AUTO and record is None:
        return _first_that_works(layout, spec)
    wanted = record.runtime if spec.runtime == AUTO and record else spec.runtime
    kept = before.runtime_endpoint if before is not None and record is not None and record.runtime == wanted else ""
    return _choice(layout, spec, wanted, spec.runtime_endpoint or kept)


def _first_that_works(layout: Layout, spec: ClusterSpec) -> Choice:
    reasons: list[str] = []
    for name in RUNTIME_ORDER:
        choice = _choice(layout, spec, name, "")
        try:
            choice.runtime.check()
        except SimError as error:
            reasons.append(f"{name}: {error.message}")
            continue
        return replace(choice, reason="; ".join(reasons))
    raise SimError(
        f"no runtime works here; {'; '.join(reasons)}",
        option="runtime",
        remedy="Mend one of them, and name it to see how",
    )


def _choice(layout: Layout, spec: ClusterSpec, name: str, endpoint: str) -> Choice:
    runtime = RUNTIMES[name](layout, endpoint)
    return Choice(replace(spec, runtime=name, runtime_endpoint=runtime.endpoint), runtime)


def without_record(layout: Layout, name: str, endpoint: str) -> tuple[Runtime, ...]:
    """The runtimes that may have something of a cluster whose record is damaged or gone.

    Args:
        name: The runtime that the user names.
        endpoint: Its endpoint, if the user names one.
    """
    noted = noted_engine(layout)
    found = [RUNTIMES[DEFAULT_RUNTIME](layout, "")]
    if noted is not None and noted[0] in RUNTIMES:
        found.append(RUNTIMES[noted[0]](layout, noted[1]))
    elif name not in (AUTO, DEFAULT_RUNTIME):
        found.append(RUNTIMES[name](layout, endpoint))
    return tuple(found)
