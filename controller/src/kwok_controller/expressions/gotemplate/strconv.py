# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Go's text forms of strings and numbers (package `strconv`), and Go's byte strings as Python text.

A Go string is a sequence of bytes. Here it is a `str` in which a byte that is no valid UTF-8 stands as its
surrogate escape (PEP 383), so that lengths and slices in bytes can be exact.
"""

from __future__ import annotations

import math
import re
import struct
from decimal import ROUND_HALF_EVEN, Context, Decimal

_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\"}
_UNESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", "'": "'", '"': '"'}
_HEX = re.compile(r"[0-9a-fA-F]+")
_SIMPLE = re.compile(r"[ !#-\[\]-~]*")
_INT_BASES = {"x": 16, "o": 8, "b": 2}
_DECIMAL_FLOAT = re.compile(r"[+-]?([0-9_]+\.?[0-9_]*|\.[0-9_]+)([eE][+-]?[0-9_]+)?")
_HEX_FLOAT = re.compile(r"([+-]?)0[xX]([0-9a-fA-F_]*)(?:\.([0-9a-fA-F_]*))?[pP]([+-]?[0-9_]+)")


def to_bytes(text: str) -> bytes:
    """The bytes of a Go string. A surrogate that stands for no byte becomes U+FFFD, as Go's JSON decoder makes it."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" and not "\udc80" <= c <= "\udcff" else c for c in text).encode(
            "utf-8", "surrogateescape"
        )


def from_bytes(data: bytes) -> str:
    """The Go string of these bytes."""
    return data.decode("utf-8", "surrogateescape")


def byte_len(text: str) -> int:
    """Length of a Go string in bytes."""
    return len(text) if text.isascii() else len(to_bytes(text))


def byte_slice(text: str, start: int, stop: int) -> str:
    """`text[start:stop]` in bytes; the bounds must be within the string."""
    return text[start:stop] if text.isascii() else from_bytes(to_bytes(text)[start:stop])


def valid_text(text: str) -> str:
    """The string with every byte that is no UTF-8 replaced by U+FFFD: what leaves a template."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        text = from_bytes(to_bytes(text))
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


def is_print(char: str) -> bool:
    """Go's `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols and the space."""
    return char.isprintable()


def quote(text: str, *, ascii_only: bool = False, mark: str = '"') -> str:
    """Go's `strconv.Quote` (or `QuoteToASCII`; with `mark` `'`, of a rune)."""
    if mark == '"' and _SIMPLE.fullmatch(text):
        return f'"{text}"'
    if not text.isascii():
        text = from_bytes(to_bytes(text))
    out = [mark]
    for char in text:
        code = ord(char)
        if char == mark:
            out.append("\\" + mark)
        elif char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif 0xDC80 <= code <= 0xDCFF:
            out.append(f"\\x{code - 0xDC00:02x}")
        elif (code < 128 or not ascii_only) and is_print(char):
            out.append(char)
        elif code < 32 or code == 127:
            out.append(f"\\x{code:02x}")
        elif code < 0x10000:
            out.append(f"\\u{code:04x}")
        else:
            out.append(f"\\U{code:08x}")
    out.append(mark)
    return "".join(out)


def unquote_char(text: str, at: int, mark: str) -> tuple[int, bool, int]:
    r"""Reads one character of a Go literal.

    Returns:
        its value, whether the value is a byte of its own (`\x`, octal) and not a rune, and where the next one begins.

    Raises:
        ValueError: no valid character, or an escape that Go does not know.
    """
    char = text[at]
    if char == mark:
        raise ValueError("invalid syntax")
    if char != "\\":
        return ord(char), False, at + 1
    if at + 1 >= len(text):
        raise ValueError("invalid syntax")
    kind = text[at + 1]
    if kind in "xuU":
        digits = {"x": 2, "u": 4, "U": 8}[kind]
        part = text[at + 2 : at + 2 + digits]
        if len(part) != digits or not _HEX.fullmatch(part):
            raise ValueError("invalid syntax")
        value = int(part, 16)
        if kind != "x" and (value > 0x10FFFF or 0xD800 <= value < 0xE000):
            raise ValueError("invalid syntax")
        return value, kind == "x", at + 2 + digits
    if "0" <= kind <= "7":
        part = text[at + 1 : at + 4]
        if len(part) != 3 or any(c not in "01234567" for c in part) or int(part, 8) > 255:
            raise ValueError("invalid syntax")
        return int(part, 8), True, at + 4
    if kind in "'\"" and kind != mark:
        raise ValueError("invalid syntax")
    if kind not in _UNESCAPES:
        raise ValueError("invalid syntax")
    return ord(_UNESCAPES[kind]), False, at + 2


