# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Traces of plays and of requests to the apiserver, sent by OTLP over gRPC.

OpenTelemetry is imported only when an endpoint is given. What is traced asks `Tracing` for spans; without an endpoint that is
`NoTracing`, whose spans are one object that does nothing.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final, Protocol

from kwok_controller import __version__
from kwok_controller.telemetry.logs import get_logger

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, StatusCode

log = get_logger(__name__)

SERVICE_NAME = "kwok-controller"
EXTRA = "kwok-controller[tracing]"
# A collector that does not answer must not hold back the end of the process, in seconds.
EXPORT_TIMEOUT = 5.0
CLOSE_TIMEOUT = 5.0

_ENDPOINT = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")
_NOTHING = nullcontext()


class TracingError(Exception):
    """Tracing was asked for and cannot be had."""


class RequestSpan(Protocol):
    """The span of one request."""

    headers: dict[str, str]
    """What to send along (``traceparent``), so that the other side can join the trace."""

    def end(self, outcome: int | str) -> None:
        """The request was answered with this status, or failed with an error of this name."""


class Tracing(Protocol):
    """Where spans come from."""

    def play(self, api_group: str, kind: str, namespace: str, name: str, stage: str) -> AbstractContextManager[object]:
        """A span around the play of `stage`; requests sent within it belong to it."""

    def request(self, method: str, path: str) -> RequestSpan | None:
        """A span of a request that is about to be sent, if it is traced; `path` has no query."""

    async def close(self) -> None:
        """Send what is left, within a bound of time."""


class NoTracing:
    """Traces nothing."""

    def play(self, api_group: str, kind: str, namespace: str, name: str, stage: str) -> AbstractContextManager[object]:
        """Nothing."""
        return _NOTHING

    def request(self, method: str, path: str) -> RequestSpan | None:
        """Nothing."""
        return None

    async def close(self) -> None:
        """Nothing is left."""


NO_TRACING: Final = NoTracing()
"""The one that there needs to be."""


class OtlpTracing:
    """Traces by the OpenTelemetry SDK."""

    def __init__(self, provider: TracerProvider) -> None:
        """Take over `provider`: `close` ends it."""
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer(SERVICE_NAME, __version__)
        self._propagator = TraceContextTextMapPropagator()
        self._trace = trace

    def play(self, api_group: str, kind: str, namespace: str, name: str, stage: str) -> AbstractContextManager[object]:
        """A span around the play of `stage`; requests sent within it belong to it."""
        attributes = {
            "kwok.stage": stage,
            "k8s.object.api_group": api_group,
            "k8s.object.kind": kind,
            "k8s.object.namespace": namespace,
            "k8s.object.name": name,
        }
        return self._tracer.start_as_current_span(f"play {stage}", attributes=attributes)

    def request(self, method: str, path: str) -> RequestSpan | None:
        """A span of a request that is about to be sent; it belongs to the play that sends it."""
        # Names of attributes: OpenTelemetry's semantic conventions for HTTP clients.
        span = self._tracer.start_span(
            method, kind=self._trace.SpanKind.CLIENT, attributes={"http.request.method": method, "url.path": path}
        )
        headers: dict[str, str] = {}
        self._propagator.inject(headers, self._trace.set_span_in_context(span))
        return OtlpRequestSpan(span, headers, self._trace.StatusCode.ERROR)

    async def close(self) -> None:
        """Send what is left, within a bound of time."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await asyncio.to_thread(self._provider.shutdown)
        except TimeoutError:
            log.warning("Traces are left that could not be sent")


class OtlpRequestSpan:
    """A `RequestSpan` of OpenTelemetry."""

    __slots__ = ("_error", "_span", "headers")

    def __init__(self, span: Span, headers: dict[str, str], error: StatusCode) -> None:
        self._span = span
        self._error = error
        self.headers = headers

    def end(self, outcome: int | str) -> None:
        """The request was answered with this status, or failed with an error of this name."""
        if isinstance(outcome, int):
            self._span.set_attribute("http.response.status_code", outcome)
        if isinstance(outcome, str) or outcome >= 400:
            self._span.set_attribute("error.type", str(outcome))
            self._span.set_status(self._error)
        self._span.end()


def start_tracing(endpoint: str, sampling_rate_per_million: int, *, instance: str) -> Tracing:
    """Tracing to the OTLP gRPC receiver at `endpoint` (``host:port``, without TLS), or none where `endpoint` is empty.

    A trace that is begun elsewhere is followed as decided there; of those begun here so many per million are sent.

    Raises:
        TracingError: the endpoint is malformed, or OpenTelemetry is not installed.
    """
    if not endpoint:
        return NO_TRACING
    match = _ENDPOINT.fullmatch(endpoint)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise TracingError(f"--tracing-endpoint: {endpoint!r} is not HOST:PORT of an OTLP gRPC receiver, such as 127.0.0.1:4317")
    if not 0 <= sampling_rate_per_million <= 1_000_000:
        raise TracingError(f"--tracing-sampling-rate-per-million: {sampling_rate_per_million} is not between 0 and 1000000")
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ImportError as err:
        raise TracingError(f"--tracing-endpoint needs OpenTelemetry, and {err.name} is not installed: pip install '{EXTRA}'") from err
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(sampling_rate_per_million / 1_000_000)),
        resource=Resource.create({"service.name": SERVICE_NAME, "service.instance.id": instance}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True, timeout=EXPORT_TIMEOUT)))
    return OtlpTracing(provider)
