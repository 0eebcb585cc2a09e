# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runtime ``binary``: components as processes of this host, under one supervisord per cluster.

Files, below the cluster's directory: ``runtime/conf.d/NAME.sh`` defines a component (see ``definition``); ``runtime/supervisord.conf`` is
made from the intact definitions whenever supervisord is to read it; ``logs/NAME.log`` is the output.

supervisord may have been killed or hang while components still run. Every process of the cluster carries markers in its environment, by
which such processes are found and ended before the component is started anew.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from .._cluster.component import Component, ObservedComponent, Status
from .._cluster.layout import Layout
from .._errors import SimError
from .._files import make_directory, write_atomically
from . import processes
from .definition import NAME, Definition, parse, render
from .log_tail import tail
from .processes import Process
from .supervisor import CLUSTER_MARKER, COMPONENT_MARKER, DIGEST_MARKER, Fault, FaultCode, NotAnswering, Program, State, Supervisor

# Between two looks at a state that supervisord changes by itself, in seconds.
_POLL = 0.01
# What a component without a readable definition gets from SIGTERM to SIGKILL, in seconds: supervisor's own default.
_DEFAULT_STOP_TIMEOUT = 10
# How much later than due supervisord may kill what does not stop, in seconds: it looks once a second.
_SLACK = 3.0

_STATUS: Mapping[State, Status] = {
    State.RUNNING: "running",
    # supervisor's word for a process in its first second; whether it is ready is another question.
    State.STARTING: "running",
    State.BACKOFF: "starting",
    # Gone for an instant, before it is started again.
    State.EXITED: "starting",
    State.STOPPING: "stopped",
    State.STOPPED: "stopped",
    State.FATAL: "failed",
    State.UNKNOWN: "failed",
}

_STOPPABLE = (State.STARTING, State.RUNNING, State.BACKOFF)


