# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The traces that begin within a second.

Requests come as a Poisson process. Those that would make more spans than are allowed are left out, evenly over the second and over all
operations; the traces of the others are whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from kwok_controller.expressions.cel import CelError
from kwok_controller.workload_traces.draws import Draws, key_of
from kwok_controller.workload_traces.pods import Instance
from kwok_controller.workload_traces.profile import Profile, Service, Traffic
from kwok_controller.workload_traces.walk import Span, Walk

SLOT_NS: Final = 10**9

Instances = Mapping[Service, Sequence[Instance]]


class Trace(NamedTuple):
    """A trace.

    Attributes:
        spans: all of it.
        end_ns: when the last span ends, since 1970.
    """

    spans: list[Span]
    end_ns: int


class _Arrival(NamedTuple):
    """A request."""

    start_ns: int
    kept: float
    key: bytes
    traffic: Traffic
    instance: Instance


class Slot:
    """A second of an object.

    Args:
        profile: the object's.
        identity: of the object: its namespace and name.
        seed: of the whole simulation.
        number: the second, since 1970.
        instances: those of each service that are ready, sorted by name.
        owns: whether the traces that begin on a node are ours; others are somebody else's to make.

    Attributes:
        requests: that came, with those that were left out.
        left_out: requests that were left out.
        calls_left_out: calls that were left out in the traces that were made.
        failures: rates that could not be evaluated: where they stand, and why.
    """

    def __init__(
        self, profile: Profile, identity: str, seed: int, number: int, instances: Instances, owns: Callable[[str], bool] = lambda node: True
    ) -> None:
        self.requests = self.left_out = self.calls_left_out = 0
        self.failures: list[tuple[str, str]] = []
        self._profile = profile
        self._instances = instances
        self._owns = owns
        self._start_ns = number * SLOT_NS
        self._key = (seed, identity, number)

    def traces(self, most: int) -> Iterator[Trace]:
        """Make the traces, one after the other, in the order in which they begin.

        Args:
            most: spans that there may be in all, for everybody who makes some of them.
        """
        rates = self._rates(most)
        expected = sum(rate * self._profile.expected_size(traffic.operation) for traffic, rate in rates)
        share = min(1.0, most / expected) if expected else 1.0
        left = most
        for arrival in sorted(self._arrivals(rates)):
            if arrival.kept >= share:
                self.left_out += 1
                continue
            walk = Walk(self._profile, self._instances, Draws(arrival.key))
            walk.begin(arrival.traffic.operation, arrival.instance, arrival.start_ns)
            if len(walk.spans) > left:
                self.left_out += 1
                continue
            left -= len(walk.spans)
            self.calls_left_out += walk.calls_left_out
            yield Trace(walk.spans, max(span.end_ns for span in walk.spans))

    def _rates(self, most: int) -> list[tuple[Traffic, float]]:
        """Requests to expect, of each kind; in all no more than could be traced, even if each made a single span."""
        rates = []
        for traffic in self._profile.traffic:
            replicas = len(self._instances[traffic.operation.service])
            if replicas:
                rate = self._rate(traffic)
                rates.append((traffic, rate * replicas if traffic.per_replica else rate))
        total = sum(rate for _, rate in rates)
        if total <= most:
            return rates
        beyond = round((1 - most / total) * sum(rate * self._owned(traffic) for traffic, rate in rates))
        self.requests += beyond
        self.left_out += beyond
        return [(traffic, rate * most / total) for traffic, rate in rates]

    def _owned(self, traffic: Traffic) -> float:
        """Which part of the requests is ours."""
        instances = self._instances[traffic.operation.service]
        return sum(self._owns(instance.node) for instance in instances) / len(instances)

    def _rate(self, traffic: Traffic) -> float:
        try:
            return traffic.rate.at(self._start_ns, f"{self._key[1]}/{_name(traffic)}")
        except CelError as error:
            self.failures.append((traffic.field, str(error)))
            return 0.0

    def _arrivals(self, rates: Sequence[tuple[Traffic, float]]) -> Iterator[_Arrival]:
        for traffic, rate in rates:
            key = key_of(*self._key, _name(traffic))
            instances = self._instances[traffic.operation.service]
            draws = Draws(key)
            gap = SLOT_NS / rate if rate else float("inf")
            at, number = draws.exponential() * gap, 0
            while at < SLOT_NS:
                kept, chosen = draws.unit(), instances[int(draws.unit() * len(instances))]
                if self._owns(chosen.node):
                    self.requests += 1
                    yield _Arrival(self._start_ns + int(at), kept, key_of(key.hex(), number), traffic, chosen)
                at += draws.exponential() * gap
                number += 1


def _name(traffic: Traffic) -> str:
    operation = traffic.operation
    return f"{operation.service.name}/{operation.destination}"
