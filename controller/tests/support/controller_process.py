# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""kwok-controller as a process that can be stopped and started again, and asked over HTTPS at any address of this host."""

from __future__ import annotations

import http.client
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sim_cluster import REPOSITORY

STOP_TIMEOUT_S = 40


class Controller:
    """The program, on one port.

    Args:
        directory: Its log goes there.
        port: Where it serves.
        argv: Its flags.
    """

    def __init__(self, directory: Path, port: int, argv: Sequence[str]) -> None:
        self.port = port
        self.log = directory / "controller.log"
        # Nothing of the user who runs the tests: no kubeconfig, no ~/.kwok.
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "PYTHONPATH": str(REPOSITORY / "controller/src")}
        self._command = [sys.executable, "-m", "kwok_controller", *argv]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start a process."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=output, env=self._environment)

    def stop(self) -> int:
        """Ask it to end, and wait for it; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_TIMEOUT_S)

    def kill(self) -> None:
        """SIGKILL for what runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def get(self, path: str, context: ssl.SSLContext, *, host: str = "127.0.0.1") -> tuple[int, str]:
        """Status and text over HTTPS; 0 where nothing answers."""
        link = http.client.HTTPSConnection(host, self.port, context=context, timeout=10)
        try:
            link.request("GET", path)
            answer = link.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            link.close()

    def wait_ready(self, context: ssl.SSLContext, timeout_s: float = 120) -> None:
        """Wait until /readyz says so."""
        assert self._process is not None
        ends = time.monotonic() + timeout_s
        while self.get("/readyz", context) != (200, "ok"):
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < ends, self.log.read_text()
            time.sleep(0.1)


@contextmanager
def running_controller(directory: Path, port: int, argv: Sequence[str]) -> Iterator[Controller]:
    """A controller that has been started, gone at the end whatever happens."""
    controller = Controller(directory, port, argv)
    controller.start()
    try:
        yield controller
    finally:
        controller.kill()
