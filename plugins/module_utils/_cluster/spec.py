# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the user asks of a cluster: the options, checked, as one frozen value.

The argument specification stands here, once: ``kwok_cluster`` takes it as it is, the module's documentation is held to it by
``ansible-test sanity`` (validate-modules), and ``parse`` turns the checked parameters into a ``ClusterSpec``. Pure.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .._artifacts import catalogue
from .._artifacts.catalogue import ETCD_VERSION, KUBERNETES_VERSION
from .._errors import SimError

DEFAULT_RUNTIME = "binary"
CONTAINER_RUNTIMES = ("docker", "podman")
AUTO = "auto"
"""As ``runtime``: the first of ``RUNTIME_ORDER`` that works."""
RUNTIME_ORDER = (*CONTAINER_RUNTIMES, DEFAULT_RUNTIME)

ETCD = "etcd"
KUBE_APISERVER = "kube-apiserver"
KUBE_CONTROLLER_MANAGER = "kube-controller-manager"
KUBE_SCHEDULER = "kube-scheduler"
CONTROL_PLANE = (ETCD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, KUBE_SCHEDULER)
EXECUTABLES = (*CONTROL_PLANE, "etcdctl", "kubectl")
GATED_COMPONENTS = (KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, KUBE_SCHEDULER)
OPTIONAL_COMPONENTS = (KUBE_CONTROLLER_MANAGER, KUBE_SCHEDULER)

PORT_OPTIONS: Mapping[str, str] = {
    ETCD: "etcd_port",
    "etcd-peer": "etcd_peer_port",
    "etcd-metrics": "etcd_metrics_port",
    KUBE_APISERVER: "kube_apiserver_port",
    KUBE_CONTROLLER_MANAGER: "kube_controller_manager_port",
    KUBE_SCHEDULER: "kube_scheduler_port",
}
"""Name of a port in the record, to the option that sets it."""

TRACING_PORT = "tracing"
"""Name in the record of the port at which a receiver of traces is expected, where ``tracing`` names no other."""

# RFC 1123: what Kubernetes takes as the name of most objects, 63 characters at most.
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_DNS_NAME = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)
_FEATURE_GATE = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_RUNTIME_CONFIG = re.compile(r"[a-z0-9.]*/?[A-Za-z0-9./-]+")
_FLAG = re.compile(r"[a-z][a-z0-9-]*")
_HOST_PORT = re.compile(r"(?:[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_QUANTITY = re.compile(r"(\d+)(Ki|Mi|Gi|Ti|k|M|G|T|KiB|MiB|GiB|TiB)?")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}

COMMON_ARGUMENTS: dict[str, dict[str, Any]] = {
    "base_dir": {"type": "path"},
}
"""Options that every module has which acts on a cluster; documented in the fragment ``kwok.sim.cluster``."""

WAIT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
}
"""Documented in the fragment ``kwok.sim.wait``."""

CLUSTER_ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "default": "kwok"},
    "state": {"type": "str", "default": "started", "choices": ["present", "started", "stopped", "absent"]},
    "runtime": {"type": "str", "default": DEFAULT_RUNTIME, "choices": [DEFAULT_RUNTIME, *CONTAINER_RUNTIMES, AUTO]},
    "runtime_endpoint": {"type": "str"},
    "kube_version": {"type": "str", "default": KUBERNETES_VERSION},
    "etcd_version": {"type": "str", "default": ETCD_VERSION},
    "disable": {"type": "list", "elements": "str", "default": []},
    "bind_address": {"type": "str", "default": "127.0.0.1"},
    **{option: {"type": "int"} for option in PORT_OPTIONS.values()},
    "kube_apiserver_cert_sans": {"type": "list", "elements": "str", "default": []},
    "kube_feature_gates": {"type": "dict", "default": {}},
    "kube_runtime_config": {"type": "dict", "default": {}},
    "extra_args": {"type": "dict", "default": {}},
    "kube_scheduler_config": {"type": "dict"},
    "kube_audit_policy": {"type": "dict"},
    "tracing": {
        "type": "dict",
        "options": {
            "endpoint": {"type": "str", "default": ""},
            "sampling_rate_per_million": {"type": "int", "default": 0},
        },
    },
    "kube_authorization": {"type": "bool", "default": True},
    "kube_admission": {"type": "bool", "default": True},
    "etcd_prefix": {"type": "str", "default": "/registry"},
    "etcd_quota_backend_size": {"type": "str", "default": "8Gi"},
    "etcd_fsync": {"type": "bool", "default": False},
    "disable_qps_limits": {"type": "bool", "default": True},
    "priority_and_fairness": {"type": "bool", "default": True},
    "go_gc": {"type": "int", "default": 200},
    "heartbeat_factor": {"type": "float", "default": 1.0},
    "node_monitor_factor": {"type": "float", "default": 1.0},
    "certificate_validity_days": {"type": "int", "default": 365},
    "kubeconfig": {"type": "path"},
    "kubeconfig_merge": {"type": "bool", "default": False},
    "kubeconfig_set_current_context": {"type": "bool", "default": False},
    "executables": {"type": "dict", "default": {}},
    "images": {"type": "dict", "default": {}},
    "artifact_sources": {
        "type": "list",
        "elements": "str",
        "choices": ["path", "cache", "download", "build"],
        "default": ["path", "cache", "download", "build"],
    },
    "artifact_mirrors": {"type": "dict", "default": {}},
    "artifact_cache_dir": {"type": "path"},
    "recreate": {"type": "bool", "default": False},
    **COMMON_ARGUMENTS,
    **WAIT_ARGUMENTS,
}

