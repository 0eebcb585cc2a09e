# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An HTTPS server that tells its arguments and environment: CERT_FILE, KEY_FILE and PORT say how it serves."""

from __future__ import annotations

import http.server
import json
import os
import ssl
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every GET."""

    def do_GET(self) -> None:
        """Tell how the server was started."""
        body = json.dumps({"arguments": sys.argv[1:], "environment": dict(os.environ)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.environ["CERT_FILE"], os.environ["KEY_FILE"])
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
