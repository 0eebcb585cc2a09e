# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control plane that options make: safe by default, consistent in itself, and changed only where an option concerns it."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kwok.sim.plugins.module_utils._cluster.certificate import CertificateSpec
from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import Component, Executable
from ansible_collections.kwok.sim.plugins.module_utils._cluster.components import (
    Facts,
    certificates,
    in_start_order,
    local_address,
    render,
    server_url,
    with_extra_args,
)
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import CONTROL_PLANE, ClusterSpec
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._cluster.helpers import PORTS, facts_of, flags_of, random_specs, spec_of

ETCD, APISERVER, MANAGER, SCHEDULER = CONTROL_PLANE


def rendered(spec: ClusterSpec) -> dict[str, Component]:
    return {item.name: item for item in render(spec, facts_of(spec))}


def flags(spec: ClusterSpec, component: str) -> dict[str, str]:
    return flags_of(rendered(spec)[component])


def file_of(component: Component, name: str) -> Any:
    """The document in one of a component's files."""
    return json.loads(next(file.content for file in component.files if Path(file.path).name == name))


def fingerprints(spec: ClusterSpec) -> dict[str, str]:
    """For each certificate one that changes whenever what is in it, or who signs it, does."""
    specs = {item.name: item for item in certificates(spec)}

    def fingerprint(item: CertificateSpec) -> str:
        signer = specs[item.authority] if item.authority else item
        return hashlib.sha256(f"{item}{signer}".encode()).hexdigest()

    return {name: fingerprint(item) for name, item in specs.items()}


def digests(spec: ClusterSpec, facts: Facts | None = None) -> dict[str, str]:
    return {item.name: item.digest(fingerprints(spec)) for item in render(spec, facts or facts_of(spec))}


# What every cluster must be, whatever its options.


@given(random_specs())
def test_every_certificate_that_is_read_is_issued_and_restarts_its_reader(spec: ClusterSpec) -> None:
    layout = facts_of(spec).layout
    issued = {item.name for item in certificates(spec)}
    for component in render(spec, facts_of(spec)):
        read = [Path(text.partition("=")[2]) for text in component.args]
        for file in component.files:
            read += [Path(text) for text in _texts(json.loads(file.content))]
        in_pki = {path.stem for path in read if path.parent == layout.pki}
        assert in_pki == set(component.certificates), component.name
        assert set(component.certificates) <= issued
        assert {path.suffix for path in read if path.parent == layout.pki} <= {".crt", ".key", ".pub"}
        assert len(component.certificates) == len(set(component.certificates))


@given(random_specs())
def test_every_path_is_the_clusters_own(spec: ClusterSpec) -> None:
    """Two clusters on a host share no file, and a file that a component is told to read is one that is written for it."""
    layout = facts_of(spec).layout
    for component in render(spec, facts_of(spec)):
        written = {file.path for file in component.files}
        assert all(Path(path).parent == layout.config for path in written)
        for name, value in flags_of_repeated(component):
            if value.startswith("/") and name != "etcd-prefix":
                assert layout.root in Path(value).parents, f"{component.name} --{name}={value}"
            if Path(value).parent == layout.config:
                assert value in written, f"{component.name} --{name}={value}"


