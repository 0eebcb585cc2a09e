# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""How long things take: distributions of durations, checked and drawn from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from kwok_controller.api.workload_trace import TraceLatency
from kwok_controller.exposition.problems import Problem, error
from kwok_controller.usage.amounts import span_ns
from kwok_controller.workload_traces.draws import Draws

LONGEST_NS: Final = 60 * 10**9
"""No duration is longer: traces are held back until they have ended."""

_LONGEST: Final = "1m"
# The 99th percentile of the standard normal distribution.
_Z99: Final = 2.3263478740408408

_FIELDS: Final = ("median", "p99", "min", "max")
# What each distribution needs, and what it may have beside.
_NEEDED: Final = {"constant": {"median"}, "uniform": {"min", "max"}, "exponential": {"median"}, "lognormal": {"median", "p99"}}
_ALLOWED: Final[dict[str, set[str]]] = {"constant": set(), "uniform": set(), "exponential": {"min", "max"}, "lognormal": {"min", "max"}}
_REMEDIES: Final = {"p99": ", or make the distribution constant"}


class Latency:
    """A distribution of durations, in nanoseconds.

    Args:
        given: as an object has it, without problems; None: no time at all.
    """

    __slots__ = ("_distribution", "_high", "_low", "_scale", "_spread")

    def __init__(self, given: TraceLatency | None) -> None:
        given = given or TraceLatency(distribution="constant", median="0s")
        values = _values(given)
        self._distribution = given.distribution
        self._low, self._high = values.get("min", 0), values.get("max", LONGEST_NS)
        # Of lognormal the median, and the standard deviation of the logarithm.
        self._scale = float(values.get("median", 0))
        self._spread = math.log(values["p99"] / values["median"]) / _Z99 if given.distribution == "lognormal" else 0.0

    def draw(self, draws: Draws) -> int:
        """A duration."""
        match self._distribution:
            case "constant":
                return int(self._scale)
            case "uniform":
                return self._low + int(draws.unit() * (self._high - self._low))
            case "exponential":
                drawn = self._scale / math.log(2.0) * draws.exponential()
            case _:
                drawn = self._scale * math.exp(self._spread * draws.normal())
        return max(self._low, int(min(drawn, self._high)))


def check_latency(given: TraceLatency, field: str) -> Iterator[Problem]:
    """What is wrong with a distribution.

    Args:
        given: as an object has it.
        field: where it stands.
    """
    distribution = given.distribution
    values = _values(given)
    needed = _NEEDED[distribution]
    for name in _FIELDS:
        if name in needed and name not in values:
            yield error("latency", f"{field}.{name}", f"is missing: {distribution} needs it; give one{_REMEDIES.get(name, '')}")
        elif name in values and name not in needed | _ALLOWED[distribution]:
            yield error("latency", f"{field}.{name}", f"is not for {distribution}: leave it out, or take another distribution")
        elif values.get(name, 0) > LONGEST_NS:
            yield error("latency", f"{field}.{name}", f"{getattr(given, name)} is longer than {_LONGEST}, the longest that there is")
    if distribution in ("exponential", "lognormal") and values.get("median") == 0:
        yield error("latency", f"{field}.median", f"is no time at all, of which there is no {distribution} distribution")
    for less, more in (("median", "p99"), ("min", "max"), ("min", "median"), ("median", "max")):
        if values.get(less, 0) > values.get(more, LONGEST_NS) and {less, more} <= values.keys():
            yield error("latency", f"{field}.{more}", f"{getattr(given, more)} is less than {less}, {getattr(given, less)}")


def _values(given: TraceLatency) -> dict[str, int]:
    return {name: span_ns(value) for name in _FIELDS if (value := getattr(given, name)) is not None}
