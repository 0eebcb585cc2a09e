# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fault_server import FaultServer, Reply, Request

from kwok_controller.kube import errors
from kwok_controller.kube.client import APPLY_PATCH, MERGE_PATCH, METADATA_ONLY, Client
from kwok_controller.kube.connection import ConnectionConfig, Impersonation, load
from kwok_controller.kube.credentials import Credentials, FixedToken, TokenFile
from kwok_controller.kube.resources import LEASES, PODS


async def ok(request: Request, reply: Reply) -> None:
    await reply.whole(200, {"kind": "X"})


def client_of(server: FaultServer, credentials: Credentials | None = None, impersonation: Impersonation | None = None) -> Client:
    base = load(master=server.url)
    return Client(
        ConnectionConfig(base.server, base.source, base.endpoint, credentials=credentials or Credentials(), impersonation=impersonation)
    )


def test_what_is_sent() -> None:
    async def main() -> None:
        async with FaultServer(ok) as server, server.client() as client:
            body = b'{"a":1}'
            await client.patch(
                PODS, "n", "p", body, MERGE_PATCH, subresource="status", params={"force": True, "x": "a b&c"}, accept=METADATA_ONLY
            )
            await client.get(PODS, "n", "p")
            patch, get = server.requests
            assert (patch.method, patch.path) == ("PATCH", "/api/v1/namespaces/n/pods/p/status")
            assert patch.params == {"force": "true", "x": "a b&c"}
            assert patch.body == body
            assert {name: values for name, values in patch.headers.items() if name != "user-agent"} == {
                "host": [f"127.0.0.1:{server.port}"],
                "accept-encoding": ["identity"],
                "accept": [METADATA_ONLY],
                "content-type": [MERGE_PATCH],
                "content-length": ["7"],
            }
            assert patch.headers["user-agent"][0].startswith("kwok-controller/")
            assert (get.method, get.target, get.body) == ("GET", "/api/v1/namespaces/n/pods/p", b"")
            assert "content-length" not in get.headers
            assert get.headers["accept-encoding"] == ["identity"]

    asyncio.run(main())


def test_objects() -> None:
    async def main() -> None:
        async with FaultServer(ok) as server, server.client() as client:
            await client.create(PODS, "n", {"a": "é"})
            await client.create(PODS, "n", b"{}", name="p", subresource="eviction")
            await client.update(LEASES, "n", "l", {"b": 2}, impersonate="jane")
            await client.delete(PODS, "n", "p")
            await client.delete(PODS, "n", "p", grace_period_s=0, uid="u", resource_version="7", propagation="Background")
            sent = [(request.method, request.target, json.loads(request.body or b"null")) for request in server.requests]
            options = {
                "kind": "DeleteOptions",
                "apiVersion": "v1",
                "gracePeriodSeconds": 0,
                "propagationPolicy": "Background",
                "preconditions": {"uid": "u", "resourceVersion": "7"},
            }
            assert sent == [
                ("POST", "/api/v1/namespaces/n/pods", {"a": "é"}),
                ("POST", "/api/v1/namespaces/n/pods/p/eviction", {}),
                ("PUT", "/apis/coordination.k8s.io/v1/namespaces/n/leases/l", {"b": 2}),
                ("DELETE", "/api/v1/namespaces/n/pods/p", None),
                ("DELETE", "/api/v1/namespaces/n/pods/p", options),
            ]
            assert server.requests[2].headers["impersonate-user"] == ["jane"]
            assert "impersonate-user" not in server.requests[3].headers

    asyncio.run(main())


def test_list_in_pages() -> None:
    async def handle(request: Request, reply: Reply) -> None:
        start = int(request.params.get("continue", "0"))
        items = [{"metadata": {"name": f"p{number}"}} for number in range(start, start + 2)]
        await reply.whole(200, {"metadata": {"continue": str(start + 2)} if start < 4 else {}, "items": items})

    async def main() -> None:
        async with FaultServer(handle) as server, server.client() as client:
            found = [item async for item in client.list(PODS, "n", label_selector="a=b", field_selector="c=d", limit=2)]
            assert [item["metadata"]["name"] for item in found] == [f"p{number}" for number in range(6)]
            assert (found[0]["apiVersion"], found[0]["kind"]) == ("v1", "Pod")
            assert [request.params.get("continue") for request in server.requests] == [None, "2", "4"]
            assert all(
                (request.params["labelSelector"], request.params["fieldSelector"], request.params["limit"]) == ("a=b", "c=d", "2")
                for request in server.requests
            )

    asyncio.run(main())