def flags_of_repeated(component: Component) -> list[tuple[str, str]]:
    return [(name, value) for name, _equals, value in (text.removeprefix("--").partition("=") for text in component.args)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


@given(random_specs())
def test_each_key_stands_beside_its_certificate(spec: ClusterSpec) -> None:
    """A server that is given the certificate of one and the key of another does not start."""
    pairs = [
        ("cert-file", "key-file"),
        ("peer-cert-file", "peer-key-file"),
        ("tls-cert-file", "tls-private-key-file"),
        ("etcd-certfile", "etcd-keyfile"),
        ("kubelet-client-certificate", "kubelet-client-key"),
        ("proxy-client-cert-file", "proxy-client-key-file"),
        ("service-account-key-file", "service-account-signing-key-file"),
        ("cluster-signing-cert-file", "cluster-signing-key-file"),
    ]
    seen = 0
    for component in render(spec, facts_of(spec)):
        given_flags = dict(flags_of_repeated(component))
        for certificate, key in pairs:
            if certificate in given_flags:
                seen += 1
                assert Path(given_flags[certificate]).with_suffix(".key") == Path(given_flags[key])
    assert seen >= 5


@given(random_specs())
def test_certificates_are_signed_by_authorities_that_come_first(spec: ClusterSpec) -> None:
    authorities: set[str] = set()
    names: list[str] = []
    for item in certificates(spec):
        names.append(item.name)
        if item.kind == "authority":
            authorities.add(item.name)
        elif item.kind == "leaf":
            assert item.authority in authorities
            assert item.usages
        assert len(item.common_name.encode()) <= 64
        for address in item.addresses:
            ipaddress.ip_address(address)
    assert len(names) == len(set(names))
    subjects = [item.common_name for item in certificates(spec) if item.kind == "authority"]
    assert len(set(subjects)) == len(subjects)


@given(random_specs())
def test_rendering_is_a_function_of_its_input(spec: ClusterSpec) -> None:
    assert render(spec, facts_of(spec)) == render(spec, facts_of(spec))
    again = ClusterSpec.from_dict(json.loads(json.dumps(spec.as_dict(), sort_keys=True)))
    assert [item.args for item in render(again, facts_of(again))] == [item.args for item in render(spec, facts_of(spec))]


@given(random_specs())
def test_components_start_after_what_they_depend_on(spec: ClusterSpec) -> None:
    names = [item.name for item in render(spec, facts_of(spec))]
    assert names == list(spec.components)
    assert [[item.name for item in wave] for wave in in_start_order(render(spec, facts_of(spec)))] == [
        wave for wave in ([ETCD], [APISERVER], [name for name in (MANAGER, SCHEDULER) if name in names]) if wave
    ]


@given(random_specs())
def test_nothing_but_the_apiserver_listens_on_a_wildcard(spec: ClusterSpec) -> None:
    for component in render(spec, facts_of(spec)):
        for port in component.ports:
            if component.name != APISERVER:
                assert not ipaddress.ip_address(port.host).is_unspecified
        for endpoint in (component.readiness, component.metrics):
            assert endpoint is not None
            assert not ipaddress.ip_address(endpoint.host).is_unspecified
            assert endpoint.port in {port.number for port in component.ports}


@given(random_specs())
def test_servers_are_reached_by_names_in_their_certificates(spec: ClusterSpec) -> None:
    """What a client of the cluster on this host dials stands in the certificate that it is then shown."""
    wanted = {item.name: item for item in certificates(spec)}
    for name, component in rendered(spec).items():
        serving = "etcd-server" if name == ETCD else name
        for port in component.ports:
            host = local_address(spec) if ipaddress.ip_address(port.host).is_unspecified else port.host
            assert host in wanted[serving].addresses
    assert "server" in wanted[APISERVER].usages
    assert {"localhost", "kubernetes.default.svc"} <= set(wanted[APISERVER].names)
    for san in spec.kube_apiserver_cert_sans:
        assert san in (*wanted[APISERVER].names, *wanted[APISERVER].addresses)


# What a cluster is by default.


def test_nothing_is_beyond_loopback_by_default() -> None:
    for component in rendered(spec_of()).values():
        assert component.ports
        for port in component.ports:
            assert ipaddress.ip_address(port.host).is_loopback
        for name, value in flags_of(component).items():
            assert "0.0.0.0" not in value, name
            if name.endswith("-urls"):
                assert "://127.0.0.1:" in value, name


def test_aggregated_apiservers_may_listen_on_loopback() -> None:
    """Endpoints may not be on loopback, and with routing to them a Service of the type ExternalName is refused."""
    assert flags(spec_of(), APISERVER)["enable-aggregator-routing"] == "false"


def test_etcd_talks_to_holders_of_its_own_authoritys_certificates_alone() -> None:
    etcd = flags(spec_of(), ETCD)
    for name in ("listen-client-urls", "advertise-client-urls", "listen-peer-urls", "initial-advertise-peer-urls"):
        assert etcd[name].startswith("https://"), name
    assert etcd["client-cert-auth"] == etcd["peer-client-cert-auth"] == "true"
    assert etcd["trusted-ca-file"] == etcd["peer-trusted-ca-file"]
    assert etcd["trusted-ca-file"].endswith("/etcd-ca.crt")
    signed_for_etcd = {item.name for item in certificates(spec_of()) if item.authority == "etcd-ca" and item.kind == "leaf"}
    assert signed_for_etcd == {"etcd-server", "etcd-peer", "etcd-client", "kube-apiserver-etcd-client"}


def test_what_etcd_tells_without_tls_is_on_loopback_always() -> None:
    for address in ("0.0.0.0", "192.0.2.10", "::"):
        etcd = rendered(spec_of(bind_address=address))[ETCD]
        plain = [value for value in flags_of(etcd).values() if "http://" in value]
        assert len(plain) == 1
        assert plain[0].startswith("http://127.0.0.1:")


def test_strangers_are_refused_by_default() -> None:
    apiserver = flags(spec_of(), APISERVER)
    assert apiserver["anonymous-auth"] == "false"
    assert apiserver["authorization-mode"] == "Node,RBAC"
    assert "NodeRestriction" in apiserver["enable-admission-plugins"]
    assert apiserver["etcd-servers"].startswith("https://")
    # An end user's certificate must not pass for the front proxy's, which may act as anybody.
    assert apiserver["requestheader-client-ca-file"] != apiserver["client-ca-file"]
    front_proxies = [item.common_name for item in certificates(spec_of()) if item.authority == "front-proxy-ca" and item.kind == "leaf"]
    assert front_proxies == [apiserver["requestheader-allowed-names"]]
    assert flags(spec_of(), MANAGER)["use-service-account-credentials"] == "true"


def test_only_the_administrator_is_a_master() -> None:
    masters = [item.name for item in certificates(spec_of()) if "system:masters" in item.organizations]
    assert masters == ["admin"]


def test_clients_cannot_serve_and_servers_of_kubernetes_are_no_clients() -> None:
    for item in certificates(spec_of()):
        if item.kind == "leaf" and item.authority == "ca":
            assert len(item.usages) == 1, item.name
        if item.usages == ("client",):
            assert not item.names + item.addresses, item.name


def test_components_are_who_they_say_they_are() -> None:
    spec = spec_of()
    wanted = {item.name: item for item in certificates(spec)}
    for name in (MANAGER, SCHEDULER):
        document = file_of(rendered(spec)[name], f"{name}.kubeconfig")
        user = document["users"][0]["user"]
        client = Path(user["client-certificate"]).stem
        assert wanted[client].common_name == f"system:{name}"
        assert wanted[client].authority == "ca"
        assert Path(user["client-key"]).stem == client
        assert document["clusters"][0]["cluster"]["server"] == server_url(spec, facts_of(spec))
        assert "insecure-skip-tls-verify" not in json.dumps(document)


# Options.


def test_ipv6() -> None:
    spec = spec_of(bind_address="::1")
    etcd, apiserver = flags(spec, ETCD), flags(spec, APISERVER)
    assert etcd["listen-client-urls"].startswith("https://[::1]:")
    assert etcd["initial-cluster"].endswith(etcd["initial-advertise-peer-urls"])
    assert apiserver["bind-address"] == "::1"
    assert apiserver["etcd-servers"] == etcd["advertise-client-urls"]
    assert server_url(spec, facts_of(spec)).startswith("https://[::1]:")
    readiness = rendered(spec)[APISERVER].readiness
    assert readiness is not None
    assert readiness.url.startswith("https://[::1]:")


@pytest.mark.parametrize(("wildcard", "local"), [("0.0.0.0", "127.0.0.1"), ("::", "::1")])
def test_wildcard(wildcard: str, local: str) -> None:
    """The apiserver is open to others; what only the cluster itself uses is not."""
    spec = spec_of(bind_address=wildcard)
    apiserver = rendered(spec)[APISERVER]
    assert flags_of(apiserver)["bind-address"] == wildcard
    assert [port.host for port in apiserver.ports] == [wildcard]
    assert flags_of(apiserver)["advertise-address"] == local
    assert apiserver.readiness is not None
    assert apiserver.readiness.host == local
    for name in (MANAGER, SCHEDULER):
        assert flags(spec, name)["bind-address"] == local
    assert urlsplit(flags(spec, ETCD)["listen-client-urls"]).hostname == local
    assert wildcard not in {address for item in certificates(spec) for address in item.addresses}


def test_disabled_components_leave_nothing_behind() -> None:
    for name in (MANAGER, SCHEDULER):
        spec = spec_of(disable=[name])
        assert name not in rendered(spec)
        assert not [item.name for item in certificates(spec) if item.name.startswith(name)]


def test_authorization_and_admission_can_be_off() -> None:
    free = flags(spec_of(kube_authorization=False), APISERVER)
    assert free["authorization-mode"] == "AlwaysAllow"
    assert "enable-admission-plugins" not in free
    assert free["anonymous-auth"] == "false"
    assert "use-service-account-credentials" not in flags(spec_of(kube_authorization=False), MANAGER)
    assert "enable-admission-plugins" not in flags(spec_of(kube_admission=False), APISERVER)
    assert flags(spec_of(kube_admission=False), APISERVER)["authorization-mode"] == "Node,RBAC"


def test_without_priority_and_fairness_no_limit_remains() -> None:
    apiserver = flags(spec_of(priority_and_fairness=False), APISERVER)
    assert apiserver["enable-priority-and-fairness"] == "false"
    assert apiserver["max-requests-inflight"] == apiserver["max-mutating-requests-inflight"] == "0"
    assert not {"enable-priority-and-fairness", "max-requests-inflight"} & set(flags(spec_of(), APISERVER))


def test_qps_limits() -> None:
    assert flags(spec_of(), MANAGER)["kube-api-qps"] == "-1"
    scheduler = rendered(spec_of())[SCHEDULER]
    assert file_of(scheduler, "kube-scheduler.yaml")["clientConnection"]["qps"] == -1
    limited = spec_of(disable_qps_limits=False)
    assert "kube-api-qps" not in flags(limited, MANAGER)
    assert "qps" not in file_of(rendered(limited)[SCHEDULER], "kube-scheduler.yaml")["clientConnection"]


def test_the_users_scheduler_configuration_wins_where_it_may() -> None:
    wanted = {
        "profiles": [{"schedulerName": "mine"}],
        "clientConnection": {"qps": 7, "contentType": "application/json"},
        "leaderElection": {"resourceName": "x"},
    }
    document = file_of(rendered(spec_of(kube_scheduler_config=wanted))[SCHEDULER], "kube-scheduler.yaml")
    assert document["kind"] == "KubeSchedulerConfiguration"
    assert document["apiVersion"] == "kubescheduler.config.k8s.io/v1"
    assert document["profiles"] == wanted["profiles"]
    assert document["clientConnection"]["qps"] == 7
    assert document["clientConnection"]["kubeconfig"].endswith("/kube-scheduler.kubeconfig")
    assert document["leaderElection"] == {"leaderElect": False, "resourceName": "x"}


def test_audit_policy() -> None:
    apiserver = rendered(spec_of(kube_audit_policy={"rules": [{"level": "None"}]}))[APISERVER]
    policy = flags_of(apiserver)["audit-policy-file"]
    assert file_of(apiserver, Path(policy).name) == {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "None"}]}
    assert "audit-log-path" in flags_of(apiserver)
    assert not [name for name in flags(spec_of(), APISERVER) if name.startswith("audit")]


