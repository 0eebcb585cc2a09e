# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The whole program as a process: without and with a real apiserver."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from otlp_receiver import Receiver, attributes
from prometheus_client.parser import text_string_to_metric_families
from sim_cluster import REPOSITORY, Cluster
from workloads import operation, trace

from kwok_controller.api import KINDS
from kwok_controller.api.crds import crd

STAGES = """\
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: node-up}
spec:
  resourceRef: {apiGroup: v1, kind: Node}
  selector:
    matchExpressions:
    - {key: '.status.conditions.[] | select(.type == "Ready") | .status', operator: NotIn, values: ["True"]}
  next:
    statusTemplate: |
      conditions:
      - {type: Ready, status: "True", reason: Up, message: "", lastHeartbeatTime: {{ Now | Quote }}, lastTransitionTime: {{ Now | Quote }}}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-up}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: .status.phase, operator: NotIn, values: [Running]}
  next:
    statusTemplate: |
      phase: Running
      conditions:
      - {type: Ready, status: "True"}
"""


SHOWN = """\
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Metric
metadata: {name: usage}
spec:
  path: /metrics/nodes/{nodeName}/metrics/resource
  metrics:
  - name: pod_cpu_usage_cores
    help: Cores that the pod uses.
    kind: gauge
    dimension: pod
    labels: [{name: pod, value: pod.metadata.name}]
    value: pod.Usage("cpu")
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterResourceUsage
metadata: {name: all}
spec:
  usages:
  - usage: {cpu: {value: 250m}}
"""


@dataclass
class Controller:
    """A running controller.

    Attributes:
        process: It.
        port: Where it serves.
        log: Its standard error.
    """

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str) -> tuple[int, str]:
        """Status and text; 0 where nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as err:
            return err.code, err.read().decode()
        except OSError:
            return 0, ""

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        _, text = self.get("/metrics")
        return {(s.name, frozenset(s.labels.items())): s.value for family in text_string_to_metric_families(text) for s in family.samples}

    def wait(self, condition: Callable[[], bool], timeout: float = 30) -> None:
        ends = time.monotonic() + timeout
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < ends, self.log.read_text()
            time.sleep(0.05)

    def stop(self) -> tuple[int, float]:
        """The exit code after SIGTERM, and how many seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30), time.monotonic() - began


@contextmanager
def running(directory: Path, *argv: str) -> Iterator[Controller]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = directory / "log"
    stages = directory / "stages.yaml"
    stages.write_text(STAGES)
    # Nothing of the user who runs the tests: no kubeconfig, no ~/.kwok.
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "PYTHONPATH": str(REPOSITORY / "controller/src")}
    command = [sys.executable, "-m", "kwok_controller", f"--config={stages}", f"--server-address=127.0.0.1:{port}", *argv]
    with log.open("wb") as stderr, subprocess.Popen(command, stdout=stderr, stderr=stderr, env=environment) as process:
        try:
            yield Controller(process, port, log)
        finally:
            process.kill()


def test_without_an_apiserver_it_lives_is_not_ready_and_stops_when_told(tmp_path: Path) -> None:
    with running(tmp_path, "--manage-all-nodes", "--master=http://127.0.0.1:1") as controller:
        controller.wait(lambda: controller.get("/livez") == (200, "ok"))
        controller.wait(lambda: "the apiserver does not list nodes" in controller.get("/readyz")[1])
        assert controller.get("/readyz")[0] == 500
        assert controller.get("/healthz") == (200, "ok")
        code, seconds = controller.stop()
        assert (code, seconds < 5) == (0, True)
        lines = [json.loads(line) for line in controller.log.read_text().splitlines()]
        assert any(line["msg"] == "The apiserver cannot be used yet; trying again" and line["remedy"] for line in lines)


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        ([], 1, "no kubeconfig is given"),
        (["--kubeconfig=none.yaml"], 1, "none.yaml"),
        (["--master=http://127.0.0.1:1", "--cidr=10.0.0.0"], 2, "--cidr / options.cidr: expected a network"),
        (["--master=http://127.0.0.1:1", "--tls-cert-file=/none", "--tls-private-key-file=/none"], 1, "cannot read /none"),
    ],
)
def test_what_cannot_work_ends_at_once_and_says_why(tmp_path: Path, argv: list[str], code: int, message: str) -> None:
    with running(tmp_path, "--manage-all-nodes", *argv) as controller:
        assert controller.process.wait(30) == code
        last = controller.log.read_text().splitlines()[-1]
        assert last.startswith("kwok-controller: ")
        assert message in last


