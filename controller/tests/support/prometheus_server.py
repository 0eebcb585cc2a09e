# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A real Prometheus for the tests, asked over its API, and promtool."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

STOP_TIMEOUT_S = 60
ANSWER_TIMEOUT_S = 300


class Prometheus:
    """A Prometheus that runs.

    Args:
        port: Of its API.
        process: It.
        log: What it prints.
    """

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self._port = port
        self._process = process
        self._log = log

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API.

        Raises:
            AssertionError: The answer is an error; with what it says.
        """
        url = f"http://127.0.0.1:{self._port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_TIMEOUT_S) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def query(self, expression: str) -> float:
        """The one value of an expression now.

        Raises:
            AssertionError: It has none, or several.
        """
        found = self.ask("query", query=expression)["result"]
        assert len(found) == 1, f"{expression}: {found[:5]}"
        return float(found[0]["value"][1])

    def targets(self) -> list[dict[str, Any]]:
        """Those that are scraped."""
        found: list[dict[str, Any]] = self.ask("targets", state="active")["activeTargets"]
        return found

    def counters(self, selector: str) -> list[str]:
        """The names of the selected series that only grow, by how they end: `promtool check metrics` sees to it that no others do."""
        names: list[str] = self.ask("label/__name__/values", **{"match[]": selector})
        return [name for name in names if name.endswith(("_total", "_bucket", "_count", "_sum"))]

    def wait(self, condition: Callable[[], bool], what: Callable[[], object], timeout_s: float) -> None:
        """Wait until it is so; `what` tells what there is instead. To ask is to be little of the work."""
        ends, asked = time.monotonic() + timeout_s, time.monotonic()
        while not condition():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < ends, f"{what()}\n{self._log.read_text()[-4000:]}"
            time.sleep(max(0.5, 5 * (time.monotonic() - asked)))
            asked = time.monotonic()


@contextmanager
def running_prometheus(executable: str, directory: Path, scrape_configs: Sequence[dict[str, Any]], interval_s: int) -> Iterator[Prometheus]:
    """A Prometheus that scrapes, gone at the end.

    Args:
        executable: Its path.
        directory: For its data and its log.
        scrape_configs: As its configuration has them.
        interval_s: Between scrapes of a target; an answer has to come within it.
    """
    configuration = {
        "global": {"scrape_interval": f"{interval_s}s", "scrape_timeout": f"{min(interval_s, 10)}s"},
        "scrape_configs": list(scrape_configs),
    }
    file, log = directory / "prometheus.json", directory / "prometheus.log"
    file.write_text(json.dumps(configuration))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [executable, f"--config.file={file}", f"--storage.tsdb.path={directory / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
    with log.open("wb") as output, subprocess.Popen([*command, "--log.level=warn"], stdout=output, stderr=output) as process:
        prometheus = Prometheus(port, process, log)
        try:
            prometheus.wait(lambda: _answers(port), lambda: "it does not become ready", 60)
            yield prometheus
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def check_metrics(promtool: str, text: str) -> str:
    """What `promtool check metrics` finds wrong with an exposition; empty: nothing."""
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=120, check=False)
    return (done.stdout + done.stderr).strip() or ("" if not done.returncode else f"exit code {done.returncode}")


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
