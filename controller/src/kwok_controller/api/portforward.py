# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""PortForward and ClusterPortForward: where `kubectl port-forward` leads (kwok v0.8.0, `port_forward_types.go`)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from kwok_controller.api.meta import INT32_MAX, INT32_MIN, ObjectMeta, ObjectSelector, ObjectStatus, doc

Int32 = Annotated[int, Meta(ge=INT32_MIN, le=INT32_MAX)]
Port = Annotated[int, Meta(ge=0, le=65535)]


class ForwardTarget(Struct, frozen=True, kw_only=True, rename="camel"):
    """A TCP endpoint."""

    port: Annotated[Port, doc("The endpoint's port.")]
    address: Annotated[str, Meta(min_length=1), doc("The endpoint's address.")]


class Forward(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where connections to some ports lead."""

    ports: Annotated[list[Int32], doc("The pod's ports. All ports when not set.")] = field(default_factory=list)
    target: Annotated[ForwardTarget | None, doc("The endpoint that connections lead to, as seen from the controller's machine.")] = None
    command: Annotated[list[str], doc("A command whose standard input and output the connection is, instead of the target.")] = field(
        default_factory=list
    )


class PortForwardSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where connections to the pod's ports lead."""

    forwards: Annotated[list[Forward], doc("Where connections lead. The first entry for a port counts.")]


class PortForward(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where connections to the pod of the same namespace and name lead."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[PortForwardSpec, doc("Where connections to the pod's ports lead.")]
    status: Annotated[ObjectStatus, doc("What has become of the object.")] = field(default_factory=ObjectStatus)


class ClusterPortForwardSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where connections to the ports of some pods lead."""

    selector: Annotated[ObjectSelector | None, doc("Which pods. All pods when not set.")] = None
    forwards: Annotated[list[Forward], doc("Where connections lead. The first entry for a port counts.")]


class ClusterPortForward(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where connections to the pods that a selector takes lead, unless a PortForward says so of one."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[ClusterPortForwardSpec, doc("Where connections to the pods' ports lead.")]
    status: Annotated[ObjectStatus, doc("What has become of the object.")] = field(default_factory=ObjectStatus)
