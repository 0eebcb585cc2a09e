# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""sprig's encodings, checksums and JSON."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from typing import Final

from kwok_controller.expressions.gotemplate.errors import FunctionError
from kwok_controller.expressions.gotemplate.functions import ANY, STRING, Function, fn
from kwok_controller.expressions.gotemplate.gojson import decode, encode
from kwok_controller.expressions.gotemplate.limits import Runtime
from kwok_controller.expressions.gotemplate.strconv import from_bytes, to_bytes
from kwok_controller.expressions.gotemplate.values import Value

_B64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_B32: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def _decode(text: str, alphabet: str, bits: int, quantum: int, name: str) -> str:
    """Go's strict decoding; for a text that is wrong, Go's message, as sprig gives it."""
    digits = {char: value for value, char in enumerate(alphabet)}
    out = bytearray()
    at = 0
    data = to_bytes(text).decode("latin-1")
    size = len(data)

    def corrupt(place: int) -> str:
        return f"illegal {name} data at input byte {place}"

    def skip() -> None:
        nonlocal at
        while at < size and data[at] in "\r\n":
            at += 1

    while True:
        values: list[int] = []
        padded = False
        while len(values) < quantum:
            if bits == 6:
                skip()
            if at >= size:
                if not values:
                    return from_bytes(bytes(out))
                return corrupt(at - len(values))
            char = data[at]
            at += 1
            if char in digits:
                values.append(digits[char])
                continue
            if bits == 6:
                if char != "=":
                    return corrupt(at - 1)
                if len(values) < 2:
                    return corrupt(at - 1)
                if len(values) == 2:
                    skip()
                    if at >= size:
                        return corrupt(size)
                    if data[at] != "=":
                        return corrupt(at - 1)
                    at += 1
                skip()
                if at < size:
                    return corrupt(at)
                padded = True
                break
            if char == "=" and len(values) >= 2 and size - at < 8:
                rest = data[at:]
                if len(rest) + len(values) < 7:
                    return corrupt(size)
                for offset in range(7 - len(values)):
                    if len(rest) > offset and rest[offset] != "=":
                        return corrupt(at + offset)
                if len(values) in (1, 3, 6):
                    return corrupt(at - 1)
                padded = True
                break
            return corrupt(at - 1)
        number = 0
        for value in values:
            number = number << bits | value
        total = len(values) * bits
        whole = total // 8
        out += (number >> (total - whole * 8)).to_bytes(whole, "big") if whole else b""
        if padded:
            return from_bytes(bytes(out))


def _b32_decode(text: str) -> str:
    # Go leaves out the ends of lines first.
    return _decode(text.replace("\r", "").replace("\n", ""), _B32, 5, 8, "base32")


def _hash(name: str) -> Callable[[str], str]:
    return lambda text: hashlib.new(name, to_bytes(text), usedforsecurity=False).hexdigest()


def _json(runtime: Runtime, value: Value) -> str:
    try:
        return encode(runtime, value)
    except FunctionError:
        return ""


def _pretty_json(runtime: Runtime, value: Value) -> str:
    try:
        return encode(runtime, value, indent="  ")
    except FunctionError:
        return ""


def _must_from_json(text: str) -> Value:
    try:
        return decode(text)
    except ValueError as error:
        raise FunctionError(str(error)) from None


def _from_json(text: str) -> Value:
    try:
        return decode(text, lenient=True)
    except ValueError:
        return None


FUNCTIONS: Final[dict[str, Function]] = {
    "b64enc": fn(lambda text: base64.b64encode(to_bytes(text)).decode(), STRING),
    "b64dec": fn(lambda text: _decode(text, _B64, 6, 4, "base64"), STRING),
    "b32enc": fn(lambda text: base64.b32encode(to_bytes(text)).decode(), STRING),
    "b32dec": fn(_b32_decode, STRING),
    "sha1sum": fn(_hash("sha1"), STRING),
    "sha256sum": fn(_hash("sha256"), STRING),
    "sha512sum": fn(_hash("sha512"), STRING),
    "adler32sum": fn(lambda text: str(zlib.adler32(to_bytes(text))), STRING),
    "toJson": fn(_json, ANY, runtime=True),
    "mustToJson": fn(encode, ANY, runtime=True),
    "toPrettyJson": fn(_pretty_json, ANY, runtime=True),
    "mustToPrettyJson": fn(lambda runtime, value: encode(runtime, value, indent="  "), ANY, runtime=True),
    "toRawJson": fn(lambda runtime, value: encode(runtime, value, escape_html=False), ANY, runtime=True),
    "mustToRawJson": fn(lambda runtime, value: encode(runtime, value, escape_html=False), ANY, runtime=True),
    "fromJson": fn(_from_json, STRING),
    "mustFromJson": fn(_must_from_json, STRING),
}
