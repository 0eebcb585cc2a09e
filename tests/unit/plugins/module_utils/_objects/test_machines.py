# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shapes of machines."""

from __future__ import annotations

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._objects.machines import MACHINES
from ansible_collections.kwok.sim.plugins.module_utils._objects.quantity import parse_quantity


def test_a_share_is_kept_for_the_system() -> None:
    # 4 GiB at 25 %, 4 at 20 %, 8 at 10 %, 16 at 6 %, and 100 MiB; 6 %, 1 %, 0.5 %, 0.5 % and four times 0.25 % of a CPU.
    machine = MACHINES["medium"]
    assert machine.capacity == {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "110"}
    assert machine.allocatable == {"cpu": "7910m", "memory": "29023Mi", "ephemeral-storage": "90Gi", "pods": "110"}


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_no_more_is_allocatable_than_there_is(name: str) -> None:
    machine = MACHINES[name]
    assert machine.allocatable.keys() == machine.capacity.keys()
    for resource, amount in machine.allocatable.items():
        left, whole = parse_quantity(amount), parse_quantity(machine.capacity[resource])
        assert left is not None and whole is not None
        assert 0 < left <= whole


def test_gpus() -> None:
    assert MACHINES["gpu"].allocatable["nvidia.com/gpu"] == "8"
