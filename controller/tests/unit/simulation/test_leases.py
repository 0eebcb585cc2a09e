# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""When Leases are renewed, taken and lost. That the requests mean what they should is tested against a real apiserver."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from fake_clock import FakeClock, settle

from kwok_controller.kube import connection, errors
from kwok_controller.kube.client import Client
from kwok_controller.kube.watch import Change, WatchEvent
from kwok_controller.simulation.leases import (
    HOLDER_LABEL,
    NOTE_ANNOTATION,
    RENEW_FRACTION,
    REQUEST_TIMEOUT_S,
    TICK_S,
    URGENT_FRACTION,
    URGENT_PARALLELISM,
    ClusterLeases,
    LeaseKeeper,
    Notes,
    label_of,
)

DURATION = 40
INTERVAL = DURATION * RENEW_FRACTION

NotFound = errors.NotFound("not found", status=404, reason="NotFound")


class MemoryStore:
    """Leases as an apiserver keeps them: versions, conflicts, and a watch for everyone."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.leases: dict[str, dict[str, Any]] = {}
        self.version = 100
        self.writes: list[tuple[float, str, str]] = []
        self.failure: Callable[[str, str], errors.KubeError | None] = lambda verb, name: None
        self.latency = 0.0
        self.in_flight = self.most_in_flight = 0
        self._watchers: list[asyncio.Queue[WatchEvent]] = []

    async def create(self, body: bytes) -> bytes:
        lease: dict[str, Any] = orjson.loads(body)
        name = lease["metadata"]["name"]
        await self._request("create", name)
        if name in self.leases:
            raise errors.AlreadyExists("exists", status=409, reason="AlreadyExists")
        return self.put(lease, Change.ADDED)

    async def update(self, name: str, body: bytes) -> bytes:
        await self._request("update", name)
        lease: dict[str, Any] = orjson.loads(body)
        had = self.leases.get(name)
        if had is None:
            raise NotFound
        if lease["metadata"]["resourceVersion"] != had["metadata"]["resourceVersion"]:
            raise errors.Conflict("conflict", status=409, reason="Conflict")
        return self.put(lease, Change.MODIFIED)

    async def get(self, name: str) -> bytes:
        await self._request("get", name)
        if name not in self.leases:
            raise NotFound
        return orjson.dumps(self.leases[name])

    async def watch(self) -> AsyncGenerator[WatchEvent, None]:
        queue: asyncio.Queue[WatchEvent] = asyncio.Queue()
        for name, lease in self.leases.items():
            queue.put_nowait(WatchEvent(Change.ADDED, ("kube-node-lease", name), lease))
        queue.put_nowait(WatchEvent(Change.SYNCED, ("", ""), {}))
        self._watchers.append(queue)
        while True:
            yield await queue.get()

    def put(self, lease: dict[str, Any], change: Change = Change.MODIFIED) -> bytes:
        """Write it whatever was there, as somebody else may."""
        self.version += 1
        name = lease["metadata"]["name"]
        lease = {**lease, "metadata": {**lease["metadata"], "resourceVersion": str(self.version)}}
        self.leases[name] = lease
        self._tell(change, lease)
        return orjson.dumps(lease)

    def delete(self, name: str) -> None:
        self.version += 1
        lease = self.leases.pop(name)
        self._tell(Change.DELETED, {**lease, "metadata": {**lease["metadata"], "resourceVersion": str(self.version)}})

    def of_another(self, name: str, *, age: float = 0.0, duration: int = DURATION, holder: str = "other") -> None:
        """Have it held by somebody else."""
        renewed = datetime.fromtimestamp(self.clock.now_ns() / 1e9 - age, UTC)
        spec = {"holderIdentity": holder, "leaseDurationSeconds": duration, "renewTime": renewed.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
        self.put({"metadata": {"name": name}, "spec": spec})

    def holder(self, name: str) -> str | None:
        holder: str | None = self.leases[name]["spec"].get("holderIdentity")
        return holder

    def count(self, verb: str) -> int:
        return sum(1 for _time, what, _name in self.writes if what == verb)

    def _tell(self, change: Change, lease: dict[str, Any]) -> None:
        for queue in self._watchers:
            queue.put_nowait(WatchEvent(change, ("kube-node-lease", lease["metadata"]["name"]), lease))

    async def _request(self, verb: str, name: str) -> None:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.latency:
                await self.clock.sleep(self.latency)
        finally:
            self.in_flight -= 1
        self.writes.append((self.clock.monotonic(), verb, name))
        failure = self.failure(verb, name)
        if failure is not None:
            raise failure


class Keeping:
    """A keeper that runs, and what it told."""

    def __init__(
        self, store: MemoryStore, *, identity: str = "me", duration: int = DURATION, parallelism: int = 4, notes: Notes | None = None
    ) -> None:
        self.acquired: list[str] = []
        self.lost: list[str] = []
        self.keeper = LeaseKeeper(
            store,
            identity,
            duration,
            clock=store.clock,
            on_acquired=self.acquired.extend,
            on_lost=self.lost.extend,
            parallelism=parallelism,
            random=lambda: 0.5,
            notes=notes,
        )


class Notebook:
    """Notes that a test writes, and those that were read."""

    def __init__(self, note: str = "") -> None:
        self.note = note
        self.found: list[tuple[str, str]] = []
        self.others: list[tuple[str, str]] = []

    def write(self, node: str, *, last: bool) -> str:
        return f"{self.note} of {node}{', the last' if last else ''}" if self.note else ""

    def read(self, node: str, note: str) -> None:
        self.found.append((node, note))

    def seen(self, node: str, note: str) -> None:
        self.others.append((node, note))


@asynccontextmanager
async def keeping(store: MemoryStore, **options: Any) -> AsyncIterator[Keeping]:
    keeping = Keeping(store, **options)
    task = asyncio.create_task(keeping.keeper.run())
    await settle()
    try:
        yield keeping
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_creates_what_is_missing() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid-1")
            assert not mine.keeper.held("node")
            await store.clock.advance(0.1)
            assert mine.keeper.held("node")
            assert mine.acquired == ["node"]
            assert mine.keeper.count() == 1
            lease = store.leases["node"]
            assert lease["metadata"]["namespace"] == "kube-node-lease"
            assert lease["metadata"]["ownerReferences"] == [{"apiVersion": "v1", "kind": "Node", "name": "node", "uid": "uid-1"}]
            assert lease["spec"]["holderIdentity"] == "me"
            assert lease["spec"]["leaseDurationSeconds"] == DURATION

    asyncio.run(scenario())


def test_without_a_duration_everything_is_held_and_nothing_is_sent() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        mine = Keeping(store, duration=0)
        await mine.keeper.run()
        mine.keeper.hold("node", "uid")
        assert mine.acquired == []
        await settle()
        assert mine.acquired == ["node"]
        assert mine.keeper.held("node")
        mine.keeper.release("node")
        assert not mine.keeper.held("node")
        mine.keeper.hold("node", "uid")
        await settle()
        assert mine.acquired == ["node", "node"]
        assert await mine.keeper.release_all() == 0
        assert store.writes == []
        assert mine.lost == []

    asyncio.run(scenario())


def test_is_renewed_at_its_interval() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(12 * INTERVAL)
            updates = [time for time, verb, _name in store.writes if verb == "update"]
            gaps = [later - earlier for earlier, later in pairwise(updates)]
            assert len(gaps) >= 8
            # Jitter is 0.02 here.
            assert all(INTERVAL * 1.02 <= gap <= INTERVAL * 1.02 + 2 * TICK_S for gap in gaps)
            assert store.count("get") == 0
            assert mine.keeper.lag() <= INTERVAL * 1.03

    asyncio.run(scenario())


def test_renewals_of_many_are_spread_over_the_interval() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            for number in range(1000):
                mine.keeper.hold(f"node-{number:04}", f"uid-{number}")
            await store.clock.advance(0.1)
            assert mine.keeper.count() == 1000
            started = store.clock.monotonic()
            await store.clock.advance(3 * INTERVAL)
            by_second = Counter(int(time - started) for time, verb, _name in store.writes if verb == "update")
            # 42 a second are to be expected.
            assert max(by_second.values()) < 70
            assert sum(by_second.values()) == pytest.approx(3000, rel=0.05)
            assert mine.lost == []

    asyncio.run(scenario())


def test_no_more_requests_at_once_than_allowed() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store.latency = 0.01
        async with keeping(store, parallelism=3) as mine:
            for number in range(50):
                mine.keeper.hold(f"node-{number}", "uid")
            await store.clock.advance(1)
            assert store.most_in_flight == 3
            assert mine.keeper.count() == 50

    asyncio.run(scenario())


def test_does_not_take_what_another_keeps_renewing() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store.of_another("node")
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            for _ in range(20):
                await store.clock.advance(INTERVAL)
                store.of_another("node")
            assert store.writes == []
            assert not mine.keeper.held("node")

    asyncio.run(scenario())


def test_takes_over_when_it_has_run_out_and_not_before() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store.of_another("node", age=15)
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(DURATION - 15)
            assert store.holder("node") == "other"
            await store.clock.advance(0.5)
            assert store.holder("node") == "me"
            assert mine.acquired == ["node"]
            assert store.leases["node"]["spec"]["leaseTransitions"] == 1

    asyncio.run(scenario())


def test_another_whose_clock_is_behind_is_not_robbed() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store.of_another("node", age=5)
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            for _ in range(20):
                await store.clock.advance(INTERVAL)
                store.of_another("node", age=2 * DURATION)
            assert store.holder("node") == "other"
            await store.clock.advance(DURATION + 0.5)
            assert store.holder("node") == "me"

    asyncio.run(scenario())


def test_another_whose_clock_is_ahead_is_not_waited_for_longer() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store.of_another("node", age=-3600)
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(DURATION + 0.5)
            assert store.holder("node") == "me"

    asyncio.run(scenario())


@pytest.mark.parametrize("missing", ["holderIdentity", "leaseDurationSeconds", "renewTime"])
def test_a_lease_without_holder_or_times_is_free(missing: str) -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store.of_another("node")
        del store.leases["node"]["spec"][missing]
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.5)
            assert store.holder("node") == "me"

    asyncio.run(scenario())


def test_of_two_one_gets_it() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store.latency = 0.01
        async with keeping(store, identity="a") as a, keeping(store, identity="b") as b:
            for number in range(40):
                a.keeper.hold(f"node-{number}", "uid")
                b.keeper.hold(f"node-{number}", "uid")
            for _ in range(300):
                await store.clock.advance(0.5)
                assert not any(a.keeper.held(name) and b.keeper.held(name) for name in store.leases)
            assert a.keeper.count() + b.keeper.count() == 40
            assert a.lost == b.lost == []

    asyncio.run(scenario())


def test_what_is_released_at_the_end_is_taken_at_once() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store, identity="b") as b:
            async with keeping(store, identity="a") as a:
                for number in range(100):
                    a.keeper.hold(f"node-{number}", "uid")
                await store.clock.advance(1)
                for number in range(100):
                    b.keeper.hold(f"node-{number}", "uid")
                await store.clock.advance(1)
                assert (a.keeper.count(), b.keeper.count()) == (100, 0)
            assert await a.keeper.release_all() == 0
            assert not a.keeper.held("node-1")
            renewed = [_seconds(lease["spec"]["renewTime"]) for lease in store.leases.values()]
            assert min(renewed) >= store.clock.now_ns() / 1e9 - 0.001
            await store.clock.advance(0.5)
            assert b.keeper.count() == 100

    asyncio.run(scenario())


def test_a_renewal_in_flight_at_the_end_does_not_keep_it_from_being_released() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
        lease = store.leases["node"]
        # The apiserver has it, but its answer was not waited for.
        store.put({**lease, "spec": {**lease["spec"], "renewTime": "2030-01-01T00:00:00.000000Z"}})
        assert await mine.keeper.release_all() == 0
        assert store.holder("node") is None

    asyncio.run(scenario())


def test_what_another_has_taken_is_not_released() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
        store.of_another("node")
        assert await mine.keeper.release_all() == 0
        assert store.holder("node") == "other"

    asyncio.run(scenario())


def test_the_time_of_a_release_is_bounded() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            for number in range(5):
                mine.keeper.hold(f"node-{number}", "uid")
            await store.clock.advance(0.1)
        store.latency = 60.0
        assert await mine.keeper.release_all(timeout=0.01) == 5
        assert mine.keeper.count() == 0

    asyncio.run(scenario())


def test_what_is_abandoned_is_taken_when_it_has_run_out() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store, identity="b") as b:
            async with keeping(store, identity="a") as a:
                a.keeper.hold("node", "uid")
                await store.clock.advance(0.1)
            b.keeper.hold("node", "uid")
            for _ in range(2 * DURATION):
                await store.clock.advance(0.5)
                assert not (a.keeper.held("node") and b.keeper.held("node"))
            await store.clock.advance(0.5)
            assert b.keeper.held("node")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "failure",
    [
        errors.Unreachable("refused"),
        errors.Forbidden("no right to update leases", status=403),
        errors.ConnectionConfigError("kubeconfig", "users[me].user.exec", "the plugin fails", "Look at its output"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_lost_when_it_could_not_be_renewed_for_its_duration(failure: errors.KubeError) -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
            store.failure = lambda verb, name: failure
            renewed = max(time for time, _verb, _name in store.writes)
            await store.clock.advance(renewed + DURATION - store.clock.monotonic() - 0.1)
            assert mine.keeper.held("node")
            assert mine.lost == []
            await store.clock.advance(0.2)
            assert not mine.keeper.held("node")
            assert mine.lost == ["node"]
            attempts = len(store.writes)
            assert attempts < 15
            store.failure = lambda verb, name: None
            await store.clock.advance(INTERVAL)
            assert mine.keeper.held("node")
            assert mine.acquired == ["node", "node"]

    asyncio.run(scenario())


def hold_back(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Carry updates out at once, and have their answers wait until this is set."""
    answered, update = asyncio.Event(), store.update

    async def late(name: str, body: bytes) -> bytes:
        answer = await update(name, body)
        await answered.wait()
        # Never at once: others get the event loop in between.
        await asyncio.sleep(0)
        return answer

    monkeypatch.setattr(store, "update", late)
    return answered


