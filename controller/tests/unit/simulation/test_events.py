# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from fake_clock import FakeClock, settle

from kwok_controller.kube import errors
from kwok_controller.simulation.events import ATTEMPTS, CACHE_LIMIT, QUEUE_LIMIT, ObjectReference, Recorder

POD = ObjectReference("v1", "Pod", "default", "web-0", "uid-1")
NODE = ObjectReference("v1", "Node", "", "node-1", "uid-2")


class MemoryClient:
    """Keeps Events as they come."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.events: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.failure: Callable[[str], errors.KubeError | None] = lambda method: None
        self.latency = 0.0

    async def request(
        self, method: str, path: str, *, body: bytes | None = None, content_type: str = "", verb: str = "", resource: str = ""
    ) -> bytes:
        if self.latency:
            await self.clock.sleep(self.latency)
        self.requests.append((method, path))
        failure = self.failure(method)
        if failure is not None:
            raise failure
        event = orjson.loads(body or b"")
        if method == "POST":
            key = f"{path}/{event['metadata']['name']}"
            assert key not in self.events
            self.events[key] = event
        else:
            if path not in self.events:
                raise errors.NotFound("expired", status=404, reason="NotFound")
            self.events[path].update(event)
        return b"{}"

    def all(self) -> list[dict[str, Any]]:
        return list(self.events.values())


@asynccontextmanager
async def recording(client: MemoryClient, **options: Any) -> AsyncIterator[Recorder]:
    recorder = Recorder(client, clock=client.clock, random=lambda: 0.0, **options)
    task = asyncio.create_task(recorder.run())
    try:
        yield recorder
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_an_event() -> None:
    async def scenario() -> None:
        client = MemoryClient(FakeClock(start_ns=1_700_000_000_123_456_789))
        async with recording(client, host="here") as recorder:
            assert recorder.send(POD, "Normal", "Created", "Created container: web")
            await settle()
        (event,) = client.all()
        assert event == {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"web-0.{1_700_000_000_123_456_789:x}", "namespace": "default"},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "web-0", "namespace": "default", "uid": "uid-1"},
            "type": "Normal",
            "reason": "Created",
            "message": "Created container: web",
            "source": {"component": "kwok_controller", "host": "here"},
            "count": 1,
            "firstTimestamp": "2023-11-14T22:13:20Z",
            "lastTimestamp": "2023-11-14T22:13:20Z",
            "reportingComponent": "kwok_controller",
            "reportingInstance": "here",
        }

    asyncio.run(scenario())


def test_of_a_cluster_scoped_object_it_is_in_the_default_namespace() -> None:
    async def scenario() -> None:
        client = MemoryClient(FakeClock())
        async with recording(client) as recorder:
            recorder.send(NODE, "Warning", "Rebooted", "…")
            await settle()
        (event,) = client.all()
        assert event["metadata"]["namespace"] == "default"
        assert "namespace" not in event["involvedObject"]

    asyncio.run(scenario())


def test_what_repeats_is_counted_by_a_patch() -> None:
    async def scenario() -> None:
        client = MemoryClient(FakeClock())
        async with recording(client) as recorder:
            for _ in range(3):
                recorder.send(POD, "Normal", "Pulled", "same")
                await client.clock.advance(60)
            recorder.send(POD, "Normal", "Pulled", "other")
            await settle()
        first, second = client.all()
        assert (first["count"], first["firstTimestamp"], first["lastTimestamp"]) == (3, "2023-11-14T22:13:20Z", "2023-11-14T22:15:20Z")
        assert second["count"] == 1
        assert [method for method, _path in client.requests] == ["POST", "PATCH", "PATCH", "POST"]

    asyncio.run(scenario())


def test_what_repeats_while_it_waits_costs_nothing() -> None:
    async def scenario() -> None:
        client = MemoryClient(FakeClock())
        client.latency = 1.0
        async with recording(client) as recorder:
            for _ in range(10):
                assert recorder.send(POD, "Normal", "Pulled", "same")
                await client.clock.advance(0.1)
            await client.clock.advance(5)
        (event,) = client.all()
        assert event["count"] == 10
        assert len(client.requests) == 2

    asyncio.run(scenario())


def test_an_event_that_the_apiserver_has_forgotten_is_made_again() -> None:
    async def scenario() -> None:
        client = MemoryClient(FakeClock())
        async with recording(client) as recorder:
            recorder.send(POD, "Normal", "Pulled", "same")
            await client.clock.advance(3601)
            client.events.clear()
            recorder.send(POD, "Normal", "Pulled", "same")
            await settle()
        (event,) = client.all()
        assert event["count"] == 2

    asyncio.run(scenario())


def test_an_object_with_too_many_gets_no_more_for_a_while() -> None:
    async def scenario() -> None:
        client = MemoryClient(FakeClock())
        async with recording(client) as recorder:
            taken = [recorder.send(POD, "Normal", "Pulled", f"number {number}") for number in range(40)]
            assert taken == [True] * 25 + [False] * 15
            assert recorder.dropped == 15
            assert recorder.send(NODE, "Normal", "Ready", "another object")
            await client.clock.advance(301)
            assert recorder.send(POD, "Normal", "Pulled", "after 300 s")
            assert not recorder.send(POD, "Normal", "Pulled", "and one more")

    asyncio.run(scenario())


def test_the_queue_is_bounded() -> None:
    client = MemoryClient(FakeClock())
    recorder = Recorder(client, clock=client.clock)
    pods = [POD._replace(name=f"pod-{number}") for number in range(QUEUE_LIMIT + 10)]
    taken = [recorder.send(pod, "Normal", "Created", "x") for pod in pods]
    assert taken == [True] * QUEUE_LIMIT + [False] * 10
    assert recorder.dropped == 10
    assert recorder.send(pods[0], "Normal", "Created", "x"), "counting on needs no room"


def test_what_is_remembered_is_bounded() -> None:
    async def scenario() -> None:
        client = MemoryClient(FakeClock())
        async with recording(client) as recorder:
            for number in range(CACHE_LIMIT + 100):
                recorder.send(POD._replace(name=f"pod-{number}"), "Normal", "Created", "x")
                if number % 500 == 0:
                    await settle()
            await settle()
            assert len(client.events) == CACHE_LIMIT + 100
            assert len(recorder._entries) <= CACHE_LIMIT
            assert len(recorder._buckets) <= CACHE_LIMIT

    asyncio.run(scenario())


@pytest.mark.parametrize("type_", ["", "Error", "normal"])
def test_an_unknown_type_is_not_sent(type_: str) -> None:
    client = MemoryClient(FakeClock())
    recorder = Recorder(client, clock=client.clock)
    assert not recorder.send(POD, type_, "Created", "x")
    assert len(recorder) == 0


@pytest.mark.parametrize(
    "failure",
    [
        errors.Unreachable("refused"),
        errors.ConnectionConfigError("kubeconfig", "users[me].user.exec", "the plugin fails", "Look at its output"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_an_outage_is_waited_for(failure: errors.KubeError) -> None:
    async def scenario() -> None:
        client = MemoryClient(FakeClock())
        client.failure = lambda method: failure
        async with recording(client) as recorder:
            recorder.send(POD, "Normal", "Created", "x")
            await client.clock.advance(20)
            assert 3 <= len(client.requests) < ATTEMPTS
            client.failure = lambda method: None
            await client.clock.advance(10)
            assert len(client.all()) == 1
            assert recorder.dropped == 0

    asyncio.run(scenario())


def test_but_not_for_ever() -> None:
    async def scenario() -> None:
        client = MemoryClient(FakeClock())
        client.failure = lambda method: errors.Unreachable("refused")
        async with recording(client) as recorder:
            recorder.send(POD, "Normal", "Created", "x")
            await client.clock.advance(600)
            assert len(client.requests) == ATTEMPTS
            assert (recorder.dropped, len(recorder)) == (1, 0)

    asyncio.run(scenario())


def test_one_that_is_refused_is_not_tried_again() -> None:
    async def scenario() -> None:
        client = MemoryClient(FakeClock())
        client.failure = lambda method: errors.Forbidden("namespace is being terminated", status=403, reason="Forbidden")
        async with recording(client) as recorder:
            recorder.send(POD, "Normal", "Created", "x")
            await client.clock.advance(600)
            assert len(client.requests) == 1
            assert recorder.dropped == 1

    asyncio.run(scenario())


def test_flush_sends_what_is_left() -> None:
    async def scenario() -> None:
        client = MemoryClient(FakeClock())
        client.latency = 1.0
        async with recording(client) as recorder:
            for number in range(20):
                recorder.send(POD._replace(name=f"pod-{number}"), "Normal", "Created", "x")
            await client.clock.advance(0.5)
        client.latency = 0.0
        assert await recorder.flush() == 0
        assert len(client.all()) == 20

    asyncio.run(scenario())


def test_flush_ends_in_time() -> None:
    async def scenario() -> None:
        client = MemoryClient(FakeClock())
        client.latency = 1.0
        recorder = Recorder(client, clock=client.clock)
        for number in range(20):
            recorder.send(POD._replace(name=f"pod-{number}"), "Normal", "Created", "x")
        assert await recorder.flush(timeout=0.01) == 20

    asyncio.run(scenario())
