# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and directories below ``base_dir``: private, and written in one step.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path

from ._errors import SimError


def write_atomically(path: Path, content: str | bytes, mode: int = 0o600) -> None:
    """Make a file's content and mode so; what has them already is left alone.

    The file is there whole or not at all, with its permissions from the first byte on.

    Raises:
        SimError: The disk is full, or the directory cannot be written.
    """
    wanted = content.encode() if isinstance(content, str) else content
    with contextlib.suppress(OSError):
        if path.read_bytes() == wanted and path.lstat().st_mode == stat.S_IFREG | mode:
            return
    temporary = None
    try:
        _make_missing(path.parent)
        # The name begins with a full stop and ends in no suffix: nothing takes a half-written file for a whole one.
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(wanted)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise as_sim_error(error, path) from error
    except BaseException:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise


def make_directory(path: Path) -> None:
    """Make a directory and those above it that are missing, each with 0700; the directory itself is given 0700 if it is there.

    Raises:
        SimError: It cannot be made.
    """
    try:
        _make_missing(path)
        if path.stat().st_mode & 0o777 != 0o700:
            path.chmod(0o700)
    except OSError as error:
        raise as_sim_error(error, path) from error


def _make_missing(path: Path) -> None:
    # Path.mkdir would make the parents with the mode that the umask leaves.
    missing: list[Path] = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        directory.mkdir(mode=0o700, exist_ok=True)


def as_sim_error(error: OSError, path: Path) -> SimError:
    """An operating-system error on a path below ``base_dir``, with its remedy."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SimError(
            f"no space left to write {path}", option="base_dir", remedy="Free space there, or choose a base_dir on another disk"
        )
    return SimError(
        f"{path} cannot be written: {error.strerror}", option="base_dir", remedy="Choose a base_dir that this user may write to"
    )
