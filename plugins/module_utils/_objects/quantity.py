# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Amounts of resources as Kubernetes writes them: ``500m``, ``0.5``, ``1Gi``, ``1e3``.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

# The suffixes of k8s.io/apimachinery/pkg/api/resource: decimal, binary, and none.
_SUFFIXES: dict[str, Fraction] = {
    "": Fraction(1),
    **{suffix: Fraction(10) ** (3 * power) for power, suffix in zip((-3, -2, -1, 1, 2, 3, 4, 5, 6), "numkMGTPE", strict=True)},
    **{f"{suffix}i": Fraction(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}
_QUANTITY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([eE][+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)")


@lru_cache(maxsize=4096)
def parse_quantity(text: str) -> Fraction | None:
    """The amount that a text stands for; ``None`` if it is no quantity."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, exponent, suffix = match.groups()
    if exponent:
        return Fraction(number) * Fraction(10) ** int(exponent[1:])
    return Fraction(number) * _SUFFIXES[suffix or ""]


def same_amount(first: Any, second: Any) -> bool:
    """Whether two values, texts or numbers, are the same amount; what is no quantity is the same only if it is equal."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    one, other = parse_quantity(str(first)), parse_quantity(str(second))
    if one is None or other is None:
        return bool(first == second)
    return one == other
