# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Spans on their way to a receiver, which is there or not."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator

import pytest
from fake_clock import FakeClock
from otlp_receiver import Receiver, attributes
from workloads import START, call, instances, operation, pod, profile, trace

from kwok_controller.workload_traces.slots import Slot
from kwok_controller.workload_traces.walk import Span, SpanKind

pytest.importorskip("grpc")

from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from kwok_controller.emission import export as module
from kwok_controller.emission.encoding import SCOPE, request_of
from kwok_controller.emission.export import Answer, Exporter


class Counted:
    def __init__(self) -> None:
        self.counts = {"sent": 0, "dropped": 0, "failed": 0}

    def sent(self, spans: int) -> None:
        self.counts["sent"] += spans

    def dropped(self, spans: int) -> None:
        self.counts["dropped"] += spans

    def failed(self, spans: int) -> None:
        self.counts["failed"] += spans

    def of(self) -> tuple[int, int, int]:
        return self.counts["sent"], self.counts["dropped"], self.counts["failed"]


def made(seconds: int = 1) -> list[Span]:
    """Spans of two services, with errors and messages."""
    services = {
        "web": [operation("home", "db read", call("mail welcome", asynchronous=True), route="/{id}")],
        "db": [operation("read", errors={"rate": 0.5, "message": "no"})],
        "mail": [operation("welcome")],
    }
    shop = profile(trace(services, ("web home", {"value": 20})))
    found = instances(shop, *(pod(f"{name}-{number}", name) for name in services for number in range(2)))
    slots = [Slot(shop, "shop/shop", 1, START + second, found) for second in range(seconds)]
    return [span for slot in slots for each in slot.traces(100_000) for span in each.spans]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not done():
            await asyncio.sleep(0.01)


def test_a_receiver_gets_what_was_made(receiver: Receiver) -> None:
    spans = made()

    async def main() -> Counted:
        counted = Counted()
        exporter = Exporter(f"127.0.0.1:{receiver.port}", FakeClock(), counted)
        running = asyncio.create_task(exporter.run())
        exporter.put(spans)
        await until(lambda: counted.counts["sent"] > 0)
        running.cancel()
        exporter.put(spans[:3])
        await exporter.close()
        return counted

    assert asyncio.run(main()).of() == (len(spans) + 3, 0, 0)
    (request, last) = receiver.requests
    assert sum(len(scope.spans) for each in last.resource_spans for scope in each.scope_spans) == 3
    got = {
        span.span_id: (attributes(each.resource), scope.scope.name, span)
        for each in request.resource_spans
        for scope in each.scope_spans
        for span in scope.spans
    }
    # One for each pod.
    assert len(request.resource_spans) == 6
    assert set(got) == {span.span_id for span in spans}
    for span in spans:
        resource, scope, sent = got[span.span_id]
        assert resource == dict(span.instance.resource)
        assert scope == SCOPE
        assert (sent.trace_id, sent.parent_span_id, sent.name, sent.kind) == (span.trace_id, span.parent_id, span.name, span.kind.value)
        assert (sent.start_time_unix_nano, sent.end_time_unix_nano) == (span.start_ns, span.end_ns)
        assert attributes(sent) == dict(span.attributes)
        assert (sent.status.code, sent.status.message) == ((2, span.message) if span.failed else (0, ""))
        assert bool(sent.flags & 0x200) == bool(span.parent_id and span.kind in (SpanKind.SERVER, SpanKind.CONSUMER))
        assert sent.flags & 0x101 == 0x101
    assert {span.failed for span in spans} == {True, False}
    assert {span.kind for span in spans} == set(SpanKind)


def test_kinds_are_those_of_otlp() -> None:
    for kind in SpanKind:
        assert OtlpSpan.SpanKind.Value(f"SPAN_KIND_{kind.name}") == kind.value


def test_what_there_is_no_room_for_is_dropped_trace_by_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_QUEUED", 10)
    spans = made()

    async def main() -> tuple[int, Counted]:
        counted = Counted()
        exporter = Exporter("127.0.0.1:9", FakeClock(), counted)
        for at in range(0, 16, 4):
            exporter.put(spans[at : at + 4])
        queued = exporter.queued()
        exporter.put(spans[:2])
        monkeypatch.setattr(exporter, "_send", lambda batch: Answer(len(batch), "UNAVAILABLE", again=True))
        await exporter.close()
        return queued, counted

    queued, counted = asyncio.run(main())
    assert queued == 8
    assert counted.of() == (0, 8, 10)


def test_a_receiver_that_is_away_is_tried_again_and_then_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [Answer(4, "UNAVAILABLE: no", again=True)] * 4 + [Answer(0, "", again=False), Answer(1, "one is odd", again=False)]
    caplog.set_level(logging.INFO)

    async def main() -> tuple[Counted, list[int]]:
        counted, clock = Counted(), FakeClock()
        sent: list[int] = []
        exporter = Exporter("127.0.0.1:9", clock, counted)

        def send(batch: list[Span]) -> Answer:
            sent.append(len(batch))
            return answers[len(sent) - 1]

        monkeypatch.setattr(exporter, "_send", send)
        running = asyncio.create_task(exporter.run())
        spans = made()
        for count in range(1, 4):
            exporter.put(spans[:4])
            while exporter.queued() or sum(counted.of()) < 4 * count:
                await asyncio.sleep(0.005)
                await clock.advance(60)
        running.cancel()
        await exporter.close()
        return counted, sent

    counted, sent = asyncio.run(main())
    # The first batch is given up after three attempts; the second one gets through with its second.
    assert sent == [4] * 6
    assert counted.of() == (4 + 3, 0, 4 + 1)
    messages = [record.getMessage() for record in caplog.records]
    assert messages.count("workload traces are taken again") == 1
    # Once for each time that something begins to be wrong.
    assert messages.count("workload traces cannot be sent") == 2


def test_nobody_there_is_no_matter_for_the_event_loop() -> None:
    async def main() -> tuple[Counted, float]:
        counted = Counted()
        exporter = Exporter("127.0.0.1:9", FakeClock(), counted)
        running = asyncio.create_task(exporter.run())
        exporter.put(made()[:4])
        longest, before = 0.0, time.perf_counter()
        while not exporter._failures:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, before = max(longest, now - before), now
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await exporter.close()
        return counted, longest

    counted, longest = asyncio.run(main())
    assert counted.of() == (0, 4, 0)
    assert longest < 1


def test_texts_that_are_none_are_refused_and_nothing_else_happens() -> None:
    (span, *_) = made()
    bad = span._replace(name="\ud800")

    async def main() -> Answer:
        exporter = Exporter("127.0.0.1:9", FakeClock(), Counted())
        answer = await asyncio.to_thread(exporter._send, [bad])
        await exporter.close()
        return answer

    answer = asyncio.run(main())
    assert (answer.refused, answer.again) == (1, False)
    assert answer.problem


def test_a_batch_fits_into_a_message() -> None:
    spans = made(30)[: module.BATCH]

    assert len(spans) == module.BATCH
    assert request_of(spans).ByteSize() < 2 * 2**20
