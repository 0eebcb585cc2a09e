# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""JSON as Go's `encoding/json` writes and reads it, and YAML as `sigs.k8s.io/yaml` (which the Go kwok's function `YAML` is) writes it."""

from __future__ import annotations

import base64
import functools
import json
import math
import re
from typing import Any, Final

from kwok_controller.expressions.gotemplate.errors import FunctionError, LimitExceeded
from kwok_controller.expressions.gotemplate.gotime import RFC3339_NANO, GoTime, parse_time
from kwok_controller.expressions.gotemplate.limits import Runtime
from kwok_controller.expressions.gotemplate.strconv import (
    format_float,
    from_bytes,
    json_float,
    parse_float,
    parse_int,
    to_bytes,
    valid_text,
)
from kwok_controller.expressions.gotemplate.values import GoList, GoMap, Number, Value, element, elements, items, type_name

_PLAIN = re.compile(r"[ !#-%'-;=?-\[\]-~]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NUMBER_START = re.compile(r"-?(0|[1-9])")


def json_string(text: str, *, escape_html: bool = True) -> str:
    """A string as JSON."""
    if _PLAIN.fullmatch(text):
        return f'"{text}"'
    out = ['"']
    for char in text if text.isascii() else from_bytes(to_bytes(text)):
        if "\udc80" <= char <= "\udcff":
            out.append("\\ufffd")
        elif char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char < " " or (escape_html and char in "<>&") or char in "\u2028\u2029":
            out.append(f"\\u{ord(char):04x}")
        else:
            out.append(char)
    out.append('"')
    return "".join(out)


class _Writer:
    """Collects text, up to the limit of one value."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.out: list[str] = []
        self.size = 0

    def write(self, text: str) -> None:
        self.size += len(text)
        if self.size > self.runtime.limits.value:
            raise LimitExceeded(f"a value of more than {self.runtime.limits.value} characters or elements")
        self.out.append(text)


class _Encoder(_Writer):
    def __init__(self, runtime: Runtime, indent: str, escape_html: bool) -> None:
        super().__init__(runtime)
        self.indent = indent
        self.escape_html = escape_html

    def value(self, value: Value, depth: int = 0) -> None:
        if isinstance(value, Number):
            text = str.__str__(value) or "0"
            if not _NUMBER.fullmatch(text):
                raise FunctionError(f"json: invalid number literal {text!r}")
            self.write(text)
        elif isinstance(value, str):
            self.write(json_string(value, escape_html=self.escape_html))
        elif value is None:
            self.write("null")
        elif isinstance(value, bool):
            self.write("true" if value else "false")
        elif isinstance(value, int):
            self.write(str(int(value)))
        elif isinstance(value, float):
            if not math.isfinite(value):
                raise FunctionError(f"json: unsupported value: {format_float(value)}")
            self.write(json_float(value))
        elif isinstance(value, GoTime):
            if not 0 <= value.local()[0] <= 9999:
                raise FunctionError("Time.MarshalJSON: year outside of range [0,9999]")
            self.write(f'"{value.format(RFC3339_NANO)}"')
        elif isinstance(value, bytes):
            self.write(f'"{base64.b64encode(value).decode()}"')
        elif isinstance(value, (dict, list)):
            self.container(value, depth)
        else:
            self.other(value)

    def other(self, value: Value) -> None:
        text = getattr(value, "go_json", None)
        if text is None:
            raise FunctionError(f"json: unsupported type: {type_name(value)}")
        self.write(json_string(text()))

    def container(self, value: Any, depth: int) -> None:
        self.runtime.deeper(depth)
        if getattr(value, "nil", False):
            self.write("null")
            return
        keyed = isinstance(value, dict)
        if not value:
            self.write("{}" if keyed else "[]")
            return
        inner = "\n" + self.indent * (depth + 1) if self.indent else ""
        self.write("{" if keyed else "[")
        first = True
        for item in items(value) if keyed else elements(value):
            self.write(inner if first else "," + inner)
            first = False
            if keyed:
                self.write(json_string(item[0], escape_html=self.escape_html) + (": " if self.indent else ":"))
                item = item[1]
            self.value(item, depth + 1)
        self.write(("\n" + self.indent * depth if self.indent else "") + ("}" if keyed else "]"))


def encode(runtime: Runtime, value: Value, *, indent: str = "", escape_html: bool = True) -> str:
    """Go's `json.Marshal` (with `indent`, `MarshalIndent`).

    Raises:
        FunctionError: what JSON cannot hold.
        LimitExceeded: too large or too deep.
    """
    encoder = _Encoder(runtime, indent, escape_html)
    encoder.value(value)
    runtime.charge(encoder.size >> 6)
    return "".join(encoder.out)


def _no_constant(text: str) -> None:
    raise ValueError(f"invalid literal {text}")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("cannot unmarshal number into Go value of type float64")
    return value


def _lenient_float(text: str) -> float | None:
    value = float(text)
    return None if math.isinf(value) else value


def _go(value: Any) -> Value:
    if isinstance(value, dict):
        return GoMap({valid_text(key): _go(item) for key, item in value.items()})
    if isinstance(value, list):
        return GoList(_go(item) for item in value)
    return valid_text(value) if isinstance(value, str) else value


def decode(text: str, *, lenient: bool = False) -> Value:
    """Go's `json.Unmarshal` into `any`: every number is a `float64`; with `lenient`, nil where it is too large.

    Raises:
        ValueError: no JSON.
    """
    # Python's decoder takes more kinds of space than JSON has, and control characters in strings are refused by both.
    number = _lenient_float if lenient else _float
    if text[:1] == "\ufeff":
        raise ValueError("invalid character")
    try:
        decoded = json.loads(text, parse_int=number, parse_float=number, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None
    return _go(decoded)


# YAML.

_RESOLVED: Final = frozenset(
    ["", "~", "null", "Null", "NULL"]
    + [".nan", ".NaN", ".NAN"]
    + [sign + inf for sign in ("", "+", "-") for inf in (".inf", ".Inf", ".INF")]
    + ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"]
    + ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]
)
_STYLE_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SIMPLE = re.compile(r"[A-Za-z](?:[A-Za-z0-9_./ -]*[A-Za-z0-9_])?")
_BASE60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_TIMESTAMP = re.compile(r"[0-9]{4}-")
_TIMESTAMPS = ("2006-1-2T15:4:5.999999999Z07:00", "2006-1-2t15:4:5.999999999Z07:00", "2006-1-2 15:4:5.999999999", "2006-1-2")
_FIRST_INDICATORS = frozenset("#,[]{}&*!|>'\"%@`")
_DOUBLE = {
    **{"\0": "\\0", "\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r", "\x1b": "\\e"},
    **{'"': '\\"', "\\": "\\\\", "\x85": "\\N", "\xa0": "\\_", "\u2028": "\\L", "\u2029": "\\P"},
}
_BREAKS = "\n\r\x85\u2028\u2029"


def _resolves(text: str) -> bool:
    # Whether YAML 1.1 would read the plain scalar as anything but a string.
    if text in _RESOLVED:
        return True
    first = text[0]
    if first == ".":
        return _parses(parse_float, text)
    if first not in "+-0123456789":
        return False
    if _TIMESTAMP.match(text):
        for layout in _TIMESTAMPS:
            try:
                parse_time(layout, text)
            except ValueError:
                continue
            return True
    plain = text.replace("_", "")
    if _parses(lambda t: parse_int(t, 0), plain) or _parses(lambda t: parse_int(t, 0, signed=False), plain):
        return True
    if _STYLE_FLOAT.fullmatch(plain) and _parses(parse_float, plain):
        return True
    return bool(re.fullmatch(r"-?0b[01]+", plain))


def _parses(parse: Any, text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _printable(char: str) -> bool:
    code = ord(char)
    # What takes four bytes counts as not printable there.
    return code == 0x0A or 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xD7FF or (0xE000 <= code <= 0xFFFD and code != 0xFEFF)


class _Analysis:
    # What the emitter of libyaml finds in a scalar: which styles it may have.
    def __init__(self, text: str) -> None:
        self.multiline = False
        self.plain = True
        self.single = True
        self.block = bool(text)
        if not text:
            return
        indicators = text[:3] in ("---", "...")
        special = leading = trailing = break_space = space_break = trailing_space = False
        previous_space = previous_break = False
        before_blank = True
        for at, char in enumerate(text):
            last = at + 1 == len(text)
            after_blank = last or text[at + 1] in " \t"
            if at == 0:
                indicators = indicators or char in _FIRST_INDICATORS or (char in "?:-" and after_blank)
            else:
                indicators = indicators or (char == ":" and after_blank) or (char == "#" and before_blank)
            special = special or not _printable(char)
            if char == " ":
                leading = leading or at == 0
                trailing = trailing or last
                trailing_space = trailing_space or last
                break_space = break_space or previous_break
                previous_space, previous_break = True, False
            elif char in _BREAKS:
                self.multiline = True
                leading = leading or at == 0
                trailing = trailing or last
                space_break = space_break or previous_space
                previous_space, previous_break = False, True
            else:
                previous_space = previous_break = False
            before_blank = char in " \t\0" or char in _BREAKS
        self.plain = not (leading or trailing or break_space or space_break or special or self.multiline or indicators)
        self.single = not (break_space or space_break or special)
        self.block = not (trailing_space or space_break or special)


class _YAML(_Writer):
    def string(self, text: str, indent: int, *, key: bool) -> None:
        if _SIMPLE.fullmatch(text) and text not in _RESOLVED:
            self.write(text)
            return
        text = valid_text(text)
        if not key and "\n" in text:
            style = "literal"
        else:
            style = "double" if _resolves(text) or ("\n" in text) or _BASE60.fullmatch(text) else "plain"
        found = _Analysis(text)
        if key and found.multiline:
            style = "double"
        if style == "plain" and not found.plain:
            style = "single"
        if style == "single" and not found.single:
            style = "double"
        if style == "literal" and not found.block:
            style = "double"
        if style == "plain":
            self.write(text)
        elif style == "single":
            self.write("'" + text.replace("'", "''") + "'")
        elif style == "double":
            self.write(_double(text))
        else:
            self.literal(text, indent)

    def key(self, text: str, indent: int) -> bool:
        """Writes a key with its colon; gives whether it is a simple one."""
        text = valid_text(text)
        if len(text.encode()) <= 128 and not any(char in text for char in _BREAKS):
            self.string(text, indent, key=True)
            self.write(":")
            return True
        # Too long for a simple key, or of several lines.
        self.write("? ")
        self.string(text, indent + 2, key=False)
        self.write("\n" + " " * indent + ":")
        return False

    def literal(self, text: str, indent: int) -> None:
        hints = ""
        if text[0] in " \n":
            hints = "2"
        if text[-1] != "\n":
            hints += "-"
        elif len(text) == 1 or text[-2] == "\n":
            hints += "+"
        self.write("|" + hints)
        # A line of nothing is not indented.
        lines = text.split("\n")
        if lines[-1] == "":
            lines.pop()
        for line in lines:
            self.write("\n" + (" " * indent + line if line else ""))

    def value(self, value: Value, indent: int, depth: int, *, gap: str = " ", inline: bool = True) -> None:
        """Writes a value after a dash or colon and a `gap`; with `inline`, the first line of a list or map stands beside it."""
        if isinstance(value, (dict, list)) and value:
            self.runtime.deeper(depth)
            if inline:
                self.write(gap)
            if isinstance(value, dict):
                self.mapping(value, indent, depth, inline)
            else:
                self.sequence(value, indent, depth, inline)
            return
        self.write(gap)
        if isinstance(value, (dict, list)):
            self.write("null" if getattr(value, "nil", False) else "{}" if isinstance(value, dict) else "[]")
        else:
            self.scalar(value, indent)

    def mapping(self, value: dict[str, Value], indent: int, depth: int, inline: bool) -> None:
        for key in sorted(value, key=functools.cmp_to_key(_compare_keys)):
            if not inline:
                self.write("\n" + " " * indent)
            inline = False
            simple = self.key(key, indent)
            item = element(value, value[key])
            # A list stands at the column of its simple key.
            deeper = indent if simple and isinstance(item, list) else indent + 2
            self.value(item, deeper, depth + 1, inline=not simple)

    def sequence(self, value: list[Value], indent: int, depth: int, inline: bool) -> None:
        for item in elements(value):
            if not inline:
                self.write("\n" + " " * indent)
            inline = False
            self.write("-")
            self.value(item, indent + 2, depth + 1)

    def scalar(self, value: Value, indent: int) -> None:
        if value is None:
            self.write("null")
        elif isinstance(value, bool):
            self.write("true" if value else "false")
        elif isinstance(value, Number):
            self.number(str.__str__(value))
        elif isinstance(value, str):
            self.string(value, indent, key=False)
        elif isinstance(value, int):
            self.write(str(int(value)))
        else:
            # By way of JSON, as in Go.
            text = encode(self.runtime, value)
            if text.startswith('"'):
                self.string(json.loads(text), indent, key=False)
            else:
                self.number(text)

    def number(self, text: str) -> None:
        # The JSON of a number, read and written by a YAML library.
        if re.fullmatch(r"-?[0-9]+", text) and -(1 << 63) <= int(text) < 1 << 64:
            self.write(str(int(text)))
        else:
            try:
                made = format_float(parse_float(text))
            except ValueError:
                raise FunctionError(f"cannot read number {text!r}") from None
            self.write(made)


def _double(text: str) -> str:
    out = ['"']
    for char in text:
        if char in _DOUBLE:
            out.append(_DOUBLE[char])
        elif _printable(char):
            out.append(char)
        else:
            code = ord(char)
            out.append(f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}")
    out.append('"')
    return "".join(out)


def _compare_keys(left: str, right: str) -> int:
    # Keys are sorted with runs of digits taken as numbers, and letters after everything else.
    for at, (a, b) in enumerate(zip(left, right, strict=False)):
        if a == b:
            continue
        if a.isalpha() or b.isalpha():
            if a.isalpha() and b.isalpha():
                return -1 if a < b else 1
            return -1 if b.isalpha() else 1
        start_a = start_b = 0
        if a == "0" or b == "0":
            back = at - 1
            while back >= 0 and left[back].isdecimal():
                if left[back] != "0":
                    start_a = start_b = 1
                    break
                back -= 1
        end_a, number_a = _digits(left, at, start_a)
        end_b, number_b = _digits(right, at, start_b)
        if number_a != number_b:
            return -1 if number_a < number_b else 1
        if end_a != end_b:
            return -1 if end_a < end_b else 1
        return -1 if a < b else 1
    return len(left) - len(right)


def _digits(text: str, at: int, value: int) -> tuple[int, int]:
    while at < len(text) and text[at].isdecimal():
        value = value * 10 + ord(text[at]) - ord("0")
        at += 1
    return at, value


def to_yaml(runtime: Runtime, value: Value) -> str:
    """`sigs.k8s.io/yaml`'s `Marshal`: block style, keys sorted, a newline at the end.

    Raises:
        FunctionError: what JSON cannot hold.
        LimitExceeded: too large or too deep.
    """
    writer = _YAML(runtime)
    writer.value(value, 0 if isinstance(value, (dict, list)) else 2, 0, gap="")
    writer.write("\n")
    runtime.charge(writer.size >> 6)
    return "".join(writer.out)
