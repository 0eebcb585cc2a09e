# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TCP ports: free ones are chosen once and kept.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack

from .._errors import SimError

# Below the range from which kernels take the ports of outgoing connections (Linux: 32768 and up; IANA: 49152 and up), so that a
# stopped cluster still finds its ports free when it starts again.
HIGHEST_PORT = 32767
LOWEST_PORT = 20000


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen on ``host``:``port`` now."""
    return bind_problem(host, port) is None


def bind_problem(host: str, port: int) -> str | None:
    """Why no server can listen on ``host``:``port`` now; ``None`` if one can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
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


def choose(wanted: Mapping[str, str], taken: Iterable[int]) -> dict[str, int]:
    """A free port for each name.

    Args:
        wanted: Name of the port to the address on which it will be listened.
        taken: Ports not to choose though they are free: those of clusters that are stopped.

    Raises:
        SimError: There are not enough free ports.
    """
    chosen: dict[str, int] = {}
    with ExitStack() as held:
        candidates = _candidates(set(taken), held)
        for name, host in wanted.items():
            chosen[name] = next(port for port in candidates if host == "127.0.0.1" or is_free(host, port))
    return chosen


def _candidates(taken: set[int], held: ExitStack) -> Iterator[int]:
    """Ports free on loopback, each held until the choice is complete so that none is given twice."""
    for port in range(HIGHEST_PORT, LOWEST_PORT - 1, -1):
        if port in taken:
            continue
        probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.close()
            continue
        yield port
    raise SimError(f"no free port from {LOWEST_PORT} to {HIGHEST_PORT}", remedy="Give the ports by the options that end in _port")