TRACED: dict[str, Any] = {"tracing": {"endpoint": "traces.example.org:4317", "sampling_rate_per_million": 50}}


@pytest.mark.parametrize(
    ("version", "api_version"),
    [("v1.36.3", "v1"), ("v1.34.0", "v1"), ("v1.33.4", "v1beta1"), ("v1.27.0", "v1beta1"), ("v1.26.1", "v1alpha1")],
)
def test_the_apiserver_is_told_where_its_traces_go(version: str, api_version: str) -> None:
    apiserver = rendered(spec_of(kube_version=version, **TRACED))[APISERVER]
    assert file_of(apiserver, Path(flags_of(apiserver)["tracing-config-file"]).name) == {
        "apiVersion": f"apiserver.config.k8s.io/{api_version}",
        "kind": "TracingConfiguration",
        "endpoint": "traces.example.org:4317",
        "samplingRatePerMillion": 50,
    }


@pytest.mark.parametrize(("version", "gates"), [("v1.26.1", "APIServerTracing=true,B=true"), ("v1.27.0", "B=true")])
def test_an_apiserver_that_traces_behind_a_gate_gets_it_opened(version: str, gates: str) -> None:
    assert flags(spec_of(kube_version=version, kube_feature_gates={"B": True}, **TRACED), APISERVER)["feature-gates"] == gates


