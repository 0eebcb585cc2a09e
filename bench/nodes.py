# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`kwok_nodes` as a process of its own, as Ansible runs it on a host: from nothing to all nodes Ready, and again with nothing to do."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import cluster_start
from .controller import Bed, Report, bed
from .load import Stopwatch

TIMEOUT_S = 300
REST_S = 15.0
_MODULE = "ansible_collections.kwok.sim.plugins.modules.kwok_nodes"

GOALS: Mapping[str, float] = {"from nothing to Ready": 10.0, "unchanged, at once": 3.0, "unchanged, later": 3.0}
"""Seconds, at most. At once: while the control plane is still busy with the new nodes; later: when it has come to rest, after `REST_S`."""


class Timing(cluster_start.Timing):
    """Wall-clock seconds of one thing, with its goal."""

    @property
    def met(self) -> bool:
        """Whether its goal is reached."""
        return self.median <= GOALS[self.name]


def run(work: Path, executables: Mapping[str, str], nodes: int, rounds: int, report: Report) -> list[Timing]:
    """Time each so many times.

    Args:
        work: An empty directory.
        executables: Of the control plane, by component.
        nodes: How many.
        rounds: How often.
        report: Takes lines of progress.
    """
    return asyncio.run(_run(work, executables, nodes, rounds, report))


async def _run(work: Path, executables: Mapping[str, str], nodes: int, rounds: int, report: Report) -> list[Timing]:
    seconds: dict[str, list[float]] = {name: [] for name in GOALS}
    async with bed(work, executables) as ground:
        with ground.controllers() as (controller,):
            controller.start()
            await controller.until_ready(TIMEOUT_S)
            for number in range(rounds):
                for name, changed in zip(GOALS, (True, False, False), strict=True):
                    if name == "unchanged, later":
                        await asyncio.sleep(REST_S)
                    watch = Stopwatch()
                    result = await asyncio.to_thread(_module, ground, {"name": "bench", "count": nodes}, "present", changed)
                    seconds[name].append(watch.seconds)
                    report(f"round {number + 1}: {name} {seconds[name][-1]:.2f} s, of which the module counts {result['seconds']}")
                await asyncio.to_thread(_module, ground, {"name": "bench"}, "absent", True)
    return [Timing(name, tuple(values)) for name, values in seconds.items()]


def _module(ground: Bed, group: Mapping[str, Any], state: str, changed: bool) -> dict[str, Any]:
    """Run the module; it has to change something, or nothing, as told."""
    parameters = {
        "cluster": "bench",
        "base_dir": str(ground.work / "cluster"),
        "groups": [group],
        "state": state,
        "wait_timeout": TIMEOUT_S,
    }
    done = subprocess.run(
        [sys.executable, "-m", _MODULE],
        env={**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]},
        input=json.dumps({"ANSIBLE_MODULE_ARGS": parameters}),
        capture_output=True,
        text=True,
        check=False,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    if result.get("failed") or result["changed"] is not changed:
        raise RuntimeError(f"kwok_nodes: {result.get('msg') or result}")
    return result


def table(timings: list[Timing]) -> str:
    """The timings with their goals as text."""
    lines = [f"{'kwok_nodes':30} {'median':>8} {'min':>8} {'max':>8} {'goal':>8}   seconds"]
    for timing in timings:
        values = f"{timing.median:8.2f} {min(timing.seconds):8.2f} {max(timing.seconds):8.2f} {GOALS[timing.name]:8g}"
        lines.append(f"{timing.name:30} {values}{'' if timing.met else '   MISSED'}")
    return "\n".join(lines)
