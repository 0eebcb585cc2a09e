# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from engine import Engine, Keeper, stage, status
from fake_clock import FakeClock, settle

from kwok_controller.kube.resources import NODES
from kwok_controller.simulation.leases import LeaseKeeper
from kwok_controller.simulation.nodes import Nodes, host_ips
from kwok_controller.simulation.policy import Disregard
from kwok_controller.simulation.queue import Lane

READY = stage("ready", status("phase: Running\nip: {{ NodeIP }}\nname: {{ NodeName }}\nport: {{ NodePort }}"), when={".status.phase": None})


def node_engine(*, annotations: str = "", disregard: Disregard | None = None) -> tuple[Engine, Keeper]:
    keeper = Keeper(FakeClock())
    nodes = Nodes(cast(LeaseKeeper, keeper), disregard or Disregard(), annotations=annotations)
    return Engine([READY], policy=nodes, resource=NODES), keeper


def test_a_node_is_played_once_its_lease_is_ours() -> None:
    async def scenario() -> None:
        engine, keeper = node_engine()
        async with engine.running():
            created = engine.widget("n")
            await settle()
            assert keeper.asked == [("n", created["metadata"]["uid"])]
            assert engine.api.requests == []
            keeper.ours.add("n")
            engine.controller.acquired(["n"])
            await settle()
        assert engine.get("n")["status"] == {"phase": "Running", "ip": "192.0.2.1", "name": "host", "port": 10250}
        # Its own changes are no reason to ask for the Lease again.
        assert len(keeper.asked) == 1

    asyncio.run(scenario())


def test_nodes_are_first_in_the_queue() -> None:
    engine, _ = node_engine()
    assert engine.controller.policy.lane is Lane.NODES


def test_a_node_enters_and_leaves_by_its_annotations() -> None:
    async def scenario() -> None:
        engine, keeper = node_engine(annotations="kwok.x-k8s.io/node=fake")
        async with engine.running():
            engine.widget("n")
            await settle()
            assert keeper.asked == []
            engine.api.edit(NODES, "n", {"metadata": {"annotations": {"kwok.x-k8s.io/node": "fake"}}})
            await settle()
            assert [name for name, _ in keeper.asked] == ["n"]
            engine.api.edit(NODES, "n", {"metadata": {"annotations": None}})
            await settle()
            assert keeper.released == ["n"]
            assert engine.controller.objects == {}

    asyncio.run(scenario())


def test_a_deleted_or_disregarded_node_gives_up_its_lease() -> None:
    async def scenario() -> None:
        engine, keeper = node_engine(disregard=Disregard(labels="off"))
        async with engine.running():
            engine.widget("a")
            engine.widget("b")
            engine.widget("c", metadata={"labels": {"off": ""}})
            engine.api.remove(NODES, "a")
            engine.api.edit(NODES, "b", {"metadata": {"labels": {"off": ""}}})
        assert [name for name, _ in keeper.asked] == ["a", "b"]
        assert keeper.released == ["a", "b"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ([], ()),
        ([("Hostname", "n1")], ()),
        ([("ExternalIP", "203.0.113.1"), ("InternalIP", "10.0.0.1")], ("10.0.0.1",)),
        ([("InternalIP", "10.0.0.1"), ("InternalIP", "10.0.0.2"), ("ExternalIP", "2001:db8::1")], ("10.0.0.1", "2001:db8::1")),
        ([("InternalIP", "2001:DB8:0::1"), ("InternalIP", "10.0.0.2")], ("2001:db8::1", "10.0.0.2")),
        ([("InternalIP", "010.000.0.1")], ("10.0.0.1",)),
        ([("InternalIP", "::ffff:10.0.0.1")], ("10.0.0.1",)),
        ([("InternalIP", "nonsense"), ("ExternalIP", "203.0.113.1")], ("203.0.113.1",)),
    ],
)
def test_addresses_of_pods_in_the_hosts_network(addresses: list[tuple[str, str]], expected: tuple[str, ...]) -> None:
    node: dict[str, Any] = {"status": {"addresses": [{"type": kind, "address": address} for kind, address in addresses]}}
    assert host_ips(node) == expected