def test_a_port_that_is_taken_ends_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with running(tmp_path, "--manage-all-nodes", "--master=http://127.0.0.1:1", f"--server-address={address}") as controller:
            assert controller.process.wait(30) == 1
            assert f"--server-address / options.serverAddress: cannot listen on {address}" in controller.log.read_text()


def test_it_plays_a_cluster_tells_about_it_and_leaves_in_good_order(tmp_path: Path, cluster: Cluster, namespace: str) -> None:
    options = (f"--kubeconfig={cluster.kubeconfig}", "--manage-nodes-with-label-selector=test=cli", "--node-lease-duration-seconds=40")
    with running(tmp_path, *options) as controller:
        controller.wait(lambda: controller.get("/readyz") == (200, "ok"))
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "cli-node", "labels": {"test": "cli"}}}
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(node))
        try:
            cluster.kubectl("wait", "node/cli-node", "--for=condition=Ready", "--timeout=30s")
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "cli-pod", "namespace": namespace},
                "spec": {"nodeName": "cli-node", "containers": [{"name": "c", "image": "x"}]},
            }
            cluster.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
            cluster.kubectl("wait", "pod/cli-pod", "-n", namespace, "--for=jsonpath={.status.phase}=Running", "--timeout=30s")
            labels = {"api_group": "v1", "kind": "Pod", "stage": "pod-up"}
            played = ("kwok_controller_stage_plays_total", frozenset({**labels, "result": "played"}.items()))
            controller.wait(lambda: controller.metrics().get(played) == 1)
            metrics = controller.metrics()
            assert metrics["kwok_controller_stage_latency_seconds_count", frozenset(labels.items())] == 1
            assert metrics["kwok_controller_leases_held", frozenset()] == 1
            assert metrics["kwok_controller_managed_objects", frozenset({"api_group": "v1", "kind": "Node"}.items())] == 1
            assert metrics["process_resident_memory_bytes", frozenset()] > 0
            code, seconds = controller.stop()
            assert (code, seconds < 15) == (0, True)
            assert json.loads(controller.log.read_text().splitlines()[-1])["msg"] == "Stopped"
        finally:
            cluster.kubectl("delete", "node", "cli-node", "--wait=false")


def test_plays_and_their_requests_are_traced(tmp_path: Path, cluster: Cluster) -> None:
    receiver = Receiver()
    options = (
        f"--kubeconfig={cluster.kubeconfig}",
        "--manage-single-node=cli-traced",
        f"--tracing-endpoint=127.0.0.1:{receiver.port}",
        "--tracing-sampling-rate-per-million=1000000",
    )
    try:
        with running(tmp_path, *options) as controller:
            controller.wait(lambda: controller.get("/readyz") == (200, "ok"))
            cluster.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "cli-traced"}}))
            cluster.kubectl("wait", "node/cli-traced", "--for=condition=Ready", "--timeout=30s")
            assert controller.stop()[0] == 0
    finally:
        cluster.kubectl("delete", "node", "cli-traced", "--wait=false")
        receiver.stop()
    plays = {span.span_id: span for span in receiver.spans if span.name == "play node-up"}
    assert {attributes(play)["k8s.object.name"] for play in plays.values()} == {"cli-traced"}
    sent = [attributes(span) for span in receiver.spans if span.parent_span_id in plays]
    assert {request["url.path"] for request in sent} == {"/api/v1/nodes/cli-traced/status"}
    # Others write to a new node as well, so the first attempt may be a conflict.
    assert 200 in {request["http.response.status_code"] for request in sent}


