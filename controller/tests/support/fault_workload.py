# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What users do with a cluster while faults happen: scripts, drawn from a seed, whose end does not depend on when their steps happen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal, NamedTuple

from simulated import LABEL

from kwok_controller.kube.client import MERGE_PATCH, Client
from kwok_controller.kube.errors import AlreadyExists, ApiError, Forbidden, NotFound, ServerError, retryable
from kwok_controller.kube.resources import NODES, PODS, Resource

Object = dict[str, Any]

CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap", True)

INCARNATION: Final = "example.com/incarnation"
"""Annotation: tells an object from others that had its name."""

HELD: Final = "example.com/held"
"""A finalizer of the workload's own."""

PLAYED: Final = "example.com/played"
"""Label of the ConfigMaps that stages are for."""

PERSIST_S: Final = 300.0
"""How long an operation is tried at least, and after the last fault."""

AGAIN_S: Final = 0.2

RUN: Final = "@RUN@"
"""Stands in bodies for the name of the run, which is also that of its namespace and how its nodes' names begin."""


class Op(NamedTuple):
    """One step of a script.

    Attributes:
        at: When, as a part of the run's time; not before the step in front of it is done.
        do: What.
        resource: On what kind of object.
        name: Its name.
        incarnation: Which of those that have this name, one after the other.
        body: Of the object, or of the patch.
        grace_s: For deletions; None: what the object asks for.
    """

    at: float
    do: Literal["create", "patch", "delete", "let go"]
    resource: Resource
    name: str
    incarnation: int = 0
    body: Object | None = None
    grace_s: int | None = None


@dataclass
class Workload:
    """Scripts that go on side by side.

    Attributes:
        scripts: Steps, one after the other.
        nodes: Names of those that are there in the end; so `pods` and `config_maps`.
    """

    scripts: list[list[Op]] = field(default_factory=list)
    nodes: set[str] = field(default_factory=set)
    pods: set[str] = field(default_factory=set)
    config_maps: set[str] = field(default_factory=set)

    def size(self) -> int:
        """How many steps there are."""
        return sum(map(len, self.scripts))


NODES_THAT_STAY: Final = 6
NODES_REBORN: Final = 2


def workload(seed: int, size: int) -> Workload:
    """`size` scripts, and the nodes for them."""
    random = Random(f"workload {seed}")
    made = Workload()
    for number in range(NODES_THAT_STAY + NODES_REBORN):
        name = f"{RUN}-n{number}"
        made.nodes.add(name)
        script = [Op(0.0, "create", NODES, name, 0, _node(name))]
        if number >= NODES_THAT_STAY:
            for incarnation in range(1, 3):
                at = random.uniform(0.2, 0.5) if incarnation == 1 else random.uniform(0.5, 0.9)
                script.append(Op(at, "delete", NODES, name, incarnation - 1))
                script.append(Op(at, "create", NODES, name, incarnation, _node(name)))
        else:
            script += [
                Op(random.random(), "patch", NODES, name, 0, {"metadata": {"annotations": {"example.com/note": f"{number}"}}})
                for _ in range(3)
            ]
        made.scripts.append(_in_order(script))
    writers = [_kept_pod, _deleted_pod, _recreated_pod, _held_pod, _config_map, _config_map, _doomed_node]
    for number in range(size):
        made.scripts.append(_in_order(writers[number % len(writers)](made, random, number)))
    return made


def _kept_pod(made: Workload, random: Random, number: int) -> list[Op]:
    name = f"kept-{number}"
    made.pods.add(name)
    # Up to the very end: whoever sees nothing any more leaves them as they are.
    at = random.uniform(0.0, 1.0)
    finalizers = [HELD] if random.random() < 0.3 else []
    script = [Op(at, "create", PODS, name, 0, _pod(random, name, finalizers=finalizers))]
    for count in range(random.randrange(4)):
        note = {"metadata": {"annotations": {"example.com/note": str(count)}}}
        script.append(Op(at + random.uniform(0.0, 0.2), "patch", PODS, name, 0, note))
    return script


