# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runtimes by the names that the option ``runtime`` takes.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .._runtimes.base import Runtime
from .._runtimes.binary import BinaryRuntime
from .layout import Layout

RUNTIMES: Mapping[str, Callable[[Layout], Runtime]] = {"binary": BinaryRuntime}


def runtime_of(layout: Layout, runtime: str) -> Runtime:
    """The runtime of a cluster."""
    return RUNTIMES[runtime](layout)