def test_what_was_refused_between_running_out_and_being_renewed_is_told_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            # So that it runs out between two ticks.
            await store.clock.advance(0.05)
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
            answered = hold_back(store, monkeypatch)
            await store.clock.advance(DURATION - 0.08)
            assert not mine.keeper.held("node")
            assert mine.acquired == ["node"]
            answered.set()
            await settle()
            assert mine.keeper.held("node")
            assert mine.acquired == ["node", "node"]
            assert mine.lost == []
            assert mine.keeper.count() == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("reborn", [False, True])
def test_a_lease_that_has_run_out_before_its_answer_came_is_acquired_by_the_next_one(reborn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid-1")
            await store.clock.advance(0.1)
            answered = hold_back(store, monkeypatch)
            await store.clock.advance(2 * DURATION)
            assert mine.lost == ["node"]
            if reborn:
                mine.keeper.release("node")
                mine.keeper.hold("node", "uid-2")
            held: list[bool] = []
            monkeypatch.setattr(mine.keeper, "_on_acquired", lambda names: held.extend(map(mine.keeper.held, names)))
            answered.set()
            await settle()
            assert held == [True]
            assert mine.lost == ["node"]
            (owner,) = store.leases["node"]["metadata"]["ownerReferences"]
            assert owner["uid"] == ("uid-2" if reborn else "uid-1")

    asyncio.run(scenario())


def test_lost_when_another_takes_it() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
            store.of_another("node")
            await settle()
            assert mine.lost == ["node"]
            assert not mine.keeper.held("node")
            await store.clock.advance(DURATION + 0.5)
            assert mine.acquired == ["node", "node"]

    asyncio.run(scenario())


def test_a_suspended_machine_holds_nothing_any_more() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
            store.clock._move(store.clock.monotonic() + 3600)
            assert not mine.keeper.held("node")
            await store.clock.advance(0.2)
            assert mine.keeper.held("node")

    asyncio.run(scenario())


@pytest.mark.parametrize("step", [-7200.0, 7200.0])
def test_a_clock_that_is_set_changes_nothing(step: float) -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
            before = _seconds(store.leases["node"]["spec"]["renewTime"])
            store.clock.step_wall(step)
            times = [before]
            for _ in range(6):
                await store.clock.advance(INTERVAL * 1.1)
                times.append(_seconds(store.leases["node"]["spec"]["renewTime"]))
            assert times == sorted(set(times)), "the node lifecycle controller would take the node for dead"
            assert mine.lost == []

    asyncio.run(scenario())


def test_a_deleted_lease_is_made_again_by_its_holder() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store, identity="a") as a, keeping(store, identity="b") as b:
            a.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
            b.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
            store.delete("node")
            await store.clock.advance(0.1)
            assert store.holder("node") == "a"
            assert a.lost == b.acquired == []
            store.delete("node")
            await settle()

    asyncio.run(scenario())


