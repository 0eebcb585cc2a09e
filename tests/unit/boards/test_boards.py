# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What boards are made of, and that each of those that ship can work."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ansible_collections.kwok.sim.boards.__main__ import BOARDS, outdated, wanted
from ansible_collections.kwok.sim.boards.parts import Board, Number, Panel, Row, Variable, as_json, layout_faults, queries, zero_unless

VARIABLE = re.compile(r"\$\{?(\w+)")
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)


def made(board: Board) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(as_json(board))
    return document


def small(*panels: Panel) -> Board:
    return Board("small", "Small", "A board.", (Row("Row", panels),), (Variable("node", "Node", "label_values(up, node)"),))


def test_a_panel_becomes_what_grafana_reads() -> None:
    panel = Panel("CPU", "What is used.", queries(('up{node=~"$node"}', "{{node}}")), unit="cores", width=24, limit=5)
    row, shown = made(small(panel))["panels"]
    assert (row["type"], row["title"]) == ("row", "Row")
    assert (shown["type"], shown["title"], shown["description"]) == ("timeseries", "CPU", "What is used.")
    assert shown["targets"] == [
        {
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "exemplar": False,
            "expr": 'up{node=~"$node"}',
            "instant": False,
            "legendFormat": "{{node}}",
            "range": True,
            "refId": "A",
        }
    ]
    assert shown["fieldConfig"]["defaults"]["unit"] == "cores"
    assert shown["fieldConfig"]["defaults"]["thresholds"]["steps"] == [{"color": "green", "value": None}, {"color": "red", "value": 5}]
    assert shown["gridPos"] == {"h": 8, "w": 24, "x": 0, "y": 1}


def test_a_limit_can_be_one_to_be_kept() -> None:
    number = Number("Up", "Is up.", queries(("up", "up")), limit=1, low=True)
    shown = made(small(number))["panels"][1]
    assert shown["type"] == "stat"
    assert [step["color"] for step in shown["fieldConfig"]["defaults"]["thresholds"]["steps"]] == ["red", "green"]


def test_variables_begin_with_all_values() -> None:
    datasource, node = made(small())["templating"]["list"]
    assert (datasource["type"], datasource["current"]["value"]) == ("datasource", "kwok-sim-prometheus")
    assert (node["query"], node["multi"], node["includeAll"], node["allValue"]) == ("label_values(up, node)", True, True, ".*")
    assert node["current"]["value"] == ["$__all"]


def test_rows_that_leave_a_gap_are_told() -> None:
    assert layout_faults(small(Panel("a", "a.", (), width=12))) == ["Row"]
    assert layout_faults(small(Panel("a", "a.", (), width=16), Panel("b", "b.", (), width=16))) != []
    assert layout_faults(small(Panel("a", "a.", (), width=12), Panel("b", "b.", (), width=12))) == []


def test_nothing_is_zero_only_while_something_is_there() -> None:
    assert zero_unless("sum(x)", "max(up)") == "(sum(x) or vector(0)) and on () (max(up))"


def test_files_that_are_not_as_they_would_be_are_told(tmp_path: Any) -> None:
    texts = wanted()
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert outdated(tmp_path) == []
    first, second, *_others = texts
    (tmp_path / first).write_text("{}")
    (tmp_path / second).unlink()
    (tmp_path / "other.json").write_text("{}")
    assert outdated(tmp_path) == sorted([first, second, "other.json"])


@each_board
def test_rows_are_full(board: Board) -> None:
    assert layout_faults(board) == []


@each_board
def test_titles_are_there_once(board: Board) -> None:
    for row in board.rows:
        titles = [panel.title for panel in row.panels]
        assert len(set(titles)) == len(titles), row.title


@each_board
def test_every_panel_says_what_it_shows(board: Board) -> None:
    for panel in board.panels:
        assert panel.queries, panel.title
        assert panel.description.endswith("."), panel.title
        assert all(query.legend for query in panel.queries), panel.title


@each_board
def test_every_variable_is_used_and_there(board: Board) -> None:
    names = [variable.name for variable in board.variables]
    used = {name for panel in board.panels for query in panel.queries for name in VARIABLE.findall(query.expr)} - {"__rate_interval"}
    assert used == set(names)
    # A variable may follow from those before it.
    for at, variable in enumerate(board.variables):
        assert set(VARIABLE.findall(variable.query)) <= set(names[:at])


@each_board
def test_ids_are_given_once(board: Board) -> None:
    ids = [panel["id"] for panel in made(board)["panels"]]
    assert len(set(ids)) == len(ids) > 0


@each_board
def test_exemplars_are_asked_of_histograms_alone(board: Board) -> None:
    for panel in board.panels:
        for query in panel.queries:
            assert not query.exemplars or "_bucket" in query.expr, panel.title
