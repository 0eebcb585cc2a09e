# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The nodes and their pods as last seen, held packed; those of nodes that were asked for last also as they are used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from sys import intern
from typing import Any, Final, Protocol

import orjson

from kwok_controller.kube.watch import Key
from kwok_controller.kubelet.addresses import Addresses, place_of
from kwok_controller.kubelet.packing import Object, pack, text_of, unpack
from kwok_controller.kubelet.population import PHASES, READY, ROOM, phase_of, ready_of, room_of
from kwok_controller.simulation.observer import ObservedKind

FRESH: Final = 2000
"""So many objects that changed last are not packed: a pod that starts changes several times."""

DECODED: Final = 8000
"""Of so many objects, at most, the decoded form is kept: some 7.5 KB each, for a pod with one container, so 60 MB in all."""


class _Kept:
    """One version of an object.

    Attributes:
        data: its text, or this packed.
        packed: which of the two.
    """

    __slots__ = ("data", "packed", "uid")

    def __init__(self, uid: str, text: bytes) -> None:
        self.uid = uid
        self.data = text
        self.packed = False

    def text(self) -> bytes:
        """The object's JSON."""
        return unpack(self.data) if self.packed else self.data

    def pack(self) -> None:
        """Take less memory."""
        if not self.packed:
            self.data, self.packed = pack(self.data), True


class _Pod(_Kept):
    """A pod, and where it is.

    Attributes:
        node: by name.
        containers: how many it has.
        phase: of its status.
    """

    __slots__ = ("containers", "node", "phase")

    def __init__(self, uid: str, text: bytes, node: str, containers: int, phase: str) -> None:
        super().__init__(uid, text)
        self.node = node
        self.containers = containers
        self.phase = phase


class _Own(_Kept):
    """A node itself.

    Attributes:
        ready: see `population.ready_of`.
        room: see `population.room_of`.
    """

    __slots__ = ("ready", "room")

    def __init__(self, uid: str, text: bytes, ready: str, room: tuple[float, ...]) -> None:
        super().__init__(uid, text)
        self.ready = ready
        self.room = room


class _Node:
    """What there is on a node, whether or not the node itself is there already.

    Attributes:
        own: the Node; None: it is not there.
        pods: by namespace and name, in the order in which they came.
        started: containers that were started.
        started_pods: pods that were started.
        asked: whether somebody wanted to know how many.
        decoded: the node and its pods, as they are used; None for one that has to be decoded.
    """

    __slots__ = ("asked", "decoded", "own", "pods", "started", "started_pods")

    def __init__(self) -> None:
        self.own: _Own | None = None
        self.pods: dict[Key, _Pod] = {}
        self.started = self.started_pods = 0
        self.asked = False
        self.decoded: _Decoded | None = None


class _Decoded:
    __slots__ = ("listed", "node", "pods")

    def __init__(self) -> None:
        self.node: Object | None = None
        self.pods: dict[Key, Object] = {}
        self.listed: list[Object] | None = None


class PodListener(Protocol):
    """Told of pods. Must not keep an object, which is changed later."""

    def put(self, key: Key, pod: Object) -> None:
        """A version of a pod that has a node, which is new, or newer than the one before."""

    def gone(self, key: Key) -> None:
        """A pod is gone, or is another one from here on."""


