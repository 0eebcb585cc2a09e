# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Nodes: which are managed, who holds them, and what their pods have to know of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from kwok_controller.kube.labels import parse_selector
from kwok_controller.simulation.leases import LeaseKeeper
from kwok_controller.simulation.policy import Disregard, Policy
from kwok_controller.simulation.queue import Lane
from kwok_controller.simulation.tracked import Object, Tracked


class Node(NamedTuple):
    """A managed node.

    Attributes:
        uid: of the object.
        ips: of its pods in the host's network: one, or one of each family.
        cidrs: of its other pods; empty: the controller's own.
    """

    uid: str
    ips: tuple[str, ...]
    cidrs: tuple[str, ...]


class Nodes(Policy):
    """The nodes that are selected, by name.

    Args:
        keeper: of their Leases.
        disregard: nodes to be left alone, with all their pods.
        annotations: a selector of annotations that a node has to meet: the apiserver knows no such selectors.

    Raises:
        SelectorError: `annotations` is no selector.
    """

    lane: ClassVar[Lane] = Lane.NODES
    status_alone: ClassVar[bool] = True

    def __init__(self, keeper: LeaseKeeper, disregard: Disregard, *, annotations: str = "") -> None:
        super().__init__(disregard)
        self._keeper = keeper
        self._selects = parse_selector(annotations, annotations=True) if annotations else None
        self._nodes: dict[str, Node] = {}

    def get(self, name: str) -> Node | None:
        """A managed node; None: there is none of that name."""
        return self._nodes.get(name)

    def names(self) -> list[str]:
        """All managed nodes."""
        return list(self._nodes)

    def wants(self, obj: Object) -> bool:
        """Whether it is selected, and not to be disregarded."""
        if self._selects is not None and not self._selects(obj["metadata"].get("annotations")):
            return False
        return super().wants(obj)

    def node_of(self, obj: Object) -> str:
        """Itself."""
        name: str = obj["metadata"]["name"]
        return name

    def may_play(self, node: str) -> bool:
        """Whether it is managed and its Lease ours."""
        return node in self._nodes and self._keeper.held(node)

    def selector_of(self, node: str) -> str | None:
        """The node of this name."""
        return f"metadata.name={node}"

    def seen(self, tracked: Tracked, obj: Object) -> None:
        """Remember what its pods need, and ask for its Lease."""
        spec = obj.get("spec") or {}
        cidrs = spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else [])
        node = Node(tracked.uid, host_ips(obj), tuple(cidrs))
        known = self._nodes.get(tracked.node)
        self._nodes[tracked.node] = node
        if known is None or known.uid != node.uid:
            self._keeper.hold(tracked.node, tracked.uid)

    def gone(self, tracked: Tracked) -> None:
        """Give its Lease up."""
        del self._nodes[tracked.node]
        self._keeper.release(tracked.node)


def host_ips(node: Object) -> tuple[str, ...]:
    """The addresses of a node's pods in the host's network, as the kubelet has them: its first, and its first of the other family.

    Internal addresses come before external ones. (`GetNodeHostIPs` of k8s.io/kubernetes, which the Go kwok follows.)
    """
    addresses = (node.get("status") or {}).get("addresses")
    if not addresses:
        return ()
    found = [ip for kind in ("InternalIP", "ExternalIP") for ip in map(_parsed, _of_kind(addresses, kind)) if ip is not None]
    if not found:
        return ()
    second = next((ip for ip in found if ip.version != found[0].version), None)
    return (str(found[0]),) if second is None else (str(found[0]), str(second))


def _of_kind(addresses: list[Mapping[str, str]], kind: str) -> list[str]:
    return [address.get("address", "") for address in addresses if address.get("type") == kind]


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        if ":" not in text:
            # Kubernetes still takes leading zeros, for the sake of old objects.
            return ipaddress.IPv4Address(".".join(str(int(part)) for part in text.split(".")))
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address
