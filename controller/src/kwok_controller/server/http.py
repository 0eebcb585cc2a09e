# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The controller's own HTTP server: /healthz, /livez, /readyz and /metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from kwok_controller import __version__
from kwok_controller.server.asgi import Application, Receive, Routes, Scope, Send, header, query, respond, respond_not_found
from kwok_controller.server.connection import Connections
from kwok_controller.server.health import Check, judge
from kwok_controller.server.listener import Certificate, Listener, listen
from kwok_controller.telemetry.logs import get_logger

log = get_logger(__name__)

Exposition = Callable[[str], tuple[bytes, str]]
"""From an Accept header to a document and its content type (`Metrics.exposition`)."""

MAX_CONNECTIONS = 2000
"""At once. One more ends the one that has been idle the longest: a scraper may keep one for each node."""

STOP_TIMEOUT = 2.0

_SERVER = f"kwok-controller/{__version__}".encode()
_HEADERS = [(b"cache-control", b"no-cache, private"), (b"x-content-type-options", b"nosniff")]


class Server:
    """Serves health and metrics; more can be added to `routes`.

    Attributes:
        routes: what is served.
        application: takes all requests; `routes`, unless something is put in front of it before the server is started.
    """

    def __init__(
        self,
        address: str,
        *,
        live: Mapping[str, Check],
        ready: Mapping[str, Check],
        exposition: Exposition,
        certificate: Certificate | None,
        max_connections: int | None = None,
    ) -> None:
        """`live` decides /livez and /healthz, `ready` decides /readyz. With a `certificate` the port speaks HTTPS as well as HTTP."""
        self.routes = Routes()
        self.application: Application = self.routes
        self._max_connections = max_connections if max_connections is not None else MAX_CONNECTIONS
        self._address = address
        self._exposition = exposition
        self._certificate = certificate
        self._connections: Connections | None = None
        self._listener: Listener | None = None
        for name, checks in (("healthz", live), ("livez", live), ("readyz", ready)):
            self._add_health(name, checks)
        self.routes.add("/metrics", self._metrics)

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
        client_ca_file: str = "",
        max_connections: int | None = None,
    ) -> Server:
        """A server whose certificate is read from files; with empty names it has none, and asks clients for none.

        Raises:
            CertificateError: the files are of no use.
        """
        client_ca = Path(client_ca_file) if client_ca_file else None
        certificate = Certificate(Path(certificate_file), Path(key_file), client_ca=client_ca) if certificate_file and key_file else None
        return cls(address, live=live, ready=ready, exposition=exposition, certificate=certificate, max_connections=max_connections)

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
        connections = Connections(self.application, [(b"server", _SERVER)])

        def full() -> bool:
            return len(connections) + listener.opening >= self._max_connections and not connections.make_room()

        listener = Listener(sockets, connections, self._certificate, full=full)
        listener.start()
        self._connections, self._listener = connections, listener
        log.info("Serving health and metrics", address=self._address, port=listener.port, https=self._certificate is not None)

    async def stop(self) -> None:
        """Close the port, let requests end for a moment, then close their connections."""
        if self._listener is not None and self._connections is not None:
            await self._listener.stop()
            await self._connections.close(STOP_TIMEOUT)

    def _add_health(self, name: str, checks: Mapping[str, Check]) -> None:
        async def answer(scope: Scope, send: Send, checks: Mapping[str, Check], exclude: list[str]) -> None:
            verdict = judge(name, checks, verbose="verbose" in query(scope), exclude=exclude)
            await respond(send, 200 if verdict.healthy else 500, verdict.text.encode(), headers=_HEADERS)

        async def every(scope: Scope, _receive: Receive, send: Send) -> None:
            await answer(scope, send, checks, query(scope).get("exclude", []))

        async def one(scope: Scope, _receive: Receive, send: Send) -> None:
            check = scope["path"].removeprefix(f"/{name}/")
            if check in checks:
                await answer(scope, send, {check: checks[check]}, [])
            else:
                await respond_not_found(send)

        self.routes.add(f"/{name}", every)
        self.routes.add(f"/{name}/", one)

    async def _metrics(self, scope: Scope, _receive: Receive, send: Send) -> None:
        body, content_type = self._exposition(header(scope, b"accept"))
        await respond(send, 200, body, content_type=content_type)
