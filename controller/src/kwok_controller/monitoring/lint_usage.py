# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The rules of ResourceUsages and ClusterResourceUsages, beside those of `usage.check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

from kwok_controller.api.decode import decode_as
from kwok_controller.api.errors import InvalidObject
from kwok_controller.api.meta import ObjectSelector
from kwok_controller.api.usage import (
    ClusterResourceUsage,
    ResourceUsage,
    ResourceUsageContainer,
    ResourceUsageValue,
)
from kwok_controller.exposition import Problem
from kwok_controller.exposition.lint_fields import check_fields
from kwok_controller.exposition.problems import error, plain, warning
from kwok_controller.exposition.samples import CONTAINER, NODE, POD
from kwok_controller.expressions.cel import CelError, as_double
from kwok_controller.usage.check import check_usage
from kwok_controller.usage.evaluate import Evaluator
from kwok_controller.usage.rates import path_of

Usage: TypeAlias = ResourceUsage | ClusterResourceUsage

_TYPES: Final[dict[str, type[Usage]]] = {each.__name__: each for each in (ResourceUsage, ClusterResourceUsage)}


def lint_usage(obj: dict[str, Any], kind: str, evaluator: Evaluator) -> tuple[Usage | None, list[Problem]]:
    """A usage, where the object is one, and what is wrong with it.

    Args:
        obj: The object.
        kind: ResourceUsage or ClusterResourceUsage.
        evaluator: Compiles expressions.
    """
    problems = [*check_fields(obj, kind)]
    try:
        usage = decode_as(obj, kind, _TYPES[kind])
    except InvalidObject as invalid:
        return None, [*problems, error("schema", plain(invalid.path), invalid.message)]
    wrong = [error("usage", plain(path), message) for _, path, message in check_usage(usage)]
    if isinstance(usage, ResourceUsage) and not usage.metadata.namespace:
        problems.append(warning("schema", "metadata.namespace", "is missing: a ResourceUsage is for the pod of its namespace and name"))
    guards = [] if wrong else [*_check_guards(usage, evaluator)]
    return usage, [*problems, *wrong, *guards, *_check_values(usage), *_check_entries(usage.spec.usages)]


def check_shadowed(usages: Sequence[tuple[int, ClusterResourceUsage]]) -> list[tuple[int, Problem]]:
    """ClusterResourceUsages that never count, as another one always counts before.

    Args:
        usages: All that there are, each with what stands for it in the outcome.
    """
    found = []
    before: list[ClusterResourceUsage] = []
    for at, usage in sorted(usages, key=lambda each: each[1].metadata.name):
        other = next((each for each in before if _covers(each, usage)), None)
        if other is not None:
            message = f"takes only pods that {other.metadata.name} takes, too, which comes first by name: give that one a narrower selector"
            found.append((at, warning("shadowed", "spec.selector", f"{message}, or this one a name before it")))
        before.append(usage)
    return found


def _covers(first: ClusterResourceUsage, second: ClusterResourceUsage) -> bool:
    """Whether one has an entry for all containers of all pods that another one has entries for."""
    one, other = (usage.spec.selector or ObjectSelector() for usage in (first, second))
    pods = (
        _includes(one.match_names, other.match_names)
        and _includes(one.match_namespaces, other.match_namespaces)
        and one.match_labels.items() <= other.match_labels.items()
    )
    return pods and all(_counts_before(first.spec.usages, entry) for entry in second.spec.usages)


def _includes(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    """Whether a list of a selector, which means all when it is empty, takes what another one takes."""
    return not wide or (bool(narrow) and set(narrow) <= set(wide))


def _counts_before(entries: Sequence[ResourceUsageContainer], entry: ResourceUsageContainer) -> bool:
    """Whether others have something for all containers of an entry."""
    if any(not each.containers for each in entries):
        return True
    return bool(entry.containers) and {name for each in entries for name in each.containers}.issuperset(entry.containers)


def _check_entries(entries: Sequence[ResourceUsageContainer]) -> Iterator[Problem]:
    """Entries that never count."""
    named: set[str] = set()
    rest = False
    for at, entry in enumerate(entries):
        field = f"spec.usages[{at}].containers"
        if entry.containers and named.issuperset(entry.containers):
            yield warning("shadowed", field, "all have an entry before this one, and the first one counts: leave this out")
        if not entry.containers and rest:
            yield warning("shadowed", field, "another entry without containers comes before, and the first one counts: leave this out")
        named.update(entry.containers)
        rest = rest or not entry.containers


def _check_values(usage: Usage) -> Iterator[Problem]:
    """Values that are given twice, or not at all."""
    for field, value in _values(usage):
        if value.value is not None and value.expression is not None:
            yield warning("form", f"{field}.expression", "has no effect beside a fixed value: leave out one of the two")
        if value.value is None and value.expression is None:
            yield warning("form", field, "has neither value nor expression, so it is 0: give one")


def _check_guards(usage: Usage, evaluator: Evaluator) -> Iterator[Problem]:
    """Expressions that fail for a pod as they commonly are. Traces are known to the controller only."""
    for field, value in _values(usage):
        if value.value is not None or value.expression is None:
            continue
        program = evaluator.compile(value.expression)
        if "Trace" in program.calls:
            continue
        try:
            as_double(program(NODE, POD, CONTAINER))
        except CelError as failed:
            message = f"fails where something is not there, here for a plain pod: {failed}; look first, as in has(…) ? … : …"
            yield warning("guard", f"{field}.expression", message)


def _values(usage: Usage) -> Iterator[tuple[str, ResourceUsageValue]]:
    """All usages of resources, with where they are."""
    for at, entry in enumerate(usage.spec.usages):
        for resource, value in entry.usage.items():
            yield path_of(f"spec.usages[{at}]", resource), value
