# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the measurements of kwok-controller alone stand on: a cluster for it, and processes that can be killed and started again."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
import urllib.error
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import LEASES

from . import players
from .cluster import Cluster, prepare, running_cluster, token
from .load import LEASE_NAMESPACE, Count
from .metrics import get
from .players import STOP_SECONDS, Process, end
from .ports import free_port

Report = Callable[[str], None]

POLL_S = 0.02
PROGRESS_S = 15.0


class Controller:
    """kwok-controller on a port of its own; its processes follow one another.

    Args:
        kubeconfig: With which it goes to the apiserver.
        stages: What it plays.
        log: What its processes print goes to the end of this file.
        args: More flags.
    """

    def __init__(self, kubeconfig: Path, stages: Path, log: Path, *args: str) -> None:
        self.port = free_port()
        self.log = log
        self._command = players.kwok_controller(kubeconfig, stages, self.port, *args).command
        self._popen: subprocess.Popen[bytes] | None = None
        self._began = 0.0

    @property
    def process(self) -> Process:
        """The one that runs.

        Raises:
            RuntimeError: It has ended by itself, or was not started.
        """
        self.check()
        assert self._popen is not None
        return Process(self._popen)

    def check(self) -> None:
        """Fail unless it runs.

        Raises:
            RuntimeError: It has ended by itself, or was not started.
        """
        if self._popen is None or self._popen.poll() is not None:
            raise RuntimeError(f"kwok-controller does not run; see {self.log}")

    def start(self) -> None:
        """Start a process."""
        self._began = time.perf_counter()
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(self._command, stdout=output, stderr=output)

    async def until_ready(self, timeout_s: float) -> tuple[float, float]:
        """Seconds from the start until its server answers, and until /readyz says ok: all that there is has been listed and seen.

        Raises:
            RuntimeError: It is not ready in time, or has ended.
        """
        answered = 0.0
        while (seconds := time.perf_counter() - self._began) < timeout_s:
            self.check()
            try:
                await get(self.port, "/readyz")
                return answered or seconds, seconds
            except urllib.error.HTTPError:
                answered = answered or seconds
            except OSError:
                pass
            await asyncio.sleep(POLL_S)
        raise RuntimeError(f"kwok-controller is not ready after {timeout_s:.0f} s; see {self.log}")

    def identity(self) -> str:
        """What it holds Leases as, which each line of its log says."""
        return str(json.loads(self.log.read_bytes().splitlines()[-1])["id"])

    def kill(self) -> None:
        """SIGKILL: it can give nothing back."""
        self.check()
        assert self._popen is not None
        self._popen.kill()
        self._popen.wait(STOP_SECONDS)

    def stop(self) -> None:
        """Ask it to end, as a user would, and wait for it; nothing if none runs."""
        if self._popen is not None:
            end(self._popen)


@dataclass(frozen=True)
class Bed:
    """A cluster, and what a controller needs to play on it.

    Attributes:
        cluster: The control plane.
        client: The administrator's.
        kubeconfig: The controller's, with a token.
        stages: What is played.
        work: Where logs go.
    """

    cluster: Cluster
    client: Client
    kubeconfig: Path
    stages: Path
    work: Path

    @contextmanager
    def controllers(self, count: int = 1) -> Iterator[list[Controller]]:
        """So many that have not been started; those that run at the end are asked to end."""
        made = [Controller(self.kubeconfig, self.stages, self.work / f"controller-{number}.log") for number in range(count)]
        try:
            yield made
        finally:
            for each in made:
                each.stop()


@asynccontextmanager
async def bed(work: Path, executables: Mapping[str, str], **options: Any) -> AsyncIterator[Bed]:
    """A fresh cluster, with the collection's defaults but for ``options``; nodes are silent no longer than in a real one.

    Args:
        work: A directory of its own.
        executables: Of the control plane, by component.
        options: Of `kwok_cluster`.
    """
    work.mkdir(parents=True, exist_ok=True)
    stages = work / "stages.yaml"
    players.write_stages(stages)
    with running_cluster(work / "cluster", executables, **{"heartbeat_factor": 1.0, **options}) as cluster:
        async with cluster.client() as client:
            await prepare(client)
            kubeconfig = cluster.kubeconfig_with("token", {"token": await token(client)})
            yield Bed(cluster, client, kubeconfig, stages, work)


async def oldest_lease(client: Client) -> float:
    """Seconds since the Lease that was renewed least recently was, as the apiserver has them; 0 if there are none."""
    now = time.time()
    times = [item["spec"].get("renewTime") async for item in client.list(LEASES, LEASE_NAMESPACE, timeout=120)]
    return max((now - datetime.fromisoformat(renewed).timestamp() for renewed in times if renewed), default=0.0)


@asynccontextmanager
async def telling(count: Count, total: int, what: str, report: Report) -> AsyncIterator[None]:
    """Meanwhile say how many there are, now and then."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(PROGRESS_S)
            report(f"  {len(count.names)} of {total} {what}")

    speaking = asyncio.create_task(tell())
    try:
        yield
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
