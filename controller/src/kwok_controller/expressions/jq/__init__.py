# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""jq queries, with the semantics of gojq, which the Go kwok uses.

query = compile_jq('.status.conditions.[] | select(.type == "Ready") | .status')
query(node)                                                             # ["True"]

A query is compiled once into Python closures. Nothing that a query says can take unbounded time or memory: see `Limits`.
"""

from __future__ import annotations

from typing import Any

from kwok_controller.expressions.jq.builtins import BUILTINS
from kwok_controller.expressions.jq.code import Code
from kwok_controller.expressions.jq.compile import Compiler, Scope
from kwok_controller.expressions.jq.definitions import definition
from kwok_controller.expressions.jq.errors import JqBreak, JqError, JqLimitError, JqRuntimeError, JqSyntaxError
from kwok_controller.expressions.jq.limits import DEFAULT_LIMITS, Limits, Run
from kwok_controller.expressions.jq.parser import parse

__all__ = ["JqError", "JqLimitError", "JqSyntaxError", "Limits", "Query", "compile_jq"]


class Query:
    """A compiled query.

    Attributes:
        source: what it was compiled from.
    """

    __slots__ = ("_batch", "_code", "_limits", "_names", "source")

    def __init__(self, source: str, code: Code, limits: Limits) -> None:
        self.source = source
        self._code = code
        self._batch = code.batch
        self._names = code.names
        self._limits = limits

    def __call__(self, obj: Any) -> list[Any] | None:
        """The results for an object, without nulls; None where the query fails on it, as in the Go kwok.

        Whole numbers are integers here. In the Go kwok numbers from an object are floats, which its selectors never find.

        Raises:
            JqLimitError: the query was stopped.
        """
        if self._names is not None:
            for name in self._names:
                if type(obj) is dict:
                    obj = obj.get(name)
                elif obj is None:
                    break
                else:
                    return None
            return [] if obj is None else [obj]
        run = Run(self._limits)
        try:
            if self._batch is not None:
                return [result for result in self._batch(run, [obj]) if result is not None]
            results = []
            for result in self._code.gen(run, None, obj):
                run.charge()
                if result is not None:
                    results.append(result)
            return results
        except (JqRuntimeError, JqBreak):
            return None
        except RecursionError:
            raise JqLimitError("the query nests too deeply") from None


def compile_jq(source: str, limits: Limits = DEFAULT_LIMITS) -> Query:
    """Compiles a query.

    Raises:
        JqSyntaxError: the source is no query, or uses what is not there.
    """
    try:
        code = Compiler(source, BUILTINS, definition).compile(parse(source), Scope())
    except RecursionError:
        raise JqSyntaxError(source, "nested too deeply") from None
    return Query(source, code, limits)
