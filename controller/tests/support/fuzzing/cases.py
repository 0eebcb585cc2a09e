# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What all targets need: how they read a case, and how they say that something is wrong."""

from __future__ import annotations

import marshal
from collections.abc import Callable
from typing import Any

import orjson

from fuzzing.choices import Choices


class Broken(AssertionError):
    """Something holds not that has to."""


def read_case(data: bytes, generate: Callable[[Choices], str]) -> tuple[str, Choices]:
    """The text of a case, and the choices that are left for its object."""
    if data[:1] and data[0] % 2:
        text, _, rest = data[1:].partition(b"\0")
        return text.decode("utf-8", "replace"), Choices(rest)
    choices = Choices(data[1:])
    return generate(choices), choices


def copied(value: Any) -> bytes:
    """A value of JSON as it is now, to compare with: orjson encodes no more than 254 levels, but decodes 1,024."""
    return marshal.dumps(value, 2)


def encoded(value: Any) -> bytes:
    """What is sent of it."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise Broken(f"cannot be sent: {error}: {value!r:.300}") from error


def expect(holds: bool, message: str, *shown: Any) -> None:
    """Fails unless it holds; says for what it does not."""
    if not holds:
        raise Broken(f"{message}: {', '.join(f'{each!r:.300}' for each in shown)}")
