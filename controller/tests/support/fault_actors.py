# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Who makes the faults happen: to the controller's process, the control plane, the network, the apiserver's answers and the token."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from typing import Any, Final

from fault_gateway import Gateway
from fault_network import Network
from fault_schedule import Fault, Kind
from fault_state import CIDR
from sim_cluster import REPOSITORY, Cluster
from simulated import LABEL

from kwok_controller.kube.client import Client
from kwok_controller.kube.errors import AlreadyExists, ApiError, Forbidden, NotFound, ServerError, retryable
from kwok_controller.kube.resources import Resource

LEASE_S: Final = 5
"""A controller that was killed has its Leases for so long; as many seconds nobody plays its nodes."""

SETS: Final = ("pod/general", "node/fast", "node/heartbeat-with-lease")
"""Of the stages that are shipped."""

END_S: Final = 40.0
"""How long the controller may take to end when told to: it bounds that itself by 25 s."""

SECRETS: Final = Resource("", "v1", "secrets", "Secret", True)
SERVICE_ACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount", True)

PLAYER: Final = "player"
"""The controller's ServiceAccount."""

AGAIN_S: Final = 0.3

WATCHES: Final = 4
"""That the controller has open: nodes, pods, ConfigMaps, Leases."""


class ControllerProcess:
    """`kwok-controller` as a process, one after the other; each has a log of its own.

    Args:
        directory: For the logs; also its home.
        kubeconfig: How it reaches the apiserver.
        run: The label of its nodes.

    Attributes:
        logs: Of all that were started, in order.
        complaints: What must not happen: it ended by itself, or not when told to.
    """

    def __init__(self, directory: Path, kubeconfig: Path, run: str) -> None:
        self._directory = directory
        sets = REPOSITORY / "controller/src/kwok_controller/stages/sets"
        self._command = [
            sys.executable,
            "-m",
            "kwok_controller",
            *(f"--config={sets / name}" for name in SETS),
            f"--config={Path(__file__).with_name('fault_steps.yaml')}",
            f"--kubeconfig={kubeconfig}",
            f"--manage-nodes-with-label-selector={LABEL}={run}",
            f"--node-lease-duration-seconds={LEASE_S}",
            f"--cidr={CIDR}",
            "--node-ip=192.0.2.1",
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self.logs: list[Path] = []
        self.complaints: list[str] = []

    def start(self) -> None:
        """Start one."""
        log = self._directory / f"controller-{len(self.logs)}.log"
        self.logs.append(log)
        # Nothing of the user who runs the tests: no kubeconfig, no ~/.kwok.
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._directory), "PYTHONPATH": str(REPOSITORY / "controller/src")}
        with log.open("wb") as file:
            self._process = subprocess.Popen(self._command, stdout=file, stderr=file, env=environment)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was not started"
        return self._process

    def check(self) -> None:
        """Complain if it has ended by itself, and start it again."""
        if self._process is not None and self._process.poll() is not None:
            self.complaints.append(f"{self.logs[-1].name}: it ended by itself with {self._process.returncode}")
            self.start()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()
        self._process = None

    async def end(self) -> None:
        """SIGTERM, and wait."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = await asyncio.to_thread(self.process.wait, END_S)
        except subprocess.TimeoutExpired:
            self.complaints.append(f"{self.logs[-1].name}: it did not end within {END_S:.0f} s of SIGTERM")
            self.process.kill()
            self.process.wait()
        else:
            # Before its handler is set, a signal ends it like any other program.
            if code not in (0, 1, -signal.SIGTERM):
                self.complaints.append(f"{self.logs[-1].name}: it ended with {code} after SIGTERM")
        self._process = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self._process is not None:
            self._process.send_signal(number)

    def close(self) -> None:
        """End whatever runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def identity(self) -> str:
        """Of the one that lives, as in Leases; empty while it has not said so."""
        first = self.logs[-1].read_text().partition("\n")[0]
        return str(json.loads(first).get("id", "")) if first.startswith("{") and first.endswith("}") else ""

    def exceptions(self) -> list[str]:
        """Lines of all logs that tell of a fault of the program's own."""
        marks = ('"stacktrace"', "Traceback")
        lines = ((log.name, line) for log in self.logs for line in log.read_text().splitlines())
        return [f"{name}: {line}" for name, line in lines if any(mark in line for mark in marks)]


