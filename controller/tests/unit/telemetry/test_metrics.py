# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from kwok_controller import __version__
from kwok_controller.telemetry import metrics as module
from kwok_controller.telemetry.metrics import BoundedLabel, Metrics


def value(metrics: Metrics, name: str, /, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"kwok_controller_{name}", labels)


def test_plays_are_counted_by_result_and_timed() -> None:
    metrics = Metrics()
    play = metrics.play("v1", "Pod", "pod-ready")
    play.done("played", 0.02)
    play.done("failed", 7.0)
    play.count("dropped")
    labels = {"api_group": "v1", "kind": "Pod", "stage": "pod-ready"}
    assert value(metrics, "stage_plays_total", **labels, result="played") == 1
    assert value(metrics, "stage_plays_total", **labels, result="failed") == 1
    assert value(metrics, "stage_plays_total", **labels, result="dropped") == 1
    assert value(metrics, "stage_plays_total", **labels, result="retried") == 0
    assert value(metrics, "stage_latency_seconds_count", **labels) == 2
    assert value(metrics, "stage_latency_seconds_sum", **labels) == 7.02
    assert value(metrics, "stage_latency_seconds_bucket", **labels, le="0.025") == 1


def test_the_same_stage_is_bound_once() -> None:
    metrics = Metrics()
    assert metrics.play("v1", "Pod", "a") is metrics.play("v1", "Pod", "a")
    assert metrics.play("v1", "Pod", "a") is not metrics.play("v1", "Node", "a")


def test_labels_beyond_the_bound_are_counted_together() -> None:
    label = BoundedLabel(2)
    assert [label(value) for value in ("a", "b", "c", "a", "d")] == ["a", "b", "other", "a", "other"]


def test_a_flood_of_stages_and_resources_does_not_grow_the_metrics_without_bound() -> None:
    metrics = Metrics(process=False)
    for number in range(2000):
        metrics.play("v1", "Pod", f"stage-{number}").count("played")
        metrics.observe_request("get", f"resource-{number}", 200, 0.001)
        metrics.watch_restarted(f"resource-{number}", f"reason-{number}")
        metrics.stage_error(f"stage-{number}", "TemplateFailed")
        metrics.bind_managed("example.com/v1", f"Kind{number}", lambda: 1)
    families = {family.name: family for family in metrics.registry.collect()}
    assert len({s.labels["stage"] for s in families["kwok_controller_stage_plays"].samples}) == module.STAGE_LIMIT + 1
    assert len({s.labels["resource"] for s in families["kwok_controller_watch_restarts"].samples}) == module.RESOURCE_LIMIT + 1
    assert len(families["kwok_controller_managed_objects"].samples) <= module.KIND_LIMIT
    other = value(metrics, "stage_plays_total", api_group="v1", kind="Pod", stage="other", result="played")
    assert other == 2000 - module.STAGE_LIMIT
    assert value(metrics, "request_duration_seconds_count", verb="get", resource="other", code="200") == 2000 - module.RESOURCE_LIMIT


def test_facts_of_structures_are_asked_for_when_scraped() -> None:
    metrics = Metrics()
    depth = [3.0]
    metrics.bind_queue({"fresh": lambda: depth[0], "retry": lambda: 1}, lambda: 2.5)
    metrics.bind_leases(lambda: 1000, lambda: 11.5)
    metrics.bind_managed("v1", "Node", lambda: 1000)
    depth[0] = 4.0
    assert value(metrics, "queue_depth", priority="fresh") == 4
    assert value(metrics, "queue_depth", priority="retry") == 1
    assert value(metrics, "queue_oldest_age_seconds") == 2.5
    assert value(metrics, "leases_held") == 1000
    assert value(metrics, "lease_lag_seconds") == 11.5
    assert value(metrics, "managed_objects", api_group="v1", kind="Node") == 1000
    metrics.unbind_managed("v1", "Node")
    metrics.unbind_managed("v1", "NeverSeen")
    assert value(metrics, "managed_objects", api_group="v1", kind="Node") is None


def test_the_process_and_the_build_are_described() -> None:
    body, _ = Metrics().exposition("")
    samples = {sample.name: sample for family in parse_text(body.decode()) for sample in family.samples}
    assert samples["process_resident_memory_bytes"].value > 1 << 20
    assert samples["process_cpu_seconds_total"].value > 0
    assert samples["kwok_controller_build_info"].labels["version"] == __version__


def test_the_exposition_is_what_the_scraper_prefers() -> None:
    metrics = Metrics()
    metrics.play("v1", "Pod", 'quote"back\\slash\nline').count("played")
    body, content_type = metrics.exposition("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    assert content_type.startswith("application/openmetrics-text")
    families = {family.name: family for family in parse_openmetrics(body.decode())}  # type: ignore[no-untyped-call]
    assert families["kwok_controller_stage_plays"].samples[0].labels["stage"] == 'quote"back\\slash\nline'
    body, content_type = metrics.exposition("text/plain")
    assert content_type.startswith("text/plain")
    assert any(family.name == "kwok_controller_stage_plays" for family in parse_text(body.decode()))


def test_traces_of_plays_are_exemplars_in_openmetrics_alone() -> None:
    metrics = Metrics(process=False)
    play = metrics.play("v1", "Pod", "pod-ready")
    play.done("played", 0.02, "0af7651916cd43dd8448eb211c80319c")
    play.done("played", 7.0)
    body, _ = metrics.exposition("application/openmetrics-text;version=1.0.0")
    shown = [line for line in body.decode().splitlines() if "#" in line and not line.startswith("#")]
    assert len(shown) == 1
    assert 'le="0.025"' in shown[0]
    assert '# {trace_id="0af7651916cd43dd8448eb211c80319c"} 0.02' in shown[0]
    assert b"trace_id" not in metrics.exposition("text/plain")[0]


def test_failed_evaluations_are_counted_by_object_within_a_bound() -> None:
    metrics = Metrics(process=False)
    metrics.evaluation_failed("Metric", "", "resource", 3)
    metrics.evaluation_failed("Metric", "", "resource", 1)
    for number in range(module.SOURCE_LIMIT - 1):
        metrics.evaluation_failed("ResourceUsage", f"ns-{number}", "web", 1)
    for _ in range(2):
        metrics.evaluation_failed("ResourceUsage", "late", "web", 1)

    def errors(kind: str, namespace: str, name: str) -> float | None:
        return value(metrics, "metric_evaluation_errors_total", kind=kind, namespace=namespace, name=name)

    assert errors("Metric", "", "resource") == 4
    assert errors("ResourceUsage", "ns-0", "web") == errors("ResourceUsage", "ns-1", "web") == 1
    assert errors("ResourceUsage", "", "other") == 2
    assert errors("ResourceUsage", "late", "web") is None
