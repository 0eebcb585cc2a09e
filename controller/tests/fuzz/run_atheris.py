# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Fuzzes targets with atheris, guided by what code each input reaches: `python run_atheris.py [TARGET …] --seconds 60`.

Each target runs in a process of its own. What it finds is written to a directory, as `TARGET-crash-…` or `TARGET-timeout-…`, and is
tried again with `python run_atheris.py TARGET --replay FILE`.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).resolve().parent
SUPPORT: Final = HERE.parent / "support"
sys.path[:0] = [str(SUPPORT), str(HERE.parents[1] / "src")]

SLOWER: Final = 10
"""Instrumented code may take that many times as long as otherwise."""

RSS_MB: Final = 768
"""Resident memory of a whole run, atheris and the corpus with it."""

_MARGIN_S: Final = 180
_CASES: Final = re.compile(r"stat::number_of_executed_units:\s*([0-9]+)")
_PEAK: Final = re.compile(r"stat::peak_rss_mb:\s*([0-9]+)")


class Outcome(NamedTuple):
    """How a run went.

    Attributes:
        cases: how many inputs were tried.
        peak_mb: the most memory that it had.
        failed: whether something was found, or the run did not come about.
        log: what atheris said.
    """

    cases: int
    peak_mb: int
    failed: bool
    log: str


def main(arguments: list[str]) -> int:
    """Fuzzes, and prints a line for each target; 1 if anything was found."""
    from fuzzing.targets import TARGETS

    parser = argparse.ArgumentParser(description="Fuzz the controller's pure parts with atheris.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"all when none is given: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations (default: 1)")
    parser.add_argument("--crashes", type=Path, default=Path("crashes"), help="where to write what is found (default: crashes)")
    parser.add_argument("--corpus", type=Path, help="where to keep the inputs that reached new code, one directory for each target")
    parser.add_argument("--replay", type=Path, help="try one input again, and nothing else")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.targets if name not in TARGETS]
    if unknown:
        parser.error(f"{unknown[0]!r} is no target: {', '.join(TARGETS)} are")
    if given.replay:
        if len(given.targets) != 1:
            parser.error("--replay is for one target: name it")
        TARGETS[given.targets[0]](given.replay.read_bytes())
        print(f"{given.targets[0]}: {given.replay} passes")
        return 0
    names = given.targets or list(TARGETS)
    given.crashes.mkdir(parents=True, exist_ok=True)
    failed = False
    for name in names:
        outcome = run(name, given.seconds / len(names), given.seed, given.crashes, given.corpus)
        print(f"{name}: {outcome.cases} cases, {outcome.peak_mb} MiB{', FAILED' if outcome.failed else ''}", flush=True)
        if outcome.failed:
            failed = True
            print(outcome.log[-4000:])
    return int(failed)


def run(name: str, seconds: float, seed: int, crashes: Path, corpus: Path | None = None) -> Outcome:
    """Fuzzes one target in a process of its own."""
    from fuzzing.corpus import SEEDS, dictionary

    with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
        seeds, words = Path(directory, "seeds"), Path(directory, "words")
        seeds.mkdir()
        for number, data in enumerate(SEEDS.get(name, ())):
            (seeds / str(number)).write_bytes(data)
        kept = Path(directory, "kept") if corpus is None else corpus / name
        kept.mkdir(parents=True, exist_ok=True)
        options = [
            f"-max_total_time={max(1, round(seconds))}",
            f"-seed={seed}",
            f"-artifact_prefix={crashes}/{name}-",
            f"-rss_limit_mb={RSS_MB}",
            "-max_len=2048",
            "-timeout=120",
            "-print_final_stats=1",
        ]
        if found := dictionary(name):
            words.write_text(found)
            options.append(f"-dict={words}")
        command = [sys.executable, str(SUPPORT / "fuzzing" / "under_atheris.py"), name, str(SLOWER), *options, str(kept), str(seeds)]
        process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path[:2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            log, _ = process.communicate(timeout=seconds + _MARGIN_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            log, _ = process.communicate()
    cases, peak = _CASES.search(log), _PEAK.search(log)
    return Outcome(int(cases[1]) if cases else 0, int(peak[1]) if peak else 0, process.returncode != 0 or not cases, log)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