def test_a_lease_that_its_dead_holder_left_and_somebody_deleted_is_taken() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store.of_another("node")
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(1)
            store.delete("node")
            await store.clock.advance(DURATION - 2)
            assert "node" not in store.leases, "its holder may just be slow to make it again"
            await store.clock.advance(2)
            assert mine.keeper.held("node")

    asyncio.run(scenario())


def test_a_node_that_was_made_anew_becomes_the_owner() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid-1")
            await store.clock.advance(0.1)
            sent = len(store.writes)
            mine.keeper.hold("node", "uid-1")
            await store.clock.advance(0.1)
            assert len(store.writes) == sent
            mine.keeper.hold("node", "uid-2")
            await store.clock.advance(0.1)
            (owner,) = store.leases["node"]["metadata"]["ownerReferences"]
            assert owner["uid"] == "uid-2"
            assert mine.keeper.held("node")

    asyncio.run(scenario())


def test_a_node_that_is_made_anew_while_the_request_is_on_its_way() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store.latency = 1.0
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid-1")
            await store.clock.advance(0.5)
            mine.keeper.hold("node", "uid-2")
            await store.clock.advance(1.6)
            (owner,) = store.leases["node"]["metadata"]["ownerReferences"]
            assert owner["uid"] == "uid-2"

    asyncio.run(scenario())


