# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One supervisord: its configuration, its life, and calls to it.

The calls are XML-RPC over a Unix socket, spoken here with what Python has already loaded: neither ``supervisor`` nor ``xmlrpc.client``
is imported, which takes longer (70 to 150 ms on a busy machine) than looking at a whole cluster.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from .._errors import SimError
from .._files import write_atomically
from . import processes

# What a process of the cluster carries in its environment: the cluster's directory, and for a component its name and digest.
CLUSTER_MARKER = "KWOK_SIM_CLUSTER_DIR"
COMPONENT_MARKER = "KWOK_SIM_COMPONENT"
DIGEST_MARKER = "KWOK_SIM_DIGEST"

# Taken over from the caller, as far as they are set; everything else of the caller's environment stays out of the cluster.
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")

# sun_path has 104 bytes on macOS and BSD, 108 on Linux, the final NUL included; supervisor binds to the path plus "." and its
# process id first (up to 7 digits on 64-bit Linux).
MAX_SOCKET_PATH = 103 - 8

# For how long a supervisord may take to start, in seconds; it takes 0.2 s on a quiet machine.
_START_PATIENCE = 60.0
# For how long it may take to end by itself once nothing runs under it, in seconds.
_END_PATIENCE = 5.0

_CONFIG = """\
# Written by the collection kwok.sim from conf.d, anew whenever a component is started. Paths start at the cluster's directory.
[unix_http_server]
file=runtime/supervisor.sock
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisord]
identifier=kwok.sim
logfile=runtime/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile=runtime/supervisord.pid
nocleanup=true
umask=077
minfds=256
minprocs=1
"""

# A process that ends within startsecs is started again after 1, 2, 3 ... 10 s: given up after about a minute.
_PROGRAM = """
[program:{name}]
command=/bin/sh runtime/conf.d/{name}.sh
environment=KWOK_SIM_COMPONENT="{name}"
autostart=false
autorestart=true
startsecs=1
startretries=10
stopwaitsecs={stop_timeout}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile=logs/{name}.log
stdout_logfile_maxbytes=50MB
stdout_logfile_backups=3
umask=077
"""


class State(IntEnum):
    """supervisor's process states, by its numbers for them."""

    STOPPED = 0
    STARTING = 10
    RUNNING = 20
    BACKOFF = 30
    STOPPING = 40
    EXITED = 100
    FATAL = 200
    UNKNOWN = 1000


class FaultCode(IntEnum):
    """Those of supervisor's fault codes that are expected here."""

    SHUTDOWN_STATE = 6
    BAD_NAME = 10
    SPAWN_ERROR = 50
    ALREADY_STARTED = 60
    NOT_RUNNING = 70


@dataclass(frozen=True)
class Program:
    """What supervisor says of a program: its state, the id of its process (0: none), and why it failed."""

    name: str
    state: State
    pid: int
    message: str


class NotAnswering(Exception):
    """There is no supervisord, or it does not answer."""


