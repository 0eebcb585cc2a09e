# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""ResourceUsage and ClusterResourceUsage: what simulated containers use (kwok v0.8.0, `resource_usage_types.go`)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from kwok_controller.api.meta import FollowedStatus, ObjectMeta, ObjectSelector, doc

# A Kubernetes quantity; in YAML, 2 is as good as "2". Fractions are fine in files, whereas an apiserver takes them as strings only.
QUANTITY = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
Quantity = Annotated[
    int | float | Annotated[str, Meta(pattern=QUANTITY)],
    Meta(extra_json_schema={"x-kubernetes-int-or-string": True}, title="a quantity such as 100m or 1Gi"),
]


class ResourceUsageValue(Struct, frozen=True, kw_only=True, rename="camel"):
    """The usage of a resource."""

    value: Annotated[Quantity | None, doc("A fixed quantity, such as 100m or 1Gi.")] = None
    expression: Annotated[str | None, doc("A CEL expression of the quantity, used when there is no fixed one.")] = None


class ResourceUsageContainer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The usage of some containers."""

    containers: Annotated[list[str], doc("The names of the containers. All containers when not set.")] = field(default_factory=list)
    usage: Annotated[dict[str, ResourceUsageValue], doc("The usage by resource, such as cpu or memory.")] = field(default_factory=dict)


class ResourceUsageSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the containers of the pod use."""

    usages: Annotated[list[ResourceUsageContainer], doc("The usage by containers. The first entry for a container counts.")] = field(
        default_factory=list
    )


class ResourceUsage(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the pod of the same namespace and name uses."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[ResourceUsageSpec, doc("What the containers of the pod use.")]
    status: Annotated[FollowedStatus, doc("What has become of the object.")] = field(default_factory=FollowedStatus)


class ClusterResourceUsageSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the containers of some pods use."""

    selector: Annotated[ObjectSelector | None, doc("Which pods. All pods when not set.")] = None
    usages: Annotated[list[ResourceUsageContainer], doc("The usage by containers. The first entry for a container counts.")] = field(
        default_factory=list
    )


class ClusterResourceUsage(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the pods that a selector takes use, unless a ResourceUsage says so of one."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[ClusterResourceUsageSpec, doc("What the containers of the pods use.")]
    status: Annotated[FollowedStatus, doc("What has become of the object.")] = field(default_factory=FollowedStatus)