class BinaryRuntime:
    """Runs the components of one cluster under supervisor. Implements ``base.Runtime``.

    Callers see to it that no two of them change a cluster at once.

    Args:
        layout: Where the cluster's files are.
        patience: Seconds to wait for an answer of supervisord before it is taken for hung.
    """

    name = "binary"
    endpoint = ""

    def __init__(self, layout: Layout, patience: float = 10.0) -> None:
        self._layout = layout
        self._definitions = layout.runtime / "conf.d"
        self._supervisor = Supervisor(layout.root, patience)

    def check(self) -> None:
        """Raise a SimError that names the remedy if supervisor cannot work on this host; change nothing."""
        self._supervisor.check()

    def observe(self) -> Mapping[str, ObservedComponent]:
        """Every component that is defined or runs, by name; change nothing."""
        programs: Mapping[str, Program] = {}
        with contextlib.suppress(NotAnswering):
            programs = self._supervisor.programs()
        supervised = {program.pid for program in programs.values() if program.pid}
        strays: dict[str, Process] = {}
        marked = {process.pid: process for process in self._marked()}
        for process in marked.values():
            name = process.environ.get(COMPONENT_MARKER)
            if name and not processes.descends(process, supervised):
                strays.setdefault(name, process)
        definitions = dict(self._stored())
        observed = {}
        for name in sorted({*programs, *strays, *definitions}):
            program = programs.get(name)
            stray = strays.get(name)
            definition = definitions.get(name)
            if program is not None and program.state in (State.RUNNING, State.STARTING):
                observed[name] = self._running(program, marked.get(program.pid) or processes.read(program.pid), definition)
            elif stray is not None:
                observed[name] = self._seen(stray, definition, "failed", f"runs without its supervisor (pid {stray.pid})")
            elif name in definitions or (program is not None and program.pid):
                observed[name] = self._resting(name, program, definition)
        return observed

    def provide(self, components: Iterable[Component]) -> None:
        """Nothing: processes are made of executables, which are there."""

    def define(self, component: Component, digest: str) -> None:
        """Store the component's definition; it takes effect when the component's next process starts."""
        script = render(component, digest)
        self._make_directories()
        write_atomically(self._script(component.name), script)

    def prepare(self) -> None:
        """Have supervisord start in the background, unless it runs: ``start`` would wait for it (0.2 s)."""
        try:
            self._supervisor.programs()
        except NotAnswering:
            self._supervisor.kill()
            self._make_directories()
            self._configure()
            self._supervisor.launch()

    def start(self, name: str) -> None:
        """Start a defined component and return as soon as its process exists."""
        definition = self._load(name)
        if definition is None:
            raise SimError(f"Component {name} is not defined, or its definition was edited by hand: {self._script(name)}")
        reason = _unfit(definition.argv[0])
        if reason:
            raise SimError(
                f"Component {name} cannot be started: {reason}", option="executable", remedy="Correct the path or restore the file"
            )
        self._make_directories()
        state = self._state(name)
        if state in (State.RUNNING, State.STARTING):
            return
        if state in (State.STOPPING, State.BACKOFF, State.EXITED):
            self.stop(name)
        self._end(name, definition.stop_timeout)
        self._configure()
        try:
            self._supervisor.reload(name)
        except NotAnswering:
            self._supervisor.kill()
            self._supervisor.launch()
        except Fault as fault:
            raise SimError(f"supervisord refuses its configuration: {fault}", remedy=f"See {self._supervisor.log}") from fault
        # SPAWN_ERROR: it has ended already or could not be forked; supervisord goes on trying and observe() says why.
        harmless = (FaultCode.SPAWN_ERROR, FaultCode.ALREADY_STARTED)
        self._tell("startProcess", name, False, harmless, f"Component {name} cannot be started")

    def stop(self, name: str) -> None:
        """Stop a component and return when its processes are gone; its definition stays."""
        grace = self._stop_timeout(name)
        deadline = time.monotonic() + grace + _SLACK
        try:
            while True:
                program = self._supervisor.programs().get(name)
                if program is None or program.state in (State.STOPPED, State.FATAL, State.UNKNOWN) or time.monotonic() > deadline:
                    break
                if program.state in _STOPPABLE:
                    self._ask_to_stop(name)
                if program.pid:
                    processes.await_end([program.pid], max(0.0, deadline - time.monotonic()))
                else:
                    time.sleep(_POLL)
        except NotAnswering:
            # It might come round later and start the component again.
            self._supervisor.kill()
        self._end(name, max(0.0, deadline - time.monotonic()))

    def signal(self, name: str, signal: str) -> None:
        """Send a signal, by its name without ``SIG``, to the process of a component; one that does not run is left alone."""
        harmless = (FaultCode.NOT_RUNNING, FaultCode.BAD_NAME)
        self._tell("signalProcess", name, signal, harmless, f"supervisord cannot signal component {name}")

    def _tell(self, method: str, name: str, argument: str | bool, harmless: tuple[int, ...], failure: str) -> None:
        """Have supervisord do something with a component; ``harmless`` faults are none, ``failure`` begins other errors."""
        try:
            self._supervisor.call(f"supervisor.{method}", name, argument)
        except Fault as fault:
            if fault.code not in harmless:
                raise SimError(f"{failure}: {fault}", remedy=f"See {self._supervisor.log}") from fault
        except NotAnswering as error:
            raise SimError(f"supervisord does not answer: {error}", remedy=f"See {self._supervisor.log}") from error

    def remove(self, name: str) -> None:
        """Stop a component and forget its definition; its log stays."""
        self.stop(name)
        with contextlib.suppress(NotAnswering, Fault):
            self._supervisor.call("supervisor.removeProcessGroup", name)
        self._script(name).unlink(missing_ok=True)

    def logs(self, name: str, lines: int = 30) -> str:
        """The last lines of the component's output; empty if there is none."""
        path = Path(self.log_path(name))
        text = tail(path, lines)
        missing = lines - text.count("\n")
        # The log may just have been rotated.
        return tail(path.with_name(f"{path.name}.1"), missing) + text if missing > 0 else text

    def log_path(self, name: str) -> str:
        """Where the component's output goes."""
        return str(self._layout.logs / f"{name}.log")

    def shutdown(self) -> None:
        """End every process of the cluster, supervisord included, in whatever state things are."""
        timeouts = {name: _DEFAULT_STOP_TIMEOUT if item is None else item.stop_timeout for name, item in self._stored()}
        grace = max(timeouts.values(), default=_DEFAULT_STOP_TIMEOUT)
        deadline = time.monotonic() + grace + _SLACK
        try:
            running = [item for item in self._supervisor.programs().values() if item.state in _STOPPABLE]
            for program in running:
                with contextlib.suppress(SimError):
                    self._ask_to_stop(program.name)
            processes.await_end([program.pid for program in running if program.pid], deadline - time.monotonic())
            self._supervisor.shutdown()
        except NotAnswering:
            self._supervisor.kill()
        left = processes.end(self._marked, CLUSTER_MARKER, max(0.0, deadline - time.monotonic()))
        if left:
            raise SimError(
                f"Processes of the cluster cannot be ended: {', '.join(str(item.pid) for item in left)}",
                remedy=processes.UNENDABLE,
            )

    def purge(self) -> None:
        """As ``shutdown``: everything else of the cluster is in its directory."""
        self.shutdown()

    def _script(self, name: str) -> Path:
        """The file of a definition."""
        return self._definitions / f"{name}.sh"

    def _load(self, name: str) -> Definition | None:
        """A stored definition; ``None`` if there is none or it was edited by hand."""
        try:
            return parse(self._script(name).read_bytes())
        except OSError:
            return None

    def _stored(self) -> Iterator[tuple[str, Definition | None]]:
        """All stored definitions, by name; ``None`` for what was edited by hand."""
        for path in sorted(self._definitions.glob("*.sh")):
            if NAME.fullmatch(path.stem):
                yield path.stem, self._load(path.stem)

    def _stop_timeout(self, name: str) -> int:
        """Seconds that a component has to stop."""
        definition = self._load(name)
        return _DEFAULT_STOP_TIMEOUT if definition is None else definition.stop_timeout

    def _make_directories(self) -> None:
        """Make the directories that this runtime writes to."""
        for path in (self._layout.root, self._layout.runtime, self._definitions, self._layout.logs):
            make_directory(path)

    def _configure(self) -> None:
        """Write supervisor's configuration from the intact definitions."""
        self._supervisor.configure({name: item.stop_timeout for name, item in self._stored() if item is not None})

    def _marked(self) -> list[Process]:
        """All processes of the cluster."""
        found = processes.find(CLUSTER_MARKER, self._supervisor.marker)
        return [item for item in found if COMPONENT_MARKER in item.environ or self._supervisor.owns(item)]

    def _of(self, name: str) -> list[Process]:
        """All processes of a component."""
        return [item for item in self._marked() if item.environ.get(COMPONENT_MARKER) == name]

    def _end(self, name: str, grace: float) -> None:
        """End what still runs of a component, be it without its supervisor."""
        left = processes.end(lambda: self._of(name), CLUSTER_MARKER, grace)
        if left:
            raise SimError(f"Component {name} (process {left[0].pid}) cannot be ended", remedy=processes.UNENDABLE)

    def _state(self, name: str) -> State | None:
        """What supervisord says of a component, ``None`` if it does not know it; one that does not answer is ended."""
        try:
            program = self._supervisor.programs().get(name)
        except NotAnswering:
            self._supervisor.kill()
            return None
        return None if program is None else program.state

    def _ask_to_stop(self, name: str) -> None:
        """Have supervisord send SIGTERM, and SIGKILL later."""
        try:
            self._supervisor.call("supervisor.stopProcess", name, False)
        except Fault as fault:
            # It has ended by itself in between.
            if fault.code not in (FaultCode.NOT_RUNNING, FaultCode.BAD_NAME):
                raise SimError(f"supervisord cannot stop component {name}: {fault}", remedy=f"See {self._supervisor.log}") from fault

    def _running(self, program: Program, process: Process | None, definition: Definition | None) -> ObservedComponent:
        """A component that runs under supervisord."""
        status = _STATUS[program.state]
        if process is not None and (DIGEST_MARKER in process.environ or program.state is not State.STARTING):
            edited = "" if definition else f"its definition is missing or was edited by hand: {self._script(program.name)}"
            seen = self._seen(process, definition, status, edited)
            return replace(seen, digest=None) if edited else seen
        # Its script is about to become the program; or processes cannot be looked at on this host.
        return ObservedComponent(
            name=program.name,
            status=status,
            pid=program.pid,
            digest=None if definition is None else definition.digest,
            args=None if definition is None else definition.argv[1:],
            log_path=self.log_path(program.name),
        )

    def _seen(self, process: Process, definition: Definition | None, status: Status, message: str) -> ObservedComponent:
        """A component as its process shows it."""
        name = process.environ[COMPONENT_MARKER]
        digest = process.environ.get(DIGEST_MARKER)
        args: tuple[str, ...] | None = process.argv[1:]
        if definition is not None and process.argv[-len(definition.argv) :] == definition.argv:
            # The kernel puts a script's interpreter in front.
            args = definition.argv[1:]
        elif definition is not None and digest == definition.digest:
            # Started as defined: the program has since given itself another title, or another program its place.
            args = None
        return ObservedComponent(
            name=name,
            status=status,
            pid=process.pid,
            digest=digest,
            args=args,
            log_path=self.log_path(name),
            message=message,
        )

    def _resting(self, name: str, program: Program | None, definition: Definition | None) -> ObservedComponent:
        """A component without a running process."""
        status: Status = "stopped" if program is None else _STATUS[program.state]
        message = ""
        if program is not None and program.state in (State.BACKOFF, State.FATAL, State.UNKNOWN):
            reason = None if definition is None else _unfit(definition.argv[0])
            if reason:
                status, message = "failed", reason
            else:
                last = self.logs(name, 1).strip()
                message = program.message + (f"; last output: {last}" if last else "")
        return ObservedComponent(
            name=name,
            status=status,
            pid=(program.pid or None) if program else None,
            digest=None if definition is None else definition.digest,
            log_path=self.log_path(name),
            message=message,
        )


def _unfit(program: str) -> str | None:
    """Why a file cannot be executed by this user; ``None`` if nothing speaks against it."""
    path = Path(program)
    if not path.exists():
        return f"{program} does not exist"
    if path.is_dir():
        return f"{program} is a directory"
    if not os.access(path, os.X_OK):
        return f"{program} is not executable"
    return None
