# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import aiohttp
import pytest
import uvloop

from kwok_controller.server import connection, http, listener
from kwok_controller.server.asgi import TLS_EXTENSION, Receive, Scope, Send, respond
from kwok_controller.server.health import Check, ping
from kwok_controller.server.http import Server
from kwok_controller.server.listener import Certificate

MakeCertificate = Callable[[str], tuple[Path, Path]]

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on each of the event loops."""
    runner: Run = request.param
    return runner


def exposition(accept: str) -> tuple[bytes, str]:
    return f"# {accept}\n".encode(), "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def serving(
    *, ready: Check = ping, certificate: Certificate | None = None, expose: Callable[[str], tuple[bytes, str]] = exposition
) -> AsyncIterator[Server]:
    server = Server("127.0.0.1:0", live={"ping": ping}, ready={"ping": ping, "watches": ready}, exposition=expose, certificate=certificate)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def get(url: str, tls: ssl.SSLContext | bool = True, **headers: str) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers, whose names are in lower case."""
    async with aiohttp.ClientSession() as session, session.get(url, ssl=tls, headers=headers) as response:
        return response.status, await response.text(), {name.lower(): value for name, value in response.headers.items()}


def test_health_is_served(run: Run) -> None:
    async def main() -> None:
        async with serving(ready=lambda: "pods not listed yet") as server:
            base = f"http://127.0.0.1:{server.port}"
            status, text, headers = await get(f"{base}/healthz")
            assert (status, text) == (200, "ok")
            assert headers["server"].startswith("kwok-controller/")
            assert (headers["content-type"], headers["cache-control"]) == ("text/plain; charset=utf-8", "no-cache, private")
            assert headers["x-content-type-options"] == "nosniff"
            assert parsedate_to_datetime(headers["date"]).tzinfo is not None
            assert (await get(f"{base}/livez?verbose"))[:2] == (200, "[+]ping ok\nlivez check passed\n")
            status, text, _ = await get(f"{base}/readyz")
            assert status == 500
            assert "[-]watches failed: pods not listed yet" in text
            assert (await get(f"{base}/readyz?exclude=watches"))[0] == 200
            assert (await get(f"{base}/readyz/watches"))[0] == 500
            assert (await get(f"{base}/readyz/ping"))[0] == 200
            assert (await get(f"{base}/readyz/none"))[0] == 404
            assert (await get(f"{base}/readyz/"))[0] == 404
            assert (await get(f"{base}/none"))[:2] == (404, "404: Not Found")
            async with aiohttp.ClientSession() as session:
                async with session.post(f"{base}/healthz", data=b"x" * 1000) as response:
                    assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD")
                async with session.head(f"{base}/healthz") as response:
                    assert (response.status, response.headers["Content-Length"], await response.read()) == (200, "2", b"")

    run(main())


def test_metrics_are_served_as_the_scraper_prefers(run: Run) -> None:
    async def main() -> None:
        async with serving() as server:
            status, text, headers = await get(f"http://127.0.0.1:{server.port}/metrics", Accept="application/openmetrics-text")
            assert (status, text) == (200, "# application/openmetrics-text\n")
            assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"

    run(main())


def test_one_port_speaks_http_and_https(run: Run, make_certificate: MakeCertificate) -> None:
    async def main() -> None:
        files = make_certificate("server")
        async with serving(certificate=Certificate(*files)) as server:
            trust = ssl.create_default_context(cafile=str(files[0]))
            assert (await get(f"https://127.0.0.1:{server.port}/healthz", trust))[:2] == (200, "ok")
            assert (await get(f"http://127.0.0.1:{server.port}/healthz"))[:2] == (200, "ok")
            old = ssl.create_default_context(cafile=str(files[0]))
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            with pytest.raises(aiohttp.ClientConnectorError):
                await get(f"https://127.0.0.1:{server.port}/healthz", old)

    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        run(main())


def test_a_certificate_that_changes_is_served(run: Run, make_certificate: MakeCertificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "RELOAD_INTERVAL", 0.0)

    async def main() -> None:
        files = make_certificate("first")
        async with serving(certificate=Certificate(*files)) as server:
            make_certificate("second")
            trust = ssl.create_default_context(cafile=str(files[0]))
            assert (await get(f"https://127.0.0.1:{server.port}/healthz", trust))[0] == 200

    run(main())