@pytest.mark.parametrize("body", [b"nonsense", b"[]"])
def test_answer_that_is_no_object(body: bytes) -> None:
    async def handle(request: Request, reply: Reply) -> None:
        await reply.whole(200, body)

    async def main() -> None:
        async with FaultServer(handle) as server, server.client() as client:
            with pytest.raises(errors.ServerError, match="the answer is no"):
                await client.get(PODS, "n", "p")

    asyncio.run(main())


def test_errors_and_observer() -> None:
    seen: list[tuple[str, str, int, float]] = []

    async def handle(request: Request, reply: Reply) -> None:
        if request.method == "PUT":
            await reply.status(429, "TooManyRequests", "slow down", {"Retry-After": "3"})
        elif request.method == "DELETE":
            reply.reset()
        elif request.method == "POST":
            await reply.whole(302, b"", {"Location": "http://elsewhere/"})
        else:
            await reply.whole(200, {})

    async def main() -> None:
        def observe(verb: str, resource: str, status: int, seconds: float) -> None:
            seen.append((verb, resource, status, seconds))

        async with FaultServer(handle) as server, server.client(observer=observe) as client:
            with pytest.raises(errors.TooManyRequests) as caught:
                await client.update(PODS, "n", "p", {})
            assert str(caught.value) == "PUT /api/v1/namespaces/n/pods/p: slow down (HTTP 429 TooManyRequests)"
            assert caught.value.retry_after == 3.0
            with pytest.raises(errors.Unreachable):
                await client.delete(PODS, "n", "p")
            with pytest.raises(errors.ServerError, match="redirects"):
                await client.create(PODS, "n", {})
            await client.patch(PODS, "n", "p", {}, APPLY_PATCH)
            await client.list_page(PODS)
            (await client.stream("/x", verb="watch", resource="pods")).close()

    asyncio.run(main())
    assert [entry[:3] for entry in seen] == [
        ("update", "pods", 429),
        ("delete", "pods", 0),
        ("create", "pods", 302),
        ("apply", "pods", 200),
        ("list", "pods", 200),
        ("watch", "pods", 200),
    ]
    assert all(0 <= entry[3] < 5 for entry in seen)


def test_stream_that_is_refused() -> None:
    async def handle(request: Request, reply: Reply) -> None:
        await reply.status(410, "Expired", "too old")

    async def main() -> None:
        async with FaultServer(handle) as server, server.client() as client:
            with pytest.raises(errors.Gone, match="GET /x: too old"):
                await client.stream("/x")

    asyncio.run(main())


def test_base_path() -> None:
    async def main() -> None:
        async with FaultServer(ok) as server, Client(load(master=f"{server.url}/k8s/c-1/")) as client:
            await client.get(PODS, "n", "p")
            assert server.requests[0].path == "/k8s/c-1/api/v1/namespaces/n/pods/p"

    asyncio.run(main())


def test_impersonation() -> None:
    async def main() -> None:
        acting = Impersonation("jane", "7", ("a", "b"), (("x/y", ("v", "w")),))
        async with FaultServer(ok) as server, client_of(server, impersonation=acting) as client:
            await client.get(PODS, "n", "p")
            # Who is named for one request is this one whole: jane's groups are not theirs.
            await client.patch(PODS, "n", "p", b"{}", MERGE_PATCH, impersonate="system:serviceaccount:a:b")
            first, second = (
                {name: values for name, values in r.headers.items() if name.startswith("impersonate")} for r in server.requests
            )
            assert first == {
                "impersonate-user": ["jane"],
                "impersonate-uid": ["7"],
                "impersonate-group": ["a", "b"],
                "impersonate-extra-x%2fy": ["v", "w"],
            }
            assert second == {"impersonate-user": ["system:serviceaccount:a:b"]}

    asyncio.run(main())


@pytest.mark.parametrize("path", ["/x y", "/x\r\nHost: y", "/x\n", "/ä", "/\x00"])
def test_paths_that_would_break_out(path: str) -> None:
    async def main() -> None:
        async with FaultServer(ok) as server, server.client() as client:
            with pytest.raises(ValueError, match="is no escaped path"):
                await client.request("GET", path)
            assert server.requests == []

    asyncio.run(main())


def test_user_that_would_break_out() -> None:
    async def main() -> None:
        async with FaultServer(ok) as server, server.client() as client:
            with pytest.raises(ValueError, match="the value for the header Impersonate-User") as caught:
                await client.request("GET", "/x", impersonate="jane\r\nImpersonate-Group: system:masters")
            assert "jane" not in str(caught.value)
            assert server.requests == []

    asyncio.run(main())


# Credentials


