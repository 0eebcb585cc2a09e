# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""HTTP/1.1 to one server: kept-alive connections, bounded in number, with as little work per request as can be.

Written for this one use: with 64 requests in flight over TLS, aiohttp 3.14 took 270 to 480 µs of CPU per request (on an idle and a busy
host with 2 cores), this 110 to 200 µs. Messages are parsed by llhttp, Node.js's parser, through ``httptools``.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from typing import Any, cast
from urllib.parse import SplitResult, unquote, urlsplit

import httptools
import msgspec

from kwok_controller.kube.credentials import basic
from kwok_controller.kube.errors import Timeout, TLSFailed, Unreachable

IDLE_S = 60.0
"""A connection that was not used for so long is not used again: Kubernetes' servers close theirs after 90 s."""

CONNECT_TIMEOUT_S = 10.0

STREAM_BUFFER = 4 * 1024 * 1024
"""Bytes of a stream that are held for a reader who does not keep up; beyond, nothing is read from the socket."""

READ_SIZE = 64 * 1024
"""Bytes that are read at once."""

MAX_BODY = 512 * 1024 * 1024
"""Bytes of one answer; a larger one is refused."""


class Endpoint(msgspec.Struct, frozen=True):
    """Where the server is.

    Attributes:
        host: A name or address, without brackets.
        port: Its port.
        tls: Whether it speaks TLS.
        server_name: The name that its certificate must have.
        proxy: An HTTP proxy to go through.
    """

    host: str
    port: int
    tls: bool
    server_name: str
    proxy: str | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


class Response(msgspec.Struct):
    """A whole answer."""

    status: int
    body: bytes
    retry_after: str | None


class Broken(Unreachable):
    """A kept-alive connection turned out to be closed: no byte of an answer came."""


