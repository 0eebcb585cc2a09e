# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Traces of what leads to plays, of plays and of requests to the apiserver, sent by OTLP over gRPC.

A trace is ``watch KIND`` → ``match KIND`` → ``play STAGE`` → one span for each request, whose apiserver may go on from there.

OpenTelemetry is imported only when an endpoint is given. What is traced asks `Tracing` for spans; without an endpoint that is
`NoTracing`, whose spans are one object that does nothing.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

from kwok_controller import __version__
from kwok_controller.telemetry.logs import get_logger

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
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


class Course(NamedTuple):
    """What led to a play, in seconds of a clock that never goes back.

    Attributes:
        read: when the change came; None where none did, as with a list or stages that changed.
        began: when its object was matched with the stages.
        ended: when that was done.
    """

    read: float | None
    began: float
    ended: float


class Play(NamedTuple):
    """A stage that is about to be played.

    Attributes:
        api_group: of the object's kind.
        kind: of the object.
        namespace: of the object; empty where it has none.
        name: of the object.
        stage: what is played.
        due: when it was to be played, by the clock of `course`.
        now: the time, by that clock.
        course: what led to it; None for another attempt.
    """

    api_group: str
    kind: str
    namespace: str
    name: str
    stage: str
    due: float = 0.0
    now: float = 0.0
    course: Course | None = None


class RequestSpan(Protocol):
    """The span of one request."""

    headers: dict[str, str]
    """What to send along (``traceparent``), so that the other side can join the trace."""

    def end(self, outcome: int | str) -> None:
        """The request was answered with this status, or failed with an error of this name."""


class Tracing(Protocol):
    """Where spans come from.

    Attributes:
        on: whether there are any, and it is worth to note what leads to a play.
    """

    on: bool

    def play(self, play: Play) -> AbstractContextManager[str | None]:
        """A span around a play, with what led to it before it; requests within it are its own. Gives the trace's id if that is kept."""

    def request(self, method: str, path: str) -> RequestSpan | None:
        """A span of a request that is about to be sent, if it is traced; `path` has no query."""

    async def close(self) -> None:
        """Send what is left, within a bound of time."""


class NoTracing:
    """Traces nothing."""

    on = False

    def play(self, play: Play) -> AbstractContextManager[str | None]:
        """Nothing."""
        return _NOTHING

    def request(self, method: str, path: str) -> RequestSpan | None:
        """Nothing."""
        return None

    async def close(self) -> None:
        """Nothing is left."""


NO_TRACING: Final = NoTracing()
"""The one that there needs to be."""


_LEFT_OUT: ContextVar[bool] = ContextVar("_LEFT_OUT", default=False)
"""Whether what runs belongs to a play that is not traced."""


