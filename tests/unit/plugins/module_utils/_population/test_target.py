# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which cluster is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout
from ansible_collections.kwok.sim.plugins.module_utils._cluster.record import Record, save_record
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._population.target import check_parallelism, find_target


def params(**options: Any) -> dict[str, Any]:
    return {"base_dir": None, "cluster": "kwok", "kubeconfig": None, "context": None, "allow_foreign_cluster": False, **options}


def test_a_cluster(tmp_path: Path) -> None:
    layout = Layout(tmp_path, "demo")
    layout.root.mkdir(parents=True)
    save_record(layout, Record("demo", state="started"))
    given = params(base_dir=str(tmp_path), cluster="demo")
    assert find_target(given) == (layout.kubeconfig, None)
    save_record(layout, Record("demo", state="stopped"))
    with pytest.raises(SimError, match="cluster demo is stopped") as caught:
        find_target(given)
    assert caught.value.option == "cluster"


def test_no_cluster(tmp_path: Path) -> None:
    with pytest.raises(SimError) as caught:
        find_target(params(base_dir=str(tmp_path)))
    assert caught.value.option == "cluster"
    assert caught.value.remedy


def test_a_kubeconfig_needs_the_users_word(tmp_path: Path) -> None:
    path = tmp_path / "config"
    with pytest.raises(SimError, match="is not there"):
        find_target(params(kubeconfig=str(path)))
    path.touch()
    with pytest.raises(SimError, match="may lead to a real cluster") as caught:
        find_target(params(kubeconfig=str(path)))
    assert caught.value.option == "kubeconfig"
    assert find_target(params(kubeconfig=str(path), context="c", allow_foreign_cluster=True)) == (path, "c")


def test_parallelism() -> None:
    assert check_parallelism(1) == 1
    for number in (0, 257):
        with pytest.raises(SimError, match=f"it is {number}"):
            check_parallelism(number)
