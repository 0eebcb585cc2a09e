# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A real Prometheus scrapes the kubelets of a real cluster, found over HTTP and through the Kubernetes API, and believes them.

Each node has an address of its own, as a real one has: on this host all of 127.0.0.0/8 is one's own. PROMETHEUS_NODES and PROMETHEUS_PODS
give other sizes, such as 1000 and 5000.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from controller_process import Controller, running_controller
from prometheus_server import Prometheus, check_metrics, running_prometheus
from sim_cluster import REPOSITORY, Cluster
from simulated import LABEL, create_all, delete_nodes, is_running, pod, until

from kwok_controller.kube.resources import NODES, PODS
from kwok_controller.simulation.leases import RENEW_FRACTION

NODES_COUNT = int(os.environ.get("PROMETHEUS_NODES", "50"))
PODS_COUNT = int(os.environ.get("PROMETHEUS_PODS", "250"))
SCRAPES_PER_S = 100
"""Of Prometheus, at most: it is what the interval follows from."""

RUN = "prometheus"
SETS = ("kubelet-metrics", "kubelet-metrics-resource", "kubelet-metrics-cadvisor", "kubelet-metrics-probes")
STAGES = ("node-fast", "node-heartbeat-with-lease", "pod-fast")
ENDPOINTS = ("/metrics", "/metrics/resource", "/metrics/cadvisor", "/metrics/probes", "/metrics/latency")
CPU_CORES, MEMORY_BYTES = 0.1, 128 * 2**20
LEASE_S = 40
DELETED_AT_A_TIME = 1000
REPLACED = 5
"""Pods that are replaced before a restart."""

TARGETS = {"http": NODES_COUNT * len(ENDPOINTS), "kubernetes": NODES_COUNT, "controller": 1}
"""By job."""

INTERVAL_S = max(2, -(-sum(TARGETS.values()) // SCRAPES_PER_S))
WINDOW_S = 6 * INTERVAL_S
"""Over which rates are taken."""

LATENCY = {
    "apiVersion": "kwok.x-k8s.io/v1alpha1",
    "kind": "Metric",
    "metadata": {"name": "latency"},
    "spec": {
        "path": "/metrics/nodes/{nodeName}/metrics/latency",
        "metrics": [
            {
                "name": "example_latency_seconds",
                "help": "How long requests take.",
                "kind": "histogram",
                "dimension": "pod",
                "labels": [
                    {"name": "namespace", "value": "pod.metadata.namespace"},
                    {"name": "pod", "value": "pod.metadata.name"},
                ],
                # Of a hundred requests a second: how many are in which bucket.
                "buckets": [
                    {"le": 0.1, "value": "int(pod.SinceSecond()) * 50"},
                    {"le": 0.5, "value": "int(pod.SinceSecond()) * 40"},
                    {"le": 1.0, "value": "int(pod.SinceSecond()) * 9"},
                    {"le": 5.0, "value": "int(pod.SinceSecond())", "hidden": True},
                ],
            }
        ],
    },
}
USAGE = {
    "apiVersion": "kwok.x-k8s.io/v1alpha1",
    "kind": "ClusterResourceUsage",
    "metadata": {"name": "all"},
    "spec": {"usages": [{"usage": {"cpu": {"value": "100m"}, "memory": {"value": "128Mi"}}}]},
}
CONTAINERS = (
    '{job="http",metrics_name="kubelet-metrics-resource"}',
    '{job="http",metrics_name="kubelet-metrics-cadvisor",container!=""}',
    '{job="kubernetes"}',
)
"""Series of containers, as each of the ways has them."""

PROBE = {"httpGet": {"port": 8080}, "periodSeconds": 2}
CONTAINER = {"name": "c", "image": "registry.example.com/c", "livenessProbe": PROBE, "readinessProbe": PROBE, "startupProbe": PROBE}
QUANTILES = {0.5: 0.1, 0.7: 0.3, 0.9: 0.5, 0.945: 0.75, 0.995: 1.0}
"""Of that histogram, by Prometheus' rule: linear within a bucket, and the greatest bound that is shown for what is above it."""


@dataclass
class Monitored:
    """A simulated cluster, and who watches it."""

    controller: Controller
    prometheus: Prometheus
    promtool: str
    context: ssl.SSLContext

    def wait_for_scrapes(self, after: float) -> None:
        """Wait until every target was scraped well since a time."""

        def late() -> list[Any]:
            found = [(each["labels"]["job"], each["scrapeUrl"], each["lastError"]) for each in self.prometheus.targets() if not well(each)]
            return found[:5]

        def well(target: dict[str, Any]) -> bool:
            return target["health"] == "up" and _time(target["lastScrape"]) > after

        def all_well() -> bool:
            jobs = [each["labels"]["job"] for each in self.prometheus.targets() if well(each)]
            return {job: jobs.count(job) for job in TARGETS} == TARGETS

        self.prometheus.wait(all_well, late, 180 + 4 * INTERVAL_S)

    def wait_for_window(self) -> None:
        """Wait until a window of nothing but good scrapes is over."""
        ends = time.time() + WINDOW_S + INTERVAL_S
        self.prometheus.wait(lambda: time.time() > ends, lambda: "time stands still", WINDOW_S + INTERVAL_S + 60)
        self.wait_for_scrapes(ends - 2 * INTERVAL_S)


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def address(number: int) -> str:
    """Of a node, beyond those that others may listen on."""
    return str(ipaddress.IPv4Address("127.77.0.1") + number)


def node(number: int, port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"{RUN}-{number:04d}", "labels": {LABEL: RUN}},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address(number)}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "capacity": {"cpu": "32", "memory": "256Gi", "pods": "110", "ephemeral-storage": "100Gi"},
        },
    }