class _LeftOut:
    """Around a play that is not traced. A span of the SDK that is not sampled would cost as much as half of the play."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token: Token[bool] = _LEFT_OUT.set(True)

    def __exit__(self, *exception: object) -> None:
        _LEFT_OUT.reset(self._token)


class OtlpTracing:
    """Traces by the OpenTelemetry SDK.

    Args:
        provider: has spans sent; `close` ends it.
        rate: the part of the traces that is sent. Whole ones: it is decided where they begin.
    """

    on = True

    def __init__(self, provider: TracerProvider, rate: float) -> None:
        from opentelemetry import trace

        self._provider = provider
        self._rate = rate
        self._tracer = provider.get_tracer(SERVICE_NAME, __version__)
        self._trace = trace

    def play(self, play: Play) -> AbstractContextManager[str | None]:
        """A span around a play, with what led to it before it; requests sent within it belong to it."""
        return self._kept(play) if self._keeps() else _LeftOut()

    def _keeps(self) -> bool:
        return random.random() < self._rate

    @contextmanager
    def _kept(self, play: Play) -> Iterator[str]:
        begin = self._led(play)
        attributes: dict[str, str | float] = {
            "kwok.stage": play.stage,
            "k8s.object.api_group": play.api_group,
            "k8s.object.kind": play.kind,
            "k8s.object.namespace": play.namespace,
            "k8s.object.name": play.name,
        }
        if play.course is not None:
            attributes["kwok.delay_seconds"] = max(0.0, play.due - play.course.ended)
            attributes["kwok.late_seconds"] = max(0.0, play.now - play.due)
        with self._tracer.start_as_current_span(f"play {play.stage}", context=begin, attributes=attributes) as span:
            yield f"{span.get_span_context().trace_id:032x}"

    def _led(self, play: Play) -> Context | None:
        """Spans of what led to a play: the context that it goes on from."""
        course = play.course
        if course is None:
            return None
        wall = time.time_ns()

        def at(moment: float) -> int:
            return wall - int((play.now - moment) * 1e9)

        context = None
        steps = [] if course.read is None else [("watch", course.read, course.began)]
        for step, begin, end in [*steps, ("match", course.began, course.ended)]:
            attributes = {"k8s.object.api_group": play.api_group, "k8s.object.kind": play.kind}
            span = self._tracer.start_span(f"{step} {play.kind}", context=context, start_time=at(begin), attributes=attributes)
            context = self._trace.set_span_in_context(span)
            span.end(at(end))
        return context

    def request(self, method: str, path: str) -> RequestSpan | None:
        """A span of a request that is about to be sent; it belongs to the play that sends it, if it is traced."""
        if _LEFT_OUT.get() or not (self._trace.get_current_span().is_recording() or self._keeps()):
            return None
        # Names of attributes: OpenTelemetry's semantic conventions for HTTP clients.
        span = self._tracer.start_span(
            method, kind=self._trace.SpanKind.CLIENT, attributes={"http.request.method": method, "url.path": path}
        )
        context = span.get_span_context()
        # Of the flags "sampled" alone. The SDK says "random", too, and what apiservers are built with takes no header that does.
        headers = {"traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-01"}
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


class TellingExporter:
    """Says once that traces are not taken, and once that they are again, where the exporter itself would say so with each attempt.

    Args:
        exporter: what sends them.
        endpoint: where to.
    """

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._endpoint = endpoint
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, or drop them."""
        result = self._exporter.export(spans)
        failed = result.name != "SUCCESS"
        if failed and not self._failing:
            log.error("Traces cannot be sent", endpoint=self._endpoint, remedy="see whether an OTLP gRPC receiver listens there")
        elif self._failing and not failed:
            log.info("Traces are taken again", endpoint=self._endpoint)
        self._failing = failed
        return result

    def shutdown(self) -> None:
        """End the connection."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have sent what the exporter holds."""
        return self._exporter.force_flush(timeout_millis)


def start_tracing(endpoint: str, sampling_rate_per_million: int, *, instance: str) -> Tracing:
    """Tracing to the OTLP gRPC receiver at `endpoint` (``host:port``, without TLS), or none where `endpoint` is empty.

    Of a million traces so many are sent.

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
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON
    except ImportError as err:
        raise TracingError(f"--tracing-endpoint needs OpenTelemetry, and {err.name} is not installed: pip install '{EXTRA}'") from err
    provider = TracerProvider(
        # Not what OTEL_TRACES_SAMPLER says: that is decided here.
        sampler=ALWAYS_ON,
        resource=Resource.create({"service.name": SERVICE_NAME, "service.instance.id": instance}),
        shutdown_on_exit=False,
    )
    logging.getLogger("opentelemetry.exporter.otlp").setLevel(logging.CRITICAL)
    exporter = TellingExporter(OTLPSpanExporter(endpoint=endpoint, insecure=True, timeout=EXPORT_TIMEOUT), endpoint)
    provider.add_span_processor(BatchSpanProcessor(cast("SpanExporter", exporter)))
    return OtlpTracing(provider, sampling_rate_per_million / 1_000_000)
