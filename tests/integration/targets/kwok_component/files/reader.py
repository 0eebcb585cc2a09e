# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An HTTP server at a port that tells what a file said when it was read: when the server started, or upon SIGHUP."""

from __future__ import annotations

import http.server
import signal
import sys
from pathlib import Path

PORT, FILE = int(sys.argv[1]), Path(sys.argv[2])
texts = [FILE.read_bytes()]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every GET."""

    def do_GET(self) -> None:
        """Tell what was read last."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(texts[-1])))
        self.end_headers()
        self.wfile.write(texts[-1])


signal.signal(signal.SIGHUP, lambda _signal, _frame: texts.append(FILE.read_bytes()))
http.server.HTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
