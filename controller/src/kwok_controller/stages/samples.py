# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Small objects to try stages on: as an apiserver holds them when they are new, and further on in their life.

`fitted` makes of one an object that a given stage is for, as far as the stage's selector says so in simple words.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import orjson

from kwok_controller.api.stage import SelectorJQ, StageResourceRef, StageSelector

CREATED: Final = "2024-01-01T00:00:00Z"
"""When the samples were created. They are tried later than that."""

DELETED: Final = "2024-01-01T00:01:30Z"
"""The deletionTimestamp of those that are being deleted."""

_UID: Final = "3f1c2a5e-6d0b-4d9c-9a53-0c4f1d2e7b68"


class Sample(NamedTuple):
    """An object to try stages on.

    Attributes:
        about: What is special about it, for people.
        obj: The object.
    """

    about: str
    obj: dict[str, Any]


def samples_of(ref: StageResourceRef) -> list[Sample]:
    """Objects of a kind that are new, the plainest first, and then some that are being deleted."""
    make = _SAMPLES.get((ref.api_group, ref.kind))
    if make is not None:
        return make()
    plain = Sample("new", _object(ref.api_group, ref.kind, {"replicas": 1}, {}))
    return [plain, _deleted(plain), _deleted(plain, finalizers=True)]


def _object(version: str, kind: str, spec: dict[str, Any], status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {
            "name": "sample",
            "namespace": "default",
            "uid": _UID,
            "resourceVersion": "1",
            "generation": 1,
            "creationTimestamp": CREATED,
            **metadata,
        },
        "spec": spec,
        "status": status,
    }


def _deleted(sample: Sample, *, finalizers: bool = False) -> Sample:
    obj = copy.deepcopy(sample.obj)
    obj["metadata"].update(deletionTimestamp=DELETED, deletionGracePeriodSeconds=30)
    if finalizers:
        obj["metadata"]["finalizers"] = ["example.com/protect"]
    return Sample("being deleted, with finalizers" if finalizers else "being deleted", obj)


def _nodes() -> list[Sample]:
    node = _object("v1", "Node", {}, {})
    del node["metadata"]["namespace"]
    given = copy.deepcopy(node)
    given["status"] = {
        "capacity": {"cpu": "8", "memory": "32Gi"},
        "addresses": [{"type": "InternalIP", "address": "192.0.2.7"}],
        "nodeInfo": {"architecture": "arm64", "kubeletVersion": "v1.33.0"},
    }
    new = Sample("new", node)
    return [new, Sample("new, with capacity", given), _deleted(new), _deleted(new, finalizers=True)]


def _pods() -> list[Sample]:
    # Every one has one container; what is told in words comes on top.
    plain = pod()
    return [
        Sample("new", plain),
        Sample("new, with init containers", pod(init=2)),
        Sample("new, with a sidecar", pod(init=1, sidecar=True)),
        Sample("new, of a Job", pod(owner="Job", restart_policy="OnFailure")),
        Sample("new, with restartPolicy Never", pod(restart_policy="Never")),
        Sample("new, with a readinessProbe", pod(probe=True)),
        Sample("new, with hostNetwork", pod(host_network=True)),
        _deleted(Sample("", plain)),
        _deleted(Sample("", plain), finalizers=True),
    ]


def pod(
    *,
    init: int = 0,
    sidecar: bool = False,
    owner: str = "ReplicaSet",
    restart_policy: str = "Always",
    probe: bool = False,
    host_network: bool = False,
) -> dict[str, Any]:
    """A pod that was just bound to its node.

    Args:
        init: How many init containers it has.
        sidecar: Whether the last container but the main one is a sidecar.
        owner: The kind of its owner.
        restart_policy: Of the pod.
        probe: Whether its container has a readinessProbe.
        host_network: Whether it shares the node's network.
    """
    container: dict[str, Any] = {"name": "main", "image": "registry.example.com/app:1.0"}
    if probe:
        container["readinessProbe"] = {"initialDelaySeconds": 5, "periodSeconds": 10}
    spec: dict[str, Any] = {"nodeName": "node-0", "restartPolicy": restart_policy, "containers": [container]}
    inits = [{"name": f"init-{at}", "image": "registry.example.com/init:1.0"} for at in range(init)]
    if sidecar:
        inits.append({"name": "sidecar", "image": "registry.example.com/sidecar:1.0", "restartPolicy": "Always"})
    if inits:
        spec["initContainers"] = inits
    if host_network:
        spec["hostNetwork"] = True
    version = "batch/v1" if owner == "Job" else "apps/v1"
    status = {
        "phase": "Pending",
        "qosClass": "BestEffort",
        "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": CREATED}],
    }
    owners = [{"apiVersion": version, "kind": owner, "name": "sample", "uid": _UID, "controller": True}]
    return _object("v1", "Pod", spec, status, ownerReferences=owners)


def _claims() -> list[Sample]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "kwok-volume"}
    claim = Sample("new", _object("v1", "PersistentVolumeClaim", spec, {"phase": "Pending"}))
    return [claim, _deleted(claim), _deleted(claim, finalizers=True)]


