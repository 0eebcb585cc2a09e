# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exclusive locks between runs, on files.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_OPEN_TRIES = 100
_POLL_SECONDS = 0.05


class LockTimeout(Exception):
    """Another process still holds the lock; ``holder`` is its id as text, or ``unknown``."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"held by process {holder}")
        self.holder = holder


@contextmanager
def lock(path: Path, *, waiting: Callable[[], None] | None = None, timeout: float | None = None) -> Iterator[None]:
    """Hold an exclusive lock on a file, which is made, with its directory, if it is not there; wait for another holder.

    The kernel gives the lock back when the process ends, however it ends. The holder may remove the file.

    Args:
        path: The lock file.
        waiting: Called once if another process holds the lock.
        timeout: Seconds to wait for it; ``None``: as long as it takes.

    Raises:
        LockTimeout: It is still held after ``timeout``.
        OSError: The file cannot be made.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        descriptor = _open(path)
        try:
            if not _take(descriptor):
                if waiting:
                    waiting()
                    waiting = None
                _wait(descriptor, deadline)
            # A holder that removed the file has left us a lock that nobody else can see: then begin again.
            if _same_file(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, str(os.getpid()).encode(), 0)
                yield
                return
        finally:
            os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(descriptor: int, deadline: float | None) -> None:
    if deadline is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    while not _take(descriptor):
        if time.monotonic() >= deadline:
            raise LockTimeout(os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown")
        time.sleep(_POLL_SECONDS)


def _open(path: Path) -> int:
    for tries_left in reversed(range(_OPEN_TRIES)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except (FileNotFoundError, FileExistsError):  # a holder was removing its directories meanwhile
            if tries_left == 0:
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
