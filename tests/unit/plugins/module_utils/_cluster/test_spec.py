# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What options are taken, what each refusal says, and what a cluster cannot become in place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import (
    CLUSTER_ARGUMENTS,
    CONTROL_PLANE,
    MANAGED_FLAGS,
    PORT_OPTIONS,
    ClusterSpec,
    parse,
    parse_boolean,
    parse_quantity,
    parse_version,
    refuse_in_place,
    version_tuple,
)
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._cluster.helpers import cluster_params, random_specs, spec_of

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"name": "Upper"}, "name", "'Upper' is no DNS label"),
    ({"name": "-a"}, "name", "no DNS label"),
    ({"name": "a-"}, "name", "no DNS label"),
    ({"name": "a.b"}, "name", "no DNS label"),
    ({"name": "a/../b"}, "name", "no DNS label"),
    ({"name": ""}, "name", "no DNS label"),
    ({"name": "a\n"}, "name", "no DNS label"),
    ({"name": "a" * 64}, "name", "no DNS label"),
    ({"kube_version": "latest"}, "kube_version", "'latest' is no version"),
    ({"kube_version": "v1.36"}, "kube_version", "no version"),
    ({"kube_version": "v1.24.17"}, "kube_version", "too old"),
    ({"etcd_version": "3.6.5.1"}, "etcd_version", "no version"),
    ({"disable": ["etcd"]}, "disable", "etcd cannot be disabled"),
    ({"disable": ["kube-scheduler", "kube-apiserver"]}, "disable", "kube-apiserver cannot be disabled"),
    ({"disable": ["kube-proxy"]}, "disable", "unknown component 'kube-proxy'"),
    ({"bind_address": "localhost"}, "bind_address", "'localhost' is no IP address"),
    ({"bind_address": "127.0.0.1/8"}, "bind_address", "no IP address"),
    ({"kube_apiserver_port": 65536}, "kube_apiserver_port", "65536 is no TCP port"),
    ({"etcd_peer_port": -1}, "etcd_peer_port", "-1 is no TCP port"),
    ({"etcd_port": 2379, "kube_scheduler_port": 2379}, "kube_scheduler_port", "also given as etcd_port"),
    ({"kube_apiserver_cert_sans": ["good.example.org", "bad name"]}, "kube_apiserver_cert_sans", "'bad name' is neither"),
    ({"kube_apiserver_cert_sans": [""]}, "kube_apiserver_cert_sans", "'' is neither"),
    ({"kube_apiserver_cert_sans": ["https://sim.example.org"]}, "kube_apiserver_cert_sans", "neither a DNS name nor an IP address"),
    ({"kube_feature_gates": {"A=true,B": True}}, "kube_feature_gates", "no name of a feature gate"),
    ({"kube_feature_gates": {"etcd:AllAlpha": True}}, "kube_feature_gates", "unknown component 'etcd'"),
    ({"kube_feature_gates": {":AllAlpha:": True}}, "kube_feature_gates", "unknown component"),
    ({"kube_feature_gates": {"AllAlpha": "maybe"}}, "kube_feature_gates", "AllAlpha='maybe' is neither true nor false"),
    ({"kube_feature_gates": {"AllAlpha": None}}, "kube_feature_gates", "neither true nor false"),
    ({"kube_runtime_config": {"api/all,x": True}}, "kube_runtime_config", "'api/all,x' names no API"),
    ({"kube_runtime_config": {"api/all": 2}}, "kube_runtime_config", "neither true nor false"),
    ({"extra_args": {"kubelet": {"v": 2}}}, "extra_args", "unknown component 'kubelet'"),
    ({"extra_args": {"etcd": ["--debug"]}}, "extra_args", "etcd is no mapping"),
    ({"extra_args": {"etcd": {"a=b": 1}}}, "extra_args", "'a=b' of etcd is no name of a flag"),
    ({"extra_args": {"etcd": {"-v": 1}}}, "extra_args", "no name of a flag"),
    ({"extra_args": {"kube-apiserver": {"v": {"a": 1}}}}, "extra_args", "is a mapping"),
    ({"kube_scheduler_config": {"kind": "Policy"}}, "kube_scheduler_config", "'Policy'"),
    ({"kube_scheduler_config": {"apiVersion": "v1"}}, "kube_scheduler_config", "'v1'"),
    ({"kube_audit_policy": {"apiVersion": "audit.example.org/v1"}}, "kube_audit_policy", "'audit.example.org/v1'"),
    ({"tracing": {"endpoint": "localhost"}}, "tracing", "endpoint: 'localhost' is no HOST:PORT"),
    ({"tracing": {"endpoint": "http://localhost:4317"}}, "tracing", "no HOST:PORT"),
    ({"tracing": {"endpoint": "localhost:65536"}}, "tracing", "no HOST:PORT"),
    ({"tracing": {"endpoint": "::1:4317"}}, "tracing", "no HOST:PORT"),
    ({"tracing": {"sampling_rate_per_million": -1}}, "tracing", "sampling_rate_per_million: -1 is not from 0 to 1000000"),
    ({"tracing": {"sampling_rate_per_million": 1_000_001}}, "tracing", "sampling_rate_per_million: 1000001"),
    ({"etcd_prefix": "registry"}, "etcd_prefix", "'registry' is no prefix"),
    ({"etcd_prefix": "/registry/"}, "etcd_prefix", "no prefix"),
    ({"etcd_prefix": "/a//b"}, "etcd_prefix", "no prefix"),
    ({"etcd_prefix": "/"}, "etcd_prefix", "no prefix"),
    ({"etcd_quota_backend_size": "8 GB"}, "etcd_quota_backend_size", "'8 GB' is no size"),
    ({"etcd_quota_backend_size": "0"}, "etcd_quota_backend_size", "no size"),
    ({"etcd_quota_backend_size": "-1Gi"}, "etcd_quota_backend_size", "no size"),
    ({"go_gc": 0}, "go_gc", "no target"),
    ({"heartbeat_factor": 0.0}, "heartbeat_factor", "no factor"),
    ({"heartbeat_factor": float("nan")}, "heartbeat_factor", "no factor"),
    ({"node_monitor_factor": float("inf")}, "node_monitor_factor", "no factor"),
    ({"node_monitor_factor": -2.0}, "node_monitor_factor", "no factor"),
    ({"certificate_validity_days": 0}, "certificate_validity_days", "less than a day"),
    ({"kubeconfig_merge": True}, "kubeconfig_merge", "needs a file"),
    ({"kubeconfig_set_current_context": True}, "kubeconfig_set_current_context", "needs a file"),
    ({"executables": {"kubelet": "/opt/kubelet"}}, "executables", "unknown executable 'kubelet'"),
    ({"executables": {"etcd": None}}, "executables", "etcd has no text"),
    ({"artifact_mirrors": {"etcd": ""}}, "artifact_mirrors", "etcd has no text"),
]