@pytest.fixture(scope="module")
def port() -> int:
    """One that is free at every address."""
    with socket.create_server(("0.0.0.0", 0)) as free:
        found: int = free.getsockname()[1]
        return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stages, metrics and usage, in a directory."""
    directory = tmp_path_factory.mktemp("prometheus")
    for kind, sets in (("stage", STAGES), ("metric", SETS)):
        command = [sys.executable, "-m", "kwok_controller", kind, "show", *sets]
        shown = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": str(REPOSITORY / "controller/src")}, capture_output=True, check=True
        )
        (directory / f"{kind}.yaml").write_bytes(shown.stdout)
    for name, item in (("latency", LATENCY), ("usage", USAGE)):
        (directory / f"{name}.yaml").write_text(json.dumps(item))
    return directory


@pytest.fixture(scope="module")
def simulated_cluster(cluster: Cluster, port: int) -> Iterator[None]:
    """Nodes with addresses, pods bound to them, and who may ask for metrics."""
    cluster.kubectl("create", "namespace", RUN)
    cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--namespace", RUN, "--timeout=120s")
    cluster.kubectl("create", "serviceaccount", RUN, "--namespace", RUN)
    rules = [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
    ]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": RUN}, "rules": rules}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(role))
    # The account has a token, the group a client's certificate.
    cluster.kubectl(
        "create", "clusterrolebinding", RUN, f"--clusterrole={RUN}", f"--serviceaccount={RUN}:{RUN}", "--group=system:monitoring"
    )

    async def create() -> None:
        async with cluster.client() as client:
            await create_all(client, NODES, None, (node(number, port) for number in range(NODES_COUNT)))
            await create_all(client, PODS, RUN, (pod(RUN, number, NODES_COUNT, containers=[CONTAINER]) for number in range(PODS_COUNT)))

    async def remove() -> None:
        at_once = json.dumps({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}).encode()
        async with cluster.client() as client:
            # The apiserver gives a request a minute.
            for _ in range(-(-PODS_COUNT // DELETED_AT_A_TIME)):
                await client.request("DELETE", PODS.path(RUN), body=at_once, params={"limit": str(DELETED_AT_A_TIME)}, timeout=90)
            await delete_nodes(client, RUN)

    asyncio.run(create())
    yield
    asyncio.run(remove())
    cluster.kubectl("delete", "clusterrole,clusterrolebinding", RUN)
    cluster.kubectl("delete", "namespace", RUN, "--wait=false")


@pytest.fixture(scope="module")
def monitored(cluster: Cluster, simulated_cluster: None, files: Path, port: int) -> Iterator[Monitored]:
    """Controller and Prometheus, once all pods run and all targets are up."""
    pki = cluster.directory / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "monitoring.crt", pki / "monitoring.key")
    # The certificate is not for the nodes' addresses.
    context.check_hostname = False
    argv = (
        f"--kubeconfig={cluster.kubeconfig}",
        *(f"--config={files / name}.yaml" for name in ("stage", "metric", "latency", "usage")),
        f"--manage-nodes-with-label-selector={LABEL}={RUN}",
        f"--node-lease-duration-seconds={LEASE_S}",
        f"--server-address=0.0.0.0:{port}",
        f"--tls-cert-file={pki / 'kube-apiserver.crt'}",
        f"--tls-private-key-file={pki / 'kube-apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
    )
    executables = [cluster.executable(name) for name in ("prometheus", "promtool")]
    with running_controller(files, port, argv) as controller:
        controller.wait_ready(context)

        async def run() -> None:
            async with cluster.client() as client:
                await until(client, PODS, is_running, PODS_COUNT, namespace=RUN, timeout_s=600)

        asyncio.run(run())
        with running_prometheus(executables[0], files, scrape_configs(cluster, files, port), INTERVAL_S) as prometheus:
            found = Monitored(controller, prometheus, executables[1], context)
            found.wait_for_scrapes(0)
            found.wait_for_window()
            yield found


def scrape_configs(cluster: Cluster, directory: Path, port: int) -> list[dict[str, Any]]:
    """Three jobs: what the controller says is to be scraped, what the Kubernetes API says, and the controller itself."""
    pki = cluster.directory / "pki"
    token = cluster.kubectl("create", "token", RUN, "--namespace", RUN, "--duration=24h").strip()
    (directory / "token").write_text(token)
    kubeconfig = cluster.kubeconfig_of("prometheus", {"token": token})
    certificates = {"ca_file": f"{pki}/ca.crt", "cert_file": f"{pki}/monitoring.crt", "key_file": f"{pki}/monitoring.key"}
    controller = f"127.0.0.1:{port}"
    return [
        {
            "job_name": "http",
            "tls_config": certificates,
            "http_sd_configs": [
                {"url": f"https://{controller}/discovery/prometheus", "tls_config": certificates, "refresh_interval": "5s"}
            ],
            # All targets have one address: it is the node in the path that tells them apart.
            "relabel_configs": [
                {
                    "source_labels": ["__metrics_path__"],
                    "regex": "/metrics/nodes/([^/]+)/.*",
                    "target_label": "instance",
                }
            ],
        },
        {
            "job_name": "kubernetes",
            "scheme": "https",
            "metrics_path": "/metrics/resource",
            "authorization": {"credentials_file": str(directory / "token")},
            "tls_config": {"ca_file": f"{pki}/ca.crt", "server_name": "localhost"},
            "kubernetes_sd_configs": [
                {"role": "node", "kubeconfig_file": str(kubeconfig), "selectors": [{"role": "node", "label": f"{LABEL}={RUN}"}]}
            ],
        },
        {
            "job_name": "controller",
            "scheme": "https",
            "tls_config": certificates,
            "static_configs": [{"targets": [controller]}],
        },
    ]


def test_every_target_is_up(monitored: Monitored) -> None:
    targets = monitored.prometheus.targets()
    assert {job: sum(each["labels"]["job"] == job for each in targets) for job in TARGETS} == TARGETS
    assert {each["health"] for each in targets} == {"up"}
    assert monitored.prometheus.query(f"sum(min_over_time(up[{WINDOW_S}s]))") == sum(TARGETS.values())
    urls = {each["scrapeUrl"] for each in targets if each["labels"]["job"] == "kubernetes"}
    assert urls == {f"https://{address(number)}:{monitored.controller.port}/metrics/resource" for number in range(NODES_COUNT)}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_promtool_finds_nothing_wrong(monitored: Monitored, endpoint: str) -> None:
    for number in (0, NODES_COUNT - 1):
        status, text = monitored.controller.get(endpoint, monitored.context, host=address(number))
        assert status == 200, text
        assert text.count("# HELP ") == text.count("# TYPE ") > 0
        assert check_metrics(monitored.promtool, text) == ""
        by_path = monitored.controller.get(f"/metrics/nodes/{RUN}-{number:04d}{endpoint}", monitored.context)[1]
        assert check_metrics(monitored.promtool, by_path) == ""
        assert _names(by_path) == _names(text)


def test_promtool_finds_nothing_wrong_with_the_controllers_own(monitored: Monitored) -> None:
    status, text = monitored.controller.get("/metrics", monitored.context)
    assert status == 200
    assert "kwok_controller_stage_plays_total" in _names(text)
    assert check_metrics(monitored.promtool, text) == ""


def test_promtool_would_find_something(monitored: Monitored) -> None:
    assert "counter metrics should have" in check_metrics(monitored.promtool, "# HELP a A.\n# TYPE a counter\na 1\n")


def test_usage_is_what_was_configured(monitored: Monitored) -> None:
    query = monitored.prometheus.query
    cpu, memory = pytest.approx(PODS_COUNT * CPU_CORES, rel=0.02), PODS_COUNT * MEMORY_BYTES
    for series in CONTAINERS:
        assert query(f"count(container_cpu_usage_seconds_total{series})") == PODS_COUNT
        assert query(f"sum(rate(container_cpu_usage_seconds_total{series}[{WINDOW_S}s]))") == cpu
        assert query(f"sum(container_memory_working_set_bytes{series})") == memory
    for of in ("pod", "node"):
        assert query(f'sum(rate({of}_cpu_usage_seconds_total{{job="kubernetes"}}[{WINDOW_S}s]))') == cpu
        assert query(f'sum({of}_memory_working_set_bytes{{job="kubernetes"}})') == memory


def test_no_expression_failed(monitored: Monitored) -> None:
    shown = monitored.controller.get("/metrics", monitored.context)[1]
    assert [line for line in shown.splitlines() if line.startswith("kwok_controller_metric_evaluation_errors_total")] == []


@pytest.mark.parametrize(("quantile", "seconds"), QUANTILES.items())
def test_histograms_give_the_quantiles_that_were_configured(monitored: Monitored, quantile: float, seconds: float) -> None:
    query = monitored.prometheus.query
    rates = f"sum by (le) (rate(example_latency_seconds_bucket[{WINDOW_S}s]))"
    assert query(f"histogram_quantile({quantile}, {rates})") == pytest.approx(seconds, rel=0.01)
    assert query(f"histogram_quantile({quantile}, sum by (le) (example_latency_seconds_bucket))") == pytest.approx(seconds, rel=0.01)


def test_requests_of_a_histogram_are_counted_once(monitored: Monitored) -> None:
    counted = monitored.prometheus.query(f"sum(rate(example_latency_seconds_count[{WINDOW_S}s]))")
    assert counted == pytest.approx(PODS_COUNT * 100, rel=0.05)


@pytest.mark.parametrize(("how", "first"), [("stopped", 0), ("killed", REPLACED)])
def test_counters_have_no_resets_over_a_restart(cluster: Cluster, monitored: Monitored, how: str, first: int) -> None:
    began = time.time()
    asyncio.run(_replace_pods(cluster, first))
    monitored.wait_for_scrapes(time.time())
    if how == "killed":
        # What was started since the last renewals of the Leases would not be known.
        _sleep_until(began + LEASE_S * RENEW_FRACTION * 1.5)
        monitored.wait_for_scrapes(time.time())
    assert _resets(monitored) == {}
    before = monitored.prometheus.query('sum(container_cpu_usage_seconds_total{job="kubernetes"})')
    began = time.time()
    if how == "killed":
        monitored.controller.kill()
    else:
        assert monitored.controller.stop() == 0
    # Prometheus is to see that it is away: what it has then is not filled in from before.
    monitored.prometheus.wait(
        lambda: monitored.prometheus.query("sum(up)") == 0, lambda: monitored.prometheus.query("sum(up)"), 60 + 3 * INTERVAL_S
    )
    monitored.controller.start()
    monitored.controller.wait_ready(monitored.context)
    monitored.wait_for_scrapes(time.time())
    after = monitored.prometheus.query('sum(container_cpu_usage_seconds_total{job="kubernetes"})')
    # What containers used while nobody looked counts, too. A value is as old as its scrape.
    cores = PODS_COUNT * CPU_CORES
    assert after - before == pytest.approx(cores * (time.time() - began), abs=cores * (2 * INTERVAL_S + 2))
    assert _resets(monitored) == {}
    monitored.wait_for_window()
    test_usage_is_what_was_configured(monitored)


async def _replace_pods(cluster: Cluster, first: int) -> None:
    """A pod on each of some nodes goes, and another one comes there, whose name is new: its series are others."""
    numbers = range(first, first + REPLACED)
    at_once = json.dumps({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}).encode()
    async with cluster.client() as client:
        for number in numbers:
            made = pod(RUN, number, NODES_COUNT)
            await client.request("DELETE", PODS.path(RUN, made["metadata"]["name"]), body=at_once)
        new = (number + PODS_COUNT for number in numbers)
        await create_all(client, PODS, RUN, (pod(RUN, number, NODES_COUNT, containers=[CONTAINER]) for number in new))
        await until(client, PODS, is_running, PODS_COUNT, namespace=RUN)


def _sleep_until(time_s: float) -> None:
    time.sleep(max(0.0, time_s - time.time()))


def _resets(monitored: Monitored) -> dict[str, float]:
    """How often each counter of the nodes ran backwards, of those that did."""
    names = monitored.prometheus.counters('{job=~"http|kubernetes"}')
    assert {f"{of}_cpu_usage_seconds_total" for of in ("container", "pod", "node")} <= set(names)
    assert {"example_latency_seconds_bucket", "example_latency_seconds_count", "prober_probe_total"} <= set(names)
    found = {name: monitored.prometheus.query(f'sum(resets({name}{{job=~"http|kubernetes"}}[1h]))') for name in names}
    return {name: times for name, times in found.items() if times}


def _names(text: str) -> list[str]:
    """Of the families of an exposition."""
    return [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
