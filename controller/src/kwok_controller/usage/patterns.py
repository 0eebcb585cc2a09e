# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Named courses of usage, as functions of time, and as functions of CEL.

In an expression of a usage: `Constant("250m")`, `Ramp("100m", "2", pod.metadata.creationTimestamp, "10m")`, `Wave("1", "500m")`,
`Spike("100m", "2", "1h", "5m")`, `Noise("500m", "50m")`, `Trace("monday")`. Amounts are numbers, quantities or the texts of quantities;
durations are those of CEL or texts such as 1h30m; times are timestamps or RFC 3339. All give doubles, so that they can be added.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from kwok_controller.expressions.cel import CelRuntimeError, Overload
from kwok_controller.usage.amounts import amount, span_ns, time_ns
from kwok_controller.usage.traces import Trace

DAY_NS: Final = 24 * 3600 * 10**9
NOISE_STEP_NS: Final = 10 * 10**9
_WORD: Final = 1 << 64


class Moment:
    """What an expression is evaluated for: bound before it is, read by the functions.

    Args:
        seed: of the whole simulation.

    Attributes:
        now_ns: the time.
        key: the usage: of which resource of which container.
        drawn: how many numbers `random` has given.
    """

    __slots__ = ("drawn", "key", "now_ns", "seed")

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.bind(0, "")

    def bind(self, now_ns: int, key: str, drawn: int = 0) -> None:
        """From now on, this time and this usage, of whose chance so much is drawn."""
        self.now_ns = now_ns
        self.key = key
        self.drawn = drawn

    def now(self) -> int:
        """The time, for `Now`."""
        return self.now_ns

    def random(self) -> float:
        """Evenly from 0 to below 1, for `Rand`: the same for the same seed, usage and time, and another one for each call."""
        self.drawn += 1
        return _hashes(f"rand/{self.seed}/{self.drawn}/{self.now_ns}/{self.key}", 1)[0] / _WORD


def constant(value: float) -> float:
    """`value`, always."""
    return value


def ramp(first: float, last: float, start_ns: int, duration_ns: int, now_ns: int) -> float:
    """`first` until `start`, then straight to `last`, which it reaches after `duration` and keeps: up or down.

    first + (last - first) · min(1, max(0, (now - start) / duration))
    """
    if now_ns < start_ns:
        return first
    gone = now_ns - start_ns
    return last if gone >= duration_ns else first + (last - first) * (gone / duration_ns)


def wave(mean: float, amplitude: float, period_ns: int, phase_ns: int, now_ns: int) -> float:
    """A sine: `mean` and rising at `phase` after midnight UTC of 1970-01-01, highest a quarter of a period later.

    mean + amplitude · sin(2π · (now - phase) / period)
    """
    return mean + amplitude * math.sin(2 * math.pi * ((now_ns - phase_ns) % period_ns / period_ns))


def spike(base: float, peak: float, every_ns: int, length_ns: int, now_ns: int) -> float:
    """`peak` for `length` at the beginning of each span of `every`, which are counted from 1970; `base` between.

    peak where now mod every < length, base otherwise
    """
    return peak if now_ns % every_ns < length_ns else base


def noise(mean: float, deviation: float, step_ns: int, now_ns: int, seed: int, key: str) -> float:
    """Around `mean`, with `deviation` as standard deviation and never further than three of them, another value for each `step`.

    mean + deviation · (u₁ + u₂ + u₃), with u evenly from -1 to 1: hashes of the seed, the key and ⌊now / step⌋
    """
    drawn = sum(_hashes(f"noise/{seed}/{now_ns // step_ns}/{key}", 3))
    return mean + deviation * (drawn / (_WORD / 2) - 3)


def _hashes(text: str, count: int) -> list[int]:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8 * count).digest()
    return [int.from_bytes(digest[at : at + 8], "little") for at in range(0, 8 * count, 8)]


def pattern_functions(moment: Moment, traces: Mapping[str, Trace]) -> dict[str, Sequence[Overload]]:
    """The patterns as functions of CEL, for `compile_cel_over`.

    Args:
        moment: for which time and usage; bound before each evaluation.
        traces: by the names that `Trace` is given.
    """

    def ramp_(first: Any, last: Any, start: Any, duration: Any) -> float:
        return ramp(amount(first), amount(last), time_ns(start), _span("Ramp", "duration", duration, least=0), moment.now_ns)

    def wave_(mean: Any, amplitude: Any, period: Any = None, phase: Any = None) -> float:
        period_ns = DAY_NS if period is None else _span("Wave", "period", period)
        return wave(amount(mean), amount(amplitude), period_ns, 0 if phase is None else span_ns(phase), moment.now_ns)

    def spike_(base: Any, peak: Any, every: Any, length: Any) -> float:
        every_ns, length_ns = _span("Spike", "time between spikes", every), _span("Spike", "length", length, least=0)
        return spike(amount(base), amount(peak), every_ns, length_ns, moment.now_ns)

    def noise_(mean: Any, deviation: Any, step: Any = None) -> float:
        step_ns = NOISE_STEP_NS if step is None else _span("Noise", "step", step)
        return noise(amount(mean), amount(deviation), step_ns, moment.now_ns, moment.seed, moment.key)

    def trace_(name: str, start: Any = None) -> float:
        trace = traces.get(name)
        if trace is None:
            known = f"there are {', '.join(sorted(traces))}" if traces else "the configuration has none"
            raise CelRuntimeError(f"there is no trace {name[:40]!r}: {known}")
        if start is None:
            if not trace.absolute and not trace.repeats:
                raise CelRuntimeError(
                    f"the trace {name!r} counts from its beginning and does not repeat: say when it begins, Trace(name, time)"
                )
            return trace.value(moment.now_ns)
        if trace.absolute:
            raise CelRuntimeError(f"the trace {name!r} has times of a calendar: it takes no time at which it begins")
        return trace.value(moment.now_ns - time_ns(start))

    return {
        "Constant": _forms(lambda value: constant(amount(value)), ("amount",)),
        "Ramp": _forms(ramp_, ("amount", "amount", "time", "duration")),
        "Wave": _forms(wave_, ("amount", "amount"), ("amount", "amount", "duration"), ("amount", "amount", "duration", "duration")),
        "Spike": _forms(spike_, ("amount", "amount", "duration", "duration")),
        "Noise": _forms(noise_, ("amount", "amount"), ("amount", "amount", "duration")),
        "Trace": _forms(trace_, ("string",), ("string", "time")),
    }


def _forms(call: Any, *parameters: tuple[str, ...]) -> list[Overload]:
    return [Overload(each, call, "double") for each in parameters]


def _span(function: str, what: str, value: Any, least: int = 1) -> int:
    span = span_ns(value)
    if span < least:
        raise CelRuntimeError(f"{function}: the {what} is {'not above zero' if least else 'below zero'}")
    return span
