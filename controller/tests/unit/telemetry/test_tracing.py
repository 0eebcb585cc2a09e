# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest
from otlp_receiver import Receiver, attributes

from kwok_controller.telemetry.tracing import Course, NoTracing, OtlpTracing, Play, TellingExporter, TracingError, start_tracing

WEB = Play("v1", "Pod", "default", "web-1", "pod-ready")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


def test_a_play_and_its_requests_are_one_trace(receiver: Receiver) -> None:
    async def main() -> dict[str, str]:
        tracing = start_tracing(f"127.0.0.1:{receiver.port}", 1_000_000, instance="host_1")
        with tracing.play(WEB) as trace:
            span = tracing.request("PATCH", "/api/v1/namespaces/default/pods/web-1/status")
            assert span is not None
            headers = dict(span.headers)
            span.end(200)
            failed = tracing.request("GET", "/api/v1/nodes")
            assert failed is not None
            failed.end("Timeout")
        await tracing.close()
        assert trace is not None
        assert trace in headers["traceparent"]
        return headers

    headers = asyncio.run(main())
    spans = {span.name: span for span in receiver.spans}
    play, patch, get = spans["play pod-ready"], spans["PATCH"], spans["GET"]
    assert patch.trace_id == get.trace_id == play.trace_id
    assert patch.parent_span_id == get.parent_span_id == play.span_id
    assert not play.parent_span_id
    # kubernetes v1.36 has go.opentelemetry.io/otel v1, whose propagator refuses flags above 2 in version 00.
    assert headers == {"traceparent": f"00-{patch.trace_id.hex()}-{patch.span_id.hex()}-01"}
    assert attributes(play)["k8s.object.name"] == "web-1"
    assert attributes(patch)["http.response.status_code"] == 200
    assert attributes(get)["error.type"] == "Timeout"
    resource = attributes(receiver.requests[0].resource_spans[0].resource)
    assert (resource["service.name"], resource["service.instance.id"]) == ("kwok-controller", "host_1")


def test_what_led_to_a_play_goes_before_it(receiver: Receiver) -> None:
    async def main() -> None:
        tracing = start_tracing(f"127.0.0.1:{receiver.port}", 1_000_000, instance="host_1")
        with tracing.play(WEB._replace(due=112.0, now=112.5, course=Course(100.0, 100.5, 102.0))):
            span = tracing.request("PATCH", "/x")
            assert span is not None
            span.end(200)
        with tracing.play(WEB._replace(name="listed", due=1.0, now=2.0, course=Course(None, 1.0, 1.0))):
            pass
        await tracing.close()

    asyncio.run(main())
    one, listed = (
        [span for span in receiver.spans if span.trace_id == trace] for trace in dict.fromkeys(s.trace_id for s in receiver.spans)
    )
    spans = {span.name: span for span in one}
    chain = [spans[name] for name in ("watch Pod", "match Pod", "play pod-ready", "PATCH")]
    assert [span.parent_span_id for span in chain] == [b"", *(span.span_id for span in chain[:-1])]
    watch, match, play, _ = chain
    assert [span.end_time_unix_nano - span.start_time_unix_nano for span in (watch, match)] == [500_000_000, 1_500_000_000]
    assert watch.end_time_unix_nano == match.start_time_unix_nano
    # The clocks of both kinds are read one after the other.
    assert play.start_time_unix_nano - watch.start_time_unix_nano == pytest.approx(12_500_000_000, abs=500_000_000)
    assert attributes(play)["kwok.delay_seconds"] == 10.0
    assert attributes(play)["kwok.late_seconds"] == 0.5
    assert [span.name for span in sorted(listed, key=lambda span: len(span.parent_span_id))] == ["match Pod", "play pod-ready"]