def unquote(literal: str) -> str:
    """The value of a Go string literal, interpreted or raw.

    Raises:
        ValueError: no valid literal.
    """
    if len(literal) < 2 or literal[0] != literal[-1]:
        raise ValueError("invalid syntax")
    mark, body = literal[0], literal[1:-1]
    if mark == "`":
        if "`" in body:
            raise ValueError("invalid syntax")
        return body.replace("\r", "")
    if mark != '"' or "\n" in body:
        raise ValueError("invalid syntax")
    if "\\" not in body and '"' not in body:
        return body
    out = bytearray()
    at = 0
    while at < len(body):
        value, single, at = unquote_char(body, at, '"')
        if single:
            out.append(value)
        else:
            out += to_bytes(chr(value))
    return from_bytes(bytes(out))


def _underscores_ok(text: str) -> bool:
    # As in Go's literals: an underscore stands between digits, or between the base's prefix and a digit.
    last = "^"
    at = 1 if text[:1] in ("-", "+") else 0
    hexadecimal = False
    if len(text) - at >= 2 and text[at] == "0" and text[at + 1].lower() in _INT_BASES:
        last = "0"
        hexadecimal = text[at + 1].lower() == "x"
        at += 2
    for char in text[at:]:
        if char.isdigit() or (hexadecimal and char.lower() in "abcdef"):
            last = "0"
        elif char == "_":
            if last != "0":
                return False
            last = "_"
        else:
            if last == "_":
                return False
            last = "!"
    return last != "_"


def parse_int(text: str, base: int = 10, bits: int = 64, *, signed: bool = True) -> int:
    """Go's `ParseInt` (or `ParseUint`). Base 0 reads the base from the prefix and allows underscores.

    Raises:
        ValueError: no number, or out of range.
    """
    body = text
    negative = False
    if signed and body[:1] in ("+", "-"):
        negative = body[0] == "-"
        body = body[1:]
    if not body or not body.isascii():
        raise ValueError("invalid syntax")
    if base == 0:
        base = 10
        digits = body
        if body[0] == "0" and len(body) > 1:
            if body[1].lower() in _INT_BASES and len(body) >= 3:
                base, digits = _INT_BASES[body[1].lower()], body[2:]
            else:
                base, digits = 8, body[1:]
        if "_" in digits:
            if not _underscores_ok(body):
                raise ValueError("invalid syntax")
            digits = digits.replace("_", "")
        body = digits
    if not body or not body.isalnum():
        raise ValueError("invalid syntax")
    try:
        value = int(body, base) if len(body) < 100 else 1 << 70
    except ValueError:
        raise ValueError("invalid syntax") from None
    if signed:
        limit = 1 << (bits - 1)
        if value > limit or (value == limit and not negative):
            raise ValueError("value out of range")
        return -value if negative else value
    if value >= 1 << bits:
        raise ValueError("value out of range")
    return value


def parse_float(text: str) -> float:
    """Go's `ParseFloat` to 64 bits.

    Raises:
        ValueError: no number, or out of range.
    """
    lower = text.lower()
    bare = lower[1:] if lower[:1] in ("+", "-") else lower
    if bare in ("inf", "infinity"):
        return -math.inf if lower[0] == "-" else math.inf
    if lower == "nan":
        return math.nan
    if _DECIMAL_FLOAT.fullmatch(text):
        if "_" in text and not _underscores_ok(text):
            raise ValueError("invalid syntax")
        value = float(text)
        if math.isinf(value):
            raise ValueError("value out of range")
        return value
    if match := _HEX_FLOAT.fullmatch(text):
        if "_" in text and not _underscores_ok(text):
            raise ValueError("invalid syntax")
        sign, whole, fraction, exponent = (part.replace("_", "") if part else "" for part in match.groups())
        if not whole + fraction or not exponent.lstrip("+-"):
            raise ValueError("invalid syntax")
        return float.fromhex(f"{sign}0x{whole or '0'}.{fraction or '0'}p{exponent}")
    raise ValueError("invalid syntax")


