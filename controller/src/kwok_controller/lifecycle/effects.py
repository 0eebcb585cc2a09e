# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What a stage wants done to the world. The lifecycle says it; whoever plays the stage does it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeAlias

from msgspec import Struct


class PatchType(StrEnum):
    """How a patch is meant: the content type of its request."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


class SendEvent(Struct, frozen=True):
    """An Event about the object."""

    type: str
    reason: str
    message: str


class Patch(Struct, frozen=True):
    """A patch of the object.

    Attributes:
        data: a list of operations for `PatchType.JSON`, a mapping otherwise. It may be shared by all plays of the stage: not to be changed.
        type: never `APPLY`.
        subresource: empty for the object itself.
        impersonate: the user who makes the request; empty for the controller.
        finalizers: whether it is what a `finalizers` step comes to.
    """

    data: Any
    type: PatchType
    subresource: str = ""
    impersonate: str = ""
    finalizers: bool = False


class Apply(Struct, frozen=True):
    """Another object that is to be there like this.

    Attributes:
        data: the object, with `apiVersion` and `kind`. It may be shared by all plays of the stage: not to be changed.
        type: how to update an object that is there already; `APPLY` is server-side apply. Never `JSON`.
        subresource: what of that object is updated, which then has to be there; empty for the object itself.
        impersonate: the user who makes the request; empty for the controller.
    """

    data: dict[str, Any]
    type: PatchType
    subresource: str = ""
    impersonate: str = ""


class Delete(Struct, frozen=True):
    """The object is to be deleted."""


Effect: TypeAlias = SendEvent | Patch | Apply | Delete