def test_a_gate_that_the_user_closed_stays_closed() -> None:
    spec = spec_of(kube_version="v1.26.1", kube_feature_gates={"APIServerTracing": False}, **TRACED)
    assert flags(spec, APISERVER)["feature-gates"] == "APIServerTracing=false"


@pytest.mark.parametrize(
    ("version", "prefix"), [("v3.6.5", ""), ("v3.6.0", ""), ("v3.5.21", "experimental-"), ("v3.5.11", "experimental-")]
)
def test_etcd_is_told_where_its_traces_go(version: str, prefix: str) -> None:
    told = {name: value for name, value in flags(spec_of(etcd_version=version, **TRACED), ETCD).items() if "tracing" in name}
    assert told == {
        f"{prefix}enable-distributed-tracing": "true",
        f"{prefix}distributed-tracing-address": "traces.example.org:4317",
        f"{prefix}distributed-tracing-service-name": "etcd",
        f"{prefix}distributed-tracing-instance-id": "kwok",
        f"{prefix}distributed-tracing-sampling-rate": "50",
    }


def test_an_etcd_that_cannot_be_told_how_much_takes_no_part() -> None:
    assert not [name for name in flags(spec_of(etcd_version="v3.5.10", **TRACED), ETCD) if "tracing" in name]