def test_news_that_come_late_change_nothing() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store.of_another("node", age=DURATION + 1)
        news = WatchEvent(Change.MODIFIED, ("kube-node-lease", "node"), store.leases["node"])
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.5)
            for late in (news, WatchEvent(Change.DELETED, news.key, news.object)):
                for queue in store._watchers:
                    queue.put_nowait(late)
            await settle()
            assert mine.keeper.held("node")
            assert mine.lost == []
            await store.clock.advance(INTERVAL * 1.1)
            assert store.count("get") == 0

    asyncio.run(scenario())


def test_asked_for_again_and_again_sends_one_request() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store.latency = 1.0
        async with keeping(store) as mine:
            for _ in range(5):
                mine.keeper.hold("node", "uid")
                mine.keeper.release("node")
                await settle()
            mine.keeper.hold("node", "uid")
            await store.clock.advance(1.1)
            assert store.count("create") == 1
            assert mine.acquired == ["node"]

    asyncio.run(scenario())


def test_what_others_wrote_into_it_stays() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
            lease = store.leases["node"]
            owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "y"}
            owners = [*lease["metadata"]["ownerReferences"], owner]
            metadata = {**lease["metadata"], "labels": {"a": "b"}, "annotations": {"c": "d"}, "ownerReferences": owners}
            store.put({**lease, "metadata": metadata})
            await store.clock.advance(2 * INTERVAL)
            after = store.leases["node"]["metadata"]
            assert (after["labels"], after["annotations"]) == ({"a": "b", HOLDER_LABEL: label_of("me")}, {"c": "d"})
            assert sorted(owner["kind"] for owner in after["ownerReferences"]) == ["ConfigMap", "Node"]
            assert store.count("get") == 0
            assert mine.lost == []

    asyncio.run(scenario())


