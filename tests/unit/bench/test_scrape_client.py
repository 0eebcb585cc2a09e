# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of the bench against a small server: what it asks for, and what it counts."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ansible_collections.kwok.sim.bench import scrape_client
from ansible_collections.kwok.sim.bench.scrape_client import Job, answer_length, quantile, scrape


class Handler(BaseHTTPRequestHandler):
    """`/whole`: 300 bytes with their length; `/chunked`: 500 bytes in chunks; `/closed`: half an answer; all else is not there."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Accept")))
        self.server.peers.add(self.client_address)
        if self.path == "/whole":
            self.send_response(200)
            self.send_header("Content-Length", "300")
            self.end_headers()
            self.wfile.write(b"x" * 300)
        elif self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for size in (200, 300):
                self.wfile.write(b"%x\r\n" % size + b"y" * size + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        elif self.path == "/closed":
            self.send_response(200)
            self.send_header("Content-Length", "300")
            self.end_headers()
            self.close_connection = True
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.peers: set[Any] = set()


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def job(server: Server, *paths: str, **more: Any) -> Job:
    return Job("127.0.0.1", server.server_address[1], paths, **{"seconds": 0.2, "connections": 2, **more})


def test_answers_are_followed_to_their_end() -> None:
    whole = b"HTTP/1.1 200 OK\r\nX: 1\r\ncontent-length: 3\r\n\r\nabc"
    chunked = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\n\r\n"
    assert answer_length(whole) == (200, 3)
    assert answer_length(chunked) == (404, 19)
    for answer in (whole, chunked):
        assert [answer_length(answer[:length]) for length in range(len(answer))] == [None] * len(answer)


@pytest.mark.parametrize(
    "data", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nabc", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"]
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"HTTP/1\.1|length|base 16"):
        answer_length(data)


def test_quantiles() -> None:
    ordered = [float(number) for number in range(1, 101)]
    assert [quantile(ordered, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert quantile([7.0], 0.5) == 7
    assert quantile([], 0.5) == 0


def test_all_paths_in_turn_over_kept_connections() -> None:
    with serving() as server:
        seen = scrape(job(server, "/whole", "/chunked", headers=["Accept: text/plain"]))
        assert seen.scrapes == len(server.asked) > 4
        assert (seen.failed, seen.late, seen.errors) == (0, 0, {})
        assert len(server.peers) <= 2
        whole, chunked = (server.asked.count((path, "text/plain")) for path in ("/whole", "/chunked"))
        assert whole + chunked == seen.scrapes
        assert 0 <= whole - chunked <= 1
        assert seen.bytes == 300 * whole + 500 * chunked
    figures = seen.figures()
    assert 0 < figures["p50_ms"] <= figures["p99_ms"] <= figures["max_ms"]
    assert 0.2 <= figures["seconds"] < 2
    assert figures["cpu_s"] > 0


def test_each_path_once_per_interval() -> None:
    with serving() as server:
        seen = scrape(job(server, "/whole", "/chunked", "/whole", seconds=0.6, every_s=0.3))
        assert seen.scrapes == len(server.asked) == 6
        assert 0.5 <= seen.seconds < 2


def test_what_fails_is_counted() -> None:
    with serving() as server:
        seen = scrape(job(server, "/whole", "/missing", "/closed", seconds=0.3, every_s=0.3, connections=1))
        assert seen.scrapes == 1
        assert seen.failed == 2
        assert seen.errors == {"status 404": 1, "closed before the end of an answer": 1}


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    seen = scrape(Job("127.0.0.1", port, ["/"], seconds=0.2, every_s=0.2))
    assert (seen.scrapes, seen.failed) == (0, 1)
    assert "connect" in next(iter(seen.errors))


def test_who_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape_client, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(scrape_client, "_LOOK_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        seen = scrape(Job("127.0.0.1", silent.getsockname()[1], ["/"] * 4, seconds=0.1, every_s=0.1, connections=1))
    assert seen.scrapes == 0
    assert seen.failed == 4
    assert seen.errors["no answer in 0.2 s"] >= 1
    assert seen.errors["not begun"] >= 1


def test_a_process_of_its_own() -> None:
    with serving() as server:
        given = json.dumps(asdict(job(server, "/whole")))
        done = subprocess.run([sys.executable, scrape_client.__file__], input=given, capture_output=True, text=True, check=True, timeout=30)
    seen = json.loads(done.stdout)
    assert seen["scrapes"] * 300 == seen["bytes"] > 0
    assert "latencies_s" not in seen


def test_nothing_to_do_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="a path and a connection"):
        scrape(Job("127.0.0.1", 1, []))
