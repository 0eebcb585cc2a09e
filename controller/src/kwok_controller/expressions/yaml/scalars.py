# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What a scalar without quotes means: the rules of `go.yaml.in/yaml/v2`, on which `sigs.k8s.io/yaml` stands."""

from __future__ import annotations

import math
import re
import struct
from typing import Any, Final

from kwok_controller.expressions.gotemplate.strconv import format_float
from kwok_controller.expressions.yaml.errors import YamlError

_TRUE: Final = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE: Final = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_NULL: Final = ("", "~", "null", "Null", "NULL")
_INFINITE: Final = (".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF")

WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys(_NULL),
    **dict.fromkeys(_INFINITE, math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
"""The words that are no strings."""

# What begins otherwise and is none of the words is a string.
NUMBER_HINT: Final = frozenset("0123456789+-.")
_INT: Final = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]([0-7]+)|0([0-7]+)|([1-9][0-9]*|0))")
_BASES: Final = (16, 2, 8, 8, 10)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DIGITS: Final = 400


def resolve(text: str) -> Any:
    """The value of a scalar without quotes: null, a boolean, a number or a string. Whole numbers are integers, as in JSON from Go."""
    value = resolve_go(text)
    return json_number(value) if type(value) is float else value


def resolve_go(text: str) -> Any:
    """The value in Go, where `1.0` is no integer."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in NUMBER_HINT or len(text) > _DIGITS:
        return text
    if text[0] == ".":
        return _float(text) if _FLOAT.fullmatch(text) else text
    plain = text.replace("_", "")
    match = _INT.fullmatch(plain)
    if match:
        sign, *digits = match.groups()
        base, number = next((base, found) for base, found in zip(_BASES, digits, strict=True) if found is not None)
        value = int(number, base)
        value = -value if sign == "-" else value
        # An int64, or a uint64 without a sign.
        if -(2**63) <= value < 2**63 or (0 <= value < 2**64 and not sign):
            return value
    if _FLOAT.fullmatch(plain):
        value_or_inf = _float(plain)
        return text if value_or_inf is plain else value_or_inf
    return text


def _float(text: str) -> float | str:
    value = float(text)
    return text if math.isinf(value) else value


def json_number(value: float) -> int | float:
    """A float as JSON has it from Go: `1.0` is written as `1`.

    Raises:
        YamlError: it is infinite or no number.
    """
    if not math.isfinite(value):
        raise YamlError(f"JSON has no {value}")
    return int(value) if value.is_integer() and abs(value) < 2**63 else value


def key_text(value: Any) -> str:
    """A key as the string that it is in JSON.

    Raises:
        YamlError: JSON cannot have such a key.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, float):
        return _float_key(value)
    raise YamlError(f"{'a null' if value is None else value!r} cannot be a key: put it in quotes")


def _float_key(value: float) -> str:
    # Go writes them with the precision of 32 bits.
    if math.isnan(value):
        return ".nan"
    try:
        single = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        single = math.copysign(math.inf, value)
    if math.isinf(single):
        return ".inf" if single > 0 else "-.inf"
    for digits in range(1, 10):
        text = f"{single:.{digits}g}"
        if struct.pack("f", float(text)) == struct.pack("f", single):
            break
    return format_float(float(text), "g", -1)
