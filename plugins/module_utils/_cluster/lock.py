# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that change the same cluster wait for each other.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from .._errors import SimError
from .files import as_sim_error

_POLL_SECONDS = 0.05


@contextlib.contextmanager
def exclusive(path: Path, timeout: float, what: str) -> Iterator[None]:
    """Hold the lock at ``path`` (made if missing; its directory must exist) for the duration of the block.

    The lock is the kernel's: it goes with the process that holds it, however that ends.

    Args:
        timeout: Seconds to wait for another run.
        what: What the lock protects, for the message.

    Raises:
        SimError: Another run still holds it after ``timeout``.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise as_sim_error(error, path) from error
        try:
            if _lock(descriptor, deadline, what) and _is_at(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, str(os.getpid()).encode(), 0)
                yield
                return
        finally:
            os.close(descriptor)


def _lock(descriptor: int, deadline: float, what: str) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
                raise SimError(
                    f"another run (pid {holder}) is still at work on {what}",
                    option="wait_timeout",
                    remedy="Let it finish, or raise wait_timeout",
                ) from None
            time.sleep(_POLL_SECONDS)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the locked file still stands at its path: the run before may have removed it together with the cluster."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
