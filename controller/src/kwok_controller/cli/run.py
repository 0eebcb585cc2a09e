# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""``kwok-controller [run]``: from a command line to a running controller, and to its end."""

from __future__ import annotations

import asyncio
import os
import platform
import random
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from kwok_controller import __version__
from kwok_controller.api.configuration import OPTIONS
from kwok_controller.api.kinds import SHOWN, TRACED
from kwok_controller.cli.flags import CommandError, UsageError, parse, usage
from kwok_controller.cli.settings import Settings, connection, flags, read, server_address

if TYPE_CHECKING:
    from kwok_controller.emission.emission import Emission
    from kwok_controller.kube.client import Client
    from kwok_controller.kube.connection import ConnectionConfig
    from kwok_controller.kubelet.scrapes import Scrapes
    from kwok_controller.kubelet.store import Store
    from kwok_controller.server.health import Check
    from kwok_controller.server.http import Server
    from kwok_controller.simulation.manager import Manager
    from kwok_controller.telemetry.metrics import Metrics
    from kwok_controller.telemetry.tracing import Tracing

STOP_TIMEOUT: Final = 25.0
"""Seconds for a graceful stop: less than the 30 that Kubernetes gives a pod."""

CONNECT_BACKOFF: Final = (1.0, 16.0)
"""The first and the longest wait between attempts to reach the apiserver, in seconds; each is twice the one before."""

Beside: TypeAlias = Sequence[Callable[[], Coroutine[Any, Any, None]]]
"""What goes on beside the simulation."""

# Beside the workers, requests come from watches, Leases, Events and the status of stages.
OTHER_CONNECTIONS: Final = 16


def help_text() -> str:
    """What ``--help`` shows."""
    from kwok_controller.cli.main import COMMANDS

    commands = "\n".join(f"  {name:<6} {summary}" for name, (_, summary) in COMMANDS.items())
    return (
        "Plays the nodes, pods and other resources of a simulated Kubernetes cluster, as Stages say.\n\n"
        f"Usage:\n  kwok-controller [COMMAND] [FLAGS]\n\nCommands:\n{commands}\n\n{usage(flags())}"
    )


def main(argv: Sequence[str]) -> int:
    """Run until a signal asks for the end.

    Returns:
        0 after a graceful stop, 1 where it was none.

    Raises:
        UsageError: the command line, or an option in a file, is wrong.
        CommandError: a file, the connection or the server's address is, or the controller failed.
    """
    parsed = parse(flags(), argv)
    if parsed.values.pop("help", False):
        print(help_text(), end="")
        return 0
    if parsed.values.pop("version", False):
        print(f"kwok-controller version {__version__} (Python {platform.python_version()})")
        return 0
    if parsed.arguments:
        raise UsageError(f"unknown command {parsed.arguments[0]!r}: see --help for those that there are")
    return _run_loop(Run(read(parsed)).serve())


def _run_loop(serve: Coroutine[Any, Any, int]) -> int:
    try:
        from uvloop import new_event_loop
    except ImportError:  # there is none for Windows
        return asyncio.run(serve)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(serve)


async def _run_with(beside: Beside, manager: Manager) -> None:
    """Run `manager` to its end, and others meanwhile."""
    async with asyncio.TaskGroup() as tasks:
        others = [tasks.create_task(each()) for each in beside]
        await manager.run()
        for other in others:
            other.cancel()