def test_without_an_endpoint_traces_go_to_the_port_that_is_kept_for_them() -> None:
    spec = spec_of(tracing={})
    assert flags(spec, ETCD)["distributed-tracing-address"] == f"127.0.0.1:{PORTS['tracing']}"
    assert file_of(rendered(spec)[APISERVER], "tracing.yaml")["endpoint"] == f"127.0.0.1:{PORTS['tracing']}"


def test_factors_scale_what_kubernetes_does_by_itself() -> None:
    manager = flags(spec_of(heartbeat_factor=2, node_monitor_factor=1.5), MANAGER)
    assert manager["node-monitor-grace-period"] == "100s"
    assert manager["node-monitor-period"] == "7.5s"
    assert not [name for name in flags(spec_of(), MANAGER) if name.startswith("node-monitor")]


@pytest.mark.parametrize(("version", "path"), [("v3.5.10", "/health"), ("v3.5.11", "/readyz"), ("v3.6.5", "/readyz")])
def test_readiness_of_etcd(version: str, path: str) -> None:
    readiness = rendered(spec_of(etcd_version=version))[ETCD].readiness
    assert readiness is not None
    assert readiness.path == path


def test_a_components_own_feature_gate_overrides_that_of_all() -> None:
    spec = spec_of(kube_feature_gates={"kube-scheduler:A": False, "A": True, "B": True})
    assert flags(spec, APISERVER)["feature-gates"] == "A=true,B=true"
    assert flags(spec, SCHEDULER)["feature-gates"] == "A=false,B=true"


def test_feature_gates_in_another_order_are_the_same() -> None:
    one = spec_of(kube_feature_gates={"B": True, "A": False}, kube_runtime_config={"b/v1": True, "a/v1": False})
    other = spec_of(kube_feature_gates={"A": False, "B": True}, kube_runtime_config={"a/v1": False, "b/v1": True})
    assert digests(one) == digests(other)
    assert flags(one, APISERVER)["feature-gates"] == "A=false,B=true"


def test_extra_args_add_replace_repeat_and_remove() -> None:
    extra = {APISERVER: {"v": 2, "service-cluster-ip-range": "10.0.0.0/16", "anonymous-auth": None, "tls-sni-cert-key": ["a", "b"]}}
    component = rendered(spec_of(extra_args=extra))[APISERVER]
    given_flags = flags_of_repeated(component)
    assert ("v", "2") in given_flags
    assert [value for name, value in given_flags if name == "service-cluster-ip-range"] == ["10.0.0.0/16"]
    assert "anonymous-auth" not in dict(given_flags)
    assert [value for name, value in given_flags if name == "tls-sni-cert-key"] == ["a", "b"]