class Fault(Exception):
    """supervisord refused a call."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        super().__init__(text)


class Supervisor:
    """The supervisord of the cluster in directory ``root``.

    Args:
        root: The cluster's directory.
        patience: Seconds to wait for an answer before supervisord is taken for hung.
    """

    def __init__(self, root: Path, patience: float = 10.0) -> None:
        # The same directory must have the same name in the marker, whichever way it was reached; and supervisor binds its socket there.
        self.root = Path(os.path.realpath(root))
        self.marker = str(self.root)
        self.directory = self.root / "runtime"
        self.config = self.directory / "supervisord.conf"
        self.socket = self.directory / "supervisor.sock"
        self.log = self.directory / "supervisord.log"
        self._pidfile = self.directory / "supervisord.pid"
        self._output = self.directory / "supervisord.out"
        self._patience = patience
        self._launcher: subprocess.Popen[bytes] | None = None
        self._configured = b""
        # What supervisord is known to have read; another run may have written a configuration and been interrupted before that.
        self._loaded: bytes | None = None

    def check(self) -> None:
        """Raise a SimError if supervisord cannot work here."""
        if importlib.util.find_spec("supervisor") is None:
            raise SimError(
                f"The Python package supervisor is not installed for {sys.executable}",
                option="runtime",
                remedy=f"Install it with: {sys.executable} -m pip install supervisor",
            )
        excess = len(os.fsencode(self.socket)) - MAX_SOCKET_PATH
        if excess > 0:
            raise SimError(
                f"The path of a socket would be {excess} bytes longer than Unix sockets allow: {self.socket}",
                option="base_dir",
                remedy="Choose a shorter directory or a shorter name for the cluster",
            )

    def configure(self, stop_timeouts: Mapping[str, int]) -> None:
        """Write the configuration: the programs by name, each with the seconds it has from SIGTERM to SIGKILL."""
        programs = (_PROGRAM.format(name=name, stop_timeout=timeout) for name, timeout in sorted(stop_timeouts.items()))
        self._configured = (_CONFIG + "".join(programs)).encode()
        write_atomically(self.config, self._configured)

    def reload(self, name: str) -> None:
        """Have a program that does not run be known as the configuration has it, without its past. Raises NotAnswering and Fault."""
        if self._loaded != self._configured:
            self.call("supervisor.reloadConfig")
            self._loaded = self._configured
        with contextlib.suppress(Fault):
            self.call("supervisor.removeProcessGroup", name)
        self.call("supervisor.addProcessGroup", name)

    def launch(self) -> None:
        """Start a supervisord that outlives this process and holds nothing of it open; the next call waits until it answers."""
        for stale in (self.socket, self._pidfile):
            stale.unlink(missing_ok=True)
        environ = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        with self._output.open("wb") as stream:
            self._output.chmod(0o600)
            self._loaded = self._configured
            self._launcher = subprocess.Popen(
                [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(self.config)],
                cwd=self.root,
                env={**environ, CLUSTER_MARKER: self.marker},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                umask=0o077,
            )

    def _await_launch(self) -> None:
        """Wait for a supervisord that is being started: it moves into the background once it listens, and its first process ends."""
        if self._launcher is None:
            return
        launcher, self._launcher = self._launcher, None
        try:
            failed = launcher.wait(_START_PATIENCE)
        except subprocess.TimeoutExpired:
            launcher.kill()
            failed = launcher.wait()
        if failed:
            said = self._output.read_text(errors="replace").strip().splitlines()
            raise SimError(
                f"supervisord could not be started: {said[-1] if said else f'exit status {failed}'}",
                remedy=f"See {self._output} and {self.log}",
            )

    def programs(self) -> dict[str, Program]:
        """All programs it knows, by name. Raises NotAnswering."""
        return {
            info["name"]: Program(info["name"], State(info["state"]), info["pid"], info["spawnerr"])
            for info in self.call("supervisor.getAllProcessInfo")
        }

    def daemons(self) -> list[processes.Process]:
        """The supervisord processes of this cluster, whether they answer or not."""
        return [item for item in processes.find(CLUSTER_MARKER, self.marker) if self.owns(item)]

    def owns(self, process: processes.Process) -> bool:
        """Whether a process of the cluster is supervisord, and not somebody who has set the variable for purposes of their own."""
        return COMPONENT_MARKER not in process.environ and str(self.config) in process.argv

    def shutdown(self) -> None:
        """End a supervisord that has nothing left to run, by SIGKILL if it does not end by itself. Raises NotAnswering."""
        pid = self.call("supervisor.getPID")
        # It may end before it has answered.
        with contextlib.suppress(NotAnswering):
            self.call("supervisor.shutdown")
        processes.await_end([pid], _END_PATIENCE)
        self.kill()

    def kill(self) -> None:
        """End whatever supervisord of this cluster there is, at once."""
        left = processes.end(self.daemons, CLUSTER_MARKER, grace=0)
        if not processes.available():
            self._kill_by_pidfile()
        if left:
            raise SimError(f"supervisord (process {left[0].pid}) cannot be ended", remedy=processes.UNENDABLE)
        for stale in (self.socket, self._pidfile):
            stale.unlink(missing_ok=True)

    def _kill_by_pidfile(self) -> None:
        """Where processes cannot be looked at: end the process that the pid file names, if it is this supervisord."""
        with contextlib.suppress(OSError, ValueError):
            pid = int(self._pidfile.read_text())
            command = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
            if str(self.config) in command:
                os.kill(pid, signal.SIGKILL)
                processes.await_end([pid], _END_PATIENCE)

    def call(self, method: str, *params: str | bool) -> Any:
        """Call a method.

        Raises:
            NotAnswering: Nobody listens, or there was no whole answer in time.
            Fault: The call was refused.
            SimError: supervisord was being started and failed to.
        """
        self._await_launch()
        values = "".join(
            f"<param><value><boolean>{item:d}</boolean></value></param>"
            if isinstance(item, bool)
            else f"<param><value><string>{item.replace('&', '&amp;').replace('<', '&lt;')}</string></value></param>"
            for item in params
        )
        body = f"<?xml version='1.0'?><methodCall><methodName>{method}</methodName><params>{values}</params></methodCall>".encode()
        head = f"POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(self._patience)
                connection.connect(str(self.socket))
                connection.sendall(head + body)
                with connection.makefile("rb") as stream:
                    answer = stream.read()
            status, _found, content = answer.partition(b"\r\n\r\n")
            if b" 200 " not in status.split(b"\r\n", 1)[0]:
                raise NotAnswering(status.split(b"\r\n", 1)[0].decode(errors="replace") or "the connection was closed")
            root = ElementTree.fromstring(content)
        except (OSError, ElementTree.ParseError) as error:
            raise NotAnswering(str(error)) from error
        fault = root.find("fault/value")
        if fault is not None:
            told = _decode(fault)
            if told["faultCode"] == FaultCode.SHUTDOWN_STATE:
                raise NotAnswering("it is shutting down")
            raise Fault(told["faultCode"], told["faultString"])
        value = root.find("params/param/value")
        return None if value is None else _decode(value)


def _decode(value: ElementTree.Element) -> Any:
    """The Python value of an XML-RPC ``value`` element, for the types that supervisor uses."""
    if len(value) == 0:
        return value.text or ""
    item = value[0]
    if item.tag in ("int", "i4"):
        return int(item.text or "0")
    if item.tag == "boolean":
        return item.text == "1"
    if item.tag == "array":
        return [_decode(element) for element in item.iterfind("data/value")]
    if item.tag == "struct":
        return {member.findtext("name", ""): _decode(member[1]) for member in item.iterfind("member")}
    return item.text or ""
