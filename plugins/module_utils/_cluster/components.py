# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs in a cluster: from the options to Components and certificates. Pure: no I/O, no clock, no randomness.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._errors import SimError
from .certificate import MAXIMUM_COMMON_NAME_BYTES, CertificateSpec
from .component import Component, ConfigFile, Endpoint, Executable, Port
from .layout import Layout
from .spec import (
    ETCD,
    KUBE_APISERVER,
    KUBE_CONTROLLER_MANAGER,
    KUBE_SCHEDULER,
    TRACING_PORT,
    ClusterSpec,
    split_feature_gate,
    version_tuple,
)

SERVICE_CIDR = "10.96.0.0/12"  # kubeadm's default: room for a million Services.
SERVICE_ADDRESS = "10.96.0.1"  # Its first address is that of the Service "kubernetes".
AUTHORITY_VALIDITY_DAYS = 3650  # As kubeadm's certificate authorities.

# Kubernetes' own defaults, which the factors scale: kube-controller-manager --node-monitor-period and --node-monitor-grace-period.
NODE_MONITOR_PERIOD_SECONDS = 5.0
NODE_MONITOR_GRACE_PERIOD_SECONDS = 50.0

CA = "ca"
ETCD_CA = "etcd-ca"
FRONT_PROXY_CA = "front-proxy-ca"
ETCD_SERVER = "etcd-server"
ETCD_PEER = "etcd-peer"
ETCD_CLIENT = "etcd-client"
APISERVER_ETCD_CLIENT = "kube-apiserver-etcd-client"
APISERVER_SERVER = "kube-apiserver"
APISERVER_KUBELET_CLIENT = "kube-apiserver-kubelet-client"
FRONT_PROXY_CLIENT = "front-proxy-client"
CONTROLLER_MANAGER_SERVER = "kube-controller-manager"
CONTROLLER_MANAGER_CLIENT = "kube-controller-manager-client"
SCHEDULER_SERVER = "kube-scheduler"
SCHEDULER_CLIENT = "kube-scheduler-client"
ADMIN = "admin"
MONITORING = "monitoring"
SERVICE_ACCOUNT = "service-account"


@dataclass(frozen=True)
class Facts:
    """What rendering must know beside the options: where things are on this host.

    Attributes:
        layout: The cluster's paths.
        ports: Name of a port (see ``spec.PORT_OPTIONS``; ``COMPONENT/PORT`` for joined components) to its number.
        executables: Component to its program.
        versions: Component to the version that its program reports.
        images: Component to its image, for those that are not made of an executable.
    """

    layout: Layout
    ports: Mapping[str, int]
    executables: Mapping[str, Executable]
    versions: Mapping[str, str]
    images: Mapping[str, str] = field(default_factory=dict)


def local_address(spec: ClusterSpec) -> str:
    """The address at which the cluster's own parts reach each other: the bind address, or loopback where that is a wildcard."""
    address = ipaddress.ip_address(spec.bind_address)
    if address.is_unspecified:
        return "::1" if address.version == 6 else "127.0.0.1"
    return spec.bind_address


def listen_address(spec: ClusterSpec) -> str:
    """The address on which the cluster's own parts listen: in a container on all that it has, since only what is published is reached."""
    return "0.0.0.0" if spec.in_containers else local_address(spec)


def peer_address(spec: ClusterSpec, component: str) -> str:
    """The name or address at which the cluster's other parts reach a component."""
    return component if spec.in_containers else local_address(spec)


def bracketed(address: str) -> str:
    """An address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def server_url(spec: ClusterSpec, facts: Facts) -> str:
    """The apiserver's URL on this host."""
    return f"https://{bracketed(local_address(spec))}:{facts.ports[KUBE_APISERVER]}"


def inner_server_url(spec: ClusterSpec, facts: Facts) -> str:
    """The apiserver's URL for components of the cluster."""
    return f"https://{bracketed(peer_address(spec, KUBE_APISERVER))}:{facts.ports[KUBE_APISERVER]}"