def test_extra_args_keep_the_order_of_the_rest() -> None:
    base: dict[str, str | tuple[str, ...]] = {"a": "1", "b": ("2", "3"), "c": "4"}
    assert with_extra_args(base, {}) == ("--a=1", "--b=2", "--b=3", "--c=4")
    assert with_extra_args(base, {"b": None}) == ("--a=1", "--c=4")
    assert with_extra_args(base, {"b": ()}) == ("--a=1", "--c=4")
    assert with_extra_args(base, {"b": ("x",), "d": ("",), "unknown": None}) == ("--a=1", "--b=x", "--c=4", "--d=")


KUBERNETES = {APISERVER, MANAGER, SCHEDULER}
ALL = {ETCD, *KUBERNETES}


@pytest.mark.parametrize(
    ("options", "concerned"),
    [
        ({"kube_feature_gates": {"AllAlpha": True}}, KUBERNETES),
        ({"kube_feature_gates": {"kube-apiserver:AllAlpha": True}}, {APISERVER}),
        ({"kube_runtime_config": {"api/all": True}}, {APISERVER}),
        ({"extra_args": {ETCD: {"log-level": "debug"}}}, {ETCD}),
        ({"extra_args": {SCHEDULER: {"v": 4}}}, {SCHEDULER}),
        ({"kube_scheduler_config": {"percentageOfNodesToScore": 10}}, {SCHEDULER}),
        ({"kube_audit_policy": {"rules": []}}, {APISERVER}),
        ({"tracing": {}}, {ETCD, APISERVER}),
        ({"kube_authorization": False}, {APISERVER, MANAGER}),
        ({"kube_admission": False}, {APISERVER}),
        ({"etcd_quota_backend_size": "1Gi"}, {ETCD}),
        ({"etcd_fsync": True}, {ETCD}),
        ({"disable_qps_limits": False}, {MANAGER, SCHEDULER}),
        ({"priority_and_fairness": False}, {APISERVER}),
        ({"go_gc": 400}, ALL),
        ({"heartbeat_factor": 2.0}, {MANAGER}),
        ({"node_monitor_factor": 2.0}, {MANAGER}),
        ({"kube_apiserver_cert_sans": ["sim.example.org"]}, {APISERVER}),
        ({"etcd_port": 2379}, {ETCD, APISERVER}),
        ({"etcd_peer_port": 2380}, {ETCD}),
        ({"etcd_metrics_port": 2381}, {ETCD}),
        ({"kube_apiserver_port": 6443}, KUBERNETES),
        ({"kube_scheduler_port": 10259}, {SCHEDULER}),
        ({"kube_controller_manager_port": 10257}, {MANAGER}),
        ({"bind_address": "192.0.2.10"}, ALL),
        ({"bind_address": "0.0.0.0"}, {APISERVER}),
        ({"disable": [SCHEDULER]}, {SCHEDULER}),
        ({"kubeconfig": "/home/me/.kube/config", "kubeconfig_merge": True}, set()),
        ({"artifact_sources": ["cache"], "artifact_mirrors": {"etcd": "https://mirror.example.org"}}, set()),
        ({"kubeconfig": "/home/me/other", "kubeconfig_set_current_context": True}, set()),
    ],
)
def test_an_option_restarts_what_it_concerns_and_nothing_else(options: dict[str, Any], concerned: set[str]) -> None:
    before, after = digests(spec_of()), digests(spec_of(**options))
    assert {name for name in {**before, **after} if before.get(name) != after.get(name)} == concerned


@pytest.mark.parametrize("name", CONTROL_PLANE)
def test_another_program_restarts_its_component_alone(name: str) -> None:
    spec, facts = spec_of(), facts_of(spec_of())
    rebuilt = Facts(facts.layout, facts.ports, {**facts.executables, name: Executable(f"/opt/bin/{name}", "1:3")}, facts.versions)
    before, after = digests(spec), digests(spec, rebuilt)
    assert {item for item in before if before[item] != after[item]} == {name}