async def ends(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(5):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize(
    "sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"\x16\x03\x01"], ids=["nothing", "half headers", "half hello"]
)
def test_a_peer_that_never_finishes_its_request_is_disconnected(
    run: Run, make_certificate: MakeCertificate, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(listener, "FIRST_BYTE_TIMEOUT", 0.2)
    monkeypatch.setattr(listener, "HANDSHAKE_TIMEOUT", 0.2)
    monkeypatch.setattr(connection, "IDLE_TIMEOUT", 0.2)

    async def main() -> None:
        async with serving(certificate=Certificate(*make_certificate("server"))) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent)
            await ends(reader)
            writer.close()
            assert (await get(f"http://127.0.0.1:{server.port}/healthz"))[0] == 200

    run(main())


@pytest.mark.parametrize(
    "head",
    [b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"],
    ids=["headers", "body"],
)
def test_a_peer_that_sends_its_request_drop_by_drop_has_no_more_time_than_others(
    run: Run, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr(connection, "IDLE_TIMEOUT", 0.4)

    async def main() -> None:
        async with serving() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(head)
            closed = asyncio.create_task(ends(reader))
            begin = asyncio.get_running_loop().time()
            while not closed.done() and asyncio.get_running_loop().time() - begin < 5:
                writer.write(b"y")
                await asyncio.sleep(0.05)
            assert asyncio.get_running_loop().time() - begin < 3
            await closed
            writer.close()

    run(main())


def test_a_connection_that_is_idle_after_an_answer_is_closed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_TIMEOUT", 0.3)

    async def main() -> None:
        async with serving() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await ends(reader)).endswith(b"\r\n\r\nok")
            writer.close()

    run(main())


class _Recorded(asyncio.Transport):
    """A transport that notes each write."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.writes: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("method", "status", "body"), [("GET", 200, b"x" * 100_000), ("HEAD", 200, b"xyz"), ("GET", 404, b"")])
def test_an_answer_is_written_at_once(run: Run, method: str, status: int, body: bytes) -> None:
    async def application(_scope: Scope, _receive: Receive, send: Send) -> None:
        await respond(send, status, body)

    async def main() -> None:
        transport, protocol = _Recorded(), connection.Connections(application, [])()
        protocol.connection_made(transport)
        for _ in range(2):
            protocol.data_received(f"{method} / HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await asyncio.sleep(0.01)
        first, second = transport.writes
        assert first.startswith(f"HTTP/1.1 {status} ".encode())
        assert first.endswith(b"\r\n\r\n" + (b"" if method == "HEAD" else body))
        assert second.endswith(b"\r\n\r\n" + (b"" if method == "HEAD" else body))
        protocol.connection_lost(None)

    run(main())


def test_requests_follow_each_other_on_one_connection(run: Run) -> None:
    request_ = b"GET /healthz?verbose HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"

    async def main() -> None:
        async with serving() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            for _ in range(3):
                writer.write(request_)
                await reader.readuntil(b"healthz check passed\n")
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            first, second = (await ends(reader)).split(b"HTTP/1.1 ")[1:]
            assert first.startswith(b"200 OK\r\n")
            assert second.startswith(b"404 Not Found\r\n")
            writer.close()

    run(main())


def test_a_peer_that_asks_on_without_awaiting_answers_is_disconnected(run: Run) -> None:
    async def main() -> None:
        async with serving() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
            assert (await ends(reader)).count(b"HTTP/1.1 200 OK") <= connection.MAX_PIPELINED + 1
            writer.close()

    run(main())


def test_an_application_may_wait_as_often_as_it_likes_also_for_what_fails(run: Run) -> None:
    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        waited: list[str | None] = []
        for begin in (asyncio.sleep(0, "nothing"), asyncio.sleep(0.01, "a while"), asyncio.wait_for(asyncio.sleep(60), 0.01)):
            try:
                waited.append(await begin)
            except TimeoutError:
                waited.append("too long")
        message = await receive()
        await respond(send, 200, f"{', '.join(map(str, waited))}, {message['body'].decode()}".encode())

    async def main() -> None:
        async with serving() as server:
            server.routes.add("/patient", patient, methods=("POST",))
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"POST /patient HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody")
            assert (await ends(reader)).endswith(b"nothing, a while, too long, body")
            writer.close()

    run(main())


def test_requests_in_one_piece_leave_others_their_turn(run: Run) -> None:
    async def main() -> None:
        async with serving() as server:
            others: list[int] = []
            answered: list[int] = []

            async def counted(scope: Scope, receive: Receive, send: Send) -> None:
                answered.append(len(others))
                await respond(send, 200, b"counted")

            async def other() -> None:
                while True:
                    others.append(0)
                    await asyncio.sleep(0)

            server.routes.add("/counted", counted)
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            ticking = asyncio.create_task(other())
            writer.write(b"GET /counted HTTP/1.1\r\nHost: x\r\n\r\n" * 12)
            for _ in range(12):
                await reader.readuntil(b"counted")
            ticking.cancel()
            together = [answered.count(turn) for turn in set(answered)]
            assert len(answered) == 12
            assert max(together) <= connection.MAX_AT_ONCE
            writer.close()

    run(main())


def test_an_application_of_its_own_can_stream_and_knows_of_tls(run: Run, make_certificate: MakeCertificate) -> None:
    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        extensions = scope.get("extensions", {})
        version = extensions[TLS_EXTENSION]["ssl_object"].version() if TLS_EXTENSION in extensions else "none"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        for _ in range(100):
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        await send({"type": "http.response.body", "body": version.encode()})

    async def main() -> None:
        files = make_certificate("server")
        async with serving(certificate=Certificate(*files)) as server:
            server.routes.add("/stream", stream)
            trust = ssl.create_default_context(cafile=str(files[0]))
            assert (await get(f"https://127.0.0.1:{server.port}/stream", trust))[1].strip("x") == "TLSv1.3"
            assert (await get(f"http://127.0.0.1:{server.port}/stream"))[1].strip("x") == "none"

    run(main())


def test_a_peer_that_does_not_read_its_answer_is_disconnected_and_stalls_nobody(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SEND_TIMEOUT", 0.3)
    large = b"x" * (32 << 20)

    async def main() -> None:
        async with serving(expose=lambda accept: (large, "text/plain")) as server:
            with socket.create_connection(("127.0.0.1", server.port)) as slow:
                slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                assert (await get(f"http://127.0.0.1:{server.port}/healthz"))[0] == 200
                await asyncio.sleep(0.6)
                slow.settimeout(5)

                def read_all() -> int:
                    received = 0
                    try:
                        while chunk := slow.recv(1 << 20):
                            received += len(chunk)
                    except ConnectionResetError:
                        pass
                    return received

                assert await asyncio.to_thread(read_all) < len(large)

    run(main())


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 1_000_000,
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"y" * 1_000_000,
        b"GET //[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00\x01\x02\x03 nonsense\r\n\r\n",
    ],
    ids=["long header", "long path", "many headers", "endless header", "long body", "no path", "no resource", "no proxy", "nonsense"],
)
def test_a_request_beyond_all_bounds_is_refused(run: Run, request_: bytes) -> None:
    async def main() -> None:
        async with serving() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(request_)
            answer = await ends(reader)
            assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
            writer.close()
            assert (await get(f"http://127.0.0.1:{server.port}/healthz"))[0] == 200

    run(main())


def test_one_connection_too_many_ends_the_one_that_is_idle_the_longest(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_CONNECTIONS", 3)

    async def main() -> None:
        async with serving() as server:
            peers = []
            for _ in range(3):
                peers.append(await asyncio.open_connection("127.0.0.1", server.port))
                await asyncio.sleep(0.05)
            # The first one is used, so the second one is idle for longer.
            peers[0][1].write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in await peers[0][0].readline()
            await asyncio.sleep(0.05)
            assert (await get(f"http://127.0.0.1:{server.port}/healthz"))[0] == 200
            async with asyncio.timeout(5):
                assert await peers[1][0].read() == b""
            for place in (0, 2):
                peers[place][1].write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                async with asyncio.timeout(5):
                    assert b"200 OK" in await peers[place][0].read()
            for _, writer in peers:
                writer.close()

    run(main())


def test_connections_that_all_wait_for_their_answers_are_bounded_in_number(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_CONNECTIONS", 2)

    async def main() -> None:
        async with serving() as server:
            answer = asyncio.Event()

            async def slow(scope: Scope, receive: Receive, send: Send) -> None:
                await answer.wait()
                await respond(send, 200, b"late")

            server.routes.add("/slow", slow)
            url = f"http://127.0.0.1:{server.port}"
            waiting = [asyncio.create_task(get(f"{url}/slow")) for _ in range(2)]
            await asyncio.sleep(0.3)
            with pytest.raises(aiohttp.ClientError):
                await get(f"{url}/healthz")
            answer.set()
            assert [await each for each in waiting] == [(200, "late", ANY)] * 2
            assert (await get(f"{url}/healthz"))[0] == 200

    run(main())


def test_stopping_waits_for_requests_but_not_for_idle_connections(run: Run) -> None:
    async def main() -> None:
        async with serving() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"\r\n\r\nok")
            begin = asyncio.get_running_loop().time()
            await server.stop()
            assert asyncio.get_running_loop().time() - begin < 1
            assert await ends(reader) == b""
            writer.close()
            with pytest.raises(OSError):
                await asyncio.open_connection("127.0.0.1", server.port)

    run(main())


@pytest.mark.parametrize("needs", [0.3, 60.0], ids=["in time", "too long"])
def test_stopping_waits_for_an_answer_but_not_for_ever(run: Run, monkeypatch: pytest.MonkeyPatch, needs: float) -> None:
    monkeypatch.setattr(http, "STOP_TIMEOUT", 1.0)

    async def main() -> None:
        async with serving() as server:
            begun = asyncio.Event()

            async def slow(scope: Scope, receive: Receive, send: Send) -> None:
                begun.set()
                await asyncio.sleep(needs)
                await respond(send, 200, b"at last")

            server.routes.add("/slow", slow)
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await begun.wait()
            begin = asyncio.get_running_loop().time()
            await server.stop()
            assert asyncio.get_running_loop().time() - begin < 3
            answer = await ends(reader)
            assert answer.endswith(b"at last") == (needs < 1)
            writer.close()

    run(main())
