# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The sets of stages that ship with the controller, in `sets/KIND/NAME/*.yaml`."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from kwok_controller.api.load import Document, split_documents
from kwok_controller.api.sets import ShippedSet, UnknownSet
from kwok_controller.expressions.yaml import load_yaml

_ABOUT: Final = {
    "node-fast": ("Node", "Nodes are Ready at once, with capacity and addresses where none are given."),
    "node-heartbeat": ("Node", "Heartbeats every 20 to 25 s, for a controller without Leases. Used with node-fast."),
    "node-heartbeat-with-lease": ("Node", "Heartbeats every 10 min, for a controller that renews Leases. Used with node-fast."),
    "node-chaos": ("Node", "A label makes a node NotReady for as long as it is there. Used with node-fast."),
    "pod-fast": ("Pod", "Pods run and are Ready at once, those of Jobs succeed, those being deleted vanish."),
    "pod-general": ("Pod", "Pods start, complete and end step by step, with delays, as on a real node. Used instead of pod-fast."),
    "pod-chaos": (
        "Pod",
        "Labels make containers, init containers or image pulls fail, with restarts and back-off. Used with another set for pods.",
    ),
    "volume-fast": (
        "PersistentVolumeClaim",
        "Claims of the storage class kwok-volume are bound at once, their volumes deleted after them.",
    ),
}


def names() -> list[str]:
    """What the sets are called."""
    return list(_ABOUT)


def list_sets() -> list[ShippedSet]:
    """All sets."""
    return [_describe(name) for name in _ABOUT]


def documents(name: str) -> list[Document]:
    """The stages of a set, as they stand in its files, sorted by file.

    Raises:
        UnknownSet: There is none of this name.
    """
    return [
        Document(load_yaml(source), f"{name}/{file.name}", number)
        for file in _files(name)
        for number, source in enumerate(split_documents(file.read_text(encoding="utf-8")), 1)
    ]


def objects(name: str) -> list[dict[str, Any]]:
    """The stages of a set, as objects of the API.

    Raises:
        UnknownSet: There is none of this name.
    """
    return [document.obj for document in documents(name)]


def _describe(name: str) -> ShippedSet:
    kind, about = _ABOUT[name]
    # A file is named after its stage.
    return ShippedSet(name, kind, about, tuple(file.name.removesuffix(".yaml") for file in _files(name)))


def _files(name: str) -> list[Traversable]:
    if name not in _ABOUT:
        raise UnknownSet(name, names())
    kind, _, rest = name.partition("-")
    directory = files("kwok_controller.stages") / "sets" / kind / rest
    return sorted((file for file in directory.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
