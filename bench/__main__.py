# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make bench``: prints tables of ratios, and writes everything that was measured as JSON beside them."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from ansible_collections.kwok.sim.plugins.module_utils._artifacts.request import ArtifactRequest
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.resolve import resolve

from . import churn, fit, nodes, overhead, replicas, scrape, scrape_churn, side_by_side, sizes, tuning
from .cluster_start import COMPONENTS, Bench, as_json
from .machine import this_machine
from .players import CONTROLLER, GO_KWOK, LOOP

PLAYERS = {"go": GO_KWOK, "controller": CONTROLLER, "loop": LOOP}


CHOICES = {
    "controller": "kwok-controller, the Go kwok and a merge-patch loop, side by side (default)",
    "start": "from nothing to a ready cluster, against kwokctl",
    "tuning": "the default settings of clusters, each against its opposite",
    "sizes": "kwok-controller alone on clusters of several sizes, and on paper what larger ones need",
    "replicas": "kwok-controllers that share the nodes by Leases, and one of them killed",
    "churn": "pods made and deleted for a long time",
    "nodes": "kwok_nodes from nothing to Ready, and unchanged",
    "overhead": "pods on a cluster as site.yml makes it, with Prometheus, Jaeger and tracing, and without",
    "scrape": "all nodes' metrics, beside the Go kwok; with --every: kwok-controller alone, while pods churn",
}


def main() -> int:
    """Run what was asked for; 1 if a goal was missed."""
    arguments = parse_arguments()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kwok-sim" / "bench"
    executables = {name: str(resolve(ArtifactRequest(name), progress=print).path) for name in COMPONENTS}
    machine = this_machine()
    figures: dict[str, Any] = {"machine": asdict(machine)}
    # A run is ended in good order, and keeps what it has measured.
    signal.signal(signal.SIGTERM, _end)
    try:
        with tempfile.TemporaryDirectory(prefix="kwok-sim-bench-") as work:
            met = _run(Path(work), executables, cache, arguments, figures)
    finally:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"\nOn: {machine}\nAll figures: {arguments.json}")
    return 0 if met else 1


def _end(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _run(work: Path, executables: dict[str, str], cache: Path, arguments: argparse.Namespace, figures: dict[str, Any]) -> bool:
    """Measure, print, and say whether all goals are met."""
    if arguments.what == "controller":
        return _controller(work, executables, cache, arguments, figures)
    if arguments.what == "start":
        return _start(work, executables, cache, arguments, figures)
    if arguments.what == "scrape" and arguments.every is None:
        return _scrape(work, executables, cache, arguments, figures)
    alone = {
        "tuning": _tuning,
        "sizes": _sizes,
        "replicas": _replicas,
        "churn": _churn,
        "nodes": _nodes,
        "overhead": _overhead,
        "scrape": _scrape_churn,
    }[arguments.what]
    return alone(work, executables, arguments, figures)


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for, by the command line unless `argv` is given."""
    described = "; ".join(f"{name}: {text}" for name, text in CHOICES.items())
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=CHOICES, default="controller", help=described)
    parser.add_argument("--rounds", type=int, help="runs of each, taking turns (default 1; nodes, overhead: 3)")
    parser.add_argument("--json", type=Path, help="where to write the figures (default .build/bench-NAME.json, scrape-churn with --every)")
    size = side_by_side.Size()
    parser.add_argument("--nodes", type=int, default=size.nodes, help=f"nodes created live (default {size.nodes})")
    parser.add_argument("--pods", type=int, default=size.pods, help=f"pods created live (default {size.pods})")
    parser.add_argument("--idle", type=float, default=size.idle_s, help=f"controller, sizes: seconds of idleness (default {size.idle_s:g})")
    parser.add_argument("--no-restart", action="store_true", help="controller: leave the restart out")
    parser.add_argument(
        "--players", nargs="+", choices=PLAYERS, default=list(PLAYERS), help="controller: who takes part (default: go controller loop)"
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=_checked(sizes.parse_size),
        metavar="NODES:PODS",
        default=[*map(sizes.parse_size, sizes.SIZES)],
        help=f"sizes: of the clusters (default {' '.join(sizes.SIZES)})",
    )
    parser.add_argument("--replicas", nargs="+", type=int, default=[1, 2, 3], help="replicas: how many (default 1 2 3)")
    parser.add_argument("--minutes", type=float, help="churn, scrape --every: how long (default 60, 5)")
    parser.add_argument(
        "--rate",
        type=_checked(churn.parse_rate),
        default=churn.HALF,
        help="churn: pods per second, or half (default), of the greatest rate",
    )
    plan = scrape.Plan()
    parser.add_argument("--seconds", type=_positive, default=plan.seconds, help=f"scrape: of each case (default {plan.seconds:g})")
    parser.add_argument("--every", type=_positive, metavar="SECONDS", help="scrape: each node once in so many seconds, while pods churn")
    parser.add_argument(
        "--churn", type=_checked(churn.parse_rate), default=10.0, metavar="RATE", help="scrape --every: as --rate (default 10)"
    )
    arguments = parser.parse_args(argv)
    arguments.rounds = arguments.rounds or (3 if arguments.what in ("nodes", "overhead") else 1)
    arguments.minutes = arguments.minutes or (5.0 if arguments.what == "scrape" else 60.0)
    name = "scrape-churn" if arguments.what == "scrape" and arguments.every is not None else arguments.what
    arguments.json = arguments.json or Path(f".build/bench-{name}.json")
    return arguments


def _positive(text: str) -> float:
    """A number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} seconds cannot be: give a number above 0")
    return number


