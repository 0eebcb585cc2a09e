# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a runtime: written whole or not at all, readable by their owner alone; and the end of a log.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .._errors import SimError

# Bytes read at once from the end of a log: some 30 lines of a control plane.
_BLOCK = 16384
# Where the search for lines ends, in bytes: a log may be one endless line.
_MAX_TAIL = 1 << 20


def make_private_directory(path: Path) -> None:
    """Make a directory, with its parents, that only its owner can enter (0700); tighten one that is there. Raises SimError."""
    with _reported(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o777 != 0o700:
            path.chmod(0o700)


def write_atomically(path: Path, content: bytes) -> None:
    """Make a file's content and mode (0600) so; what has them already is left alone. Raises SimError."""
    with contextlib.suppress(OSError):
        if path.read_bytes() == content and path.stat().st_mode & 0o777 == 0o600:
            return
    with _reported(path):
        # The name ends in neither .sh nor .conf: nothing takes a half-written file for a definition.
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Tell of a full disk, a missing permission and the like in the user's terms."""
    try:
        yield
    except OSError as error:
        raise SimError(
            f"{path} cannot be written: {error.strerror}",
            option="base_dir",
            remedy="Make room and permit it there, or choose another directory",
        ) from error


def tail(path: Path, lines: int) -> str:
    """The last lines of a text file, of at most 1 MiB; empty if there is no file. Bytes that are no UTF-8 are replaced."""
    if lines <= 0:
        return ""
    try:
        with path.open("rb") as stream:
            position = end = stream.seek(0, os.SEEK_END)
            read = b""
            # One newline more than lines, unless the file's first line is among them; the last one only ends the last line.
            while position > 0 and read.count(b"\n") <= lines and end - position < _MAX_TAIL:
                size = min(_BLOCK, position)
                position = stream.seek(position - size)
                read = stream.read(size) + read
    except FileNotFoundError:
        return ""
    text = read.decode(errors="replace")
    ending = "\n" if text.endswith("\n") else ""
    # Not splitlines(): it also splits at carriage returns, form feeds and the like.
    return "\n".join(text.removesuffix("\n").split("\n")[-lines:]) + ending
