# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster that a module acts on.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._errors import SimError
from .place import layout_of
from .record import Record, load_required
from .spec import COMMON_ARGUMENTS, check_name

TARGET_ARGUMENTS: dict[str, dict[str, Any]] = {**COMMON_ARGUMENTS, "cluster": {"type": "str", "default": "kwok"}}
"""Options that name a cluster; documented in each module and in the fragment ``kwok.sim.cluster``."""


@dataclass(frozen=True)
class Target:
    """A running cluster: its administrator's kubeconfig, and its record."""

    kubeconfig: Path
    record: Record


def find_target(params: Mapping[str, Any]) -> Target:
    """The cluster that the options name.

    Raises:
        SimError: There is no such cluster, or it is stopped.
    """
    name = check_name(params["cluster"], "cluster")
    layout = layout_of(params["base_dir"], name)
    record = load_required(layout, "cluster")
    if record.state == "stopped":
        raise SimError(f"cluster {name} is stopped", option="cluster", remedy="Start it with kwok.sim.kwok_cluster and state: started")
    return Target(layout.kubeconfig, record)
