# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The sets of what kubelets show, over a node with pods in all states: names and labels are a kubelet's, numbers those of the usages."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from fake_clock import FakeClock
from kubelet_objects import Metrics, decoded
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

import kwok_controller
from kwok_controller.api.decode import decode_as
from kwok_controller.api.metric import Metric, MetricConfig
from kwok_controller.exposition import Compile, Format, compiler, lint, lint_together
from kwok_controller.exposition.lint_names import check_conventions
from kwok_controller.expressions.gotemplate.gotime import RFC3339_NANO, GoTime
from kwok_controller.expressions.yaml import load_yaml
from kwok_controller.kubelet.scrapes import Scrapes
from kwok_controller.usage.functions import metric_functions

Object = dict[str, Any]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

SETS: Final = Path(kwok_controller.__file__).parent / "monitoring" / "sets" / "metric"
RESOURCE, CADVISOR, METRICS, PROBES = "kubelet-metrics-resource", "kubelet-metrics-cadvisor", "kubelet-metrics", "kubelet-metrics-probes"
PATHS: Final = {RESOURCE: "/metrics/resource", CADVISOR: "/metrics/cadvisor", METRICS: "/metrics", PROBES: "/metrics/probes"}

CREATED: Final = 1_700_000_000  # when fake clocks begin
SCRAPED: Final = (0, 1, 37, 600, 3601, 100_000)
"""Seconds after all pods were started."""

OF_CONTAINER: Final = "container namespace pod"
OF_CGROUP: Final = "container id image name namespace pod"
OF_MACHINE: Final = "boot_id machine_id system_uuid"
BUILD: Final = "build_date compiler git_commit git_tree_state git_version go_version major minor platform"

