# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The spans of single requests: which there are, when, and what they say."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from workloads import Object, call, instances, operation, pod, profile, trace

from kwok_controller.workload_traces.draws import Draws, key_of
from kwok_controller.workload_traces.profile import OWN_ATTRIBUTES
from kwok_controller.workload_traces.walk import Span, SpanKind, Walk

MS = 10**6
NETWORK = {"distribution": "constant", "median": "1ms"}
HOME = ("web home", {"value": 1})


def constant(ms: int) -> Object:
    return {"distribution": "constant", "median": f"{ms}ms"}


def walk(services: dict[str, list[Object]], *without: str, key: object = 0, **spec: Any) -> Walk:
    """One request of `web home`; a pod of each service is ready, but for some."""
    made = profile(trace(services, HOME, **{"network": NETWORK, **spec}))
    pods = [pod(f"{name}-1", name) for name in services if name not in without]
    found = instances(made, *pods)
    request = Walk(made, found, Draws(key_of(key)))
    first = made.traffic[0].operation
    request.begin(first, found[first.service][0], 0)
    return request


def spans(services: dict[str, list[Object]], *without: str, **more: Any) -> list[tuple[str, str, int, int]]:
    """Kind, name, beginning and end in milliseconds, in the order in which they begin."""
    found = walk(services, *without, **more).spans
    return [(span.kind.name, span.name, span.start_ns // MS, span.end_ns // MS) for span in sorted(found, key=lambda each: each.start_ns)]


def attributes(span: Span) -> dict[str, Any]:
    assert len(dict(span.attributes)) == len(span.attributes)
    return dict(span.attributes)


def named(request: Walk, kind: SpanKind, name: str) -> Span:
    (found,) = [span for span in request.spans if (span.kind, span.name) == (kind, name)]
    return found


def test_calls_are_made_one_after_the_other_with_own_work_around_them() -> None:
    services = {"web": [operation("home", "db read", "db read", latency=constant(30))], "db": [operation("read", latency=constant(5))]}

    assert spans(services) == [
        ("SERVER", "home", 0, 44),
        ("CLIENT", "read", 10, 17),
        ("SERVER", "read", 11, 16),
        ("CLIENT", "read", 27, 34),
        ("SERVER", "read", 28, 33),
    ]


def test_parallel_calls_begin_together_and_the_longest_is_waited_for() -> None:
    calls = [call("db read"), call("db scan", parallel=True, count=2)]
    db = [operation("read", latency=constant(5)), operation("scan", latency=constant(20))]

    assert spans({"web": [operation("home", *calls, latency=constant(10))], "db": db}) == [
        ("SERVER", "home", 0, 32),
        ("CLIENT", "read", 5, 12),
        ("CLIENT", "scan", 5, 27),
        ("CLIENT", "scan", 5, 27),
        ("SERVER", "read", 6, 11),
        ("SERVER", "scan", 6, 26),
        ("SERVER", "scan", 6, 26),
    ]


def test_a_count_is_made_one_after_the_other() -> None:
    services = {"web": [operation("home", call("db read", count=3))], "db": [operation("read", latency=constant(5))]}

    assert [start for kind, _, start, _ in spans(services) if kind == "CLIENT"] == [0, 7, 14]


def test_a_message_is_not_waited_for_and_may_end_later() -> None:
    services = {
        "web": [operation("home", call("mail welcome", asynchronous=True), latency=constant(2))],
        "mail": [operation("welcome", latency=constant(100), errors={"rate": 1})],
    }
    request = walk(services)

    home, sent = named(request, SpanKind.SERVER, "home"), named(request, SpanKind.PRODUCER, "send welcome")
    taken = named(request, SpanKind.CONSUMER, "process welcome")
    assert (sent.parent_id, taken.parent_id) == (home.span_id, sent.span_id)
    assert (home.end_ns, sent.end_ns, taken.start_ns, taken.end_ns) == (3 * MS, 2 * MS, 3 * MS, 103 * MS)
    assert (home.failed, sent.failed, taken.failed) == (False, False, True)
    assert attributes(taken)["messaging.destination.name"] == "welcome"
    assert [span.name for span in walk(services, "mail").spans] == ["send welcome", "home"]


def test_the_attributes_of_http() -> None:
    services = {
        "web": [operation("home", "api item", route="/")],
        "api": [operation("item", route="/items/{id}/parts/{part}", attributes={"team": "a"})],
    }
    request = walk(services)

    client, server = (named(request, kind, "GET /items/{id}/parts/{part}") for kind in (SpanKind.CLIENT, SpanKind.SERVER))
    path = attributes(server)["url.path"]
    assert path.startswith("/items/")
    assert "{" not in path
    assert attributes(client) == {
        "http.request.method": "GET",
        "url.template": "/items/{id}/parts/{part}",
        "server.address": "api",
        "server.port": 80,
        "url.full": f"http://api:80{path}",
        "network.peer.address": "10.0.0.1",
        "http.response.status_code": 200,
    }
    assert attributes(server) == {
        "http.request.method": "GET",
        "http.route": "/items/{id}/parts/{part}",
        "url.scheme": "http",
        "url.path": path,
        "server.address": "api",
        "server.port": 80,
        "client.address": "10.0.0.1",
        "http.response.status_code": 200,
        "team": "a",
    }
    assert "client.address" not in attributes(named(request, SpanKind.SERVER, "GET /"))


@pytest.mark.parametrize(("on_error", "failed", "calls"), [("fail", True, 1), ("ignore", False, 3)])
def test_errors_of_calls_are_the_callers_as_it_says(on_error: str, failed: bool, calls: int) -> None:
    home = operation("home", call("db read", count=2, onError=on_error), "db list", route="/")
    db = [operation("read", errors={"rate": 1, "type": "deadlock", "message": "two waited for each other"}), operation("list")]
    request = walk({"web": [home], "db": db})

    first = named(request, SpanKind.SERVER, "GET /")
    assert first.failed is failed
    assert attributes(first)["http.response.status_code"] == (500 if failed else 200)
    assert ("error.type" in attributes(first)) is failed
    asked = [span for span in request.spans if span.kind is SpanKind.CLIENT]
    assert len(asked) == calls
    assert asked[0].failed
    assert attributes(asked[0])["error.type"] == "deadlock"
    assert asked[0].message == "two waited for each other"


def test_a_server_that_refuses_has_not_failed_but_its_client_has() -> None:
    request = walk({"web": [operation("home", "api item")], "api": [operation("item", route="/i", errors={"rate": 1, "status": 404})]})

    client, server = named(request, SpanKind.CLIENT, "GET /i"), named(request, SpanKind.SERVER, "GET /i")
    assert (client.failed, server.failed) == (True, False)
    assert (attributes(client)["error.type"], attributes(client)["http.response.status_code"]) == ("404", 404)
    assert attributes(server)["http.response.status_code"] == 404
    assert "error.type" not in attributes(server)
    assert named(request, SpanKind.SERVER, "home").failed


def test_where_no_pod_is_ready_nobody_answers() -> None:
    request = walk({"web": [operation("home", "db read")], "db": [operation("read")]}, "db")

    (client, home) = request.spans
    assert (client.kind, client.failed, attributes(client)["error.type"]) == (SpanKind.CLIENT, True, "ECONNREFUSED")
    assert client.message == "no pod of the service is ready"
    assert home.failed


def test_what_is_too_deep_or_too_much_is_left_out_and_counted() -> None:
    chain = {"web": [operation("home", "web a"), operation("a", "web b"), operation("b", "web c"), operation("c")]}
    wide = {"web": [operation("home", call("db read", count=10))], "db": [operation("read")]}

    deep = walk(chain, limits={"depth": 3})
    assert [span.name for span in deep.spans if span.kind is SpanKind.SERVER] == ["b", "a", "home"]
    assert deep.calls_left_out == 1
    broad = walk(wide, limits={"spansPerTrace": 8})
    assert Counter(span.kind.name for span in broad.spans) == {"SERVER": 4, "CLIENT": 3}
    assert broad.calls_left_out == 7
    assert not any(span.failed for span in (*deep.spans, *broad.spans))


def test_the_same_key_makes_the_same_request() -> None:
    latency = {"median": "20ms", "p99": "300ms"}
    calls: list[str | Object] = [call("db read", probability=0.5), "db read", call("db read", parallel=True, probability=0.2)]
    services = {
        "web": [operation("home", *calls, latency=latency)],
        "db": [operation("read", latency=latency, errors={"rate": 0.3})],
    }

    def plain(key: int) -> list[tuple[Any, ...]]:
        return [(*span[:7], *span[8:]) for span in walk(services, key=key).spans]

    assert plain(1) == plain(1)
    assert len({str(plain(key)) for key in range(20)}) == 20


def test_no_span_says_anything_twice_that_users_may_not_say() -> None:
    services = {
        "web": [operation("home", call("mail welcome", asynchronous=True), "db read", route="/{id}", errors={"rate": 1})],
        "db": [operation("read", errors={"rate": 1})],
        "mail": [operation("welcome", errors={"rate": 1})],
    }
    served = [span for span in walk(services).spans if span.kind in (SpanKind.SERVER, SpanKind.CONSUMER)]

    assert len(served) == 3
    assert {key for span in served for key in attributes(span)} <= OWN_ATTRIBUTES
