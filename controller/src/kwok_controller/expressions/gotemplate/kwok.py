# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The functions that every template of the Go kwok has: sprig's, and a few of its own.

Those that only templates of nodes or pods have (`NodeIP`, `PodIPWith`, …) are given by whoever plays nodes and pods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Final

from kwok_controller.expressions.gotemplate.errors import FunctionError
from kwok_controller.expressions.gotemplate.formatting import to_text
from kwok_controller.expressions.gotemplate.functions import ANY, INT, Function, LeftOut, fn
from kwok_controller.expressions.gotemplate.gojson import encode, json_string, to_yaml
from kwok_controller.expressions.gotemplate.gotime import RFC3339_NANO, SECOND, UTC, GoTime, Location
from kwok_controller.expressions.gotemplate.limits import Runtime
from kwok_controller.expressions.gotemplate.sprig import sprig_functions
from kwok_controller.expressions.gotemplate.strconv import quote
from kwok_controller.expressions.gotemplate.values import Value

_UTC: Final = timezone(timedelta(0))
_YEAR_10000: Final = 253_402_300_800 * SECOND

NODE_CONDITIONS: Final = tuple(
    {"type": kind, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": None, "lastTransitionTime": None}
    for kind, status, reason, message in (
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("NetworkUnavailable", "False", "RouteCreated", "RouteController created a route"),
    )
)
"""The conditions of a healthy node, with the reasons and messages that a kubelet and a cloud's route controller give."""


def quote_json(runtime: Runtime, value: Value) -> str:
    """kwok's `Quote`: a string as JSON; anything else as a quoted string of its JSON."""
    if type(value) is str:
        return json_string(value)
    try:
        text = encode(runtime, value)
    except FunctionError:
        return quote(to_text(runtime, value))
    return text if text.startswith('"') else quote(text)


def yaml(runtime: Runtime, value: Value, *indent: int) -> str:
    """kwok's `YAML`: the YAML of a value; with `indent`, on lines of its own that many times two spaces to the right."""
    text = to_yaml(runtime, value)
    if len(indent) == 1 and indent[0] > 0:
        pad = 2 * indent[0]
        runtime.reserve(len(text) + (text.count("\n") + 1) * (pad + 1))
        text = ("\n" + text).replace("\n", "\n" + " " * pad)
    return text


def format_now(nanoseconds: int, local: Location = UTC) -> str:
    """A time (nanoseconds since 1970) as kwok's `Now` gives it."""
    if local is UTC and 0 <= nanoseconds < _YEAR_10000:
        seconds, nano = divmod(nanoseconds, SECOND)
        fraction = f".{nano:09d}".rstrip("0") if nano else ""
        return f"{datetime.fromtimestamp(seconds, _UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"
    return GoTime(nanoseconds, local).format(RFC3339_NANO)


def kwok_functions(
    *,
    now: Callable[[], int] | None = None,
    start: int | None = None,
    version: str | None = None,
    random: Random | None = None,
    local: Location = UTC,
    conditions: Sequence[object] = NODE_CONDITIONS,
) -> dict[str, Function | LeftOut]:
    """The functions of the Go kwok.

    Args:
        now: the time in nanoseconds since 1970; without it the functions that need one are left out.
        start: when the controller was started, in nanoseconds since 1970.
        version: of the controller.
        random: the source for sprig's functions of chance; without it they are left out.
        local: the zone of `Now` and of what sprig calls `Local`.
        conditions: what `NodeConditions` gives, as decoded from JSON.
    """
    started = format_now(start, local) if start is not None else ""
    clock = LeftOut("no clock is given to this template")
    functions: dict[str, Function | LeftOut] = {
        **sprig_functions(now=now, random=random, local=local),
        "Quote": fn(quote_json, ANY, runtime=True),
        "YAML": fn(yaml, ANY, variadic=INT, runtime=True),
        "NodeConditions": fn(lambda: list(conditions)),
        "Now": fn(lambda: format_now(now(), local)) if now is not None else clock,
        "StartTime": fn(lambda: started) if start is not None else clock,
        "Version": fn(lambda: version) if version is not None else LeftOut("no version is given to this template"),
    }
    return functions