# Kinds and labels of families, by Kubernetes v1.36.3 and what it is built with: metrics/collectors/resource_metrics.go, metrics/metrics.go,
# prober/prober_manager.go and server/server.go (containerPrometheusLabelsFunc) below pkg/kubelet; pkg/volume/util/metrics.go;
# metrics/version.go, metrics/processstarttime.go and metrics/prometheus/restclient/metrics.go of k8s.io/component-base v0.36.3;
# metrics/prometheus.go and metrics/prometheus_machine.go of github.com/google/cadvisor v0.56.2; and client_golang.
FACTS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    RESOURCE: {
        "container_cpu_usage_seconds_total": ("counter", OF_CONTAINER),
        "container_memory_working_set_bytes": ("gauge", OF_CONTAINER),
        "container_start_time_seconds": ("gauge", OF_CONTAINER),
        "node_cpu_usage_seconds_total": ("counter", ""),
        "node_memory_working_set_bytes": ("gauge", ""),
        "pod_cpu_usage_seconds_total": ("counter", "namespace pod"),
        "pod_memory_working_set_bytes": ("gauge", "namespace pod"),
        "resource_scrape_error": ("gauge", ""),
    },
    CADVISOR: {
        "container_cpu_usage_seconds_total": ("counter", f"{OF_CGROUP} cpu"),
        "container_fs_limit_bytes": ("gauge", f"{OF_CGROUP} device"),
        "container_fs_reads_bytes_total": ("counter", f"{OF_CGROUP} device"),
        "container_fs_usage_bytes": ("gauge", f"{OF_CGROUP} device"),
        "container_fs_writes_bytes_total": ("counter", f"{OF_CGROUP} device"),
        "container_last_seen": ("gauge", OF_CGROUP),
        "container_memory_cache": ("gauge", OF_CGROUP),
        "container_memory_rss": ("gauge", OF_CGROUP),
        "container_memory_usage_bytes": ("gauge", OF_CGROUP),
        "container_memory_working_set_bytes": ("gauge", OF_CGROUP),
        "container_network_receive_bytes_total": ("counter", f"{OF_CGROUP} interface"),
        "container_network_transmit_bytes_total": ("counter", f"{OF_CGROUP} interface"),
        "container_oom_events_total": ("counter", OF_CGROUP),
        "container_scrape_error": ("gauge", ""),
        "container_spec_cpu_period": ("gauge", OF_CGROUP),
        "container_spec_cpu_quota": ("gauge", OF_CGROUP),
        "container_spec_cpu_shares": ("gauge", OF_CGROUP),
        "container_spec_memory_limit_bytes": ("gauge", OF_CGROUP),
        "container_start_time_seconds": ("gauge", OF_CGROUP),
        "machine_cpu_cores": ("gauge", OF_MACHINE),
        "machine_memory_bytes": ("gauge", OF_MACHINE),
        "machine_scrape_error": ("gauge", ""),
    },
    METRICS: {
        "go_goroutines": ("gauge", ""),
        "kubelet_cgroup_manager_duration_seconds": ("histogram", "operation_type"),
        "kubelet_node_name": ("gauge", "node"),
        "kubelet_pleg_last_seen_seconds": ("gauge", ""),
        "kubelet_pleg_relist_duration_seconds": ("histogram", ""),
        "kubelet_pleg_relist_interval_seconds": ("histogram", ""),
        "kubelet_pod_start_duration_seconds": ("histogram", ""),
        "kubelet_pod_start_sli_duration_seconds": ("histogram", ""),
        "kubelet_pod_worker_duration_seconds": ("histogram", "operation_type"),
        "kubelet_running_containers": ("gauge", "container_state"),
        "kubelet_running_pods": ("gauge", ""),
        "kubelet_runtime_operations_duration_seconds": ("histogram", "operation_type"),
        "kubelet_runtime_operations_total": ("counter", "operation_type"),
        "kubelet_started_containers_total": ("counter", "container_type"),
        "kubelet_started_pods_errors_total": ("counter", ""),
        "kubelet_started_pods_total": ("counter", ""),
        "kubernetes_build_info": ("gauge", BUILD),
        "process_cpu_seconds_total": ("counter", ""),
        "process_resident_memory_bytes": ("gauge", ""),
        "process_start_time_seconds": ("gauge", ""),
        "rest_client_requests_total": ("counter", "code host method"),
        "storage_operation_duration_seconds": ("histogram", "migrated operation_name status volume_plugin"),
    },
    PROBES: {
        "process_start_time_seconds": ("gauge", ""),
        "prober_probe_duration_seconds": ("histogram", f"{OF_CONTAINER} probe_type"),
        "prober_probe_total": ("counter", f"{OF_CONTAINER} pod_uid probe_type result"),
    },
}
DEFAULT_BUCKETS: Final = "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10"
START_BUCKETS: Final = "0.5 1 2 3 4 5 6 8 10 20 30 45 60 120 180 240 300 360 480 600 900 1200 1800 2700 3600"
# As the sources above have them; those of the container runtime begin at 0.005, each 2.5 times the one before.
BUCKETS: Final = {
    "kubelet_cgroup_manager_duration_seconds": DEFAULT_BUCKETS,
    "kubelet_pleg_relist_duration_seconds": DEFAULT_BUCKETS,
    "kubelet_pleg_relist_interval_seconds": DEFAULT_BUCKETS,
    "kubelet_pod_start_duration_seconds": START_BUCKETS,
    "kubelet_pod_start_sli_duration_seconds": START_BUCKETS,
    "kubelet_pod_worker_duration_seconds": DEFAULT_BUCKETS,
    "kubelet_runtime_operations_duration_seconds": " ".join(str(0.005 * 2.5**power) for power in range(14)),
    "prober_probe_duration_seconds": DEFAULT_BUCKETS,
    "storage_operation_duration_seconds": "0.1 0.25 0.5 1 2.5 5 10 15 25 50 120 300 600",
}

