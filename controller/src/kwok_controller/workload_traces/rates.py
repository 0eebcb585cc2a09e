# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""How many requests come in a second: fixed, or an expression that may name the patterns of usages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kwok_controller.api.workload_trace import TraceRate
from kwok_controller.expressions.cel import CelRuntimeError, ProgramOver, as_double, compile_cel_over
from kwok_controller.usage.amounts import amount
from kwok_controller.usage.check import wrong_kind
from kwok_controller.usage.patterns import Moment, pattern_functions
from kwok_controller.usage.traces import Trace

HIGHEST: Final = 10_000.0
"""Requests in a second: no rate is higher."""


class Clockwork:
    """What expressions are compiled and evaluated with. Not for use by several threads.

    Args:
        seed: of what looks like chance.
        traces: for the function `Trace`, by name.
    """

    def __init__(self, seed: int, traces: Mapping[str, Trace] | None = None) -> None:
        self._moment = Moment(seed)
        self._functions = pattern_functions(self._moment, traces or {})

    def compile(self, source: str) -> ProgramOver:
        """Compiles an expression.

        Raises:
            CelSyntaxError: it is none.
        """
        return compile_cel_over(source, {}, self._functions, now=self._moment.now, random=self._moment.random)

    def evaluate(self, program: ProgramOver, now_ns: int, key: str) -> float:
        """What an expression gives at a moment, for what is so called.

        Raises:
            CelError: it fails, or gives no number.
        """
        self._moment.bind(now_ns, key)
        return as_double(program())


class Rate:
    """A rate.

    Args:
        given: as an object has it.
        clockwork: for its expression.

    Attributes:
        program: what gives it; None where it is fixed.

    Raises:
        CelError: the expression is none or gives no number, or the value is no rate.
    """

    __slots__ = ("_clockwork", "_value", "program")

    def __init__(self, given: TraceRate, clockwork: Clockwork) -> None:
        self._clockwork = clockwork
        self._value = 0.0
        self.program: ProgramOver | None = None
        if given.value is not None:
            self._value = _checked(amount(given.value))
        elif given.expression is not None:
            self.program = clockwork.compile(given.expression)
            if message := wrong_kind(self.program.kind):
                raise CelRuntimeError(message)

    def at(self, now_ns: int, key: str) -> float:
        """Requests in a second at a moment; less than none is none.

        Args:
            now_ns: when.
            key: what it is the rate of: noise is another one for each.

        Raises:
            CelError: the expression fails, or gives what is no rate.
        """
        if self.program is None:
            return self._value
        return _checked(max(0.0, self._clockwork.evaluate(self.program, now_ns, key)))


def _checked(value: float) -> float:
    # Not a number is not between, either.
    if not 0 <= value <= HIGHEST:
        raise CelRuntimeError(f"{value:g} requests in a second are {'too many' if value > 0 else 'no rate'}: give 0 to {HIGHEST:g}")
    return value
