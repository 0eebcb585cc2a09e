# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kwok_controller.server.asgi import Application, Message, Receive, Routes, Scope, Send, header, query, respond


async def nothing() -> Message:
    return {"type": "http.disconnect"}


def ask(routes: Routes, path: str, method: str = "GET") -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    asyncio.run(routes(scope, nothing, send))
    return sent


def says(text: bytes) -> Application:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 200, text)

    return application


@pytest.fixture
def routes() -> Routes:
    routes = Routes()
    for path in ("/logs", "/logs/", "/logs/system/", "/run/"):
        routes.add(path, says(path.encode()))
    return routes


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/logs", b"/logs"),
        ("/logs/", b"/logs/"),
        ("/logs/a/b", b"/logs/"),
        ("/logs/system", b"/logs/"),
        ("/logs/system/x", b"/logs/system/"),
        ("/run/x", b"/run/"),
        ("/run", b"404: Not Found"),
        ("/logsx", b"404: Not Found"),
        ("/", b"404: Not Found"),
        ("", b"404: Not Found"),
    ],
)
def test_the_longest_path_answers(routes: Routes, path: str, found: bytes) -> None:
    assert ask(routes, path)[1]["body"] == found


def test_a_path_for_all_the_rest(routes: Routes) -> None:
    routes.add("/", says(b"rest"))
    assert [ask(routes, path)[1]["body"] for path in ("/", "/run", "/x/y", "/run/x")] == [b"rest", b"rest", b"rest", b"/run/"]


def test_a_path_has_its_methods(routes: Routes) -> None:
    routes.add("/exec/", says(b"exec"), methods=("GET", "POST"))
    assert ask(routes, "/exec/x", "POST")[0]["status"] == 200
    refused = ask(routes, "/exec/x", "DELETE")[0]
    assert (refused["status"], dict(refused["headers"])[b"allow"]) == (405, b"GET,POST")
    assert ask(routes, "/logs", "POST")[0]["status"] == 405


def test_a_path_is_routed_once(routes: Routes) -> None:
    with pytest.raises(ValueError, match="/logs is routed already"):
        routes.add("/logs", says(b"other"))


def test_what_a_request_says_is_read() -> None:
    scope: dict[str, Any] = {"headers": [(b"accept", b"a"), (b"host", b"x"), (b"accept", b"b;q=0.5")], "query_string": b"verbose&x=1&x=%20"}
    assert (header(scope, b"accept"), header(scope, b"none")) == ("a, b;q=0.5", "")
    assert query(scope) == {"verbose": [""], "x": ["1", " "]}
