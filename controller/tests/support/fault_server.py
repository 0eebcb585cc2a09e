# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A server on loopback that answers just what a test says, correct or not."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from kwok_controller.kube import connection
from kwok_controller.kube.client import Client


@dataclass
class Request:
    """What was asked.

    Attributes:
        connection: Number of the connection, from 0.
        headers: By name in small letters; values of repeated ones in a list.
    """

    connection: int
    method: str
    target: str
    headers: dict[str, list[str]]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass
class Reply:
    """How to answer one request."""

    writer: asyncio.StreamWriter
    closed: bool = False

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def whole(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        """An answer with a length; ``body`` is bytes, or becomes JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
        await self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    async def status(self, code: int, reason: str, message: str = "no", headers: Mapping[str, str] | None = None) -> None:
        """A Status object."""
        await self.whole(code, {"kind": "Status", "code": code, "reason": reason, "message": message}, headers)

    async def begin(self) -> None:
        """The head of an answer in chunks."""
        await self.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    async def chunk(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def events(self, *events: Mapping[str, Any]) -> None:
        """Events of a watch, in one chunk."""
        await self.chunk(b"".join(json.dumps(event).encode() + b"\n" for event in events))

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    def reset(self) -> None:
        """Break the connection, as a crash does."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self.closed = True
        self.writer.close()


Handler = Callable[[Request, Reply], Awaitable[None]]


@dataclass
class FaultServer:
    """Listens while its context lasts.

    Attributes:
        handle: Answers a request; when it returns, the next one of the connection is read.
        tls: To speak TLS.
        requests: What was asked so far.
        connections: How many were made so far.
        open: How many are open.
        port: Where it listens; 0 is any.
    """

    handle: Handler
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    port: int = 0

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def client(self, **options: Any) -> Client:
        """Without credentials."""
        return Client(connection.load(master=self.url), **options)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        number, self.connections, self.open = self.connections, self.connections + 1, self.open + 1
        try:
            while (request := await _read(reader, number)) is not None:
                self.requests.append(request)
                reply = Reply(writer)
                await self._answer(request, reply, reader)
                if reply.closed or reader.at_eof():
                    break
        except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, request: Request, reply: Reply, reader: asyncio.StreamReader) -> None:
        """Until the handler is done, or the client gone."""
        answering = asyncio.ensure_future(self.handle(request, reply))
        try:
            while not answering.done() and not reader.at_eof() and reader.exception() is None:
                await asyncio.wait([answering], timeout=0.01)
            if answering.done():
                await answering
        finally:
            answering.cancel()


async def _read(reader: asyncio.StreamReader, number: int) -> Request | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers.setdefault(name.lower(), []).append(value)
    body = await reader.readexactly(int(headers.get("content-length", ["0"])[0]))
    return Request(number, method, target, headers, body)
