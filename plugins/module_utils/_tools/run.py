# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a command-line tool of a cluster: bounded in time, with an environment of its own.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._artifacts import executable
from .._artifacts.executable import NotExecutable, Platform
from .._artifacts.resolve import resolve
from .._cluster.components import ETCD_CA, ETCD_CLIENT, bracketed, local_address
from .._cluster.executables import artifact_request
from .._cluster.layout import Layout
from .._cluster.record import Record, load_required
from .._cluster.spec import ETCD, ClusterSpec
from .._errors import SimError
from . import commands

TOOL_ARGUMENTS: dict[str, dict[str, Any]] = {
    "cluster": {"type": "str", "default": "kwok"},
    "args": {"type": "list", "elements": "str"},
    "command": {"type": "str"},
    "stdin": {"type": "str"},
    "timeout": {"type": "int", "default": 120},
}
"""Options of both modules; documented in each."""

TOOL_CONSTRAINTS: dict[str, list[tuple[str, ...]]] = {
    "mutually_exclusive": [("args", "command")],
    "required_one_of": [("args", "command")],
}

_KILL_GRACE_S = 2.0
"""From SIGTERM to SIGKILL for a tool that has used up its time."""


@dataclass(frozen=True)
class Result:
    """What a tool has done; ``rc``, ``stdout`` and ``stderr`` are ``None`` if it was not run."""

    cmd: list[str]
    changed: bool
    rc: int | None = None
    stdout: str | None = None
    stderr: str | None = None
    skipped: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The module's result."""
        plain: dict[str, Any] = {"changed": self.changed, "cmd": self.cmd}
        if self.skipped is not None:
            return {**plain, "msg": self.skipped}
        return {
            **plain,
            # Ansible takes any status but 0 for a failure, unless it is told that it is none.
            "failed": False,
            "rc": self.rc,
            "stdout": self.stdout,
            "stderr": self.stderr,
            "json": commands.parse_json(self.stdout or ""),
        }


def load(layout: Layout) -> Record:
    """The record of the cluster that the option ``cluster`` names.

    Raises:
        SimError: There is none, or it cannot be read.
    """
    try:
        return load_required(layout)
    except SimError as error:
        if error.option != "name":
            raise
        raise SimError(error.message, option="cluster", remedy=error.remedy) from None


def arguments(args: Sequence[str] | None, command: str | None) -> list[str]:
    """The tool's arguments from the options ``args`` or ``command``, one of which is given.

    Raises:
        SimError: ``command`` has an unbalanced quote.
    """
    if command is None:
        return list(args or ())
    try:
        return shlex.split(command)
    except ValueError as error:
        raise SimError(f"it cannot be split into words: {error}", option="command", remedy="Balance its quotes, or use args") from None


def kubectl(
    layout: Layout,
    record: Record,
    args: Sequence[str],
    *,
    executable_path: str | None,
    namespace: str | None,
    stdin: str | None,
    timeout_s: float,
    check_mode: bool,
) -> Result:
    """Run kubectl against a cluster; in check mode what changes something as a server's dry run, or not at all.

    Raises:
        SimError: kubectl cannot be had, ran out of time, or failed.
    """
    command = commands.kubectl(args)
    run = args if command.reads or not check_mode else command.dry_run
    path = _find(record, "kubectl", executable_path, check_mode)
    prefix = [path, *(["--namespace", namespace] if namespace else [])]
    if run is None:
        return Result([*prefix, *args], True, skipped=f"not run in check mode: kubectl {command.verb} has no dry run")
    if not Path(path).exists():
        return Result([*prefix, *args], not command.reads, skipped=f"not run in check mode: kubectl is not at {path} yet")
    environment = {
        "KUBECONFIG": str(layout.kubeconfig),
        # What kubectl has learnt of one cluster must not be believed of the next one on the same port.
        "KUBECACHEDIR": str(layout.root / "cache"),
        # Personal preferences would give the same task another meaning for another user.
        "KUBERC": "off",
        "KUBECTL_KUBERC": "false",
    }
    rc, stdout, stderr = _execute([*prefix, *run], _environment(environment), stdin, timeout_s)
    return _finish(record, command, Result([*prefix, *run], commands.kubectl_changed(command, args, stdout), rc, stdout, stderr))