def test_a_released_one_is_not_renewed() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
            mine.keeper.release("node")
            assert not mine.keeper.held("node")
            assert mine.keeper.count() == 0
            sent = len(store.writes)
            store.delete("node")
            await store.clock.advance(3 * DURATION)
            assert len(store.writes) == sent
            assert mine.lost == []
            assert mine.keeper._records == {}

    asyncio.run(scenario())


@pytest.mark.parametrize("latency", [0.0, 1.0])
def test_nothing_is_kept_of_nodes_that_are_gone(latency: float) -> None:
    """As a cluster whose autoscaler makes and removes nodes for weeks; of the Leases that are ours the watch does not tell."""

    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store._tell = lambda change, lease: None  # type: ignore[method-assign]
        store.latency = latency
        async with keeping(store) as mine:
            for number in range(20):
                mine.keeper.hold(f"node-{number}", "uid")
            await store.clock.advance(INTERVAL)
            assert mine.keeper.count() == 20
            # With latency, some of them while they are being renewed.
            for number in range(20):
                mine.keeper.release(f"node-{number}")
            await store.clock.advance(DURATION)
            assert mine.keeper._records == {}
            # Nobody has removed this one yet.
            mine.keeper.hold("node-7", "another")
            await store.clock.advance(5)
            assert mine.keeper.held("node-7")
            assert store.leases["node-7"]["metadata"]["ownerReferences"][0]["uid"] == "another"

    asyncio.run(scenario())


