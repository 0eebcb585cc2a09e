# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from engine import WIDGET, WIDGETS
from fake_clock import FakeClock, settle

from kwok_controller.kube.client import Client
from kwok_controller.kube.discovery import Discovery
from kwok_controller.simulation.kinds import Kind, Selection, Tools
from kwok_controller.simulation.policy import Disregard, Policy
from kwok_controller.simulation.queue import DelayQueue
from kwok_controller.simulation.tracked import Job
from kwok_controller.telemetry.metrics import Metrics


class Lists:
    """A client that can list, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    async def list(self, resource: object, **selectors: str) -> AsyncIterator[dict[str, Any]]:
        self.asked.append(selectors)
        yield {"metadata": {"name": "one", "managedFields": [{}]}}


def test_objects_are_listed_anew_only_while_the_apiserver_keeps_up() -> None:
    async def scenario() -> None:
        client, clock, calm = Lists(), FakeClock(), asyncio.Event()
        tools = Tools(
            client=cast(Client, client),
            discovery=cast(Discovery, None),
            queue=DelayQueue[Job](clock),
            clock=clock,
            seed=1,
            metrics=Metrics(),
            report=lambda stage, error, reason: None,
            report_kind=lambda ref, reason, message: None,
            calm=calm,
        )
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