class Rotating(Credentials):
    """Another token at each refresh; the last one stays."""

    description = "rotating tokens"

    def __init__(self, *tokens: str) -> None:
        super().__init__()
        self._tokens = list(tokens)
        self.refreshes = 0

    async def refresh(self) -> None:
        self.refreshes += 1
        await asyncio.sleep(0.01)
        await super().refresh()
        self.authorization = f"Bearer {self._tokens.pop(0) if len(self._tokens) > 1 else self._tokens[0]}"


async def only_new(request: Request, reply: Reply) -> None:
    if request.headers["authorization"] == ["Bearer new"]:
        await reply.whole(200, {})
    else:
        await reply.status(401, "Unauthorized", "Unauthorized")


def test_credentials_are_renewed_after_401() -> None:
    async def main() -> None:
        credentials = Rotating("old", "new")
        async with FaultServer(only_new) as server, client_of(server, credentials) as client:
            # All of them are refused at the same time, and one renewal serves all.
            await asyncio.gather(*(client.request("GET", f"/{number}") for number in range(5)))
            assert credentials.refreshes == 2

    asyncio.run(main())


def test_stream_with_renewed_credentials() -> None:
    async def main() -> None:
        async with FaultServer(only_new) as server, client_of(server, Rotating("old", "new")) as client:
            stream = await client.stream("/x")
            assert await stream.read(5) == b"{}"
            stream.close()

    asyncio.run(main())


def test_credentials_that_are_refused_for_good() -> None:
    async def main() -> None:
        for credentials in (Rotating("old"), FixedToken("Bearer secret", "the token in config")):
            async with FaultServer(only_new) as server, client_of(server, credentials) as client:
                with pytest.raises(errors.Unauthorized) as caught:
                    await client.request("GET", "/x")
                assert len(server.requests) == 1
                assert f"the apiserver does not accept {credentials.description} (--master). It may have expired" in str(caught.value)
                assert "secret" not in str(caught.value)

    asyncio.run(main())


class Traced:
    """The span of a request."""

    headers: Mapping[str, str] = {"traceparent": "00-1-2-01"}

    def __init__(self) -> None:
        self.outcome: int | str = ""

    def end(self, outcome: int | str) -> None:
        self.outcome = outcome


def test_requests_that_are_traced_are_sent_as_who_may_continue_it() -> None:
    async def main() -> None:
        async with FaultServer(ok) as server:
            base = load(master=server.url)
            issuer = replace(base, credentials=FixedToken("Bearer issuer", "a token"))
            config = replace(base, credentials=FixedToken("Bearer account", "a token"), issuer=issuer)
            spans = [Traced(), None, Traced()]
            async with Client(config, tracer=lambda method, path: spans[len(server.requests)]) as client:
                for _ in spans:
                    await client.request("GET", "/x")
            assert [request.headers["authorization"] for request in server.requests] == [
                ["Bearer issuer"],
                ["Bearer account"],
                ["Bearer issuer"],
            ]
            assert ["traceparent" in request.headers for request in server.requests] == [True, False, True]
            assert [span.outcome for span in spans if span] == [200, 200]
            untraced = replace(config)
            async with Client(untraced) as client:
                await client.request("GET", "/x")
            assert server.requests[-1].headers["authorization"] == ["Bearer account"]

    asyncio.run(main())


def test_who_was_refused_with_a_trace_is_told() -> None:
    async def main() -> None:
        async with FaultServer(only_new) as server:
            base = load(master=server.url)
            config = replace(base, credentials=FixedToken("Bearer new", "a good one"), issuer=replace(base, credentials=Rotating("old")))
            async with Client(config, tracer=lambda method, path: Traced()) as client:
                with pytest.raises(errors.Unauthorized, match="does not accept rotating tokens"):
                    await client.request("GET", "/x")

    asyncio.run(main())


def test_token_file_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("one")

    async def main() -> None:
        credentials = TokenFile(path, "config", "tokenFile")
        async with FaultServer(ok) as server, client_of(server, credentials) as client:
            await client.request("GET", "/x")
            path.write_text("two")
            await client.request("GET", "/x")
            # The period is over.
            credentials.renew_at = time.monotonic()
            await client.request("GET", "/x")
            tokens: list[Any] = [request.headers["authorization"] for request in server.requests]
            assert tokens == [["Bearer one"], ["Bearer one"], ["Bearer two"]]

    asyncio.run(main())


def test_outside_of_its_context() -> None:
    async def main() -> None:
        client = Client(load(master="http://127.0.0.1:1"))
        client.config.credentials.renew_at = float("inf")
        with pytest.raises(RuntimeError, match="outside of"):
            await client.request("GET", "/x")

    asyncio.run(main())
