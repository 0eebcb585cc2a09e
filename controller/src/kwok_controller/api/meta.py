# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What every kind of the group has in common: group, metadata, conditions, and the annotations of fields.

A field's constraints and its description stand in its type. From there `decode.py` checks objects and `crds.py`
writes the schemas, so that the two cannot differ.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct, field

GROUP = "kwok.x-k8s.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

OWN_GROUP = "kwok-sim.dev"
"""The group of kinds that kwok does not have."""

INT64_MAX = 2**63 - 1
INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1


def doc(text: str) -> Meta:
    """The description of a field, as `kubectl explain` and the documentation show it."""
    return Meta(description=text)


def list_map(key: str) -> Meta:
    """A list whose items are told apart by one of their fields: no two may have the same value there."""
    return Meta(extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]})


class ObjectMeta(Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of the standard metadata that is used here. The rest is read over."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


class Condition(Struct, frozen=True, kw_only=True, rename="camel"):
    """One aspect of an object's present state."""

    type: Annotated[
        str,
        Meta(
            max_length=316,
            pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
        ),
        doc("What the condition is about, in CamelCase; a domain may stand before it, as in example.com/CamelCase."),
    ]
    status: Annotated[str, doc("Whether the condition holds: True, False or Unknown.")]
    last_transition_time: Annotated[datetime, Meta(tz=True), doc("When the status last changed from one value to another.")]
    reason: Annotated[
        str,
        Meta(min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"),
        doc("Why the status last changed: one word in CamelCase, for programs."),
    ]
    message: Annotated[str, Meta(max_length=32768), doc("Why the status last changed, in words. May be empty.")]


class ObjectStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    """What has become of the object."""

    conditions: Annotated[list[Condition], list_map("type"), doc("The object's present state.")] = field(default_factory=list)


class FollowedStatus(ObjectStatus, frozen=True, kw_only=True, rename="camel"):
    """What has become of an object that the controller follows."""

    observed_generation: Annotated[
        Annotated[int, Meta(ge=0, le=INT64_MAX)] | None, doc("The generation of the object that the conditions are about.")
    ] = None


class ObjectSelector(Struct, frozen=True, kw_only=True, rename="camel"):
    """Which pods are meant. A pod has to fit everything that is set; what is not set leaves nothing out."""

    match_namespaces: Annotated[list[str], doc("The namespaces of the pods. Any namespace when not set.")] = field(default_factory=list)
    match_names: Annotated[list[str], doc("The names of the pods. Any name when not set.")] = field(default_factory=list)
    match_labels: Annotated[dict[str, str], doc("Labels that the pods have, all of them. Any labels when not set.")] = field(
        default_factory=dict
    )
