# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Sends spans by OTLP over gRPC, from a thread: the event loop never waits for a receiver, and what it cannot take is dropped."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from kwok_controller.emission.encoding import request_of
from kwok_controller.simulation.backoff import Backoff
from kwok_controller.simulation.clock import Clock
from kwok_controller.telemetry.logs import get_logger
from kwok_controller.workload_traces.walk import Span

_log = get_logger(__name__)

MOST_QUEUED: Final = 20_000
"""Spans that wait to be sent: four seconds at the highest rate."""

BATCH: Final = 1000
"""Spans of a request: some 500 KB, of the 4 MiB that a receiver of gRPC takes."""

TIMEOUT_S: Final = 5.0
CLOSE_S: Final = 5.0
"""For a request, and for all that is left at the end."""

ATTEMPTS: Final = 3
"""To send a batch, before it is given up."""

_AGAIN: Final = Backoff(initial=1.0, factor=2.0, cap=30.0, jitter=0.2)
# Without it, a channel may not notice for two minutes that its receiver is back.
_OPTIONS: Final = (("grpc.max_reconnect_backoff_ms", 10_000),)
# https://opentelemetry.io/docs/specs/otlp/#failures
_RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
    }
)


class Metrics(Protocol):
    """What is needed of `telemetry.workload_metrics.WorkloadMetrics`."""

    def sent(self, spans: int) -> None:
        """Count spans that a receiver took."""

    def dropped(self, spans: int) -> None:
        """Count spans that there was no room for."""

    def failed(self, spans: int) -> None:
        """Count spans that no receiver took."""


class Answer(NamedTuple):
    """What a receiver said.

    Attributes:
        refused: spans that it did not take.
        problem: why, or why there was no answer; empty: all is well.
        again: whether another attempt may help.
    """

    refused: int
    problem: str
    again: bool


class Exporter:
    """Spans on their way.

    Args:
        endpoint: of the receiver, HOST:PORT, without TLS.
        clock: the time.
        metrics: counts.
    """

    def __init__(self, endpoint: str, clock: Clock, metrics: Metrics) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._metrics = metrics
        self._channel = grpc.insecure_channel(endpoint, options=_OPTIONS)
        self._stub = TraceServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._queue: deque[Span] = deque()
        self._some = asyncio.Event()
        self._failures = 0

    def queued(self) -> int:
        """Spans that wait."""
        return len(self._queue)

    def put(self, spans: Sequence[Span]) -> None:
        """Have spans sent; all of them are dropped where there is no room for them."""
        if len(self._queue) + len(spans) > MOST_QUEUED:
            self._metrics.dropped(len(spans))
            return
        self._queue.extend(spans)
        self._some.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._some.wait()
            batch = self._take()
            try:
                await self._deliver(batch)
            except asyncio.CancelledError:
                self._metrics.dropped(len(batch))
                raise

    async def close(self) -> None:
        """Send what is left, within a bound of time, and end the connection."""
        try:
            async with asyncio.timeout(CLOSE_S):
                while self._queue and not self._failures:
                    await self._attempt(self._take())
        except TimeoutError:
            _log.warning("workload traces are left that could not be sent")
        self._metrics.dropped(len(self._queue))
        self._queue.clear()
        await asyncio.to_thread(self._channel.close)

    def _take(self) -> list[Span]:
        batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
        if not self._queue:
            self._some.clear()
        return batch

    async def _deliver(self, batch: list[Span]) -> None:
        for _ in range(ATTEMPTS - 1):
            if not await self._attempt(batch, last=False):
                return
            await self._clock.sleep(_AGAIN.delay(self._failures - 1, lambda: 0.5))
        await self._attempt(batch)

    async def _attempt(self, batch: list[Span], *, last: bool = True) -> bool:
        """Try to send a batch; whether that should be done again, which it is not after the last attempt."""
        answer = await asyncio.to_thread(self._send, batch)
        self._say(answer)
        if answer.again and not last:
            return True
        self._metrics.sent(len(batch) - answer.refused)
        self._metrics.failed(answer.refused)
        return False

    def _say(self, answer: Answer) -> None:
        if not answer.problem:
            if self._failures:
                _log.info("workload traces are taken again", endpoint=self._endpoint)
            self._failures = 0
            return
        self._failures += 1
        if self._failures == 1:
            remedy = "see whether an OTLP gRPC receiver listens there"
            _log.error("workload traces cannot be sent", endpoint=self._endpoint, error=answer.problem, remedy=remedy)

    def _send(self, batch: list[Span]) -> Answer:
        """In a thread: encode and send."""
        try:
            answer = self._stub.Export(request_of(batch), timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            code = error.code()
            return Answer(len(batch), f"{code.name}: {error.details()}", code in _RETRYABLE)
        except Exception as error:
            # Texts that are no UTF-8, a channel that is closed, a fault of ours: none of them may stop the simulation.
            return Answer(len(batch), f"{type(error).__name__}: {error}", again=False)
        refused = answer.partial_success.rejected_spans
        return Answer(refused, answer.partial_success.error_message or "some spans are refused" if refused else "", again=False)
