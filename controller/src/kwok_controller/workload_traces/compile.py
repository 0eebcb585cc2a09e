# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Makes a profile of a WorkloadTrace, or says what is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from kwok_controller.api.workload_trace import TraceLatency, TraceOperation, TraceService, TraceTraffic, WorkloadTraceSpec
from kwok_controller.exposition.problems import Problem, error
from kwok_controller.expressions.cel import CelError
from kwok_controller.workload_traces.latency import Latency, check_latency
from kwok_controller.workload_traces.profile import OWN_ATTRIBUTES, Call, Operation, Profile, Service, Traffic
from kwok_controller.workload_traces.rates import Clockwork, Rate

MAX_OPERATIONS: Final = 500
MAX_CALLS: Final = 2000
"""Of an object, in all."""

MAX_CALLS_EACH: Final = 50
"""Of an operation."""

_NETWORK: Final = TraceLatency(distribution="constant", median="500us")
# What pods say of themselves.
_TAKEN: Final = ("k8s.", "service.name", "service.namespace", "service.instance.id")

Key: TypeAlias = tuple[str, str]
"""The names of a service and of its operation."""


def compile_trace(spec: WorkloadTraceSpec, clockwork: Clockwork) -> tuple[Profile | None, list[Problem]]:
    """The profile; None where there are problems.

    Args:
        spec: what is compiled.
        clockwork: for the expressions of rates.
    """
    problems = [*_check_size(spec), *_check_latencies(spec), *_check_forms(spec)]
    problems += _check_names(spec)
    if not problems:
        problems += _check_circles(spec.services)
    rates, wrong = _rates(spec.traffic, clockwork)
    problems += wrong
    if problems:
        return None, problems
    services, operations = _linked(spec.services)
    traffic = [
        Traffic(operations[each.service, each.operation], rate, each.rate.per == "replica", f"spec.traffic[{at}].rate")
        for at, (each, rate) in enumerate(zip(spec.traffic, rates, strict=True))
    ]
    return Profile(tuple(services), tuple(traffic), Latency(spec.network or _NETWORK), spec.limits), []


def operations_of(services: Sequence[TraceService]) -> Iterator[tuple[str, TraceService, TraceOperation]]:
    """All operations, with where they stand and whose they are."""
    for at, service in enumerate(services):
        for index, operation in enumerate(service.operations):
            yield f"spec.services[{at}].operations[{index}]", service, operation


def in_order(services: Sequence[TraceService]) -> tuple[list[Key], list[tuple[Key, int, list[Key]]]]:
    """Operations after all that they call; and the calls that close circles, each with its number and the circle."""
    given = {(service.name, each.name): each for _, service, each in operations_of(services)}
    ordered: dict[Key, None] = {}
    circles = []
    for start in given:
        # Not by recursion: a chain of calls may be as long as there are operations.
        path: dict[Key, None] = {}
        pending = [] if start in ordered else [(start, 0)]
        while pending:
            key, number = pending.pop()
            path[key] = None
            calls = given[key].calls
            if number == len(calls):
                ordered[key] = None
                del path[key]
                continue
            pending.append((key, number + 1))
            called = (calls[number].service, calls[number].operation)
            if called in path:
                names = list(path)
                circles.append((key, number, [*names[names.index(called) :], called]))
            elif called not in ordered:
                pending.append((called, 0))
    return list(ordered), circles


def _linked(given: Sequence[TraceService]) -> tuple[list[Service], dict[Key, Operation]]:
    """Services and operations, which point at those that they call."""
    services = {each.name: Service(each) for each in given}
    sources = {(service.name, each.name): each for _, service, each in operations_of(given)}
    operations: dict[Key, Operation] = {}
    for key in in_order(given)[0]:
        made = operations[key] = Operation(services[key[0]], sources[key])
        for each in sources[key].calls:
            call = Call(operations[each.service, each.operation], each)
            if call.parallel and made.steps:
                made.steps[-1].append(call)
            else:
                made.steps.append([call])
        calls = [call for step in made.steps for call in step]
        made.depth = 1 + max((call.operation.depth for call in calls), default=0)
        made.size = 1 + sum(call.probability * call.count * (1 + call.operation.size) for call in calls)
    return list(services.values()), operations


