# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""One port for HTTP and HTTPS: the first byte of a connection tells which it is, as in the Go kwok."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from kwok_controller.telemetry.logs import get_logger

log = get_logger(__name__)

# RFC 8446, 5.1: the type of a record with a handshake, which every TLS connection begins with. No HTTP method does.
_TLS_HANDSHAKE = 0x16

FIRST_BYTE_TIMEOUT = 5.0
HANDSHAKE_TIMEOUT = 10.0
RELOAD_INTERVAL = 1.0
BACKLOG = 1024

ProtocolFactory = Callable[[], asyncio.Protocol]


class AddressError(ValueError):
    """An address that nothing can listen on."""


class CertificateError(ValueError):
    """A certificate or key that cannot be used."""


def parse_address(address: str) -> tuple[str, int]:
    """``host:port``, ``:port`` (all interfaces) or ``[::1]:port`` as host and port.

    Raises:
        AddressError: `address` is none of them.
    """
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535 or (":" in host and not bracketed):
        raise AddressError(f"{address!r} is no address to listen on: give HOST:PORT, :PORT or [IPV6]:PORT with a port of 0 to 65535")
    return (host[1:-1] if bracketed else host), int(port)


def listen(address: str) -> list[socket.socket]:
    """Listening sockets for `address`: one for each address that its host has.

    Raises:
        AddressError: it is malformed, unknown, taken or not of this machine.
    """
    host, port = parse_address(address)
    sockets: list[socket.socket] = []
    try:
        if host == "" and socket.has_dualstack_ipv6():
            sockets.append(socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG))
        else:
            infos = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, place in dict.fromkeys((info[0], info[4]) for info in infos):
                # With port 0 the addresses of one name share the port that the first one got.
                shared = (place[0], sockets[0].getsockname()[1], *place[2:]) if sockets and not port else place
                sockets.append(socket.create_server(shared, family=family, backlog=BACKLOG))
    except OSError as err:
        for sock in sockets:
            sock.close()
        raise AddressError(f"cannot listen on {address}: {err.strerror or err}") from err
    for sock in sockets:
        sock.setblocking(False)
    return sockets


class Certificate:
    """A server's certificate and key in files. New ones are taken when the files change; broken ones are reported and left."""

    def __init__(self, certificate: Path, key: Path, *, client_ca: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Read both.

        With `client_ca`, a file of certificates, clients are asked for a certificate: without one they are let in all the same, with one
        that is not signed by these they are not.

        Raises:
            CertificateError: they cannot be read, or do not belong together.
        """
        self._files = (certificate, key) if client_ca is None else (certificate, key, client_ca)
        self._clock = clock
        self._checked = clock()
        self._stamp = self._read_stamp()
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """What to begin a connection with, now."""
        now = self._clock()
        if now - self._checked >= RELOAD_INTERVAL:
            self._checked = now
            stamp = self._read_stamp()
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._context = self._load()
                    log.info("Took the changed certificate", file=str(self._files[0]))
                except CertificateError as err:
                    log.error("The changed certificate is of no use; going on with the one before", err=err)
        return self._context

    def _read_stamp(self) -> tuple[object, ...]:
        stamp: list[object] = []
        for file in self._files:
            try:
                stat = file.stat()
            except OSError as err:
                stamp.append(err.errno)
            else:
                stamp.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
        return tuple(stamp)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        certificate, key, *client_ca = self._files
        try:
            # A password callback, as OpenSSL would else ask on the terminal for that of an encrypted key.
            context.load_cert_chain(certificate, key, password=lambda: "")
        except (OSError, ValueError) as err:
            for file in self._files:
                try:
                    file.open("rb").close()
                except OSError as unread:
                    raise CertificateError(f"cannot read {file}: {unread.strerror}") from unread
            reason = err.reason if isinstance(err, ssl.SSLError) and err.reason else str(err)
            raise CertificateError(f"{certificate} and {key} are no PEM certificate with its unencrypted private key: {reason}") from err
        for file in client_ca:
            try:
                context.load_verify_locations(file)
            except OSError as err:
                # An SSLError is one, too, and has a number that says nothing.
                raise CertificateError(f"{file} has no certificates of an authority for clients: {err.strerror or err}") from err
            context.verify_mode = ssl.CERT_OPTIONAL
        return context


class Listener:
    """Accepts connections and hands each to a protocol."""

    def __init__(
        self, sockets: list[socket.socket], factory: ProtocolFactory, certificate: Certificate | None, *, full: Callable[[], bool]
    ) -> None:
        """While `full` says so, new connections are closed at once."""
        self._sockets = sockets
        self._factory = factory
        self._certificate = certificate
        self._full = full
        self._accepting: list[asyncio.Task[None]] = []
        self._opening: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port of the first socket."""
        return int(self._sockets[0].getsockname()[1])

    @property
    def opening(self) -> int:
        """Connections that are not handed over yet."""
        return len(self._opening)

    def start(self) -> None:
        """Begin to accept."""
        self._accepting = [asyncio.create_task(self._accept(sock)) for sock in self._sockets]

    async def stop(self) -> None:
        """Accept no more, and close the sockets and what has not become a connection yet."""
        tasks = [*self._accepting, *self._opening]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for sock in self._sockets:
            sock.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _peer = await loop.sock_accept(listening)
            except OSError as err:
                # Out of file descriptors, or the peer is gone: neither ends the server.
                log.warning("Could not accept a connection", err=err)
                await asyncio.sleep(0.1)
                continue
            if self._full():
                sock.close()
                continue
            task = asyncio.create_task(self._connect(sock))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _connect(self, sock: socket.socket) -> None:
        """Find out what the peer speaks and hand it over. Whatever goes wrong is the end of this connection only."""
        try:
            sock.setblocking(False)
            context = None
            if self._certificate is not None:
                async with asyncio.timeout(FIRST_BYTE_TIMEOUT):
                    if await _first_byte(sock) == _TLS_HANDSHAKE:
                        context = self._certificate.context()
            await asyncio.get_running_loop().connect_accepted_socket(
                self._factory, sock, ssl=context, ssl_handshake_timeout=HANDSHAKE_TIMEOUT if context is not None else None
            )
        except (OSError, TimeoutError) as err:
            log.debug("A connection ended before its first request", err=err)
            sock.close()
        except asyncio.CancelledError:
            sock.close()
            raise


async def _first_byte(sock: socket.socket) -> int:
    """The first byte that arrives; it stays to be read.

    Raises:
        ConnectionError: the peer has closed without one.
    """
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(sock, wake)
    try:
        await readable
    finally:
        loop.remove_reader(sock)
    data = sock.recv(1, socket.MSG_PEEK)
    if not data:
        raise ConnectionResetError("closed before the first byte")
    return data[0]
