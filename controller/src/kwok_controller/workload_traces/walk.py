# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The spans of one request: what is called, for how long, and what fails."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from kwok_controller.workload_traces.draws import Draws
from kwok_controller.workload_traces.pods import Instance
from kwok_controller.workload_traces.profile import Attributes, Call, Operation, Profile, Service

# What stands for {…} in a route.
_NUMBERS: Final = 1000
# What a client's connection fails with where nobody listens.
_NOBODY: Final = "ECONNREFUSED"
_NOBODY_MESSAGE: Final = "no pod of the service is ready"
_MESSAGING: Final = "kwok-sim"
_STATUS: Final = "http.response.status_code"
_SERVERS_FAULT: Final = 500
# That of the caller and that of the called.
_SPANS_OF_CALL: Final = 2


class SpanKind(enum.IntEnum):
    """As OTLP counts them (opentelemetry/proto/trace/v1/trace.proto)."""

    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Span(NamedTuple):
    """A span.

    Attributes:
        trace_id: 16 bytes.
        span_id: 8 bytes.
        parent_id: 8 bytes; none of the first span of a trace.
        name: what is done.
        kind: on which side of a call.
        start_ns: since 1970.
        end_ns: since 1970.
        instance: the pod where it is.
        attributes: beside those of the pod.
        failed: whether its status is an error.
        message: what is said of the error.
    """

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    kind: SpanKind
    start_ns: int
    end_ns: int
    instance: Instance
    attributes: Attributes
    failed: bool
    message: str


class Outcome(NamedTuple):
    """How a request ended.

    Attributes:
        end_ns: when.
        failed: whether it failed.
    """

    end_ns: int
    failed: bool


class _Open(NamedTuple):
    """A span that has begun."""

    span_id: bytes
    parent_id: bytes
    name: str
    kind: SpanKind
    start_ns: int
    instance: Instance


