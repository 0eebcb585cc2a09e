# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who plays nodes and pods in the bench: the Go kwok, kwok-controller, and the merge-patch loop, each a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .apiserver import cpu_seconds

GO_KWOK, CONTROLLER, LOOP = "Go kwok", "kwok-controller", "merge-patch loop"

STAGE_SETS = ("node-fast", "node-heartbeat-with-lease", "pod-fast")
"""What both play. `pod-ready-again` is left out: the Go kwok has no such stage."""

LEASE_SECONDS = 40
STOP_SECONDS = 60


@dataclass(frozen=True)
class Player:
    """A program that plays, and how to start it.

    Attributes:
        name: For the table.
        command: What is run.
    """

    name: str
    command: tuple[str, ...]

    @contextmanager
    def playing(self, log: Path) -> Iterator[Process]:
        """The program while it runs; it is asked to end, as a user would, and waited for.

        Args:
            log: What it prints goes to the end of this file.
        """
        with log.open("ab") as output:
            process = subprocess.Popen(self.command, stdout=output, stderr=output)
        try:
            yield Process(process)
            if process.poll() is not None:
                raise RuntimeError(f"{self.name} ended by itself with {process.returncode}; see {log}")
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a program to end, as a user would, and wait for it; for a while. One that has ended is left alone."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Process:
    """What a running player has used (Linux: proc(5))."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid

    def cpu(self) -> float:
        """Seconds of CPU."""
        return cpu_seconds(self.pid)

    def rss(self) -> float:
        """MiB of memory, resident now."""
        return memory(self.pid, "VmRSS")

    def peak_rss(self) -> float:
        """MiB of memory, resident at most so far."""
        return memory(self.pid, "VmHWM")


def memory(pid: int, what: str) -> float:
    """MiB, by the name that proc(5) gives to it."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{what}:")) / 1024


def controller_command() -> str:
    """kwok-controller of the environment that the bench runs in."""
    return str(Path(sys.executable).with_name("kwok-controller"))


def write_stages(path: Path) -> None:
    """The stages that both play, as one file that both read."""
    shown = subprocess.run([controller_command(), "stage", "show", *STAGE_SETS], check=True, capture_output=True, text=True).stdout
    documents = [document for document in shown.split("\n---\n") if "name: pod-ready-again" not in document]
    path.write_text("\n---\n".join(documents), encoding="utf-8")


def common_flags(kubeconfig: Path, stages: Path, port: int) -> Sequence[str]:
    """The flags of both, which are the same."""
    return (
        f"--kubeconfig={kubeconfig}",
        f"--config={stages}",
        "--manage-all-nodes=true",
        "--cidr=10.0.0.1/12",
        "--node-ip=10.0.0.1",
        f"--node-lease-duration-seconds={LEASE_SECONDS}",
        f"--server-address=127.0.0.1:{port}",
    )


def go_kwok(executable: Path, kubeconfig: Path, stages: Path, port: int) -> Player:
    """The peer, with the flags that kwokctl gives it."""
    return Player(GO_KWOK, (str(executable), *common_flags(kubeconfig, stages, port)))


def kwok_controller(kubeconfig: Path, stages: Path, port: int, *args: str, name: str = CONTROLLER) -> Player:
    """Ours."""
    return Player(name, (controller_command(), *common_flags(kubeconfig, stages, port), *args))


def merge_patch_loop(kubeconfig: Path) -> Player:
    """The loop."""
    return Player(LOOP, (sys.executable, "-m", "bench.merge_patch_loop", str(kubeconfig)))
