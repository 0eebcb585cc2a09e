# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a log.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import os
from pathlib import Path

# Bytes read at once from the end of a log: some 30 lines of a control plane.
_BLOCK = 16384
# Where the search for lines ends, in bytes: a log may be one endless line.
_MAX_TAIL = 1 << 20


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
