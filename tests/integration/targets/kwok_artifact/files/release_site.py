# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serve a directory on loopback as a release site would.

Usage: release_site.py DIRECTORY STATE. Writes its process id and port to STATE/pid and STATE/port, and the path of each
GET to STATE/requests. A file NAME.cut beside NAME makes it send half of NAME and close the connection.
"""

from __future__ import annotations

import functools
import os
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Handler(SimpleHTTPRequestHandler):
    """Files below a directory."""

    def __init__(self, *arguments: Any, state: Path, **settings: Any) -> None:
        self._state = state
        super().__init__(*arguments, **settings)

    def do_GET(self) -> None:
        with (self._state / "requests").open("a", encoding="utf-8") as requests:
            requests.write(f"{self.path}\n")
        path = Path(self.translate_path(self.path))
        if not Path(f"{path}.cut").exists():
            super().do_GET()
            return
        body = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])

    def log_message(self, *_arguments: Any) -> None:
        """Quiet: the requests are in STATE."""


def main() -> None:
    directory, state = sys.argv[1], Path(sys.argv[2])
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=directory, state=state))
    (state / "requests").touch()
    (state / "pid").write_text(f"{os.getpid()}\n", encoding="utf-8")
    draft = state / "port.new"
    draft.write_text(f"{server.server_address[1]}\n", encoding="utf-8")
    draft.replace(state / "port")
    server.serve_forever()


if __name__ == "__main__":
    main()