def _digits(value: float, precision: int | None, *, fixed: bool = False) -> tuple[str, int]:
    # Decimal digits (no zeros at the end) and the position of the point: 0.DIGITS * 10**point. precision None: shortest.
    number = Decimal(repr(value)) if precision is None else Decimal(value)
    if precision is not None:
        if fixed:
            context = Context(prec=max(1, 330 + precision + 20), rounding=ROUND_HALF_EVEN)
            number = number.quantize(Decimal(1).scaleb(-precision), context=context)
        else:
            number = Context(prec=precision, rounding=ROUND_HALF_EVEN).plus(number)
    _, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    point = len(text) + int(exponent)
    text = text.rstrip("0")
    return (text, point) if text else ("", 0)


def _exponent_form(digits: str, point: int, precision: int, letter: str) -> str:
    exponent = point - 1 if digits else 0
    first = digits[0] if digits else "0"
    rest = digits[1 : precision + 1].ljust(precision, "0") if precision > 0 else ""
    return f"{first}{'.' + rest if rest else ''}{letter}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _fixed_form(digits: str, point: int, precision: int) -> str:
    whole = digits[: max(point, 0)].ljust(max(point, 0), "0") or "0"
    if precision <= 0:
        return whole
    fraction = ("0" * max(-point, 0) + digits[max(point, 0) :])[:precision].ljust(precision, "0")
    return f"{whole}.{fraction}"


def format_float(value: float, verb: str = "g", precision: int = -1) -> str:
    """Go's `FormatFloat` of 64 bits, for the verbs e E f F g G x X b; precision -1 is the shortest that reads back the same."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    sign = "-" if math.copysign(1, value) < 0 else ""
    value = abs(value)
    shortest = precision < 0
    if verb == "b":
        bits = struct.unpack("<Q", struct.pack("<d", value))[0]
        mantissa, exponent = bits & ((1 << 52) - 1), bits >> 52
        if exponent:
            mantissa |= 1 << 52
        else:
            exponent = 1
        return f"{sign}{mantissa}p{exponent - 1075:+d}"
    if verb in "xX":
        text = _hex_float(value, precision)
        return sign + (text.upper() if verb == "X" else text)
    if verb in "eE":
        digits, point = _digits(value, None if shortest else precision + 1)
        return sign + _exponent_form(digits, point, max(len(digits) - 1, 0) if shortest else precision, verb)
    if verb in "fF":
        digits, point = _digits(value, None if shortest else precision, fixed=True)
        return sign + _fixed_form(digits, point, max(len(digits) - point, 0) if shortest else precision)
    precision = 1 if precision == 0 else precision
    digits, point = _digits(value, None if shortest else precision)
    limit = 6 if shortest else precision
    if not shortest and limit > len(digits) >= point:
        limit = len(digits)
    if digits and (point - 1 < -4 or point - 1 >= limit):
        return sign + _exponent_form(digits, point, len(digits) - 1, "e" if verb == "g" else "E")
    return sign + _fixed_form(digits, point, max(len(digits) - point, 0))


def _hex_float(value: float, precision: int) -> str:
    if value == 0:
        return "0x0" + ("." + "0" * precision if precision > 0 else "") + "p+00"
    mantissa, exponent = math.frexp(value)
    bits = int(mantissa * (1 << 53))
    exponent -= 1
    if 0 <= precision < 13:
        drop = 4 * (13 - precision)
        low, half = bits & ((1 << drop) - 1), 1 << (drop - 1)
        bits >>= drop
        if low > half or (low == half and bits & 1):
            bits += 1
        bits <<= drop
        if bits >> 53:
            bits >>= 1
            exponent += 1
    fraction = f"{bits & ((1 << 52) - 1):013x}"
    fraction = fraction.rstrip("0") if precision < 0 else fraction[:precision].ljust(precision, "0")
    return f"0x1{'.' + fraction if fraction else ''}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def json_float(value: float) -> str:
    """A finite 64-bit float as Go's `encoding/json` writes it."""
    size = abs(value)
    if size != 0 and (size < 1e-6 or size >= 1e21):
        text = format_float(value, "e")
        return text[:-2] + text[-1] if text[-4:-1] == "e-0" else text
    return format_float(value, "f")