def tracing_endpoint(spec: ClusterSpec, ports: Mapping[str, int]) -> str:
    """``HOST:PORT`` to which the control plane sends its traces; empty if it sends none."""
    if spec.tracing is None:
        return ""
    return spec.tracing["endpoint"] or f"127.0.0.1:{ports[TRACING_PORT]}"


def certificates(spec: ClusterSpec) -> tuple[CertificateSpec, ...]:
    """The certificates of a control plane, authorities before what they sign.

    Three authorities, as kubeadm has them: with one alone, every client of the apiserver could talk to etcd past the apiserver's
    authorization, and could pass itself off as the front proxy.
    """
    days = spec.certificate_validity_days
    address = local_address(spec)
    loopback = tuple(dict.fromkeys(("127.0.0.1", "::1", address)))

    def authority(name: str, suffix: str = "") -> CertificateSpec:
        common_name = f"kwok-sim-{spec.name}"[: MAXIMUM_COMMON_NAME_BYTES - len(suffix)] + suffix
        return CertificateSpec(name=name, kind="authority", authority=name, common_name=common_name, validity_days=AUTHORITY_VALIDITY_DAYS)

    def server(name: str, signer: str, component: str, *, client: bool = False) -> CertificateSpec:
        return CertificateSpec(
            name=name,
            authority=signer,
            common_name=name,
            names=("localhost", component) if spec.in_containers else ("localhost",),
            addresses=loopback,
            usages=("server", "client") if client else ("server",),
            validity_days=days,
        )

    def client(name: str, signer: str, user: str, *groups: str) -> CertificateSpec:
        return CertificateSpec(name=name, authority=signer, common_name=user, organizations=groups, usages=("client",), validity_days=days)

    sans = [*spec.kube_apiserver_cert_sans]
    extra_addresses = [text for text in sans if _is_address(text)]
    extra_names = [text for text in sans if not _is_address(text)]
    apiserver = CertificateSpec(
        name=APISERVER_SERVER,
        authority=CA,
        common_name=KUBE_APISERVER,
        names=tuple(
            dict.fromkeys(
                (
                    "localhost",
                    *([KUBE_APISERVER] if spec.in_containers else []),
                    "kubernetes",
                    "kubernetes.default",
                    "kubernetes.default.svc",
                    "kubernetes.default.svc.cluster.local",
                    *extra_names,
                )
            )
        ),
        addresses=tuple(dict.fromkeys((*loopback, SERVICE_ADDRESS, *extra_addresses))),
        usages=("server",),
        validity_days=days,
    )
    wanted = [
        authority(CA),
        authority(ETCD_CA, "-etcd"),
        authority(FRONT_PROXY_CA, "-front-proxy"),
        CertificateSpec(name=SERVICE_ACCOUNT, kind="key_pair"),
        # etcd calls itself through its gRPC gateway: its server certificate serves as a client certificate, too.
        server(ETCD_SERVER, ETCD_CA, ETCD, client=True),
        server(ETCD_PEER, ETCD_CA, ETCD, client=True),
        client(ETCD_CLIENT, ETCD_CA, ETCD_CLIENT),
        client(APISERVER_ETCD_CLIENT, ETCD_CA, APISERVER_ETCD_CLIENT),
        apiserver,
        client(APISERVER_KUBELET_CLIENT, CA, "kube-apiserver-kubelet-client"),
        client(FRONT_PROXY_CLIENT, FRONT_PROXY_CA, FRONT_PROXY_CLIENT),
        client(ADMIN, CA, "kubernetes-admin", "system:masters"),
        # The apiserver's own group for those who may read metrics and health, and nothing else.
        client(MONITORING, CA, "kwok-sim:monitoring", "system:monitoring"),
    ]
    if KUBE_CONTROLLER_MANAGER not in spec.disable:
        wanted.append(server(CONTROLLER_MANAGER_SERVER, CA, KUBE_CONTROLLER_MANAGER))
        wanted.append(client(CONTROLLER_MANAGER_CLIENT, CA, "system:kube-controller-manager"))
    if KUBE_SCHEDULER not in spec.disable:
        wanted.append(server(SCHEDULER_SERVER, CA, KUBE_SCHEDULER))
        wanted.append(client(SCHEDULER_CLIENT, CA, "system:kube-scheduler"))
    return tuple(wanted)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def kubeconfig_file(path: str, layout: Layout, server: str, client: str, context: str, user: str) -> ConfigFile:
    """A kubeconfig for a component: it names its certificates' files, so that a renewed one needs no new kubeconfig."""
    return ConfigFile(
        path=path,
        content=as_yaml(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {"name": context, "cluster": {"server": server, "certificate-authority": str(layout.certificate(CA))}},
                ],
                "users": [
                    {"name": user, "user": {"client-certificate": str(layout.certificate(client)), "client-key": str(layout.key(client))}},
                ],
                "contexts": [{"name": context, "context": {"cluster": context, "user": user}}],
                "current-context": context,
            }
        ),
    )


