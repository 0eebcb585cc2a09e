# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""An endpoint: what is answered when a node is scraped.

Families stand in the order in which the Metric first names them, and series in the order of the pods and their containers. A family
without series is left out. Labels are sorted by name, with `le` last, as Prometheus' client for Go has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from kwok_controller.exposition.failures import Failure, Failures
from kwok_controller.exposition.formats import Format
from kwok_controller.exposition.language import Object
from kwok_controller.exposition.memory import Memory
from kwok_controller.exposition.series import LEFT_OUT, Series

_EOF: Final = "# EOF\n"


class Family(NamedTuple):
    """The metrics of one name.

    Attributes:
        heads: What stands before its series, by format.
        series: Its metrics.
    """

    heads: dict[Format, str]
    series: list[Series]


class Scrape(NamedTuple):
    """An answer.

    Attributes:
        body: The exposition.
        failures: What is not in there, and why.
    """

    body: bytes
    failures: list[Failure]


class Endpoint:
    """A compiled Metric."""

    def __init__(self, families: Sequence[Family], memory: Memory) -> None:
        self._families = families
        self._memory = memory

    def render(self, node: Object, pods: Sequence[Object], format: Format = Format.TEXT) -> Scrape:
        """What a scrape of a node with its pods is answered."""
        targets = self._memory.targets(node, pods)
        failures = Failures()
        out: list[str] = []
        for heads, metrics in self._families:
            out.append(heads[format])
            before = len(out)
            seen = {LEFT_OUT}
            for series in metrics:
                series.write(out, targets[series.dimension], format, seen, failures)
            if len(out) == before:
                out.pop()
        if format is Format.OPENMETRICS:
            out.append(_EOF)
        # Half of a surrogate pair, which an expression could write down, has no UTF-8.
        return Scrape("".join(out).encode("utf-8", "replace"), failures.found())

    def forget(self, node: str) -> None:
        """Nothing needs to be remembered of a node, by its name, as it is gone."""
        self._memory.forget(node)

    @property
    def remembered(self) -> int:
        """Of how many pods something is remembered."""
        return len(self._memory)
