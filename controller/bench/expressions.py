# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""How long one evaluation takes, in µs: jq queries, CEL expressions, YAML, patches, quantities.

    PYTHONPATH=controller/src python controller/bench/expressions.py [--rounds N]

Times are of the process, so that what else runs on the machine counts little.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

from kwok_controller.expressions.cel import compile_cel
from kwok_controller.expressions.jq import compile_jq
from kwok_controller.expressions.quantity import parse_quantity
from kwok_controller.expressions.yaml import Limits, load_yaml
from kwok_controller.expressions.yaml.whole import read_whole
from kwok_controller.lifecycle.patching import POD, apply_json, apply_merge, apply_strategic

NOW = "2023-11-14T22:13:20.{:09d}Z"
KINDS = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
STATUS: dict[str, Any] = {
    "phase": "Running",
    "hostIP": "10.0.0.1",
    "podIP": "10.0.0.2",
    "podIPs": [{"ip": "10.0.0.2"}],
    "startTime": NOW.format(0),
    "conditions": [{"type": kind, "status": "True", "lastTransitionTime": NOW.format(0)} for kind in KINDS],
    "containerStatuses": [
        {
            "name": f"app-{number}",
            "image": "registry.example/app:1",
            "ready": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": NOW.format(0)}},
        }
        for number in range(2)
    ],
}
OBJECT: dict[str, Any] = {
    "metadata": {"name": "web-0", "namespace": "default", "annotations": {"x/delay": "1s"}, "ownerReferences": [{"kind": "Job"}]},
    "spec": {"nodeName": "node-1", "containers": [{"name": "app-0"}, {"name": "app-1"}]},
    "status": STATUS,
}

QUERIES = (
    ".status.phase",
    ".metadata.deletionTimestamp",
    '.metadata.annotations["x/delay"]',
    ".metadata.ownerReferences.[].kind",
    '.status.conditions.[] | select( .type == "Ready" ) | .status',
    ".status.containerStatuses.[].state.running.startedAt",
    '.status.conditions | map(select(.status == "True")) | length',
    '[.status.conditions[] | select(.type == "Ready" and .status == "True")] | length > 0',
    '.metadata.annotations | to_entries | map(.key) | join(",")',
)
EXPRESSIONS = (
    'self.status.phase == "Running" && !has(self.metadata.deletionTimestamp)',
    '!(self.status.phase in ["Bound", "Released", "Failed"])',
    'self.status.conditions.exists(c, c.type == "Ready" && c.status == "True")',
    'Now() - timestamp(self.status.startTime) > duration("1h")',
    'Quantity("1.5Gi") + Quantity("512Mi") > Quantity("1Gi")',
)


def status_text(number: int) -> str:
    """A status as a template gives it, with a time that no other has."""
    now = NOW.format(number)
    lines = ["conditions:"]
    for kind in KINDS:
        lines += ["", f'- lastTransitionTime: "{now}"', '  status: "True"', f"  type: {kind}"]
    lines += ["", "containerStatuses:"]
    for name in ("app-0", "app-1"):
        lines += ["", '- image: "registry.example/app:1"', f'  name: "{name}"', "  ready: true", "  restartCount: 0"]
        lines += ["  state:", "    running:", f'      startedAt: "{now}"']
    lines += ["", 'hostIP: "10.0.0.1"', f'podIP: "10.0.{number >> 8 & 255}.{number & 255}"', "phase: Running", f'startTime: "{now}"']
    return "\n".join(lines)


def measure(rounds: int, work: Callable[[], object]) -> float:
    """The median of five runs, in µs per round."""
    times = []
    for _ in range(5):
        begin = time.process_time()
        for _ in range(rounds):
            work()
        times.append((time.process_time() - begin) / rounds * 1e6)
    return statistics.median(times)


def main() -> None:
    """Prints a line for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5000)
    rounds = parser.parse_args().rounds

    def show(what: str, work: Callable[[], object], fewer: int = 1) -> None:
        print(f"{what:100.100} {measure(max(rounds // fewer, 1), work):9.2f} µs")

    for source in QUERIES:
        query = compile_jq(source)
        show(f"jq    {source}", lambda query=query: query(OBJECT))  # type: ignore[misc]
    show("jq    compile", lambda: compile_jq(QUERIES[4]), 10)
    for source in EXPRESSIONS:
        program = compile_cel(source, now=lambda: 1_700_000_000_000_000_000, random=lambda: 0.5)
        show(f"cel   {source}", lambda program=program: program(OBJECT))  # type: ignore[misc]

    texts = itertools.cycle([status_text(number) for number in range(2000)])
    same_text = status_text(0)
    show("yaml  pod status, each with its own times and address", lambda: load_yaml(next(texts)))
    show("yaml  pod status, always the same", lambda: load_yaml(same_text))
    show("yaml  pod status, by libyaml", lambda: read_whole(same_text, Limits()), 10)

    patch = {"status": load_yaml(status_text(1))}
    unchanged = {"status": copy.deepcopy(STATUS)}
    show("patch strategic, pod status", lambda: apply_strategic(OBJECT, patch, POD))
    show("patch strategic, pod status, nothing changes", lambda: apply_strategic(OBJECT, unchanged, POD))
    show("patch merge, pod status", lambda: apply_merge(OBJECT, patch))
    show("patch json, a finalizer", lambda: apply_json(OBJECT, [{"op": "add", "path": "/metadata/finalizers", "value": ["x"]}]))
    show("quantity parse", lambda: parse_quantity("1.5Gi"))
    size = parse_quantity("1.5Gi")
    show("quantity text", lambda: str(size))


if __name__ == "__main__":
    main()
