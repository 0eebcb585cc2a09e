# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options as the modules hand them on, the facts to render them with, and random ones for Hypothesis."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import Component, Executable
from ansible_collections.kwok.sim.plugins.module_utils._cluster.components import Facts
from ansible_collections.kwok.sim.plugins.module_utils._cluster.joined import COMPONENT_ARGUMENTS
from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import (
    CLUSTER_ARGUMENTS,
    CONTROL_PLANE,
    EXECUTABLES,
    OPTIONAL_COMPONENTS,
    PORT_OPTIONS,
    TRACING_PORT,
    ClusterSpec,
    parse,
)

BASE_DIR = Path("/srv/kwok-sim")
PORTS = {name: 30000 + index for index, name in enumerate((*PORT_OPTIONS, TRACING_PORT))}


def defaults_of(arguments: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The parameters of a module whose user gives none, as AnsibleModule fills them in."""
    return {name: copy.deepcopy(argument.get("default")) for name, argument in arguments.items()}


def cluster_params(**given: Any) -> dict[str, Any]:
    """Parameters of ``kwok_cluster``."""
    unknown = set(given) - set(CLUSTER_ARGUMENTS)
    assert not unknown, unknown
    filled = {**defaults_of(CLUSTER_ARGUMENTS), **given}
    if filled["tracing"] is not None:
        filled["tracing"] = {**defaults_of(CLUSTER_ARGUMENTS["tracing"]["options"]), **filled["tracing"]}
    return filled


def spec_of(**given: Any) -> ClusterSpec:
    """The spec that these options make."""
    return parse(cluster_params(**given))


def component_params(**given: Any) -> dict[str, Any]:
    """Parameters of ``kwok_component``; those of suboptions are filled in as well."""
    unknown = set(given) - set(COMPONENT_ARGUMENTS)
    assert not unknown, unknown
    filled = {"name": "web", "executable": "/opt/web", **given}
    for name, value in given.items():
        options = COMPONENT_ARGUMENTS[name].get("options")
        if options and isinstance(value, list):
            filled[name] = [{**defaults_of(options), **item} for item in value]
        elif options and value is not None:
            filled[name] = {**defaults_of(options), **value}
    if filled.get("identity"):
        rule = COMPONENT_ARGUMENTS["identity"]["options"]["rules"]["options"]
        filled["identity"]["rules"] = [{**defaults_of(rule), **item} for item in filled["identity"]["rules"]]
    return {**defaults_of(COMPONENT_ARGUMENTS), **filled}


def facts_of(spec: ClusterSpec, **more_ports: int) -> Facts:
    """Facts of a host that has every program; ``more_ports``: of joined components, ``web__http`` for ``web/http``."""
    ports = {**PORTS, **spec.ports, **{name.replace("__", "/"): number for name, number in more_ports.items()}}
    programs = {name: Executable(f"/opt/bin/{name}", "1:2") for name in (*CONTROL_PLANE, "web")}
    return Facts(Layout(BASE_DIR, spec.name), ports, programs, {})


def flags_of(component: Component) -> dict[str, str]:
    """Flag to value; every flag stands there once."""
    pairs = [argument.removeprefix("--").partition("=") for argument in component.args]
    flags = {name: value for name, _equals, value in pairs}
    assert len(flags) == len(pairs)
    return flags


_names = st.from_regex(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
_extra_flags = st.dictionaries(
    st.sampled_from(["v", "profiling", "vmodule", "logging-format", "tls-min-version"]),
    st.none() | st.booleans() | st.integers(0, 9) | st.lists(st.sampled_from(["a", "b=c", "d,e"]), max_size=3),
    max_size=3,
)


def random_params() -> st.SearchStrategy[dict[str, Any]]:
    """Parameters of ``kwok_cluster`` that ``parse`` takes."""
    return st.fixed_dictionaries(
        {},
        optional={
            "name": _names,
            "runtime": st.sampled_from(["binary", "docker", "podman"]),
            "kube_version": st.sampled_from(["v1.36.3", "1.30.0", "v1.37.0-alpha.1"]),
            "etcd_version": st.sampled_from(["v3.6.5", "3.5.9", "v3.5.11"]),
            "disable": st.lists(st.sampled_from(OPTIONAL_COMPONENTS), unique=True),
            "bind_address": st.sampled_from(["127.0.0.1", "::1", "0.0.0.0", "::", "192.0.2.10", "2001:db8::10"]),
            "kube_apiserver_port": st.sampled_from([0, 6443]),
            "kube_apiserver_cert_sans": st.lists(
                st.sampled_from(["sim.example.org", "192.0.2.10", "*.example.org", "2001:db8::10", "localhost"])
            ),
            "kube_feature_gates": st.dictionaries(st.from_regex(r"[A-Z][A-Za-z0-9]{0,8}", fullmatch=True), st.booleans(), max_size=3),
            "kube_runtime_config": st.dictionaries(st.sampled_from(["api/all", "batch/v1", "apps/v1/deployments"]), st.booleans()),
            "extra_args": st.dictionaries(st.sampled_from(CONTROL_PLANE), _extra_flags),
            "kube_scheduler_config": st.none() | st.just({"percentageOfNodesToScore": 50, "clientConnection": {"qps": 5}}),
            "kube_audit_policy": st.none() | st.just({"rules": [{"level": "Metadata"}]}),
            "tracing": st.none() | st.just({"endpoint": "", "sampling_rate_per_million": 10}),
            "kube_authorization": st.booleans(),
            "kube_admission": st.booleans(),
            "etcd_prefix": st.sampled_from(["/registry", "/a/b"]),
            "etcd_quota_backend_size": st.sampled_from(["8Gi", "500M", "1073741824"]),
            "etcd_fsync": st.booleans(),
            "disable_qps_limits": st.booleans(),
            "priority_and_fairness": st.booleans(),
            "go_gc": st.integers(1, 800),
            "heartbeat_factor": st.floats(0.1, 100),
            "node_monitor_factor": st.floats(0.1, 100),
            "certificate_validity_days": st.integers(1, 3650),
            "kubeconfig": st.none() | st.just("/home/me/.kube/config"),
            "executables": st.dictionaries(st.sampled_from(EXECUTABLES), st.just("/opt/program")),
            "artifact_mirrors": st.dictionaries(st.sampled_from(EXECUTABLES), st.just("https://mirror.example.org/")),
            "artifact_sources": st.lists(st.sampled_from(["path", "cache", "download", "build"]), unique=True),
        },
    ).map(lambda given: cluster_params(**given))


def random_specs() -> st.SearchStrategy[ClusterSpec]:
    """Specs that these make."""
    return random_params().map(parse)
