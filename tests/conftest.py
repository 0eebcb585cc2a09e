# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the checkout importable as ``ansible_collections.kwok.sim``, for a bare ``pytest`` as for ``make``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / ".build" / "collections"


def _link_collection() -> None:
    """Do what ``make collection`` does, unless it has been done, and put the result on the import path."""
    link = COLLECTIONS / "ansible_collections" / "kwok" / "sim"
    # Below ansible-test the checkout has its right place already.
    if ROOT.parts[-3:] == ("ansible_collections", "kwok", "sim"):
        base = ROOT.parents[2]
    else:
        base = COLLECTIONS
        if not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(ROOT, link.parent), target_is_directory=True)
    sys.path.insert(0, str(base))
    # For the programs that tests start.
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(base)


_link_collection()