_ETCD_TRACING_FLAGS = (
    "distributed-tracing-address",
    "distributed-tracing-instance-id",
    "distributed-tracing-sampling-rate",
    "distributed-tracing-service-name",
)

MANAGED_FLAGS: Mapping[str, Mapping[str, str]] = {
    ETCD: {
        "data-dir": "base_dir",
        "listen-client-urls": "etcd_port",
        "advertise-client-urls": "etcd_port",
        "listen-peer-urls": "etcd_peer_port",
        "listen-metrics-urls": "etcd_metrics_port",
        "quota-backend-bytes": "etcd_quota_backend_size",
        "unsafe-no-fsync": "etcd_fsync",
        **{f"{prefix}{flag}": "tracing" for prefix in ("", "experimental-") for flag in _ETCD_TRACING_FLAGS},
        **{f"{prefix}enable-distributed-tracing": "tracing" for prefix in ("", "experimental-")},
    },
    KUBE_APISERVER: {
        "secure-port": "kube_apiserver_port",
        "bind-address": "bind_address",
        "etcd-prefix": "etcd_prefix",
        "etcd-servers": "etcd_port",
        "feature-gates": "kube_feature_gates",
        "runtime-config": "kube_runtime_config",
        "audit-policy-file": "kube_audit_policy",
        "tracing-config-file": "tracing",
        "authorization-mode": "kube_authorization",
        "enable-priority-and-fairness": "priority_and_fairness",
    },
    KUBE_CONTROLLER_MANAGER: {
        "secure-port": "kube_controller_manager_port",
        "bind-address": "bind_address",
        "feature-gates": "kube_feature_gates",
        "node-monitor-period": "node_monitor_factor",
        "node-monitor-grace-period": "heartbeat_factor",
    },
    KUBE_SCHEDULER: {
        "secure-port": "kube_scheduler_port",
        "bind-address": "bind_address",
        "feature-gates": "kube_feature_gates",
        "config": "kube_scheduler_config",
    },
}
"""Flags that an option already sets: in ``extra_args`` they would contradict what the collection believes of the cluster."""


