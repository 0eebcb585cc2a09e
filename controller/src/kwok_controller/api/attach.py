# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Attach and ClusterAttach: what `kubectl attach` shows of simulated containers (kwok v0.8.0, `attach_types.go`)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct, field

from kwok_controller.api.meta import ObjectMeta, ObjectSelector, ObjectStatus, doc


class AttachConfig(Struct, frozen=True, kw_only=True, rename="camel"):
    """What those see who attach to some containers."""

    containers: Annotated[list[str], doc("The names of the containers. All containers when not set.")] = field(default_factory=list)
    logs_file: Annotated[str | None, doc("The file that is shown, on the controller's machine.")] = None


class AttachSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """What those see who attach to the pod's containers."""

    attaches: Annotated[list[AttachConfig], doc("What is shown. The first entry for a container counts.")]


class Attach(Struct, frozen=True, kw_only=True, rename="camel"):
    """What those see who attach to the pod of the same namespace and name."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[AttachSpec, doc("What those see who attach to the pod's containers.")]
    status: Annotated[ObjectStatus, doc("What has become of the object.")] = field(default_factory=ObjectStatus)


class ClusterAttachSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """What those see who attach to the containers of some pods."""

    selector: Annotated[ObjectSelector | None, doc("Which pods. All pods when not set.")] = None
    attaches: Annotated[list[AttachConfig], doc("What is shown. The first entry for a container counts.")]


class ClusterAttach(Struct, frozen=True, kw_only=True, rename="camel"):
    """What those see who attach to the pods that a selector takes, unless an Attach says so of one."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[ClusterAttachSpec, doc("What those see who attach to the pods' containers.")]
    status: Annotated[ObjectStatus, doc("What has become of the object.")] = field(default_factory=ObjectStatus)
