# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What stages are compiled with: the functions that their expressions may call, and bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from kwok_controller.expressions.gotemplate import Functions, Limits
from kwok_controller.lifecycle.draw import Chance

STRATEGIC_KINDS: Final = frozenset({("v1", "Node"), ("v1", "Pod")})
"""The kinds (apiGroup, kind) whose patches without a type are strategic: those of kwok v0.8.0 (`pkg/utils/lifecycle/next.go`)."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What the stages of one kind are compiled with.

    Attributes:
        functions: what templates may call, with chance taken from `chance`.
        now: the time for CEL, in nanoseconds since the epoch.
        chance: the source of CEL's `Rand`.
        limits: what one template may use.
        strategic: the kinds whose patches without a type are strategic, not merge patches.
    """

    functions: Functions
    now: Callable[[], int]
    chance: Chance = field(default_factory=Chance)
    limits: Limits = field(default_factory=Limits)
    strategic: frozenset[tuple[str, str]] = STRATEGIC_KINDS
