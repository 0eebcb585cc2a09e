# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""jq's regular expressions: Go's syntax, matched in time linear in the text; each step counts as one of the query's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kwok_controller.expressions.gotemplate.errors import LimitExceeded
from kwok_controller.expressions.gotemplate.limits import Limits, Runtime
from kwok_controller.expressions.gotemplate.regexp import RegexError, compile_regex
from kwok_controller.expressions.jq.errors import JqLimitError
from kwok_controller.expressions.jq.limits import Run
from kwok_controller.expressions.jq.values import failure, preview


def matches(value: Any, pattern: Any, flags: Any, run: Run, *, all_of_them: bool = False) -> Iterator[dict[str, Any]]:
    """The matches, each as jq describes one. Flags: `g` all matches, `i` any case.

    Raises:
        JqRuntimeError: value or pattern is no string, or the pattern or a flag is wrong.
        JqLimitError: it takes too long.
    """
    if not isinstance(value, str) or not isinstance(pattern, str) or not (flags is None or isinstance(flags, str)):
        raise failure(f"match({preview(pattern)}) cannot be applied to: {preview(value)}")
    given = flags or ""
    if given.strip("gi"):
        raise failure(f"unsupported regular expression flag: {preview(given)}")
    try:
        regex = compile_regex(f"(?i){pattern}" if "i" in given else pattern)
    except RegexError as error:
        raise failure(f"invalid regular expression {preview(pattern)}: {error}") from error
    names = {number: name for name, numbers in regex.names.items() for number in numbers}
    budget = max(run.steps, 0)
    runtime = Runtime(Limits(steps=budget))
    try:
        for found in regex.find_all(runtime, value, -1 if all_of_them or "g" in given else 1):
            run.charge(1 + regex.groups)
            yield {
                "offset": found[0],
                "length": found[1] - found[0],
                "string": value[found[0] : found[1]],
                "captures": [_capture(value, found[2 * at], found[2 * at + 1], names.get(at)) for at in range(1, regex.groups + 1)],
            }
    except LimitExceeded as error:
        raise JqLimitError(f"a regular expression took more than {run.limits.steps} steps") from error
    finally:
        run.steps -= max(budget - runtime.steps, 0)


def _capture(value: str, begin: int, end: int, name: str | None) -> dict[str, Any]:
    if begin < 0:
        return {"offset": -1, "length": 0, "string": None, "name": name}
    return {"offset": begin, "length": end - begin, "string": value[begin:end], "name": name}


def named(match: dict[str, Any]) -> dict[str, Any]:
    """The named captures of a match."""
    return {capture["name"]: capture["string"] for capture in match["captures"] if capture["name"] is not None}