class Pool:
    """Connections to one server. Not safe for use from several event loops.

    Args:
        endpoint: The server.
        tls: How to speak TLS with it; ``None`` for plain HTTP.
        limit: Connections for requests. Streams have theirs beside these.
    """

    def __init__(self, endpoint: Endpoint, tls: ssl.SSLContext | None, *, limit: int) -> None:
        self.endpoint = endpoint
        self._tls = tls
        self._limit = limit
        self._count = 0
        self._idle: list[_Connection] = []
        self._all: set[_Connection] = set()
        self._waiting: deque[asyncio.Future[_Connection | None]] = deque()
        self._closed = False
        # One for all connections: what is read into it is parsed before anything else is read. Without it, there would be a new one of
        # 256 KiB for each piece that comes.
        self.buffer = memoryview(bytearray(READ_SIZE))

    def renew(self, tls: ssl.SSLContext | None) -> None:
        """Use other credentials from now on: what is idle is closed, what is under way ends as it began."""
        self._tls = tls
        for connection in self._all:
            connection.outdated = True
        for connection in tuple(self._idle):
            connection.abort()

    async def request(self, message: bytes, timeout: float, *, repeatable: bool) -> Response:
        """Send a whole request and wait for the whole answer.

        Args:
            message: Head and body.
            timeout: Seconds for all of it: a free connection, connecting, the answer.
            repeatable: Whether it may be sent once more where a kept-alive connection turns out to be closed.

        Raises:
            Unreachable: There is no connection, or it broke. TLSFailed is one of them.
            Timeout: Time ran out. The server may have carried the request out.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + timeout
        while True:
            connection = self._take_idle(loop) or await self._obtain(loop, ends)
            try:
                # One that was handed over may have been closed on the way.
                if connection.usable:
                    return cast(Response, await connection.exchange(message, ends - loop.time()))
            except Broken:
                if not repeatable or connection.fresh:
                    raise
            finally:
                self._give_back(connection, loop)

    async def stream(self, message: bytes, timeout: float) -> Stream:
        """Send a request whose answer goes on for long, over a connection of its own.

        Args:
            message: Head and body.
            timeout: Seconds until the head of the answer is there.

        Raises:
            Unreachable, Timeout: As for `request`.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + timeout
        connection = await self._connect(loop, ends)
        try:
            status, retry_after = await connection.open_stream(message, ends - loop.time())
        except BaseException:
            connection.abort()
            raise
        return Stream(connection, status, retry_after)

    async def close(self) -> None:
        """Close every connection, with whatever is under way."""
        self._closed = True
        connections = tuple(self._all)
        for connection in connections:
            connection.abort()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(Unreachable("the client is closed"))
        self._waiting.clear()
        if connections:
            # The sockets are closed in the next round of the loop.
            await asyncio.wait([connection.lost for connection in connections], timeout=CONNECT_TIMEOUT_S)

    def _take_idle(self, loop: asyncio.AbstractEventLoop) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and loop.time() - connection.idle_since < IDLE_S:
                connection.fresh = False
                return connection
            connection.abort()
            self._count -= 1
        return None

    async def _obtain(self, loop: asyncio.AbstractEventLoop, ends: float) -> _Connection:
        if self._count >= self._limit:
            waiting: asyncio.Future[_Connection | None] = loop.create_future()
            self._waiting.append(waiting)
            timer = loop.call_at(ends, _expire, waiting, f"no connection to {self.endpoint} became free in time")
            try:
                connection = await waiting
            except asyncio.CancelledError:
                if waiting.done() and not waiting.cancelled() and not waiting.exception():
                    self._pass_on(waiting.result())
                raise
            finally:
                timer.cancel()
            if connection is not None:
                connection.fresh = False
                return connection
        else:
            self._count += 1
        try:
            return await self._connect(loop, ends)
        except BaseException:
            self._pass_on(None)
            raise

    def _give_back(self, connection: _Connection, loop: asyncio.AbstractEventLoop) -> None:
        if connection.usable and not connection.outdated and not self._closed:
            connection.idle_since = loop.time()
            self._pass_on(connection)
        else:
            connection.abort()
            self._pass_on(None)

    def _pass_on(self, connection: _Connection | None) -> None:
        """Give a connection, or the right to open one, to who waits the longest."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(connection)
                return
        if connection is None:
            self._count -= 1
        else:
            self._idle.append(connection)

    def forget(self, connection: _Connection) -> None:
        """A connection is closed."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
            self._count -= 1

    async def _connect(self, loop: asyncio.AbstractEventLoop, ends: float) -> _Connection:
        if self._closed:
            raise Unreachable("the client is closed")
        endpoint = self.endpoint
        try:
            async with asyncio.timeout(min(CONNECT_TIMEOUT_S, ends - loop.time())):
                connection = await (self._through_proxy(loop) if endpoint.proxy else self._directly(loop))
        except TimeoutError as error:
            raise Timeout(f"{endpoint} does not answer: connecting took too long") from error
        except ssl.SSLCertVerificationError as error:
            raise TLSFailed(
                f"the certificate of {endpoint} is refused: {error.verify_message}. Check certificate-authority, server and "
                "tls-server-name in the kubeconfig"
            ) from error
        except ssl.SSLError as error:
            raise TLSFailed(
                f"TLS with {endpoint} failed: {error.reason or error}. Check that the server's port is one that speaks TLS"
            ) from error
        except OSError as error:
            raise Unreachable(f"{endpoint} cannot be reached: {error.strerror or error}") from error
        self._all.add(connection)
        return connection

    async def _directly(self, loop: asyncio.AbstractEventLoop) -> _Connection:
        endpoint = self.endpoint
        transport, connection = await loop.create_connection(
            lambda: _Connection(self, loop),
            endpoint.host,
            endpoint.port,
            ssl=self._tls,
            server_hostname=endpoint.server_name if self._tls else None,
        )
        _keep_alive(transport)
        return connection

    async def _through_proxy(self, loop: asyncio.AbstractEventLoop) -> _Connection:
        endpoint = self.endpoint
        proxy = urlsplit(endpoint.proxy or "")
        transport, tunnel = await loop.create_connection(lambda: _Connection(self, loop), proxy.hostname or "", proxy.port or 80)
        _keep_alive(transport)
        try:
            await tunnel.connect_tunnel(_connect_message(endpoint, proxy))
            if not self._tls:
                return tunnel
            connection = _Connection(self, loop)
            secured = await loop.start_tls(transport, connection, self._tls, server_hostname=endpoint.server_name)
            if secured is None:
                raise ConnectionResetError("the proxy closed the connection")
            connection.connection_made(secured)
        except BaseException:
            tunnel.abort()
            raise
        return connection


class Stream:
    """An answer that goes on.

    Attributes:
        status: The HTTP status.
        retry_after: The header, if any.
    """

    def __init__(self, connection: _Connection, status: int, retry_after: str | None) -> None:
        self._connection = connection
        self.status = status
        self.retry_after = retry_after

    async def read(self, timeout: float) -> bytes:
        """What has come since, at least one byte; ``b""`` at the regular end.

        Raises:
            Timeout: Nothing came for ``timeout`` seconds.
            Unreachable: The connection broke.
        """
        return await self._connection.read(timeout)

    async def read_all(self, timeout: float) -> bytes:
        """What is left, for answers that turn out to be errors."""
        parts = []
        while part := await self.read(timeout):
            parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        """Close the connection."""
        self._connection.abort()