def _deleted_pod(made: Workload, random: Random, number: int) -> list[Op]:
    name = f"deleted-{number}"
    at = random.uniform(0.0, 0.8)
    return [
        Op(at, "create", PODS, name, 0, _pod(random, name)),
        Op(at + random.uniform(0.0, 0.2), "delete", PODS, name, 0, grace_s=random.choice((None, 1, 3))),
    ]


def _recreated_pod(made: Workload, random: Random, number: int) -> list[Op]:
    name = f"recreated-{number}"
    made.pods.add(name)
    at = random.uniform(0.0, 0.7)
    script = [Op(at, "create", PODS, name, 0, _pod(random, name))]
    for incarnation in range(1, random.randrange(2, 4)):
        at += random.uniform(0.0, 0.1)
        script.append(Op(at, "delete", PODS, name, incarnation - 1, grace_s=random.choice((0, 0, 1))))
        script.append(Op(at, "create", PODS, name, incarnation, _pod(random, name)))
    return script


def _held_pod(made: Workload, random: Random, number: int) -> list[Op]:
    name = f"held-{number}"
    at = random.uniform(0.0, 0.7)
    return [
        Op(at, "create", PODS, name, 0, _pod(random, name, finalizers=[HELD])),
        Op(at + random.uniform(0.0, 0.1), "delete", PODS, name, 0, grace_s=random.choice((1, 2))),
        Op(at + random.uniform(0.1, 0.25), "let go", PODS, name, 0),
    ]


def _config_map(made: Workload, random: Random, number: int) -> list[Op]:
    name = f"steps-{number}"
    body: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {PLAYED: "yes"}}, "data": {"by": "user"}}
    made.config_maps.add(f"{name}-made")
    at = random.uniform(0.0, 0.7)
    script = [Op(at, "create", CONFIG_MAPS, name, 0, body)]
    incarnation = 0
    while random.random() < 0.5:
        # Only what the stage has held by its finalizer is let go by another stage; both ways have to end well.
        at += random.uniform(0.0, 0.1)
        script.append(Op(at, "delete", CONFIG_MAPS, name, incarnation))
        incarnation += 1
        script.append(Op(at, "create", CONFIG_MAPS, name, incarnation, body))
    made.config_maps.add(name)
    return script


def _doomed_node(made: Workload, random: Random, number: int) -> list[Op]:
    """A node that goes while its pods are played."""
    node = f"{RUN}-doomed-{number}"
    pods = [f"doomed-{number}-{each}" for each in range(2)]
    at = random.uniform(0.0, 0.8)
    return [
        Op(at, "create", NODES, node, 0, _node(node)),
        *(Op(at, "create", PODS, pod, 0, _pod(random, pod, node=node)) for pod in pods),
        Op(at + random.uniform(0.0, 0.1), "delete", NODES, node, 0),
        *(Op(at + 0.1, "delete", PODS, pod, 0, grace_s=0) for pod in pods),
    ]


def _in_order(script: list[Op]) -> list[Op]:
    return sorted(script, key=lambda op: op.at)


def _node(name: str) -> Object:
    labels = {LABEL: RUN, "kubernetes.io/hostname": name}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