class Store:
    """The nodes and pods that there are: what `simulation.observer.Observer` is told, and the world that usages are taken from.

    For one event loop. What it hands out must not be changed.

    Attributes:
        addresses: of the nodes' kubelets.
    """

    def __init__(
        self,
        *,
        pod_gone: Callable[[Object], None] = lambda pod: None,
        node_gone: Callable[[str], None] = lambda name: None,
        fresh: int = FRESH,
        decoded: int = DECODED,
    ) -> None:
        """Prepare.

        Args:
            pod_gone: told of a pod that is gone, of which only name, namespace and UID are there, and the node.
            node_gone: told of a node, by name.
            fresh: so many objects are not packed.
            decoded: so many objects are held decoded at most.
        """
        self.addresses = Addresses()
        self._pod_gone = pod_gone
        self._node_gone = node_gone
        self._fresh_limit = fresh
        self._decoded_limit = decoded
        self._nodes: dict[str, _Node] = {}
        self._pods: dict[Key, _Pod] = {}
        self._phases = dict.fromkeys(PHASES, 0)
        self._fresh: dict[_Kept, None] = {}
        # Nodes that have something decoded, those that were used last at the end; and how many objects that is in all.
        self._in_use: dict[str, None] = {}
        self._last_used = ""
        self._decoded = 0
        self._unseen: dict[ObservedKind, set[Key]] = {}
        self._listener: PodListener | None = None

    def listen(self, listener: PodListener) -> None:
        """Tell this one of pods from now on. There is one at most."""
        self._listener = listener

    # What the simulation tells.

    def begun(self, kind: ObservedKind) -> None:
        """See `Observer`."""
        known: Iterable[Key] = self._pods if kind == "Pod" else (("", name) for name in self.names())
        self._unseen[kind] = set(known)

    def observed(self, kind: ObservedKind, key: Key, obj: Object) -> None:
        """See `Observer`."""
        if unseen := self._unseen.get(kind):
            unseen.discard(key)
        text = text_of(obj)
        if text is None:
            self.vanished(kind, key)
        elif kind == "Pod":
            self._put_pod(key, obj, text)
        else:
            self._put_node(key[1], obj, text)

    def vanished(self, kind: ObservedKind, key: Key) -> None:
        """See `Observer`."""
        if kind == "Pod":
            self._drop_pod(key)
        else:
            self._drop_node(key[1])

    def synced(self, kind: ObservedKind) -> None:
        """See `Observer`."""
        for key in self._unseen.pop(kind, ()):
            self.vanished(kind, key)

    # What others ask.

    def names(self) -> list[str]:
        """The nodes that there are."""
        return [name for name, node in self._nodes.items() if node.own is not None]

    def __contains__(self, name: str) -> bool:
        """Whether there is a node of this name."""
        node = self._nodes.get(name)
        return node is not None and node.own is not None

    def node(self, name: str) -> Object | None:
        """The node of a name."""
        node = self._nodes.get(name)
        if node is None or node.own is None:
            return None
        decoded = self._use(name, node)
        if decoded.node is None:
            decoded.node = orjson.loads(node.own.text())
            self._count(1)
        return decoded.node

    def pods(self, node: str) -> list[Object]:
        """The pods on a node, in the order in which they came."""
        there = self._nodes.get(node)
        if there is None or not there.pods:
            return []
        decoded = self._use(node, there)
        if decoded.listed is None:
            known = decoded.pods
            missing = [key for key in there.pods if key not in known]
            for key in missing:
                known[key] = orjson.loads(there.pods[key].text())
            decoded.listed = [known[key] for key in there.pods]
            self._count(len(missing))
        return decoded.listed

    def pod_texts(self, node: str) -> list[bytes]:
        """The pods on a node, each as JSON."""
        there = self._nodes.get(node)
        return [pod.text() for pod in there.pods.values()] if there is not None else []

    def pods_in(self, namespace: str) -> list[Key]:
        """The pods of a namespace that have nodes."""
        return [key for key in self._pods if key[0] == namespace]

    def pod_text(self, key: Key) -> bytes | None:
        """A pod as JSON; None where there is none, or it has no node."""
        pod = self._pods.get(key)
        return pod.text() if pod is not None else None

    def ready(self) -> dict[str, int]:
        """The nodes by what they say of being ready."""
        counted = dict.fromkeys(READY, 0)
        for node in self._nodes.values():
            if node.own is not None:
                counted[node.own.ready] += 1
        return counted

    def phases(self) -> dict[str, int]:
        """The pods that are bound to nodes, by phase."""
        return dict(self._phases)

    def room(self) -> dict[str, float]:
        """What pods can have of all nodes together, by resource."""
        rooms = [node.own.room for node in self._nodes.values() if node.own is not None]
        return {resource: sum(room[at] for room in rooms) for at, resource in enumerate(ROOM)}

    def started(self, node: str) -> int:
        """How many containers were started on a node: those of all pods that were seen there, as kwok v0.8.0 counts (pod_controller.go)."""
        there = self._nodes.get(node)
        if there is None:
            return 0
        there.asked = True
        return there.started

    def started_pods(self, node: str) -> int:
        """How many pods were started on a node: all that were seen there."""
        there = self._nodes.get(node)
        if there is None:
            return 0
        there.asked = True
        return there.started_pods

    def starts(self, node: str) -> list[int] | None:
        """Pods and containers that were started on a node, and those of them that are gone; None where nobody has asked for them."""
        there = self._nodes.get(node)
        if there is None or not there.asked:
            return None
        present = sum(pod.containers for pod in there.pods.values())
        # Pods may have been there before their node, and counted for one of its name that is gone.
        gone = (max(0, there.started_pods - len(there.pods)), max(0, there.started - present))
        return [there.started_pods, there.started, *gone]

    def restore_starts(self, node: str, kept: list[int]) -> None:
        """Go on from such counts: what is there now is added to what was gone. Nothing is less than it was, though something went since."""
        there = self._nodes.get(node)
        if there is not None and kept:
            pods, containers, gone_pods, gone_containers = kept
            present = sum(pod.containers for pod in there.pods.values())
            there.started_pods = max(pods, gone_pods + len(there.pods))
            there.started = max(containers, gone_containers + present)
            there.asked = True

    # Nodes.

    def _put_node(self, name: str, obj: Object, text: bytes) -> None:
        uid = obj["metadata"].get("uid") or ""
        node = self._nodes.get(name)
        if node is not None and node.own is not None and node.own.uid != uid:
            self._drop_node(name)
            node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = _Node()
        if node.own is not None:
            self._fresh.pop(node.own, None)
        node.own = _Own(uid, text, ready_of(obj), room_of(obj))
        if node.decoded is not None and node.decoded.node is not None:
            node.decoded.node = None
            self._decoded -= 1
        self.addresses.put(name, place_of(obj))
        self._freshen(node.own)

    def _drop_node(self, name: str) -> None:
        node = self._nodes.get(name)
        if node is None or node.own is None:
            return
        self._fresh.pop(node.own, None)
        self._disuse(name, node)
        self.addresses.remove(name)
        node.own = None
        node.started = node.started_pods = 0
        node.asked = False
        if not node.pods:
            del self._nodes[name]
        self._node_gone(name)

    # Pods.

    def _put_pod(self, key: Key, obj: Object, text: bytes) -> None:
        metadata = obj["metadata"]
        uid = metadata.get("uid") or ""
        name = (obj.get("spec") or {}).get("nodeName") or ""
        known = self._pods.get(key)
        if known is not None and (known.uid != uid or known.node != name):
            self._drop_pod(key)
            known = None
        if not name:
            return
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[intern(name)] = _Node()
        if known is None:
            containers = len((obj.get("spec") or {}).get("containers") or ())
            node.started_pods += 1
            node.started += containers
            kept = _Pod(uid, text, intern(name), containers, phase_of(obj))
        else:
            self._fresh.pop(known, None)
            self._phases[known.phase] -= 1
            kept = _Pod(known.uid, text, known.node, known.containers, phase_of(obj))
        self._phases[kept.phase] += 1
        self._pods[key] = node.pods[key] = kept
        self._outdate(node, key)
        self._freshen(kept)
        if self._listener is not None:
            self._listener.put(key, obj)

    def _drop_pod(self, key: Key) -> None:
        pod = self._pods.pop(key, None)
        if pod is None:
            return
        self._fresh.pop(pod, None)
        self._phases[pod.phase] -= 1
        node = self._nodes[pod.node]
        del node.pods[key]
        self._outdate(node, key)
        if not node.pods and node.own is None:
            self._disuse(pod.node, node)
            del self._nodes[pod.node]
        if self._listener is not None:
            self._listener.gone(key)
        self._pod_gone({"metadata": {"namespace": key[0], "name": key[1], "uid": pod.uid}, "spec": {"nodeName": pod.node}})

    def _outdate(self, node: _Node, key: Key) -> None:
        if node.decoded is not None:
            node.decoded.listed = None
            if node.decoded.pods.pop(key, None) is not None:
                self._decoded -= 1

    # Memory.

    def _freshen(self, kept: _Kept) -> None:
        self._fresh[kept] = None
        if len(self._fresh) > self._fresh_limit:
            oldest = next(iter(self._fresh))
            del self._fresh[oldest]
            oldest.pack()

    def _use(self, name: str, node: _Node) -> _Decoded:
        decoded = node.decoded
        if decoded is None:
            decoded = node.decoded = _Decoded()
        elif name == self._last_used:
            return decoded
        else:
            del self._in_use[name]
        self._in_use[name] = None
        self._last_used = name
        return decoded

    def _disuse(self, name: str, node: _Node) -> None:
        decoded, node.decoded = node.decoded, None
        if decoded is not None:
            del self._in_use[name]
            self._decoded -= len(decoded.pods) + (decoded.node is not None)

    def _count(self, more: int) -> None:
        """Some more objects of the node that was used last are decoded: forget those of others, if there are too many."""
        self._decoded += more
        while self._decoded > self._decoded_limit and len(self._in_use) > 1:
            name = next(iter(self._in_use))
            self._disuse(name, self._nodes[name])

    def counts(self) -> dict[str, Any]:
        """How much there is: nodes, pods, objects that are not packed, and objects that are decoded."""
        return {"nodes": len(self.names()), "pods": len(self._pods), "fresh": len(self._fresh), "decoded": self._decoded}
