# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Tokens of CEL. https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax."""

from __future__ import annotations

import math
import re
from typing import Any, Final, NamedTuple

from kwok_controller.expressions.cel.errors import CelSyntaxError
from kwok_controller.expressions.cel.values import INT64_MAX, UINT64_MAX, UInt

_TOKEN: Final = re.compile(
    r"""(?P<space>(?:[ \t\n\f\r]+|//[^\n]*)+)
    |(?P<string>(?P<prefix>[rR]|[bB][rR]?)?(?P<quote>'''|\"\"\"|'|\"))
    |(?P<double>[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)
    |(?P<int>(?:0x[0-9a-fA-F]+|[0-9]+))(?P<unsigned>[uU]?)
    |(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
    |(?P<symbol>==|!=|<=|>=|&&|\|\||[-+*/%!<>?:.,()\[\]{}])""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(
    r"""\\(?:x([0-9a-fA-F]{2})|X([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([abfnrtv'"`?\\]))"""
)
_PLAIN: Final = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_CONSTANTS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}
_MAX_DIGITS: Final = 400


class Token(NamedTuple):
    """A token.

    Attributes:
        kind: `value`, `name`, `symbol` (that of `in`, too) or `end`.
        text: as it is written.
        value: of a literal. Of an integer too large for int64, which `-` may precede, an int all the same.
        at: where in the source.
    """

    kind: str
    text: str
    value: Any
    at: int


def tokens(source: str) -> list[Token]:
    """The tokens of an expression, with one of kind `end` behind them.

    Raises:
        CelSyntaxError: a part of it is no token.
    """
    found = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if not match:
            raise CelSyntaxError(source, f"{source[at]!r} is no part of CEL", at)
        end = match.end()
        if match["string"]:
            end, value = _string(source, match)
            found.append(Token("value", source[at:end], value, at))
        elif match["double"]:
            number = float(match["double"])
            if math.isinf(number):
                raise CelSyntaxError(source, "the number is too large for a double", at)
            found.append(Token("value", match[0], number, at))
        elif match["int"]:
            found.append(Token("value", match[0], _integer(source, match), at))
        elif match["name"]:
            name = match["name"]
            if name in _CONSTANTS:
                found.append(Token("value", name, _CONSTANTS[name], at))
            else:
                found.append(Token("symbol" if name == "in" else "name", name, None, at))
        elif match["symbol"]:
            found.append(Token("symbol", match["symbol"], None, at))
        at = end
    found.append(Token("end", "", None, len(source)))
    return found


def _integer(source: str, match: re.Match[str]) -> int:
    text = match["int"]
    if len(text) > _MAX_DIGITS:
        raise CelSyntaxError(source, "the number is too large", match.start())
    number = int(text, 16) if text.startswith("0x") else int(text)
    if match["unsigned"]:
        if number > UINT64_MAX:
            raise CelSyntaxError(source, "the number is too large for a uint", match.start())
        return UInt(number)
    if number > INT64_MAX + 1:
        raise CelSyntaxError(source, "the number is too large for an int", match.start())
    return number


def _string(source: str, match: re.Match[str]) -> tuple[int, str | bytes]:
    quote, prefix = match["quote"], (match["prefix"] or "").lower()
    raw = "r" in prefix
    end = match.end()
    while not source.startswith(quote, end):
        if end >= len(source) or (len(quote) == 1 and source[end] in "\r\n"):
            raise CelSyntaxError(source, f"the string has no end ({quote})", match.start())
        end += 2 if source[end] == "\\" and not raw else 1
    body = source[match.end() : end]
    if "b" in prefix:
        return end + len(quote), body.encode("utf-8", "surrogatepass") if raw else _bytes(source, body, match.end())
    return end + len(quote), body if raw else _text(source, body, match.end())


def _codes(source: str, body: str, start: int) -> list[tuple[str, int, bool]]:
    # Pieces of a literal: plain text, or an escape's number and whether it is one of a byte (\x, \101).
    pieces: list[tuple[str, int, bool]] = []
    at = 0
    while (slash := body.find("\\", at)) >= 0:
        pieces.append((body[at:slash], 0, False))
        match = _ESCAPE.match(body, slash)
        if not match:
            raise CelSyntaxError(source, f"{body[slash : slash + 2]} is no escape", start + slash)
        small, large, short, long, octal, plain = match.groups()
        digits = small or large or short or long
        number = _PLAIN.get(plain, ord(plain)) if plain else int(octal or digits, 8 if octal else 16)
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise CelSyntaxError(source, f"{match[0]} is no character", start + slash)
        pieces.append(("", number, bool(small or large or octal)))
        at = match.end()
    pieces.append((body[at:], 0, False))
    return pieces


def _text(source: str, body: str, start: int) -> str:
    if "\\" not in body:
        return body
    pieces = _codes(source, body, start)
    return "".join(text if at % 2 == 0 else chr(number) for at, (text, number, _) in enumerate(pieces))


def _bytes(source: str, body: str, start: int) -> bytes:
    out = bytearray()
    for at, (text, number, is_byte) in enumerate(_codes(source, body, start)):
        if at % 2 == 0:
            out += text.encode("utf-8", "surrogatepass")
        elif is_byte:
            out.append(number)
        else:
            out += chr(number).encode()
    return bytes(out)
