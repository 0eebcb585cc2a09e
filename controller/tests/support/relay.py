# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A network between a client and the apiserver that can be cut."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from sim_cluster import Cluster

from kwok_controller.kube import connection
from kwok_controller.kube.client import Client


class Relay:
    """Passes bytes on, to and fro, until it is cut; mended, it takes new connections.

    Attributes:
        connections: How many are open.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._kubeconfig = cluster.kubeconfig
        server = urlsplit(cluster.server)
        self._host, self._port = server.hostname, server.port
        self._tasks: set[asyncio.Task[None]] = set()
        self._whole = True

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        return len(self._tasks)

    def client(self) -> Client:
        """The administrator's, through this network."""
        port = self._server.sockets[0].getsockname()[1]
        return Client(connection.load(self._kubeconfig, master=f"https://127.0.0.1:{port}"))

    def cut(self) -> None:
        """Every connection breaks, and new ones do, too."""
        self._whole = False
        for task in self._tasks:
            task.cancel()

    def mend(self) -> None:
        """New connections work again."""
        self._whole = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        if not self._whole:
            writer.transport.abort()
            return
        self._tasks.add(task)
        upstream: asyncio.StreamWriter | None = None
        try:
            upstream_reader, upstream = await asyncio.open_connection(self._host, self._port)
            directions = [asyncio.ensure_future(_copy(reader, upstream)), asyncio.ensure_future(_copy(upstream_reader, writer))]
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for direction in directions:
                    direction.cancel()
                await asyncio.gather(*directions, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in (writer, upstream):
                if end is not None:
                    end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
