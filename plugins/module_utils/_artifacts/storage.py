# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Space on the disk, and its errors in the user's terms.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .._errors import SimError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MEBIBYTE = 1024 * 1024


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
