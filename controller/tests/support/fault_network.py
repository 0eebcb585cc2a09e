# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A network between the controller and what answers it, with the faults of networks; it knows nothing of what the bytes mean.

Each toxic of toxiproxy 2 has its like: latency with jitter is `delaying`, bandwidth `narrow`, slow_close `closing_late`, timeout
`timing_out`, reset_peer `resetting`, slicer `slicing`, limit_data `limiting`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import TracebackType
from typing import Final, Self, TypeVar

T = TypeVar("T")

PART: Final = 1024
"""Bytes that are passed on at a time where there is little bandwidth."""

PAUSE_S: Final = 0.005
"""Between two slices."""


class Network:
    """Passes bytes on, to and fro, as well as its present faults let it.

    Args:
        port: On loopback, of what answers.
        random: Decides what the faults leave to chance.
    """

    def __init__(self, port: int, random: Random) -> None:
        self._target = port
        self._random = random
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self._upstreams: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = 0
        self._silencing = 0
        self._cutting: list[float] = []
        self._delays: list[float] = []
        self._bandwidths: list[float] = []
        self._slices: list[int] = []
        self._limits: list[int] = []
        self._closings: list[float] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # The faults; each lasts as long as its context.

    @contextmanager
    def resetting(self) -> Iterator[None]:
        """Every connection is reset, and new ones are."""
        self._refusing += 1
        for writer in tuple(self._open):
            reset(writer)
        try:
            yield
        finally:
            self._refusing -= 1

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Nothing moves. Connections that are made meanwhile are never heard of again, until who made them gives up."""
        self._silencing += 1
        self._flowing.clear()
        try:
            yield
        finally:
            self._silencing -= 1
            if not self._silencing:
                self._flowing.set()

    @contextmanager
    def timing_out(self) -> Iterator[None]:
        """Nothing moves, and in the end every connection is closed."""
        with self.silent():
            try:
                yield
            finally:
                for writer in tuple(self._open):
                    writer.close()

    @contextmanager
    def delaying(self, seconds: float) -> Iterator[None]:
        """What is sent arrives about so many seconds late."""
        with _during(self._delays, seconds):
            yield

    @contextmanager
    def narrow(self, rate: float) -> Iterator[None]:
        """Each connection passes on so many bytes a second in each direction."""
        with _during(self._bandwidths, rate):
            yield

    @contextmanager
    def slicing(self, size: int) -> Iterator[None]:
        """What is sent arrives in pieces of about so many bytes, with pauses between."""
        with _during(self._slices, size):
            yield

    @contextmanager
    def limiting(self, count: int) -> Iterator[None]:
        """Of what is answered so many bytes come on each connection, and then it is closed, as if that were all."""
        with _during(self._limits, count):
            yield

    @contextmanager
    def closing_late(self, seconds: float) -> Iterator[None]:
        """What answers closes every connection. Whoever closes one meanwhile, the other end learns of it so many seconds later."""
        with _during(self._closings, seconds):
            for upstream in tuple(self._upstreams):
                upstream.close()
            yield

    @contextmanager
    def cutting(self, share: float) -> Iterator[None]:
        """Of what is answered such a share comes by half, and then the connection is reset."""
        with _during(self._cutting, share):
            yield

    # One connection.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        if self._refusing:
            reset(writer)
            return
        self._tasks.add(task)
        self._open.add(writer)
        upstream: asyncio.StreamWriter | None = None
        try:
            if self._silencing:
                while await reader.read(65536):
                    pass
                return
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._target)
            self._upstreams.add(upstream)
            directions = [
                asyncio.ensure_future(self._pass_on(reader, upstream, answers=False)),
                asyncio.ensure_future(self._pass_on(upstream_reader, writer, answers=True)),
            ]
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
                if self._closings:
                    await asyncio.sleep(max(self._closings))
            finally:
                for direction in directions:
                    direction.cancel()
                ends = await asyncio.gather(*directions, return_exceptions=True)
            if any(isinstance(end, Exception) for end in ends):
                reset(writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self._open.discard(writer)
            for end in (writer, upstream):
                if end is not None:
                    self._upstreams.discard(end)
                    end.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        left: int | None = None
        while data := await reader.read(65536):
            if self._delays:
                await asyncio.sleep(max(self._delays) * (0.5 + self._random.random()))
            await self._flowing.wait()
            if answers and self._cutting and self._random.random() < max(self._cutting):
                writer.write(data[: len(data) // 2])
                raise ConnectionResetError("cut")
            if not (answers and self._limits):
                left = None
            else:
                left = (min(self._limits) if left is None else left) - len(data)
                if left <= 0:
                    writer.write(data[: len(data) + left])
                    await writer.drain()
                    return
            await self._write(writer, data)

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        """Write, at once or in pieces."""
        while data and (self._bandwidths or self._slices):
            size = self._random.randint(1, 2 * min(self._slices)) if self._slices else PART
            piece, data = data[:size], data[size:]
            writer.write(piece)
            await asyncio.sleep((len(piece) / min(self._bandwidths) if self._bandwidths else 0.0) + (PAUSE_S if self._slices else 0.0))
        writer.write(data)
        await writer.drain()


@contextmanager
def _during(active: list[T], value: T) -> Iterator[None]:
    active.append(value)
    try:
        yield
    finally:
        active.remove(value)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST, as when its other end has crashed; one that is closed stays so."""
    if writer.is_closing():
        return
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
