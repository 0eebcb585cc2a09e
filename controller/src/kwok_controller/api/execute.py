# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Exec and ClusterExec: what `kubectl exec` runs for simulated containers (kwok v0.8.0, `exec_types.go`)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from kwok_controller.api.meta import INT64_MAX, ObjectMeta, ObjectSelector, ObjectStatus, doc

Int64 = Annotated[int, Meta(ge=-INT64_MAX - 1, le=INT64_MAX)]


class EnvVar(Struct, frozen=True, kw_only=True, rename="camel"):
    """An environment variable."""

    name: Annotated[str, Meta(min_length=1), doc("The variable's name.")]
    value: Annotated[str, doc("The variable's value.")] = ""


class SecurityContext(Struct, frozen=True, kw_only=True, rename="camel"):
    """Who runs the command."""

    run_as_user: Annotated[Int64 | None, doc("The ID of the user, who has to exist on the controller's machine.")] = None
    run_as_group: Annotated[Int64 | None, doc("The ID of the group, which has to exist on the controller's machine.")] = None


class ExecTargetLocal(Struct, frozen=True, kw_only=True, rename="camel"):
    """How the command runs on the controller's machine."""

    work_dir: Annotated[str, doc("The directory that the command runs in.")] = ""
    envs: Annotated[list[EnvVar], doc("The command's environment, in place of the controller's.")] = field(default_factory=list)
    security_context: Annotated[SecurityContext | None, doc("Who runs the command. The controller's user when not set.")] = None


class ExecTarget(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where commands for some containers run."""

    containers: Annotated[list[str], doc("The names of the containers. All containers when not set.")] = field(default_factory=list)
    local: Annotated[ExecTargetLocal | None, doc("Runs the command on the controller's machine.")] = None


class ExecSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where commands for the pod's containers run."""

    execs: Annotated[list[ExecTarget], doc("Where commands run. The first entry for a container counts.")]


class Exec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where commands for the pod of the same namespace and name run."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[ExecSpec, doc("Where commands for the pod's containers run.")]
    status: Annotated[ObjectStatus, doc("What has become of the object.")] = field(default_factory=ObjectStatus)


class ClusterExecSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where commands for the containers of some pods run."""

    selector: Annotated[ObjectSelector | None, doc("Which pods. All pods when not set.")] = None
    execs: Annotated[list[ExecTarget], doc("Where commands run. The first entry for a container counts.")]


class ClusterExec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where commands for the pods that a selector takes run, unless an Exec says so of one."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[ClusterExecSpec, doc("Where commands for the pods' containers run.")]
    status: Annotated[ObjectStatus, doc("What has become of the object.")] = field(default_factory=ObjectStatus)