@dataclass(frozen=True)
class ClusterSpec:
    """The options of a cluster, checked and normalised. Fields are named as the options; see the module's documentation."""

    name: str = "kwok"
    runtime: str = DEFAULT_RUNTIME
    runtime_endpoint: str = ""
    kube_version: str = KUBERNETES_VERSION
    etcd_version: str = ETCD_VERSION
    disable: tuple[str, ...] = ()
    bind_address: str = "127.0.0.1"
    ports: Mapping[str, int] = field(default_factory=dict)
    kube_apiserver_cert_sans: tuple[str, ...] = ()
    kube_feature_gates: Mapping[str, bool] = field(default_factory=dict)
    kube_runtime_config: Mapping[str, str] = field(default_factory=dict)
    extra_args: Mapping[str, Mapping[str, tuple[str, ...] | None]] = field(default_factory=dict)
    kube_scheduler_config: Mapping[str, Any] | None = None
    kube_audit_policy: Mapping[str, Any] | None = None
    tracing: Mapping[str, Any] | None = None
    kube_authorization: bool = True
    kube_admission: bool = True
    etcd_prefix: str = "/registry"
    etcd_quota_backend_bytes: int = 8 * 2**30
    etcd_fsync: bool = False
    disable_qps_limits: bool = True
    priority_and_fairness: bool = True
    go_gc: int = 200
    heartbeat_factor: float = 1.0
    node_monitor_factor: float = 1.0
    certificate_validity_days: int = 365
    kubeconfig: str | None = None
    kubeconfig_merge: bool = False
    kubeconfig_set_current_context: bool = False
    executables: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    artifact_sources: tuple[str, ...] = ("path", "cache", "download", "build")
    artifact_mirrors: Mapping[str, str] = field(default_factory=dict)
    artifact_cache_dir: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, for the record."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> ClusterSpec:
        """The spec that ``as_dict`` gave; fields that a newer version has are left at their defaults."""
        known = {item.name for item in fields(cls)}
        values = {key: value for key, value in plain.items() if key in known}
        for name in ("disable", "kube_apiserver_cert_sans", "artifact_sources"):
            if name in values:
                values[name] = tuple(values[name])
        if "extra_args" in values:
            values["extra_args"] = {
                component: {flag: None if value is None else tuple(value) for flag, value in flags.items()}
                for component, flags in values["extra_args"].items()
            }
        return cls(**values)

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the control plane's components that are wanted, in start order."""
        return tuple(name for name in CONTROL_PLANE if name not in self.disable)

    @property
    def in_containers(self) -> bool:
        """Whether each component has a container, and the cluster a network of its own."""
        return self.runtime in CONTAINER_RUNTIMES

    @property
    def of_images(self) -> Mapping[str, str]:
        """Component to the image that it is made of, for those that are not made of an executable."""
        return self.images if self.in_containers else {}

    @property
    def context(self) -> str:
        """Name of the cluster's context in a kubeconfig."""
        return f"kwok-sim-{self.name}"


def check_name(name: str, option: str = "name") -> str:
    """Return ``name``; raise a SimError unless it is a DNS label (RFC 1123)."""
    if not _DNS_LABEL.fullmatch(name):
        raise SimError(
            f"{name!r} is no DNS label (RFC 1123)",
            option=option,
            remedy="Use 1 to 63 lower-case letters, digits and hyphens that begin and end with a letter or digit",
        )
    return name


def version_tuple(version: str) -> tuple[int, int, int]:
    """``v1.36.3`` as ``(1, 36, 3)``; pre-release parts are left out."""
    parsed = catalogue.parse_version(version)
    return parsed.major, parsed.minor, parsed.patch


def parse_version(option: str, text: str) -> str:
    """``1.36.3`` or ``v1.36.3`` as ``v1.36.3``."""
    return str(catalogue.parse_version(text.strip(), option=option))


def parse_quantity(option: str, text: str) -> int:
    """A number of bytes as Kubernetes writes quantities: ``8Gi``, ``500M``, ``1073741824``."""
    match = _QUANTITY.fullmatch(text.strip())
    if not match or int(match[1]) == 0:
        raise SimError(f"{text!r} is no size", option=option, remedy="Write a number of bytes above 0 as 8Gi, 500Mi or 1073741824")
    return int(match[1]) * _UNITS[(match[2] or "").removesuffix("B")]


def parse_boolean(option: str, key: str, value: Any) -> bool:
    """A truth value as YAML, Ansible and Kubernetes write it."""
    if isinstance(value, bool):
        return value
    lowered = str(value).strip().lower()
    if lowered in ("true", "yes", "on", "1"):
        return True
    if lowered in ("false", "no", "off", "0"):
        return False
    raise SimError(f"{key}={value!r} is neither true nor false", option=option, remedy=f"Write {key}: true or {key}: false")


def _parse_disable(values: list[str]) -> tuple[str, ...]:
    for name in values:
        if name in CONTROL_PLANE and name not in OPTIONAL_COMPONENTS:
            raise SimError(
                f"{name} cannot be disabled: no cluster works without it", option="disable", remedy=f"Remove {name} from the list"
            )
        if name not in CONTROL_PLANE:
            raise SimError(f"unknown component {name!r}", option="disable", remedy=f"Choose from {', '.join(OPTIONAL_COMPONENTS)}")
    return tuple(name for name in CONTROL_PLANE if name in values)


def parse_address(option: str, text: str) -> str:
    """An IP address, with or without brackets, in its usual spelling."""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        raise SimError(f"{text!r} is no IP address", option=option, remedy="Give an IPv4 or IPv6 address, such as 127.0.0.1") from None


