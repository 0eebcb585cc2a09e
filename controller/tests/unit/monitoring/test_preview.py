# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What a scrape would show, at a moment and over time."""

from __future__ import annotations

import itertools
import math

import pytest

from kwok_controller.monitoring import preview as module
from kwok_controller.monitoring import sets
from kwok_controller.monitoring.preview import Preview, PreviewError, Series

from .conftest import START, MakeMetric, MakePreview, MakeUsage, Object, minutes

CPU: Object = {"name": "node_cpu_usage_seconds_total", "kind": "counter", "help": "CPU.", "value": 'node.CumulativeUsage("cpu")'}
GAUGE: Object = {"name": "a", "kind": "gauge", "value": "2"}
POD: Object = {"name": "p", "kind": "gauge", "dimension": "pod", "value": "1", "labels": [{"name": "pod", "value": "pod.metadata.name"}]}


def values(series: Series, name: str) -> list[float]:
    (points,) = (points for head, points in series.items() if head.name == name)
    return [value for _, value in points]


def preset(usage: MakeUsage, name: str) -> str:
    expression: str = sets.objects(name)[0]["spec"]["usages"][0]["usage"]["cpu"]["expression"]
    return expression


def test_a_moment(preview: MakePreview, metric: MakeMetric, usage: MakeUsage) -> None:
    made = preview(metric(CPU, POD), usage('Constant("250m")'), pods=("x", "y"))
    expected = (
        "# HELP node_cpu_usage_seconds_total CPU.\n# TYPE node_cpu_usage_seconds_total counter\nnode_cpu_usage_seconds_total 30\n"
        '# TYPE p gauge\np{pod="x"} 1\np{pod="y"} 1\n'
    )
    assert made.exposition(START + 60 * 10**9) == {"/metrics/nodes/node-0/metrics": expected}
    assert made.notes == {}


def test_a_ramp_rises(preview: MakePreview, usage: MakeUsage) -> None:
    series = preview(usage(preset(usage, "usage-ramp"))).series(minutes(16))
    shown = values(series, "container_usage_cpu_cores")
    assert shown[0] == pytest.approx(0.05)
    assert all(later > earlier for earlier, later in itertools.pairwise(shown[:11]))
    assert shown[10:] == [1.0] * 6
    assert [head.text for head in series] == [
        'container_usage_cpu_cores{container="app",namespace="default",pod="pod-0",resource="cpu"}',
        'pod_usage_cpu_cores{namespace="default",pod="pod-0",resource="cpu"}',
        'node_usage_cpu_cores{resource="cpu"}',
    ]


def test_a_daily_wave_has_a_period_of_a_day(preview: MakePreview, usage: MakeUsage) -> None:
    """Highest at 15:00, lowest at 03:00, and the same a day later."""
    shown = values(preview(usage(preset(usage, "usage-daily-wave"))).series(minutes(49, 60)), "node_usage_cpu_cores")
    assert shown[:25] == pytest.approx(shown[24:])
    assert max(range(24), key=shown.__getitem__) == 15
    assert min(range(24), key=shown.__getitem__) == 3
    assert [max(shown), min(shown)] == pytest.approx([0.55, 0.05])
    assert shown[:24] != pytest.approx(shown[12:36])


def test_a_spike_is_there_for_three_of_thirty_minutes(preview: MakePreview, usage: MakeUsage) -> None:
    shown = values(preview(usage(preset(usage, "usage-spike"))).series(minutes(60)), "node_usage_cpu_cores")
    assert [at for at, value in enumerate(shown) if value == 1.0] == [0, 1, 2, 30, 31, 32]


def test_chance_is_that_of_the_seed(preview: MakePreview, metric: MakeMetric, usage: MakeUsage) -> None:
    random = metric({**GAUGE, "value": "Rand()"}, {**GAUGE, "name": "b", "value": 'node.Usage("cpu")'})
    once, again, other = (preview(random, usage('Noise("1", "100m")'), seed=seed).series(minutes(20)) for seed in (7, 7, 8))
    assert once == again
    for name in ("a", "b"):
        assert values(once, name) != values(other, name)
        assert len(set(values(once, name))) == 20


def test_counters_integrate_and_never_fall(preview: MakePreview, metric: MakeMetric, usage: MakeUsage) -> None:
    shown = values(preview(metric(CPU), usage('Wave("1", "1", "10m")')).series(minutes(31)), "node_cpu_usage_seconds_total")
    assert shown == sorted(shown)
    assert shown[0] == 0
    assert shown[10] == pytest.approx(600, rel=1e-3)
    assert shown[30] == pytest.approx(1800, rel=1e-3)


def test_histograms_have_all_their_series(preview: MakePreview, metric: MakeMetric) -> None:
    histogram = {"name": "h", "kind": "histogram", "buckets": [{"le": 0.5, "value": "1"}, {"le": 2, "value": "3"}]}
    series = preview(metric(histogram)).series([START])
    assert [(head.family, head.kind, head.name, head.labels, points[0][1]) for head, points in series.items()] == [
        ("h", "histogram", "h_bucket", {"le": "0.5"}, 1),
        ("h", "histogram", "h_bucket", {"le": "2"}, 4),
        ("h", "histogram", "h_bucket", {"le": "+Inf"}, 4),
        ("h", "histogram", "h_sum", {}, 6.5),
        ("h", "histogram", "h_count", {}, 4),
    ]