def _volumes() -> list[Sample]:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "storageClassName": "kwok-volume",
        "persistentVolumeReclaimPolicy": "Delete",
        "claimRef": {"namespace": "default", "name": "sample", "uid": _UID},
    }
    made = _object("v1", "PersistentVolume", spec, {"phase": "Pending"})
    del made["metadata"]["namespace"]
    released = copy.deepcopy(made)
    released["status"]["phase"] = "Released"
    volume = Sample("new", made)
    return [volume, Sample("released", released), _deleted(volume), _deleted(volume, finalizers=True)]


_SAMPLES: Final = {
    ("v1", "Node"): _nodes,
    ("v1", "Pod"): _pods,
    ("v1", "PersistentVolumeClaim"): _claims,
    ("v1", "PersistentVolume"): _volumes,
}


# .a.b["c"], .a[].b and .a[] | select(.type == "x") | .b; each [] may be written .[] and may have a ?.
_STEP: Final = re.compile(r'\.(?P<name>[A-Za-z_]\w*)|\.?\["(?P<quoted>[^"\\]*)"\]|(?P<items>\.?\[\])')
_SELECT: Final = re.compile(r'\s*\|\s*select\(\s*\.(?P<name>\w+)\s*==\s*"(?P<value>[^"\\]*)"\s*\)\s*\|\s*')


class Items(NamedTuple):
    """The items of a list that have given members; all items where none are given."""

    where: frozenset[tuple[str, str]] = frozenset()

    def chosen(self, items: Any) -> list[Any]:
        """Those of some items."""
        if not isinstance(items, list):
            return []
        return [item for item in items if not self.where or (isinstance(item, dict) and self.where <= _texts(item))]


def _texts(item: dict[str, Any]) -> set[tuple[str, str]]:
    return {(key, value) for key, value in item.items() if isinstance(value, str)}


Path = tuple[str | Items, ...]


def path_of(source: str) -> Path | None:
    """The path that a jq expression is: names, and `Items` for all items of a list (those with given members); None for any other.

    Two expressions with one path ask the same of every object.
    """
    path: list[str | Items] = []
    at = 0
    text = source.strip()
    while at < len(text):
        if text[at] == "?":
            at += 1
            continue
        step = _STEP.match(text, at)
        if step is not None:
            path.append(Items() if step["items"] else step["name"] if step["name"] is not None else step["quoted"])
        else:
            step = _SELECT.match(text, at)
            if step is None or not path or not isinstance(path[-1], Items):
                return None
            path[-1] = Items(path[-1].where | {(step["name"], step["value"])})
        at = step.end()
    return tuple(path) or None


def single(path: Path) -> bool:
    """Whether there is at most one value at a path."""
    return not any(isinstance(step, Items) for step in path)


def fitted(obj: dict[str, Any], selector: StageSelector) -> dict[str, Any]:
    """A copy of an object with the labels, annotations and members that a selector asks for in simple words."""
    # Objects are JSON: this is the fastest copy of one.
    fit: dict[str, Any] = orjson.loads(orjson.dumps(obj))
    metadata = fit["metadata"]
    for field, wanted in (("labels", selector.match_labels), ("annotations", selector.match_annotations)):
        if wanted:
            metadata[field] = {**metadata.get(field, {}), **wanted}
    for expression in selector.match_expressions:
        if expression.jq is not None:
            _fit(fit, expression.jq)
    return fit


def _fit(obj: dict[str, Any], wanted: SelectorJQ) -> None:
    path = path_of(wanted.key)
    if path is None or isinstance(path[0], Items) or path[0] in ("apiVersion", "kind"):
        return
    match wanted.operator:
        case "In" if wanted.values:
            _put(obj, path, wanted.values[0], keep=wanted.values)
        case "Exists":
            _put(obj, path, DELETED if path[-1] in ("deletionTimestamp", "startedAt", "finishedAt") else "sample", keep=None)
        case "DoesNotExist":
            _drop(obj, path, None)
        case "NotIn":
            _drop(obj, path, wanted.values)


def _put(value: Any, path: Path, leaf: str, keep: Iterable[str] | None) -> None:
    """Make one value at a path be a leaf, where there is none that is as good (`keep`; None: any is)."""
    step, rest = path[0], path[1:]
    if isinstance(step, Items):
        if not isinstance(value, list):
            return
        items = step.chosen(value)
        if not items:
            value.append(dict(step.where) if rest or step.where else leaf)
            items = [value[-1]]
        if rest:
            _put(items[0], rest, leaf, keep)
        return
    if not isinstance(value, dict):
        return
    if not rest:
        if value.get(step) is None or (keep is not None and value[step] not in keep):
            value[step] = leaf
        return
    if value.get(step) is None:
        value[step] = [] if isinstance(rest[0], Items) else {}
    _put(value[step], rest, leaf, keep)


def _drop(value: Any, path: Path, values: Iterable[str] | None) -> None:
    """Remove what is at a path (of these values; None: any)."""
    step, rest = path[0], path[1:]
    if isinstance(step, Items):
        for item in step.chosen(value) if rest else ():
            _drop(item, rest, values)
    elif isinstance(value, dict) and step in value:
        if rest:
            if rest == (Items(),):
                del value[step]
            else:
                _drop(value[step], rest, values)
        elif values is None or value[step] in values:
            del value[step]