def test_released_while_the_request_is_on_its_way() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store.latency = 1.0
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.5)
            mine.keeper.release("node")
            await store.clock.advance(1)
            assert mine.acquired == []
            mine.keeper.hold("node", "uid")
            await store.clock.advance(1.5)
            assert mine.acquired == ["node"]
            assert mine.keeper.count() == 1

    asyncio.run(scenario())


def test_renewals_and_new_nodes_take_turns() -> None:
    """One request at a time, each of 1 s, and Leases of 40 s: the apiserver is too slow for a flood of new nodes."""

    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store, parallelism=1) as mine:
            for number in range(20):
                mine.keeper.hold(f"old-{number}", "uid")
            await store.clock.advance(2 * INTERVAL)
            store.latency = 1.0
            for number in range(200):
                mine.keeper.hold(f"new-{number}", "uid")
            lags = []
            for _ in range(300):
                await store.clock.advance(1)
                lags.append(mine.keeper.lag())
            assert mine.lost == []
            assert max(lags) < DURATION * 0.9
            # As many as one request a second can renew while that is not critical: new nodes are not starved before.
            assert mine.keeper.count() >= 28

    asyncio.run(scenario())


def test_more_requests_are_in_flight_while_renewals_are_urgent() -> None:
    """4 requests at a time, each of 2 s, renew 2 in a second; 60 nodes need 2.5."""

    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            for number in range(60):
                mine.keeper.hold(f"node-{number}", "uid")
            await store.clock.advance(INTERVAL)
            store.latency = 2.0
            lags = []
            for _ in range(400):
                await store.clock.advance(1)
                lags.append(mine.keeper.lag())
            assert mine.lost == []
            assert DURATION * URGENT_FRACTION < max(lags) < DURATION * 0.9
            assert 4 < store.most_in_flight <= 4 * URGENT_PARALLELISM

    asyncio.run(scenario())


def test_taking_on_as_many_as_can_be_renewed_in_time_loses_none() -> None:
    """10 requests a second and 250 nodes at once: renewing them all takes 25 s of the 40 s that each has."""

    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store.latency = 0.1
        async with keeping(store, parallelism=1) as mine:
            for number in range(250):
                mine.keeper.hold(f"node-{number}", "uid")
            lags = []
            for _ in range(240):
                await store.clock.advance(0.5)
                lags.append(mine.keeper.lag())
            assert mine.lost == []
            assert mine.keeper.count() == 250
            assert max(lags) < DURATION * 0.9

    asyncio.run(scenario())


def test_history_that_the_server_lost() -> None:
    """After etcd was restored from a snapshot, versions start again below those that were seen."""

    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
            store.version = 10
            store.leases["node"]["metadata"]["resourceVersion"] = "7"
            await store.clock.advance(2 * INTERVAL)
            assert store.count("get") == 1
            assert mine.lost == []
            assert mine.keeper.lag() < 1.1 * INTERVAL

    asyncio.run(scenario())


@pytest.mark.parametrize(("duration", "parallelism", "option"), [(-1, 4, "nodeLeaseDurationSeconds"), (40, 0, "nodeLeaseParallelism")])
def test_options_that_cannot_be(duration: int, parallelism: int, option: str) -> None:
    with pytest.raises(ValueError, match=option):
        Keeping(MemoryStore(FakeClock()), duration=duration, parallelism=parallelism)


