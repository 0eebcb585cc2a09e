# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The shipped sets: complete, named as they are listed, clean, and shown as Prometheus can read it."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kwok_controller.api import decode
from kwok_controller.api.metric import Metric
from kwok_controller.api.sets import UnknownSet
from kwok_controller.monitoring import sets
from kwok_controller.monitoring.lint import lint
from kwok_controller.monitoring.lint_usage import Usage
from kwok_controller.monitoring.preview import Preview
from kwok_controller.monitoring.scraped import default_node, default_pod

METRICS = {
    "kubelet-metrics-resource": "/metrics/nodes/{nodeName}/metrics/resource",
    "kubelet-metrics-cadvisor": "/metrics/nodes/{nodeName}/metrics/cadvisor",
    "kubelet-metrics": "/metrics/nodes/{nodeName}/metrics",
    "kubelet-metrics-probes": "/metrics/nodes/{nodeName}/metrics/probes",
}
USAGES = ["usage-constant", "usage-ramp", "usage-daily-wave", "usage-spike", "usage-noise", "usage-from-annotation"]
START = 1_767_225_600  # 2026-01-01T00:00:00Z


def usage_of(name: str) -> Usage:
    (decoded,) = map(decode, sets.objects(name))
    assert isinstance(decoded, Usage)
    return decoded


def metric_of(name: str) -> Metric:
    (decoded,) = map(decode, sets.objects(name))
    assert isinstance(decoded, Metric)
    return decoded


def test_the_sets() -> None:
    assert sets.names() == [*METRICS, *USAGES]
    listed = {each.name: each for each in sets.list_sets()}
    assert list(listed) == sets.names()
    for name, each in listed.items():
        assert each.objects == (name,)
        assert each.kind == ("Metric" if name in METRICS else "ClusterResourceUsage")
        assert each.kind == sets.objects(name)[0]["kind"]
        assert each.about.endswith(".")


def test_a_set_that_there_is_not() -> None:
    with pytest.raises(UnknownSet, match="'usage-flat' is no set: there are kubelet-metrics-resource, "):
        sets.objects("usage-flat")


def test_a_set_can_be_changed_by_whoever_takes_it() -> None:
    sets.objects("usage-ramp")[0]["spec"].clear()
    assert sets.objects("usage-ramp")[0]["spec"]["usages"]


@pytest.mark.parametrize("name", [*METRICS, *USAGES])
def test_each_set_is_clean(name: str) -> None:
    assert lint(sets.documents(name)) == []


@pytest.mark.parametrize("usage", USAGES)
def test_metrics_of_kubelets_go_together_with_any_usage(usage: str) -> None:
    assert lint([document for name in (*METRICS, usage) for document in sets.documents(name)]) == []


@pytest.mark.parametrize(("name", "path"), METRICS.items())
def test_what_is_shown_can_be_read(name: str, path: str) -> None:
    created = "2026-01-01T00:00:00Z"
    preview = Preview([metric_of(name)], [usage_of("usage-ramp")], default_node(created), [default_pod("node-0", created)])
    ((shown_at, text),) = preview.exposition((START + 600) * 10**9).items()
    assert shown_at == path.replace("{nodeName}", "node-0")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert all(family.samples and family.documentation for family in families.values())
    named = {metric.name.removesuffix("_total") for metric in metric_of(name).spec.metrics}
    assert families.keys() <= named
    # No family that the set names is left out because it fails.
    assert {where: what for where, what in preview.notes.items() if "fails" in what or "left out" in what} == {}
    assert families


def test_metrics_server_finds_what_it_needs() -> None:
    """The families that metrics-server v0.9.0 reads (pkg/scraper/client/resource/decode.go)."""
    created = "2026-01-01T00:00:00Z"
    usages = [usage_of("usage-constant")]
    preview = Preview([metric_of("kubelet-metrics-resource")], usages, default_node(created), [default_pod("node-0", created)])
    (text,) = preview.exposition((START + 600) * 10**9).values()
    values = {sample.name: sample.value for family in text_string_to_metric_families(text) for sample in family.samples}
    assert values["node_cpu_usage_seconds_total"] == pytest.approx(60)
    assert values["node_memory_working_set_bytes"] == 128 * 2**20
    assert values["container_cpu_usage_seconds_total"] == pytest.approx(60)
    assert values["container_memory_working_set_bytes"] == 128 * 2**20
    assert values["container_start_time_seconds"] == START