NODE: Final[Object] = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "n1", "uid": "uid-n1", "resourceVersion": "1", "creationTimestamp": "2023-11-14T22:13:20Z"},
    "status": {
        "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}],
        "capacity": {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "110"},
        "nodeInfo": {
            "architecture": "arm64",
            "bootID": "boot-1",
            "kubeletVersion": "v1.36.3",
            "machineID": "machine-1",
            "operatingSystem": "linux",
            "systemUUID": "system-1",
        },
    },
}
USAGE: Final[Object] = {
    "apiVersion": "kwok.x-k8s.io/v1alpha1",
    "kind": "ClusterResourceUsage",
    "metadata": {"name": "all"},
    "spec": {
        "usages": [
            {
                "usage": {
                    "cpu": {"value": "250m"},
                    "memory": {"expression": 'Quantity("64Mi")'},
                    "ephemeral-storage": {"value": "1Gi"},
                    "network-receive": {"value": "1k"},
                    "network-transmit": {"value": "2k"},
                    "fs-reads": {"value": "3k"},
                    "fs-writes": {"value": "4k"},
                }
            }
        ]
    },
}
MEMORY: Final = 64 * 2**20


def at(seconds: float) -> str:
    """The time so long after the node was created."""
    return GoTime((CREATED + int(seconds)) * 10**9).format(RFC3339_NANO)


def running(name: str, started: int, restarts: int = 0) -> Object:
    return {"name": name, "restartCount": restarts, "ready": True, "started": True, "state": {"running": {"startedAt": at(started)}}}


def pod(name: str, containers: list[Object], status: Object, version: int = 1, **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": str(version)},
        "spec": {"nodeName": "n1", "containers": containers, **spec},
        "status": status,
    }


