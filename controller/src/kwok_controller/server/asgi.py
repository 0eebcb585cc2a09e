# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""As much of ASGI as the controller's servers need: routes, requests and whole answers. A handler that streams calls `send` itself."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI 3 application: https://asgi.readthedocs.io/en/latest/specs/main.html."""

TLS_EXTENSION = "kwok.tls"
"""In a scope's `extensions` where the peer speaks TLS: ``{"ssl_object": the `ssl.SSLObject` of the connection}``."""

TEXT = "text/plain; charset=utf-8"

METHODS = ("GET", "HEAD")


class Routes:
    """An application made of others, each with a path: ``/a`` is that path alone, ``/a/`` all that begin so; the longest one wins."""

    def __init__(self) -> None:
        self._routes: dict[str, tuple[Application, tuple[str, ...]]] = {}

    def add(self, path: str, application: Application, methods: tuple[str, ...] = METHODS) -> None:
        """Let `application` answer requests for `path` with one of `methods`; with another one the answer is 405.

        Raises:
            ValueError: the path is taken.
        """
        if path in self._routes:
            raise ValueError(f"{path} is routed already")
        self._routes[path] = (application, methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        found = self._find(scope["path"])
        if found is None:
            await respond_not_found(send)
            return
        application, methods = found
        if scope["method"] not in methods:
            await respond(send, 405, b"405: Method Not Allowed", headers=[(b"allow", ",".join(methods).encode())])
            return
        await application(scope, receive, send)

    def _find(self, path: str) -> tuple[Application, tuple[str, ...]] | None:
        if found := self._routes.get(path):
            return found
        begin = path
        while begin := begin.rpartition("/")[0]:
            if found := self._routes.get(f"{begin}/"):
                return found
        return self._routes.get("/")


def header(scope: Scope, name: bytes) -> str:
    """The values of the header `name` (lower case), joined by commas as RFC 9110, 5.2 has it; "" where there is none."""
    return ", ".join(value.decode("latin-1") for each, value in scope["headers"] if each == name)


def query(scope: Scope) -> dict[str, list[str]]:
    """The parameters of the query; those without a value have an empty one."""
    return parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)


async def respond(
    send: Send, status: int, body: bytes, *, content_type: str = TEXT, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Send a whole answer. For HEAD, whoever carries it leaves the body out."""
    fields = [
        (b"content-type", content_type.encode("latin-1")),
        (b"content-length", b"%d" % len(body)),
        (b"date", _date(int(time.time()))),
        *(headers or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


async def respond_not_found(send: Send) -> None:
    """Send the answer for what is not there."""
    await respond(send, 404, b"404: Not Found")
