# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from engine import Engine, stage, status
from fake_clock import settle

from kwok_controller.api import StageResourceRef
from kwok_controller.expressions.gotemplate import compile_template
from kwok_controller.kube.resources import PODS
from kwok_controller.simulation.tracked import Object, Tracked

POD = StageResourceRef(api_group="v1", kind="Pod")

WITH = ".spec.nodeName (or .spec.hostNetwork false) .metadata.uid .metadata.name .metadata.namespace"
RUNNING = stage(
    "running",
    status(f"phase: Running\nhostIP: {{{{ NodeIPWith .spec.nodeName | Quote }}}}\npodIP: {{{{ PodIPWith {WITH} | Quote }}}}"),
    when={".status.phase": None},
)


def node(name: str, *addresses: str, **spec: Any) -> Object:
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": "1"},
        "spec": spec,
        "status": {"addresses": [{"type": "InternalIP", "address": address} for address in addresses]},
    }


class PodEngine(Engine):
    """The engine for pods, with nodes that are put in by hand."""

    def __init__(self, stages: list[Object]) -> None:
        super().__init__([], resource=PODS)
        self.controller.policy = self.pods
        self.use(stages)

    def add_node(self, obj: Object) -> None:
        name = obj["metadata"]["name"]
        self.nodes.seen(Tracked(("", name), obj["metadata"]["uid"], name), obj)
        self.keeper.ours.add(name)

    def pod(self, name: str, on: str = "n", **fields: Any) -> Object:
        return self.widget(name, spec={"nodeName": on, **fields.pop("spec", {})}, **fields)

    def render(self, template: str, pod: Object) -> str:
        functions = self.environments.of(POD).functions
        self.pods.rendering(Tracked(("default", pod["metadata"]["name"]), pod["metadata"]["uid"], "n"))
        return compile_template(template, functions).render(pod)


def test_pods_get_the_addresses_of_their_nodes_and_free_them() -> None:
    async def scenario() -> None:
        engine = PodEngine([RUNNING])
        engine.add_node(node("n", "192.0.2.7", podCIDR="10.1.0.0/24"))
        engine.add_node(node("m", podCIDRs=["10.2.0.0/24"]))
        async with engine.running():
            engine.controller.list_done()
            for name, on in (("a", "n"), ("b", "n"), ("c", "m")):
                engine.pod(name, on)
            engine.pod("host", spec={"hostNetwork": True})
            await settle()
            addresses = {pod["metadata"]["name"]: (pod["status"]["hostIP"], pod["status"]["podIP"]) for pod in engine.api.of(PODS)}
            assert addresses == {
                "a": ("192.0.2.7", "10.1.0.1"),
                "b": ("192.0.2.7", "10.1.0.2"),
                # The node has no address of its own.
                "c": ("192.0.2.1", "10.2.0.1"),
                "host": ("192.0.2.7", "192.0.2.7"),
            }
            engine.api.remove(PODS, "a")
            engine.pod("d")
            await settle()
        assert engine.get("d")["status"]["podIP"] == "10.1.0.1"

    asyncio.run(scenario())


def test_addresses_that_pods_have_already_are_not_given_to_others() -> None:
    async def scenario() -> None:
        engine = PodEngine([RUNNING])
        engine.add_node(node("n", podCIDR="10.1.0.0/24"))
        async with engine.running():
            engine.pod("new")
            engine.pod("old", status={"phase": "Running", "podIP": "10.1.0.1"})
            engine.pod("dual", status={"phase": "Running", "podIPs": [{"ip": "10.1.0.2"}, {"ip": "fd00::2"}]})
            # In the host's network: not an address of this CIDR's own.
            engine.pod("host", spec={"hostNetwork": True}, status={"phase": "Running", "podIP": "10.1.0.3"})
            engine.controller.list_done()
            await settle()
        assert engine.get("new")["status"]["podIP"] == "10.1.0.3"

    asyncio.run(scenario())


def test_pods_that_are_not_bound_or_whose_node_is_not_managed_are_left_alone() -> None:
    async def scenario() -> None:
        engine = PodEngine([RUNNING])
        engine.add_node(node("n"))
        async with engine.running():
            engine.controller.list_done()
            engine.pod("unbound", "")
            engine.pod("elsewhere", "other")
            await engine.clock.advance(20)
            engine.api.requests.clear()
            engine.add_node(node("other"))
            engine.controller.acquired(["other"])
            await engine.clock.advance(1)
        assert engine.api.requests == [("update", "elsewhere/status")]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("template", "on", "expected"),
    [
        ("{{ NodeIP }}", "n", "192.0.2.1"),
        ("{{ NodeIPWith .spec.nodeName }}", "n", "192.0.2.7"),
        ("{{ NodeIPsWith .spec.nodeName }}", "n", "[192.0.2.7 2001:db8::7]"),
        ("{{ NodeIPWith .spec.nodeName }}", "unknown", "192.0.2.1"),
        ("{{ NodeIPsWith .spec.nodeName }}", "unknown", "[192.0.2.1]"),
        ("{{ PodIP }} {{ PodIP }}", "n", "10.0.0.2 10.0.0.2"),
        (f"{{{{ PodIPWith {WITH} }}}} {{{{ PodIPWith {WITH} }}}}", "n", "10.1.0.1 10.1.0.1"),
        (f"{{{{ PodIPsWith {WITH} }}}}", "n", "[10.1.0.1 fd00:1::1]"),
        (f"{{{{ PodIPWith {WITH} }}}}", "plain", "10.0.0.2"),
        (f"{{{{ PodIPWith {WITH} }}}}", "unknown", "192.0.2.1"),
        (f"{{{{ PodIPsWith {WITH} }}}}", "unknown", "[192.0.2.1]"),
        (f"{{{{ PodIPWith {WITH} }}}}", "broken", "192.0.2.1"),
        ('{{ PodIPsWith "n" true "" "p" "" }}', "n", "[192.0.2.7 2001:db8::7]"),
        # Without a UID it is that of the pod that is rendered.
        ('{{ PodIPWith "n" false "" "p" "" }}', "n", "10.1.0.1"),
    ],
)
def test_functions_of_pods_templates(template: str, on: str, expected: str) -> None:
    engine = PodEngine([])
    engine.add_node(node("n", "192.0.2.7", "2001:db8::7", podCIDRs=["10.1.0.0/24", "fd00:1::/64"]))
    engine.add_node(node("plain"))
    engine.add_node(node("broken", podCIDR="nonsense"))
    pod = {"metadata": {"uid": "u", "name": "p", "namespace": "default"}, "spec": {"nodeName": on}}
    assert engine.render(template, pod) == expected


def test_functions_belong_to_their_kinds() -> None:
    environments = PodEngine([]).environments
    node_functions = environments.of(StageResourceRef(api_group="v1", kind="Node")).functions
    other = environments.of(StageResourceRef(api_group="apps/v1", kind="Deployment")).functions
    pods = environments.of(POD).functions
    own = {"NodeIP", "NodeIPWith", "NodeIPsWith", "NodeName", "NodePort", "PodIP", "PodIPWith", "PodIPsWith"}
    assert own & node_functions.keys() == {"NodeIP", "NodeName", "NodePort"}
    assert own & pods.keys() == {"NodeIP", "NodeIPWith", "NodeIPsWith", "PodIP", "PodIPWith", "PodIPsWith"}
    assert own & other.keys() == set()
    assert {"Now", "Quote", "YAML", "Version", "NodeConditions"} <= other.keys()
