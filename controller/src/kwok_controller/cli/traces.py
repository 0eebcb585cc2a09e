# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The courses of usage that a command line names: files of CSV, for the function `Trace` of usages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from kwok_controller.usage.traces import InvalidTrace, Trace, parse_trace

MAX_BYTES: Final = 64 << 20

_HOLD: Final = ":hold"


def load_traces(items: Iterable[str]) -> dict[str, Trace]:
    """Reads traces, by name.

    Args:
        items: `NAME=FILE`, or `NAME:hold=FILE` for one that does not begin again after its last time.

    Raises:
        InvalidTrace: one is not written like that, is given twice, or its file cannot be read or has no trace; says which, and why.
    """
    traces: dict[str, Trace] = {}
    for item in items:
        label, equals, file = item.partition("=")
        name = label.removesuffix(_HOLD)
        if not (equals and name and file):
            raise InvalidTrace(f"{item!r} is neither NAME=FILE nor NAME{_HOLD}=FILE")
        if name in traces:
            raise InvalidTrace(f"{name!r} is given twice: give each trace a name of its own")
        try:
            traces[name] = parse_trace(_read(Path(file)), repeats=label == name)
        except InvalidTrace as error:
            raise InvalidTrace(f"{file}: {error}") from None
    return traces


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidTrace(f"cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise InvalidTrace(f"has more than {MAX_BYTES >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidTrace(f"is no UTF-8 at byte {error.start}") from None
