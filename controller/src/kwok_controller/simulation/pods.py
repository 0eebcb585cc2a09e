# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Pods: those on managed nodes are played where the node is ours, and have addresses."""

from __future__ import annotations

from typing import ClassVar

from kwok_controller.simulation.ipam import IPAM, InvalidCIDR
from kwok_controller.simulation.nodes import Nodes
from kwok_controller.simulation.policy import Disregard, Policy
from kwok_controller.simulation.tracked import Object, Tracked


class Pods(Policy):
    """The pods that are bound to a node.

    Addresses that pods have already are known before any is given: nothing is played before all pods were seen.

    Args:
        nodes: those that are managed.
        ipam: the addresses, by the pods' UIDs.
        disregard: pods to be left alone.
    """

    waits_for_first_list: ClassVar[bool] = True
    status_alone: ClassVar[bool] = True

    def __init__(self, nodes: Nodes, ipam: IPAM, disregard: Disregard) -> None:
        super().__init__(disregard)
        self._nodes = nodes
        self._ipam = ipam
        self._rendered = ""

    @property
    def default_cidrs(self) -> tuple[str, ...]:
        """Of pods on nodes without any of their own."""
        return self._ipam.default_cidrs

    def node_ips(self, node: str) -> tuple[str, ...]:
        """The addresses of a node's pods in the host's network; none where the node is not managed."""
        known = self._nodes.get(node)
        return known.ips if known is not None else ()

    def cidrs(self, node: str) -> tuple[str, ...]:
        """Where a node's other pods have their addresses from; none where the node is not managed."""
        known = self._nodes.get(node)
        return known.cidrs or self._ipam.default_cidrs if known is not None else ()

    def address(self, cidr: str, uid: str) -> str:
        """A pod's address of a CIDR, the same each time. Without a UID: that of the pod whose templates are being rendered.

        Raises:
            InvalidCIDR: it is none.
            PoolExhausted: it has no address left.
        """
        return self._ipam.get(cidr, uid or self._rendered)

    def wants(self, obj: Object) -> bool:
        """Whether it is bound to a node, and not to be disregarded."""
        return bool(self.node_of(obj)) and super().wants(obj)

    def node_of(self, obj: Object) -> str:
        """The node it is bound to."""
        name: str = (obj.get("spec") or {}).get("nodeName") or ""
        return name

    def may_play(self, node: str) -> bool:
        """Whether the node is managed and its Lease ours."""
        return self._nodes.may_play(node)

    def selector_of(self, node: str) -> str | None:
        """The pods that are bound to a node."""
        return f"spec.nodeName={node}"

    def seen(self, tracked: Tracked, obj: Object) -> None:
        """Note the addresses it has, so that nobody else gets them."""
        status = obj.get("status")
        if not status or (obj.get("spec") or {}).get("hostNetwork"):
            return
        ips = [ip.get("ip") or "" for ip in status.get("podIPs") or ()] or [status.get("podIP") or ""]
        note = ",".join(ips)
        if note == tracked.note:
            return
        node = self._nodes.get(tracked.node)
        if node is None:
            return
        tracked.note = note
        for ip, cidr in zip(ips, node.cidrs or self._ipam.default_cidrs, strict=False):
            if ip:
                self._use(cidr, ip, tracked.uid)

    def gone(self, tracked: Tracked) -> None:
        """Free its addresses."""
        self._ipam.put(tracked.uid)

    def rendering(self, tracked: Tracked) -> None:
        """Remember whose address `PodIP` asks for."""
        self._rendered = tracked.uid

    def _use(self, cidr: str, ip: str, uid: str) -> None:
        try:
            self._ipam.use(cidr, ip, uid)
        except InvalidCIDR:
            # The node says so, not we. Its pods get no addresses; that is told where one is asked for.
            return
