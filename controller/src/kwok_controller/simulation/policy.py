# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What one kind of objects has that others have not. This is what any kind has; those of nodes and pods have more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from kwok_controller.kube.labels import parse_selector
from kwok_controller.simulation.queue import Lane
from kwok_controller.simulation.tracked import Object, Tracked


class Disregard:
    """Which objects are left alone, whatever the stages say: those that one of two selectors names.

    As in the Go kwok, an object without any annotation, or label, is never named by the selector of them.

    Args:
        annotations: a selector of annotations; empty names nothing.
        labels: a selector of labels; empty names nothing.

    Raises:
        SelectorError: one of them is none.
    """

    __slots__ = ("_tests",)

    def __init__(self, annotations: str = "", labels: str = "") -> None:
        self._tests: list[tuple[str, Callable[[Mapping[str, str] | None], bool]]] = []
        if annotations:
            self._tests.append(("annotations", parse_selector(annotations, annotations=True)))
        if labels:
            self._tests.append(("labels", parse_selector(labels)))

    def __call__(self, obj: Object) -> bool:
        """Whether the object is to be left alone."""
        for field, selects in self._tests:
            values = obj["metadata"].get(field)
            if values and selects(values):
                return True
        return False


class Policy:
    """Any kind: all objects are played, save those to be disregarded.

    Attributes:
        lane: of first attempts.
        waits_for_first_list: nothing is played before all objects were seen once.
        status_alone: the apiserver takes an update of the status without the rest of the object, which it keeps.
    """

    lane: ClassVar[Lane] = Lane.FRESH
    waits_for_first_list: ClassVar[bool] = False
    status_alone: ClassVar[bool] = False

    def __init__(self, disregard: Disregard) -> None:
        self._disregard = disregard

    def wants(self, obj: Object) -> bool:
        """Whether the object, as it is now, is to be looked after."""
        return not self._disregard(obj)

    def node_of(self, obj: Object) -> str:
        """The node that must be ours for the object to be played; empty: none."""
        return ""

    def may_play(self, node: str) -> bool:
        """Whether the objects of a node may be played now."""
        return True

    def selector_of(self, node: str) -> str | None:
        """The field selector of a node's objects."""
        return None

    def seen(self, tracked: Tracked, obj: Object) -> None:
        """Take note of a version of an object, before anything is decided about it."""

    def gone(self, tracked: Tracked) -> None:
        """Take note that an object is to be looked after no longer."""

    def rendering(self, tracked: Tracked) -> None:
        """Take note for which object templates are rendered from here on."""