def _checked(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """``parse`` such that argparse shows what its ValueError says."""

    def checked(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return checked


def _controller(work: Path, executables: dict[str, str], cache: Path, arguments: argparse.Namespace, figures: dict[str, Any]) -> bool:
    restart = {"restart_pods": 0} if arguments.no_restart else {}
    size = side_by_side.Size(nodes=arguments.nodes, pods=arguments.pods, idle_s=arguments.idle, **restart)
    names = [PLAYERS[name] for name in arguments.players]
    found = side_by_side.run(work, executables, cache, names, size, arguments.rounds, _say)
    reached = side_by_side.ratios(found)
    figures["controller"] = {
        "size": vars(size),
        "rounds": arguments.rounds,
        "players": found,
        "ratios": [
            {"what": goal.title, "to": goal.to, "ratio": ratio, "goal": str(goal), "met": goal.met(ratio)} for goal, ratio in reached
        ],
    }
    print(f"\n{side_by_side.table(found)}")
    return all(goal.met(ratio) for goal, ratio in reached)


def _start(work: Path, executables: dict[str, str], cache: Path, arguments: argparse.Namespace, figures: dict[str, Any]) -> bool:
    timings, ratios = Bench(work / "start", executables, cache).run(arguments.rounds)
    figures["start"] = as_json(timings, ratios)
    print(f"\n{'':58} {'median':>8} {'min':>8} {'max':>8}   seconds, {arguments.rounds} rounds")
    for timing in timings:
        print(f"{timing.name:58} {timing.median:8.2f} {min(timing.seconds):8.2f} {max(timing.seconds):8.2f}")
    print(f"\n{'':58} {'ratio':>8} {'goal':>8}")
    for ratio in ratios:
        goal = "" if ratio.goal is None else f"{'<=':>4} {ratio.goal:g}"
        print(f"{ratio.name:58} {ratio.value:8.2f} {goal}{'' if ratio.met else '   MISSED'}")
    return all(ratio.met for ratio in ratios)


def _tuning(work: Path, executables: dict[str, str], arguments: argparse.Namespace, figures: dict[str, Any]) -> bool:
    results = tuning.run(work / "tuning", executables, arguments.rounds, print)
    figures["tuning"] = results
    print(f"\n{'ratio of medians; below 1: the first pays':42}" + "".join(f"{name:>15}" for name in tuning.MEASURES))
    for name, measures in results.items():
        print(f"{name:42}" + "".join(f"{measures[measure]:15.2f}" for measure in tuning.MEASURES))
    # These have no goals.
    return True


def _sizes(work: Path, executables: dict[str, str], arguments: argparse.Namespace, figures: dict[str, Any]) -> bool:
    found: list[sizes.Figures] = []
    figures["sizes"] = {"measured": found}
    sizes.run(work, executables, arguments.sizes, arguments.idle, _say, found)
    print(f"\n{sizes.table(found)}\n")
    try:
        costs, estimates = sizes.on_paper(found)
    except fit.NoFit as error:
        print(f"No estimate of larger clusters: {error}")
    else:
        figures["sizes"] |= {"fit": asdict(costs), "on_paper": [asdict(each) for each in estimates]}
        print(sizes.paper_table(costs, estimates))
    return sizes.met(found)


def _replicas(work: Path, executables: dict[str, str], arguments: argparse.Namespace, figures: dict[str, Any]) -> bool:
    found, offenders = replicas.run(work, executables, arguments.replicas, arguments.nodes, arguments.pods, _say)
    figures["replicas"] = {"nodes": arguments.nodes, "pods": arguments.pods, "by_count": found, "not_played_once": offenders}
    print(f"\n{replicas.table(found)}\n\nNot played exactly once, by the audit log: {len(offenders)}")
    for name, times in offenders.items():
        print(f"  {name}: status written {len(times)} times: {', '.join(times)}")
    return not offenders


def _churn(work: Path, executables: dict[str, str], arguments: argparse.Namespace, figures: dict[str, Any]) -> bool:
    samples, rates = churn.run(work, executables, arguments.nodes, arguments.pods, arguments.minutes, arguments.rate, _say)
    figures["churn"] = {"rates": rates, "samples": samples}
    verdict = churn.judge(samples)
    figures["churn"] |= {"verdict": {**asdict(verdict), "met": verdict.met}}
    print(f"\n{churn.table(verdict)}")
    return verdict.met


def _nodes(work: Path, executables: dict[str, str], arguments: argparse.Namespace, figures: dict[str, Any]) -> bool:
    timings = nodes.run(work, executables, arguments.nodes, arguments.rounds, _say)
    figures["nodes"] = [{**asdict(timing), "median": timing.median, "met": timing.met} for timing in timings]
    print(f"\n{nodes.table(timings)}")
    return all(timing.met for timing in timings)


def _overhead(work: Path, executables: dict[str, str], arguments: argparse.Namespace, figures: dict[str, Any]) -> bool:
    del executables  # The playbook gets its own.
    found = overhead.run(work, arguments.nodes, arguments.pods, arguments.rounds, _say)
    figures["overhead"] = {
        "nodes": arguments.nodes,
        "pods": arguments.pods,
        "loads": {stack: [asdict(load) for load in loads] for stack, loads in found.items()},
        "ratio": overhead.ratio(found),
        "met": overhead.met(found),
    }
    print(f"\n{overhead.table(found)}")
    return overhead.met(found)


def _scrape(work: Path, executables: dict[str, str], cache: Path, arguments: argparse.Namespace, figures: dict[str, Any]) -> bool:
    plan = scrape.Plan(arguments.nodes, arguments.pods, arguments.seconds, arguments.rounds)
    taken: scrape.Taken = {}
    figures["scrape"] = {"plan": asdict(plan), "rounds": taken}
    found = scrape.run(work, executables, cache, plan, _say, taken)
    reached = scrape.ratios(found)
    figures["scrape"] |= {
        **asdict(found),
        "ratios": [
            {"case": case, "what": goal.title, "ratio": ratio, "goal": str(goal), "met": goal.met(ratio)} for case, goal, ratio in reached
        ],
    }
    print(f"\n{scrape.table(found, plan)}")
    return scrape.met(found)


def _scrape_churn(work: Path, executables: dict[str, str], arguments: argparse.Namespace, figures: dict[str, Any]) -> bool:
    plan = scrape_churn.Plan(arguments.nodes, arguments.pods, arguments.every, arguments.minutes, arguments.churn)
    found = scrape_churn.run(work, executables, plan, _say)
    figures["scrape_churn"] = {"plan": asdict(plan), **asdict(found), "met": scrape_churn.met(found)}
    print(f"\n{scrape_churn.table(found, plan)}")
    return scrape_churn.met(found)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
