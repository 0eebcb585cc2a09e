# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Spans as a request of OTLP. Imported only where traces are sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from kwok_controller import __version__
from kwok_controller.workload_traces.pods import Instance
from kwok_controller.workload_traces.walk import Span, SpanKind

SCOPE: Final = "kwok-controller/workload-traces"
"""Tells simulated spans from others."""

# opentelemetry/proto/trace/v1/trace.proto, SpanFlags: sampled; whether the parent is another process's is known; it is.
_SAMPLED: Final = 0x1
_KNOWN: Final = 0x100
_REMOTE: Final = 0x200
_SERVING: Final = (SpanKind.SERVER, SpanKind.CONSUMER)

_KINDS: Final = {
    SpanKind.SERVER: OtlpSpan.SPAN_KIND_SERVER,
    SpanKind.CLIENT: OtlpSpan.SPAN_KIND_CLIENT,
    SpanKind.PRODUCER: OtlpSpan.SPAN_KIND_PRODUCER,
    SpanKind.CONSUMER: OtlpSpan.SPAN_KIND_CONSUMER,
}


def request_of(spans: Sequence[Span]) -> ExportTraceServiceRequest:
    """A request with spans, those of a pod together."""
    by_instance: dict[Instance, list[Span]] = {}
    for span in spans:
        by_instance.setdefault(span.instance, []).append(span)
    scope = InstrumentationScope(name=SCOPE, version=__version__)
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=_attributes(instance.resource)),
                scope_spans=[ScopeSpans(scope=scope, spans=map(_span, made))],
            )
            for instance, made in by_instance.items()
        ]
    )


def _span(span: Span) -> OtlpSpan:
    remote = _REMOTE if span.parent_id and span.kind in _SERVING else 0
    made = OtlpSpan(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_id,
        flags=_SAMPLED | _KNOWN | remote,
        name=span.name,
        kind=_KINDS[span.kind],
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        attributes=_attributes(span.attributes),
    )
    if span.failed:
        made.status.code = Status.STATUS_CODE_ERROR
        made.status.message = span.message
    return made


def _attributes(attributes: Iterable[tuple[str, str | int]]) -> list[KeyValue]:
    return [_attribute(key, value) for key, value in attributes]


# Most attributes are the same on many spans.
@lru_cache(maxsize=4096)
def _attribute(key: str, value: str | int) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value))