class Tokens:
    """Tokens of the controller's ServiceAccount, each bound to a Secret: without it, the token is not valid.

    Args:
        client: The administrator's.
        namespace: Where the ServiceAccount is.
        file: Where the controller finds its token.
    """

    def __init__(self, client: Client, namespace: str, file: Path) -> None:
        self._client = client
        self._namespace = namespace
        self._count = 0
        self._secret = ""
        self.file = file
        self.current = ""

    async def renew(self) -> None:
        """Have another one issued and write it."""
        self._count += 1
        self._secret = f"token-{self._count}"
        await self._persist(self._create_secret)
        answer = await self._persist(self._issue)
        self.current = json.loads(answer)["status"]["token"]
        self.write(self.current)

    async def revoke(self) -> None:
        """Make the present one invalid. The apiserver may not notice for 10 s: it keeps in mind which tokens were valid."""
        await self._persist(self._delete_secret)

    def write(self, token: str) -> None:
        """Replace the file, in one go."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(token)
        fresh.replace(self.file)

    async def _create_secret(self) -> None:
        try:
            await self._client.create(SECRETS, self._namespace, {"metadata": {"name": self._secret}, "type": "Opaque"})
        except AlreadyExists:
            return

    async def _issue(self) -> bytes:
        bound = {"apiVersion": "v1", "kind": "Secret", "name": self._secret}
        body = {"spec": {"boundObjectRef": bound, "expirationSeconds": 3600, "audiences": []}}
        return await self._client.create(SERVICE_ACCOUNTS, self._namespace, body, name=PLAYER, subresource="token")

    async def _delete_secret(self) -> None:
        try:
            await self._client.delete(SECRETS, self._namespace, self._secret)
        except NotFound:
            return

    @staticmethod
    async def _persist(attempt: Any) -> Any:
        async with asyncio.timeout(120):
            while True:
                try:
                    return await attempt()
                except ApiError as error:
                    if not retryable(error) and not isinstance(error, Forbidden | ServerError):
                        raise
                await asyncio.sleep(AGAIN_S)


class Injector:
    """Makes faults happen, each at its time, and notes when it did.

    Attributes:
        applied: A line for each.
    """

    def __init__(self, cluster: Cluster, controller: ControllerProcess, network: Network, gateway: Gateway, tokens: Tokens) -> None:
        self._cluster = cluster
        self._controller = controller
        self._network = network
        self._gateway = gateway
        self._tokens = tokens
        # What is done to one of them is done one after the other.
        self._locks = {name: asyncio.Lock() for name in ("controller", "kube-apiserver", "etcd", "token")}
        self.applied: list[str] = []

    async def inject(self, faults: list[Fault]) -> None:
        """All of them; returns when the last one is over."""
        began = time.monotonic()
        running: list[asyncio.Task[None]] = []
        async with asyncio.TaskGroup() as tasks:
            for fault in faults:
                await asyncio.sleep(began + fault.at - time.monotonic())
                if fault.kind is Kind.WATCH_SILENT:
                    # None of the others may break what is to hang.
                    await asyncio.gather(*running)
                running.append(tasks.create_task(self._noted(fault, began)))

    async def _noted(self, fault: Fault, began: float) -> None:
        started = time.monotonic() - began
        number = len(self.applied)
        self.applied.append(f"{started:6.1f} s …        {fault}")
        await self._apply(fault)
        self.applied[number] = f"{started:6.1f} s - {time.monotonic() - began:6.1f} s {fault}"

    async def _apply(self, fault: Fault) -> None:
        match fault.kind:
            case Kind.CONTROLLER_KILL | Kind.CONTROLLER_STOP | Kind.CONTROLLER_RESTART:
                async with self._locks["controller"]:
                    await self._trouble_controller(fault)
            case Kind.APISERVER_KILL | Kind.APISERVER_STOP | Kind.APISERVER_RESTART:
                async with self._locks["kube-apiserver"]:
                    await asyncio.to_thread(self._trouble_component, "kube-apiserver", fault)
            case Kind.ETCD_KILL | Kind.ETCD_STOP | Kind.ETCD_RESTART:
                async with self._locks["etcd"]:
                    await asyncio.to_thread(self._trouble_component, "etcd", fault)
            case Kind.TOKEN_EXPIRED:
                async with self._locks["token"]:
                    await self._expire_token(fault)
            case Kind.WATCH_END:
                self._gateway.end_watches()
            case Kind.WATCH_SILENT:
                while self._gateway.watches() < WATCHES:
                    await asyncio.sleep(AGAIN_S)
                self._gateway.silence()
            case _:
                with self._lasting(fault):
                    await asyncio.sleep(fault.seconds)

    def _lasting(self, fault: Fault) -> AbstractContextManager[None]:
        """The faults of network and answers that have a beginning and an end."""
        share = 0.2 + 0.8 * fault.amount
        match fault.kind:
            case Kind.NET_RESET:
                return self._network.resetting()
            case Kind.NET_SILENCE:
                return self._network.silent()
            case Kind.NET_TIMEOUT:
                return self._network.timing_out()
            case Kind.NET_SLOW_CLOSE:
                return self._network.closing_late(0.1 + 2 * fault.amount)
            case Kind.NET_DELAY:
                return self._network.delaying(0.02 + 0.8 * fault.amount)
            case Kind.NET_BANDWIDTH:
                return self._network.narrow(1000 + 20_000 * fault.amount)
            case Kind.NET_SLICES:
                return self._network.slicing(1 + int(400 * fault.amount))
            case Kind.NET_LIMIT:
                return self._network.limiting(1000 + int(20_000 * fault.amount))
            case Kind.NET_CUT:
                return self._network.cutting(share)
            case Kind.HTTP_LOST:
                return self._gateway.losing(share)
            case Kind.WATCH_GONE:
                return self._gateway.forgetting()
            case Kind.WATCH_HANG:
                return self._gateway.hanging()
            case Kind.HTTP_429 | Kind.HTTP_500 | Kind.HTTP_503 | Kind.HTTP_401:
                return self._gateway.refusing(int(fault.kind.name.removeprefix("HTTP_")), share)
        raise AssertionError(fault)

    async def _trouble_controller(self, fault: Fault) -> None:
        controller = self._controller
        controller.check()
        if fault.kind is Kind.CONTROLLER_STOP:
            controller.signal(signal.SIGSTOP)
            await asyncio.sleep(fault.seconds)
            controller.signal(signal.SIGCONT)
            return
        if fault.kind is Kind.CONTROLLER_KILL:
            controller.kill()
        else:
            await controller.end()
        await asyncio.sleep(fault.seconds)
        controller.start()

    def _trouble_component(self, component: str, fault: Fault) -> None:
        if fault.kind in (Kind.APISERVER_KILL, Kind.ETCD_KILL):
            self._cluster.kill(component)
            return
        if fault.kind in (Kind.APISERVER_RESTART, Kind.ETCD_RESTART):
            self._cluster.restart(component)
            return
        with self._cluster.suspended(component):
            time.sleep(fault.seconds)

    async def _expire_token(self, fault: Fault) -> None:
        tokens = self._tokens
        # At once, where the apiserver would take its time.
        self._gateway.expired.add(tokens.current)
        if fault.amount < 0.5:
            tokens.write("expired, and no other one was issued")
        await tokens.revoke()
        await asyncio.sleep(fault.seconds)
        await tokens.renew()


def seeded(seed: int, what: str) -> Random:
    """For what one part leaves to chance."""
    return Random(f"{what} {seed}")