def test_a_rate_of_zero_sends_nothing_and_leaves_the_apiserver_to_itself(receiver: Receiver) -> None:
    async def main() -> None:
        tracing = start_tracing(f"127.0.0.1:{receiver.port}", 0, instance="host_1")
        with tracing.play(WEB._replace(course=Course(0.0, 0.0, 0.0))) as trace:
            assert trace is None
            assert tracing.request("GET", "/api/v1/nodes") is None
        assert tracing.request("GET", "/api/v1/nodes") is None
        await tracing.close()

    asyncio.run(main())
    assert receiver.spans == []


def test_a_rate_in_between_samples_whole_traces(receiver: Receiver) -> None:
    async def main() -> None:
        tracing = start_tracing(f"127.0.0.1:{receiver.port}", 250_000, instance="host_1")
        for number in range(400):
            with tracing.play(WEB._replace(name=f"web-{number}")):
                span = tracing.request("GET", "/x")
                if span is not None:
                    span.end(200)
        await tracing.close()

    asyncio.run(main())
    plays = {span.trace_id for span in receiver.spans if span.name == "play pod-ready"}
    requests = {span.trace_id for span in receiver.spans if span.name == "GET"}
    assert plays == requests
    # 400 draws of 1/4: 100 expected, 8.7 standard deviation; six of them to either side.
    assert 48 < len(plays) < 152


def test_a_receiver_that_is_not_there_does_not_hold_back_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> float:
        tracing = start_tracing("127.0.0.1:1", 1_000_000, instance="host_1")
        with tracing.play(WEB):
            pass
        begin = asyncio.get_running_loop().time()
        await tracing.close()
        return asyncio.get_running_loop().time() - begin

    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc.trace_exporter")
    assert asyncio.run(main()) < 8
    assert {record.name.partition(".")[0] for record in caplog.records} <= {"kwok_controller", "asyncio"}


def test_a_receiver_that_is_away_is_told_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    answers = [export.SpanExportResult.FAILURE] * 2 + [export.SpanExportResult.SUCCESS] * 2 + [export.SpanExportResult.FAILURE]
    exporter = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
    monkeypatch.setattr(exporter, "export", lambda spans: answers.pop(0))
    telling = TellingExporter(exporter, "localhost:4317")
    with caplog.at_level("INFO"):
        while answers:
            expected = answers[0]
            assert telling.export(()) is expected
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("ERROR", "Traces cannot be sent"),
        ("INFO", "Traces are taken again"),
        ("ERROR", "Traces cannot be sent"),
    ]
    assert telling.force_flush()
    telling.shutdown()


def test_without_an_endpoint_nothing_is_traced_or_imported() -> None:
    tracing = start_tracing("", 0, instance="host_1")
    assert isinstance(tracing, NoTracing)
    assert tracing.request("GET", "/x") is None
    with tracing.play(WEB):
        pass
    asyncio.run(tracing.close())
    code = (
        "import sys, kwok_controller.telemetry.tracing as t; t.start_tracing('', 0, instance=''); sys.exit('opentelemetry' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=False).returncode == 0


@pytest.mark.parametrize("endpoint", ["localhost", "http://localhost:4317", "localhost:", ":4317", "localhost:99999", "a b:1"])
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(TracingError, match=r"^--tracing-endpoint: .* is not HOST:PORT of an OTLP gRPC receiver"):
        start_tracing(endpoint, 0, instance="host_1")


@pytest.mark.parametrize("rate", [-1, 1_000_001])
def test_a_rate_out_of_bounds_is_refused(rate: int) -> None:
    with pytest.raises(TracingError, match=r"^--tracing-sampling-rate-per-million: .* is not between 0 and 1000000"):
        start_tracing("localhost:4317", rate, instance="host_1")


def test_missing_opentelemetry_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    with pytest.raises(TracingError, match=r"pip install 'kwok-controller\[tracing\]'"):
        start_tracing("localhost:4317", 0, instance="host_1")


def test_opentelemetry_is_used_when_it_is_there() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc.trace_exporter")
    tracing = start_tracing("[::1]:4317", 1, instance="host_1")
    assert isinstance(tracing, OtlpTracing)
    asyncio.run(tracing.close())
