# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Slows an apiserver down until an alert fires: its etcd is held again and again, while it is asked for what only etcd can tell.

Arguments: PID of etcd, URL of the apiserver, directory of the cluster's certificates, URL of Prometheus, name of the alert, seconds to try.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

READERS = 60
HELD_SECONDS = 1.6  # More than the second in which an object is to be read, less than what leases and health checks bear.
# Events are in no cache of the apiserver.
PATH = "/api/v1/namespaces/default/events/none"


class Reader:
    """Reads an object that is not there, over one connection."""

    def __init__(self, server: str, context: ssl.SSLContext) -> None:
        self._connection = http.client.HTTPSConnection(urlsplit(server).netloc, context=context, timeout=30)

    def read(self) -> int:
        """The status of the answer."""
        self._connection.request("GET", PATH)
        response = self._connection.getresponse()
        response.read()
        return response.status


def is_firing(prometheus: str, alert: str) -> bool:
    """Whether an alert fires."""
    with urllib.request.urlopen(f"{prometheus}/api/v1/alerts", timeout=30) as response:
        alerts = json.load(response)["data"]["alerts"]
    return any(item["labels"]["alertname"] == alert and item["state"] == "firing" for item in alerts)


def main() -> int:
    """0 when the alert fires, 1 if it did not in time."""
    server, pki, prometheus, alert = sys.argv[2:6]
    etcd, seconds = int(sys.argv[1]), float(sys.argv[6])
    context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
    context.load_cert_chain(f"{pki}/admin.crt", f"{pki}/admin.key")
    readers = [Reader(server, context) for _number in range(READERS)]
    if {reader.read() for reader in readers} != {404}:
        return 2
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(READERS) as pool:
        try:
            while time.monotonic() < end:
                os.kill(etcd, signal.SIGSTOP)
                answers = [pool.submit(reader.read) for reader in readers]
                time.sleep(HELD_SECONDS)
                os.kill(etcd, signal.SIGCONT)
                for answer in answers:
                    answer.result()
                if is_firing(prometheus, alert):
                    return 0
        finally:
            os.kill(etcd, signal.SIGCONT)
    return 1


if __name__ == "__main__":
    sys.exit(main())
