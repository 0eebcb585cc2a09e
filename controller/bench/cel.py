# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""How long CEL takes: compiling an expression, and evaluating it for a pod of about 4 KB and for the same as a map, in µs.

PYTHONPATH=controller/src python controller/bench/cel.py [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from kwok_controller.expressions.cel import compile_cel

EXPRESSIONS = (
    "self.status.phase == 'Pending' && !has(self.metadata.deletionTimestamp)",
    "self.spec.containers.all(c, c.image.startsWith('registry'))",
    "SinceSecond(self) > 10.0",
    "Now() - timestamp(self.metadata.creationTimestamp) > duration('1h')",
    "Quantity(self.metadata.annotations['usage']) * 2 < Quantity('1Gi')",
)


def pod() -> dict[str, Any]:
    """A pod of about 4 KB of JSON."""
    env = [{"name": f"NAME_{n}", "value": "v" * 40} for n in range(6)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "web-0",
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "labels": {f"example.com/label-{n}": "v" * 20 for n in range(20)},
            "annotations": {"usage": "100Mi"},
        },
        "spec": {
            "containers": [
                {"name": f"app-{n}", "image": f"registry.example/app:{n}", "env": env, "resources": {"requests": {"cpu": "100m"}}}
                for n in range(5)
            ]
        },
        "status": {"phase": "Pending"},
    }


def measure(rounds: int, work: Callable[[], object]) -> float:
    """The median of five runs, in µs per round."""
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(rounds):
            work()
        times.append((time.perf_counter() - begin) / rounds * 1e6)
    return statistics.median(times)


def main() -> None:
    """Prints a line for each expression."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5000)
    rounds = parser.parse_args().rounds
    typed = pod()
    plain = {**typed, "apiVersion": "example.com/v1"}
    print(f"a pod of {len(json.dumps(typed))} bytes\n  compile     pod     map  (µs)")
    for source in EXPRESSIONS:
        program = compile_cel(source, now=time.time_ns, random=lambda: 0.5)
        compiling = measure(rounds // 50 or 1, partial(compile_cel, source, now=time.time_ns, random=lambda: 0.5))
        of_pod = measure(rounds, partial(program, typed))
        of_map = measure(rounds, partial(program, plain))
        print(f"{compiling:9.1f} {of_pod:7.2f} {of_map:7.2f}  {source}")


if __name__ == "__main__":
    main()
