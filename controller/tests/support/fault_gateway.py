# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Stands in for the apiserver: passes requests on to the real one, and answers some of them as an apiserver in trouble does."""

from __future__ import annotations

import asyncio
import base64
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Final, NamedTuple, Self

import aiohttp
import orjson
import yaml
from authority import Authority
from fault_network import reset
from fault_server import FaultServer, Reply, Request
from sim_cluster import Cluster
from yarl import URL

from kwok_controller.kube import connection

REASONS: Final = {401: "Unauthorized", 410: "Expired", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}

PASSED_ON: Final = ("accept", "authorization", "content-type", "user-agent")

MAX_LINE: Final = 4 * 1024 * 1024
"""Bytes of one event of a watch."""

EXPIRED: Final = {
    "type": "ERROR",
    "object": {"kind": "Status", "apiVersion": "v1", "code": 410, "reason": "Expired", "message": "too old resource version"},
}


class Refusal(NamedTuple):
    """Such a share of all requests is answered with this status."""

    status: int
    share: float


@dataclass(eq=False)
class Stream:
    """A watch that is open.

    Attributes:
        over: Set when nothing more is to be passed on.
        silent: Nothing is passed on from now on.
    """

    reply: Reply
    over: asyncio.Event = field(default_factory=asyncio.Event)
    silent: bool = False


class Gateway:
    """Listens while its context lasts, with a certificate of its own.

    Args:
        cluster: Whose apiserver it stands in for.
        random: Decides what the faults leave to chance.

    Attributes:
        expired: Tokens that are answered with 401.
        faulted: How many requests and streams were disturbed.
    """

    def __init__(self, cluster: Cluster, random: Random) -> None:
        self._base = cluster.server
        self._random = random
        self._upstream_tls = ssl.create_default_context(cadata=(connection.load(cluster.kubeconfig).authorities or b"").decode())
        self._authority = Authority()
        self._streams: set[Stream] = set()
        self._refusals: list[Refusal] = []
        self._losses: list[float] = []
        self._expiring = 0
        self.expired: set[str] = set()
        self.faulted = 0

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"".join(self._authority.issue("127.0.0.1")))
            file.flush()
            context.load_cert_chain(file.name)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._upstream_tls, limit=0),
            timeout=aiohttp.ClientTimeout(),
            # What comes is passed on as it is: it is to be what the controller asked for.
            auto_decompress=False,
            skip_auto_headers=["Accept-Encoding"],
            read_bufsize=MAX_LINE,
        )
        self._server = await FaultServer(self._handle, tls=context).__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        await self._server.__aexit__(kind, error, traceback)
        await self._session.close()

    @property
    def port(self) -> int:
        return self._server.port

    def kubeconfig(self, port: int, token_file: Path) -> str:
        """For who comes by `port`, with the token in a file."""
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "faults",
                "contexts": [{"name": "faults", "context": {"cluster": "faults", "user": "faults"}}],
                "clusters": [
                    {
                        "name": "faults",
                        "cluster": {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": _base64(self._authority.pem)},
                    }
                ],
                "users": [{"name": "faults", "user": {"tokenFile": str(token_file)}}],
            }
        )

    # The faults; those with a context last as long as it does.

    @contextmanager
    def refusing(self, status: int, share: float) -> Iterator[None]:
        """Such a share of the requests is answered with this status."""
        refusal = Refusal(status, share)
        self._refusals.append(refusal)
        try:
            yield
        finally:
            self._refusals.remove(refusal)

    @contextmanager
    def losing(self, share: float) -> Iterator[None]:
        """Such a share of the requests is carried out, and the connection reset in place of an answer."""
        self._losses.append(share)
        try:
            yield
        finally:
            self._losses.remove(share)

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Watches end in 410, and so do those that begin at some version."""
        self._expiring += 1
        try:
            for stream in self._touched():
                stream.reply.writer.write(_chunk(EXPIRED))
                stream.over.set()
            yield
        finally:
            self._expiring -= 1

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Watches that are open bring nothing more; in the end they break."""
        streams = self.silence()
        try:
            yield
        finally:
            for stream in streams:
                _break(stream.reply)
                stream.over.set()

    def silence(self) -> list[Stream]:
        """Watches that are open bring nothing more, and do not end either."""
        streams = self._touched()
        for stream in streams:
            stream.silent = True
        return streams

    def watches(self) -> int:
        """How many are open and bring what there is."""
        return sum(not stream.silent for stream in self._streams)

    def end_watches(self) -> None:
        """Watches end in good order."""
        for stream in self._touched():
            stream.over.set()

    def _touched(self) -> list[Stream]:
        streams = [stream for stream in self._streams if not stream.silent]
        self.faulted += len(streams)
        return streams

    # One request.

    async def _handle(self, request: Request, reply: Reply) -> None:
        try:
            if (status := self._refused(request)) is None:
                await self._pass_on(request, reply)
            else:
                self.faulted += 1
                await reply.status(status, REASONS[status], f"injected {status}", {"Retry-After": "1"} if status == 429 else None)
        except (aiohttp.ClientError, OSError):
            _break(reply)

    def _refused(self, request: Request) -> int | None:
        if "".join(request.headers.get("authorization", [])).removeprefix("Bearer ") in self.expired:
            return 401
        if self._expiring and request.params.get("watch") == "true" and request.params.get("resourceVersion"):
            return 410
        return next((refusal.status for refusal in self._refusals if self._random.random() < refusal.share), None)

    async def _pass_on(self, request: Request, reply: Reply) -> None:
        headers = [(name, value) for name in PASSED_ON for value in request.headers.get(name, ())]
        url = URL(self._base + request.target, encoded=True)
        async with self._session.request(request.method, url, data=request.body or None, headers=headers, allow_redirects=False) as answer:
            if request.params.get("watch") == "true" and answer.status == 200:
                await self._follow(answer, reply)
                return
            body = await answer.read()
            if self._losses and self._random.random() < max(self._losses):
                self.faulted += 1
                _break(reply)
                return
            kept = {name: value for name, value in answer.headers.items() if name.lower() in ("content-type", "retry-after")}
            await reply.whole(answer.status, body, kept)

    async def _follow(self, answer: aiohttp.ClientResponse, reply: Reply) -> None:
        stream = Stream(reply)
        await reply.begin()
        self._streams.add(stream)
        passing = asyncio.ensure_future(self._pass_lines(answer, stream))
        over = asyncio.ensure_future(stream.over.wait())
        try:
            await asyncio.wait({passing, over}, return_when=asyncio.FIRST_COMPLETED)
            if passing.done():
                passing.result()
            if not reply.closed:
                await reply.end()
        finally:
            self._streams.discard(stream)
            for task in (passing, over):
                task.cancel()
            await asyncio.gather(passing, over, return_exceptions=True)

    async def _pass_lines(self, answer: aiohttp.ClientResponse, stream: Stream) -> None:
        try:
            async for line in answer.content:
                if stream.silent:
                    break
                await stream.reply.chunk(line)
        except aiohttp.ClientError:
            if not stream.silent:
                raise
        if stream.silent:
            # Not even that it has ended is told.
            await asyncio.Event().wait()


def _break(reply: Reply) -> None:
    """Reset the connection, if there still is one."""
    reply.closed = True
    reset(reply.writer)


def _chunk(event: object) -> bytes:
    line = orjson.dumps(event) + b"\n"
    return b"%x\r\n%b\r\n" % (len(line), line)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
