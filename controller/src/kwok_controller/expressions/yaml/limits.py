# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Bounds of a YAML text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """What one text may come to.

    Attributes:
        size: characters.
        depth: lists and mappings within each other.
        nodes: scalars, lists and mappings, those that an alias stands for counted each time.
    """

    size: int = 4 << 20
    depth: int = 100
    nodes: int = 500_000


DEFAULT_LIMITS: Final = Limits()
