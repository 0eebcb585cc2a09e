# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who scrapes in the bench: a process with as little work of its own as can be, `python -m bench.scrape_client`.

It reads a job from its standard input and writes what it saw to its standard output, both as JSON. Answers are followed to their end and
counted, not read. Only the standard library is used, so that the process starts at once.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import ssl
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import cycle
from typing import Any

TIMEOUT_S = 10.0
"""Until an answer is no answer: Prometheus' own `scrape_timeout`."""

LATE_S = 1.0
"""So long after it is due an answer is late."""

_BUFFER = 256 * 1024
_LOOK_S = 1.0
"""How often connections are looked at that do not answer."""

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Job:
    """What is to be scraped.

    Attributes:
        host: Address.
        port: TCP.
        paths: One after the other, again and again.
        headers: Lines of each request, beside Host.
        connections: At most; kept alive.
        seconds: How long.
        every_s: Each path is due once in so many seconds, evenly spread; 0: as fast as answers come.
        ca: File with the server's authority; empty: no TLS.
        certificate: File of the client's certificate; empty: none.
        key: File of its key.
    """

    host: str
    port: int
    paths: Sequence[str]
    headers: Sequence[str] = ()
    connections: int = 8
    seconds: float = 30.0
    every_s: float = 0.0
    ca: str = ""
    certificate: str = ""
    key: str = ""


@dataclass
class Seen:
    """What came of a job.

    Attributes:
        seconds: How long it took.
        cpu_s: This process's CPU meanwhile.
        scrapes: Answers of status 200.
        failed: Other answers, those that did not come in time, and connections that broke.
        late: Answers that came later than they should; only of scrapes that have a time.
        bytes: Of the answers' bodies, as they were sent.
        latencies_s: Of each answer, from when it was asked for.
        errors: What failed, and how often.
    """

    seconds: float = 0.0
    cpu_s: float = 0.0
    scrapes: int = 0
    failed: int = 0
    late: int = 0
    bytes: int = 0
    latencies_s: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    def fail(self, reason: str) -> None:
        """Count a failure."""
        self.failed += 1
        self.errors[reason] = self.errors.get(reason, 0) + 1

    def figures(self) -> dict[str, Any]:
        """As JSON has it: of the latencies only median, 99th percentile and greatest, in ms."""
        ordered = sorted(self.latencies_s)
        shown = asdict(self)
        del shown["latencies_s"]
        return {**shown, **{f"{name}_ms": quantile(ordered, share) * 1000 for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))}}


