# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Whatever goes wrong and in whatever order, the end is that of a run in which nothing did."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fault_actors import PLAYER, ControllerProcess, Injector, Tokens, seeded
from fault_gateway import Gateway
from fault_network import Network
from fault_schedule import DURATIONS_S, SILENT_FROM, Fault, Kind, schedule
from fault_state import Object, difference, essence, state, unsettled
from fault_workload import Worker, Workload, workload
from sim_cluster import Cluster

from kwok_controller.kube.client import Client
from kwok_controller.kube.errors import ApiError
from kwok_controller.kube.watch import IDLE_S

SETTLE_S = 60.0
"""How long after the last fault, and after the last step of a user, everything may take to be as it should."""

CALM_S = 8.0
"""Over how many seconds the undisturbed run's workload is spread."""

SCRIPTS_PER_FAULT = 3

WITH_FAULTS = 0.8
"""The part of the workload's time at the end of which the last fault begins."""

LOOK_S = 0.5
"""Between two looks at how things are."""

STAYS_S = 2.0
"""What has settled is looked at again after so long, and must be the same."""

TAIL = 60
"""Lines of the controller's log that a failure shows."""


def test_a_schedule_is_its_seeds_and_has_every_kind() -> None:
    short = schedule(7, len(DURATIONS_S))
    assert short == schedule(7, len(DURATIONS_S)) != schedule(8, len(DURATIONS_S))
    assert {fault.kind for fault in short} == set(DURATIONS_S)
    long = schedule(7, 200)
    assert [fault.at for fault in long] == sorted(fault.at for fault in long)
    assert long[-1].kind is Kind.WATCH_SILENT
    assert min(sum(fault.kind is kind for fault in long) for kind in DURATIONS_S) >= 7


def test_the_end_is_that_of_an_undisturbed_run(
    cluster: Cluster, tmp_path: Path, faults: int, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(_compare(cluster, tmp_path, faults, seed, capsys))


@dataclass
class Setting:
    """All of one run."""

    run: str
    controller: ControllerProcess
    network: Network
    gateway: Gateway
    tokens: Tokens


async def _compare(cluster: Cluster, directory: Path, count: int, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    faults = schedule(seed, count)
    work = workload(seed, round(count * SCRIPTS_PER_FAULT))
    async with cluster.client() as client:
        async with _setting(cluster, client, directory, "calm", seed) as calm:
            await Worker(client, calm.run).work(work, CALM_S)
            undisturbed, _ = await _settled(client, calm, work, None, time.monotonic() + SETTLE_S)
            await calm.controller.end()
        async with _setting(cluster, client, directory, "rough", seed) as rough:
            injector = Injector(cluster, rough.controller, rough.network, rough.gateway, rough.tokens)
            worker = Worker(client, rough.run)
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(worker.work(work, faults[-1].at / WITH_FAULTS))
                    tasks.create_task(injector.inject(faults))
                # Users go on until the control plane has done what they ask for, which on a busy machine is long after the last fault.
                over = time.monotonic()
                limit = SETTLE_S + (IDLE_S if count >= SILENT_FROM else 0.0)
                _, at = await _settled(client, rough, work, undisturbed, over + limit)
                complaints = rough.controller.complaints + rough.controller.exceptions()
                assert not complaints, "\n".join(complaints)
            except BaseException as error:
                error.add_note(_account(seed, faults, injector, rough.controller))
                raise
            with capsys.disabled():
                print(
                    f"\nseed {seed}: {len(injector.applied)} faults, {rough.gateway.faulted} requests and watches disturbed, "
                    f"{len(rough.controller.logs)} controllers, {worker.done} steps of users; "
                    f"settled {at - over:.1f} s after the last of all"
                )


@asynccontextmanager
async def _setting(cluster: Cluster, client: Client, directory: Path, run: str, seed: int) -> AsyncIterator[Setting]:
    """A controller that plays the nodes of a run, by way of a gateway and a network of its own."""
    _prepare(cluster, run)
    home = directory / run
    home.mkdir()
    tokens = Tokens(client, run, home / "token")
    await tokens.renew()
    async with Gateway(cluster, seeded(seed, "gateway")) as gateway, Network(gateway.port, seeded(seed, "network")) as network:
        kubeconfig = home / "kubeconfig"
        kubeconfig.write_text(gateway.kubeconfig(network.port, tokens.file))
        controller = ControllerProcess(home, kubeconfig, run)
        controller.start()
        try:
            yield Setting(run, controller, network, gateway, tokens)
        finally:
            controller.close()


def _prepare(cluster: Cluster, run: str) -> None:
    """A namespace in which pods can be created, and who the controller is."""
    cluster.kubectl("create", "namespace", run)
    cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--namespace", run, "--timeout=120s")
    cluster.kubectl("create", "serviceaccount", PLAYER, "--namespace", run)
    cluster.kubectl("create", "clusterrolebinding", f"player-{run}", "--clusterrole=cluster-admin", f"--serviceaccount={run}:{PLAYER}")


async def _settled(
    client: Client, setting: Setting, work: Workload, wanted: dict[str, Object] | None, ends: float
) -> tuple[dict[str, Object], float]:
    """Wait until all is as it must be, up to a monotonic time.

    Returns:
        What it is, and the monotonic time since when.
    """
    since: float | None = None
    problems = ["nothing could be read"]
    while since is None or time.monotonic() < since + STAYS_S:
        assert since is not None or time.monotonic() < ends, "not settled in time:\n" + "\n".join(problems)
        await asyncio.sleep(LOOK_S)
        setting.controller.check()
        at = time.monotonic()
        try:
            found = await state(client, setting.run)
        except ApiError as error:
            problems, since = [f"the apiserver cannot be read: {error}"], None
            continue
        kept = essence(found, setting.run)
        problems = unsettled(found, work, setting.run, setting.controller.identity())
        if wanted is not None and (unlike := difference(wanted, kept)):
            problems.append(unlike)
        since = (since or at) if not problems else None
    return kept, since


def _account(seed: int, faults: list[Fault], injector: Injector, controller: ControllerProcess) -> str:
    """What tells how it came to a failure, and how to have it again."""
    tail = controller.logs[-1].read_text().splitlines()[-TAIL:]
    return "\n".join(
        [
            f"Again: make faults FAULTS={len(faults)} SEED={seed}",
            *injector.applied,
            f"The end of {controller.logs[-1].name}:",
            *tail,
        ]
    )
