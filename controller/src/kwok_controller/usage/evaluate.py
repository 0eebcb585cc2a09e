# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What containers, pods and nodes use at a moment (kwok v0.8.0, `pkg/kwok/server/metrics_resource_usage.go`).

Where this differs: less than nothing counts as nothing; a container that has not been started or has ended uses nothing; expressions are
compiled once; and one whose expression needs a usage that needs its own is told so instead of going round for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Final, Protocol

from kwok_controller.expressions.cel import CelError, CelRuntimeError, CelSyntaxError, ProgramOver, as_double, compile_cel_over
from kwok_controller.usage.functions import usage_forms
from kwok_controller.usage.patterns import Moment, pattern_functions
from kwok_controller.usage.pods import Object, container_of, containers_of, is_running, node_of
from kwok_controller.usage.rates import VARIABLES, Problem, Rate, check_amount, compile_rate, path_of, path_of_error
from kwok_controller.usage.selection import Entry, Selection
from kwok_controller.usage.traces import Trace

# How deep usages may need others' usages.
_NESTING: Final = 4
# How many others' usages one may need, in all: 2,000 take some 10 ms.
_OTHERS: Final = 2000
_PROGRAMS: Final = 4096
_NOTHING: Final = Rate("", 0.0)


class _Circle(CelRuntimeError):
    """Usages that need each other. All of them fail: each by itself would be tried again and again by the others."""


class World(Protocol):
    """The nodes and pods there are."""

    def node(self, name: str) -> Object | None:
        """The node of a name."""

    def pods(self, node: str) -> Iterable[Object]:
        """The pods on a node."""


class Evaluator:
    """Gives usages. Not for use by several threads.

    Args:
        selection: what counts for whom; may change.
        world: the nodes and pods; may change.
        seed: of what looks like chance.
        traces: for the function `Trace`, by name.
        report: told of each usage that counts 0 because it is wrong: once of one that cannot be compiled, each time of one that fails.

    Attributes:
        world: the nodes and pods.
        selection: what counts for whom.
        failures: how often it was told so.
        basis: the same for the same seed and traces.
    """

    def __init__(
        self,
        selection: Selection,
        world: World,
        *,
        seed: int = 0,
        traces: Mapping[str, Trace] | None = None,
        report: Callable[[Problem], None] = lambda problem: None,
    ) -> None:
        self.world = world
        self.selection = selection
        self.failures = 0
        self._tell = report
        courses = sorted((name, trace.digest()) for name, trace in (traces or {}).items())
        self.basis = blake2b(repr((seed, courses)).encode(), digest_size=6).hexdigest()
        self._moment = Moment(seed)
        self._functions = {**pattern_functions(self._moment, traces or {}), "Usage": usage_forms(self, self._moment.now)}
        self._programs: dict[str, ProgramOver | CelSyntaxError] = {}
        self._rates: dict[Entry, dict[str, Rate]] = {}
        self._usages = selection.version
        self._evaluating: list[str] = []
        self._others = 0

    def container(self, resource: str, pod: Object, container: str, now_ns: int) -> float:
        """What the container of a name uses; 0 where the pod has none, or its node is not there."""
        node, found = self.world.node(node_of(pod)), container_of(pod, container)
        return 0.0 if node is None or found is None else self._present(resource, node, pod, found, now_ns)

    def pod(self, resource: str, pod: Object, now_ns: int) -> float:
        """What a pod's containers use; 0 where its node is not there."""
        node = self.world.node(node_of(pod))
        return 0.0 if node is None else self._pod(resource, node, pod, now_ns)

    def node(self, resource: str, name: str, now_ns: int) -> float:
        """What the pods on a node use; 0 where it is not there."""
        node = self.world.node(name)
        return 0.0 if node is None else sum(self._pod(resource, node, pod, now_ns) for pod in self.world.pods(name))

    def rate(self, resource: str, pod: Object, container: str) -> tuple[Entry | None, Rate]:
        """What counts for a container, whether it has ended or not: a rate of nothing where nothing does.

        A rate that cannot be compiled is reported, once, and is one of nothing from then on.
        """
        metadata = pod["metadata"]
        entry = self.selection.find(metadata.get("namespace", ""), metadata["name"], metadata.get("labels") or {}, container)
        if entry is None:
            return None, _NOTHING
        if self._usages != self.selection.version:
            self._usages = self.selection.version
            self._rates.clear()
        rates = self._rates.get(entry)
        if rates is None:
            rates = self._rates[entry] = {}
        found = rates.get(resource)
        if found is None:
            found = rates[resource] = self._compiled(entry, resource)
        return entry, found

    def value(self, entry: Entry, rate: Rate, resource: str, node: Object, pod: Object, container: Object, now_ns: int) -> float:
        """What a rate gives for a container at a moment, whether the container has ended or not. Failures are reported, and are 0.

        Raises:
            CelRuntimeError: usages need each other; not for what is called from outside of expressions.
        """
        if rate.program is None:
            return rate.value
        metadata, moment = pod["metadata"], self._moment
        key = f"{metadata.get('namespace', '')}/{metadata['name']}/{container.get('name')}/{resource}"
        self._others = self._others + 1 if self._evaluating else 0
        if key in self._evaluating or len(self._evaluating) == _NESTING:
            chain = " needs ".join([*self._evaluating, key])
            raise _Circle(f"usages need each other {'in a circle' if key in self._evaluating else 'too deeply'}: {chain}")
        if self._others > _OTHERS:
            raise _Circle(f"{self._evaluating[0]} needs more than {_OTHERS} other usages")
        around = moment.now_ns, moment.key, moment.drawn
        moment.bind(now_ns, key)
        self._evaluating.append(key)
        try:
            value = as_double(rate.program(node, pod, container))
            check_amount(value)
            return value if value > 0 else 0.0
        except CelError as error:
            if isinstance(error, _Circle) and len(self._evaluating) > 1:
                raise
            self._report(Problem(entry.subject, rate.path, str(error)))
            return 0.0
        finally:
            self._evaluating.pop()
            moment.bind(*around)

    def _pod(self, resource: str, node: Object, pod: Object, now_ns: int) -> float:
        return sum(self._present(resource, node, pod, container, now_ns) for container in containers_of(pod))

    def _present(self, resource: str, node: Object, pod: Object, container: Object, now_ns: int) -> float:
        name = container.get("name", "")
        entry, rate = self.rate(resource, pod, name)
        if entry is None or not is_running(pod, name):
            return 0.0
        return self.value(entry, rate, resource, node, pod, container, now_ns)

    def _compiled(self, entry: Entry, resource: str) -> Rate:
        usage = entry.usage.get(resource)
        if usage is None:
            return _NOTHING
        path = path_of(entry.path, resource)
        try:
            return compile_rate(path, usage, self.compile)
        except CelError as error:
            self._report(Problem(entry.subject, path_of_error(path, usage), str(error)))
            return _NOTHING

    def _report(self, problem: Problem) -> None:
        self.failures += 1
        self._tell(problem)

    def compile(self, source: str) -> ProgramOver:
        """Compiles the expression of a usage, once.

        Raises:
            CelSyntaxError: it is none.
        """
        found = self._programs.get(source)
        if found is None:
            if len(self._programs) >= _PROGRAMS:
                self._programs.clear()
            try:
                found = compile_cel_over(source, VARIABLES, self._functions, now=self._moment.now, random=self._moment.random)
            except CelSyntaxError as error:
                found = error
            self._programs[source] = found
        if isinstance(found, CelSyntaxError):
            raise found
        return found