def as_yaml(document: Any) -> str:
    """A document as text that is both JSON and YAML: the same bytes for the same value, on every version of every library."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def with_extra_args(flags: Mapping[str, str | tuple[str, ...]], extra: Mapping[str, tuple[str, ...] | None]) -> tuple[str, ...]:
    """Command-line arguments: the collection's flags, added to, replaced and removed by the user's."""
    merged: dict[str, tuple[str, ...]] = {name: (value,) if isinstance(value, str) else value for name, value in flags.items()}
    for name, values in extra.items():
        if values is None:
            merged.pop(name, None)
        else:
            merged[name] = values
    return tuple(f"--{name}={value}" for name, values in merged.items() for value in values)


def _go_env(spec: ClusterSpec) -> tuple[tuple[str, str], ...]:
    return (("GOGC", str(spec.go_gc)),)


def _feature_gates(spec: ClusterSpec, component: str) -> dict[str, str]:
    gates: dict[str, bool] = {}
    if component == KUBE_APISERVER and spec.tracing is not None and version_tuple(spec.kube_version) < (1, 27, 0):
        gates["APIServerTracing"] = True
    # Those of all components come first in this order, so that one's own override them.
    for (owner, gate), on in sorted((split_feature_gate(key), on) for key, on in spec.kube_feature_gates.items()):
        if owner in ("", component):
            gates[gate] = on
    if not gates:
        return {}
    return {"feature-gates": ",".join(f"{gate}={'true' if gates[gate] else 'false'}" for gate in sorted(gates))}


def _etcd_tracing(spec: ClusterSpec, facts: Facts) -> dict[str, str]:
    """Flags of etcd. Before 3.5.11 it could not be told how much to trace, and takes no part."""
    version = version_tuple(spec.etcd_version)
    if spec.tracing is None or version < (3, 5, 11):
        return {}
    prefix = "" if version >= (3, 6, 0) else "experimental-"
    return {
        f"{prefix}enable-distributed-tracing": "true",
        f"{prefix}distributed-tracing-address": tracing_endpoint(spec, facts.ports),
        f"{prefix}distributed-tracing-service-name": ETCD,
        f"{prefix}distributed-tracing-instance-id": spec.name,
        f"{prefix}distributed-tracing-sampling-rate": str(spec.tracing["sampling_rate_per_million"]),
    }


def _etcd(spec: ClusterSpec, facts: Facts) -> Component:
    layout, address, listen = facts.layout, local_address(spec), bracketed(listen_address(spec))
    name = bracketed(peer_address(spec, ETCD))
    client_port, peer_port = facts.ports[ETCD], facts.ports["etcd-peer"]
    peer_url = f"https://{name}:{peer_port}"
    # Metrics and health alone, without TLS, and always on loopback: as kubeadm has it. On the client port they would need a
    # client certificate, and every such certificate may read and write all of etcd.
    metrics_host, metrics_port = "127.0.0.1", facts.ports["etcd-metrics"]
    flags: dict[str, str | tuple[str, ...]] = {
        "name": "kwok-sim",
        "data-dir": str(layout.etcd_data),
        "listen-client-urls": f"https://{listen}:{client_port}",
        "advertise-client-urls": f"https://{name}:{client_port}",
        "listen-peer-urls": f"https://{listen}:{peer_port}",
        "initial-advertise-peer-urls": peer_url,
        "initial-cluster": f"kwok-sim={peer_url}",
        "listen-metrics-urls": f"http://{listen if spec.in_containers else metrics_host}:{metrics_port}",
        "client-cert-auth": "true",
        "trusted-ca-file": str(layout.certificate(ETCD_CA)),
        "cert-file": str(layout.certificate(ETCD_SERVER)),
        "key-file": str(layout.key(ETCD_SERVER)),
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": str(layout.certificate(ETCD_CA)),
        "peer-cert-file": str(layout.certificate(ETCD_PEER)),
        "peer-key-file": str(layout.key(ETCD_PEER)),
        "quota-backend-bytes": str(spec.etcd_quota_backend_bytes),
        # Milliseconds. A member elects itself up to one election timeout after its start; alone it has nobody to wait for, and
        # etcd's own 100 and 1000 are meant for members far from each other.
        "heartbeat-interval": "20",
        "election-timeout": "200",
    }
    if not spec.etcd_fsync:
        flags["unsafe-no-fsync"] = "true"
    flags.update(_etcd_tracing(spec, facts))
    # /readyz came with etcd 3.5.11; /health says the same for one member.
    readiness = "/readyz" if version_tuple(spec.etcd_version) >= (3, 5, 11) else "/health"
    return Component(
        name=ETCD,
        version=facts.versions.get(ETCD, spec.etcd_version),
        executable=facts.executables.get(ETCD),
        image=facts.images.get(ETCD),
        args=with_extra_args(flags, spec.extra_args.get(ETCD, {})),
        env=_go_env(spec),
        ports=(
            Port("client", client_port, address),
            Port("peer", peer_port, address),
            Port("metrics", metrics_port, metrics_host),
        ),
        readiness=Endpoint("http", metrics_host, metrics_port, readiness),
        metrics=Endpoint("http", metrics_host, metrics_port, "/metrics"),
        certificates=(ETCD_CA, ETCD_SERVER, ETCD_PEER),
        writes=(str(layout.etcd_data),),
    )


def _monitored(layout: Layout, address: str, port: int, path: str) -> Endpoint:
    return Endpoint(
        "https", address, port, path, str(layout.certificate(CA)), str(layout.certificate(MONITORING)), str(layout.key(MONITORING))
    )


def _apiserver_tracing(spec: ClusterSpec, facts: Facts) -> ConfigFile | None:
    if spec.tracing is None:
        return None
    version = version_tuple(spec.kube_version)
    document = {
        "apiVersion": "apiserver.config.k8s.io/" + ("v1" if version >= (1, 34, 0) else "v1beta1" if version >= (1, 27, 0) else "v1alpha1"),
        "kind": "TracingConfiguration",
        "endpoint": tracing_endpoint(spec, facts.ports),
        "samplingRatePerMillion": spec.tracing["sampling_rate_per_million"],
    }
    return ConfigFile(str(facts.layout.config / "tracing.yaml"), as_yaml(document))


def _kube_apiserver(spec: ClusterSpec, facts: Facts) -> Component:
    layout, address, port = facts.layout, local_address(spec), facts.ports[KUBE_APISERVER]
    files: list[ConfigFile] = []
    flags: dict[str, str | tuple[str, ...]] = {
        "bind-address": listen_address(spec) if spec.in_containers else spec.bind_address,
        "advertise-address": address,
        "secure-port": str(port),
        "tls-cert-file": str(layout.certificate(APISERVER_SERVER)),
        "tls-private-key-file": str(layout.key(APISERVER_SERVER)),
        "client-ca-file": str(layout.certificate(CA)),
        "anonymous-auth": "false",
        "etcd-servers": f"https://{bracketed(peer_address(spec, ETCD))}:{facts.ports[ETCD]}",
        "etcd-cafile": str(layout.certificate(ETCD_CA)),
        "etcd-certfile": str(layout.certificate(APISERVER_ETCD_CLIENT)),
        "etcd-keyfile": str(layout.key(APISERVER_ETCD_CLIENT)),
        "etcd-prefix": spec.etcd_prefix,
        "service-cluster-ip-range": SERVICE_CIDR,
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": str(layout.pki / f"{SERVICE_ACCOUNT}.pub"),
        "service-account-signing-key-file": str(layout.key(SERVICE_ACCOUNT)),
        "kubelet-certificate-authority": str(layout.certificate(CA)),
        "kubelet-client-certificate": str(layout.certificate(APISERVER_KUBELET_CLIENT)),
        "kubelet-client-key": str(layout.key(APISERVER_KUBELET_CLIENT)),
        "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
        "requestheader-client-ca-file": str(layout.certificate(FRONT_PROXY_CA)),
        "requestheader-allowed-names": FRONT_PROXY_CLIENT,
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": str(layout.certificate(FRONT_PROXY_CLIENT)),
        "proxy-client-key-file": str(layout.key(FRONT_PROXY_CLIENT)),
        # No kube-proxy and no pod network: an aggregated apiserver is reached at the name of an ExternalName Service, which may be that of
        # loopback. With routing to endpoints it would have to listen elsewhere: endpoints may not be on loopback.
        "enable-aggregator-routing": "false",
        # The address is loopback: no endpoint of the Service "kubernetes" that a pod could use.
        "endpoint-reconciler-type": "none",
        "allow-privileged": "true",
        "authorization-mode": "Node,RBAC" if spec.kube_authorization else "AlwaysAllow",
    }
    if spec.kube_admission:
        if spec.kube_authorization:
            flags["enable-admission-plugins"] = "NodeRestriction"
    else:
        flags["admission-control"] = ""
    if version_tuple(spec.kube_version) >= (1, 27, 0):
        # The flag came with 1.27. Without it, the watches of those who go on running keep an apiserver from ending until it is killed.
        flags["shutdown-watch-termination-grace-period"] = "1s"
    flags.update(_feature_gates(spec, KUBE_APISERVER))
    if spec.kube_runtime_config:
        flags["runtime-config"] = ",".join(f"{key}={value}" for key, value in spec.kube_runtime_config.items())
    if not spec.priority_and_fairness:
        # Without it the two limits would hold by themselves: 0 lifts them.
        flags["enable-priority-and-fairness"] = "false"
        flags["max-requests-inflight"] = "0"
        flags["max-mutating-requests-inflight"] = "0"
    if spec.kube_audit_policy is not None:
        policy = layout.config / "audit-policy.yaml"
        files.append(ConfigFile(str(policy), as_yaml(spec.kube_audit_policy)))
        flags["audit-policy-file"] = str(policy)
        flags["audit-log-path"] = str(layout.logs / "audit.log")
        flags["audit-log-maxsize"] = "100"
        flags["audit-log-maxbackup"] = "3"
    tracing = _apiserver_tracing(spec, facts)
    if tracing is not None:
        files.append(tracing)
        flags["tracing-config-file"] = tracing.path
    return Component(
        name=KUBE_APISERVER,
        version=facts.versions.get(KUBE_APISERVER, spec.kube_version),
        executable=facts.executables.get(KUBE_APISERVER),
        image=facts.images.get(KUBE_APISERVER),
        args=with_extra_args(flags, spec.extra_args.get(KUBE_APISERVER, {})),
        env=_go_env(spec),
        files=tuple(files),
        ports=(Port("https", port, spec.bind_address),),
        depends_on=(ETCD,),
        readiness=_monitored(layout, address, port, "/readyz"),
        metrics=_monitored(layout, address, port, "/metrics"),
        certificates=(
            CA,
            ETCD_CA,
            FRONT_PROXY_CA,
            APISERVER_SERVER,
            APISERVER_ETCD_CLIENT,
            APISERVER_KUBELET_CLIENT,
            FRONT_PROXY_CLIENT,
            SERVICE_ACCOUNT,
        ),
        writes=(str(layout.logs),) if spec.kube_audit_policy is not None else (),
    )


def seconds(value: float) -> str:
    """Seconds as Go's duration, without needless digits: ``7.5s``."""
    return f"{value:g}s"


