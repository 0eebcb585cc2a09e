# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is made of the loads with and without the stack."""

from __future__ import annotations

import pytest

from ansible_collections.kwok.sim.bench.overhead import WITH, WITHOUT, Load, met, ratio, table


@pytest.mark.parametrize(("rate", "reached"), [(90.0, True), (84.0, False)])
def test_the_ratio_is_that_of_the_medians(rate: float, reached: bool) -> None:
    loads = {
        WITHOUT: [Load(each, {"etcd": 1.0}) for each in (100.0, 500.0, 20.0)],
        WITH: [Load(each, {"etcd": 2.0, "jaeger": 0.5}) for each in (rate, 1.0, 300.0)],
    }
    assert ratio(loads) == pytest.approx(rate / 100)
    assert met(loads) is reached
    shown = table(loads)
    assert ("MISSED" in shown) is not reached
    assert [line.split()[-2:] for line in shown.splitlines() if "etcd" in line] == [["1.00", "2.00"]]
    assert [line.split()[-1] for line in shown.splitlines() if "jaeger" in line] == ["0.50"]
