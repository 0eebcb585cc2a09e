# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What templates of nodes, of pods and of everything else may call: names and arguments as in kwok v0.8.0."""

from __future__ import annotations

from typing import Final

from kwok_controller import __version__
from kwok_controller.api.stage import StageResourceRef
from kwok_controller.expressions.gotemplate import Function, FunctionError, Functions, fn, kwok_functions
from kwok_controller.expressions.gotemplate.functions import BOOL, STRING
from kwok_controller.lifecycle.draw import Chance
from kwok_controller.lifecycle.environment import Environment
from kwok_controller.simulation.clock import Clock
from kwok_controller.simulation.ipam import InvalidCIDR, PoolExhausted
from kwok_controller.simulation.pods import Pods

NODE: Final = StageResourceRef(api_group="v1", kind="Node")
POD: Final = StageResourceRef(api_group="v1", kind="Pod")


class Environments:
    """What the stages of each kind are compiled with.

    Args:
        pods: has the addresses.
        clock: the time; the controller is taken to start now.
        node_ip, node_name, node_port: of all managed nodes, as the options have them.
    """

    def __init__(self, pods: Pods, clock: Clock, *, node_ip: str, node_name: str, node_port: int) -> None:
        self._pods = pods
        self._clock = clock
        self._chance = Chance()
        self._common: Functions = kwok_functions(now=clock.now_ns, start=clock.now_ns(), version=__version__, random=self._chance)
        self._node_ip = node_ip
        self._node_name = node_name
        self._node_port = node_port

    def of(self, ref: StageResourceRef) -> Environment:
        """What the stages of a kind are compiled with."""
        special: dict[str, Function] = {}
        if ref == NODE:
            special = self._of_nodes()
        elif ref == POD:
            special = self._of_pods()
        return Environment(functions={**self._common, **special}, now=self._clock.now_ns, chance=self._chance)

    def _of_nodes(self) -> dict[str, Function]:
        return {
            "NodeIP": fn(lambda: self._node_ip),
            "NodeName": fn(lambda: self._node_name),
            "NodePort": fn(lambda: self._node_port),
        }

    def _of_pods(self) -> dict[str, Function]:
        of_pod = (STRING, BOOL, STRING, STRING, STRING)
        return {
            "NodeIP": fn(lambda: self._node_ip),
            "NodeIPWith": fn(self._node_ip_with, STRING),
            "NodeIPsWith": fn(self._node_ips_with, STRING),
            "PodIP": fn(self._pod_ip),
            "PodIPWith": fn(self._pod_ip_with, *of_pod),
            "PodIPsWith": fn(self._pod_ips_with, *of_pod),
        }

    def _node_ips_with(self, node: str) -> list[str]:
        return list(self._pods.node_ips(node)) or ([self._node_ip] if self._node_ip else [])

    def _node_ip_with(self, node: str) -> str:
        ips = self._node_ips_with(node)
        return ips[0] if ips else ""

    def _pod_ip(self) -> str:
        ips = self._addresses(self._pods.default_cidrs[:1], "")
        return ips[0] if ips else self._node_ip

    def _pod_ips_with(self, node: str, host_network: bool, uid: str, name: str, namespace: str) -> list[str]:
        if host_network:
            return self._node_ips_with(node)
        cidrs = self._pods.cidrs(node)
        return self._addresses(cidrs, uid) or ([self._node_ip] if self._node_ip else [])

    def _pod_ip_with(self, node: str, host_network: bool, uid: str, name: str, namespace: str) -> str:
        if host_network:
            return self._node_ip_with(node)
        ips = self._addresses(self._pods.cidrs(node)[:1], uid)
        return ips[0] if ips else self._node_ip

    def _addresses(self, cidrs: tuple[str, ...], uid: str) -> list[str]:
        addresses = []
        for cidr in cidrs:
            try:
                addresses.append(self._pods.address(cidr, uid))
            except InvalidCIDR:
                # Somebody else says so, not we: the other CIDRs, or the node's own address, have to do, as in the Go kwok.
                continue
            except PoolExhausted as error:
                raise FunctionError(str(error)) from error
        return addresses
