# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""sprig's functions of chance, from a source that the caller gives (and may seed): what they make is not fit for secrets."""

from __future__ import annotations

import base64
import string
import uuid
from collections.abc import Callable
from random import Random
from typing import Final

from kwok_controller.expressions.gotemplate.errors import FunctionError
from kwok_controller.expressions.gotemplate.functions import INT, STRING, Function, LeftOut, fn
from kwok_controller.expressions.gotemplate.limits import Runtime

NAMES: Final = ("randInt", "randAlphaNum", "randAlpha", "randNumeric", "randAscii", "randBytes", "uuidv4", "shuffle")


def functions(source: Random | None) -> dict[str, Function | LeftOut]:
    """The functions, for a source of chance."""
    if source is None:
        return dict.fromkeys(NAMES, LeftOut("no source of chance is given to this template"))
    random = source

    def integer(low: int, high: int) -> int:
        if high <= low:
            raise FunctionError("invalid argument to Intn")
        return random.randrange(low, high)

    def text(alphabet: str) -> Callable[[Runtime, int], str]:
        def run(runtime: Runtime, count: int) -> str:
            runtime.reserve(max(count, 0))
            # A draw takes as long as a step.
            runtime.charge(max(count, 0))
            return "".join(random.choices(alphabet, k=max(count, 0)))

        return run

    def data(runtime: Runtime, count: int) -> str:
        if count < 0:
            raise FunctionError("runtime error: makeslice: len out of range")
        runtime.reserve(2 * count)
        runtime.charge(count >> 3)
        return base64.b64encode(random.randbytes(count)).decode()

    def shuffle(runtime: Runtime, value: str) -> str:
        runtime.charge(len(value))
        chars = list(value)
        random.shuffle(chars)
        return "".join(chars)

    return {
        "randInt": fn(integer, INT, INT),
        "randAlphaNum": fn(text(string.ascii_letters + string.digits), INT, runtime=True),
        "randAlpha": fn(text(string.ascii_letters), INT, runtime=True),
        "randNumeric": fn(text(string.digits), INT, runtime=True),
        "randAscii": fn(text("".join(map(chr, range(32, 127)))), INT, runtime=True),
        "randBytes": fn(data, INT, runtime=True),
        "uuidv4": fn(lambda: str(uuid.UUID(int=random.getrandbits(128), version=4))),
        "shuffle": fn(shuffle, STRING, runtime=True),
    }