class _Connection(asyncio.BufferedProtocol):
    """One connection, on which one exchange at a time takes place."""

    # fmt: off
    __slots__ = (
        "_answer", "_began", "_body", "_ended", "_error", "_framed", "_headers_done", "_loop", "_parser", "_paused", "_pool", "_reader",
        "_retry_after", "_size", "_status", "_streaming", "_transport", "_tunnel", "fresh", "idle_since", "lost", "outdated", "usable",
    )
    # fmt: on

    def __init__(self, pool: Pool, loop: asyncio.AbstractEventLoop) -> None:
        self._pool = pool
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser: Any = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Any] | None = None
        self._reader: asyncio.Future[None] | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._status = 0
        self._retry_after: str | None = None
        self._began = False
        self._framed = False
        self._headers_done = False
        self._streaming = False
        self._tunnel = False
        self._paused = False
        self._ended = False
        self._error: BaseException | None = None
        self.fresh = True
        self.idle_since = 0.0
        self.outdated = False
        self.usable = False
        self.lost: asyncio.Future[None] = loop.create_future()

    # Exchanges

    async def open_stream(self, message: bytes, timeout: float) -> tuple[int, str | None]:
        self._streaming = True
        await self.exchange(message, timeout)
        return self._status, self._retry_after

    async def connect_tunnel(self, message: bytes) -> None:
        self._tunnel = True
        await self.exchange(message, CONNECT_TIMEOUT_S)
        if self._status != 200:
            raise OSError(f"the proxy refuses with HTTP {self._status}")
        self._tunnel = False
        self._parser = httptools.HttpResponseParser(self)

    async def exchange(self, message: bytes, timeout: float) -> Any:
        transport = self._transport
        if transport is None:
            raise Broken(f"{self._pool.endpoint} closed the connection")
        answer = self._answer = self._loop.create_future()
        self._began = False
        timer = self._loop.call_later(timeout, self._expire, answer, "did not answer within", timeout)
        transport.write(message)
        try:
            return await answer
        except BaseException:
            # Cancelled, out of time or broken: whatever still comes belongs to nobody.
            self.abort()
            raise
        finally:
            timer.cancel()
            self._answer = None

    async def read(self, timeout: float) -> bytes:
        if not self._body and not self._ended:
            if self._error:
                raise self._error
            reader = self._reader = self._loop.create_future()
            timer = self._loop.call_later(timeout, self._expire, reader, "sent nothing for", timeout)
            try:
                await reader
            finally:
                timer.cancel()
                self._reader = None
        if not self._body:
            return b""
        chunk = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        self._size = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return chunk

    def _expire(self, future: asyncio.Future[Any], what: str, seconds: float) -> None:
        # The text is made only where it is needed: a timer is set for every request.
        _expire(future, f"{self._pool.endpoint} {what} {seconds:.0f} s")

    def abort(self) -> None:
        """Close at once."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.usable = True

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._pool.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._began = True
        try:
            self._parser.feed_data(self._pool.buffer[:nbytes])
        except httptools.HttpParserUpgrade:
            # What follows the head of the answer to CONNECT is the server's; nothing can be there before the first request.
            return
        except httptools.HttpParserError as error:
            self._fail(Unreachable(f"{self._pool.endpoint} does not speak HTTP: {error}"))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        if not self.lost.done():
            self.lost.set_result(None)
        self._pool.forget(self)
        if self._headers_done and not self._framed and exc is None:
            self.on_message_complete()
        problem = f"{self._pool.endpoint} closed the connection" if exc is None else f"the connection to {self._pool.endpoint} broke: {exc}"
        self._fail(Unreachable(problem) if self._began else Broken(problem))
        self._transport = None

    def _fail(self, error: BaseException) -> None:
        self._error = error
        self.usable = False
        for future in (self._answer, self._reader):
            if future is not None and not future.done():
                future.set_exception(error)
        if self._transport is not None:
            self._transport.abort()

    # httptools

    def on_message_begin(self) -> None:
        self._retry_after = None
        self._framed = self._headers_done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        size = len(name)
        if size == 14 or size == 17:
            if name.lower() in (b"content-length", b"transfer-encoding"):
                self._framed = True
        elif size == 11 and name.lower() == b"retry-after":
            self._retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            return
        self._status = status
        self._headers_done = True
        if (self._streaming or self._tunnel) and self._answer is not None and not self._answer.done():
            self._answer.set_result(None)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._size += len(body)
        if self._streaming:
            if self._size > STREAM_BUFFER and not self._paused and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()
            if self._reader is not None and not self._reader.done():
                self._reader.set_result(None)
        elif self._size > MAX_BODY:
            self._fail(Unreachable(f"the answer of {self._pool.endpoint} is larger than {MAX_BODY} bytes"))

    def on_message_complete(self) -> None:
        if not self._headers_done:
            return
        self._headers_done = False
        if self._streaming:
            self._ended = True
            if self._reader is not None and not self._reader.done():
                self._reader.set_result(None)
            return
        if self._tunnel:
            return
        if not self._framed or not self._parser.should_keep_alive():
            self.usable = False
        body = self._body
        whole = body[0] if len(body) == 1 else b"".join(body)
        body.clear()
        self._size = 0
        if self._answer is None or self._answer.done():
            # Nobody asked.
            self.usable = False
        else:
            self._answer.set_result(Response(self._status, whole, self._retry_after))


def _expire(future: asyncio.Future[Any], problem: str) -> None:
    if not future.done():
        future.set_exception(Timeout(problem))


def _connect_message(endpoint: Endpoint, proxy: SplitResult) -> bytes:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    authority = f"{host}:{endpoint.port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.username is not None:
        lines.append(f"Proxy-Authorization: {basic(unquote(proxy.username), unquote(proxy.password or ''))}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _keep_alive(transport: asyncio.BaseTransport) -> None:
    """A peer that is gone without a word is noticed within about 45 s."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
            # macOS and Windows lack some of them.
            if hasattr(socket, option):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