def quantile(ordered: Sequence[float], share: float) -> float:
    """The least of the values that at least this share of them does not exceed; 0 where there are none."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0.0


def answer_length(data: bytes | bytearray) -> tuple[int, int] | None:
    """Status and bytes of the body of an answer, without the framing of chunks; None: there is more to come.

    Raises:
        ValueError: It is no answer of HTTP/1.1 that says how long it is.
    """
    head = data.find(_HEAD_END)
    if head < 0:
        return None
    if not data.startswith(b"HTTP/1.1 "):
        raise ValueError(f"no answer of HTTP/1.1: {bytes(data[:40])!r}")
    status, at = int(data[9:12]), head + len(_HEAD_END)
    length = _LENGTH.search(data, 0, head + 2)
    if length is not None:
        size = int(length[1])
        return (status, size) if len(data) >= at + size else None
    if b"chunked" not in data[:head].lower():
        raise ValueError("an answer without its length")
    body = 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(bytes(data[at:end]).partition(b";")[0], 16)
        at = end + 2 + size + 2
        if len(data) < at:
            return None
        if not size:
            return status, body
        body += size


class _Connection:
    """A connection that is kept alive, with one request at a time."""

    def __init__(self, job: Job, context: ssl.SSLContext | None) -> None:
        connected = socket.create_connection((job.host, job.port), timeout=TIMEOUT_S)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connected if context is None else context.wrap_socket(connected, server_hostname=job.host)
        self.socket.setblocking(False)
        self.data = bytearray()
        self.asked = 0.0
        self.due = 0.0

    def ask(self, request: bytes, due: float) -> None:
        """Send a request, which has room in the empty buffers of a connection."""
        self.data.clear()
        self.asked, self.due = time.perf_counter(), due
        if self.socket.send(request) != len(request):
            raise OSError("a request was sent in part")

    def read(self) -> bool:
        """Take in what there is; whether the peer has said the last."""
        while True:
            try:
                part = self.socket.recv(_BUFFER)
            except (BlockingIOError, ssl.SSLWantReadError):
                return False
            if not part:
                return True
            self.data += part
            if not isinstance(self.socket, ssl.SSLSocket):
                return False  # TLS alone holds back what the selector does not know of

    def close(self) -> None:
        """Close it at once."""
        self.socket.close()


class _Scraper:
    """Carries a job out."""

    def __init__(self, job: Job) -> None:
        if not job.paths or job.connections < 1:
            raise ValueError("a job has a path and a connection at least")
        self._job = job
        self._context = _context(job)
        lines = "".join(f"{line}\r\n" for line in (f"Host: {job.host}:{job.port}", *job.headers))
        self._requests = cycle([f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode() for path in job.paths])
        self._selector = selectors.DefaultSelector()
        self._idle: deque[_Connection] = deque()
        self._busy: set[_Connection] = set()
        self._seen = Seen()

    def run(self) -> Seen:
        """Scrape until the time is over, and take in the answers that are still to come."""
        seen, began, cpu = self._seen, time.perf_counter(), time.process_time()
        ends = began + self._job.seconds
        dues = _dues(self._job, began)
        due = next(dues, None)
        try:
            while due is not None or self._busy:
                while due is not None and due <= time.perf_counter() and len(self._busy) < self._job.connections:
                    self._ask(due)
                    due = self._next(dues, ends)
                full = due is None or len(self._busy) >= self._job.connections
                self._listen(_LOOK_S if full or due is None else max(0.0, min(due - time.perf_counter(), _LOOK_S)))
        finally:
            for connection in (*self._idle, *self._busy):
                connection.close()
        seen.seconds, seen.cpu_s = time.perf_counter() - began, time.process_time() - cpu
        return seen

    def _next(self, dues: Iterator[float], ends: float) -> float | None:
        """When the next one is due; None: there is none any more. What has a time is made up for, but not without end."""
        now = time.perf_counter()
        if not self._job.every_s:
            return next(dues) if now < ends else None
        if now < ends + TIMEOUT_S:
            return next(dues, None)
        for _due in dues:
            self._seen.fail("not begun")
        return None

    def _ask(self, due: float) -> None:
        try:
            connection = self._idle.popleft() if self._idle else self._open()
        except OSError as error:
            self._seen.fail(f"connect: {error}")
            time.sleep(0.1)  # nobody there: no use in trying thousands of times
            return
        self._busy.add(connection)
        try:
            connection.ask(next(self._requests), due)
        except OSError as error:
            self._break(connection, f"send: {error}")

    def _open(self) -> _Connection:
        connection = _Connection(self._job, self._context)
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        return connection

    def _listen(self, timeout_s: float) -> None:
        for key, _events in self._selector.select(timeout_s):
            self._take(key.data)
        now = time.perf_counter()
        for connection in [each for each in self._busy if now - each.asked > TIMEOUT_S]:
            self._break(connection, f"no answer in {TIMEOUT_S:g} s")

    def _take(self, connection: _Connection) -> None:
        try:
            closed = connection.read()
            if connection not in self._busy:
                # A server may close what is idle; what it sends unasked is read and left.
                if closed:
                    self._idle.remove(connection)
                    self._drop(connection)
                return
            found = answer_length(connection.data)
        except (OSError, ValueError) as error:
            self._break(connection, f"receive: {error}")
            return
        if found is None:
            if closed:
                self._break(connection, "closed before the end of an answer")
            return
        now = time.perf_counter()
        status, size = found
        if status == 200:
            self._seen.scrapes += 1
            self._seen.bytes += size
            self._seen.latencies_s.append(now - connection.asked)
            if self._job.every_s and now - connection.due > LATE_S:
                self._seen.late += 1
        else:
            self._seen.fail(f"status {status}")
        self._busy.remove(connection)
        if closed:
            self._drop(connection)
        else:
            self._idle.append(connection)

    def _break(self, connection: _Connection, reason: str) -> None:
        if connection in self._busy:
            self._busy.remove(connection)
            self._seen.fail(reason)
        else:
            self._idle.remove(connection)
        self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(connection.socket)
        connection.close()


def _context(job: Job) -> ssl.SSLContext | None:
    if not job.ca:
        return None
    context = ssl.create_default_context(cafile=job.ca)
    if job.certificate:
        context.load_cert_chain(job.certificate, job.key)
    return context


def _dues(job: Job, began: float) -> Iterator[float]:
    """When scrapes are due: at once, or each path once per interval, evenly spread, as long as the job has time."""
    if not job.every_s:
        while True:
            yield began
    apart = job.every_s / len(job.paths)
    for number in range(int(job.seconds / apart)):
        yield began + number * apart


def scrape(job: Job) -> Seen:
    """Carry a job out.

    Raises:
        ValueError: The job has no path, or no connection.
        OSError: A file of certificates cannot be read (`ssl.SSLError` where it has none).
    """
    return _Scraper(job).run()


def main() -> None:
    """Of the process."""
    given: Mapping[str, Any] = json.load(sys.stdin)
    json.dump(scrape(Job(**given)).figures(), sys.stdout)


if __name__ == "__main__":
    main()
