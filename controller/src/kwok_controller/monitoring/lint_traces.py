# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is wrong with WorkloadTraces, or odd: `kwok-controller trace lint`."""

from __future__ import annotations

from collections.abc import Sequence

from kwok_controller.api.kinds import TRACED
from kwok_controller.api.load import Document
from kwok_controller.api.names import wrong_name
from kwok_controller.exposition.problems import Problem, error
from kwok_controller.monitoring.findings import Finding, duplicates, finding, identity
from kwok_controller.workload_traces.lint import lint as lint_trace


def lint(documents: Sequence[Document]) -> list[Finding]:
    """What is wrong with WorkloadTraces: object by object, in their order.

    Args:
        documents: The objects, not checked.
    """
    repeated = dict(duplicates(documents))
    return [
        finding(document, problem)
        for at, document in enumerate(documents)
        for problem in (*_check(document), *([repeated[at]] if at in repeated else ()))
    ]


def _check(document: Document) -> list[Problem]:
    if identity(document.obj)[0] != TRACED:
        return [error("schema", "kind", f"is missing: {TRACED} is expected")]
    trace, problems = lint_trace(document.obj)
    if trace is not None and (wrong := wrong_name(trace.metadata.name)):
        problems.append(error("schema", "metadata.name", wrong))
    return problems
