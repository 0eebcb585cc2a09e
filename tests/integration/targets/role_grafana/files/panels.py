# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask a Prometheus what every panel of every board would, as Grafana does, and say which of them would stay empty.

Usage: ``panels.py PROMETHEUS_URL DIRECTORY [SECONDS]``. Asks again for so long until everything has data. Prints JSON: how many boards,
panels, queries and values of variables there are, and what is empty; the exit code is 1 if anything is.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

WINDOW = 300  # seconds that a panel shows
STEP = 5
# What Grafana makes of $__rate_interval: four times the interval of the datasource, which here is that of all scrapes.
RATE_INTERVAL = "20s"
TRIED = 30  # values of a variable, one after the other

_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")
_LABEL_VALUES = re.compile(r"label_values\((.+),\s*(\w+)\)")


class Asked(NamedTuple):
    """A query of a panel.

    Attributes:
        board: its title.
        panel: its title.
        legend: of the series, with ``{{label}}``.
        expr: with variables.
    """

    board: str
    panel: str
    legend: str
    expr: str

    def uses(self, variable: str) -> bool:
        """Whether a variable is in it."""
        return variable in variables_in(self.expr)


def variables_in(text: str) -> set[str]:
    """Names of the variables in a text."""
    return {first or second for first, second in _VARIABLE.findall(text)}


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with its variables replaced.

    Raises:
        KeyError: it names one that there is not.
    """
    known = {"__rate_interval": RATE_INTERVAL, **values}
    return _VARIABLE.sub(lambda match: known[match[1] or match[2]], text)


def escaped(value: str) -> str:
    """A value of a variable as Grafana puts it into a regular expression, within a string of PromQL."""
    return re.escape(value).replace("\\", "\\\\")


def asked(board: Mapping[str, Any]) -> Iterator[Asked]:
    """All queries of a board."""
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield Asked(board["title"], panel["title"], target["legendFormat"], target["expr"])


def everything(board: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a board but that of the datasource, each as it is when all of its values are chosen."""
    return {item["name"]: item["allValue"] for item in board["templating"]["list"] if item["type"] == "query"}


class Prometheus:
    """Its API."""

    def __init__(self, url: str) -> None:
        self._url = url

    def _get(self, path: str, **parameters: Any) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self._url}{path}?{query}", timeout=30) as response:
            return json.load(response)["data"]

    def series(self, expr: str, *, window: float = WINDOW, step: float = STEP) -> list[dict[str, Any]]:
        """Series of an expression over the last seconds, those with a number at least: a panel shows nothing else."""
        now = time.time()
        found = self._get("/api/v1/query_range", query=expr, start=now - window, end=now, step=step)["result"]
        return [each for each in found if any(math.isfinite(float(value)) for _when, value in each["values"])]

    def values(self, query: str) -> list[str]:
        """Values of a variable."""
        match = _LABEL_VALUES.fullmatch(query)
        if match is None:
            raise ValueError(f"{query} is no label_values(SERIES, LABEL)")
        found: list[str] = self._get(f"/api/v1/label/{match[2]}/values", **{"match[]": match[1], "start": time.time() - WINDOW})
        return found


class Check:
    """Everything that is to be found out; what has been, is not asked again."""

    def __init__(self, prometheus: Prometheus, boards: list[dict[str, Any]]) -> None:
        self._prometheus = prometheus
        self._boards = boards
        self.values: dict[str, int] = {}
        self.queries: set[Asked] = set()
        self._done: set[tuple[Asked, str]] = set()

    def empty(self) -> list[str]:
        """What is without data, for people."""
        found: list[str] = []
        for board in self._boards:
            chosen, choices = everything(board), self._choices(board)
            for name, values in choices.items():
                self.values[f"{board['title']}: {name}"] = len(values)
                if not values:
                    found.append(f"{board['title']}: the variable {name} has no values")
            for query in asked(board):
                self.queries.add(query)
                if not self._has_data(query, "", [chosen]):
                    found.append(f"{query.board}: {query.panel}: {query.expr}")
                for name, values in choices.items():
                    singles = [{**chosen, name: escaped(each)} for each in values[:TRIED]]
                    if query.uses(name) and not self._has_data(query, name, singles):
                        found.append(f"{query.board}: {query.panel}: with no single value of {name}: {query.expr}")
        return found

    def _choices(self, board: Mapping[str, Any]) -> dict[str, list[str]]:
        chosen = everything(board)
        return {
            item["name"]: self._prometheus.values(filled(item["query"], chosen))
            for item in board["templating"]["list"]
            if item["type"] == "query"
        }

    def _has_data(self, query: Asked, variable: str, choices: list[dict[str, str]]) -> bool:
        """Whether a query has data with one of some choices."""
        if (query, variable) not in self._done and any(self._prometheus.series(filled(query.expr, each)) for each in choices):
            self._done.add((query, variable))
        return (query, variable) in self._done


def read_boards(directory: Path) -> list[dict[str, Any]]:
    """The boards in a directory and those below it."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(directory.rglob("*.json"))]


def main() -> int:
    """0 when everything has data."""
    boards = read_boards(Path(sys.argv[2]))
    end = time.monotonic() + (float(sys.argv[3]) if len(sys.argv) > 3 else 0)
    check = Check(Prometheus(sys.argv[1]), boards)
    while (empty := check.empty()) and time.monotonic() < end:
        time.sleep(5)
    panels = [panel for board in boards for panel in board["panels"] if panel["type"] != "row"]
    result = {"boards": len(boards), "panels": len(panels), "queries": len(check.queries), "values": check.values, "empty": empty}
    print(json.dumps(result, indent=1, ensure_ascii=False))
    return 1 if empty or not boards else 0


if __name__ == "__main__":
    sys.exit(main())