class Run:
    """One run of the controller."""

    def __init__(self, settings: Settings) -> None:
        """Start the logs; nothing else happens yet."""
        from kwok_controller.simulation.manager import new_identity
        from kwok_controller.telemetry.logs import configure, get_logger

        self._settings = settings
        self._options = settings.options
        self._identity = new_identity()
        self._stop = asyncio.Event()
        self._unreached: str | None = "no attempt has been made yet"
        configure(settings.log_level, settings.log_format, id=self._identity)
        self._log = get_logger(__name__)

    async def serve(self) -> int:
        """Run until a signal comes.

        Returns:
            The exit code.

        Raises:
            CommandError: what was given cannot be used, or the controller failed.
        UsageError: the CIDR of the options is too large or too small.
        """
        from kwok_controller.kube.errors import ConnectionConfigError
        from kwok_controller.simulation.ipam import InvalidCIDR
        from kwok_controller.telemetry.tracing import TracingError, start_tracing

        self._stop_on_signals()
        for warning in self._settings.warnings:
            self._log.warning(warning)
        options = self._options
        try:
            config, warning = connection(options)
            if warning:
                self._log.warning(warning)
            tracing = start_tracing(options.tracing_endpoint, options.tracing_sampling_rate_per_million, instance=self._identity)
            try:
                return await self._control(config, tracing)
            finally:
                await tracing.close()
        except (ConnectionConfigError, TracingError) as err:
            raise CommandError(str(err)) from err
        except InvalidCIDR as err:
            raise UsageError(f"{OPTIONS['cidr'].title}: {err}") from err

    async def _control(self, config: ConnectionConfig, tracing: Tracing) -> int:
        from prometheus_client import disable_created_metrics

        from kwok_controller.kube.client import Client
        from kwok_controller.server.health import LoopWatchdog
        from kwok_controller.simulation.manager import Manager, seed_of
        from kwok_controller.telemetry.metrics import Metrics
        from kwok_controller.telemetry.population_metrics import PopulationMetrics

        # A time stamp beside each counter would double what is scraped.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        metrics = Metrics()
        watchdog = LoopWatchdog(metrics.event_loop_lag.set)
        options = self._options
        tracer = tracing.request if options.tracing_endpoint else None
        async with Client(
            config, connections=options.parallelism + OTHER_CONNECTIONS, observer=metrics.observe_request, tracer=tracer
        ) as client:
            seed = seed_of(options)
            scrapes = self._scrapes(client, metrics, seed)
            store = scrapes.store if scrapes is not None else self._store()
            if store is not None:
                PopulationMetrics(metrics.registry, store)
            manager = Manager(
                options,
                client,
                metrics=metrics,
                stages=self._settings.stages,
                seed=seed,
                identity=self._identity,
                tracing=tracing,
                observer=store,
                notes=scrapes.checkpoints if scrapes is not None else None,
            )
            emission = self._emission(client, metrics, seed, store, manager)
            ready = {"apiserver": lambda: self._unreached, **manager.checks()}
            if scrapes is not None:
                ready["metrics-synced"] = lambda: None if scrapes.sources.synced else "Metrics and usages have not been read yet"
            if emission is not None:
                ready["workload-traces-synced"] = lambda: None if emission.sources.synced else "WorkloadTraces have not been read yet"
            server = self._server(metrics, {"event-loop": watchdog.check}, ready)
            if server is not None and scrapes is not None:
                self._show(server, scrapes, client, manager)
            server = await self._started(server)
            beating = asyncio.create_task(watchdog.run())
            self._log.info("Starting", version=__version__, apiserver=config.server, connection=config.source, seed=manager.seed)
            beside = [*([scrapes.sources.run] if scrapes is not None else []), *([emission.run] if emission is not None else [])]
            try:
                return await self._simulate(manager, beside) if await self._reach(client) else 0
            finally:
                beating.cancel()
                if server is not None:
                    await server.stop()

    def _scrapes(self, client: Client, metrics: Metrics, seed: int) -> Scrapes | None:
        """What the kubelets show; None where nothing says what that is, or nobody can ask."""
        follow = set(self._options.enable_crds).intersection(SHOWN)
        if not (follow or self._settings.shown) or not server_address(self._options):
            return None
        from kwok_controller.kubelet.scrapes import Scrapes
        from kwok_controller.simulation.clock import SystemClock

        settings = self._settings
        return Scrapes(
            SystemClock(), seed=seed, metrics=metrics, client=client, follow=follow, local=settings.shown, traces=settings.traces
        )

    def _store(self) -> Store | None:
        """Where pods are kept that nobody scrapes; None where nobody needs them."""
        if not self._traces_workloads():
            return None
        from kwok_controller.kubelet.store import Store

        return Store()

    def _traces_workloads(self) -> bool:
        """Whether traces of simulated workloads are sent."""
        return bool(self._options.tracing_endpoint) and (TRACED in self._options.enable_crds or bool(self._settings.workload_traces))

    def _emission(self, client: Client, metrics: Metrics, seed: int, store: Store | None, manager: Manager) -> Emission | None:
        """What sends the traces of simulated workloads; None where none are wanted."""
        if store is None or not self._traces_workloads():
            return None
        from kwok_controller.emission.emission import Emission
        from kwok_controller.simulation.clock import SystemClock

        return Emission(
            SystemClock(),
            self._options.tracing_endpoint,
            store,
            seed=seed,
            metrics=metrics,
            owns=manager.plays,
            client=client,
            follow=TRACED in self._options.enable_crds,
            local=self._settings.workload_traces,
            traces=self._settings.traces,
        )

    def _show(self, server: Server, scrapes: Scrapes, client: Client, manager: Manager) -> None:
        """Have `server` answer as the nodes' kubelets, too."""
        from kwok_controller.kubelet.application import Kubelets
        from kwok_controller.kubelet.authentication import Authenticator
        from kwok_controller.kubelet.authorization import Authorizer, Guard
        from kwok_controller.simulation.clock import SystemClock

        clock = SystemClock()
        guard = None if self._options.insecure else Guard(Authenticator(client, clock), Authorizer(client, clock))
        server.application = Kubelets(
            scrapes,
            server.application,
            guard=guard,
            # Without the Leases, what goes with them is not known: counters would begin anew, and then jump.
            ready=lambda: scrapes.sources.synced and manager.ready() and manager.leases_synced,
            shared_ip=self._options.node_ip,
        )

    def _server(self, metrics: Metrics, live: Mapping[str, Check], ready: Mapping[str, Check]) -> Server | None:
        address = server_address(self._options)
        if not address:
            return None
        from kwok_controller.server.health import ping
        from kwok_controller.server.http import Server
        from kwok_controller.server.listener import CertificateError

        try:
            return Server.with_files(
                address,
                live={"ping": ping, **live},
                ready={"ping": ping, **ready},
                exposition=metrics.exposition,
                certificate_file=self._options.tls_cert_file,
                key_file=self._options.tls_private_key_file,
                client_ca_file=self._options.client_ca_file,
            )
        except CertificateError as err:
            raise CommandError(f"{OPTIONS['tls_cert_file'].title}: {err}") from err

    async def _started(self, server: Server | None) -> Server | None:
        from kwok_controller.server.listener import AddressError

        try:
            if server is not None:
                await server.start()
        except AddressError as err:
            # As in the Go kwok: on the host's network several replicas may meet on one host, and only one has the port.
            if os.environ.get("POD_IP") and os.environ.get("POD_IP") == os.environ.get("HOST_IP"):
                self._log.warning("Going on without the server", err=err)
                return None
            raise CommandError(f"{OPTIONS['server_address'].title}: {err}") from err
        return server

    async def _reach(self, client: Client) -> bool:
        """Ask the apiserver until it lists nodes; whether it did, before the end was asked for."""
        reaching = asyncio.create_task(self._until_reached(client))
        try:
            return await self._ends(reaching)
        finally:
            reaching.cancel()

    async def _until_reached(self, client: Client) -> None:
        from kwok_controller.kube.errors import ApiError, Forbidden, Unauthorized

        wait, longest = CONNECT_BACKOFF
        while True:
            try:
                await client.request("GET", "/api/v1/nodes", params={"limit": 1}, verb="list", resource="nodes")
            except ApiError as err:
                self._unreached = f"the apiserver does not list nodes: {err}"
                remedy = {
                    Unauthorized: "check the credentials of the kubeconfig",
                    Forbidden: "let this user or service account list and watch nodes (RBAC)",
                }.get(type(err), "check that it runs there")
                self._log.error("The apiserver cannot be used yet; trying again", err=err, remedy=remedy, seconds=wait)
            else:
                self._unreached = None
                return
            # client-go's jitter of 0.1, so that replicas do not come all at once.
            await asyncio.sleep(wait * (1 + 0.1 * random.random()))
            wait = min(wait * 2, longest)

    async def _simulate(self, manager: Manager, beside: Beside) -> int:
        """Run `manager` until the end is asked for, and then to its end, for which there is a bound of time."""
        running = asyncio.create_task(_run_with(beside, manager) if beside else manager.run())
        if await self._ends(running):
            raise CommandError("the simulation came to its end by itself")
        self._log.info("Stopping: requests in flight end, Leases are given back; a second signal ends at once")
        await manager.stop()
        await asyncio.wait({running}, timeout=STOP_TIMEOUT)
        if not running.done():
            self._log.error("Not stopped in time; ending as it is", seconds=STOP_TIMEOUT)
            running.cancel()
            return 1
        running.result()
        self._log.info("Stopped")
        return 0

    async def _ends(self, task: asyncio.Task[None]) -> bool:
        """Whether `task` ends before the end of all is asked for; what it raises is raised."""
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        if task.done():
            task.result()
        return task.done()

    def _stop_on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self._signalled)

    def _signalled(self) -> None:
        if self._stop.is_set():
            self._log.error("A second signal: ending at once")
            os._exit(1)
        self._stop.set()