def _kube_controller_manager(spec: ClusterSpec, facts: Facts) -> Component:
    layout, address, port = facts.layout, local_address(spec), facts.ports[KUBE_CONTROLLER_MANAGER]
    kubeconfig = kubeconfig_file(
        str(layout.config / "kube-controller-manager.kubeconfig"),
        layout,
        inner_server_url(spec, facts),
        CONTROLLER_MANAGER_CLIENT,
        spec.context,
        "system:kube-controller-manager",
    )
    flags: dict[str, str | tuple[str, ...]] = {
        "kubeconfig": kubeconfig.path,
        "authentication-kubeconfig": kubeconfig.path,
        "authorization-kubeconfig": kubeconfig.path,
        "bind-address": listen_address(spec),
        "secure-port": str(port),
        "tls-cert-file": str(layout.certificate(CONTROLLER_MANAGER_SERVER)),
        "tls-private-key-file": str(layout.key(CONTROLLER_MANAGER_SERVER)),
        "client-ca-file": str(layout.certificate(CA)),
        "requestheader-client-ca-file": str(layout.certificate(FRONT_PROXY_CA)),
        "root-ca-file": str(layout.certificate(CA)),
        "service-account-private-key-file": str(layout.key(SERVICE_ACCOUNT)),
        "cluster-signing-cert-file": str(layout.certificate(CA)),
        "cluster-signing-key-file": str(layout.key(CA)),
        "leader-elect": "false",
        **_feature_gates(spec, KUBE_CONTROLLER_MANAGER),
    }
    if spec.kube_authorization:
        # Each of its controllers under its own ServiceAccount with its own RBAC, as kubeadm has it.
        flags["use-service-account-credentials"] = "true"
    if spec.disable_qps_limits:
        flags["kube-api-qps"] = "-1"
        flags["kube-api-burst"] = "-1"
    if spec.node_monitor_factor != 1.0:
        flags["node-monitor-period"] = seconds(NODE_MONITOR_PERIOD_SECONDS * spec.node_monitor_factor)
    if spec.heartbeat_factor != 1.0:
        flags["node-monitor-grace-period"] = seconds(NODE_MONITOR_GRACE_PERIOD_SECONDS * spec.heartbeat_factor)
    return Component(
        name=KUBE_CONTROLLER_MANAGER,
        version=facts.versions.get(KUBE_CONTROLLER_MANAGER, spec.kube_version),
        executable=facts.executables.get(KUBE_CONTROLLER_MANAGER),
        image=facts.images.get(KUBE_CONTROLLER_MANAGER),
        args=with_extra_args(flags, spec.extra_args.get(KUBE_CONTROLLER_MANAGER, {})),
        env=_go_env(spec),
        files=(kubeconfig,),
        ports=(Port("https", port, address),),
        depends_on=(KUBE_APISERVER,),
        readiness=Endpoint("https", address, port, "/healthz", str(layout.certificate(CA))),
        metrics=_monitored(layout, address, port, "/metrics"),
        certificates=(CA, FRONT_PROXY_CA, CONTROLLER_MANAGER_SERVER, CONTROLLER_MANAGER_CLIENT, SERVICE_ACCOUNT),
    )


