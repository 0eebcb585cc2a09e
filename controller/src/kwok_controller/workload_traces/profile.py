# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What a WorkloadTrace is compiled to: services, operations and calls that point at each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from kwok_controller.api.workload_trace import TraceCall, TraceLimits, TraceOperation, TraceService
from kwok_controller.workload_traces.latency import Latency
from kwok_controller.workload_traces.rates import Rate

Attributes: TypeAlias = tuple[tuple[str, str | int], ...]

OWN_ATTRIBUTES: Final = frozenset(
    {
        "client.address",
        "error.type",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "messaging.destination.name",
        "messaging.operation.name",
        "messaging.operation.type",
        "messaging.system",
        "server.address",
        "server.port",
        "url.path",
        "url.scheme",
    }
)
"""What spans of operations say by themselves."""

_OTHER_ERROR: Final = "_OTHER"
_PLACEHOLDER: Final = re.compile(r"\{[^{}]*\}")


class Service:
    """A service.

    Attributes:
        name: its name.
        labels: of its pods.
        container: of its pods, that spans come from; empty: the first one.
        port: where it is called.
        attributes: further ones of its resource.
    """

    __slots__ = ("attributes", "container", "labels", "name", "port")

    def __init__(self, given: TraceService) -> None:
        self.name = given.name
        self.labels = given.selector.match_labels
        self.container = given.container
        self.port = given.port
        self.attributes = given.attributes

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether a pod with these labels belongs to it."""
        return self.labels.items() <= labels.items()


class Operation:
    """An operation, with what its spans have in common.

    Attributes:
        service: whose it is.
        name: of its spans.
        destination: what messages to it are called.
        route: by HTTP, in pieces, between which numbers are put; empty where it is not called by HTTP.
        latency: of its own work.
        error_rate: which part fails of itself.
        error_type: of failures.
        error_message: of failures.
        statuses: HTTP status codes of what succeeds and of what fails; None where it is not called by HTTP.
        server: attributes of the spans of requests that it serves.
        client: attributes of the spans of requests to it.
        attributes: those of its own spans that users give.
        steps: the calls that it makes; those of a step begin together.
        depth: operations below each other, with itself.
        size: about how many spans a request makes.
    """

    __slots__ = (
        "attributes",
        "client",
        "depth",
        "destination",
        "error_message",
        "error_rate",
        "error_type",
        "latency",
        "name",
        "route",
        "server",
        "service",
        "size",
        "statuses",
        "steps",
    )

    def __init__(self, service: Service, given: TraceOperation) -> None:
        http, errors = given.http, given.errors
        self.service = service
        self.name = f"{http.method} {http.route}" if http else given.name
        self.destination = given.name
        self.route = pieces_of(http.route) if http else []
        self.latency = Latency(given.latency)
        self.error_rate = errors.rate
        self.error_type = errors.type or (str(errors.status) if http else _OTHER_ERROR)
        self.error_message = errors.message
        self.statuses = (http.status, errors.status) if http else None
        self.attributes: Attributes = tuple(given.attributes.items())
        where: Attributes = (("server.address", service.name), ("server.port", service.port))
        # https://opentelemetry.io/docs/specs/semconv/http/http-spans/
        self.server: Attributes = where
        self.client: Attributes = where
        if http:
            self.server = (("http.request.method", http.method), ("http.route", http.route), ("url.scheme", "http"), *where)
            self.client = (("http.request.method", http.method), ("url.template", http.route), *where)
        self.steps: list[list[Call]] = []
        self.depth = 1
        self.size = 1.0


class Call:
    """A call that an operation makes.

    Attributes:
        operation: that is called.
        probability: in which part of the requests.
        count: how often.
        parallel: whether all of these begin together.
        asynchronous: whether it is a message.
        ignored: whether the caller goes on where it fails.
    """

    __slots__ = ("asynchronous", "count", "ignored", "operation", "parallel", "probability")

    def __init__(self, operation: Operation, given: TraceCall) -> None:
        self.operation = operation
        self.probability = given.probability
        self.count = given.count
        self.parallel = given.parallel
        self.asynchronous = given.asynchronous
        self.ignored = given.on_error == "ignore"


class Traffic(NamedTuple):
    """Requests from outside.

    Attributes:
        operation: that is called.
        rate: how many come in a second.
        per_replica: to each pod, or in all.
        field: where they stand in the object.
    """

    operation: Operation
    rate: Rate
    per_replica: bool
    field: str


class Profile(NamedTuple):
    """A WorkloadTrace, compiled.

    Attributes:
        services: all of them.
        traffic: the requests that begin traces.
        network: how long a request, or an answer, takes from pod to pod.
        limits: how much is made at most.
    """

    services: tuple[Service, ...]
    traffic: tuple[Traffic, ...]
    network: Latency
    limits: TraceLimits

    def expected_size(self, operation: Operation) -> float:
        """About how many spans a request makes, with the limits; failures make fewer."""
        return min(operation.size, float(self.limits.spans_per_trace))


def pieces_of(route: str) -> list[str]:
    """What stands before, between and after `{…}`, where numbers are put."""
    return _PLACEHOLDER.split(route)
