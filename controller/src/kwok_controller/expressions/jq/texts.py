# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""gojq's functions of strings and dates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from kwok_controller.expressions.jq import dates, matching
from kwok_controller.expressions.jq import nodes as n
from kwok_controller.expressions.jq import values as v
from kwok_controller.expressions.jq.code import Code, Env
from kwok_controller.expressions.jq.compile import Compiler, Scope
from kwok_controller.expressions.jq.limits import Run
from kwok_controller.expressions.jq.registry import arguments, array_of, native, not_for, special, text_of

_SPACE: Final = " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


def _texts(name: str, value: Any, other: Any) -> tuple[str, str]:
    if not isinstance(value, str) or not isinstance(other, str):
        raise v.failure(f"{name}({v.preview(other)}) cannot be applied to: {v.preview(value)}")
    return value, other


@native("startswith/1")
def _startswith(run: Run, value: Any, prefix: Any) -> bool:
    text, start = _texts("startswith", value, prefix)
    return text.startswith(start)


@native("endswith/1")
def _endswith(run: Run, value: Any, suffix: Any) -> bool:
    text, end = _texts("endswith", value, suffix)
    return text.endswith(end)


@native("ltrimstr/1")
def _ltrimstr(run: Run, value: Any, prefix: Any) -> str:
    text, start = _texts("ltrimstr", value, prefix)
    return text.removeprefix(start)


@native("rtrimstr/1")
def _rtrimstr(run: Run, value: Any, suffix: Any) -> str:
    text, end = _texts("rtrimstr", value, suffix)
    return text.removesuffix(end)


@native("trimstr/1")
def _trimstr(run: Run, value: Any, around: Any) -> str:
    text, other = _texts("trimstr", value, around)
    return text.removeprefix(other).removesuffix(other)


@native("trim/0")
def _trim(run: Run, value: Any) -> str:
    return text_of("trim", value).strip(_SPACE)


@native("ltrim/0")
def _ltrim(run: Run, value: Any) -> str:
    return text_of("ltrim", value).lstrip(_SPACE)


@native("rtrim/0")
def _rtrim(run: Run, value: Any) -> str:
    return text_of("rtrim", value).rstrip(_SPACE)


_LOWER: Final = {code: code + 32 for code in range(65, 91)}
_UPPER: Final = {code: code - 32 for code in range(97, 123)}


@native("ascii_downcase/0")
def _ascii_downcase(run: Run, value: Any) -> str:
    return run.made(text_of("ascii_downcase", value)).translate(_LOWER)  # type: ignore[no-any-return]


@native("ascii_upcase/0")
def _ascii_upcase(run: Run, value: Any) -> str:
    return run.made(text_of("ascii_upcase", value)).translate(_UPPER)  # type: ignore[no-any-return]


@native("explode/0")
def _explode(run: Run, value: Any) -> list[int]:
    run.charge(len(text_of("explode", value)))
    return [ord(char) for char in value]


@native("implode/0")
def _implode(run: Run, value: Any) -> str:
    codes = array_of("implode", value)
    run.reserve(len(codes))
    if not all(v.is_number(code) for code in codes):
        raise not_for("implode", value)
    return "".join(map(_char, codes))


def _char(code: float) -> str:
    number = v.to_int(code) if code == code else -1
    return chr(number) if 0 <= number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\ufffd"


@native("split/1")
def _split(run: Run, value: Any, separator: Any) -> list[str]:
    text, by = _texts("split", value, separator)
    if not text and by:
        return [""]
    return v.split(text, by, run)


@native("split/2")
def _split_regex(run: Run, value: Any, pattern: Any, flags: Any) -> list[str]:
    parts = []
    at = 0
    for match in matching.matches(value, pattern, flags, run, all_of_them=True):
        parts.append(value[at : match["offset"]])
        at = match["offset"] + match["length"]
    return [*parts, value[at:]]


@special("match/2")
def _match(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    codes = [compiler.compile(arg, scope) for arg in args]

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for given in arguments(run, env, value, codes, len(codes) - 1):
            yield from matching.matches(value, given[0], given[1], run)

    return Code(gen=gen)


@special("capture/2")
def _capture(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    found = _match(compiler, args, scope)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for match in found.gen(run, env, value):
            yield matching.named(match)

    return Code(gen=gen)


@native("test/2")
def _test(run: Run, value: Any, pattern: Any, flags: Any) -> bool:
    return next(matching.matches(value, pattern, flags, run), None) is not None


@native("gmtime/0")
def _gmtime(run: Run, value: Any) -> list[Any]:
    return dates.broken_down(value, "gmtime")


@native("mktime/0")
def _mktime(run: Run, value: Any) -> float:
    return dates.seconds_of(value, "mktime")


@native("strftime/1")
def _strftime(run: Run, value: Any, form: Any) -> str:
    return run.made(dates.strftime(value, form))  # type: ignore[no-any-return]


@native("strptime/1")
def _strptime(run: Run, value: Any, form: Any) -> list[Any]:
    if isinstance(form, str):
        run.reserve(len(form) * 16)
    return dates.strptime(value, form)


@native("fromdate/0")
def _fromdate(run: Run, value: Any) -> float:
    return dates.from_iso(value)
