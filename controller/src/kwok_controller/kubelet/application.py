# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is answered to those who ask a kubelet.

A node that has an address of its own is asked there, as a real one: `/metrics`, `/metrics/resource`, `/metrics/cadvisor`,
`/metrics/probes`, whatever else Metrics have under `/metrics/nodes/{nodeName}`, `/stats/summary`, `/pods` and `/configz`. Everywhere the
nodes are asked by the paths of the Metrics, and for the others below `/nodes/{nodeName}`. All other requests, as for the controller's own
health and metrics, are for the application behind; `/healthz` is answered there for nodes, too, as those who probe the controller itself
may do so at the address of a node. So is `/metrics` at the address that is given to nodes without one: it would else be the controller's
with two such nodes and the node's with one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from kwok_controller.exposition import Format, negotiate
from kwok_controller.kubelet.addresses import canonical
from kwok_controller.kubelet.answers import JSON, Asked, answer, asked
from kwok_controller.kubelet.authorization import Guard
from kwok_controller.kubelet.discovery import targets
from kwok_controller.kubelet.endpoints import NODE_NAME, OF_NODES, ROOT, Served
from kwok_controller.kubelet.scrapes import Scrapes
from kwok_controller.server.asgi import METHODS, Application, Receive, Scope, Send, respond

DISCOVERY: Final = "/discovery/prometheus"

STATS, PODS, CONFIGURATION = "/stats/summary", "/pods", "/configz"
_OWN: Final = frozenset((STATS, PODS, CONFIGURATION))
BY_NAME: Final = "/nodes/"
"""What stands before the name of a node, and one of these paths after it, where its address does not tell which node is meant."""

_OF_KUBELET: Final = frozenset((*_OWN, "/metrics/resource", "/metrics/cadvisor", "/metrics/probes"))
_ALLOW: Final = [(b"allow", ", ".join(METHODS).encode())]


def _by_name(path: str) -> tuple[str, str] | None:
    """Node and path of a request that names both; None: it is another one."""
    node, slash, rest = path.removeprefix(BY_NAME).partition("/")
    return (node, f"/{rest}") if slash and f"/{rest}" in _OWN else None


@lru_cache(maxsize=64)
def _format(accept: str) -> Format:
    return negotiate(accept)


class Kubelets:
    """Answers as the kubelets of all nodes.

    Args:
        scrapes: what there is to answer.
        behind: answers everything else.
        guard: lets pass who may; None: everybody may.
        shared_ip: the address of nodes that have none of their own (`--node-ip`); empty where they get none.
        ready: whether all objects that there were at the start are known.
    """

    def __init__(
        self, scrapes: Scrapes, behind: Application, *, guard: Guard | None, ready: Callable[[], bool], shared_ip: str = ""
    ) -> None:
        self._scrapes = scrapes
        self._behind = behind
        self._guard = guard
        self._shared_ip = canonical(shared_ip)
        self._ready = ready
        self._is_ready = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        path = scope["path"]
        found = self._scrapes.endpoints.find(path)
        if found is not None:
            await self._metric(scope, send, *found, path)
        elif path == DISCOVERY:
            await self._discovery(scope, send)
        elif path.startswith(BY_NAME) and (asked_for := _by_name(path)) is not None:
            await self._other(scope, send, *asked_for)
        else:
            await self._own(scope, receive, send, path)

    async def _own(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        """What is asked for at the address of a node, or else is not for a node."""
        node = self._scrapes.store.addresses.node_at(scope["server"])
        if node is not None:
            served = self._scrapes.endpoints.of_kubelet(path)
            if served is not None and not (path == ROOT and canonical(scope["server"][0]) == self._shared_ip):
                await self._metric(scope, send, served, node, path)
                return
            if path in _OWN:
                await self._other(scope, send, node, path)
                return
        if path in _OF_KUBELET or path.startswith(f"{ROOT}/"):
            await self._unknown(scope, send, path, node)
        else:
            await self._behind(scope, receive, send)

    async def _metric(self, scope: Scope, send: Send, served: Served, node: str, path: str) -> None:
        header = asked(scope)
        if await self._refuse(scope, send, header, path, node):
            return
        format = _format(header.accept)
        body = self._scrapes.metric(served, node, format)
        if body is None:
            await respond(send, 404, self._no_node(node, served).encode())
        else:
            await answer(send, body, format.content_type, header.encoding)

    async def _other(self, scope: Scope, send: Send, node: str, path: str) -> None:
        header = asked(scope)
        if await self._refuse(scope, send, header, path, node):
            return
        body: bytes | None
        if path == STATS:
            body = self._scrapes.summary(node)
        elif path == PODS:
            body = self._scrapes.pods(node)
        else:
            body = self._scrapes.configuration(node, authenticates=self._guard is not None)
        if body is None:
            # It went while the apiserver was asked who may see it.
            await respond(send, 404, f"There is no node {node} here.".encode())
        else:
            await answer(send, body, JSON, header.encoding)

    async def _discovery(self, scope: Scope, send: Send) -> None:
        header = asked(scope)
        if await self._refuse(scope, send, header, ROOT, ""):
            return
        body = targets(self._scrapes.endpoints, self._scrapes.store.names(), host=header.host, scheme=scope["scheme"])
        await answer(send, body, JSON, header.encoding)

    async def _refuse(self, scope: Scope, send: Send, header: Asked, path: str, node: str) -> bool:
        """Whether a request was refused."""
        if scope["method"] not in METHODS:
            await respond(send, 405, b"405: Method Not Allowed", headers=_ALLOW)
            return True
        if self._guard is not None:
            refusal = await self._guard.refusal(scope, header.authorization, path, node)
            if refusal is not None:
                await respond(send, refusal.status, refusal.text.encode("utf-8", "replace"))
                return True
        if not self._is_ready:
            self._is_ready = self._ready()
            if not self._is_ready:
                await respond(send, 503, b"Not all objects of the cluster have been read yet: try again.", headers=[(b"retry-after", b"1")])
                return True
        return False

    async def _unknown(self, scope: Scope, send: Send, path: str, node: str | None) -> None:
        """Say why there is nothing, to those who may know."""
        header = asked(scope)
        if await self._refuse(scope, send, header, path, node or ""):
            return
        if node is not None:
            await respond(
                send, 404, f"No Metric has the path {OF_NODES}{path}: create one, or a set that ships with the collection.".encode()
            )
            return
        nodes = self._scrapes.store.addresses.nodes_at(scope["server"]) if scope["server"] is not None else []
        paths = ", ".join(served.path for served in self._scrapes.endpoints if NODE_NAME in served.path) or "there are no such Metrics yet"
        remedy = (
            f"Ask by a Metric's path, which names the node in place of {NODE_NAME} ({paths}), or for {', '.join(sorted(_OWN))} below "
            f"{BY_NAME}{NODE_NAME}; or give each node an InternalIP of its own "
            "in its status.addresses, one that this host has, instead of the one address of --node-ip."
        )
        if nodes:
            text = f"{len(nodes)} nodes have this address, such as {nodes[0]}, and {path} does not say which is meant. {remedy}"
            await respond(send, 421, text.encode())
        else:
            await respond(send, 404, f"No node has this address, and no Metric the path {path}. {remedy}".encode())

    def _no_node(self, node: str, served: Served) -> str:
        if NODE_NAME in served.path:
            return f"There is no node {node} here."
        return (
            f"There is no node {node} here: as the path of the Metric {served.name} has no {NODE_NAME}, it is for the node of its own name."
        )
