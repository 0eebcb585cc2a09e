# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release site of Grafana on loopback, with one release in the form that Grafana's have: an archive of one directory, and its checksum.

Usage: ``release_site.py STATE STAND_IN NUMBER OS-ARCH``. Writes its port to STATE/port, and serves until that file is gone.
"""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Handler(SimpleHTTPRequestHandler):
    """Files below a directory."""

    def log_message(self, *_arguments: Any) -> None:
        """Quiet."""


def archive(program: bytes, number: str) -> bytes:
    """A release, whose program is a script."""
    members = {"bin/grafana": program, "conf/defaults.ini": b"; defaults\n", "public/index.html": b"", "VERSION": number.encode()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(f"grafana-{number}/{name}")
            entry.size, entry.mode, entry.uid = len(content), 0o755 if name.startswith("bin/") else 0o644, 4711
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def main() -> None:
    """Serve."""
    state, stand_in, number, platform = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    content = archive(f"#!{sys.executable}\n".encode() + stand_in.read_bytes(), number)
    name = f"grafana-{number}.{platform}.tar.gz"
    site = state / "site"
    site.mkdir()
    (site / name).write_bytes(content)
    # As since 12.4.3: the name is that which its build gave it.
    line = f"{hashlib.sha256(content).hexdigest()}  dist/grafana_{number}_4711_{platform.replace('-', '_')}.tar.gz\n"
    (site / f"{name}.sha256").write_text(line, encoding="utf-8")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = state / "port"
        port.write_text(str(server.server_address[1]), encoding="utf-8")
        while port.exists():
            time.sleep(0.2)
        server.shutdown()


if __name__ == "__main__":
    main()