@pytest.mark.parametrize(("options", "option", "message"), REFUSED)
def test_refusals_name_the_option_and_the_remedy(options: dict[str, Any], option: str, message: str) -> None:
    with pytest.raises(SimError) as caught:
        spec_of(**options)
    assert caught.value.option == option
    assert message in caught.value.message
    assert caught.value.remedy
    assert str(caught.value).startswith(f"{option}: ")


@pytest.mark.parametrize(("component", "flag"), [(component, flag) for component, flags in MANAGED_FLAGS.items() for flag in flags])
def test_extra_args_cannot_contradict_an_option(component: str, flag: str) -> None:
    for spelling in (flag, f"--{flag}"):
        with pytest.raises(SimError) as caught:
            spec_of(extra_args={component: {spelling: None}})
        setter = MANAGED_FLAGS[component][flag]
        assert setter in CLUSTER_ARGUMENTS
        assert caught.value.option == "extra_args"
        assert caught.value.remedy == f"Use {setter} instead"


def test_defaults_are_the_dataclass_own() -> None:
    assert spec_of() == ClusterSpec()


@pytest.mark.parametrize("name", ["a", "0", "a-b", "a" * 63])
def test_dns_labels_are_names(name: str) -> None:
    assert spec_of(name=name).name == name


def test_options_are_normalised() -> None:
    spec = spec_of(
        kube_version=" 1.30.0 ",
        disable=["kube-scheduler", "kube-controller-manager", "kube-scheduler"],
        bind_address="[2001:DB8:0::1]",
        etcd_port=0,
        kube_apiserver_port=6443,
        kube_apiserver_cert_sans=["b.example.org", "a.example.org", "b.example.org"],
        kube_feature_gates={"B": "yes", "A": 0},
        kube_runtime_config={"batch/v1": False, "api/all": "true"},
        extra_args={"etcd": {"--debug": True, "v": [1, "x"], "gone": None}},
        kube_audit_policy={"rules": []},
    )
    assert spec.kube_version == "v1.30.0"
    assert spec.disable == ("kube-controller-manager", "kube-scheduler")
    assert spec.components == ("etcd", "kube-apiserver")
    assert spec.bind_address == "2001:db8::1"
    assert spec.ports == {"kube-apiserver": 6443}
    assert spec.kube_apiserver_cert_sans == ("a.example.org", "b.example.org")
    assert list(spec.kube_feature_gates.items()) == [("A", False), ("B", True)]
    assert list(spec.kube_runtime_config.items()) == [("api/all", "true"), ("batch/v1", "false")]
    assert spec.extra_args == {"etcd": {"debug": ("true",), "v": ("1", "x"), "gone": None}}
    assert spec.kube_audit_policy == {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": []}


def test_tracing_is_off_until_it_is_asked_for() -> None:
    assert spec_of().tracing is None
    assert spec_of(tracing={}).tracing == {"endpoint": "", "sampling_rate_per_million": 0}
    assert spec_of(tracing={"endpoint": " [::1]:4317 "}).tracing == {"endpoint": "[::1]:4317", "sampling_rate_per_million": 0}


def test_each_port_has_its_option() -> None:
    numbers = {option: 10000 + index for index, option in enumerate(PORT_OPTIONS.values())}
    assert spec_of(**numbers).ports == {name: numbers[option] for name, option in PORT_OPTIONS.items()}


@given(random_specs())
def test_round_trip_through_the_record(spec: ClusterSpec) -> None:
    assert ClusterSpec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec


def test_a_record_of_another_version_can_be_read() -> None:
    plain = spec_of(name="old").as_dict()
    del plain["go_gc"]
    plain["of_the_future"] = True
    assert ClusterSpec.from_dict(plain) == spec_of(name="old")


def test_parse_leaves_its_input_alone_and_can_be_repeated() -> None:
    params = cluster_params(extra_args={"etcd": {"v": [1]}}, kube_audit_policy={"rules": []}, kube_feature_gates={"B": True, "A": False})
    before = json.dumps(params)
    assert parse(params) == parse(params)
    assert json.dumps(params) == before


@given(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), st.sampled_from(["", "-rc.1", "-alpha.0-12"]), st.booleans())
def test_versions(parts: tuple[int, int, int], suffix: str, prefix: bool) -> None:
    text = ".".join(map(str, parts)) + suffix
    version = parse_version("kube_version", f"v{text}" if prefix else text)
    assert version == f"v{text}"
    assert version_tuple(version) == parts


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("1k", 1000),
        ("500M", 500_000_000),
        ("8Gi", 8589934592),
        ("8GiB", 8589934592),
        (" 2Ki ", 2048),
        ("1T", 10**12),
        ("1Ti", 2**40),
    ],
)
def test_quantities(text: str, number: int) -> None:
    assert parse_quantity("etcd_quota_backend_size", text) == number


