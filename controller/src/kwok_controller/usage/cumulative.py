# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What containers, pods and nodes have used since they were started: the integral of their usage over time.

Time is cut into cells of a fixed length, counted from 1970. Within a cell a usage counts as what it is in the cell's middle; in the cell
in which the container was started, in the middle of what is left of it. So the integral is the same however often, when and by whom it is
asked for, as long as nothing about the usage is changed: what is changed counts from when it was last asked for. It is summed up in whole
numbers: nothing is lost by adding many small parts. Steady usages need no cells.

One call evaluates an expression `max_cells` times at most. What is asked for so late that there are more cells (a controller that begins
with old pods, or was away for long) is summed up over longer cells, twice, four times, … as long, for all but the last half of these.

A container that is started again begins at 0, as with a real kubelet, whereas its pod and node keep what it used before; the node also
keeps what pods used that are gone. Nothing ever runs backwards.

Most of this need not be kept anywhere, since whoever begins anew comes to the same sums. A checkpoint of a node has what does not: what
runs used that are over, what was summed up before a usage, or what its expression looks at, was changed, what has more cells than fit into
one call, and what the node showed last: it never shows less, though pods may go while nobody looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from kwok_controller.api.usage import ResourceUsageValue
from kwok_controller.usage.evaluate import Evaluator
from kwok_controller.usage.pods import Object, Run, container_of, containers_of, node_of, run_of
from kwok_controller.usage.rates import Rate
from kwok_controller.usage.selection import Entry

CELL_NS: Final = 10 * 10**9
MAX_CELLS: Final = 360

_VERSION: Final = 1

EMPTY: Final[Mapping[str, Any]] = {"version": _VERSION, "used": {}, "shown": {}, "pods": {}}
"""A checkpoint of nothing."""

# Usages are counted in 10⁻⁹, times in nanoseconds, so what is summed up is in 10⁻¹⁸ of a unit times a second.
_NANO: Final = 10**9
_UNIT: Final = 10**18
_MOST: Final = 1 << 256
"""No sum is as much, and all of them together are still a number."""
_UNSEEN: Final = object()
"""In place of the version of a pod that was not asked for yet."""


class InvalidCheckpoint(ValueError):
    """What is no checkpoint."""


class _Pace(NamedTuple):
    """A usage that stays: as long as the pod, its node and the usages do, and the container runs.

    Attributes:
        nanos: of it, in 10⁻⁹.
        usages: version of the selection.
        node: version of the node.
    """

    nanos: int
    usages: int
    node: str


class _Total:
    """What a container has used of a resource.

    Attributes:
        at_ns: until when.
        sum: how much, in 10⁻¹⁸.
        again: whether who begins anew comes to the same.
        usage: by what it was summed up last; of one that is restored, its fingerprint.
        version: of what its expression looks at, then.
        basis: of what else its expression looks at.
        pace: what is added for each nanosecond, in 10⁻¹⁸; None: this has to be found out.
    """

    __slots__ = ("again", "at_ns", "basis", "pace", "sum", "usage", "version")

    def __init__(self, at_ns: int, sum: int, *, again: bool = True) -> None:
        self.at_ns = at_ns
        self.sum = sum
        self.again = again
        self.usage: ResourceUsageValue | str | None = None
        self.version: Any = None
        self.basis = ""
        self.pace: _Pace | None = None

    def by(self, usage: ResourceUsageValue | None, version: Any, basis: str, *, new: bool) -> None:
        """What follows is summed up by `usage`, with `version` and `basis` of what it looks at. `new`: nothing has been yet."""
        if self.again and not new:
            before = self.usage
            same = before is usage or before == (_fingerprint(usage, basis) if type(before) is str else usage)
            self.again = same and version == self.version
        self.usage, self.version, self.basis = usage, version, basis


class _Container:
    """A container, since it was last started."""

    __slots__ = ("restarts", "run", "totals")

    def __init__(self, restarts: int) -> None:
        self.restarts = restarts
        self.run: Run | None = None
        self.totals: dict[str, _Total] = {}


class _Pod:
    """A pod, and what those of its containers used that were started again since.

    Attributes:
        version: by which the containers' runs are known: the resourceVersion; the status of a pod without one.
    """

    __slots__ = ("containers", "node", "retired", "version")

    def __init__(self, node: str) -> None:
        self.node = node
        self.containers: dict[str, _Container] = {}
        self.retired: dict[str, int] = {}
        self.version: Any = _UNSEEN

    def used(self) -> dict[str, int]:
        """All of it, by resource."""
        used = dict(self.retired)
        for container in self.containers.values():
            _add(used, container)
        return used