def is_dns_name(text: str) -> bool:
    """Whether a certificate can carry ``text`` as a DNS name; its first label may be a wildcard."""
    return _DNS_NAME.fullmatch(text) is not None


def _parse_sans(values: list[str]) -> tuple[str, ...]:
    for value in values:
        try:
            ipaddress.ip_address(value)
        except ValueError:
            if not is_dns_name(value):
                raise SimError(
                    f"{value!r} is neither a DNS name nor an IP address",
                    option="kube_apiserver_cert_sans",
                    remedy="Give names such as sim.example.org or addresses such as 192.0.2.10",
                ) from None
    return tuple(sorted(set(values)))


def _parse_ports(params: Mapping[str, Any]) -> dict[str, int]:
    ports: dict[str, int] = {}
    for name, option in PORT_OPTIONS.items():
        number = params.get(option)
        if not number:
            continue
        if not 1 <= number <= 65535:
            raise SimError(
                f"{number} is no TCP port", option=option, remedy="Give a number from 1 to 65535, or 0 to have a free one chosen"
            )
        for other, taken in ports.items():
            if taken == number:
                raise SimError(f"{number} is also given as {PORT_OPTIONS[other]}", option=option, remedy="Give each port once")
        ports[name] = number
    return ports


def _parse_feature_gates(values: Mapping[str, Any]) -> dict[str, bool]:
    option = "kube_feature_gates"
    for key in values:
        component, gate = split_feature_gate(str(key))
        if component and component not in GATED_COMPONENTS:
            raise SimError(
                f"unknown component {component!r} in {key!r}", option=option, remedy=f"Choose from {', '.join(GATED_COMPONENTS)}"
            )
        if not _FEATURE_GATE.fullmatch(gate):
            raise SimError(
                f"{key!r} is no name of a feature gate",
                option=option,
                remedy="Write gates as NAME: true, or COMPONENT:NAME: true for one component",
            )
    return {key: parse_boolean(option, key, values[key]) for key in sorted(values)}


def split_feature_gate(key: str) -> tuple[str, str]:
    """``kube-apiserver:NAME`` as component and gate; the component is empty for a gate of all."""
    component, _colon, gate = key.rpartition(":")
    return component, gate


def _parse_runtime_config(values: Mapping[str, Any]) -> dict[str, str]:
    option = "kube_runtime_config"
    for key in values:
        if not _RUNTIME_CONFIG.fullmatch(str(key)):
            raise SimError(
                f"{key!r} names no API", option=option, remedy="Write keys as api/all, api/beta, GROUP/VERSION or GROUP/VERSION/RESOURCE"
            )
    return {key: "true" if parse_boolean(option, key, values[key]) else "false" for key in sorted(values)}