def etcdctl(
    layout: Layout,
    record: Record,
    args: Sequence[str],
    *,
    executable_path: str | None,
    stdin: str | None,
    timeout_s: float,
    check_mode: bool,
) -> Result:
    """Run etcdctl against a cluster's etcd; in check mode only what changes nothing.

    Raises:
        SimError: etcdctl cannot be had, ran out of time, or failed.
    """
    command = commands.etcdctl(args)
    path = _find(record, "etcdctl", executable_path, check_mode)
    address = bracketed(local_address(ClusterSpec.from_dict(record.spec)))
    connection = [
        f"--endpoints=https://{address}:{record.ports[ETCD]}",
        f"--cacert={layout.certificate(ETCD_CA)}",
        f"--cert={layout.certificate(ETCD_CLIENT)}",
        f"--key={layout.key(ETCD_CLIENT)}",
    ]
    cmd = [path, *connection, *args]
    if check_mode and not command.reads:
        return Result(cmd, True, skipped=f"not run in check mode: etcdctl {command.verb} has no dry run")
    if not Path(path).exists():
        return Result(cmd, False, skipped=f"not run in check mode: etcdctl is not at {path} yet")
    rc, stdout, stderr = _execute(cmd, _environment({}), stdin, timeout_s)
    return _finish(record, command, Result(cmd, commands.etcdctl_changed(command, stdout), rc, stdout, stderr))


def _find(record: Record, name: str, path: str | None, check_mode: bool) -> str:
    """Path of the tool: the user's own, or the one of the cluster's version. In check mode the latter may not be there yet."""
    if path is None:
        return str(resolve(artifact_request(ClusterSpec.from_dict(record.spec), name), check_mode=check_mode).path)
    absolute = Path(path).expanduser().absolute()
    try:
        executable.check(absolute, Platform.host(), scripts=True)
    except NotExecutable as error:
        raise SimError(f"{absolute} {error}", option=name, remedy=f"Name the {name} executable, or leave the option out") from None
    return str(absolute)


def _environment(added: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without the variables that steer the tools, and with ``added``."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("KUBE", "ETCDCTL_"))} | dict(added)


def _execute(cmd: list[str], environment: Mapping[str, str], stdin: str | None, timeout_s: float) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a program that runs in a process group of its own.

    Raises:
        SimError: It cannot be started, or ran for longer than ``timeout_s``: then it and its children have been ended.
    """
    try:
        process = subprocess.Popen(
            cmd,
            env=dict(environment),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise SimError(f"{cmd[0]} cannot be run: {error.strerror}") from error
    with process:
        try:
            stdout, stderr = process.communicate(None if stdin is None else stdin.encode(), timeout=timeout_s)
        except subprocess.TimeoutExpired:
            stdout, stderr = _end(process)
            raise SimError(
                f"{Path(cmd[0]).name} did not end within {timeout_s:g} s",
                option="timeout",
                remedy="Raise it, or give a command that ends by itself",
                details={
                    "cmd": cmd,
                    "stdout": stdout.decode(errors="replace"),
                    "stderr": stderr.decode(errors="replace"),
                },
            ) from None
        except BaseException:
            _signal(process, signal.SIGKILL)
            raise
    return process.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """End a process group, and return what it had written."""
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.communicate(timeout=_KILL_GRACE_S)
    _signal(process, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.communicate(timeout=_KILL_GRACE_S)
    # A descendant in a session of its own still holds the pipes.
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    return b"", b""


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # start_new_session made the process's id that of its group, which lives on while any member does.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _finish(record: Record, command: commands.Command, result: Result) -> Result:
    """The result of a command that did what it should.

    Raises:
        SimError: It did not; the details are those of the result.
    """
    rc, stdout, stderr = result.rc or 0, result.stdout or "", result.stderr or ""
    if not commands.failed(command, rc, stdout):
        return result
    said = (stderr.strip() or stdout.strip() or "it said nothing").rstrip(".")
    name = " ".join(filter(None, (Path(result.cmd[0]).name, command.verb)))
    stopped = record.state == "stopped"
    raise SimError(
        f"{name} ended with status {rc}: {said}",
        remedy="Start the cluster, which is stopped, with kwok.sim.kwok_cluster and state: started" if stopped else None,
        # Of several objects some may have been changed before the one that failed.
        details={**result.as_dict(), "changed": result.changed and bool(stdout.strip())},
    )
