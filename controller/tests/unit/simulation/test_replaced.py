# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""An object that was deleted and made again under its name: what was meant for the first does not befall the second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from engine import WIDGETS, Engine, stage, status
from fake_clock import settle

from kwok_controller.kube.errors import Unreachable

Object = dict[str, Any]

OLD = {".spec.which": "old"}

LABEL = {"patch": {"root": "metadata", "template": "labels: {seen: 'yes'}"}}
OPERATION = {"patch": {"type": "json", "template": "- {op: add, path: /metadata/labels, value: {seen: 'yes'}}"}}
FINALIZER = {"finalizers": {"add": [{"value": "x.io/y"}]}}


def replace(engine: Engine) -> None:
    """Put another one in its place; the engine is not told yet."""
    engine.api.told = False
    engine.api.remove(WIDGETS, "w")
    engine.widget(spec={"which": "new"})


@pytest.mark.parametrize("step", [LABEL, OPERATION, FINALIZER])
def test_a_patch_is_for_one_uid(step: Object) -> None:
    async def scenario() -> None:
        engine = Engine([stage("old", step, when=OLD)])
        engine.api.before = lambda verb, target: replace(engine) if engine.api.told else None
        async with engine.running():
            engine.widget(spec={"which": "old"})
            await settle()
            assert engine.api.requests == [("patch", "w")]
            engine.api.tell()
            await settle()
        assert engine.api.requests == [("patch", "w")]
        assert engine.get()["spec"] == {"which": "new"}
        assert not {"labels", "finalizers"} & engine.get()["metadata"].keys()
        assert not engine.reports

    asyncio.run(scenario())


def test_so_is_the_patch_that_a_status_ends_in_after_conflicts() -> None:
    async def scenario() -> None:
        engine = Engine([stage("old", status("phase: Old"), when={**OLD, ".status.phase": None})])
        # Its first update is carried out, the answer is lost, and the watch tells nothing.
        lost = [Unreachable("broken")]
        engine.api.lost = lambda verb, target: lost.pop() if lost else None
        async with engine.running():
            engine.api.told = False
            engine.widget(spec={"which": "old"})
            engine.controller.observe(dict(engine.get()))
            await settle()
            replace(engine)
            for _ in range(10):
                await engine.clock.advance(60)
                await settle()
        assert ("patch", "w/status") in engine.api.requests
        assert "status" not in engine.get()
        assert not engine.reports

    asyncio.run(scenario())


def late_list(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Have the engine ask for all there is, and the answer, which shows that moment, come once this is set."""
    arrived = asyncio.Event()
    shown = engine.api.of(WIDGETS)

    async def listed(resource: object) -> AsyncIterator[Object]:
        await arrived.wait()
        for obj in shown:
            yield obj

    monkeypatch.setattr(engine.api, "list", listed)
    return arrived


AFTER_A_WHILE = stage("late", status("phase: Late"), when={".status.phase": None}, delay={"durationMilliseconds": 10_000})


@pytest.mark.parametrize("reborn", [False, True])
def test_a_list_that_comes_late_does_not_bring_back_what_was_deleted_since(reborn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        engine = Engine([AFTER_A_WHILE])
        async with engine.running():
            engine.widget(spec={"which": "old"})
            engine.use([AFTER_A_WHILE])
            arrived = late_list(engine, monkeypatch)
            await engine.clock.advance(1)
            engine.api.remove(WIDGETS, "w")
            if reborn:
                engine.widget(spec={"which": "new"})
            arrived.set()
            await engine.clock.advance(60)
        assert engine.controller.objects.keys() == ({("default", "w")} if reborn else set())
        assert engine.api.requests == ([("update", "w/status")] if reborn else [])
        assert [obj.get("status") for obj in engine.api.of(WIDGETS)] == ([{"phase": "Late"}] if reborn else [])

    asyncio.run(scenario())
