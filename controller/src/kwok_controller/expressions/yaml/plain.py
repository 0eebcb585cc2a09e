# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A fast reader for the YAML that templates mostly come to.

That is: block lists and mappings, a scalar at most on each line (plain, in quotes, `[]` or `{}`), blank lines and comments. It proves line
by line that a text is of this kind, and gives up on any other: then nothing is said about the text.

What a line says does not depend on others, and most lines of a template are the same for all objects: they are looked at once.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from kwok_controller.expressions.yaml.errors import YamlError
from kwok_controller.expressions.yaml.scalars import NUMBER_HINT, WORDS, resolve

NOT_PLAIN: Final[Any] = object()
"""The text is not of this kind."""

_LINE: Final = re.compile(
    r"""
    (\ *+)                                                  # indentation
    ((?:-\ ++)*+(?:-$)?)                                    # dashes
    (?:([A-Za-z_/$][A-Za-z0-9_/$.-]{0,127}+|"[^"\\]{0,127}+"|'[^']{0,127}+'):(?:\ ++|$))?
    (?:                                                     # the scalar
        ("[^"\\]*+"(?=\ |$)
      | "(?:[^"\\]|\\["\\bfnrt]|\\u(?![dD][89abAB])[0-9a-fA-F]{4})*+"
      | '[^']*+'
      | \[\] | \{\}
      | (?:[A-Za-z0-9_/$(+.]|-(?=\S))[^\s:#]*+(?:(?:\ ++(?=[^\s#])|:(?=\S)|\#)[^\s:#]*+)*+)
    )?
    (?:\ ++(?:\#.*)?)?
    """,
    re.VERBOSE,
)
_NOTHING: Final = re.compile(r" *(?:#.*)?")

# The marks of documents, and directives.
_MARKS: Final = ("---", "...", "%")
_CACHED_LINES: Final = 1024
_CACHED_LENGTH: Final = 256


class _Line(NamedTuple):
    """What a line says.

    Attributes:
        column: of its first character that is no space; -1 where there is nothing on it.
        nested: how far each further dash is from the one before.
        dashes: whether there is a dash.
        content: how far the key is from the last dash.
        key: the key, if there is one.
        value: of the scalar.
        kind: how the value is made.
    """

    column: int
    nested: tuple[int, ...]
    dashes: bool
    content: int
    key: str | None
    value: Any
    kind: int


_SCALAR, _OPEN, _LIST, _MAPPING = range(4)
_BLANK: Final = _Line(-1, (), False, 0, None, None, _OPEN)
_lines: dict[str, _Line | None] = {}


def read_plain(text: str, depth: int) -> Any:
    """The value, or `NOT_PLAIN`. What is deeper than `depth`, or cannot be JSON, is left to the whole reader, too."""
    # This leaves out control characters, other line breaks, byte order marks and surrogates.
    if not text.replace("\n", "").isprintable():
        return NOT_PLAIN
    if text.startswith(_MARKS) or "\n---" in text or "\n..." in text or "\n%" in text:
        return NOT_PLAIN
    root: Any = None
    top: Any = None
    column = 0
    listing = False
    # What encloses `top`: (column, value, whether it is a list).
    stack: list[tuple[int, Any, bool]] = []
    # Where the value of the line before goes, if it has none yet.
    open_key: Any = None
    known = _lines
    for source in text.split("\n"):
        line = known.get(source, _BLANK)
        if line is _BLANK:
            line = _read_line(source)
        if line is None:
            return NOT_PLAIN
        at, nested, dashes, content, key, value, kind = line
        if at < 0:
            continue
        if top is None:
            root = top = [] if dashes else {}
            column, listing = at, dashes
        elif open_key is not None and (at > column or (at == column and dashes and not listing)):
            if len(stack) >= depth:
                return NOT_PLAIN
            stack.append((column, top, listing))
            below: Any = [] if dashes else {}
            top[open_key] = below
            top, listing, column = below, dashes, at
        else:
            while at < column or (listing and not dashes and at == column):
                if not stack:
                    return NOT_PLAIN
                column, top, listing = stack.pop()
            if at != column or listing is not dashes:
                return NOT_PLAIN
        open_key = None
        if kind == _LIST:
            value = []
        elif kind == _MAPPING:
            value = {}
        if dashes:
            for step in nested:
                stack.append((column, top, True))
                below = []
                top.append(below)
                top = below
                column += step
            if len(stack) > depth:
                return NOT_PLAIN
            if key is None:
                top.append(value)
                if kind == _OPEN:
                    open_key = len(top) - 1
                continue
            stack.append((column, top, True))
            below = {key: value}
            top.append(below)
            top, listing = below, False
            column += content
        else:
            top[key] = value
        if kind == _OPEN:
            open_key = key
    return root


def _read_line(source: str) -> _Line | None:
    line = _parse_line(source)
    if len(source) <= _CACHED_LENGTH:
        if len(_lines) >= _CACHED_LINES:
            _lines.clear()
        _lines[source] = line
    return line


def _parse_line(source: str) -> _Line | None:
    """What a line says, None where it is not of this kind."""
    if _NOTHING.fullmatch(source):
        return _BLANK._replace(kind=_SCALAR)
    match = _LINE.fullmatch(source)
    if not match:
        return None
    indent, dashes, key, scalar = match.groups()
    if not dashes and key is None:
        return None
    if key is not None:
        if key[0] in "\"'":
            key = key[1:-1]
        elif key in WORDS:
            return None
    # "- - " is split into "", " ", " ": what follows each dash.
    spaces = [len(part) + 1 for part in dashes.split("-")[1:]]
    try:
        value, kind = (None, _OPEN) if scalar is None else _value(scalar)
    except YamlError:
        return None
    return _Line(len(indent), tuple(spaces[:-1]), bool(dashes), spaces[-1] if spaces else 0, key, value, kind)


def _value(scalar: str) -> tuple[Any, int]:
    first = scalar[0]
    if first == '"':
        return json.loads(scalar) if "\\" in scalar else scalar[1:-1], _SCALAR
    if first == "'":
        return scalar[1:-1], _SCALAR
    if scalar == "[]":
        return None, _LIST
    if scalar == "{}":
        return None, _MAPPING
    return resolve(scalar) if first in NUMBER_HINT or scalar in WORDS else scalar, _SCALAR
