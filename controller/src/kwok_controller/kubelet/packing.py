# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Objects in a fraction of their memory: JSON, deflated with a dictionary of what stands in every pod and node."""

from __future__ import annotations

import zlib
from typing import Any, Final

import orjson

Object = dict[str, Any]

LEVEL: Final = 1
_RAW_DEFLATE: Final = -15
_MEMORY: Final = 8

# zlib finds what is near the end of a dictionary at the least cost: pods, of which there are most, come last.
_DICTIONARY: Final = (
    b'{"status":"False","lastHeartbeatTime":"","lastTransitionTime":"","reason":"KubeletHasSufficientMemory","message":"kubelet has '
    b'sufficient memory available"},{"type":"DiskPressure","reason":"KubeletHasNoDiskPressure"},{"type":"PIDPressure","reason":'
    b'"KubeletHasSufficientPID"},{"type":"NetworkUnavailable","status":"False","reason":"RouteCreated"},"addresses":[{"type":"InternalIP",'
    b'"address":""},{"type":"Hostname","address":""}],"daemonEndpoints":{"kubeletEndpoint":{"Port":10250}},"nodeInfo":{"machineID":"",'
    b'"systemUUID":"","bootID":"","kernelVersion":"","osImage":"","containerRuntimeVersion":"","kubeletVersion":"","kubeProxyVersion":'
    b'"","operatingSystem":"linux","architecture":"amd64"},"capacity":{"cpu":"","ephemeral-storage":"","memory":"","pods":"110"},'
    b'"allocatable":{},"podCIDR":"","podCIDRs":[""],"kwok.x-k8s.io/node":"fake","node.alpha.kubernetes.io/ttl":"0","kubernetes.io/arch":'
    b'"amd64","kubernetes.io/hostname":"","kubernetes.io/os":"linux","type":"kwok"{"apiVersion":"v1","kind":"Node","metadata":{"name":"'
    b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"","generateName":"","namespace":"default","uid":"","resourceVersion":"",'
    b'"generation":1,"creationTimestamp":"2026-01-01T00:00:00Z","deletionTimestamp":"","labels":{"app":"","app.kubernetes.io/name":"",'
    b'"pod-template-hash":""},"annotations":{},"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"","uid":"",'
    b'"controller":true,"blockOwnerDeletion":true}]},"spec":{"volumes":[{"name":"kube-api-access-","projected":{"sources":'
    b'[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},{"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt",'
    b'"path":"ca.crt"}]}},{"downwardAPI":{"items":[{"path":"namespace","fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"}}]}}],'
    b'"defaultMode":420}}],"containers":[{"name":"","image":"","ports":[{"containerPort":80,"protocol":"TCP"}],"resources":{"limits":{"cpu"'
    b':"","memory":""},"requests":{"cpu":"100m","memory":"128Mi"}},"volumeMounts":[{"name":"kube-api-access-","readOnly":true,"mountPath":'
    b'"/var/run/secrets/kubernetes.io/serviceaccount"}],"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File",'
    b'"imagePullPolicy":"IfNotPresent"}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst",'
    b'"serviceAccountName":"default","serviceAccount":"default","nodeName":"","securityContext":{},"schedulerName":"default-scheduler",'
    b'"tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},{"key":'
    b'"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],"priority":0,'
    b'"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority"},"status":{"observedGeneration":1,"phase":"Running","conditions":'
    b'[{"type":"Initialized","status":"True","lastProbeTime":null,"lastTransitionTime":"2026-01-01T00:00:00Z"},{"type":"Ready","status":'
    b'"True","lastTransitionTime":""},{"type":"ContainersReady","status":"True"},{"type":"PodScheduled","status":"True"}],"hostIP":"10.",'
    b'"hostIPs":[{"ip":""}],"podIP":"10.","podIPs":[{"ip":""}],"startTime":"","containerStatuses":[{"name":"","state":{"running":'
    b'{"startedAt":"2026-01-01T00:00:00Z"}},"lastState":{},"ready":true,"restartCount":0,"image":"","imageID":"","started":true}],'
    b'"qosClass":"BestEffort"}}'
)


def pack(text: bytes) -> bytes:
    """The text of an object, packed."""
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, _RAW_DEFLATE, _MEMORY, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY)
    return deflate.compress(text) + deflate.flush()


def unpack(packed: bytes) -> bytes:
    """The text again."""
    return zlib.decompressobj(_RAW_DEFLATE, _DICTIONARY).decompress(packed)


def text_of(obj: Object) -> bytes | None:
    """The text of an object without its managedFields; None where it is nested deeper than orjson encodes (254 levels)."""
    metadata = obj["metadata"]
    if "managedFields" in metadata:
        obj = {**obj, "metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}
    try:
        return orjson.dumps(obj)
    except orjson.JSONEncodeError:
        return None
