# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What the Go kwok's expressions know of Pods and Nodes: types of fields, and the values of those that are left out.

In kwok v0.8.0 (`DefaultTypes` of `pkg/utils/cel/default.go`) these are Go structs: a field that is left out has its type's zero value,
times are timestamps, and resources are quantities. Objects of other kinds are maps, where it is an error to read a key that is not there.
Fields are those of k8s.io/api v0.36. What is within others than these structs is read as from maps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct: its fields by name."""

    fields: dict[str, Field] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Elements:
    """A list of structs."""

    of: Struct


@dataclass(frozen=True, slots=True)
class Time:
    """An RFC 3339 text in JSON, a timestamp in CEL."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Quantities by the names of resources; one that is not there is 0."""


Static: TypeAlias = Struct | Elements | Time | Resources | None
"""What is known of a value: None where it is as JSON has it."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct.

    Attributes:
        zero: its value where it is left out; not that of a `Time`.
        static: what is known of its value.
        pointer: whether a zero value counts as there, if it is written down.
    """

    zero: Any
    static: Static = None
    pointer: bool = False


def _fields(zero: Any, names: str, *, pointer: bool = False) -> dict[str, Field]:
    return {name: Field(zero, pointer=pointer) for name in names.split()}


_RESOURCES: Final = Field({}, Resources())
_REQUIREMENTS: Final = Struct({"limits": _RESOURCES, "requests": _RESOURCES, "claims": Field([])})
_METADATA: Final = Struct(
    {
        **_fields("", "name generateName namespace selfLink uid resourceVersion"),
        "generation": Field(0),
        "creationTimestamp": Field(None, Time()),
        "deletionTimestamp": Field(None, Time()),
        **_fields(None, "deletionGracePeriodSeconds", pointer=True),
        **_fields({}, "labels annotations"),
        **_fields([], "ownerReferences finalizers managedFields"),
    }
)
_CONTAINER: Final = Struct(
    {
        **_fields("", "name image workingDir terminationMessagePath terminationMessagePolicy imagePullPolicy"),
        **_fields([], "command args ports envFrom env resizePolicy restartPolicyRules volumeMounts volumeDevices"),
        **_fields(None, "restartPolicy livenessProbe readinessProbe startupProbe lifecycle securityContext", pointer=True),
        **_fields(False, "stdin stdinOnce tty"),
        "resources": Field({}, _REQUIREMENTS),
    }
)
_POD_SPEC: Final = Struct(
    {
        **_fields(
            "", "restartPolicy dnsPolicy serviceAccountName serviceAccount nodeName hostname subdomain schedulerName priorityClassName"
        ),
        **_fields(False, "hostNetwork hostPID hostIPC"),
        **_fields([], "volumes ephemeralContainers imagePullSecrets tolerations hostAliases readinessGates"),
        **_fields([], "topologySpreadConstraints schedulingGates resourceClaims"),
        **_fields({}, "nodeSelector"),
        **_fields(None, "terminationGracePeriodSeconds activeDeadlineSeconds automountServiceAccountToken", pointer=True),
        **_fields(None, "shareProcessNamespace securityContext affinity priority dnsConfig runtimeClassName", pointer=True),
        **_fields(None, "enableServiceLinks preemptionPolicy setHostnameAsFQDN os hostUsers hostnameOverride", pointer=True),
        **_fields(None, "schedulingGroup", pointer=True),
        "initContainers": Field([], Elements(_CONTAINER)),
        "containers": Field([], Elements(_CONTAINER)),
        "overhead": _RESOURCES,
        "resources": Field(None, _REQUIREMENTS, pointer=True),
    }
)
_POD_STATUS: Final = Struct(
    {
        **_fields(0, "observedGeneration"),
        **_fields("", "phase message reason nominatedNodeName hostIP podIP qosClass resize"),
        **_fields([], "conditions hostIPs podIPs initContainerStatuses containerStatuses ephemeralContainerStatuses"),
        **_fields([], "resourceClaimStatuses nodeAllocatableResourceClaimStatuses"),
        **_fields(None, "extendedResourceClaimStatus", pointer=True),
        "startTime": Field(None, Time()),
        "allocatedResources": _RESOURCES,
        "resources": Field(None, _REQUIREMENTS, pointer=True),
    }
)
_NODE_SPEC: Final = Struct(
    {
        **_fields("", "podCIDR providerID externalID"),
        **_fields([], "podCIDRs taints"),
        **_fields(False, "unschedulable"),
        **_fields(None, "configSource", pointer=True),
    }
)
_NODE_STATUS: Final = Struct(
    {
        **_fields("", "phase"),
        **_fields([], "conditions addresses images volumesInUse volumesAttached runtimeHandlers declaredFeatures"),
        **_fields({}, "daemonEndpoints nodeInfo"),
        **_fields(None, "config features", pointer=True),
        "capacity": _RESOURCES,
        "allocatable": _RESOURCES,
    }
)

KINDS: Final[dict[str, Struct]] = {
    "Pod": Struct({"metadata": Field({}, _METADATA), "spec": Field({}, _POD_SPEC), "status": Field({}, _POD_STATUS)}),
    "Node": Struct({"metadata": Field({}, _METADATA), "spec": Field({}, _NODE_SPEC), "status": Field({}, _NODE_STATUS)}),
}
"""The kinds of API version v1 that have types."""

STRUCTS: Final[dict[str, Struct]] = {**KINDS, "Container": _CONTAINER}
"""The types that variables can have."""