PROBE: Final[Object] = {"httpGet": {"path": "/", "port": 80}}
APP: Final[Object] = {
    "name": "app",
    "image": "registry.example/app:1",
    "resources": {"requests": {"cpu": "125m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}},
    "livenessProbe": {**PROBE, "periodSeconds": 5},
    "readinessProbe": PROBE,
}
LOG: Final[Object] = {"name": "log", "image": "registry.example/log:1"}
INIT: Final[Object] = {"name": "init", "image": "registry.example/init:1"}


def web(*, restarted: int | None = None, ended: bool = False) -> Object:
    """A pod of two containers and one that began it, of which the first may have been started again, or have ended."""
    app = running("app", 10) if restarted is None else running("app", restarted, restarts=1)
    if ended:
        app["state"] = {"terminated": {"exitCode": 0, "startedAt": at(10), "finishedAt": at(80)}}
    over = {"exitCode": 0, "startedAt": at(5), "finishedAt": at(9)}
    status = {
        "phase": "Running",
        "qosClass": "Burstable",
        "startTime": at(5),
        "initContainerStatuses": [{"name": "init", "restartCount": 0, "state": {"terminated": over}}],
        "containerStatuses": [app, running("log", 20)],
    }
    return pod("web", [APP, LOG], status, version=1 + (restarted is not None) + 2 * ended, initContainers=[INIT])


def plain() -> list[Object]:
    """Pods that run as they are written down: one of two containers, and one of the host's network that says nothing of its container."""
    agent = {"name": "agent", "image": "registry.example/agent:1", "startupProbe": PROBE, "resources": {"requests": {"cpu": "1"}}}
    return [web(), pod("agent", [agent], {"phase": "Running", "qosClass": "Guaranteed", "startTime": at(15)}, hostNetwork=True)]


def others() -> list[Object]:
    """Pods that do not run: one that is about to, one that has."""
    waiting = {"name": "app", "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}
    over = {"exitCode": 0, "startedAt": at(10), "finishedAt": at(18)}
    done = {"name": "app", "restartCount": 0, "state": {"terminated": over}}
    return [
        pod("pending", [APP], {"phase": "Pending", "qosClass": "Burstable", "containerStatuses": [waiting]}),
        pod("new", [LOG], {}),
        pod("job", [LOG, APP], {"phase": "Succeeded", "qosClass": "BestEffort", "startTime": at(8), "containerStatuses": [done]}),
    ]


class World:
    """A node whose kubelet is scraped."""

    def __init__(self, *pods: Object) -> None:
        self.clock = FakeClock()
        self.metrics = Metrics()
        objects = [load_yaml((SETS / f"{name}.yaml").read_text()) for name in PATHS]
        self.scrapes = Scrapes(self.clock, seed=1, metrics=self.metrics, local=decoded(USAGE, *objects))
        self.scrapes.store.observed("Node", ("", "n1"), NODE)
        for each in pods:
            self.put(each)
        self.wait(20)

    def put(self, each: Object) -> None:
        self.scrapes.store.observed("Pod", ("default", each["metadata"]["name"]), each)

    def wait(self, seconds: float) -> None:
        self.clock.step_wall(seconds)

    def scrape(self, name: str, format: Format = Format.TEXT) -> str:
        served = self.scrapes.endpoints.of_kubelet(PATHS[name])
        assert served is not None
        assert served.name == name
        body = self.scrapes.metric(served, "n1", format)
        assert body is not None
        return body.decode()

    def samples(self, name: str) -> Samples:
        return samples(list(read_text(self.scrape(name))))


def samples(families: list[Any]) -> Samples:
    found = [(sample.name, _labels(sample.labels), sample.value) for family in families for sample in family.samples]
    assert len({series[:2] for series in found}) == len(found)
    return {(name, labels): value for name, labels, value in found}


def _labels(labels: dict[str, str]) -> frozenset[tuple[str, str]]:
    """Bounds as numbers: one format writes 1, the other one 1.0."""
    return frozenset((key, str(float(text)) if key == "le" else text) for key, text in labels.items())


def value(found: Samples, name: str, /, **labels: str) -> float:
    """The value of the one series that has these labels."""
    (one,) = [number for (each, has), number in found.items() if each == name and labels.items() <= set(has)]
    return one


@pytest.fixture(scope="module")
def compile() -> Compile:
    """With functions that all give 1."""

    class One:
        def container(self, *_: Any) -> int:
            return 1

        pod = node = container

        started = started_pods = container

        def pods(self, _: str) -> list[Object]:
            return []

    now = lambda: CREATED * 10**9 + 1  # noqa: E731
    return compiler(metric_functions(One(), One(), One(), now), now=now, random=Random(1).random)


def test_the_sets() -> None:
    assert {path.stem for path in SETS.iterdir()} == set(PATHS)
    made = [decode_as(load_yaml((SETS / f"{name}.yaml").read_text()), "Metric", Metric) for name in PATHS]
    assert [(each.metadata.name, each.spec.path) for each in made] == [
        (name, f"/metrics/nodes/{{nodeName}}{path}") for name, path in PATHS.items()
    ]
    assert lint_together(made) == []


@pytest.mark.parametrize("name", PATHS)
def test_a_set_is_clean(name: str, compile: Compile) -> None:
    assert lint(load_yaml((SETS / f"{name}.yaml").read_text()), compile) == []


@pytest.mark.parametrize(("name", "warnings"), [("machine_cpu_cores", 0), ("other_cpu_cores", 1)])
def test_names_of_kubelets_are_none_to_warn_of(name: str, warnings: int) -> None:
    assert len([*check_conventions(MetricConfig(name=name, kind="gauge", help="h", value="1"), "spec.metrics[0]")]) == warnings


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("pods", [[], [*plain(), *others()]], ids=["idle", "all"])
def test_both_formats_say_the_same_at_all_times(name: str, pods: list[Object]) -> None:
    world = World(*pods)
    for seconds in SCRAPED[::2]:
        world.wait(seconds)
        text = list(read_text(world.scrape(name)))
        other = list(openmetrics.text_string_to_metric_families(world.scrape(name, Format.OPENMETRICS)))  # type: ignore[no-untyped-call]
        assert samples(text) == samples(other)
        assert [(family.name, family.type) for family in text] == [(family.name, family.type) for family in other]
    assert world.metrics.errors == {}


@pytest.mark.parametrize("name", PATHS)
def test_names_kinds_and_labels_are_those_of_a_kubelet(name: str) -> None:
    families = list(read_text(World(*plain()).scrape(name)))
    found = {
        family.name + ("_total" if family.type == "counter" else ""): (
            family.type,
            {" ".join(sorted(sample.labels.keys() - {"le"})) for sample in family.samples},
        )
        for family in families
    }
    assert found == {family: (kind, {" ".join(sorted(labels.split()))}) for family, (kind, labels) in FACTS[name].items()}


@pytest.mark.parametrize("name", PATHS)
def test_counters_and_histograms_only_rise_and_agree(name: str) -> None:
    world = World(*plain(), *others())
    last: Samples = {}
    for at_s, seconds in enumerate(SCRAPED):
        world.wait(seconds)
        if at_s == 3:
            world.put(pod("late", [LOG], {"phase": "Running", "startTime": at(658), "containerStatuses": [running("log", 658)]}))
        families = list(read_text(world.scrape(name)))
        found = samples([family for family in families if family.type in ("counter", "histogram")])
        assert [series for series, number in found.items() if number < last.get(series, 0)] == []
        assert found.keys() >= last.keys()
        last = found
        for family in families:
            if family.type == "histogram":
                check_histogram(family)
    assert any(number > 0 for number in last.values())


def test_nothing_runs_backwards_between_seconds() -> None:
    # A sum fell when the share of what is not a whole number yet was counted.
    world = World(*plain())
    last: Samples = {}
    for _ in range(120):
        world.wait(0.37)
        families = read_text(world.scrape("kubelet-metrics"))
        found = samples([family for family in families if family.type in ("counter", "histogram")])
        assert [series for series, number in found.items() if number < last.get(series, 0)] == []
        last = found


def check_histogram(family: Any) -> None:
    """Buckets as the facts have them, sums that rise to the number of all, which fit the sum."""
    bounds: dict[frozenset[tuple[str, str]], dict[str, float]] = {}
    rest: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for sample in family.samples:
        labels = frozenset((key, text) for key, text in sample.labels.items() if key != "le")
        if sample.name.endswith("_bucket"):
            bounds.setdefault(labels, {})[sample.labels["le"]] = sample.value
        else:
            rest[sample.name.removeprefix(family.name), labels] = sample.value
    assert bounds
    for labels, counts in bounds.items():
        assert [float(bound) for bound in counts] == pytest.approx([*map(float, BUCKETS[family.name].split()), float("inf")])
        assert sorted(counts.values()) == list(counts.values())
        total = counts["+Inf"]
        assert rest["_count", labels] == total
        # All within the last bound but +Inf: a simulated kubelet is never slower.
        assert list(counts.values())[-2] == total
        least, most = 0.0, 0.0
        before, bound_before = 0.0, 0.0
        for bound, count in list(counts.items())[:-1]:
            least += (count - before) * bound_before
            most += (count - before) * float(bound)
            before, bound_before = count, float(bound)
        assert least - 1e-6 <= rest["_sum", labels] <= most + 1e-6


def test_resource_has_what_metrics_server_reads() -> None:
    """In metrics-server (pkg/scraper/client/resource/decode.go) a pod counts where no container of it has a zero."""
    world = World(*plain())
    world.wait(60)
    found = world.samples(RESOURCE)
    for name, container, started in (("web", "app", 10), ("web", "log", 20), ("agent", "agent", 15)):
        of = {"namespace": "default", "pod": name, "container": container}
        assert value(found, "container_cpu_usage_seconds_total", **of) == 0.25 * (80 - started)
        assert value(found, "container_memory_working_set_bytes", **of) == MEMORY
        assert value(found, "container_start_time_seconds", **of) == CREATED + started
    assert value(found, "pod_cpu_usage_seconds_total", pod="web") == 0.25 * (70 + 60)
    assert value(found, "pod_memory_working_set_bytes", pod="web") == 2 * MEMORY
    assert value(found, "node_cpu_usage_seconds_total") == 0.25 * (70 + 60 + 65)
    assert value(found, "node_memory_working_set_bytes") == 3 * MEMORY
    assert value(found, "resource_scrape_error") == 0


def test_only_what_runs_is_shown() -> None:
    world = World(*plain(), *others())
    world.wait(60)
    for name in (RESOURCE, CADVISOR, PROBES):
        labels = [dict(labels) for _, labels in world.samples(name)]
        found = {(each["pod"], each["container"]) for each in labels if each.get("container")}
        assert found == {("web", "app"), ("agent", "agent")} | ({("web", "log")} if name != PROBES else set())
        assert {each["pod"] for each in labels if each.get("pod")} == {"web", "agent"}
    assert world.metrics.errors == {}
    world.put(web(ended=True))
    assert {dict(labels).get("container") for _, labels in world.samples(RESOURCE)} == {None, "log", "agent"}
    assert value(world.samples(RESOURCE), "pod_cpu_usage_seconds_total", pod="web") == 0.25 * (70 + 60)


def test_a_container_that_is_started_again() -> None:
    world = World(web())
    world.wait(80)
    before = world.samples(RESOURCE)
    world.put(web(restarted=100))
    world.wait(40)
    after = world.samples(RESOURCE)
    assert value(before, "container_cpu_usage_seconds_total", container="app") == 0.25 * 90
    assert value(after, "container_cpu_usage_seconds_total", container="app") == 0.25 * 40
    assert value(after, "container_start_time_seconds", container="app") == CREATED + 100
    assert value(after, "pod_cpu_usage_seconds_total") == 0.25 * (90 + 40 + 120)
    assert value(after, "node_cpu_usage_seconds_total") == 0.25 * (90 + 40 + 120)


def test_cadvisor_shows_containers_pods_and_the_node() -> None:
    world = World(*plain())
    world.wait(60)
    found = world.samples(CADVISOR)
    app = {"id": "/kubepods/burstable/poduid-web/app", "container": "app", "pod": "web", "namespace": "default"}
    image = {"image": "registry.example/app:1", "name": "k8s_app_web_default_uid-web"}
    of_pod = {"id": "/kubepods/burstable/poduid-web", "container": "", "image": "", "name": "", "pod": "web", "namespace": "default"}
    of_node = {"id": "/", "container": "", "image": "", "name": "", "pod": "", "namespace": ""}
    cpu = "container_cpu_usage_seconds_total"
    assert value(found, cpu, cpu="total", **app, **image) == 0.25 * 70
    assert value(found, cpu, cpu="total", **of_pod) == 0.25 * 130
    assert value(found, cpu, cpu="total", **of_node) == 0.25 * 195
    assert value(found, cpu, id="/kubepods/poduid-agent") == value(found, cpu, id="/kubepods/poduid-agent/agent") == 0.25 * 65
    for name in ("container_memory_working_set_bytes", "container_memory_usage_bytes", "container_memory_rss"):
        assert [value(found, name, **of) for of in (app, of_pod, of_node)] == [MEMORY, 2 * MEMORY, 3 * MEMORY]
    starts = [value(found, "container_start_time_seconds", **of) for of in (app, of_pod, of_node)]
    assert starts == [CREATED + 10, CREATED + 5, CREATED]
    assert value(found, "container_last_seen", **of_node) == CREATED + 80
    assert value(found, "container_spec_cpu_shares", **app) == 128
    assert value(found, "container_spec_cpu_shares", container="log") == 2
    assert value(found, "container_spec_cpu_shares", container="agent") == 1024
    assert value(found, "container_spec_cpu_period", **app) == 100_000
    quotas = [number for (name, _), number in found.items() if name == "container_spec_cpu_quota"]
    assert quotas == [50_000], "the other containers have no limit"
    assert value(found, "container_spec_memory_limit_bytes", **app) == 128 * 2**20
    assert value(found, "container_spec_memory_limit_bytes", container="log") == 0
    assert value(found, "machine_cpu_cores", machine_id="machine-1", system_uuid="system-1", boot_id="boot-1") == 8
    assert value(found, "machine_memory_bytes") == 32 * 2**30


def test_cadvisor_shows_usages_of_other_resources() -> None:
    world = World(*plain())
    world.wait(60)
    found = world.samples(CADVISOR)
    assert not [labels for name, labels in found if "_network_" in name and ("pod", "agent") in labels], "it has the network of the host"
    of_pod, of_node, app = {"id": "/kubepods/burstable/poduid-web"}, {"id": "/"}, {"container": "app"}
    for name, rate in (("receive", 1000), ("transmit", 2000)):
        family = f"container_network_{name}_bytes_total"
        assert value(found, family, interface="eth0", **of_pod) == rate * 130
        assert value(found, family, interface="eth0", **of_node) == rate * 195
    for name, rate in (("reads", 3000), ("writes", 4000)):
        family = f"container_fs_{name}_bytes_total"
        assert value(found, family, device="/dev/vda1", **app) == rate * 70
        assert value(found, family, **of_node) == rate * 195
    assert value(found, "container_fs_usage_bytes", **app) == 2**30
    assert value(found, "container_fs_usage_bytes", **of_node) == 3 * 2**30
    assert value(found, "container_fs_limit_bytes") == 100 * 2**30


def test_metrics_of_the_kubelet_itself() -> None:
    world = World(*plain(), *others())
    world.wait(580)
    found = world.samples(METRICS)
    assert value(found, "kubelet_node_name", node="n1") == 1
    assert value(found, "kubernetes_build_info", git_version="v1.36.3", platform="linux/arm64") == 1
    assert value(found, "process_start_time_seconds") == CREATED
    assert value(found, "process_cpu_seconds_total") == pytest.approx(12)
    assert value(found, "kubelet_pleg_last_seen_seconds") == CREATED + 600
    assert value(found, "kubelet_pleg_relist_duration_seconds_count") == 600
    assert value(found, "kubelet_pleg_relist_interval_seconds_sum") == pytest.approx(606)
    assert value(found, "kubelet_started_containers_total", container_type="container") == 7
    assert value(found, "kubelet_started_pods_total") == value(found, "kubelet_pod_start_duration_seconds_count") == 5
    assert (value(found, "kubelet_running_pods"), value(found, "kubelet_running_containers", container_state="running")) == (2, 3)
    assert value(found, "rest_client_requests_total", method="PUT") == 60
    operations = [dict(labels)["operation_type"] for name, labels in found if name == "kubelet_runtime_operations_total"]
    assert {"create_container", "start_container", "list_podsandbox"} <= set(operations)
    for each in operations:
        counted = value(found, "kubelet_runtime_operations_duration_seconds_count", operation_type=each)
        assert value(found, "kubelet_runtime_operations_total", operation_type=each) == counted > 0


def test_a_node_of_which_little_is_known() -> None:
    world = World(web())
    bare = {**NODE, "metadata": {**NODE["metadata"], "resourceVersion": "2"}, "status": {}}
    world.scrapes.store.observed("Node", ("", "n1"), bare)
    assert value(world.samples(METRICS), "kubernetes_build_info", git_version="", platform="") == 1
    assert value(world.samples(CADVISOR), "machine_cpu_cores", machine_id="") == 0
    assert world.metrics.errors == {}


def test_probes() -> None:
    world = World(*plain())
    world.wait(60)
    found = world.samples(PROBES)
    liveness = {"container": "app", "pod": "web", "namespace": "default", "probe_type": "Liveness"}
    assert value(found, "prober_probe_total", pod_uid="uid-web", result="successful", **liveness) == 75 // 5
    assert value(found, "prober_probe_total", container="app", probe_type="Readiness") == 75 // 10
    assert value(found, "prober_probe_total", container="agent", probe_type="Startup") == 1
    assert value(found, "prober_probe_duration_seconds_count", **liveness) == 75 // 5
    assert value(found, "process_start_time_seconds") == CREATED
    world.put(web(restarted=80))
    assert value(world.samples(PROBES), "prober_probe_total", pod_uid="uid-web", **liveness) == 75 // 5