def _pod(random: Random, name: str, *, node: str = "", finalizers: Iterable[str] = ()) -> Object:
    """A pod that is bound to a node, or one for the scheduler; some have init containers."""
    container = {"name": "c", "image": "registry.example.com/c"}
    spec: Object = {"containers": [container], "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 2}
    chosen = node or f"{RUN}-n{random.randrange(NODES_THAT_STAY + NODES_REBORN)}"
    if not node and random.random() < 0.25:
        spec["nodeSelector"] = {"kubernetes.io/hostname": chosen}
    else:
        spec["nodeName"] = chosen
    if random.random() < 0.3:
        spec["initContainers"] = [{**container, "name": "first"}, {**container, "name": "side", "restartPolicy": "Always"}]
    stages = ("pod-create", "pod-ready", "pod-init-container-running", "pod-init-container-completed")
    delays = {f"{stage}.stage.kwok.x-k8s.io/delay": f"{random.randrange(1500)}ms" for stage in stages}
    metadata: Object = {"name": name, "labels": {LABEL: RUN}, "annotations": delays}
    if finalizers:
        metadata["finalizers"] = list(finalizers)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


class Worker:
    """Does what scripts say, and does not give up.

    Args:
        client: To the apiserver itself.
        run: The run's name.

    Attributes:
        done: How many steps were.
    """

    def __init__(self, client: Client, run: str) -> None:
        self._client = client
        self._run = run
        self._refusal = ""
        self.done = 0

    async def work(self, workload: Workload, seconds: float) -> None:
        """All scripts, side by side, over so many seconds."""
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            for script in workload.scripts:
                tasks.create_task(self._follow(script, began, seconds))

    async def _follow(self, script: list[Op], began: float, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        for op in script:
            await asyncio.sleep(began + op.at * seconds - loop.time())
            # While there are faults nothing has to come to its end: what was begun under them is, once they are over.
            ends = max(loop.time(), began + seconds) + PERSIST_S
            while not await self._attempt(op):
                assert loop.time() < ends, f"not done {PERSIST_S:.0f} s after the last fault: {op}; last refusal of any: {self._refusal}"
                await asyncio.sleep(AGAIN_S)
            self.done += 1

    async def _attempt(self, op: Op) -> bool:
        """Whether it is done."""
        try:
            if op.do == "create":
                return await self._create(op)
            return await self._change(op)
        except ApiError as error:
            # An apiserver that has just started refuses all, and pods until the controller manager has done its part.
            if retryable(error) or isinstance(error, Forbidden | ServerError):
                self._refusal = str(error)
                return False
            raise

    async def _create(self, op: Op) -> bool:
        body = _named(op.body, self._run)
        annotations = body["metadata"].get("annotations") or {}
        body["metadata"]["annotations"] = {**annotations, INCARNATION: str(op.incarnation)}
        try:
            await self._client.create(op.resource, self._namespace(op), body)
        except AlreadyExists:
            # Of an earlier attempt, whose answer was lost? Then that one is done.
            self._refusal = "there is one of an earlier incarnation"
            return await self._find(op) is not None
        return True

    async def _change(self, op: Op) -> bool:
        found = await self._find(op)
        if found is None:
            return True
        metadata, name, namespace = found["metadata"], self._name(op), self._namespace(op)
        if op.do == "patch":
            await self._client.patch(op.resource, namespace, name, _named(op.body, self._run), MERGE_PATCH)
            return True
        try:
            if op.do == "let go":
                body = {"metadata": {"uid": metadata["uid"], "finalizers": None}}
                await self._client.patch(op.resource, namespace, name, body, MERGE_PATCH)
                return True
            if metadata.get("deletionTimestamp") and op.grace_s != 0:
                return True
            await self._client.delete(op.resource, namespace, name, grace_period_s=op.grace_s, uid=metadata["uid"])
        except NotFound:
            return True
        return False

    async def _find(self, op: Op) -> Object | None:
        """The object, if it still is the one that is meant."""
        try:
            found = await self._client.get(op.resource, self._namespace(op), self._name(op))
        except NotFound:
            return None
        return found if found["metadata"].get("annotations", {}).get(INCARNATION) == str(op.incarnation) else None

    def _name(self, op: Op) -> str:
        return op.name.replace(RUN, self._run)

    def _namespace(self, op: Op) -> str | None:
        return self._run if op.resource.namespaced else None


def _named(body: Any, run: str) -> Any:
    """A body with the run's name in its place."""
    if isinstance(body, dict):
        return {key: _named(value, run) for key, value in body.items()}
    if isinstance(body, list):
        return [_named(value, run) for value in body]
    return body.replace(RUN, run) if isinstance(body, str) else body
