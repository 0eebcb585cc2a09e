# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listens at a port of 127.0.0.1, whose number is written to the file that is named, until that file is gone."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path


def main() -> None:
    """Listen."""
    path = Path(sys.argv[1])
    with socket.create_server(("127.0.0.1", 0)) as server:
        path.write_text(str(server.getsockname()[1]), encoding="utf-8")
        while path.exists():
            time.sleep(0.2)


if __name__ == "__main__":
    main()
