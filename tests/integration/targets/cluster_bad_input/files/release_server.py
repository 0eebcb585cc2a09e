# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release site on loopback that publishes a wrong checksum for everything but versions that do not exist.

Usage: ``release_server.py DIRECTORY``. Writes its port and its process id there.
"""

from __future__ import annotations

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """Answers every request for a version that exists."""

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def answer(self, *, with_body: bool) -> None:
        if "9.9.9" in self.path or "3.9.9" in self.path:
            self.send_error(404)
            return
        name = self.path.rpartition("/")[2]
        if "sha256" in name.lower():
            archives = [f"etcd-v3.6.5-linux-{arch}.tar.gz" for arch in ("amd64", "arm64", "ppc64le", "s390x")]
            content = "".join(f"{'0' * 64}  {file}\n" for file in archives) if "SUMS" in name else f"{'0' * 64}\n"
        else:
            content = "not what was published"
        body = content.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


def main() -> None:
    directory = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    (directory / "server.pid").write_text(str(os.getpid()), encoding="ascii")
    # Last: who waits for it finds both.
    (directory / "server.port").write_text(str(server.server_address[1]), encoding="ascii")
    server.serve_forever()


main()
