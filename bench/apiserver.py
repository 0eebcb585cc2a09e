# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A load on a cluster's apiserver: bounded in count and time, over kept-alive connections, on loopback only."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CONNECTIONS = 8
POLL_SECONDS = 0.1


class Apiserver:
    """Talks to the apiserver of a cluster as its administrator.

    Args:
        cluster: What ``kwok_cluster`` returned as ``cluster``.
    """

    def __init__(self, cluster: Mapping[str, Any]) -> None:
        server = urlsplit(cluster["server"])
        if server.hostname not in ("127.0.0.1", "::1"):
            raise RuntimeError(f"{cluster['server']} is not on loopback")
        pki = Path(cluster["directory"]) / "pki"
        self.host, self.port = server.hostname, server.port
        self.context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self.context.load_cert_chain(str(pki / "admin.crt"), str(pki / "admin.key"))

    def connect(self) -> http.client.HTTPSConnection:
        """A connection of its own."""
        return http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=60)

    @staticmethod
    def request(connection: http.client.HTTPSConnection, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """One request; the answer's JSON.

        Raises:
            RuntimeError: The apiserver refuses.
        """
        connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": kind})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text)

    def create_all(self, path: str, objects: Iterable[Any]) -> float:
        """Create objects over several connections; the seconds that it took."""
        pending = list(objects)
        shares = [pending[number::CONNECTIONS] for number in range(CONNECTIONS)]
        begun = time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(lambda share: self._create(path, share), shares))
        return time.perf_counter() - begun

    def _create(self, path: str, objects: list[Any]) -> None:
        connection = self.connect()
        try:
            for item in objects:
                self.request(connection, "POST", path, item)
        finally:
            connection.close()

    def await_count(self, path: str, count: int, timeout: float) -> float:
        """Seconds until a list has at least ``count`` items.

        Raises:
            RuntimeError: It has not after ``timeout`` seconds.
        """
        connection = self.connect()
        begun = time.perf_counter()
        try:
            while True:
                found = len(self.request(connection, "GET", path)["items"])
                seconds = time.perf_counter() - begun
                if found >= count:
                    return seconds
                if seconds > timeout:
                    raise RuntimeError(f"{found} of {count} at {path} after {timeout:.0f} s")
                time.sleep(POLL_SECONDS)
        finally:
            connection.close()


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used (Linux: utime and stime of proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    ticks_per_second = 100  # USER_HZ, fixed for all programs by the kernel's interface.
    return (int(fields[11]) + int(fields[12])) / ticks_per_second
