# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop
from authority import Authority
from fault_server import FaultServer, Reply, Request

from kwok_controller.kube import connection, http1
from kwok_controller.kube.client import Client
from kwok_controller.kube.connection import ConnectionConfig
from kwok_controller.kube.errors import ApiError, Timeout, TLSFailed, Unreachable

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine: on the loop of the standard library, and on the one that is used on servers."""

    def run_on(main: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if request.param == "uvloop" else None) as runner:
            runner.run(main)

    return run_on


async def ok(request: Request, reply: Reply) -> None:
    await reply.whole(200, {})


async def wait_for(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def test_connections_are_kept(run: Run) -> None:
    async def main() -> None:
        async with FaultServer(ok) as server, server.client() as client:
            for _ in range(5):
                await client.request("GET", "/x")
            assert (len(server.requests), server.connections) == (5, 1)

    run(main())


def test_as_many_connections_as_allowed(run: Run) -> None:
    async def slow(request: Request, reply: Reply) -> None:
        await asyncio.sleep(0.02)
        await reply.whole(200, request.target.encode())

    async def main() -> None:
        async with FaultServer(slow) as server, server.client(connections=3) as client:
            answers = await asyncio.gather(*(client.request("GET", f"/{number}") for number in range(20)))
            assert answers == [f"/{number}".encode() for number in range(20)]
            assert server.connections == 3

    run(main())


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc", b"abc"),
        (b"HTTP/1.0 200 OK\r\n\r\nabc", b"abc"),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_framing(run: Run, answer: bytes, body: bytes, piece: int) -> None:
    async def handle(request: Request, reply: Reply) -> None:
        for start in range(0, len(answer), piece):
            await reply.raw(answer[start : start + piece])
            await asyncio.sleep(0)
        if b"Content-Length" not in answer and b"chunked" not in answer:
            reply.close()

    async def main() -> None:
        async with FaultServer(handle) as server, server.client() as client:
            for _ in range(2):
                assert await client.request("GET", "/x") == body

    run(main())


def test_large_answer(run: Run) -> None:
    async def handle(request: Request, reply: Reply) -> None:
        await reply.whole(200, b"x" * 20_000_000)

    async def main() -> None:
        async with FaultServer(handle) as server, server.client() as client:
            assert len(await client.request("GET", "/x")) == 20_000_000

    run(main())


def test_answer_beyond_all_bounds(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "MAX_BODY", 1000)

    async def handle(request: Request, reply: Reply) -> None:
        await reply.whole(200, b"x" * 2000)

    async def main() -> None:
        async with FaultServer(handle) as server, server.client() as client:
            with pytest.raises(Unreachable, match="larger than 1000 bytes"):
                await client.request("GET", "/x")

    run(main())


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "closed the connection"),
        (b"SSH-2.0-x\r\n", "does not speak HTTP"),
        (b"\x15\x03\x01\x00\x02", "does not speak HTTP"),
    ],
)
@pytest.mark.parametrize("how", ["close", "reset"])
def test_answers_that_break_off(run: Run, answer: bytes, problem: str, how: str) -> None:
    async def handle(request: Request, reply: Reply) -> None:
        await reply.raw(answer)
        await asyncio.sleep(0.02)
        getattr(reply, how)()

    async def main() -> None:
        async with FaultServer(handle) as server, server.client() as client:
            with pytest.raises(Unreachable) as caught:
                await client.request("POST", "/x", body=b"{}")
            assert problem in str(caught.value) or "broke" in str(caught.value)
            # It is not sent again: the server may have carried it out.
            assert len(server.requests) == 1

    run(main())


@pytest.mark.parametrize(("method", "again"), [("GET", True), ("PUT", False)])
def test_kept_connection_that_the_server_closes_at_that_moment(run: Run, method: str, again: bool) -> None:
    async def handle(request: Request, reply: Reply) -> None:
        if request.connection == 0 and len(server.requests) == 2:
            reply.reset()
        else:
            await reply.whole(200, {})

    async def main() -> None:
        async with server, server.client() as client:
            await client.request("GET", "/x")
            if again:
                await client.request(method, "/x")
                assert server.connections == 2
            else:
                with pytest.raises(Unreachable):
                    await client.request(method, "/x", body=b"{}")

    server = FaultServer(handle)
    run(main())


def test_connection_that_the_server_has_closed_is_not_used(run: Run) -> None:
    async def handle(request: Request, reply: Reply) -> None:
        await reply.whole(200, {})
        if request.connection == 0:
            reply.close()

    async def main() -> None:
        async with FaultServer(handle) as server, server.client() as client:
            await client.request("PUT", "/x", body=b"{}")
            await wait_for(lambda: server.open == 0)
            await asyncio.sleep(0.02)
            await client.request("PUT", "/x", body=b"{}")
            assert server.connections == 2

    run(main())


def test_idle_connection_is_not_used_for_ever(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "IDLE_S", 0.05)

    async def main() -> None:
        async with FaultServer(ok) as server, server.client() as client:
            await client.request("GET", "/x")
            await asyncio.sleep(0.1)
            await client.request("GET", "/x")
            assert server.connections == 2
            await wait_for(lambda: server.open == 1)

    run(main())


def test_slow_answer(run: Run) -> None:
    async def handle(request: Request, reply: Reply) -> None:
        if request.path == "/slow":
            await asyncio.sleep(30)
        await reply.whole(200, {})

    async def main() -> None:
        async with FaultServer(handle) as server, server.client(connections=1) as client:
            began = time.monotonic()
            with pytest.raises(Timeout, match="did not answer within 0 s"):
                await client.request("GET", "/slow", timeout=0.2)
            assert 0.15 < time.monotonic() - began < 5
            # Its connection is closed, and its place is free again.
            await client.request("GET", "/fast")
            await wait_for(lambda: server.open == 1)

    run(main())


def test_no_free_connection_in_time(run: Run) -> None:
    async def handle(request: Request, reply: Reply) -> None:
        await asyncio.sleep(0.5)
        await reply.whole(200, {})

    async def main() -> None:
        async with FaultServer(handle) as server, server.client(connections=1) as client:
            first = asyncio.create_task(client.request("GET", "/x"))
            await asyncio.sleep(0.05)
            with pytest.raises(Timeout, match=r"no connection to .* became free in time"):
                await client.request("GET", "/x", timeout=0.1)
            await first
            await client.request("GET", "/x")
            assert server.connections == 1

    run(main())


def test_cancelling_leaves_nothing(run: Run) -> None:
    async def handle(request: Request, reply: Reply) -> None:
        if request.path == "/hang":
            await asyncio.sleep(60)
        await reply.whole(200, {})

    async def main() -> None:
        async with FaultServer(handle) as server, server.client(connections=2) as client:
            # Two wait for answers, three for a connection.
            tasks = [asyncio.create_task(client.request("GET", "/hang")) for _ in range(5)]
            await wait_for(lambda: len(server.requests) == 2)
            for task in reversed(tasks):
                task.cancel()
            assert all(isinstance(result, asyncio.CancelledError) for result in await asyncio.gather(*tasks, return_exceptions=True))
            await wait_for(lambda: server.open == 0)
            await asyncio.gather(*(client.request("GET", "/fine") for _ in range(4)))
            assert server.open <= 2

    run(main())


def test_closing_the_client_fails_what_is_under_way(run: Run) -> None:
    async def handle(request: Request, reply: Reply) -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        async with FaultServer(handle) as server:
            async with server.client(connections=1) as client:
                tasks = [asyncio.create_task(client.request("GET", "/x")) for _ in range(3)]
                await wait_for(lambda: len(server.requests) == 1)
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(result) for result in results] == [Unreachable] * 3 or all(isinstance(result, Unreachable) for result in results)
            await wait_for(lambda: server.open == 0)
            with pytest.raises(Unreachable, match="the client is closed"):
                await client.request("GET", "/x")
            assert len(asyncio.all_tasks()) <= 2

    run(main())


def test_nobody_listens(run: Run) -> None:
    async def main() -> None:
        async with FaultServer(ok) as server:
            url = server.url
        async with Client(connection.load(master=url)) as client:
            for _ in range(3):
                with pytest.raises(Unreachable, match=f"{re.escape(url)} cannot be reached: "):
                    await client.request("GET", "/x")

    run(main())


def test_name_that_is_none(run: Run) -> None:
    async def main() -> None:
        async with Client(connection.load(master="http://name.invalid:1")) as client:
            with pytest.raises(Unreachable, match=r"http://name.invalid:1 cannot be reached: "):
                await client.request("GET", "/x")

    run(main())


def test_stream_does_not_read_ahead_without_bounds(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "STREAM_BUFFER", 100_000)
    sent = 0

    async def handle(request: Request, reply: Reply) -> None:
        nonlocal sent
        await reply.begin()
        for _ in range(1000):
            await reply.chunk(b"x" * 50_000)
            sent += 50_000
        await reply.end()

    async def main() -> None:
        async with FaultServer(handle) as server, server.client() as client:
            stream = await client.stream("/x")
            await asyncio.sleep(0.3)
            # What is on its way in the buffers of the two sockets comes on top.
            assert sent < 20_000_000
            received = 0
            while part := await stream.read(5):
                received += len(part)
            assert received == 50_000_000
            stream.close()
            await wait_for(lambda: server.open == 0)

    run(main())


def test_stream_that_stalls_and_one_that_breaks(run: Run) -> None:
    async def handle(request: Request, reply: Reply) -> None:
        await reply.begin()
        await reply.chunk(b"a")
        if request.path == "/stall":
            await asyncio.sleep(60)
        await asyncio.sleep(0.02)
        reply.reset()

    async def main() -> None:
        async with FaultServer(handle) as server, server.client() as client:
            for path, error in (("/stall", Timeout), ("/break", Unreachable)):
                stream = await client.stream(path)
                assert await stream.read(5) == b"a"
                with pytest.raises(error):
                    await stream.read(0.2)
                stream.close()
            await wait_for(lambda: server.open == 0)

    run(main())


# TLS


def server_context(authority: Authority, *names: str, tmp_path: Path) -> ssl.SSLContext:
    pair = authority.issue(*names)
    (tmp_path / "server.pem").write_bytes(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    return context


def config_of(server: FaultServer, **options: Any) -> ConnectionConfig:
    return connection._connection(server.url, "test", "", source="test", **options)


def test_tls(run: Run, authority: Authority, tmp_path: Path) -> None:
    async def main() -> None:
        async with FaultServer(ok, server_context(authority, "127.0.0.1", tmp_path=tmp_path)) as server:
            async with Client(config_of(server, authorities=authority.pem)) as client:
                await client.request("GET", "/x")
                await client.request("GET", "/x")
            async with Client(config_of(server, insecure=True)) as client:
                await client.request("GET", "/x")
            assert server.connections == 2

    run(main())


def test_tls_server_name(run: Run, authority: Authority, tmp_path: Path) -> None:
    async def main() -> None:
        async with FaultServer(ok, server_context(authority, "kubernetes", tmp_path=tmp_path)) as server:
            async with Client(config_of(server, authorities=authority.pem, server_name="kubernetes")) as client:
                await client.request("GET", "/x")
            async with Client(config_of(server, authorities=authority.pem)) as client:
                with pytest.raises(
                    TLSFailed, match=r"is refused: IP address mismatch.*Check certificate-authority, server and tls-server-name"
                ):
                    await client.request("GET", "/x")

    run(main())


def test_certificate_of_an_unknown_authority(run: Run, authority: Authority, tmp_path: Path) -> None:
    async def main() -> None:
        context = server_context(authority, "127.0.0.1", tmp_path=tmp_path)
        async with FaultServer(ok, context) as server, Client(config_of(server, authorities=Authority().pem)) as client:
            with pytest.raises(TLSFailed, match="is refused: "):
                await client.request("GET", "/x")

    run(main())


def test_tls_with_a_server_that_speaks_none(run: Run, authority: Authority) -> None:
    async def main() -> None:
        async with FaultServer(ok) as server:
            config = connection._connection(server.url.replace("http:", "https:"), "test", "", source="test", authorities=authority.pem)
            async with Client(config) as client:
                with pytest.raises(ApiError) as caught:
                    await client.request("GET", "/x", timeout=2)
                assert isinstance(caught.value, Unreachable | Timeout)

    run(main())


# Proxies


class Proxy:
    """An HTTP proxy that knows CONNECT only."""

    def __init__(self, status: int = 200) -> None:
        self.heads: list[bytes] = []
        self._status = status

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        writer.write(f"HTTP/1.1 {self._status} X\r\n\r\n".encode())
        if self._status == 200:
            host, _, port = head.split(b" ")[1].decode().rpartition(":")
            upstream_reader, upstream_writer = await asyncio.open_connection(host, int(port))
            await asyncio.gather(self._copy(reader, upstream_writer), self._copy(upstream_reader, writer), return_exceptions=True)
        writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()


@pytest.mark.parametrize("tls", [True, False])
def test_proxy(run: Run, authority: Authority, tmp_path: Path, tls: bool) -> None:
    async def main() -> None:
        context = server_context(authority, "127.0.0.1", tmp_path=tmp_path) if tls else None
        proxy = Proxy()
        listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        address = f"http://me:p%40ss@127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        async with FaultServer(ok, context) as server:
            async with Client(config_of(server, authorities=authority.pem if tls else None, proxy=address)) as client:
                await client.request("GET", "/x")
                await client.request("GET", "/x")
            assert server.connections == 1
            (head,) = proxy.heads
            assert head.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n".encode())
            assert b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in head
        listening.close()

    run(main())


def test_proxy_that_refuses(run: Run) -> None:
    async def main() -> None:
        proxy = Proxy(403)
        listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        async with FaultServer(ok) as server, Client(config_of(server, proxy=address)) as client:
            with pytest.raises(Unreachable, match="the proxy refuses with HTTP 403"):
                await client.request("GET", "/x")
        listening.close()

    run(main())
