# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster as the modules return it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import Component, ConfigFile, ObservedComponent
from ansible_collections.kwok.sim.plugins.module_utils._cluster.components import render
from ansible_collections.kwok.sim.plugins.module_utils._cluster.description import describe
from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout
from ansible_collections.kwok.sim.plugins.module_utils._cluster.plan import as_json
from ansible_collections.kwok.sim.plugins.module_utils._cluster.record import Record
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._cluster.helpers import facts_of, spec_of

SEEN = {
    "etcd": ObservedComponent("etcd", "running", pid=7),
    "kube-apiserver": ObservedComponent("kube-apiserver", "failed", message="exited"),
    "stranger": ObservedComponent("stranger", "running", pid=8),
}


class Seeing:
    """A runtime of which only what it sees is asked."""

    def observe(self) -> Mapping[str, ObservedComponent]:
        return SEEN

    def log_path(self, name: str) -> str:
        return f"/logs/{name}.log"


def described(**options: Any) -> dict[str, Any]:
    spec = spec_of(**options)
    facts = facts_of(spec)
    secret = Component("web", files=(ConfigFile("/c/token", "s3cret", sensitive=True),), owner="component")
    components = {item.name: as_json(item.as_dict()) for item in (*render(spec, facts), secret)}
    record = Record(spec.name, state="started", spec=as_json(spec.as_dict()), ports=dict(facts.ports), components=components)
    runtime: Any = Seeing()
    return describe(Layout(Path("/srv/kwok-sim"), spec.name), record, runtime)


@pytest.mark.parametrize(
    ("address", "server"),
    [("127.0.0.1", "https://127.0.0.1:30003"), ("::1", "https://[::1]:30003"), ("0.0.0.0", "https://127.0.0.1:30003")],
)
def test_the_server_can_be_dialled_here(address: str, server: str) -> None:
    assert described(bind_address=address)["server"] == server


def test_the_cluster() -> None:
    cluster = described()
    assert cluster["kubeconfig"] == "/srv/kwok-sim/clusters/kwok/kubeconfig.yaml"
    assert cluster["ca_file"] == "/srv/kwok-sim/clusters/kwok/pki/ca.crt"
    assert cluster["context"] == "kwok-sim-kwok"
    assert cluster["state"] == "started"
    assert "s3cret" not in json.dumps(cluster)


def test_its_components() -> None:
    found = {item["name"]: item for item in described()["components"]}
    assert list(found) == ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "web"]
    assert (found["etcd"]["status"], found["etcd"]["pid"]) == ("running", 7)
    assert (found["kube-apiserver"]["status"], found["kube-apiserver"]["pid"]) == ("failed", None)
    assert found["kube-scheduler"]["status"] == "absent"
    assert found["etcd"]["ports"] == {"client": 30000, "peer": 30001, "metrics": 30002}
    assert found["etcd"]["metrics"] == "http://127.0.0.1:30002/metrics"
    assert found["etcd"]["executable"] == "/opt/bin/etcd"
    assert found["etcd"]["log_path"] == "/logs/etcd.log"
    assert found["web"]["owner"] == "component"
    assert found["web"]["executable"] is found["web"]["metrics"] is None


def test_ipv6_metrics() -> None:
    found = {item["name"]: item for item in described(bind_address="::1")["components"]}
    assert found["kube-scheduler"]["metrics"] == "https://[::1]:30005/metrics"


def test_where_the_traces_go() -> None:
    assert described()["tracing_endpoint"] == ""
    assert described(tracing={})["tracing_endpoint"] == "127.0.0.1:30006"
    assert described(tracing={"endpoint": "traces.example.org:4317"})["tracing_endpoint"] == "traces.example.org:4317"