def _kube_scheduler(spec: ClusterSpec, facts: Facts) -> Component:
    layout, address, port = facts.layout, local_address(spec), facts.ports[KUBE_SCHEDULER]
    kubeconfig = kubeconfig_file(
        str(layout.config / "kube-scheduler.kubeconfig"),
        layout,
        inner_server_url(spec, facts),
        SCHEDULER_CLIENT,
        spec.context,
        "system:kube-scheduler",
    )
    wanted = spec.kube_scheduler_config or {}
    connection: dict[str, Any] = {"kubeconfig": kubeconfig.path}
    if spec.disable_qps_limits:
        connection.update({"qps": -1, "burst": 0})
    connection.update(wanted.get("clientConnection") or {})
    document = {
        "apiVersion": wanted.get("apiVersion", "kubescheduler.config.k8s.io/v1"),
        "kind": "KubeSchedulerConfiguration",
        **{key: value for key, value in wanted.items() if key not in ("apiVersion", "kind", "clientConnection", "leaderElection")},
        "clientConnection": connection,
        "leaderElection": {"leaderElect": False, **(wanted.get("leaderElection") or {})},
    }
    config = ConfigFile(str(layout.config / "kube-scheduler.yaml"), as_yaml(document))
    flags: dict[str, str | tuple[str, ...]] = {
        "config": config.path,
        "authentication-kubeconfig": kubeconfig.path,
        "authorization-kubeconfig": kubeconfig.path,
        "bind-address": listen_address(spec),
        "secure-port": str(port),
        "tls-cert-file": str(layout.certificate(SCHEDULER_SERVER)),
        "tls-private-key-file": str(layout.key(SCHEDULER_SERVER)),
        "client-ca-file": str(layout.certificate(CA)),
        "requestheader-client-ca-file": str(layout.certificate(FRONT_PROXY_CA)),
        **_feature_gates(spec, KUBE_SCHEDULER),
    }
    return Component(
        name=KUBE_SCHEDULER,
        version=facts.versions.get(KUBE_SCHEDULER, spec.kube_version),
        executable=facts.executables.get(KUBE_SCHEDULER),
        image=facts.images.get(KUBE_SCHEDULER),
        args=with_extra_args(flags, spec.extra_args.get(KUBE_SCHEDULER, {})),
        env=_go_env(spec),
        files=(kubeconfig, config),
        ports=(Port("https", port, address),),
        depends_on=(KUBE_APISERVER,),
        readiness=Endpoint("https", address, port, "/healthz", str(layout.certificate(CA))),
        metrics=_monitored(layout, address, port, "/metrics"),
        certificates=(CA, FRONT_PROXY_CA, SCHEDULER_SERVER, SCHEDULER_CLIENT),
    )