class _Node:
    """What is known of a node.

    Attributes:
        retired: what the pods used that are gone.
        shown: what it had used in all when it was asked for last.
        pods: those that are not gone.
        restored: those of a checkpoint that have not been asked for since. Some may be gone.
    """

    __slots__ = ("pods", "restored", "retired", "shown")

    def __init__(self) -> None:
        self.retired: dict[str, int] = {}
        self.shown: dict[str, int] = {}
        self.pods: dict[str, _Pod] = {}
        self.restored: set[str] = set()


class Cumulative:
    """Sums usages up. Not for use by several threads.

    Args:
        evaluator: gives the usages.
        cell_ns: the length of the cells, in nanoseconds. Another one gives other sums.
        max_cells: how often one call evaluates an expression at most.

    Raises:
        ValueError: a cell is not longer than nothing, or there are fewer than two.
    """

    def __init__(self, evaluator: Evaluator, *, cell_ns: int = CELL_NS, max_cells: int = MAX_CELLS) -> None:
        if cell_ns < 1 or max_cells < 2:
            raise ValueError(f"cells of {cell_ns} ns, {max_cells} of them: take 1 ns or more, and 2 or more")
        self._evaluator = evaluator
        self._cell_ns = cell_ns
        self._max_cells = max_cells
        self._pods: dict[str, _Pod] = {}
        self._nodes: dict[str, _Node] = {}

    def container(self, resource: str, pod: Object, container: str, now_ns: int) -> float:
        """What the container of a name has used since it was last started; 0 where the pod has none, or its node is not there."""
        node, found = self._evaluator.world.node(node_of(pod)), container_of(pod, container)
        return 0.0 if node is None or found is None else self._container(resource, node, pod, found, now_ns) / _UNIT

    def pod(self, resource: str, pod: Object, now_ns: int) -> float:
        """What a pod's containers have used since the pod was started; 0 where its node is not there."""
        node = self._evaluator.world.node(node_of(pod))
        return 0.0 if node is None else self._pod(resource, node, pod, now_ns) / _UNIT

    def node(self, resource: str, name: str, now_ns: int) -> float:
        """What the pods on a node have used, those that are gone, too; 0 where it is not there."""
        node = self._evaluator.world.node(name)
        if node is None:
            return 0.0
        total = sum(self._pod(resource, node, pod, now_ns) for pod in self._evaluator.world.pods(name))
        known = self._nodes.get(name)
        if known is not None:
            total += known.retired.get(resource, 0) + sum(known.pods[key].used().get(resource, 0) for key in known.restored)
            missing = known.shown.get(resource, 0) - total
            if missing > 0:
                # Pods are gone that were summed up after the checkpoint that we began with.
                known.retired[resource] = known.retired.get(resource, 0) + missing
                total += missing
            if total:
                known.shown[resource] = total
        return total / _UNIT

    def forget_pod(self, pod: Object) -> None:
        """A pod is gone. What it used until it was last asked for is kept for its node."""
        key = _key(pod)
        known = self._pods.pop(key, None)
        if known is not None:
            node = self._nodes[known.node]
            del node.pods[key]
            node.restored.discard(key)
            _join(node.retired, known.used())

    def forget_node(self, name: str) -> None:
        """A node is gone: one of its name that comes begins at 0."""
        node = self._nodes.pop(name, None)
        if node is not None:
            for key in node.pods:
                del self._pods[key]

    def checkpoint(self, name: str, *, whole: bool = False) -> dict[str, Any] | None:
        """What another one needs to go on with a node from here, as JSON has it; None: nothing.

        What pods used that are gone and what all used, by resource; and by pod what runs of its containers used that are over, and by
        container the number of the run and for each resource until when it is summed up, how much it is and, where who begins anew comes
        to the same, by which usage and for which versions of what it looks at. Sums are hexadecimal, in 10⁻¹⁸ of a unit times a second.

        Args:
            name: of the node.
            whole: with everything, as for a time in which pods may go without being missed.
        """
        node = self._nodes.get(name)
        if node is None:
            return None
        pods = {key: kept for key, pod in node.pods.items() if (kept := _kept(pod, whole or key in node.restored))}
        if not (pods or node.retired or node.shown):
            return None
        return {"version": _VERSION, "used": _written(node.retired), "shown": _written(node.shown), "pods": pods}

    def restore(self, name: str, checkpoint: Any) -> None:
        """Goes on with a node from a checkpoint, in place of what there is.

        Raises:
            InvalidCheckpoint: it is none; nothing is changed.
        """
        if type(checkpoint) is not dict or checkpoint.get("version") != _VERSION:
            raise InvalidCheckpoint(f"no checkpoint of version {_VERSION}")
        node = _Node()
        try:
            node.pods = {key: _read_pod(name, *pod) for key, pod in checkpoint["pods"].items()}
            node.retired = _read(checkpoint["used"])
            node.shown = _read(checkpoint.get("shown", {}))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InvalidCheckpoint(f"the checkpoint is damaged: {error!r}") from error
        self.forget_node(name)
        for key in node.pods.keys() & self._pods.keys():
            # On another node it was somebody else's to sum up.
            other = self._nodes[self._pods[key].node]
            del other.pods[key]
            other.restored.discard(key)
        node.restored.update(node.pods)
        self._nodes[name] = node
        self._pods |= node.pods

    def _pod(self, resource: str, node: Object, pod: Object, now_ns: int) -> int:
        present = 0
        for container in containers_of(pod):
            present += self._container(resource, node, pod, container, now_ns)
        known = self._pods.get(_key(pod))
        return present if known is None else present + known.retired.get(resource, 0)

    def _container(self, resource: str, node: Object, pod: Object, container: Object, now_ns: int) -> int:
        name = container.get("name", "")
        known, run = self._known(pod, name)
        if known is None:
            return 0
        total = known.totals.get(resource)
        if total is not None and (pace := total.pace) is not None:
            if pace.usages == self._evaluator.selection.version and pace.node == node["metadata"].get("resourceVersion"):
                if now_ns > total.at_ns:
                    total.sum += pace.nanos * (now_ns - total.at_ns)
                    total.at_ns = now_ns
                return total.sum
            total.pace = None
        if run.start_ns is not None:
            if total is None:
                total = known.totals[resource] = _Total(run.start_ns, 0)
            until_ns = now_ns if run.end_ns is None else min(now_ns, run.end_ns)
            if until_ns > total.at_ns:
                entry, rate = self._evaluator.rate(resource, pod, name)
                usage = None if entry is None else entry.usage.get(resource)
                basis = "" if rate.steady else self._evaluator.basis
                total.by(usage, self._looked_at(rate, node, pod), basis, new=total.at_ns == run.start_ns)
                if entry is not None:
                    whose = (resource, node, pod, container)
                    if rate.steady:
                        failures = self._evaluator.failures
                        nanos = _nanos(self._evaluator.value(entry, rate, *whose, total.at_ns))
                        total.sum += nanos * (until_ns - total.at_ns)
                        # What fails is tried again, so that it is told again.
                        if run.end_ns is None and failures == self._evaluator.failures:
                            total.pace = self._pace(nanos, node, pod)
                    else:
                        total.sum += self._integral(entry, rate, whose, run.start_ns, total.at_ns, until_ns)
                if not rate.steady and (rate.needs_others or not self._in_one_call(run.start_ns, until_ns)):
                    total.again = False
                total.at_ns = until_ns
        return 0 if total is None else total.sum

    def _looked_at(self, rate: Rate, node: Object, pod: Object) -> Any:
        """The version of what an expression looks at, as a text where objects have such; None: at nothing."""
        if rate.program is None:
            return None
        version = self._pods[_key(pod)].version
        if "node" not in rate.program.names:
            return version
        of_node = node["metadata"].get("resourceVersion")
        return f"{version}/{of_node}" if type(version) is str and of_node else (version, of_node)

    def _known(self, pod: Object, name: str) -> tuple[_Container | None, Run]:
        """What is known of a container, nothing as long as it was never started; and its run."""
        # A status would be held for as long as the pod is there; a version is small, and the same however often the pod is decoded.
        key, version = _key(pod), pod["metadata"].get("resourceVersion") or pod.get("status")
        known = self._pods.get(key)
        if known is not None and known.version is not version and known.version != version:
            self._nodes[known.node].restored.discard(key)
            known.version = version
            for each in known.containers.values():
                each.run = None
                for total in each.totals.values():
                    total.pace = None
        container = None if known is None else known.containers.get(name)
        if container is not None and container.run is not None:
            return container, container.run
        run = run_of(pod, name)
        if container is None and run.start_ns is None:
            return None, run
        if known is None:
            name_of_node = node_of(pod)
            node = self._nodes.get(name_of_node)
            if node is None:
                node = self._nodes[name_of_node] = _Node()
            known = self._pods[key] = node.pods[key] = _Pod(name_of_node)
            known.version = version
        if container is None:
            container = known.containers[name] = _Container(run.restarts)
        elif container.restarts != run.restarts:
            _add(known.retired, container)
            container = known.containers[name] = _Container(run.restarts)
        container.run = run
        return container, run

    def _pace(self, nanos: int, node: Object, pod: Object) -> _Pace | None:
        """That of a container; None where objects have no versions by which to know that they have changed."""
        version = node["metadata"].get("resourceVersion")
        if not (version and pod["metadata"].get("resourceVersion")):
            return None
        return _Pace(nanos, self._evaluator.selection.version, version)

    def _integral(
        self, entry: Entry, rate: Rate, whose: tuple[str, Object, Object, Object], start_ns: int, from_ns: int, until_ns: int
    ) -> int:
        """What a container uses from one time to another by a usage that moves, in 10⁻¹⁸. It was started at `start_ns`."""
        total, at = 0, from_ns
        fine_from, coarse = self._cells(from_ns, until_ns)
        while at < until_ns:
            if at < fine_from:
                end = min((at // coarse + 1) * coarse, fine_from)
                middle = (at + end) // 2
            else:
                begin = at // self._cell_ns * self._cell_ns
                end = min(begin + self._cell_ns, until_ns)
                middle = (max(begin, start_ns) + begin + self._cell_ns) // 2
            total += _nanos(self._evaluator.value(entry, rate, *whose, middle)) * (end - at)
            at = end
        return total

    def _cells(self, from_ns: int, until_ns: int) -> tuple[int, int]:
        """From when on the cells are of their own length, and how long they are before."""
        cell = self._cell_ns
        if self._in_one_call(from_ns, until_ns):
            return from_ns, cell
        fine_from = ((until_ns - 1) // cell + 1 - self._max_cells // 2) * cell
        width = cell
        while (fine_from - 1) // width - from_ns // width >= self._max_cells - self._max_cells // 2:
            width *= 2
        return fine_from, width

    def _in_one_call(self, from_ns: int, until_ns: int) -> bool:
        """Whether there are no more cells than one call evaluates an expression for."""
        return (until_ns - 1) // self._cell_ns - from_ns // self._cell_ns < self._max_cells


def _key(pod: Object) -> str:
    metadata = pod["metadata"]
    key: str = metadata.get("uid") or f"{metadata.get('namespace', '')}/{metadata['name']}"
    return key


def _nanos(value: float) -> int:
    return round(value * _NANO)


def _add(sums: dict[str, int], container: _Container) -> None:
    for resource, total in container.totals.items():
        sums[resource] = sums.get(resource, 0) + total.sum


def _join(sums: dict[str, int], others: dict[str, int]) -> None:
    for resource, total in others.items():
        sums[resource] = sums.get(resource, 0) + total


def _kept(pod: _Pod, whole: bool) -> list[Any] | None:
    """A pod, in a checkpoint; None: nothing of it is needed there."""
    containers = {}
    for name, container in pod.containers.items():
        totals = {
            resource: [total.at_ns, f"{total.sum:x}", *_basis(total)]
            for resource, total in container.totals.items()
            if whole or not total.again
        }
        if totals:
            containers[name] = [container.restarts, totals]
    return [_written(pod.retired), containers] if containers or pod.retired else None


def _basis(total: _Total) -> list[str]:
    """By what a total was summed up that who begins anew comes to, too; empty for another one."""
    if not total.again:
        return []
    usage = total.usage if type(total.usage) is str else _fingerprint(total.usage, total.basis)
    return [usage] if total.version is None else [usage, total.version if type(total.version) is str else ""]


def _fingerprint(usage: ResourceUsageValue | str | None, basis: str) -> str:
    return blake2b(f"{usage!r}{basis}".encode(), digest_size=6).hexdigest()


def _written(sums: dict[str, int]) -> dict[str, str]:
    return {resource: f"{total:x}" for resource, total in sums.items()}


def _read(sums: dict[str, str]) -> dict[str, int]:
    return {resource: _sum(total) for resource, total in sums.items()}


def _sum(text: str) -> int:
    value = int(text, 16)
    if not 0 <= value < _MOST:
        raise ValueError("a sum is less than nothing, or too large")
    return value


def _typed(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} in place of {kind.__name__}")
    return value


def _read_pod(node: str, retired: dict[str, str], containers: dict[str, Any]) -> _Pod:
    pod = _Pod(node)
    pod.retired = _read(retired)
    for name, (restarts, totals) in containers.items():
        container = pod.containers[name] = _Container(_typed(int, restarts))
        for resource, (at_ns, total, *basis) in totals.items():
            basis = [_typed(str, each) for each in basis]
            read = container.totals[resource] = _Total(_typed(int, at_ns), _sum(total), again=bool(basis))
            if basis:
                read.usage, read.version = basis if len(basis) == 2 else (*basis, None)
    return pod