def test_labels_and_values_are_read_back(preview: MakePreview, metric: MakeMetric) -> None:
    labels = [{"name": "x", "value": r'"a\"b\\c\nd, {e}=\u2028 f"'}, {"name": "y", "value": '""'}]
    odd = [{**GAUGE, "labels": labels, "value": "0.0 / 0.0"}, {**GAUGE, "name": "b", "value": "-1.0 / 0.0"}]
    (head, points), (_, infinite) = preview(metric(*odd)).series([START]).items()
    assert head.labels == {"x": 'a"b\\c\nd, {e}=\u2028 f', "y": ""}
    assert math.isnan(points[0][1])
    assert infinite[0][1] == -math.inf


def test_metrics_are_chosen(preview: MakePreview, metric: MakeMetric) -> None:
    made = preview(metric(CPU, GAUGE, POD), chosen=["p", "a"])
    assert {head.name for head in made.series([START])} == {"a", "p"}
    (text,) = made.exposition(START).values()
    assert text == '# TYPE a gauge\na 2\n# TYPE p gauge\np{pod="pod-0"} 1\n'
    with pytest.raises(PreviewError, match="there is no metric node_cpu_usage: did you mean node_cpu_usage_seconds_total"):
        preview(metric(CPU, GAUGE), chosen=["a", "node_cpu_usage"])


@pytest.mark.parametrize(
    "path", ["/metrics/nodes/{nodeName}/metrics/resource", "/metrics/nodes/node-0/metrics/resource", "/metrics/resource"]
)
def test_a_path_is_chosen(preview: MakePreview, metric: MakeMetric, path: str) -> None:
    metrics = metric(GAUGE), metric({**GAUGE, "name": "b"}, name="n", path="/metrics/nodes/{nodeName}/metrics/resource")
    assert {head.name for head in preview(*metrics).series([START])} == {"a", "b"}
    assert {(head.name, head.path) for head in preview(*metrics, path=path).series([START])} == {
        ("b", "/metrics/nodes/node-0/metrics/resource")
    }


def test_a_path_that_there_is_not(preview: MakePreview, metric: MakeMetric) -> None:
    with pytest.raises(PreviewError, match="nothing is shown at /metrics/probes: there is /metrics/nodes/node-0/metrics"):
        preview(metric(GAUGE), path="/metrics/probes")


def test_what_the_controller_would_not_serve_is_noted(preview: MakePreview, metric: MakeMetric) -> None:
    made = preview(
        metric(GAUGE, {**GAUGE, "name": "b", "value": "x"}, {**GAUGE, "name": "c", "value": "double(node.metadata.annotations['x'])"}),
        metric(GAUGE, name="n"),
        metric(GAUGE, name="outside", path="/stats"),
        metric(GAUGE, name="own", path="/metrics"),
        metric(GAUGE, name="node-1", path="/metrics/one"),
        metric({**GAUGE, "name": "z"}, name="node-0", path="/metrics/zero"),
    )
    assert {head.text for head in made.series(minutes(3))} == {"a", "z"}
    found = {where: what[:40] for where, what in made.notes.items()}
    assert found.keys() == {
        "Metric m: spec.metrics[1].value",
        "Metric m: spec.metrics[2].value",
        "Metric n: spec.path",
        "Metric outside: spec.path",
        "Metric own: spec.path",
        "Metric node-1: spec.path",
    }
    assert found["Metric n: spec.path"].startswith("/metrics/nodes/{nodeName}/metrics is tha")
    assert found["Metric node-1: spec.path"].startswith("without {nodeName} it is for the node no")


def test_usages_that_fail_are_noted(preview: MakePreview, usage: MakeUsage) -> None:
    made = preview(usage("1 +", "a"), usage("Quantity(pod.metadata.annotations['x'])", "b"))
    assert made.notes.keys() == {'ClusterResourceUsage "a": spec.usages[0].usage.cpu.expression'}
    made = preview(usage("Quantity(pod.metadata.annotations['x'])"))
    assert values(made.series(minutes(3)), "node_usage_cpu_cores") == [0, 0, 0]
    ((where, what),) = made.notes.items()
    assert where == 'ClusterResourceUsage "u": spec.usages[0].usage.cpu.expression'
    assert what.endswith("it counts 0")


def test_usage_that_nothing_says_is_noted(preview: MakePreview, metric: MakeMetric) -> None:
    assert preview(metric(CPU)).notes == {"usages": "there are none, so all usage is 0: name some, too, such as usage-ramp"}
    assert preview(metric(GAUGE)).notes == {}


def test_nothing_to_show(preview: MakePreview) -> None:
    with pytest.raises(PreviewError, match="there is nothing to show: name Metrics or usages"):
        preview()


def test_there_is_a_limit(preview: MakePreview, metric: MakeMetric, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_POINTS", 100)
    made = preview(metric(POD), pods=tuple(f"pod-{at}" for at in range(10)))
    assert len(made.series(minutes(10))) == 10
    with pytest.raises(PreviewError, match="10 series at 11 moments are more than 100 values: choose metrics with --metric"):
        made.series(minutes(11))


def test_series_that_come_and_go(preview: MakePreview, metric: MakeMetric) -> None:
    """A series that fails at a moment is not shown then."""
    late = {**GAUGE, "value": "1 / int(SinceSecond(node) / 120.0)"}
    made: Preview = preview(metric(late))
    (points,) = made.series(minutes(4)).values()
    assert [time for time, _ in points] == minutes(4)[2:]
    assert list(made.notes) == ["Metric m: spec.metrics[0].value"]
