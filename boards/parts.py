# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What boards are made of, so that all of them look and work alike.

A panel is given as a value: its title, its queries, its unit and a description that says what one sees. `board` puts panels into rows. What
stays of Grafana's own vocabulary is in this file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as dashboard_builders
from grafana_foundation_sdk.builders import prometheus, stat, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common, dashboard

WIDTH = 24
"""Columns of a board."""

TAG = "kwok-sim"
"""Has every board find the others."""

PROMETHEUS_UID = "kwok-sim-prometheus"
"""The datasource that the role provisions. A board can be shown with another one: it is a variable."""

_DATASOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")


@dataclass(frozen=True)
class Query:
    """What a panel asks Prometheus.

    Attributes:
        expr: in PromQL, with Grafana's variables.
        legend: of a series, with ``{{label}}``.
        exemplars: whether those of its histogram are shown, each a link to a trace.
    """

    expr: str
    legend: str
    exemplars: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: what it shows.
        description: what that means, in a sentence or two.
        queries: what it shows of, each with its series.
        unit: of the values, as Grafana names units.
        width: of `WIDTH` columns.
        limit: where a value begins to be a reason to look, drawn as a line or a colour; ``None``: there is no such value.
        low: the limit is one that a value should not be below.
        stacked: series are put on top of each other.
        minimum: of the axis; ``None``: that of the values.
    """

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 8
    limit: float | None = None
    low: bool = False
    stacked: bool = False
    minimum: float | None = 0.0


@dataclass(frozen=True)
class Number(Panel):
    """A panel that shows the newest value large."""

    width: int = 4


@dataclass(frozen=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """What a user of the board chooses: values of a label, any number of them, at first all.

    Attributes:
        name: in queries, as ``$name``.
        title: beside the choice.
        query: where the values come from, as ``label_values(SERIES, LABEL)``.
    """

    name: str
    title: str
    query: str


@dataclass(frozen=True)
class Board:
    """A board.

    Attributes:
        uid: by which it is known for good; its file has the same name.
        title: of it.
        description: in a sentence or two.
        rows: of panels.
        variables: beside that of the datasource.
    """

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = field(default=())

    @property
    def panels(self) -> list[Panel]:
        """All of its panels."""
        return [panel for row in self.rows for panel in row.panels]


def as_json(board: Board) -> str:
    """The board as Grafana reads it: the same text each time."""
    built = _dashboard(board).build()
    # The builder gives no ids, and without them Grafana could not tell panels apart in links.
    for number, panel in enumerate(built.panels or (), start=1):
        panel.id_val = number
    return json.dumps(built, cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _dashboard(board: Board) -> dashboard_builders.Dashboard:
    made = (
        dashboard_builders.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([TAG])
        .time("now-30m", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .with_variable(
            dashboard_builders.DatasourceVariable("datasource")
            .label("Prometheus")
            .type("prometheus")
            .current(dashboard.VariableOption(text=PROMETHEUS_UID, value=PROMETHEUS_UID))
        )
        .annotation(
            dashboard_builders.AnnotationQuery()
            .name("Alerts")
            .datasource(_DATASOURCE)
            .enable(True)
            .icon_color("red")
            .expr('max by (alertname, severity) (ALERTS{alertstate="firing"})')
        )
        .link(
            dashboard_builders.DashboardLink("kwok.sim")
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
        )
    )
    for variable in board.variables:
        made.with_variable(
            dashboard_builders.QueryVariable(variable.name)
            .label(variable.title)
            .datasource(_DATASOURCE)
            .query(variable.query)
            .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(dashboard.VariableSort.NATURAL_ASC)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(dashboard.VariableOption(text=["All"], value=["$__all"]))
        )
    for row in board.rows:
        made.with_row(dashboard_builders.Row(row.title))
        for panel in row.panels:
            made.with_panel(_number(panel) if isinstance(panel, Number) else _lines(panel))
    return made


def _lines(panel: Panel) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(_DATASOURCE)
        .unit(panel.unit)
        .span(panel.width)
        .height(8)
        .targets(_targets(panel))
        .line_width(1)
        .fill_opacity(30 if panel.stacked else 8)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull"])
        )
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    )
    if panel.minimum is not None:
        made.min(panel.minimum)
    if panel.stacked:
        made.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    if panel.limit is not None:
        made.thresholds(_thresholds(panel)).thresholds_style(
            common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        )
    return made


def _number(panel: Panel) -> stat.Panel:
    made = (
        stat.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(_DATASOURCE)
        .unit(panel.unit)
        .span(panel.width)
        .height(4)
        .targets(_targets(panel))
        .graph_mode(common.BigValueGraphMode.AREA)
        .color_mode(common.BigValueColorMode.VALUE if panel.limit is not None else common.BigValueColorMode.NONE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    return made if panel.limit is None else made.thresholds(_thresholds(panel))


def _thresholds(panel: Panel) -> dashboard_builders.ThresholdsConfig:
    below, above = ("red", "green") if panel.low else ("green", "red")
    return (
        dashboard_builders.ThresholdsConfig()
        .mode(dashboard.ThresholdsMode.ABSOLUTE)
        .steps([dashboard.Threshold(value=None, color=below), dashboard.Threshold(value=panel.limit, color=above)])
    )


def _targets(panel: Panel) -> list[Builder[Dataquery]]:
    return [
        prometheus.Dataquery()
        .ref_id(chr(ord("A") + at))
        .datasource(_DATASOURCE)
        .expr(query.expr)
        .legend_format(query.legend)
        .range()
        .exemplar(query.exemplars)
        for at, query in enumerate(panel.queries)
    ]


def queries(*pairs: tuple[str, str]) -> tuple[Query, ...]:
    """Queries from expressions and legends."""
    return tuple(Query(expr, legend) for expr, legend in pairs)


def zero_unless(expr: str, there: str) -> str:
    """What an expression gives, and 0 where it gives nothing because nothing of the sort has happened: as long as `there` has series."""
    return f"({expr} or vector(0)) and on () ({there})"


def layout_faults(board: Board) -> Sequence[str]:
    """Rows whose panels leave a gap, by title."""
    faults = []
    for row in board.rows:
        at = 0
        for panel in row.panels:
            if at + panel.width > WIDTH:
                faults.append(row.title)
            at = (at + panel.width) % WIDTH
        if at:
            faults.append(row.title)
    return faults
