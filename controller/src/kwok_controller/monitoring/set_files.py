# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Sets that stand in files that ship with the controller, `sets/DIRECTORY/NAME.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from kwok_controller.api.load import Document, split_documents
from kwok_controller.api.sets import ShippedSet, UnknownSet
from kwok_controller.expressions.yaml import load_yaml


class SetFiles:
    """The sets of a directory.

    Args:
        directory: Below `sets`.
        about: What each does, in a sentence or two, by name.
    """

    def __init__(self, directory: str, about: Mapping[str, str]) -> None:
        self._directory = directory
        self._about = about

    def names(self) -> list[str]:
        """What the sets are called."""
        return list(self._about)

    def list_sets(self) -> list[ShippedSet]:
        """All sets."""
        return [describe(name, about, self.objects(name)) for name, about in self._about.items()]

    def documents(self, name: str) -> list[Document]:
        """The objects of a set, as they stand in its file.

        Raises:
            UnknownSet: There is none of this name.
        """
        if name not in self._about:
            raise UnknownSet(name, self._about)
        text = (files("kwok_controller.monitoring") / "sets" / self._directory / f"{name}.yaml").read_text(encoding="utf-8")
        return [Document(load_yaml(source), name, number) for number, source in enumerate(split_documents(text), 1)]

    def objects(self, name: str) -> list[dict[str, Any]]:
        """The objects of a set, as the API has them.

        Raises:
            UnknownSet: There is none of this name.
        """
        return [document.obj for document in self.documents(name)]


def describe(name: str, about: str, objects: list[dict[str, Any]]) -> ShippedSet:
    """What is told of a set."""
    return ShippedSet(name, objects[0]["kind"], about, tuple(sorted(obj["metadata"]["name"] for obj in objects)))