def flag_value(value: Any) -> str:
    """A value of a command-line flag as text; truth values as Go writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parse_extra_args(values: Mapping[str, Any]) -> dict[str, dict[str, tuple[str, ...] | None]]:
    option = "extra_args"
    parsed: dict[str, dict[str, tuple[str, ...] | None]] = {}
    for component, flags in sorted(values.items()):
        if component not in CONTROL_PLANE:
            raise SimError(f"unknown component {component!r}", option=option, remedy=f"Choose from {', '.join(CONTROL_PLANE)}")
        if not isinstance(flags, Mapping):
            raise SimError(f"{component} is no mapping of flags to values", option=option, remedy="Write each flag as NAME: VALUE")
        parsed[component] = {}
        for raw, value in sorted(flags.items()):
            flag = str(raw).removeprefix("--")
            if not _FLAG.fullmatch(flag):
                raise SimError(
                    f"{raw!r} of {component} is no name of a flag",
                    option=option,
                    remedy="Write flags without dashes in front and without =",
                )
            setter = MANAGED_FLAGS[component].get(flag)
            if setter:
                raise SimError(f"{component}'s --{flag} is set by the option {setter}", option=option, remedy=f"Use {setter} instead")
            if isinstance(value, Mapping):
                raise SimError(
                    f"{component}'s --{flag} is a mapping",
                    option=option,
                    remedy="Give a scalar, a list to repeat the flag, or null to remove it",
                )
            if value is None:
                parsed[component][flag] = None
            else:
                parsed[component][flag] = tuple(flag_value(item) for item in (value if isinstance(value, list) else [value]))
    return parsed


def _check_kind(option: str, document: Mapping[str, Any] | None, group: str, kind: str) -> Mapping[str, Any] | None:
    if document is None:
        return None
    api_version = str(document.get("apiVersion", f"{group}/v1"))
    if document.get("kind", kind) != kind or api_version.rpartition("/")[0] != group:
        raise SimError(
            f"holds {document.get('kind')!r} of {document.get('apiVersion')!r}",
            option=option,
            remedy=f"Give a document of kind {kind} in the API group {group}",
        )
    return {"apiVersion": api_version, "kind": kind, **{key: value for key, value in document.items() if key not in ("apiVersion", "kind")}}


def _parse_tracing(wanted: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if wanted is None:
        return None
    option, endpoint, rate = "tracing", wanted["endpoint"].strip(), wanted["sampling_rate_per_million"]
    match = _HOST_PORT.fullmatch(endpoint)
    if endpoint and not (match and 0 < int(match[2]) < 65536):
        raise SimError(
            f"endpoint: {endpoint!r} is no HOST:PORT",
            option=option,
            remedy="Give that of a receiver of OTLP over gRPC without TLS, such as 127.0.0.1:4317, or leave it out for one that is chosen",
        )
    if not 0 <= rate <= 1_000_000:
        raise SimError(
            f"sampling_rate_per_million: {rate} is not from 0 to 1000000",
            option=option,
            remedy="Give how many of a million requests are traced, such as 10000 for one in a hundred",
        )
    return {"endpoint": endpoint, "sampling_rate_per_million": rate}


def _parse_endpoint(runtime: str, endpoint: str | None) -> str:
    if not endpoint:
        return ""
    option = "runtime_endpoint"
    if runtime not in CONTAINER_RUNTIMES:
        raise SimError(
            f"is of no use to the runtime {runtime}", option=option, remedy=f"Name the runtime, too: {' or '.join(CONTAINER_RUNTIMES)}"
        )
    return endpoint if "://" in endpoint or not endpoint.startswith("/") else f"unix://{endpoint}"


def _check_factor(option: str, value: float) -> float:
    if not math.isfinite(value) or value <= 0:
        raise SimError(f"{value} is no factor", option=option, remedy="Give a number above 0; 1 is what Kubernetes does by itself")
    return value


def _parse_executables(option: str, values: Mapping[str, Any]) -> dict[str, str]:
    for name, value in values.items():
        if name not in EXECUTABLES:
            raise SimError(f"unknown executable {name!r}", option=option, remedy=f"Choose from {', '.join(EXECUTABLES)}")
        if not isinstance(value, str) or not value:
            raise SimError(f"{name} has no text as its value", option=option, remedy=f"Give {name} as text")
    return {name: values[name] for name in sorted(values)}


def _parse_images(runtime: str, values: Mapping[str, Any]) -> dict[str, str]:
    option = "images"
    if values and runtime == DEFAULT_RUNTIME:
        raise SimError(
            f"are of no use to the runtime {runtime}", option=option, remedy=f"Choose {' or '.join(CONTAINER_RUNTIMES)} as runtime"
        )
    for name, value in values.items():
        if name not in CONTROL_PLANE:
            raise SimError(f"unknown component {name!r}", option=option, remedy=f"Choose from {', '.join(CONTROL_PLANE)}")
        if not isinstance(value, str) or not _IMAGE.fullmatch(value):
            raise SimError(f"{name}: {value!r} is no name of an image", option=option, remedy="Write it as REGISTRY/NAME:TAG")
    return {name: values[name] for name in sorted(values)}


def parse(params: Mapping[str, Any]) -> ClusterSpec:
    """Check the module's parameters and return what they ask for.

    Args:
        params: As ``AnsibleModule.params`` has them for ``CLUSTER_ARGUMENTS``.

    Raises:
        SimError: Names the first option at fault, and the remedy.
    """
    kube_version = parse_version("kube_version", params["kube_version"])
    if version_tuple(kube_version) < (1, 25, 0):
        # kubescheduler.config.k8s.io/v1, in which the scheduler's configuration is written, came with 1.25.
        raise SimError(f"{kube_version} is too old", option="kube_version", remedy="Ask for v1.25.0 or newer")
    prefix = params["etcd_prefix"]
    if not prefix.startswith("/") or prefix.endswith("/") or "//" in prefix:
        raise SimError(f"{prefix!r} is no prefix of keys", option="etcd_prefix", remedy="Write it as /registry, without a slash at the end")
    if params["certificate_validity_days"] < 1:
        raise SimError("is less than a day", option="certificate_validity_days", remedy="Give a number of days above 0")
    if params["go_gc"] < 1:
        raise SimError(
            f"{params['go_gc']} is no target of Go's garbage collector", option="go_gc", remedy="Give a percentage above 0, such as 100"
        )
    if (params["kubeconfig_merge"] or params["kubeconfig_set_current_context"]) and not params["kubeconfig"]:
        option = "kubeconfig_merge" if params["kubeconfig_merge"] else "kubeconfig_set_current_context"
        raise SimError("needs a file to act on", option=option, remedy="Give that file as kubeconfig, such as ~/.kube/config")
    return ClusterSpec(
        name=check_name(params["name"]),
        runtime=params["runtime"],
        runtime_endpoint=_parse_endpoint(params["runtime"], params.get("runtime_endpoint")),
        kube_version=kube_version,
        etcd_version=parse_version("etcd_version", params["etcd_version"]),
        disable=_parse_disable(params["disable"]),
        bind_address=parse_address("bind_address", params["bind_address"]),
        ports=_parse_ports(params),
        kube_apiserver_cert_sans=_parse_sans(params["kube_apiserver_cert_sans"]),
        kube_feature_gates=_parse_feature_gates(params["kube_feature_gates"]),
        kube_runtime_config=_parse_runtime_config(params["kube_runtime_config"]),
        extra_args=_parse_extra_args(params["extra_args"]),
        kube_scheduler_config=_check_kind(
            "kube_scheduler_config", params["kube_scheduler_config"], "kubescheduler.config.k8s.io", "KubeSchedulerConfiguration"
        ),
        kube_audit_policy=_check_kind("kube_audit_policy", params["kube_audit_policy"], "audit.k8s.io", "Policy"),
        tracing=_parse_tracing(params["tracing"]),
        kube_authorization=params["kube_authorization"],
        kube_admission=params["kube_admission"],
        etcd_prefix=prefix,
        etcd_quota_backend_bytes=parse_quantity("etcd_quota_backend_size", params["etcd_quota_backend_size"]),
        etcd_fsync=params["etcd_fsync"],
        disable_qps_limits=params["disable_qps_limits"],
        priority_and_fairness=params["priority_and_fairness"],
        go_gc=params["go_gc"],
        heartbeat_factor=_check_factor("heartbeat_factor", params["heartbeat_factor"]),
        node_monitor_factor=_check_factor("node_monitor_factor", params["node_monitor_factor"]),
        certificate_validity_days=params["certificate_validity_days"],
        kubeconfig=params["kubeconfig"],
        kubeconfig_merge=params["kubeconfig_merge"],
        kubeconfig_set_current_context=params["kubeconfig_set_current_context"],
        executables=_parse_executables("executables", params["executables"]),
        images=_parse_images(params["runtime"], params["images"]),
        artifact_sources=tuple(params["artifact_sources"]),
        artifact_mirrors=_parse_executables("artifact_mirrors", params["artifact_mirrors"]),
        artifact_cache_dir=params["artifact_cache_dir"],
    )


def refuse_in_place(recorded: ClusterSpec, wanted: ClusterSpec) -> SimError | None:
    """The first change that a cluster cannot take in place, as the error to raise; ``None`` if all can."""

    def refusal(option: str, before: object, after: object, why: str) -> SimError:
        return SimError(
            f"cannot change from {before} to {after} in place: {why}",
            option=option,
            remedy=f"Keep {option}: {before}, or set recreate: true to remove the cluster with all its objects and make it anew",
        )

    if recorded.runtime != wanted.runtime:
        return refusal("runtime", recorded.runtime, wanted.runtime, "the cluster's data stays with its runtime")
    if recorded.runtime_endpoint != wanted.runtime_endpoint:
        before, after = recorded.runtime_endpoint, wanted.runtime_endpoint
        return refusal("runtime_endpoint", before, after, "the cluster's containers stay where they are")
    if recorded.etcd_prefix != wanted.etcd_prefix:
        return refusal("etcd_prefix", recorded.etcd_prefix, wanted.etcd_prefix, "every object would vanish from the apiserver's sight")
    for option in ("kube_version", "etcd_version"):
        before, after = getattr(recorded, option), getattr(wanted, option)
        if version_tuple(after)[:2] < version_tuple(before)[:2]:
            return refusal(option, before, after, "an older minor version may not read what the newer one stored")
    return None
