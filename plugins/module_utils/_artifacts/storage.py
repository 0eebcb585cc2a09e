# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks, and errors of the disk in the user's terms.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .._errors import SimError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_OPEN_TRIES = 100
_MEBIBYTE = 1024 * 1024


@contextmanager
def lock(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold an exclusive lock on a file, which is made, with its directory, if it is not there; wait for another holder.

    The kernel gives the lock back when the process ends, however it ends. The holder may remove the file.

    Args:
        path: The lock file.
        waiting: Called once if another process holds the lock.
    """
    while True:
        descriptor = _open(path)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting:
                    waiting()
                    waiting = None
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            # A holder that removed the file has left us a lock that nobody else can see: then begin again.
            if _same_file(descriptor, path):
                yield
                return
        finally:
            os.close(descriptor)


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


def free_bytes(directory: Path) -> int:
    """Bytes that this user can still write to the directory's file system."""
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize


def require_space(directory: Path, needed: int) -> None:
    """Raise the error of a full disk before anything is written, if ``needed`` bytes are not free."""
    if free_bytes(directory) < needed:
        raise OSError(errno.ENOSPC, f"{needed // _MEBIBYTE + 1} MiB are needed", str(directory))


@contextmanager
def disk_errors(directory: Path, option: str) -> Iterator[None]:
    """Turn errors of the operating system into a SimError about the directory that ``option`` sets."""
    try:
        yield
    except ConnectionError:  # a broken pipe of the caller's, say: none of the disk's
        raise
    except OSError as error:
        if error.errno in _FULL:
            try:
                free = f", {free_bytes(directory) // _MEBIBYTE} MiB are free"
            except OSError:
                free = ""
            needed = f": {error.strerror}" if error.errno == errno.ENOSPC and "needed" in (error.strerror or "") else ""
            raise SimError(
                f"no space is left in {directory}{needed}{free}",
                option=option,
                remedy="Free some space there, or name a directory on another disk",
            ) from error
        raise SimError(
            f"{error.filename or directory} cannot be used: {error.strerror or error}",
            option=option,
            remedy="Name a directory that this user can write to",
        ) from error
