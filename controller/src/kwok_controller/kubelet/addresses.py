# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Which node somebody means who connects to an address: by the InternalIPs and the kubelet's port of the Node objects."""

from __future__ import annotations

import ipaddress
from typing import Any, NamedTuple


class Place(NamedTuple):
    """Where a node's kubelet is.

    Attributes:
        ips: its InternalIPs.
        port: of its kubelet; 0 where the node does not say.
    """

    ips: tuple[str, ...]
    port: int


NOWHERE = Place((), 0)


def place_of(node: dict[str, Any]) -> Place:
    """Where a node says that its kubelet is."""
    status = node.get("status") or {}
    ips = (canonical(each.get("address") or "") for each in status.get("addresses") or () if each.get("type") == "InternalIP")
    port = ((status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}).get("Port")
    return Place(tuple(dict.fromkeys(ip for ip in ips if ip)), port if isinstance(port, int) else 0)


class Addresses:
    """The nodes by where their kubelets are."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        # By address: the nodes, in the order in which they came.
        self._nodes: dict[str, dict[str, None]] = {}
        self._found: dict[tuple[str, int], str | None] = {}

    def put(self, node: str, place: Place) -> None:
        """A node's kubelet is there now, and nowhere else."""
        had = self._places.get(node, NOWHERE)
        if had == place:
            return
        for ip in had.ips:
            there = self._nodes[ip]
            del there[node]
            if not there:
                del self._nodes[ip]
        for ip in place.ips:
            self._nodes.setdefault(ip, {})[node] = None
        if place == NOWHERE:
            del self._places[node]
        else:
            self._places[node] = place
        self._found.clear()

    def remove(self, node: str) -> None:
        """A node is gone."""
        self.put(node, NOWHERE)

    def node_at(self, server: tuple[str, int] | None) -> str | None:
        """The one node whose kubelet is at an address and port; None where there is none, or there are several."""
        if server is None:
            return None
        try:
            return self._found[server]
        except KeyError:
            nodes = self.nodes_at(server)
            found = self._found[server] = nodes[0] if len(nodes) == 1 else None
            return found

    def nodes_at(self, server: tuple[str, int]) -> list[str]:
        """All nodes whose kubelets are at an address and port."""
        ip, port = canonical(server[0]), server[1]
        return [node for node in self._nodes.get(ip, ()) if self._places[node].port in (port, 0)]


def canonical(text: str) -> str:
    """An address in its one form, an IPv4 address in IPv6 as the former; empty where it is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
