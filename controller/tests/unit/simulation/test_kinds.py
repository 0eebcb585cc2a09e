# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from engine import WIDGET, WIDGETS
from fake_clock import FakeClock, settle

from kwok_controller.api.stage import StageResourceRef
from kwok_controller.kube.client import Client
from kwok_controller.kube.discovery import Discovery
from kwok_controller.kube.resources import NODES
from kwok_controller.kube.watch import Change, Key, WatchEvent, WatchHooks
from kwok_controller.simulation import kinds
from kwok_controller.simulation.functions import NODE
from kwok_controller.simulation.kinds import Kind, Selection, Tools
from kwok_controller.simulation.observer import ObservedKind
from kwok_controller.simulation.policy import Disregard, Policy
from kwok_controller.simulation.queue import DelayQueue
from kwok_controller.simulation.resources import Controller
from kwok_controller.simulation.tracked import Job
from kwok_controller.telemetry.metrics import Metrics


def tools_of(
    clock: FakeClock,
    *,
    metrics: Metrics,
    client: object = None,
    calm: asyncio.Event | None = None,
    observer: Told | None = None,
    traced: bool = False,
) -> Tools:
    """What a kind works with; nobody listens to what it reports."""
    return Tools(
        client=cast(Client, client),
        discovery=cast(Discovery, None),
        queue=DelayQueue[Job](clock),
        clock=clock,
        seed=1,
        metrics=metrics,
        report=lambda stage, error, reason: None,
        report_kind=lambda ref, reason, message: None,
        calm=calm or asyncio.Event(),
        observer=observer,
        traced=traced,
    )


class Lists:
    """A client that can list, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    async def list(self, resource: object, **selectors: str) -> AsyncIterator[dict[str, Any]]:
        self.asked.append(selectors)
        yield {"metadata": {"name": "one", "managedFields": [{}]}}


class Told:
    """What an observer is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []

    def begun(self, kind: ObservedKind) -> None:
        self.calls.append(("begun", kind))

    def observed(self, kind: ObservedKind, key: Key, obj: dict[str, Any]) -> None:
        self.calls.append(("observed", kind, key[1], obj["metadata"]["resourceVersion"]))

    def vanished(self, kind: ObservedKind, key: Key) -> None:
        self.calls.append(("vanished", kind, key[1]))

    def synced(self, kind: ObservedKind) -> None:
        self.calls.append(("synced", kind))


@pytest.mark.parametrize("ref", [NODE, WIDGET], ids=["nodes", "widgets"])
def test_an_observer_is_told_of_nodes_that_are_looked_after(ref: StageResourceRef, monkeypatch: pytest.MonkeyPatch) -> None:
    def node(name: str, version: str, **annotations: str) -> WatchEvent:
        metadata = {"name": name, "uid": name, "resourceVersion": version, "annotations": annotations}
        return WatchEvent(Change.MODIFIED, ("", name), {"metadata": metadata})

    async def events(*_args: object, **_options: object) -> AsyncIterator[WatchEvent]:
        yield node("a", "1")
        yield node("b", "2", ignored="yes")
        yield WatchEvent(Change.SYNCED, ("", ""), {})
        yield node("a", "3")
        yield node("a", "4", ignored="yes")
        yield WatchEvent(Change.DELETED, ("", "a"), node("a", "5").object)

    monkeypatch.setattr(kinds, "watch", events)

    async def scenario() -> None:
        told, metrics = Told(), Metrics(process=False)
        clock = FakeClock()
        tools = tools_of(clock, metrics=metrics, observer=told)
        policy = Policy(Disregard("ignored=yes", ""))
        kind = Kind(ref, policy, Selection(), tools)
        controller = Controller(
            ref,
            NODES,
            policy,
            queue=tools.queue,
            clock=clock,
            seed=1,
            lister=lambda fields: events(),  # type: ignore[arg-type,return-value]
            report=tools.report,
            metrics=metrics,
        )
        await kind._follow(controller)
        expected = [
            ("begun", "Node"),
            ("observed", "Node", "a", "1"),
            ("vanished", "Node", "b"),
            ("synced", "Node"),
            ("observed", "Node", "a", "3"),
            ("vanished", "Node", "a"),
            ("vanished", "Node", "a"),
        ]
        assert told.calls == (expected if ref == NODE else [])

    asyncio.run(scenario())


def test_objects_are_listed_anew_only_while_the_apiserver_keeps_up() -> None:
    async def scenario() -> None:
        client, clock, calm = Lists(), FakeClock(), asyncio.Event()
        tools = tools_of(clock, client=client, metrics=Metrics(), calm=calm)
        kind = Kind(WIDGET, Policy(Disregard()), Selection(labels="app=one"), tools)

        async def listed() -> list[dict[str, Any]]:
            return [obj async for obj in kind._list(WIDGETS, "spec.nodeName=n")]

        listing = asyncio.create_task(listed())
        await settle()
        assert client.asked == []
        calm.set()
        assert await listing == [{"metadata": {"name": "one"}}]
        assert client.asked == [{"label_selector": "app=one", "field_selector": "spec.nodeName=n"}]

    asyncio.run(scenario())


@pytest.mark.parametrize("traced", [True, False])
def test_when_a_change_came_is_noted_where_it_is_traced(traced: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    came: list[float | None] = []

    def node(name: str) -> WatchEvent:
        return WatchEvent(Change.ADDED, ("", name), {"metadata": {"name": name, "uid": name, "resourceVersion": "1"}})

    async def events(*_args: object, hooks: WatchHooks, **_options: object) -> AsyncIterator[WatchEvent]:
        yield node("listed")
        hooks.read()
        await clock.advance(1)
        yield node("one")
        await clock.advance(1)
        yield node("other of the same piece")
        hooks.restarted("expired")
        yield node("listed anew")

    monkeypatch.setattr(kinds, "watch", events)

    async def scenario() -> None:
        tools = tools_of(clock, metrics=Metrics(process=False), traced=traced)
        controller = cast(Controller, Noted(came))
        begin = clock.monotonic()
        await Kind(NODE, Policy(Disregard()), Selection(), tools)._follow(controller)
        assert came == ([None, begin, begin, None] if traced else [None] * 4)

    asyncio.run(scenario())


class Noted:
    """What a controller is told of when changes came."""

    resource = NODES

    def __init__(self, came: list[float | None]) -> None:
        self._came = came

    def observe(self, obj: dict[str, Any], key: Key, *, read: float | None) -> None:
        self._came.append(read)
