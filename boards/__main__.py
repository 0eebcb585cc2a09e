# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the boards: `python -m boards`; with ``--check``, only say which files are not as they would be written."""

from __future__ import annotations

import sys
from pathlib import Path

from . import cluster, control_plane, controller, observability, usage
from .parts import Board, as_json

BOARDS: tuple[Board, ...] = (cluster.BOARD, control_plane.BOARD, controller.BOARD, usage.BOARD, observability.BOARD)
TARGET = Path(__file__).resolve().parents[1] / "roles/grafana/files/boards"


def wanted() -> dict[str, str]:
    """File name to text of every board."""
    return {f"{board.uid}.json": as_json(board) for board in BOARDS}


def outdated(target: Path = TARGET) -> list[str]:
    """Names of files that are missing, differ, or belong to no board."""
    files = wanted()
    present = {path.name: path.read_text(encoding="utf-8") for path in target.glob("*.json")}
    return sorted(name for name in files.keys() | present.keys() if files.get(name) != present.get(name))


def main() -> int:
    """0 when all is well, 1 when ``--check`` finds a file that is not as it would be written."""
    names = outdated()
    if "--check" in sys.argv[1:]:
        print("\n".join(f"{name} is not what boards/ says: run `make boards`" for name in names), end="\n" if names else "")
        return 1 if names else 0
    TARGET.mkdir(parents=True, exist_ok=True)
    files = wanted()
    for name in names:
        if name in files:
            (TARGET / name).write_text(files[name], encoding="utf-8")
        else:
            (TARGET / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
