# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is wrong with a WorkloadTrace, or odd: `kwok-controller trace lint`, and what modules check before they send anything.

An error is what would not be traced. A warning is what works, though hardly as it was meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from kwok_controller.api.decode import decode_as
from kwok_controller.api.errors import InvalidObject
from kwok_controller.api.kinds import KINDS, TRACED
from kwok_controller.api.workload_trace import TraceOperation, TraceService, WorkloadTrace, WorkloadTraceSpec
from kwok_controller.exposition.lint_fields import check_fields
from kwok_controller.exposition.problems import Problem, by_place, error, plain, warning
from kwok_controller.expressions.cel import CelError
from kwok_controller.workload_traces.compile import Key, compile_trace, operations_of
from kwok_controller.workload_traces.profile import Profile
from kwok_controller.workload_traces.rates import Clockwork

# 2026-01-01T12:00:00Z
_NOW_NS: Final = 1_767_268_800 * 10**9


def lint(obj: Any) -> tuple[WorkloadTrace | None, list[Problem]]:
    """The object, where it is one, and what is wrong with it, by where it is."""
    problems = [*check_fields(obj, TRACED)]
    try:
        trace = decode_as(obj, TRACED, WorkloadTrace, KINDS[TRACED].api_version)
    except InvalidObject as invalid:
        return None, [*problems, error("schema", plain(invalid.path), invalid.message)]
    profile, wrong = compile_trace(trace.spec, Clockwork(0))
    problems += [*wrong, *_check_services(trace.spec.services), *_check_calls(trace.spec), *_check_rates(trace.spec)]
    if profile is not None:
        problems += [*_check_reached(trace.spec), *_check_limits(trace.spec, profile)]
    return trace, sorted(dict.fromkeys(problems), key=by_place)


def _check_services(services: Sequence[TraceService]) -> Iterator[Problem]:
    """Services that do nothing, and those whose pods are another one's."""
    selectors: dict[tuple[tuple[str, str], ...], TraceService] = {}
    for at, service in enumerate(services):
        if not service.operations:
            yield warning(
                "form", f"spec.services[{at}].operations", "is empty: the service makes no spans; give it operations, or leave it out"
            )
        labels = tuple(sorted(service.selector.match_labels.items()))
        other = selectors.setdefault(labels, service)
        if labels and other is not service:
            message = f"are those of {other.name}: the same pods are both services; give each labels of its own"
            yield warning("selector", f"spec.services[{at}].selector.matchLabels", message)


def _check_calls(spec: WorkloadTraceSpec) -> Iterator[Problem]:
    """Fields of calls that have no effect."""
    operations = {(service.name, operation.name): operation for _, service, operation in operations_of(spec.services)}
    for field, _, operation in operations_of(spec.services):
        for number, call in enumerate(operation.calls):
            where = f"{field}.calls[{number}]"
            called = operations.get((call.service, call.operation))
            if call.probability == 0:
                yield warning("form", f"{where}.probability", "is 0, so that the call is never made: leave it out")
            if call.parallel and number == 0 and call.count == 1:
                yield warning("form", f"{where}.parallel", "has no effect on a single call that no other one is before")
            if call.asynchronous and call.on_error == "ignore":
                yield warning("form", f"{where}.onError", "has no effect on a message, whose errors are its own: leave it out")
            if call.asynchronous and called is not None and called.http is not None:
                message = (
                    f"a message to {call.service} {call.operation} is no HTTP: call it otherwise, or give it an operation without http"
                )
                yield warning("form", f"{where}.asynchronous", message)
        yield from _check_errors(operation, field)


def _check_errors(operation: TraceOperation, field: str) -> Iterator[Problem]:
    if operation.errors.rate == 1:
        yield warning("form", f"{field}.errors.rate", "is 1, so that every request fails")
    if operation.http is None and operation.errors.status != 500:
        yield warning("form", f"{field}.errors.status", "has no effect without http: give a type instead")


def _check_rates(spec: WorkloadTraceSpec) -> Iterator[Problem]:
    """Rates that are given twice, and expressions that fail."""
    clockwork = Clockwork(0)
    for at, traffic in enumerate(spec.traffic):
        field, rate = f"spec.traffic[{at}].rate", traffic.rate
        if rate.value is not None and rate.expression is not None:
            yield warning("form", f"{field}.expression", "has no effect beside a fixed value: leave out one of the two")
        if rate.value is not None or rate.expression is None:
            continue
        try:
            program = clockwork.compile(rate.expression)
            # Traces of usage are known to the controller only.
            if "Trace" not in program.calls:
                clockwork.evaluate(program, _NOW_NS, "")
        except CelError as failed:
            yield error("rate", f"{field}.expression", str(failed))


def _check_reached(spec: WorkloadTraceSpec) -> Iterator[Problem]:
    """Operations that nobody calls."""
    if not spec.traffic:
        yield warning("traffic", "spec.traffic", "is empty: there are no requests, and so no traces; give some")
        return
    calls = {(service.name, operation.name): operation.calls for _, service, operation in operations_of(spec.services)}
    reached: set[Key] = set()
    pending = [(each.service, each.operation) for each in spec.traffic]
    while pending:
        key = pending.pop()
        if key not in reached:
            reached.add(key)
            pending += [(call.service, call.operation) for call in calls[key]]
    for field, service, operation in operations_of(spec.services):
        if (service.name, operation.name) not in reached:
            yield warning("unreached", field, f"nobody calls {service.name} {operation.name}: call it, give it traffic, or leave it out")


def _check_limits(spec: WorkloadTraceSpec, profile: Profile) -> Iterator[Problem]:
    """What would be left out."""
    limits = spec.limits
    spans = 0.0
    for traffic in profile.traffic:
        operation = traffic.operation
        what = f"{operation.service.name} {operation.destination}"
        spans += profile.expected_size(operation) * (traffic.rate.at(_NOW_NS, "") if traffic.rate.program is None else 0)
        if operation.depth > limits.depth:
            message = f"leaves out calls of {what}, which go {operation.depth} deep: raise it, or make the calls go less deep"
            yield warning("limit", "spec.limits.depth", message)
        if operation.size > limits.spans_per_trace:
            message = f"leaves out calls of {what}, which make {operation.size:.0f} spans on average: raise it, or make fewer calls"
            yield warning("limit", "spec.limits.spansPerTrace", message)
    if spans > limits.spans_per_second:
        message = f"leaves out requests, which make {spans:.0f} spans a second on average with one replica: raise it, or lower the rates"
        yield warning("limit", "spec.limits.spansPerSecond", message)
