# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Logs and ClusterLogs: what `kubectl logs` shows of simulated containers (kwok v0.8.0, `logs_types.go`)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct, field

from kwok_controller.api.meta import ObjectMeta, ObjectSelector, ObjectStatus, doc


class Log(Struct, frozen=True, kw_only=True, rename="camel"):
    """The log of some containers."""

    containers: Annotated[list[str], doc("The names of the containers. All containers when not set.")] = field(default_factory=list)
    logs_file: Annotated[str | None, doc("The file that is the log, on the controller's machine.")] = None
    previous_logs_file: Annotated[str | None, doc("The file that is the log of the container's last run.")] = None
    follow: Annotated[bool, doc("Whether what is appended to the file is shown to those who follow the log.")] = False


class LogsSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """The logs of the pod's containers."""

    logs: Annotated[list[Log], doc("The logs of the pod's containers. The first entry for a container counts.")]


class Logs(Struct, frozen=True, kw_only=True, rename="camel"):
    """The logs of the pod of the same namespace and name."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[LogsSpec, doc("The logs of the pod's containers.")]
    status: Annotated[ObjectStatus, doc("What has become of the object.")] = field(default_factory=ObjectStatus)


class ClusterLogsSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """The logs of the containers of some pods."""

    selector: Annotated[ObjectSelector | None, doc("Which pods. All pods when not set.")] = None
    logs: Annotated[list[Log], doc("The logs of the pods' containers. The first entry for a container counts.")]


class ClusterLogs(Struct, frozen=True, kw_only=True, rename="camel"):
    """The logs of the pods that a selector takes, unless a Logs says so of one."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[ClusterLogsSpec, doc("The logs of the pods' containers.")]
    status: Annotated[ObjectStatus, doc("What has become of the object.")] = field(default_factory=ObjectStatus)
