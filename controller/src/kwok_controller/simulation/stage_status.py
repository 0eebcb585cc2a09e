# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0
"""What the status of a Stage says, and when it is written: its condition `Ready`, and why it is not."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from kwok_controller.api.errors import InvalidObject
from kwok_controller.lifecycle.errors import StageError

READY: Final = "Ready"
MESSAGE_LIMIT: Final = 2048
"""Characters; what a template yields may stand in a message. The CRD would take 32,768."""

SPEC_REASONS: Final = frozenset({"Accepted", "InvalidSpec", "InvalidTemplate", "InvalidExpression"})
"""What follows from the spec alone: every replica comes to the same."""

KIND_REASONS: Final = frozenset({"UnknownKind", "Forbidden"})
"""What is so for all stages of a kind."""

_REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")


class Verdict(NamedTuple):
    """What is to be said of a stage: whether it is ready, a reason in CamelCase, and words."""

    ready: bool
    reason: str
    message: str


ACCEPTED: Final = Verdict(True, "Accepted", "The stage is valid and is played.")
ACCEPTED_FOR_NOTHING: Final = Verdict(True, "Accepted", "The stage is valid, but it has no selector, so it is for no object.")


def of_invalid_object(error: InvalidObject) -> Verdict:
    """A stage that does not fit its type."""
    return Verdict(False, "InvalidSpec", _short(f"{error.path.removeprefix('$.')}: {error.message}"))


def of_compile_error(error: StageError) -> Verdict:
    """A stage whose templates or expressions are wrong."""
    reason = "InvalidTemplate" if error.field.endswith("template") else "InvalidExpression"
    return Verdict(False, reason, _short(f"{error.field}: {error.message}"))


def of_play_error(error: StageError, reason: str) -> Verdict:
    """A stage that failed on an object."""
    # A reason that the CRD refuses would keep the whole status from being written.
    reason = reason if _REASON.fullmatch(reason) else "PlayFailed"
    return Verdict(False, reason, _short(f"{error.field}: {error.message}" if error.field else error.message))


def ready_condition(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The condition as it is in a status."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == READY:
            return condition  # type: ignore[no-any-return]
    return None


def says(status: Mapping[str, Any], verdict: Verdict, generation: int) -> bool:
    """Whether a status says just this of this generation.

    A CRD as the Go kwok brings it has no `observedGeneration`, and the apiserver drops it: writing it would change nothing.
    """
    condition = ready_condition(status)
    if condition is None or status.get("observedGeneration", generation) != generation:
        return False
    return (condition.get("status"), condition.get("reason"), condition.get("message")) == (
        "True" if verdict.ready else "False",
        verdict.reason,
        verdict.message,
    )


def new_status(status: Mapping[str, Any], verdict: Verdict, generation: int, now_ns: int) -> dict[str, Any]:
    """A status with the verdict in it, and with the conditions of others as they are."""
    ready = "True" if verdict.ready else "False"
    had = ready_condition(status)
    since = had.get("lastTransitionTime") if had is not None and had.get("status") == ready else None
    condition = {
        "type": READY,
        "status": ready,
        "lastTransitionTime": since or _time(now_ns),
        "reason": verdict.reason,
        "message": verdict.message,
    }
    others = [other for other in status.get("conditions") or () if other.get("type") != READY]
    return {**status, "observedGeneration": generation, "conditions": [*others, condition]}


def _short(text: str) -> str:
    return text if len(text) <= MESSAGE_LIMIT else f"{text[: MESSAGE_LIMIT - 1]}…"


def _time(now_ns: int) -> str:
    """As metav1.Time is written."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_ns // 1_000_000_000))
