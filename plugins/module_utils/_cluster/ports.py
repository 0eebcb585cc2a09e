# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TCP ports: free ones are chosen once and kept.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack

from .._errors import SimError

# Below the range from which kernels take the ports of outgoing connections (Linux: 32768 and up; IANA: 49152 and up), so that a
# stopped cluster still finds its ports free when it starts again.
HIGHEST_PORT = 32767
LOWEST_PORT = 20000

CONNECT_SECONDS = 2.0
"""To connect to somebody who may not be there."""


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen on ``host``:``port`` now."""
    return bind_problem(host, port) is None


def bind_problem(host: str, port: int) -> str | None:
    """Why no server can listen on ``host``:``port`` now; ``None`` if one can."""
    try:
        with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return "is taken by another program"
        if error.errno == errno.EADDRNOTAVAIL:
            return f"cannot be used: this host has no address {host}"
        return f"cannot be used: {error.strerror}"
    return None


def is_known(host: str) -> bool:
    """Whether a name or an address can be turned into an address here."""
    try:
        return bool(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except OSError:
        return False


def is_loopback(host: str) -> bool:
    """Whether a name or an address is one of this host's loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listens(host: str, port: int) -> bool:
    """Whether somebody takes connections at ``host``:``port`` now."""
    try:
        with socket.create_connection((host, port), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False


def choose(wanted: Mapping[str, str], taken: Iterable[int], seed: str) -> dict[str, int]:
    """A free port for each name.

    Args:
        wanted: Name of the port to the address on which it will be listened.
        taken: Ports not to choose though they are free: those of clusters that are stopped.
        seed: Where in the range to begin. Different clusters give different ones, so that two that are made at once, each before
            the other listens, hardly ever choose the same port, and neither do those of two users.

    Raises:
        SimError: There are not enough free ports.
    """
    chosen: dict[str, int] = {}
    avoided = set(taken)
    count = HIGHEST_PORT - LOWEST_PORT + 1
    first = int.from_bytes(hashlib.sha256(seed.encode("utf-8", "surrogateescape")).digest()) % count
    every = (LOWEST_PORT + (first + offset) % count for offset in range(count))
    candidates = (port for port in every if port not in avoided)
    with ExitStack() as held:
        for name, host in wanted.items():
            found = next((port for port in candidates if _hold(host, port, held)), None)
            if found is None:
                raise SimError(
                    f"no free port from {LOWEST_PORT} to {HIGHEST_PORT} on {host}", remedy="Give the ports by the options that end in _port"
                )
            chosen[name] = found
    return chosen


def _hold(host: str, port: int, held: ExitStack) -> bool:
    """Whether a port is free; if so, it is held until the choice is complete, so that a run at the same time chooses another."""
    probe = socket.socket(_family(host), socket.SOCK_STREAM)
    try:
        probe.bind((host, port))
    except OSError:
        probe.close()
        return False
    held.enter_context(probe)
    return True


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
