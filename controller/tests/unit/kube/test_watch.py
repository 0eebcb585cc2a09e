# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fault_server import FaultServer, Reply, Request

from kwok_controller.kube import errors
from kwok_controller.kube import watch as watching
from kwok_controller.kube.resources import PODS
from kwok_controller.kube.watch import Change, WatchEvent, WatchHooks, watch

Step = Callable[[Request, Reply], Awaitable[None]]
Json = dict[str, Any]


class Script:
    """Answers the requests of a watch in order; the last step answers all that follow. Records what the watch tells."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)
        self.server = FaultServer(self._handle)
        self.restarts: list[str] = []
        self.waits: list[float] = []
        self.undecodable: list[str] = []
        self.reads = 0
        self.failures: list[tuple[type[BaseException], float | None]] = []

    async def _handle(self, request: Request, reply: Reply) -> None:
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        await step(request, reply)

    def hooks(self) -> WatchHooks:
        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)
            await asyncio.sleep(0)

        return WatchHooks(
            restarted=self.restarts.append,
            failed=lambda error, seconds: self.failures.append((type(error), seconds)),
            read=self._read,
            undecodable=self.undecodable.append,
            random=lambda: 1.0,
            sleep=sleep,
        )

    def _read(self) -> None:
        self.reads += 1

    @property
    def asked(self) -> list[tuple[str, str]]:
        """Of each request whether it was a list, a stream that begins with what there is, or one that follows; and its resourceVersion."""
        kinds = []
        for request in self.server.requests:
            params = request.params
            kind = "initial" if "sendInitialEvents" in params else "follow" if "watch" in params else "list"
            kinds.append((kind, params.get("resourceVersion", "")))
        return kinds


def pod(name: str, version: int, uid: str = "", **others: Any) -> Json:
    metadata = {
        "name": name,
        "namespace": "n",
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(version),
        "managedFields": [{"manager": "m"}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, **others}


def event(kind: str, item: Json) -> Json:
    return {"type": kind, "object": item}


def bookmark(version: int, *, initial_end: bool = False) -> Json:
    annotations = {"annotations": {"k8s.io/initial-events-end": "true"}} if initial_end else {}
    return event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": str(version), **annotations}})


def failure(code: int, reason: str) -> Json:
    return event("ERROR", {"kind": "Status", "code": code, "reason": reason, "message": "m"})


def initial(version: int, *items: Json, then: tuple[Json, ...] = (), end: str = "hang") -> Step:
    """A stream that begins with what there is."""
    return stream(*(event("ADDED", item) for item in items), bookmark(version, initial_end=True), *then, end=end)


def stream(*events: Json, end: str = "hang") -> Step:
    async def step(request: Request, reply: Reply) -> None:
        await reply.begin()
        if events:
            await reply.events(*events)
        await finish(reply, end)

    return step


async def finish(reply: Reply, how: str) -> None:
    await asyncio.sleep(0.03)
    if how == "hang":
        await asyncio.sleep(60)
    elif how == "end":
        await reply.end()
    else:
        getattr(reply, how)()


def refused(code: int, reason: str, headers: dict[str, str] | None = None) -> Step:
    async def step(request: Request, reply: Reply) -> None:
        await reply.status(code, reason, headers=headers)

    return step


def listed(version: int, *items: Json, following: str = "") -> Step:
    async def step(request: Request, reply: Reply) -> None:
        await reply.whole(200, {"metadata": {"resourceVersion": str(version), "continue": following}, "items": list(items)})

    return step


NO_INITIAL = refused(422, "Invalid")


def told(found: WatchEvent) -> tuple[str, str]:
    return found.change.name, found.key[1]


async def collect(script: Script, count: int, **options: Any) -> list[WatchEvent]:
    """The first ``count`` events."""
    found: list[WatchEvent] = []
    async with script.server, script.server.client() as client, asyncio.timeout(10):
        async with contextlib.aclosing(watch(client, PODS, hooks=script.hooks(), **options)) as events:
            async for one in events:
                found.append(one)
                if len(found) == count:
                    break
        # The stream is closed at that moment; a connection that pages came over is kept.
        while script.server.open > any(kind == "list" for kind, _ in script.asked):
            await asyncio.sleep(0.01)
    return found


def run(script: Script, *expected: tuple[str, str], **options: Any) -> list[WatchEvent]:
    found = asyncio.run(collect(script, len(expected), **options))
    assert [told(one) for one in found] == list(expected)
    return found


ADDED_A, ADDED_B, SYNCED = ("ADDED", "a"), ("ADDED", "b"), ("SYNCED", "")


def test_begins_with_what_there_is() -> None:
    changes = (event("MODIFIED", pod("a", 3)), event("ADDED", pod("b", 4)), event("DELETED", pod("a", 5)))
    script = Script(initial(2, pod("a", 1), then=changes))
    found = run(
        script, ADDED_A, SYNCED, ("MODIFIED", "a"), ADDED_B, ("DELETED", "a"), namespace="n", label_selector="x=y", field_selector="f!=g"
    )
    assert found[0].key == ("n", "a")
    assert "managedFields" not in found[0].object["metadata"]
    assert found[4].object["metadata"]["resourceVersion"] == "5"
    (request,) = script.server.requests
    timeout = request.params.pop("timeoutSeconds")
    assert int(timeout) in range(*watching.STREAM_S) or int(timeout) == watching.STREAM_S[1]
    assert request.path == "/api/v1/namespaces/n/pods"
    params = {name: value for name, value in request.params.items() if name != "timeoutSeconds"}
    assert params == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "labelSelector": "x=y",
        "fieldSelector": "f!=g",
    }


def test_lists_where_the_server_cannot_do_that() -> None:
    script = Script(
        NO_INITIAL,
        listed(7, pod("a", 1), following="c1"),
        listed(7, pod("b", 2)),
        stream(event("MODIFIED", pod("b", 8))),
    )
    run(script, ADDED_A, ADDED_B, SYNCED, ("MODIFIED", "b"))
    assert script.asked == [("initial", ""), ("list", ""), ("list", ""), ("follow", "7")]
    assert [request.params.get("continue") for request in script.server.requests[1:3]] == [None, "c1"]
    assert script.server.requests[1].params["limit"] == "500"
    assert script.waits == []


def test_what_comes_is_told_before_it_is_decoded_but_not_what_is_listed() -> None:
    script = Script(listed(2, pod("a", 1)), stream(event("ADDED", pod("b", 3))))
    run(script, ADDED_A, SYNCED, ADDED_B, stream_initial=False)
    assert script.reads == 1


def test_lists_when_asked_to() -> None:
    script = Script(listed(7), stream(event("ADDED", pod("a", 8))))
    run(script, SYNCED, ADDED_A, stream_initial=False)
    assert script.asked == [("list", ""), ("follow", "7")]


def test_items_of_lists_are_objects() -> None:
    bare = pod("a", 1)
    del bare["apiVersion"], bare["kind"]
    found = run(Script(listed(1, bare), stream()), ADDED_A, SYNCED, stream_initial=False)
    assert (found[0].object["apiVersion"], found[0].object["kind"]) == ("v1", "Pod")


@pytest.mark.parametrize("end", ["end", "close", "reset"])
def test_goes_on_from_where_it_was(end: str) -> None:
    script = Script(initial(2, then=(event("ADDED", pod("a", 5)),), end=end), stream(event("MODIFIED", pod("a", 6))))
    run(script, SYNCED, ADDED_A, ("MODIFIED", "a"))
    assert script.asked == [("initial", ""), ("follow", "5")]
    assert script.restarts == ["timeout" if end == "end" else "broken"]
    assert script.waits == ([] if end == "end" else [watching.BACKOFF_S[0]])


def test_goes_on_from_a_bookmark() -> None:
    script = Script(initial(2, then=(bookmark(9),), end="end"), stream(event("ADDED", pod("a", 10))))
    run(script, SYNCED, ADDED_A)
    assert script.asked == [("initial", ""), ("follow", "9")]


def test_goes_on_after_a_half_written_line() -> None:
    async def half(request: Request, reply: Reply) -> None:
        await reply.begin()
        await reply.events(bookmark(2, initial_end=True), event("ADDED", pod("a", 3)))
        await reply.chunk(json.dumps(event("ADDED", pod("b", 4))).encode()[:50])
        await finish(reply, "reset")

    script = Script(half, stream(event("ADDED", pod("b", 4))))
    run(script, SYNCED, ADDED_A, ADDED_B)
    assert script.asked == [("initial", ""), ("follow", "3")]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_lines_cut_anywhere(size: int) -> None:
    async def pieces(request: Request, reply: Reply) -> None:
        await reply.begin()
        text = b"".join(json.dumps(one).encode() + b"\n" for one in (event("ADDED", pod("a", 1)), bookmark(2, initial_end=True)))
        text += b"\n" + json.dumps(event("ADDED", pod("b", 3))).encode() + b"\r\n"
        for start in range(0, len(text), size):
            await reply.chunk(text[start : start + size])
            await asyncio.sleep(0)
        await finish(reply, "hang")

    run(Script(pieces), ADDED_A, SYNCED, ADDED_B)


def test_long_line() -> None:
    found = run(Script(initial(2, pod("a", 1, data="x" * 5_000_000))), ADDED_A, SYNCED)
    assert len(found[0].object["data"]) == 5_000_000


def test_line_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MAX_LINE", 10_000)

    async def endless(request: Request, reply: Reply) -> None:
        await reply.begin()
        await reply.events(bookmark(2, initial_end=True))
        while True:
            await reply.chunk(b"x" * 1000)
            await asyncio.sleep(0)

    script = Script(endless, stream(event("ADDED", pod("a", 3))))
    run(script, SYNCED, ADDED_A)
    assert script.restarts == ["error"]


MANAGED: Json = {"manager": "m", "fieldsV1": {"f:spec": {'k:{"a":"}]},\\"spec\\":"}': {".": {}}}, "f:x": {"v:[1]": {}}}}


@pytest.mark.parametrize(
    "item",
    [
        {"metadata": {"name": "a", "managedFields": [MANAGED, MANAGED]}, "spec": {"a": [{"b": {}}]}, "status": {}},
        {"metadata": {"managedFields": [MANAGED]}, "spec": {}},
        {"metadata": {"name": "a", "managedFields": [MANAGED]}, "data": {"x": '}]},"spec":'}},
        {"metadata": {"annotations": {"managedFields": ',"managedFields":[{"a":1}]},"spec":'}, "managedFields": [MANAGED]}, "spec": {}},
        {"metadata": {"name": "a", "managedFields": []}, "spec": {}},
        {"metadata": {"name": "a"}, "spec": {"x": ["managedFields"]}},
    ],
)
def test_managed_fields_are_cut_out_and_nothing_else(item: Json) -> None:
    line = json.dumps({"type": "MODIFIED", "object": item}, separators=(",", ":")).encode()
    found = json.loads(watching._without_managed_fields(line))
    for one in (found["object"], item):
        one["metadata"].pop("managedFields", None)
    assert found == {"type": "MODIFIED", "object": item}


def test_managed_fields_of_a_pod_are_not_even_decoded() -> None:
    line = json.dumps(event("ADDED", {**pod("a", 1), "spec": {}}), separators=(",", ":")).encode()
    assert b"managedFields" in line
    assert b"managedFields" not in watching._without_managed_fields(line)


# Gaps


@pytest.mark.parametrize("how", ["status", "event"])
@pytest.mark.parametrize("mode", ["initial", "list"])
def test_what_happened_in_a_gap_is_told(how: str, mode: str) -> None:
    before = (pod("same", 1), pod("changed", 2), pod("replaced", 3, "old"), pod("gone", 4))
    after = (pod("same", 1), pod("changed", 12), pod("replaced", 13, "new"), pod("fresh", 14))
    expired = refused(410, "Expired") if how == "status" else stream(failure(410, "Expired"))
    if mode == "initial":
        script = Script(initial(5, *before, end="end"), expired, initial(15, *after))
    else:
        script = Script(listed(5, *before), expired, listed(15, *after), stream())
    found = run(
        script,
        *(("ADDED", item["metadata"]["name"]) for item in before),
        SYNCED,
        ("MODIFIED", "changed"),
        ("DELETED", "replaced"),
        ("ADDED", "replaced"),
        ("ADDED", "fresh"),
        ("DELETED", "gone"),
        SYNCED,
        stream_initial=mode == "initial",
    )
    assert found[6].object == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "replaced", "namespace": "n", "uid": "old", "resourceVersion": "3"},
    }
    assert (found[7].object["metadata"]["uid"], found[9].object["metadata"]["uid"]) == ("new", "uid-gone")
    assert "expired" in script.restarts
    # The first time it is listed anew at once.
    assert script.waits == []


def test_events_before_an_error_in_the_same_chunk_are_told() -> None:
    script = Script(initial(2, then=(event("ADDED", pod("a", 3)), failure(500, "InternalError"))), stream(event("ADDED", pod("b", 4))))
    run(script, SYNCED, ADDED_A, ADDED_B)
    assert script.asked == [("initial", ""), ("follow", "3")]
    assert script.restarts == ["error"]


def test_an_object_that_is_nested_too_deep_hides_no_other() -> None:
    async def step(request: Request, reply: Reply) -> None:
        await reply.begin()
        await reply.events(event("ADDED", pod("a", 1)), bookmark(2, initial_end=True))
        deep = b'{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"deep","resourceVersion":"3"},"spec":'
        await reply.chunk(deep + b'{"a":' * 1500 + b"1" + b"}" * 1500 + b"}}\n")
        await reply.events(event("ADDED", pod("b", 4)))
        await finish(reply, "hang")

    script = Script(step)
    run(script, ADDED_A, SYNCED, ADDED_B)
    assert script.restarts == []
    assert ["deep" in text for text in script.undecodable] == [True]


def test_replaced_between_two_events() -> None:
    found = run(
        Script(initial(2, pod("a", 1, "old"), then=(event("MODIFIED", pod("a", 3, "new")),))),
        ADDED_A,
        SYNCED,
        ("DELETED", "a"),
        ADDED_A,
    )
    assert [one.object["metadata"]["uid"] for one in found if one.object] == ["old", "old", "new"]


def test_events_are_told_as_what_they_are_to_who_knows_the_objects() -> None:
    changes = (event("MODIFIED", pod("a", 3)), event("ADDED", pod("a", 4)), event("DELETED", pod("z", 5)), event("DELETED", pod("a", 6)))
    run(Script(initial(2, then=changes)), SYNCED, ADDED_A, ("MODIFIED", "a"), ("DELETED", "a"))


def test_beginning_that_breaks_off_is_begun_anew() -> None:
    script = Script(stream(event("ADDED", pod("a", 1)), event("ADDED", pod("b", 2)), end="reset"), initial(5, pod("b", 2)))
    run(script, ADDED_A, ADDED_B, ("DELETED", "a"), SYNCED)
    assert script.asked == [("initial", ""), ("initial", "")]


def test_beginning_that_ends_regularly_before_its_time() -> None:
    script = Script(stream(event("ADDED", pod("a", 1)), end="end"), initial(5, pod("a", 1)))
    run(script, ADDED_A, SYNCED)
    assert script.restarts == ["broken"]


def test_server_that_ignores_what_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "BEGIN_S", 0.2)
    # It sends what there is, and never says that this was all.
    script = Script(stream(event("ADDED", pod("a", 1))), listed(2, pod("a", 1)), stream())
    run(script, ADDED_A, SYNCED)
    assert script.asked[:2] == [("initial", ""), ("list", "")]


def test_pages_that_expire_are_asked_for_at_once() -> None:
    script = Script(
        listed(5, pod("a", 1), following="c"),
        refused(410, "Expired"),
        listed(6, pod("a", 1), pod("b", 2)),
        stream(),
    )
    run(script, ADDED_A, ADDED_B, SYNCED, stream_initial=False)
    assert "limit" not in script.server.requests[2].params


def test_server_that_lost_its_history() -> None:
    script = Script(initial(100, pod("a", 90), pod("b", 91), then=(bookmark(50),)), initial(51, pod("a", 40)))
    run(script, ADDED_A, ADDED_B, SYNCED, ("MODIFIED", "a"), ("DELETED", "b"), SYNCED)
    assert script.restarts == ["rewound"]


# Failures


def test_waits_longer_and_longer() -> None:
    script = Script(initial(2, end="reset"), *[refused(503, "ServiceUnavailable")] * 9, stream(event("ADDED", pod("a", 3))))
    run(script, SYNCED, ADDED_A)
    first, longest = watching.BACKOFF_S
    assert script.waits[:4] == [first, 2 * first, 4 * first, 8 * first]
    assert script.waits[-1] == longest
    assert [wait for _, wait in script.failures] == script.waits
    # However long the server is away, nothing is listed anew.
    assert script.asked[1:] == [("follow", "2")] * 10


def test_place_in_the_stream_that_fails_again_and_again() -> None:
    script = Script(initial(2, end="reset"), *[refused(500, "InternalError")] * 5, initial(3, pod("a", 3)))
    run(script, SYNCED, ADDED_A, SYNCED)


def test_waits_start_anew_after_success() -> None:
    script = Script(
        initial(2, end="reset"),
        refused(500, "InternalError"),
        stream(event("ADDED", pod("a", 3)), end="reset"),
        stream(event("ADDED", pod("b", 4))),
    )
    run(script, SYNCED, ADDED_A, ADDED_B)
    first = watching.BACKOFF_S[0]
    assert script.waits == [first, 2 * first, first]


def test_lists_that_expire_at_once_are_not_repeated_without_a_pause() -> None:
    script = Script(
        *[step for _ in range(3) for step in (listed(5), refused(410, "Expired"))],
        listed(6),
        stream(event("ADDED", pod("a", 7))),
    )
    run(script, *[SYNCED] * 4, ADDED_A, stream_initial=False)
    assert len(script.waits) == 2


def test_streams_that_end_at_once_are_not_repeated_without_a_pause() -> None:
    script = Script(initial(2, end="end"), *[stream(end="end")] * 3, stream(event("ADDED", pod("a", 3))))
    run(script, SYNCED, ADDED_A)
    assert len(script.waits) == 3


@pytest.mark.parametrize("code", [429, 503])
def test_server_says_how_long_to_wait(code: int) -> None:
    script = Script(refused(code, "", {"Retry-After": "42"}), initial(2))
    run(script, SYNCED)
    assert script.waits == [42.0]


def test_server_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "IDLE_S", 0.2)
    script = Script(initial(2), stream(event("ADDED", pod("a", 3))))
    run(script, SYNCED, ADDED_A)
    assert script.restarts == ["idle"]
    assert script.asked == [("initial", ""), ("follow", "2")]


@pytest.mark.parametrize(
    "line",
    [b"nonsense", b"[]", b'{"type":"ADDED"}', b'{"type":"ADDED","object":{"metadata":{"name":"a"}}}', b'{"type":"ERROR","object":{}}'],
)
def test_events_that_are_none(line: bytes) -> None:
    async def wrong(request: Request, reply: Reply) -> None:
        await reply.begin()
        await reply.events(bookmark(2, initial_end=True))
        await reply.chunk(line + b"\n")
        await finish(reply, "hang")

    script = Script(wrong, stream(event("ADDED", pod("a", 3))))
    run(script, SYNCED, ADDED_A)
    assert script.asked == [("initial", ""), ("follow", "2")]


@pytest.mark.parametrize(("code", "error"), [(404, errors.NotFound), (403, errors.Forbidden), (422, errors.Invalid)])
def test_what_the_caller_must_deal_with(code: int, error: type[errors.ApiError]) -> None:
    script = Script(refused(code, ""))
    with pytest.raises(error):
        asyncio.run(collect(script, 1))
    assert script.failures == [(error, None)]


def test_server_that_has_just_started_may_refuse_for_a_while() -> None:
    script = Script(initial(2, end="reset"), refused(403, "Forbidden"), refused(404, "NotFound"), stream(event("ADDED", pod("a", 3))))
    run(script, SYNCED, ADDED_A)
    assert script.asked[-1] == ("follow", "2")


def test_place_in_the_stream_that_the_server_does_not_take() -> None:
    script = Script(initial(2, end="reset"), refused(400, "BadRequest"), initial(3, pod("a", 3)))
    run(script, SYNCED, ADDED_A, SYNCED)


def test_refusal_that_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SETTLING_S", 0.05)
    script = Script(initial(2, end="reset"), refused(403, "Forbidden"))
    with pytest.raises(errors.Forbidden):
        asyncio.run(collect(script, 2))
    assert script.failures[-1] == (errors.Forbidden, None)


def test_nobody_listens_for_a_while() -> None:
    async def main() -> None:
        before, after = Script(initial(2)), Script(stream(event("ADDED", pod("a", 3))))
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(before.server)
            client = await stack.enter_async_context(before.server.client())
            events = await stack.enter_async_context(contextlib.aclosing(watch(client, PODS, hooks=before.hooks())))
            assert (await anext(events)).change is Change.SYNCED
            await before.server.__aexit__(None, None, None)
            following = asyncio.ensure_future(anext(events))
            while len(before.waits) < 3:
                await asyncio.sleep(0.01)
            after.server.port = before.server.port
            async with after.server:
                assert told(await following) == ADDED_A

    asyncio.run(asyncio.wait_for(main(), 20))


# Whoever reads


def test_slow_reader_gets_everything() -> None:
    changes = tuple(event("ADDED", pod(f"p{number}", number + 3, data="x" * 10_000)) for number in range(2000))

    async def slowly() -> list[str]:
        script = Script(initial(2, then=changes))
        names: list[str] = []
        async with script.server, script.server.client() as client:
            async for one in watch(client, PODS, hooks=script.hooks()):
                if len(names) % 100 == 0:
                    await asyncio.sleep(0.01)
                names.append(one.key[1])
                if len(names) == 2001:
                    break
        return names

    assert asyncio.run(slowly())[1:] == [f"p{number}" for number in range(2000)]


def test_cancelling_leaves_nothing() -> None:
    async def main() -> None:
        script = Script(initial(2))
        async with script.server, script.server.client() as client:
            synced = asyncio.Event()

            async def follow() -> None:
                async for _ in watch(client, PODS):
                    synced.set()

            tasks = asyncio.all_tasks()
            following = asyncio.create_task(follow())
            await synced.wait()
            assert script.server.open == 1
            following.cancel()
            with pytest.raises(asyncio.CancelledError):
                await following
            async with asyncio.timeout(5):
                while script.server.open or asyncio.all_tasks() != tasks:
                    await asyncio.sleep(0.01)

    asyncio.run(main())
