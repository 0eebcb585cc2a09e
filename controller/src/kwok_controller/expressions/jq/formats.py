# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""jq's formats: `@base64` and the like."""

from __future__ import annotations

import base64
import binascii
import urllib.parse
from collections.abc import Callable
from typing import Any, Final

from kwok_controller.expressions.gotemplate.strconv import from_bytes, to_bytes
from kwok_controller.expressions.jq.limits import Run
from kwok_controller.expressions.jq.values import failure, json_text, preview, text

_HTML: Final = str.maketrans({"<": "&lt;", ">": "&gt;", "&": "&amp;", "'": "&apos;", '"': "&quot;"})
_TSV: Final = str.maketrans({"\t": "\\t", "\r": "\\r", "\n": "\\n", "\\": "\\\\"})


def _html(value: Any, run: Run) -> str:
    return text(value, run).translate(_HTML)


def _uri(value: Any, run: Run) -> str:
    return urllib.parse.quote(text(value, run), safe="")


def _urid(value: Any, run: Run) -> str:
    escaped = text(value, run)
    for at, char in enumerate(escaped):
        if char == "%" and not (len(escaped) > at + 2 and all(digit in "0123456789abcdefABCDEF" for digit in escaped[at + 1 : at + 3])):
            raise failure(f"@urid cannot be applied to: {preview(escaped)}")
    return urllib.parse.unquote(escaped, errors="replace")


def _row(name: str, value: Any, run: Run, separator: str, quote: Callable[[str], str]) -> str:
    if not isinstance(value, list):
        raise failure(f"@{name} cannot be applied to: {preview(value)}")
    cells = []
    for item in value:
        run.charge()
        if isinstance(item, (list, dict)):
            raise failure(f"@{name} cannot format an array including: {preview(item)}")
        cells.append(quote(item) if isinstance(item, str) else "" if item is None else json_text(item, run))
    return separator.join(cells)


def _csv(value: Any, run: Run) -> str:
    return _row("csv", value, run, ",", lambda cell: '"' + cell.replace('"', '""') + '"')


def _tsv(value: Any, run: Run) -> str:
    return _row("tsv", value, run, "\t", lambda cell: cell.translate(_TSV))


def _sh(value: Any, run: Run) -> str:
    words = []
    for item in value if isinstance(value, list) else [value]:
        run.charge()
        if isinstance(item, (list, dict)):
            raise failure(f"@sh cannot be applied to: {preview(item)}")
        words.append("'" + item.replace("'", "'\\''") + "'" if isinstance(item, str) else json_text(item, run))
    return " ".join(words)


def _base64(value: Any, run: Run) -> str:
    return base64.b64encode(to_bytes(text(value, run))).decode()


def _base64d(value: Any, run: Run) -> str:
    encoded = text(value, run)
    bare = encoded.rstrip("=")
    try:
        decoded = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise failure(f"@base64d cannot be applied to: {preview(encoded)}") from None
    return from_bytes(decoded).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _sized(form: Callable[[Any, Run], str]) -> Callable[[Any, Run], str]:
    def sized(value: Any, run: Run) -> str:
        formatted = form(value, run)
        run.reserve(len(formatted))
        return formatted

    return sized


FORMATS: Final[dict[str, Callable[[Any, Run], str]]] = {
    "text": text,
    "json": json_text,
    "html": _sized(_html),
    "uri": _sized(_uri),
    "urid": _sized(_urid),
    "csv": _sized(_csv),
    "tsv": _sized(_tsv),
    "sh": _sized(_sh),
    "base64": _sized(_base64),
    "base64d": _sized(_base64d),
}
