# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The controller's own HTTP server: /healthz, /livez, /readyz and /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import web

from kwok_controller import __version__
from kwok_controller.server.health import Check, judge
from kwok_controller.server.listener import Certificate, Listener, listen
from kwok_controller.telemetry.logs import get_logger

log = get_logger(__name__)

Exposition = Callable[[str], tuple[bytes, str]]
"""From an Accept header to a document and its content type (`Metrics.exposition`)."""

MAX_CONNECTIONS = 1000
# How long a connection may be without a whole request, and how long a peer may take to read an answer, in seconds.
IDLE_TIMEOUT = 60.0
SEND_TIMEOUT = 30.0
STOP_TIMEOUT = 2.0
MAX_BODY = 64 * 1024

_HEADERS = {"Cache-Control": "no-cache, private", "X-Content-Type-Options": "nosniff"}


class Server:
    """Serves health and metrics; more routes can be added to `app` before it starts."""

    def __init__(
        self,
        address: str,
        *,
        live: Mapping[str, Check],
        ready: Mapping[str, Check],
        exposition: Exposition,
        certificate: Certificate | None,
    ) -> None:
        """`live` decides /livez and /healthz, `ready` decides /readyz. With a `certificate` the port speaks HTTPS as well as HTTP."""
        self.app = web.Application(middlewares=[_finish], client_max_size=MAX_BODY)
        self._address = address
        self._exposition = exposition
        self._certificate = certificate
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None
        for name, checks in (("healthz", live), ("livez", live), ("readyz", ready)):
            self._add_health(name, checks)
        self.app.router.add_get("/metrics", self._metrics)
        self.app.on_response_prepare.append(_name_server)

    @classmethod
    def with_files(
        cls,
        address: str,
        *,
        live: Mapping[str, Check],
        ready: Mapping[str, Check],
        exposition: Exposition,
        certificate_file: str,
        key_file: str,
    ) -> Server:
        """A server whose certificate is read from files; with empty names it has none.

        Raises:
            CertificateError: the files are of no use.
        """
        certificate = Certificate(Path(certificate_file), Path(key_file)) if certificate_file and key_file else None
        return cls(address, live=live, ready=ready, exposition=exposition, certificate=certificate)

    @property
    def port(self) -> int:
        """The port that it listens on.

        Raises:
            RuntimeError: it has not been started.
        """
        if self._listener is None:
            raise RuntimeError("the server has not been started")
        return self._listener.port

    async def start(self) -> None:
        """Listen.

        Raises:
            AddressError: nothing can listen on the address.
        """
        sockets = listen(self._address)
        runner = web.AppRunner(
            self.app, access_log=None, handle_signals=False, keepalive_timeout=IDLE_TIMEOUT, lingering_time=1.0, max_line_size=8190
        )
        await runner.setup()
        server = runner.server
        assert server is not None  # setup() makes it
        listener = Listener(sockets, server, self._certificate, full=lambda: len(server.connections) + listener.opening >= MAX_CONNECTIONS)
        listener.start()
        self._runner, self._listener = runner, listener
        log.info("Serving health and metrics", address=self._address, port=listener.port, https=self._certificate is not None)

    async def stop(self) -> None:
        """Close the port, let requests end for a moment, then close their connections."""
        if self._listener is not None and self._runner is not None:
            await self._listener.stop()
            server = self._runner.server
            if server is not None:
                server.pre_shutdown()
                await server.shutdown(STOP_TIMEOUT)
            await self._runner.cleanup()

    def _add_health(self, name: str, checks: Mapping[str, Check]) -> None:
        async def every(request: web.Request) -> web.Response:
            verdict = judge(name, checks, verbose="verbose" in request.query, exclude=request.query.getall("exclude", ()))
            return web.Response(text=verdict.text, status=200 if verdict.healthy else 500, headers=_HEADERS)

        async def one(request: web.Request) -> web.Response:
            check = request.match_info["check"]
            if check not in checks:
                raise web.HTTPNotFound
            verdict = judge(name, {check: checks[check]}, verbose="verbose" in request.query)
            return web.Response(text=verdict.text, status=200 if verdict.healthy else 500, headers=_HEADERS)

        self.app.router.add_get(f"/{name}", every)
        self.app.router.add_get(f"/{name}/{{check}}", one)

    async def _metrics(self, request: web.Request) -> web.Response:
        body, content_type = self._exposition(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})


@web.middleware
async def _finish(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """Send whole answers within a bound of time: one who does not read is disconnected. Handlers that stream do so themselves."""
    response = await handler(request)
    if isinstance(response, web.Response) and not response.prepared:
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("the peer did not read the answer") from None
    return response


async def _name_server(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = f"kwok-controller/{__version__}"
