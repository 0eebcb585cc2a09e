# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What somebody beside the simulation, such as the nodes' kubelets, is told of the nodes and pods that are looked after."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from kwok_controller.kube.watch import Key

ObservedKind = Literal["Node", "Pod"]


class Observer(Protocol):
    """Told of nodes and pods. Called from the event loop; must neither block nor keep an object, which is changed later."""

    def begun(self, kind: ObservedKind) -> None:
        """All objects of a kind are told anew from here on: those that are not, until `synced`, are gone."""

    def observed(self, kind: ObservedKind, key: Key, obj: dict[str, Any]) -> None:
        """A version of an object, which is new, or newer than the one before."""

    def vanished(self, kind: ObservedKind, key: Key) -> None:
        """An object is gone, or is not looked after any more. May be told of objects that were never observed."""

    def synced(self, kind: ObservedKind) -> None:
        """All objects that there were have been told. May come again."""
