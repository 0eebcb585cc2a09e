# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""WorkloadTrace: services and how they call each other, for traces of simulated workloads. A kind of ours, which kwok does not have."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from kwok_controller.api.meta import FollowedStatus, ObjectMeta, doc, list_map
from kwok_controller.api.usage import Quantity

NonEmpty = Annotated[str, Meta(min_length=1)]
Chance = Annotated[float, Meta(ge=0, le=1)]
Duration = Annotated[str, Meta(pattern=r"^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$", title="a duration such as 20ms or 1m30s")]

Distribution = Literal["constant", "uniform", "exponential", "lognormal"]


class TraceLatency(Struct, frozen=True, kw_only=True, rename="camel"):
    """How long something takes."""

    distribution: Annotated[Distribution, doc("How durations are spread: constant, uniform, exponential or lognormal.")] = "lognormal"
    median: Annotated[Duration | None, doc("Half of all durations are shorter. Not for uniform.")] = None
    p99: Annotated[Duration | None, doc("All but one of a hundred durations are shorter. For lognormal.")] = None
    min: Annotated[Duration | None, doc("No duration is shorter.")] = None
    max: Annotated[Duration | None, doc("No duration is longer.")] = None


class TraceHTTP(Struct, frozen=True, kw_only=True, rename="camel"):
    """How an operation is called by HTTP."""

    method: Annotated[Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], doc("The method of requests.")] = "GET"
    route: Annotated[NonEmpty, doc("The route, such as /products/{id}: in paths, numbers stand for what is in braces.")]
    status: Annotated[Annotated[int, Meta(ge=100, le=399)], doc("The status code of what succeeds.")] = 200


class TraceErrors(Struct, frozen=True, kw_only=True, rename="camel"):
    """How an operation fails."""

    rate: Annotated[Chance, doc("Which part of the requests fails of itself, from 0 to 1. Those that fail with a call come on top.")] = 0.0
    status: Annotated[Annotated[int, Meta(ge=400, le=599)], doc("The HTTP status code of what fails.")] = 500
    type: Annotated[str, doc("The error's type. Of HTTP, the status code when not set.")] = ""
    message: Annotated[str, doc("What the span's status says of the error.")] = ""


class TraceCall(Struct, frozen=True, kw_only=True, rename="camel"):
    """A call that an operation makes."""

    service: Annotated[NonEmpty, doc("The service that is called.")]
    operation: Annotated[NonEmpty, doc("The operation of that service.")]
    probability: Annotated[Chance, doc("In which part of the requests the call is made, from 0 to 1.")] = 1.0
    count: Annotated[Annotated[int, Meta(ge=1, le=100)], doc("How often the call is made.")] = 1
    parallel: Annotated[
        bool, doc("Whether it begins together with the call before it, and all of its count together, and not one after the other.")
    ] = False
    asynchronous: Annotated[bool, doc("Whether it is a message that nobody waits for: it may end later, and its errors are its own.")] = (
        False
    )
    on_error: Annotated[Literal["fail", "ignore"], doc("What becomes of the caller where the call fails: it fails, too, or goes on.")] = (
        "fail"
    )


class TraceOperation(Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that a service does."""

    name: Annotated[NonEmpty, doc("The operation's name. It is the name of its spans, too, where there is no HTTP.")]
    http: Annotated[TraceHTTP | None, doc("How it is called by HTTP. By something else when not set.")] = None
    latency: Annotated[TraceLatency | None, doc("How long its own work takes, without its calls. No time when not set.")] = None
    errors: Annotated[TraceErrors, doc("How it fails.")] = field(default_factory=TraceErrors)
    calls: Annotated[list[TraceCall], doc("The calls that it makes, in order.")] = field(default_factory=list)
    attributes: Annotated[dict[str, str], doc("Further attributes of its spans.")] = field(default_factory=dict)


class TraceSelector(Struct, frozen=True, kw_only=True, rename="camel"):
    """Which pods of the namespace a service consists of."""

    match_labels: Annotated[dict[str, str], doc("Labels that the pods have, all of them.")]


class TraceService(Struct, frozen=True, kw_only=True, rename="camel"):
    """A service."""

    name: Annotated[NonEmpty, doc("The service's name, as traces show it.")]
    selector: Annotated[TraceSelector, doc("Which pods of the object's namespace the service consists of.")]
    container: Annotated[str, doc("The container of the pods that spans come from. The first one when not set.")] = ""
    port: Annotated[Annotated[int, Meta(ge=1, le=65535)], doc("The port at which it is called.")] = 80
    attributes: Annotated[dict[str, str], doc("Further attributes of the service's resource.")] = field(default_factory=dict)
    operations: Annotated[list[TraceOperation], list_map("name"), doc("What the service does.")]


class TraceRate(Struct, frozen=True, kw_only=True, rename="camel"):
    """How many requests come in a second."""

    value: Annotated[Quantity | None, doc("A fixed number, such as 5 or 500m.")] = None
    expression: Annotated[
        str | None, doc("A CEL expression of the number, used when there is no fixed one. It may name the patterns of usages.")
    ] = None
    per: Annotated[Literal["service", "replica"], doc("Whether so many come to the service in all, or to each of its ready pods.")] = (
        "service"
    )


class TraceTraffic(Struct, frozen=True, kw_only=True, rename="camel"):
    """Requests that come from outside."""

    service: Annotated[NonEmpty, doc("The service that is called.")]
    operation: Annotated[NonEmpty, doc("The operation of that service.")]
    rate: Annotated[TraceRate, doc("How many requests come in a second.")]


class TraceLimits(Struct, frozen=True, kw_only=True, rename="camel"):
    """How much is made at most. Requests beyond are left out, and counted."""

    spans_per_second: Annotated[Annotated[int, Meta(ge=1, le=5000)], doc("Spans that begin within a second.")] = 500
    spans_per_trace: Annotated[Annotated[int, Meta(ge=1, le=1000)], doc("Spans of a trace: further calls are not made.")] = 200
    depth: Annotated[Annotated[int, Meta(ge=1, le=32)], doc("Operations below each other in a trace: deeper calls are not made.")] = 16


class WorkloadTraceSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Services, what they do, and who calls them."""

    services: Annotated[list[TraceService], list_map("name"), doc("The services.")]
    traffic: Annotated[list[TraceTraffic], doc("The requests that come from outside: each begins a trace.")] = field(default_factory=list)
    network: Annotated[TraceLatency | None, doc("How long a request, and its answer, takes from pod to pod. 500us when not set.")] = None
    limits: Annotated[TraceLimits, doc("How much is made at most.")] = field(default_factory=TraceLimits)


class WorkloadTrace(Struct, frozen=True, kw_only=True, rename="camel"):
    """Traces of simulated workloads."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[WorkloadTraceSpec, doc("Services, what they do, and who calls them.")]
    status: Annotated[FollowedStatus, doc("What has become of the object.")] = field(default_factory=FollowedStatus)
