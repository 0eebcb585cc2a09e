# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The merge keys of core/v1 Pod and Node, as k8s.io/api v0.36 declares them (`patchStrategy` and `patchMergeKey` in `core/v1/types.go`)."""

from __future__ import annotations

from typing import Final

from kwok_controller.lifecycle.patching.merge_keys import MergeKeys

_METADATA: Final = {"ownerReferences": "uid", "finalizers": ""}
_CONTAINER: Final = {"ports": "containerPort", "env": "name", "volumeMounts": "mountPath", "volumeDevices": "devicePath"}
_CONTAINER_STATUS: Final = {"volumeMounts": "mountPath", "allocatedResourcesStatus": "name"}


def _below(path: str, lists: dict[str, str]) -> dict[str, str]:
    return {f"{path}.{name}": key for name, key in lists.items()}


POD: Final = MergeKeys.of(
    {
        **_below("metadata", _METADATA),
        "spec.volumes": "name",
        **_below("spec.volumes.ephemeral.volumeClaimTemplate.metadata", _METADATA),
        "spec.initContainers": "name",
        **_below("spec.initContainers", _CONTAINER),
        "spec.containers": "name",
        **_below("spec.containers", _CONTAINER),
        "spec.ephemeralContainers": "name",
        **_below("spec.ephemeralContainers", _CONTAINER),
        "spec.imagePullSecrets": "name",
        "spec.hostAliases": "ip",
        "spec.topologySpreadConstraints": "topologyKey",
        "spec.schedulingGates": "name",
        "spec.resourceClaims": "name",
        "status.conditions": "type",
        "status.hostIPs": "ip",
        "status.podIPs": "ip",
        **_below("status.initContainerStatuses", _CONTAINER_STATUS),
        **_below("status.containerStatuses", _CONTAINER_STATUS),
        **_below("status.ephemeralContainerStatuses", _CONTAINER_STATUS),
        "status.resourceClaimStatuses": "name",
    }
)

NODE: Final = MergeKeys.of(
    {
        **_below("metadata", _METADATA),
        "spec.podCIDRs": "",
        "status.conditions": "type",
        "status.addresses": "type",
    }
)
