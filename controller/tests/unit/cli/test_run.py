# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from kwok_controller.api.configuration import apply_flags
from kwok_controller.cli import run as module
from kwok_controller.cli.flags import CommandError
from kwok_controller.cli.run import Run
from kwok_controller.cli.settings import Settings
from kwok_controller.kube.errors import Forbidden, Unreachable


@pytest.fixture
def run() -> Iterator[Run]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Run(Settings(apply_flags({}, {"manage_all_nodes": True}), None, [], {}, 0, "text", []))
    root.handlers[:] = handlers
    root.setLevel(level)


class Manager:
    """Runs until it is stopped, and then for as long as `ending` says."""

    def __init__(self, ending: float = 0.0, error: Exception | None = None) -> None:
        self.stopped = asyncio.Event()
        self.ending = ending
        self.error = error
        self.ended = False

    async def run(self) -> None:
        if self.error is not None:
            raise self.error
        await self.stopped.wait()
        await asyncio.sleep(self.ending)
        self.ended = True

    async def stop(self) -> None:
        self.stopped.set()


def simulate(run: Run, manager: Any, *, stop_after: float | None = 0.01) -> int:
    async def main() -> int:
        run._stop_on_signals()
        if stop_after is not None:
            asyncio.get_running_loop().call_later(stop_after, os.kill, os.getpid(), signal.SIGTERM)
        return await run._simulate(manager, ())

    return asyncio.run(main())


def test_a_signal_ends_all_in_good_order(run: Run) -> None:
    manager = Manager(ending=0.05)
    assert simulate(run, manager) == 0
    assert manager.ended


def test_the_end_is_not_waited_for_without_bound(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT", 0.05)
    manager = Manager(ending=60)
    assert simulate(run, manager) == 1
    assert not manager.ended


def test_a_second_signal_ends_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    exits: list[int] = []
    monkeypatch.setattr(os, "_exit", exits.append)

    async def main() -> None:
        run._stop_on_signals()
        for sent in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), sent)
            await asyncio.sleep(0.05)

    asyncio.run(main())
    assert exits == [1]


def test_what_breaks_the_simulation_gets_out(run: Run) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        simulate(run, Manager(error=RuntimeError("broken")), stop_after=None)


def test_a_simulation_that_ends_by_itself_has_failed(run: Run) -> None:
    manager = Manager()
    manager.stopped.set()
    with pytest.raises(CommandError, match="came to its end by itself"):
        simulate(run, manager, stop_after=None)


class Client:
    """Answers as it is told to, one after the other; then well."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked = 0

    async def request(self, method: str, path: str, **_: Any) -> bytes:
        assert (method, path) == ("GET", "/api/v1/nodes")
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return b"{}"


def test_the_apiserver_is_asked_until_it_answers(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    waits: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        assert run._unreached is not None
        await real_sleep(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(random, "random", lambda: 0.0)
    client: Any = Client(*[Unreachable("connection refused")] * 5, Forbidden("nodes is forbidden", status=403))
    assert asyncio.run(run._reach(client)) is True
    assert run._unreached is None
    assert waits == [1, 2, 4, 8, 16, 16]


def test_waiting_for_the_apiserver_ends_when_the_end_is_asked_for(run: Run) -> None:
    client: Any = Client(*[Unreachable("connection refused")] * 100)

    async def main() -> bool:
        asyncio.get_running_loop().call_later(0.01, run._signalled)
        return await run._reach(client)

    assert asyncio.run(main()) is False
    assert client.asked == 1


@pytest.mark.parametrize(
    ("flags", "sent"),
    [
        ({"enable_crds": ["WorkloadTrace"]}, False),
        ({"tracing_endpoint": "127.0.0.1:9", "enable_crds": ["Stage", "Metric"]}, False),
        ({"tracing_endpoint": "127.0.0.1:9", "enable_crds": ["WorkloadTrace"]}, True),
    ],
)
def test_pods_are_kept_for_workload_traces_only_where_some_can_be_sent(run: Run, flags: dict[str, Any], sent: bool) -> None:
    run._options = apply_flags({}, {"manage_all_nodes": True, **flags})
    assert (run._store() is not None) is sent
