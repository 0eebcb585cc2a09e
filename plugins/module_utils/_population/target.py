# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which cluster a module fills with objects: one of this collection, or one that the user answers for.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._cluster.spec import WAIT_ARGUMENTS
from .._cluster.target import TARGET_ARGUMENTS
from .._cluster.target import find_target as find_cluster
from .._errors import SimError

POPULATION_ARGUMENTS: dict[str, dict[str, Any]] = {
    **TARGET_ARGUMENTS,
    **WAIT_ARGUMENTS,
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
    "allow_foreign_cluster": {"type": "bool", "default": False},
    "recreate": {"type": "bool", "default": False},
    "parallelism": {"type": "int", "default": 32},
}
"""Options of ``kwok_nodes`` and ``kwok_scale``; documented in the fragments ``kwok.sim.population`` and ``kwok.sim.cluster``."""

POPULATION_CONSTRAINTS: dict[str, Any] = {"required_by": {"context": "kubeconfig"}}


def find_target(params: Mapping[str, Any]) -> tuple[Path, str | None]:
    """The kubeconfig, and the name of the context in it, of the cluster that the options name.

    Raises:
        SimError: There is no such cluster, it is stopped, or it may be anybody's and the user has not said that it is meant.
    """
    if params["kubeconfig"] is None:
        return find_cluster(params).kubeconfig, None
    path = Path(params["kubeconfig"])
    if not path.is_file():
        raise SimError(f"{path} is not there", option="kubeconfig", remedy="Name a kubeconfig, or a simulated cluster with cluster")
    if not params["allow_foreign_cluster"]:
        raise SimError(
            "a kubeconfig may lead to a real cluster",
            option="kubeconfig",
            remedy="Name a simulated cluster with cluster, or set allow_foreign_cluster if simulated objects are meant for this one",
        )
    return path, params["context"]


def check_parallelism(number: int) -> int:
    """Return ``number``; raise a SimError unless it can be a number of connections."""
    if not 1 <= number <= 256:
        raise SimError(f"it is {number}", option="parallelism", remedy="Give a number from 1 to 256")
    return number
