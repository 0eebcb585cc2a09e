# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""sprig's functions of regular expressions, in time linear in the text."""

from __future__ import annotations

import re
from typing import Final

from kwok_controller.expressions.gotemplate.errors import FunctionError
from kwok_controller.expressions.gotemplate.functions import INT, STRING, Function, fn
from kwok_controller.expressions.gotemplate.limits import Runtime
from kwok_controller.expressions.gotemplate.regexp import Regex, RegexError, compile_regex
from kwok_controller.expressions.gotemplate.values import StringList

_META = re.compile(r"[\\.+*?()|\[\]{}^$]")


def _compiled(pattern: str) -> Regex:
    try:
        return compile_regex(pattern)
    except RegexError as error:
        raise FunctionError(str(error)) from None


def _must_match(runtime: Runtime, pattern: str, text: str) -> bool:
    return _compiled(pattern).match(runtime, text) is not None


def _match(runtime: Runtime, pattern: str, text: str) -> bool:
    try:
        regex = compile_regex(pattern)
    except RegexError:
        return False
    return regex.match(runtime, text) is not None


def _find_all(runtime: Runtime, pattern: str, text: str, limit: int) -> StringList:
    found = StringList(text[match[0] : match[1]] for match in _compiled(pattern).find_all(runtime, text, limit))
    found.nil = not found
    return found


def _find(runtime: Runtime, pattern: str, text: str) -> str:
    match = _compiled(pattern).match(runtime, text)
    return text[match[0] : match[1]] if match else ""


def _replaced(runtime: Runtime, pattern: str, text: str, replacement: str, *, literal: bool) -> str:
    regex = _compiled(pattern)
    out = []
    last = 0
    size = 0
    for match in regex.find_all(runtime, text):
        out.append(text[last : match[0]])
        out.append(replacement if literal else regex.expand(replacement, text, match))
        size += len(out[-1]) + len(out[-2])
        runtime.reserve(size)
        last = match[1]
    out.append(text[last:])
    return "".join(out)


def _replace_all(runtime: Runtime, pattern: str, text: str, replacement: str) -> str:
    return _replaced(runtime, pattern, text, replacement, literal=False)


def _replace_literal(runtime: Runtime, pattern: str, text: str, replacement: str) -> str:
    return _replaced(runtime, pattern, text, replacement, literal=True)


def _split(runtime: Runtime, pattern: str, text: str, limit: int) -> StringList:
    regex = _compiled(pattern)
    if limit == 0:
        made = StringList()
        made.nil = True
        return made
    if pattern and not text:
        return StringList([""])
    parts = StringList()
    begin = end = 0
    for match in regex.find_all(runtime, text, limit):
        if limit > 0 and len(parts) == limit - 1:
            break
        end = match[0]
        if match[1] != 0:
            parts.append(text[begin:end])
        begin = match[1]
    if end != len(text):
        parts.append(text[begin:])
    return parts


FUNCTIONS: Final[dict[str, Function]] = {
    "regexMatch": fn(_match, STRING, STRING, runtime=True),
    "mustRegexMatch": fn(_must_match, STRING, STRING, runtime=True),
    "regexQuoteMeta": fn(lambda text: _META.sub(r"\\\g<0>", text), STRING),
}
for _name, _function in {
    "regexFindAll": fn(_find_all, STRING, STRING, INT, runtime=True),
    "regexFind": fn(_find, STRING, STRING, runtime=True),
    "regexReplaceAll": fn(_replace_all, STRING, STRING, STRING, runtime=True),
    "regexReplaceAllLiteral": fn(_replace_literal, STRING, STRING, STRING, runtime=True),
    "regexSplit": fn(_split, STRING, STRING, INT, runtime=True),
}.items():
    FUNCTIONS[_name] = FUNCTIONS["mustR" + _name[1:]] = _function
