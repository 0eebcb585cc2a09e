# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A network between the controller and what answers it, with the faults of networks; it knows nothing of what the bytes mean."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import TracebackType
from typing import Final, Self

PART: Final = 1024
"""Bytes that are passed on at a time where there is little bandwidth."""


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
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = 0
        self._silencing = 0
        self._cutting: list[float] = []
        self._delays: list[float] = []
        self._bandwidths: list[float] = []
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
            directions = [
                asyncio.ensure_future(self._pass_on(reader, upstream, answers=False)),
                asyncio.ensure_future(self._pass_on(upstream_reader, writer, answers=True)),
            ]
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
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
                    end.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        while data := await reader.read(65536):
            if self._delays:
                await asyncio.sleep(max(self._delays) * (0.5 + self._random.random()))
            await self._flowing.wait()
            if answers and self._cutting and self._random.random() < max(self._cutting):
                writer.write(data[: len(data) // 2])
                raise ConnectionResetError("cut")
            while self._bandwidths and data:
                writer.write(data[:PART])
                await asyncio.sleep(len(data[:PART]) / min(self._bandwidths))
                data = data[PART:]
            writer.write(data)
            await writer.drain()


@contextmanager
def _during(active: list[float], value: float) -> Iterator[None]:
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
