# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes of this user, found by what their environment says and ended without ever hitting a stranger.

Reads Linux's ``/proc``. Where there is none, nothing is found and nothing is signalled by this module.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = "/proc"

# The remedy for a process that even SIGKILL does not end.
UNENDABLE = "See why it hangs in the kernel, or restart the host"

# How often an ending process is looked at, in seconds: far below what a person notices, far above what costs CPU.
_POLL = 0.01
# For how long processes are killed again before giving up, in seconds: they die at once unless they hang in the kernel.
_KILL_PATIENCE = 10.0


@dataclass(frozen=True)
class Process:
    """A process as it was when it was looked at.

    Attributes:
        pid: Process id.
        parent: Process id of its parent.
        started: Start time in clock ticks since boot: with ``pid``, it tells this process from a later one of the same id.
        argv: Command line, program's name included.
        environ: Environment as it was when the program was executed.
    """

    pid: int
    parent: int
    started: int
    argv: tuple[str, ...]
    environ: Mapping[str, str]


def available() -> bool:
    """Whether processes can be looked at on this host."""
    return Path(PROC, "self", "environ").exists()


def _read(pid: int, item: str) -> bytes:
    """A file of ``/proc/PID``; empty if the process is gone or is not ours to read."""
    try:
        return Path(PROC, str(pid), item).read_bytes()
    except OSError:
        return b""


def _stat(pid: int) -> tuple[str, int, int] | None:
    """State letter, parent and start time; ``None`` if there is no such process."""
    # The second field is the program's name in parentheses, which may itself hold blanks and parentheses.
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return (fields[0].decode(), int(fields[1]), int(fields[19])) if len(fields) > 19 else None


def _strings(raw: bytes) -> list[str]:
    """The NUL-terminated strings of ``environ`` and ``cmdline``."""
    return [os.fsdecode(item) for item in raw.removesuffix(b"\0").split(b"\0")] if raw else []


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and only waits for its parent to notice does not."""
    if available():
        stat = _stat(pid)
        return stat is not None and stat[0] not in "ZX"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def read(pid: int) -> Process | None:
    """A process of this user as it is now; ``None`` if there is none, or if it has ended."""
    raw = _read(pid, "environ")
    stat = _stat(pid)
    if stat is None or stat[0] in "ZX":
        return None
    environ = dict(pair.partition("=")[::2] for pair in _strings(raw) if "=" in pair)
    return Process(pid, stat[1], stat[2], tuple(_strings(_read(pid, "cmdline"))), environ)


def find(key: str, value: str) -> list[Process]:
    """Processes of this user with ``key=value`` in their environment.

    Left out are this process and its ancestors, which must never be ended by their own descendant, and whatever runs in a
    container: there, the same path names another directory.
    """
    needle = b"\0" + os.fsencode(f"{key}={value}") + b"\0"
    uid = os.geteuid()
    pids = []
    with contextlib.suppress(OSError), os.scandir(PROC) as entries:
        for entry in entries:
            # A process that ends meanwhile has no owner any more.
            with contextlib.suppress(OSError):
                if entry.name.isdecimal() and entry.stat().st_uid == uid and needle in b"\0" + _read(int(entry.name), "environ"):
                    pids.append(int(entry.name))
    spared = _lineage(os.getpid()) if pids else set()
    found = (read(pid) for pid in pids if pid not in spared and _is_here(pid))
    return [item for item in found if item is not None and item.environ.get(key) == value]


def _is_here(pid: int) -> bool:
    """Whether a process shares this one's root directory and process ids."""
    with contextlib.suppress(OSError):
        there, here = Path(PROC, str(pid)), Path(PROC, "self")
        return (there / "root").samefile("/") and (there / "ns" / "pid").readlink() == (here / "ns" / "pid").readlink()
    return False


def _lineage(pid: int) -> set[int]:
    """A process and its ancestors."""
    pids: set[int] = set()
    while pid > 0 and pid not in pids:
        pids.add(pid)
        stat = _stat(pid)
        pid = stat[1] if stat else 0
    return pids


def descends(process: Process, ancestors: Collection[int]) -> bool:
    """Whether a process is one of ``ancestors`` or comes from one of them."""
    return process.pid in ancestors or not _lineage(process.parent).isdisjoint(ancestors)


def send(process: Process, key: str, number: signal.Signals) -> None:
    """Signal a process, provided that it is still the one that was found by ``key``."""
    descriptor = None
    with contextlib.suppress(OSError, AttributeError):
        # Holds on to this very process, so that its id cannot pass to another one between the check and the signal.
        descriptor = os.pidfd_open(process.pid)
    try:
        now = read(process.pid)
        if now is None or now.started != process.started or now.environ.get(key) != process.environ.get(key):
            return
        with contextlib.suppress(ProcessLookupError):
            if descriptor is None:
                os.kill(process.pid, number)
            else:
                signal.pidfd_send_signal(descriptor, number)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def await_end(pids: Collection[int], timeout: float) -> bool:
    """Wait until none of the processes runs; false if one still does after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def end(look: Callable[[], Sequence[Process]], key: str, grace: float) -> list[Process]:
    """End all processes that ``look`` finds by ``key``: SIGTERM, and SIGKILL for what is left after ``grace`` seconds.

    Returns:
        What could not be ended; empty unless the kernel holds on to a process.
    """
    found = look()
    if found and grace > 0:
        for process in found:
            send(process, key, signal.SIGTERM)
        await_end([process.pid for process in found], grace)
        found = look()
    deadline = time.monotonic() + _KILL_PATIENCE
    while found and time.monotonic() < deadline:
        for process in found:
            send(process, key, signal.SIGKILL)
        await_end([process.pid for process in found], _POLL * 10)
        # Looked for anew: one of them may have forked meanwhile.
        found = look()
    return list(found)