@pytest.mark.parametrize(
    ("value", "truth"), [(True, True), ("True", True), ("on", True), (1, True), ("1", True), (False, False), ("no", False), (0, False)]
)
def test_booleans(value: object, truth: bool) -> None:
    assert parse_boolean("kube_feature_gates", "A", value) is truth


@pytest.mark.parametrize(
    ("before", "after", "option"),
    [
        ({"kube_version": "v1.36.3"}, {"kube_version": "v1.35.9"}, "kube_version"),
        ({"kube_version": "v1.36.3"}, {"kube_version": "v1.36.0"}, None),
        ({"kube_version": "v1.36.3"}, {"kube_version": "v1.37.0"}, None),
        ({"kube_version": "v1.36.3"}, {"kube_version": "v2.0.0"}, None),
        ({"etcd_version": "v3.6.5"}, {"etcd_version": "v3.5.21"}, "etcd_version"),
        ({"etcd_version": "v3.6.5"}, {"etcd_version": "v3.6.1"}, None),
        ({"etcd_version": "v3.5.21"}, {"etcd_version": "v3.6.5"}, None),
        ({"etcd_prefix": "/registry"}, {"etcd_prefix": "/other"}, "etcd_prefix"),
        ({}, {"kube_authorization": False, "disable": ["kube-scheduler"], "bind_address": "0.0.0.0", "etcd_port": 2379}, None),
        ({}, {}, None),
    ],
)
def test_what_cannot_change_in_place(before: dict[str, Any], after: dict[str, Any], option: str | None) -> None:
    refusal = refuse_in_place(spec_of(**before), spec_of(**after))
    assert (refusal.option if refusal else None) == option
    if refusal and option:
        assert str(before[option]) in refusal.message
        assert str(after[option]) in refusal.message
        assert refusal.remedy
        assert f"Keep {option}: {before[option]}" in refusal.remedy
        assert "recreate: true" in refusal.remedy


def test_the_runtime_cannot_change_in_place() -> None:
    refusal = refuse_in_place(ClusterSpec(runtime="podman"), ClusterSpec(runtime="binary"))
    assert refusal is not None
    assert refusal.option == "runtime"


def test_components_are_in_start_order_whatever_is_disabled() -> None:
    assert spec_of().components == CONTROL_PLANE
    assert spec_of(disable=["kube-controller-manager"]).components == ("etcd", "kube-apiserver", "kube-scheduler")