def _annotations(store: MemoryStore) -> dict[str, str]:
    found: dict[str, str] = store.leases["node"]["metadata"].get("annotations", {})
    return found


def test_notes_go_with_a_lease_from_one_holder_to_the_next() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        first = Notebook("sums")
        async with keeping(store, notes=first) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
            assert first.found == [("node", "")]
            await store.clock.advance(INTERVAL)
            assert _annotations(store) == {NOTE_ANNOTATION: "sums of node"}
            first.note = ""
            await store.clock.advance(INTERVAL * 1.1)
            assert _annotations(store) == {}
            first.note = "more"
        assert await mine.keeper.release_all() == 0
        assert _annotations(store) == {NOTE_ANNOTATION: "more of node, the last"}
        store.put({**store.leases["node"], "metadata": {"name": "node", "annotations": {**_annotations(store), "a": "b"}}})

        second = Notebook("other sums")
        async with keeping(store, identity="another", notes=second) as theirs:
            theirs.keeper.hold("node", "uid")
            await store.clock.advance(0.5)
            assert second.found == [("node", "more of node, the last")]
            # It stays there until what takes its place is known.
            assert _annotations(store) == {"a": "b", NOTE_ANNOTATION: "more of node, the last"}
            await store.clock.advance(INTERVAL * 1.1)
            assert _annotations(store) == {"a": "b", NOTE_ANNOTATION: "other sums of node"}

    asyncio.run(scenario())


def test_notes_of_what_others_hold_are_shown_as_they_change() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        first, second = Notebook("sums"), Notebook()
        async with keeping(store, notes=first) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
            async with keeping(store, identity="another", notes=second) as theirs:
                assert theirs.keeper.synced
                theirs.keeper.hold("node", "uid")
                assert second.others == [("node", "")]
                await store.clock.advance(INTERVAL * 1.1)
                assert second.others == [("node", ""), ("node", "sums of node")]
                assert second.found == []
        assert first.others == []

    asyncio.run(scenario())


def test_who_has_no_notes_leaves_those_of_others() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        store.put({"metadata": {"name": "node", "annotations": {NOTE_ANNOTATION: "sums"}}, "spec": {}})
        async with keeping(store) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(INTERVAL * 1.5)
            assert mine.keeper.held("node")
            assert _annotations(store) == {NOTE_ANNOTATION: "sums"}

    asyncio.run(scenario())


def test_what_was_known_when_a_lease_ran_out_is_known_again_when_nobody_else_has_had_it() -> None:
    async def scenario() -> None:
        store = MemoryStore(FakeClock())
        book = Notebook("sums")
        async with keeping(store, notes=book) as mine:
            mine.keeper.hold("node", "uid")
            await store.clock.advance(0.1)
            store.failure = lambda verb, name: errors.Timeout("too late", status=504, reason="Timeout")
            await store.clock.advance(DURATION * 1.1)
            assert mine.lost == ["node"]
            store.failure = lambda verb, name: None
            await store.clock.advance(DURATION)
            assert mine.keeper.held("node")
        assert book.found == [("node", ""), ("node", "sums of node, the last")]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "ask", [lambda leases: leases.create(b"{}"), lambda leases: leases.update("n", b"{}"), lambda leases: leases.get("n")]
)
def test_a_request_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ask: Callable[[ClusterLeases], Any]) -> None:
    assert DURATION - INTERVAL > REQUEST_TIMEOUT_S, "there is time for another one before it has run out"
    monkeypatch.setattr("kwok_controller.simulation.leases.REQUEST_TIMEOUT_S", 0.2)

    async def main() -> None:
        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        listening = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        server = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_bytes(
            orjson.dumps(
                {
                    "clusters": [{"name": "c", "cluster": {"server": server}}],
                    "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}],
                    "current-context": "c",
                }
            )
        )
        async with Client(connection.load(kubeconfig)) as client:
            with pytest.raises(errors.Timeout):
                await asyncio.wait_for(ask(ClusterLeases(client, "me")), 5)
        listening.close()

    asyncio.run(main())