def _rates(given: Sequence[TraceTraffic], clockwork: Clockwork) -> tuple[list[Rate], list[Problem]]:
    rates = []
    problems = []
    for at, each in enumerate(given):
        field = f"spec.traffic[{at}].rate"
        if each.rate.value is None and each.rate.expression is None:
            problems.append(error("rate", field, "has neither value nor expression: give one of the two"))
            continue
        try:
            rates.append(Rate(each.rate, clockwork))
        except CelError as failed:
            problems.append(error("rate", f"{field}.{'expression' if each.rate.value is None else 'value'}", str(failed)))
    return rates, problems


def _check_size(spec: WorkloadTraceSpec) -> Iterator[Problem]:
    operations = [operation for _, _, operation in operations_of(spec.services)]
    for field, _, operation in operations_of(spec.services):
        if len(operation.calls) > MAX_CALLS_EACH:
            message = f"there are {len(operation.calls)} calls, and {MAX_CALLS_EACH} at most: give them counts, or make several operations"
            yield error("size", f"{field}.calls", message)
    for what, count, most in (
        ("operations", len(operations), MAX_OPERATIONS),
        ("calls", sum(len(operation.calls) for operation in operations), MAX_CALLS),
    ):
        if count > most:
            yield error("size", "spec.services", f"there are {count} {what} in all, and {most} at most: make several objects")


def _check_latencies(spec: WorkloadTraceSpec) -> Iterator[Problem]:
    if spec.network is not None:
        yield from check_latency(spec.network, "spec.network")
    for field, _, operation in operations_of(spec.services):
        if operation.latency is not None:
            yield from check_latency(operation.latency, f"{field}.latency")


def _check_forms(spec: WorkloadTraceSpec) -> Iterator[Problem]:
    for at, service in enumerate(spec.services):
        if not service.selector.match_labels:
            yield error("selector", f"spec.services[{at}].selector.matchLabels", "is empty: give labels that the service's pods have")
        for name in service.attributes:
            if name.startswith(_TAKEN):
                yield error("attributes", f"spec.services[{at}].attributes.{name}", "is what the pods say of themselves: leave it out")
    for field, _, operation in operations_of(spec.services):
        if operation.http is not None and not operation.http.route.startswith("/"):
            yield error("http", f"{field}.http.route", f"{operation.http.route!r} does not begin with /: give a path")
        for name in sorted(OWN_ATTRIBUTES & operation.attributes.keys()):
            yield error("attributes", f"{field}.attributes.{name}", "is what spans say by themselves: leave it out")


def _check_names(spec: WorkloadTraceSpec) -> Iterator[Problem]:
    known = {service.name: [operation.name for operation in service.operations] for service in spec.services}
    for field, _, operation in operations_of(spec.services):
        for number, call in enumerate(operation.calls):
            yield from _check_called(call.service, call.operation, f"{field}.calls[{number}]", known)
    places: dict[Key, str] = {}
    for at, each in enumerate(spec.traffic):
        field = f"spec.traffic[{at}]"
        yield from _check_called(each.service, each.operation, field, known)
        other = places.setdefault((each.service, each.operation), field)
        if other != field:
            yield error("traffic", field, f"{each.service} {each.operation} is in {other} already: add the rates up there")


def _check_called(service: str, operation: str, field: str, known: dict[str, list[str]]) -> Iterator[Problem]:
    if service not in known:
        yield error("unknown", f"{field}.service", f"there is no service {service!r}{_near(service, known)}")
    elif operation not in known[service]:
        yield error("unknown", f"{field}.operation", f"{service} has no operation {operation!r}{_near(operation, known[service])}")


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    if near := difflib.get_close_matches(name, names, 1):
        return f": did you mean {near[0]}?"
    return f": there are {', '.join(names)}" if names else ""


def _check_circles(services: Sequence[TraceService]) -> Iterator[Problem]:
    places = {(service.name, operation.name): field for field, service, operation in operations_of(services)}
    for key, number, circle in in_order(services)[1]:
        shown = " → ".join(" ".join(each) for each in circle)
        message = f"closes a circle, and requests would never end: {shown}; leave one of these calls out"
        yield error("cycle", f"{places[key]}.calls[{number}]", message)
