# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make bench``: prints tables of ratios, and writes everything that was measured as JSON beside them."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.kwok.sim.plugins.module_utils._artifacts.request import ArtifactRequest
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.resolve import resolve

from . import tuning
from .cluster_start import COMPONENTS, Bench, as_json


def main() -> int:
    """Run what was asked for; 1 if a goal was missed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("start", "tuning", "all"), default="start", help="start: against kwokctl (default)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, taking turns (default 5)")
    parser.add_argument(
        "--json", type=Path, default=Path(".build/bench.json"), help="where to write the figures (default .build/bench.json)"
    )
    arguments = parser.parse_args()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kwok-sim" / "bench"
    executables = {name: str(resolve(ArtifactRequest(name), progress=print).path) for name in COMPONENTS}
    figures: dict[str, Any] = {"machine": {"cpus": os.cpu_count(), "kernel": platform.release(), "load": os.getloadavg()}}
    met = True
    with tempfile.TemporaryDirectory(prefix="kwok-sim-bench-") as work:
        if arguments.what in ("start", "all"):
            timings, ratios = Bench(Path(work) / "start", executables, cache).run(arguments.rounds)
            figures["start"] = as_json(timings, ratios)
            print(f"\n{'':58} {'median':>8} {'min':>8} {'max':>8}   seconds, {arguments.rounds} rounds")
            for timing in timings:
                print(f"{timing.name:58} {timing.median:8.2f} {min(timing.seconds):8.2f} {max(timing.seconds):8.2f}")
            print(f"\n{'':58} {'ratio':>8} {'goal':>8}")
            for ratio in ratios:
                met = met and ratio.met
                goal = "" if ratio.goal is None else f"{'<=':>4} {ratio.goal:g}"
                print(f"{ratio.name:58} {ratio.value:8.2f} {goal}{'' if ratio.met else '   MISSED'}")
        if arguments.what in ("tuning", "all"):
            results = tuning.run(Path(work) / "tuning", executables, arguments.rounds, print)
            figures["tuning"] = results
            print(f"\n{'ratio of medians; below 1: the first pays':42}" + "".join(f"{name:>15}" for name in tuning.MEASURES))
            for name, measures in results.items():
                print(f"{name:42}" + "".join(f"{measures[measure]:15.2f}" for measure in tuning.MEASURES))
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"\nAll figures: {arguments.json}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
