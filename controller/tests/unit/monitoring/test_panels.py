# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is plotted, and as JSON and CSV."""

from __future__ import annotations

import math

import pytest

from kwok_controller.monitoring.panels import MAX_LINES, MAX_PANELS, Line, Panel, panels
from kwok_controller.monitoring.preview import PreviewError
from kwok_controller.monitoring.tables import as_csv, as_json
from kwok_controller.usage.traces import parse_trace

from .conftest import SECOND, START, MakeMetric, MakePreview, MakeUsage, Object, minutes

GAUGE: Object = {"name": "a", "kind": "gauge", "value": "2"}
POD: Object = {"name": "p_bytes", "kind": "gauge", "dimension": "pod", "value": "1"}
LABELS = [{"name": "pod", "value": "pod.metadata.name"}, {"name": "namespace", "value": "pod.metadata.namespace"}]
HISTOGRAM: Object = {
    "name": "h_seconds",
    "kind": "histogram",
    "buckets": [{"le": 1, "value": "10"}, {"le": 2, "value": "double(SinceSecond(node)) / 6.0"}],
}


def test_a_panel_for_each_metric_and_a_line_for_each_series(preview: MakePreview, metric: MakeMetric) -> None:
    made = preview(metric(GAUGE, POD | {"labels": LABELS}), pods=("x", "y"))
    assert panels(made.series(minutes(2)), minutes(2)) == [
        Panel("a", "value", [Line("a", [2, 2])]),
        Panel("p_bytes", "bytes", [Line('pod="x"', [1, 1]), Line('pod="y"', [1, 1])]),
    ]


def test_endpoints_are_told_apart(preview: MakePreview, metric: MakeMetric) -> None:
    made = preview(metric(GAUGE), metric(GAUGE, name="n", path="/metrics/nodes/{nodeName}/x"))
    titles = [panel.title for panel in panels(made.series([START]), [START])]
    assert titles == ["a (/metrics/nodes/node-0/metrics)", "a (/metrics/nodes/node-0/x)"]


def test_histograms_are_shown_by_quantiles(preview: MakePreview, metric: MakeMetric) -> None:
    moments = minutes(2)
    (panel,) = panels(preview(metric(HISTOGRAM)).series(moments), moments)
    assert (panel.title, panel.unit) == ("h_seconds: quantiles, interpolated linearly within buckets", "seconds")
    assert [line.label for line in panel.lines] == ["quantile 0.5", "quantile 0.9", "quantile 0.99"]
    # At first 10 up to 1 s; after a minute 10 more up to 2 s.
    assert [line.values for line in panel.lines] == [pytest.approx(pair) for pair in ([0.5, 1], [0.9, 1.8], [0.99, 1.98])]


def test_histograms_of_several_pods(preview: MakePreview, metric: MakeMetric) -> None:
    made = preview(metric(HISTOGRAM | {"dimension": "pod", "labels": LABELS}), pods=("x", "y"))
    (panel,) = panels(made.series([START]), [START])
    labels = [line.label for line in panel.lines]
    assert labels[2:4] == ['quantile 0.99, pod="x"', 'quantile 0.5, pod="y"']
    assert len(labels) == 6


def test_a_gap_is_no_value(preview: MakePreview, metric: MakeMetric) -> None:
    late = {**GAUGE, "value": "1.0 / double(int(SinceSecond(node) / 120.0))"}
    (panel,) = panels(preview(metric(late)).series(minutes(3)), minutes(3))
    assert [math.isnan(value) for value in panel.lines[0].values] == [True, True, False]


def test_the_unit_of_a_counter(preview: MakePreview, metric: MakeMetric, usage: MakeUsage) -> None:
    counter = {"name": "x_seconds_total", "kind": "counter", "value": 'node.CumulativeUsage("cpu")'}
    assert [panel.unit for panel in panels(preview(metric(counter)).series([START]), [START])] == ["seconds"]
    assert {panel.unit for panel in panels(preview(usage("1")).series([START]), [START])} == {"cores"}


def test_what_is_too_much_for_a_plot(preview: MakePreview, metric: MakeMetric) -> None:
    made = preview(metric(*({**GAUGE, "name": f"m{at}"} for at in range(MAX_PANELS + 1))))
    with pytest.raises(PreviewError, match="13 metrics are too many for a plot, which takes 12: choose with --metric from m0, m1,"):
        panels(made.series([START]), [START])
    made = preview(metric(POD | {"labels": LABELS}), pods=tuple(f"pod-{at}" for at in range(MAX_LINES + 1)))
    with pytest.raises(PreviewError, match="p_bytes has 21 lines, and a plot takes 20 for a metric: give fewer pods"):
        panels(made.series([START]), [START])
    with pytest.raises(PreviewError, match="there is nothing to plot"):
        panels({}, [START])


def test_as_json(preview: MakePreview, metric: MakeMetric) -> None:
    odd = {"name": "b", "kind": "gauge", "value": "1.0 / 0.0"}
    made = preview(metric(POD | {"labels": LABELS}, odd))
    moments = [START, START + SECOND // 2]
    assert as_json(made.series(moments)) == [
        {
            "path": "/metrics/nodes/node-0/metrics",
            "kind": "gauge",
            "name": "p_bytes",
            "labels": {"namespace": "default", "pod": "pod-0"},
            "points": [[1_767_225_600, 1.0], [1_767_225_600.5, 1.0]],
        },
        {
            "path": "/metrics/nodes/node-0/metrics",
            "kind": "gauge",
            "name": "b",
            "labels": {},
            "points": [[1_767_225_600, "+Inf"], [1_767_225_600.5, "+Inf"]],
        },
    ]


def test_as_csv(preview: MakePreview, metric: MakeMetric) -> None:
    late = {**GAUGE, "value": "1 / int(SinceSecond(node) / 60.0)"}
    made = preview(metric(late, POD | {"labels": LABELS}))
    assert as_csv(made.series(minutes(2)), minutes(2)) == (
        'time,"p_bytes{namespace=""default"",pod=""pod-0""}",a\n2026-01-01T00:00:00Z,1,\n2026-01-01T00:01:00Z,1,1\n'
    )
    several = preview(metric(GAUGE), metric(GAUGE, name="n", path="/metrics/nodes/{nodeName}/x"))
    assert as_csv(several.series([START]), [START]).splitlines()[0] == ("time,/metrics/nodes/node-0/metrics a,/metrics/nodes/node-0/x a")


def test_a_preview_of_one_series_is_a_trace(preview: MakePreview, usage: MakeUsage) -> None:
    made = preview(usage('Ramp("0", "1", pod.metadata.creationTimestamp, "10m")'), chosen=["node_usage_cpu_cores"])
    trace = parse_trace(as_csv(made.series(minutes(11)), minutes(11)), repeats=False)
    assert trace.value(START + 150 * SECOND) == pytest.approx(0.25)