def test_pods_that_are_ready_send_the_traces_of_their_services(tmp_path: Path, cluster: Cluster, namespace: str) -> None:
    receiver = Receiver()
    definition = crd(KINDS["WorkloadTrace"])
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(definition))
    cluster.kubectl("wait", f"crd/{definition['metadata']['name']}", "--for=condition=Established", "--timeout=60s")
    options = (
        f"--kubeconfig={cluster.kubeconfig}",
        "--manage-single-node=cli-shop",
        "--enable-crds=WorkloadTrace",
        f"--tracing-endpoint=127.0.0.1:{receiver.port}",
        "--seed=1",
    )

    def apply(*objects: dict[str, Any]) -> None:
        cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def traces() -> dict[bytes, list[tuple[dict[str, Any], Any]]]:
        """Resources and spans, by trace."""
        found = defaultdict(list)
        for request in list(receiver.requests):
            for each in request.resource_spans:
                for scope in each.scope_spans:
                    assert scope.scope.name == "kwok-controller/workload-traces"
                    for span in scope.spans:
                        found[span.trace_id].append((attributes(each.resource), span))
        return found

    def pods() -> set[str]:
        return {resource["k8s.pod.name"] for spans in traces().values() for resource, _ in spans}

    def ready(name: str) -> str:
        path = '{.status.conditions[?(@.type=="Ready")].reason}'
        return cluster.kubectl("get", "workloadtrace", name, "-n", namespace, "-o", f"jsonpath={path}")

    try:
        with running(tmp_path, *options) as controller:
            controller.wait(lambda: controller.get("/readyz") == (200, "ok"))
            cluster.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "cli-shop"}}))
            apply(deployment("web", 2), deployment("db", 1), shop("shop", "db read"), shop("odd", "bd read"))
            cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")
            controller.wait(lambda: len(pods()) == 3)
            assert (ready("shop"), ready("odd")) == ("Accepted", "InvalidTrace")
            known = {
                pod["metadata"]["name"]: pod for pod in json.loads(cluster.kubectl("get", "pods", "-n", namespace, "-o", "json"))["items"]
            }
            for spans in traces().values():
                (root,) = [span for _, span in spans if not span.parent_span_id]
                assert [resource["service.name"] for resource, span in spans if span is root] == ["web"]
                for resource, span in spans:
                    pod = known[resource["k8s.pod.name"]]
                    assert resource["k8s.pod.uid"] == pod["metadata"]["uid"]
                    assert (resource["k8s.node.name"], resource["k8s.namespace.name"]) == ("cli-shop", namespace)
                    assert resource["k8s.deployment.name"] == resource["service.name"]
                    assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= root.end_time_unix_nano
            whole = [spans for spans in traces().values() if {resource["service.name"] for resource, _ in spans} == {"web", "db"}]
            assert whole
            assert {len(spans) for spans in whole} == {3}
            sent = ("kwok_controller_workload_trace_spans_total", frozenset({("result", "sent")}))
            assert controller.metrics()[sent] > 0
            cluster.kubectl("scale", "deployment/web", "-n", namespace, "--replicas=0")
            cluster.kubectl("wait", "pod", "-l", "app=web", "-n", namespace, "--for=delete", "--timeout=60s")
            time.sleep(2)
            before = controller.metrics()[sent]
            time.sleep(2)
            assert controller.metrics()[sent] == before
            code, seconds = controller.stop()
            assert (code, seconds < 15) == (0, True)
    finally:
        cluster.kubectl("delete", "node", "cli-shop", "--wait=false")
        cluster.kubectl("delete", "crd", definition["metadata"]["name"], "--wait=false")
        receiver.stop()


def deployment(name: str, replicas: int) -> dict[str, Any]:
    """Pods that are bound already."""
    spec = {"nodeName": "cli-shop", "containers": [{"name": "main", "image": "x"}], "tolerations": [{"operator": "Exists"}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": {**spec, "terminationGracePeriodSeconds": 0}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def shop(name: str, called: str) -> dict[str, Any]:
    """A WorkloadTrace of web and db."""
    rate: dict[str, Any] = {"value": 10, "per": "replica"}
    return trace({"web": [operation("home", called, route="/")], "db": [operation("read")]}, ("web home", rate), name=name) | {
        "metadata": {"name": name}
    }


def test_nodes_show_what_their_pods_use_to_those_who_may_see_it(tmp_path: Path, cluster: Cluster, namespace: str) -> None:
    shown = tmp_path / "shown.yaml"
    shown.write_text(SHOWN)
    options = (f"--kubeconfig={cluster.kubeconfig}", "--manage-single-node=cli-shown", f"--config={shown}")
    path = "/metrics/nodes/cli-shown/metrics/resource"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "busy", "namespace": namespace},
        "spec": {"nodeName": "cli-shown", "containers": [{"name": "c", "image": "x"}]},
    }
    with running(tmp_path, *options, "--insecure") as controller:
        controller.wait(lambda: controller.get("/readyz") == (200, "ok"))
        assert controller.get(path) == (404, "There is no node cli-shown here.")
        cluster.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "cli-shown"}}))
        try:
            cluster.kubectl("create", "-f", "-", stdin=json.dumps(pod))
            line = 'pod_cpu_usage_cores{pod="busy"} 0.25'
            controller.wait(lambda: line in controller.get(path)[1].splitlines())
            status, text = controller.get("/discovery/prometheus")
            assert (status, [target["labels"]["__metrics_path__"] for target in json.loads(text)]) == (200, [path])
            assert "process_resident_memory_bytes" in controller.get("/metrics")[1]
            assert controller.stop()[0] == 0
            with running(tmp_path, *options) as guarded:
                guarded.wait(lambda: guarded.get("/readyz") == (200, "ok"))
                assert guarded.get(path)[0] == 401
                assert guarded.get("/metrics")[0] == 200
        finally:
            cluster.kubectl("delete", "node", "cli-shown", "--wait=false")
