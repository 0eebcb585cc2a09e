# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is wrong with Metrics and usages, or odd: `kwok-controller metric lint`, and what modules check before they send anything.

An error is what would not be served or counted, or be refused or misread by whoever scrapes; a mistaken unit is one. A warning is what
works, though hardly as it was meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

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
from kwok_controller.monitoring.findings import Finding, duplicates, finding, identity
from kwok_controller.monitoring.lint_usage import Usage, check_shadowed, lint_usage
from kwok_controller.monitoring.surroundings import Surroundings

# 2026-01-01T00:05:00Z, when the samples have run for a while.
_NOW_NS: Final = 1_767_225_900 * 10**9


def lint(documents: Sequence[Document]) -> list[Finding]:
    """What is wrong with Metrics and usages, which are taken to be used together: object by object, in their order.

    Args:
        documents: The objects, not checked.
    """
    found: list[tuple[int, Problem]] = []
    metrics: list[tuple[int, Metric]] = []
    usages: list[tuple[int, ClusterResourceUsage]] = []
    surroundings = Surroundings(NODE, [POD], now_ns=_NOW_NS)
    repeated = dict(duplicates(documents))
    for at, document in enumerate(documents):
        obj, problems = _check(document.obj, surroundings)
        if obj is not None and (wrong := wrong_name(obj.metadata.name)):
            problems.append(error("schema", "metadata.name", wrong))
        if at in repeated:
            problems.append(repeated[at])
        elif isinstance(obj, Metric):
            metrics.append((at, obj))
        elif isinstance(obj, ClusterResourceUsage):
            usages.append((at, obj))
        found += [(at, problem) for problem in problems]
    found += [(metrics[at][0], problem) for at, problem in lint_together([metric for _, metric in metrics])]
    found += check_shadowed(usages)
    found.sort(key=lambda each: each[0])
    return [finding(documents[at], problem) for at, problem in found]


def _check(obj: dict[str, Any], surroundings: Surroundings) -> tuple[Metric | Usage | None, list[Problem]]:
    """The object, where it is one, and what is wrong with it alone."""
    kind, _, _ = identity(obj)
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
