# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is wrong with Metrics and usages, or odd: `kwok-controller metric lint`, and what modules check before they send anything.

An error is what would not be served or counted, or be refused or misread by whoever scrapes; a mistaken unit is one. A warning is what
works, though hardly as it was meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import Struct, structs

from kwok_controller.api.decode import decode_as
from kwok_controller.api.errors import InvalidObject
from kwok_controller.api.kinds import SHOWN
from kwok_controller.api.load import Document
from kwok_controller.api.metric import Metric
from kwok_controller.api.names import wrong_name
from kwok_controller.api.usage import ClusterResourceUsage
from kwok_controller.exposition import Problem, lint_together
from kwok_controller.exposition import lint as lint_metric
from kwok_controller.exposition.lint_path import check_free
from kwok_controller.exposition.problems import error
from kwok_controller.exposition.samples import NODE, POD
from kwok_controller.monitoring.lint_usage import Usage, check_shadowed, lint_usage
from kwok_controller.monitoring.surroundings import Surroundings

# 2026-01-01T00:05:00Z, when the samples have run for a while.
_NOW_NS: Final = 1_767_225_900 * 10**9


class Finding(Struct, frozen=True):
    """One thing that is wrong.

    Attributes:
        severity: `error` or `warning`.
        kind: Of the object; empty where it has none.
        namespace: Of the object; empty where it has none.
        name: Of the object; empty where it has none.
        field: Where in the object, such as `spec.metrics[2].labels[0].value`; empty: as a whole.
        rule: By which rule.
        message: What is wrong, and what would be right.
        source: Where the object is from: file and number of the document, and in a List that of the item.
    """

    severity: str
    kind: str
    namespace: str
    name: str
    field: str
    rule: str
    message: str
    source: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return structs.asdict(self)

    def __str__(self) -> str:
        name = f"{self.namespace}/{self.name}" if self.namespace and self.name else self.name
        where = f"{self.source}: {self.kind or 'object'} {name or 'without a name'}"
        return f"{where}: {f'{self.field}: ' if self.field else ''}{self.severity}: {self.message} [{self.rule}]"


def lint(documents: Sequence[Document]) -> list[Finding]:
    """What is wrong with Metrics and usages, which are taken to be used together: object by object, in their order.

    Args:
        documents: The objects, not checked.
    """
    found: list[tuple[int, Problem]] = []
    metrics: list[tuple[int, Metric]] = []
    usages: list[tuple[int, ClusterResourceUsage]] = []
    surroundings = Surroundings(NODE, [POD], now_ns=_NOW_NS)
    duplicates = dict(_duplicates(documents))
    for at, document in enumerate(documents):
        obj, problems = _check(document.obj, surroundings)
        if obj is not None and (wrong := wrong_name(obj.metadata.name)):
            problems.append(error("schema", "metadata.name", wrong))
        if at in duplicates:
            problems.append(duplicates[at])
        elif isinstance(obj, Metric):
            metrics.append((at, obj))
        elif isinstance(obj, ClusterResourceUsage):
            usages.append((at, obj))
        found += [(at, problem) for problem in problems]
    found += [(metrics[at][0], problem) for at, problem in lint_together([metric for _, metric in metrics])]
    found += check_shadowed(usages)
    found.sort(key=lambda each: each[0])
    return [_finding(documents[at], problem) for at, problem in found]


def _check(obj: dict[str, Any], surroundings: Surroundings) -> tuple[Metric | Usage | None, list[Problem]]:
    """The object, where it is one, and what is wrong with it alone."""
    kind, _, _ = _identity(obj)
    if kind not in SHOWN:
        return None, [error("schema", "kind", f"is missing: {', '.join(SHOWN[:-1])} or {SHOWN[-1]} is expected")]
    if kind != Metric.__name__:
        return lint_usage(obj, kind, surroundings.evaluator)
    # Values of another unit than the name says are no matter of taste.
    problems = [each._replace(severity="error") if each.rule == "unit" else each for each in lint_metric(obj, surroundings.compile)]
    try:
        metric = decode_as(obj, kind, Metric)
    except InvalidObject:
        return None, problems  # which say so
    return metric, [*problems, *check_free(metric.spec.path)]


def _duplicates(documents: Sequence[Document]) -> Iterator[tuple[int, Problem]]:
    """Objects whose kind, namespace and name another one has before."""
    first: dict[tuple[str, str, str], Document] = {}
    for at, document in enumerate(documents):
        key = _identity(document.obj)
        other = first.setdefault(key, document)
        if key[2] and other is not document:
            yield at, error("duplicate-name", "metadata.name", f"{_source(other)} has a {key[0]} of this name already: leave one out")


def _identity(obj: dict[str, Any]) -> tuple[str, str, str]:
    metadata = obj.get("metadata")
    values = obj.get("kind"), *((metadata.get("namespace"), metadata.get("name")) if isinstance(metadata, dict) else ("", ""))
    kind, namespace, name = (value if isinstance(value, str) else "" for value in values)
    return kind, namespace, name


def _source(document: Document) -> str:
    return f"{document.file}:{document.number}" + (f":{document.item}" if document.item else "")


def _finding(document: Document, problem: Problem) -> Finding:
    kind, namespace, name = _identity(document.obj)
    return Finding(problem.severity, kind, namespace, name, problem.field, problem.rule, problem.message, _source(document))