_RENDERERS = {
    ETCD: _etcd,
    KUBE_APISERVER: _kube_apiserver,
    KUBE_CONTROLLER_MANAGER: _kube_controller_manager,
    KUBE_SCHEDULER: _kube_scheduler,
}


def render(spec: ClusterSpec, facts: Facts) -> tuple[Component, ...]:
    """The control plane's components, each after those that it depends on."""
    return tuple(_RENDERERS[name](spec, facts) for name in spec.components)


def in_start_order(components: tuple[Component, ...]) -> tuple[tuple[Component, ...], ...]:
    """Components in waves: all of a wave can start at once when every earlier wave is ready.

    A dependency on a component that is not among them counts as fulfilled.

    Raises:
        SimError: They depend on each other in a circle.
    """
    names = {component.name for component in components}
    placed: set[str] = set()
    waves: list[tuple[Component, ...]] = []
    while len(placed) < len(names):
        wave = tuple(
            component
            for component in components
            if component.name not in placed and all(name in placed or name not in names for name in component.depends_on)
        )
        if not wave:
            circle = ", ".join(sorted(names - placed))
            raise SimError(f"{circle} depend on each other in a circle", option="depends_on", remedy="Remove one of the dependencies")
        waves.append(wave)
        placed.update(component.name for component in wave)
    return tuple(waves)
