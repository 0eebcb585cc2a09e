# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where figures are written, and on what machine they say that they were measured."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from ansible_collections.kwok.sim.bench.__main__ import CHOICES, parse_arguments
from ansible_collections.kwok.sim.bench.machine import this_machine


def test_each_bench_has_a_file_of_its_own() -> None:
    asked = [*([name] for name in CHOICES), ["scrape", "--every", "30"]]
    files = [parse_arguments(each).json for each in asked]
    assert len(set(files)) == len(asked)
    assert files[0] == parse_arguments([]).json == Path(".build/bench-controller.json")
    assert files[-2:] == [Path(".build/bench-scrape.json"), Path(".build/bench-scrape-churn.json")]
    assert parse_arguments(["nodes", "--json", "mine.json"]).json == Path("mine.json")


@pytest.mark.parametrize(
    ("shown", "model"),
    [
        ("processor\t: 0\nmodel\t\t: 143\nmodel name\t: Example CPU @ 2.50GHz \n\nmodel name\t: Other\n", "Example CPU @ 2.50GHz"),
        ("processor\t: 0\nBogoMIPS\t: 50.00\n", None),
        (None, None),
    ],
)
def test_the_machine_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: str | None, model: str | None) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    file = tmp_path / "cpuinfo"
    if shown is not None:
        file.write_text(shown)
    machine = this_machine(file)
    assert machine.cpu == (model or "aarch64")
    assert machine.cpus >= 1
    assert machine.memory_gib > 0
    assert json.loads(json.dumps(asdict(machine)))["cpu"] == machine.cpu
    known = replace(machine, cpus=2, memory_gib=24.0, kernel="6.1.0", load=(0.52, 0.0, 1.0))
    assert str(known) == f"{machine.cpu}, 2 CPUs, 24 GiB, kernel 6.1.0, load 0.5, 0.0, 1.0"
