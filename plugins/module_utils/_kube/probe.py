# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is it ready? Asks a component's own readiness endpoint.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import functools
import http.client
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from .._cluster.component import Endpoint

ATTEMPT_TIMEOUT_S = 5.0
"""Longest time for one attempt: an apiserver that starts on a busy machine can take seconds to answer."""


def ready(endpoint: Endpoint, timeout_s: float = ATTEMPT_TIMEOUT_S) -> tuple[bool, str]:
    """Ask once.

    Any status from 200 to 399 means ready, as for the kubelet's probes; and as there, an HTTPS server is not verified where the
    endpoint names no authority.

    Args:
        timeout_s: For each step: connecting, the TLS handshake, and the answer.

    Returns:
        Whether it is ready; what it said, or why it could not be asked.
    """
    connection: http.client.HTTPConnection
    try:
        if endpoint.scheme == "https":
            connection = http.client.HTTPSConnection(endpoint.host, endpoint.port, timeout=timeout_s, context=_context(endpoint))
        else:
            connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=timeout_s)
    except OSError as error:
        return False, f"the probe's certificates cannot be used: {error.strerror or error}"
    try:
        connection.request("GET", endpoint.path, headers={"Connection": "close", "User-Agent": "kwok.sim"})
        response = connection.getresponse()
        if 200 <= response.status < 400:
            return True, f"answers {response.status}"
        # One read and no more: an endpoint that goes on sending must not hold the run.
        body = response.read1(65536).decode(errors="replace")
        return False, f"answers {response.status}{_explanation(body)}"
    except TimeoutError:
        return False, f"does not answer within {timeout_s:g} s"
    except ConnectionRefusedError:
        return False, "does not listen yet"
    except ssl.SSLCertVerificationError as error:
        return False, f"presents a certificate that does not verify with {endpoint.ca_file}: {error.verify_message}"
    except ssl.SSLError as error:
        return False, f"refuses the TLS connection: {error.reason or error}"
    except OSError as error:
        return False, f"cannot be reached: {error.strerror or error}"
    except (http.client.HTTPException, ValueError) as error:
        return False, f"does not speak HTTP: {type(error).__name__}"
    finally:
        connection.close()


def wait_ready(
    endpoint: Endpoint,
    *,
    timeout_s: float,
    interval_s: float = 0.05,
    alive: Callable[[], str | None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[bool, str]:
    """Ask until it is ready, its process has ended, or the time is over; at least once.

    Args:
        interval_s: Seconds between the end of one attempt and the next.
        alive: Returns why the process is gone, or ``None`` while it runs. Asked after each attempt in vain.

    Returns:
        Whether it is ready; the reason of the last attempt, or ``alive``'s.
    """
    deadline = clock() + timeout_s
    while True:
        remaining = deadline - clock()
        done, reason = ready(endpoint, min(ATTEMPT_TIMEOUT_S, max(remaining, interval_s)))
        if done:
            return True, reason
        death = alive()
        if death is not None:
            return False, death
        if clock() + interval_s >= deadline:
            return False, reason
        sleep(interval_s)


def _explanation(body: str) -> str:
    """What a health endpoint of Kubernetes says is missing; else its first line."""
    failed = [line[3:].split(" ", 1)[0] for line in body.splitlines() if line.startswith("[-]")]
    if failed:
        return f": waits for {', '.join(failed)}"
    line = body.strip().split("\n", 1)[0].strip()
    return f": {line[:200]}" if line else ""


def _context(endpoint: Endpoint) -> ssl.SSLContext:
    files = tuple(_version(path) for path in (endpoint.ca_file, endpoint.cert_file, endpoint.key_file))
    return _cached_context(endpoint.ca_file, endpoint.cert_file, endpoint.key_file, files)


def _version(path: str | None) -> int:
    """Changes when the file does, so that a renewed certificate is read again."""
    return Path(path).stat().st_mtime_ns if path else 0


@functools.lru_cache(maxsize=32)
def _cached_context(ca_file: str | None, cert_file: str | None, key_file: str | None, _files: tuple[int, ...]) -> ssl.SSLContext:
    if ca_file:
        context = ssl.create_default_context(cafile=ca_file)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert_file:
        context.load_cert_chain(cert_file, key_file)
    return context
