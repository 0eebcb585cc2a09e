# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What the faults of the network do to connections, seen from both ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fault_actors import seeded
from fault_network import Network

LATE_S = 0.3
"""How late it is told that a connection is closed."""

QUIET_S = 0.1
"""What has not come after so long does not come."""


@dataclass
class Echo:
    """Sends back what comes.

    Attributes:
        sizes: Of what was read at a time.
        closed: Set when a connection has ended.
    """

    sizes: list[int] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while data := await reader.read(65536):
                self.sizes.append(len(data))
                writer.write(data)
        finally:
            self.closed.set()
            writer.close()


@dataclass
class Ends:
    """A network, and what is at its ends."""

    network: Network
    echo: Echo

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Another connection, which works."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.network.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        return reader, writer


def between(test: Callable[[Ends], Awaitable[None]]) -> None:
    """Runs a test, within a time."""

    async def run() -> None:
        async with asyncio.timeout(20), _ends() as ends:
            await test(ends)

    asyncio.run(run())


@asynccontextmanager
async def _ends() -> AsyncIterator[Ends]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    try:
        async with Network(server.sockets[0].getsockname()[1], seeded(1, "network")) as network:
            yield Ends(network, echo)
    finally:
        server.close()


def test_slices_come_one_by_one_and_nothing_is_lost() -> None:
    async def slices(ends: Ends) -> None:
        reader, writer = await ends.connect()
        sent = bytes(range(250)) * 2
        with ends.network.slicing(25):
            writer.write(sent)
            assert await reader.readexactly(len(sent)) == sent
        assert len(ends.echo.sizes) > 5
        ends.echo.sizes.clear()
        writer.write(sent)
        assert await reader.readexactly(len(sent)) == sent
        assert ends.echo.sizes == [len(sent)]

    between(slices)


def test_a_connection_is_closed_after_so_many_bytes_of_answers() -> None:
    async def limit(ends: Ends) -> None:
        reader, writer = await ends.connect()
        with ends.network.limiting(1500):
            writer.write(b"a" * 1000)
            assert await reader.readexactly(1000) == b"a" * 1000
            writer.write(b"b" * 1000)
            assert await reader.read() == b"b" * 500
        await ends.connect()

    between(limit)


def test_what_stands_still_is_closed_in_the_end() -> None:
    async def time_out(ends: Ends) -> None:
        reader, writer = await ends.connect()
        with ends.network.timing_out():
            writer.write(b"lost")
            _, later = await asyncio.open_connection("127.0.0.1", ends.network.port)
            later.write(b"lost, too")
            await asyncio.sleep(QUIET_S)
            assert not reader.at_eof()
            assert ends.echo.sizes == [5]
        assert await reader.read() == b""
        await ends.echo.closed.wait()
        await ends.connect()

    between(time_out)


def test_that_a_connection_is_closed_is_told_late() -> None:
    async def close_late(ends: Ends) -> None:
        reader, _ = await ends.connect()
        began = time.monotonic()
        with ends.network.closing_late(LATE_S):
            await ends.echo.closed.wait()
            assert time.monotonic() - began < LATE_S
            assert await reader.read() == b""
        assert time.monotonic() - began >= LATE_S
        await ends.connect()

    between(close_late)
