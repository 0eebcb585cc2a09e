# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands on the disk.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from .component import ObservedFile


def observe_files(paths: Iterable[str]) -> dict[str, ObservedFile | None]:
    """What stands at each path; ``None`` where there is no readable regular file."""
    seen: dict[str, ObservedFile | None] = {}
    for path in paths:
        try:
            with Path(path).open("rb") as stream:
                mode = os.fstat(stream.fileno()).st_mode & 0o7777
                seen[path] = ObservedFile(hashlib.sha256(stream.read()).hexdigest(), mode)
        except OSError:
            seen[path] = None
    return seen