class Walk:
    """One request, and all that it brings about.

    Args:
        profile: what the services do.
        instances: those of each service, in an order that is always the same.
        draws: what the request's chance follows from.

    Attributes:
        spans: those made.
        calls_left_out: calls that were not made, as the trace would be too large or too deep.
    """

    __slots__ = ("_begun", "_draws", "_instances", "_limits", "_network", "_trace_id", "calls_left_out", "spans")

    def __init__(self, profile: Profile, instances: Mapping[Service, Sequence[Instance]], draws: Draws) -> None:
        self.spans: list[Span] = []
        self.calls_left_out = 0
        self._network = profile.network
        self._limits = profile.limits
        self._instances = instances
        self._draws = draws
        self._trace_id = draws.identifier(16)
        self._begun = 0

    def begin(self, operation: Operation, instance: Instance, start_ns: int) -> None:
        """Make the request, which comes from outside."""
        span = self._open(b"", operation.name, SpanKind.SERVER, start_ns, instance)
        self._serve(operation, span, _served(operation, self._path(operation), ""), 1)

    def _serve(self, operation: Operation, span: _Open, attributes: Attributes, depth: int) -> Outcome:
        """An instance does an operation."""
        own = operation.latency.draw(self._draws)
        fails = self._draws.unit() < operation.error_rate
        # Its own work is done in equal parts before, between and after the calls.
        part = own // (len(operation.steps) + 1)
        now = span.start_ns + own - part * len(operation.steps)
        failed = False
        for step in operation.steps:
            if not failed:
                now, failed = self._step(step, span, now, depth)
            now += part
        failed = failed or fails
        error = operation.error_type if failed else ""
        if span.kind is SpanKind.SERVER and operation.statuses:
            status = operation.statuses[failed]
            attributes = (*attributes, (_STATUS, status))
            # A server that refuses what its client should not have asked for has not failed.
            error = error if status >= _SERVERS_FAULT else ""
        self._close(span, now, (*attributes, *operation.attributes), error, operation.error_message)
        return Outcome(now, failed)

    def _step(self, step: Sequence[Call], caller: _Open, start_ns: int, depth: int) -> Outcome:
        """Calls that begin together: when all have ended, and whether their caller fails with one of them."""
        last, failed = start_ns, False
        for call in step:
            if call.probability < 1 and self._draws.unit() >= call.probability:
                continue
            now = start_ns
            for number in range(call.count):
                if depth == self._limits.depth or self._begun + _SPANS_OF_CALL > self._limits.spans_per_trace:
                    self.calls_left_out += call.count - number
                    break
                make = self._send if call.asynchronous else self._ask
                end, wrong = make(call.operation, caller, now, depth)
                last = max(last, end)
                wrong = wrong and not call.ignored
                failed = failed or wrong
                if not call.parallel:
                    now = end
                    if wrong:
                        break
        return Outcome(last, failed)

    def _ask(self, operation: Operation, caller: _Open, start_ns: int, depth: int) -> Outcome:
        """A call whose answer is waited for."""
        span = self._open(caller.span_id, operation.name, SpanKind.CLIENT, start_ns, caller.instance)
        path = self._path(operation)
        there = start_ns + self._network.draw(self._draws)
        attributes = operation.client
        if operation.statuses:
            attributes = (*attributes, ("url.full", f"http://{operation.service.name}:{operation.service.port}{path}"))
        called = self._choose(operation.service)
        if called is None:
            self._close(span, there, attributes, _NOBODY, _NOBODY_MESSAGE)
            return Outcome(there, True)
        if called.ip:
            attributes = (*attributes, ("network.peer.address", called.ip))
        served = self._open(span.span_id, operation.name, SpanKind.SERVER, there, called)
        end, failed = self._serve(operation, served, _served(operation, path, caller.instance.ip), depth + 1)
        end += self._network.draw(self._draws)
        if operation.statuses:
            attributes = (*attributes, (_STATUS, operation.statuses[failed]))
        self._close(span, end, attributes, operation.error_type if failed else "", operation.error_message)
        return Outcome(end, failed)

    def _send(self, operation: Operation, caller: _Open, start_ns: int, depth: int) -> Outcome:
        """A message, which nobody waits for."""
        name = operation.destination
        span = self._open(caller.span_id, f"send {name}", SpanKind.PRODUCER, start_ns, caller.instance)
        sent = start_ns + self._network.draw(self._draws)
        self._close(span, sent, _of_message(name, "send"))
        called = self._choose(operation.service)
        if called is not None:
            received = sent + self._network.draw(self._draws)
            taken = self._open(span.span_id, f"process {name}", SpanKind.CONSUMER, received, called)
            self._serve(operation, taken, _of_message(name, "process"), depth + 1)
        return Outcome(sent, False)

    def _choose(self, service: Service) -> Instance | None:
        instances = self._instances[service]
        drawn = self._draws.unit()
        return instances[int(drawn * len(instances))] if instances else None

    def _path(self, operation: Operation) -> str:
        """The path of a request, with numbers for what is in braces in the route."""
        *pieces, last = operation.route or [""]
        return "".join(f"{piece}{1 + self._draws.word() % _NUMBERS}" for piece in pieces) + last

    def _open(self, parent: bytes, name: str, kind: SpanKind, start_ns: int, instance: Instance) -> _Open:
        self._begun += 1
        return _Open(self._draws.identifier(8), parent, name, kind, start_ns, instance)

    def _close(self, span: _Open, end_ns: int, attributes: Attributes, error: str = "", message: str = "") -> None:
        if error:
            attributes = (*attributes, ("error.type", error))
        made = Span(
            self._trace_id,
            span.span_id,
            span.parent_id,
            span.name,
            span.kind,
            span.start_ns,
            end_ns,
            span.instance,
            attributes,
            bool(error),
            message if error else "",
        )
        self.spans.append(made)


def _served(operation: Operation, path: str, client: str) -> Attributes:
    """Attributes of the span of a request that is served, but for its outcome."""
    attributes = operation.server
    if operation.statuses:
        attributes = (*attributes, ("url.path", path))
    return (*attributes, ("client.address", client)) if client else attributes


def _of_message(name: str, what: str) -> Attributes:
    """https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/."""
    return (
        ("messaging.system", _MESSAGING),
        ("messaging.operation.name", what),
        ("messaging.operation.type", what),
        ("messaging.destination.name", name),
    )