# Order.


def components_of(edges: dict[str, list[str]]) -> tuple[Component, ...]:
    return tuple(Component(name, depends_on=tuple(needs)) for name, needs in edges.items())


def test_waves() -> None:
    waves = in_start_order(components_of({"c": ["b", "a"], "a": [], "b": ["a"], "d": ["elsewhere"], "e": ["b"]}))
    assert [[item.name for item in wave] for wave in waves] == [["a", "d"], ["b"], ["c", "e"]]
    assert in_start_order(()) == ()


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefx"), max_size=3), max_size=6))
def test_every_component_is_in_one_wave_after_its_needs_or_there_is_a_circle(edges: dict[str, list[str]]) -> None:
    try:
        waves = in_start_order(components_of(edges))
    except SimError as error:
        assert error.option == "depends_on"
        circular = error.message.partition(" depend on")[0].split(", ")
        assert all(any(need in circular for need in edges[name]) for name in circular)
        return
    place = {item.name: index for index, wave in enumerate(waves) for item in wave}
    assert sorted(place) == sorted(edges)
    assert sum(map(len, waves)) == len(edges)
    assert all(place[need] < place[name] for name, needs in edges.items() for need in needs if need in edges)
    # No later than it must: what a wave waits for is in the wave before.
    for early, late in pairwise(waves):
        names = {item.name for item in early}
        assert all(names & set(item.depends_on) for item in late)


def test_a_circle_is_refused() -> None:
    with pytest.raises(SimError) as caught:
        in_start_order(components_of({"ok": [], "a": ["b"], "b": ["a"]}))
    assert caught.value.option == "depends_on"
    assert "a, b depend on each other" in caught.value.message
    assert caught.value.remedy


# In containers.


def test_in_containers_all_is_reached_by_name_from_inside_and_on_the_address_from_outside() -> None:
    spec = spec_of(runtime="docker", bind_address="192.0.2.10")
    ports = facts_of(spec).ports
    etcd, apiserver, manager = flags(spec, ETCD), flags(spec, APISERVER), flags(spec, MANAGER)
    assert etcd["listen-client-urls"] == f"https://0.0.0.0:{ports[ETCD]}"
    assert etcd["advertise-client-urls"] == apiserver["etcd-servers"] == f"https://etcd:{ports[ETCD]}"
    assert etcd["listen-metrics-urls"] == f"http://0.0.0.0:{ports['etcd-metrics']}"
    assert apiserver["bind-address"] == manager["bind-address"] == "0.0.0.0"
    kubeconfig = file_of(rendered(spec)[MANAGER], "kube-controller-manager.kubeconfig")
    assert kubeconfig["clusters"][0]["cluster"]["server"] == f"https://kube-apiserver:{ports[APISERVER]}"
    assert server_url(spec, facts_of(spec)) == f"https://192.0.2.10:{ports[APISERVER]}"
    # What is published, and where it is asked whether it is ready.
    assert {port.host for port in rendered(spec)[ETCD].ports} == {"192.0.2.10", "127.0.0.1"}
    assert all(item.readiness is not None and item.readiness.host in ("192.0.2.10", "127.0.0.1") for item in rendered(spec).values())


def test_in_containers_certificates_carry_the_names_beside_the_addresses() -> None:
    inside, outside = ({item.name: item for item in certificates(spec_of(runtime=name))} for name in ("podman", "binary"))
    for name, component in (("etcd-server", ETCD), ("kube-apiserver", APISERVER), ("kube-scheduler", SCHEDULER)):
        assert set(inside[name].names) == {*outside[name].names, component}
        assert inside[name].addresses == outside[name].addresses
    assert inside["admin"] == outside["admin"]


def test_where_components_write() -> None:
    layout = facts_of(spec_of()).layout
    assert {name: item.writes for name, item in rendered(spec_of(kube_audit_policy={})).items() if item.writes} == {
        ETCD: (str(layout.etcd_data),),
        APISERVER: (str(layout.logs),),
    }
    assert "writes" not in rendered(spec_of())[ETCD].as_dict()
