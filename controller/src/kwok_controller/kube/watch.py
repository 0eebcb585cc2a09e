# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Every change of a resource's objects, in order, for as long as the caller wants: no end, no gap.

Three layers, as three generators: `watch` never dies; a *round* brings what is known up to date with the server (a list, or a watch
that begins with what there is); a *follow* reads one stream of changes. What is kept per object is its uid and resourceVersion: enough
to tell after a gap which objects vanished, were replaced or changed in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import random
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import msgspec
import orjson

from kwok_controller.kube.client import PAGE_SIZE, Client
from kwok_controller.kube.errors import (
    ApiError,
    ConnectionConfigError,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    ServiceUnavailable,
    Timeout,
    TooManyRequests,
    Unauthorized,
    Unreachable,
    error_of_status,
)
from kwok_controller.kube.http1 import Stream
from kwok_controller.kube.resources import Resource

Key = tuple[str, str]
"""Namespace (empty for what has none) and name."""

STREAM_S = (300, 600)
"""A stream of changes is asked to end after a random time between these, as client-go has it: load is spread over servers anew."""

IDLE_S = 150.0
"""A stream that brings nothing for so long is taken up anew. Servers send bookmarks every minute or so."""

BEGIN_S = 60.0
"""How long the server may take to begin, and to go on while it sends what there is."""

BACKOFF_S = (0.2, 5.0)
"""The first and the longest wait between attempts; each is up to twice the one before."""

SETTLING_S = 15.0
"""A watch that ran takes a refusal for true only after so long: a server that has just started knows neither its roles nor its CRDs."""

_GO_ORDER = frozenset({"", "coordination.k8s.io"})
"""Groups whose objects the server writes in the order of Go structs. Custom resources, whose order is another one, cannot be in them."""

SHOWN_BYTES = 300
"""Of an event that cannot be decoded: enough for apiVersion, kind and most of the metadata."""

_TOO_DEEP = "depth limit"
"""What orjson says of an object that is nested too deep."""

MAX_LINE = 64 * 1024 * 1024
"""Bytes of one event. Objects are at most 1.5 MiB in etcd."""


class Change(enum.Enum):
    """What an event tells."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    SYNCED = "SYNCED"
    """All that there was when the list began has been told. Comes after every list, the first one and those after gaps."""


class WatchEvent(msgspec.Struct, frozen=True):
    """One change.

    Attributes:
        change: What happened.
        key: Whose key; ``("", "")`` for SYNCED.
        object: The object without managedFields. Of one that vanished unseen (in a gap), only apiVersion, kind and
            metadata with name, namespace, uid and resourceVersion, as last known. Empty for SYNCED.
    """

    change: Change
    key: Key
    object: dict[str, Any]


class WatchHooks(msgspec.Struct, frozen=True):
    """Who is told what, and what chance and time are.

    Attributes:
        restarted: A stream ended and another one is begun; takes the reason: ``timeout`` (the server's regular end), ``broken``, ``idle``,
            ``expired`` (410: listed anew), ``rewound`` (the server lost its history: listed anew), ``error``.
        failed: An attempt failed; takes the error and the seconds until the next one; ``None`` where the error is raised to the caller.
        read: Something came; called before it is decoded.
        undecodable: An object is nested deeper than 1,024 levels, and left out; takes the beginning of its event.
        random: Between 0 and 1.
        sleep: Waits for so many seconds.
    """

    restarted: Callable[[str], None] = lambda reason: None
    failed: Callable[[ApiError | ConnectionConfigError, float | None], None] = lambda error, seconds: None
    read: Callable[[], None] = lambda: None
    undecodable: Callable[[str], None] = lambda event: None
    random: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep


async def watch(
    client: Client,
    resource: Resource,
    *,
    namespace: str | None = None,
    label_selector: str = "",
    field_selector: str = "",
    stream_initial: bool = True,
    hooks: WatchHooks | None = None,
) -> AsyncGenerator[WatchEvent, None]:
    """What there is, as ADDED and then SYNCED, and every change from there on.

    Survives whatever happens to connection and server. While the caller works on an event, nothing is read beyond a bounded buffer.
    Wrap it in `contextlib.aclosing` where the loop over it may be left, so that its connection is closed at that moment.

    Args:
        client: To the apiserver.
        resource: Whose objects.
        namespace: Only those in it.
        label_selector: Only those with such labels.
        field_selector: Only those with such fields.
        stream_initial: Ask for what there is as part of the stream (Kubernetes 1.32 and later), which spares both sides from holding all of
            it at once; servers that cannot are asked for a list.
        hooks: Who is told of restarts and failures.

    Raises:
        NotFound: The server has no such resource (yet).
        Forbidden: Who asks may not list or watch it.
        Invalid: A selector is none.
    """
    state = _Watch(client, resource, namespace, label_selector, field_selector, stream_initial, hooks or WatchHooks())
    while True:
        try:
            async with contextlib.aclosing(state.round()) as batches:
                async for batch in batches:
                    for event in batch:
                        yield event
        except (ApiError, ConnectionConfigError) as error:
            await state.recover(error)


_AWAY = (ConnectionConfigError, ServiceUnavailable, Timeout, TooManyRequests, Unauthorized, Unreachable)
"""Failures that say nothing about the place in the stream: it is as good as it was."""


class _Rewound(ApiError):
    """The server's history is shorter than what it told before: it was restored from a snapshot."""


class _Idle(Unreachable):
    """A stream brought nothing for long."""


class _Watch:
    """What a watch knows, and its next step."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        namespace: str | None,
        label_selector: str,
        field_selector: str,
        stream_initial: bool,
        hooks: WatchHooks,
    ) -> None:
        self._client = client
        self._resource = resource
        self._namespace = namespace
        self._in_go_order = resource.group in _GO_ORDER
        self._params: dict[str, str | int | bool] = {}
        if label_selector:
            self._params["labelSelector"] = label_selector
        if field_selector:
            self._params["fieldSelector"] = field_selector
        self._stream_initial = stream_initial
        self._hooks = hooks
        self._page_size: int | None = PAGE_SIZE
        self._known: dict[Key, tuple[str, str]] = {}
        self._synced = False
        # From where to follow; empty: a list is due.
        self._version = ""
        # Keys that are still to be told by the list under way; None while there is none.
        self._unseen: set[Key] | None = None
        self._failures = 0
        self._puzzles = 0
        self._refused_since: float | None = None

    async def round(self) -> AsyncGenerator[list[WatchEvent], None]:
        """From where we are up to the end of one stream."""
        if not self._version and not self._stream_initial:
            async for batch in self._list():
                yield batch
        async with contextlib.aclosing(self._follow()) as batches:
            async for batch in batches:
                yield batch

    async def recover(self, error: ApiError | ConnectionConfigError) -> None:
        """Decide what an error means for the next round, and wait as long as is fit.

        Raises:
            NotFound, Forbidden, Invalid: It is for the caller to deal with.
        """
        expired = isinstance(error, Gone | _Rewound)
        if expired:
            if not self._version and self._unseen is not None:
                # The pages took longer than the server keeps them: all at once, then.
                self._page_size = None
            self._version = ""
        if isinstance(error, Invalid) and self._stream_initial and not self._version:
            # A server that cannot begin a stream with what there is.
            self._stream_initial = False
            return
        if isinstance(error, NotFound | Forbidden | Invalid) and self._final():
            self._hooks.failed(error, None)
            raise error
        if isinstance(error, Invalid):
            # It was fine before, so it is the place in the stream that is not.
            self._version = ""
        self._hooks.restarted(_reason(error))
        self._failures += 1
        if self._failures == 1 and (expired or isinstance(error, _Idle)):
            return
        if not isinstance(error, _AWAY):
            self._puzzles += 1
            if self._puzzles % 5 == 0:
                # Whatever it is about this place in the stream, a list does not depend on it.
                self._version = ""
        seconds = self._backoff(getattr(error, "retry_after", None))
        self._hooks.failed(error, seconds)
        await self._hooks.sleep(seconds)

    def _final(self) -> bool:
        if not self._synced:
            return True
        now = asyncio.get_running_loop().time()
        if self._refused_since is None:
            self._refused_since = now
        return now - self._refused_since > SETTLING_S

    def _backoff(self, retry_after: float | None) -> float:
        first, longest = BACKOFF_S
        seconds = min(first * 2.0 ** min(self._failures - 1, 16), longest)
        return max(seconds * (0.5 + 0.5 * self._hooks.random()), retry_after or 0.0)

    def _progressed(self) -> None:
        self._failures = self._puzzles = 0
        self._refused_since = None

    # A list

    async def _list(self) -> AsyncGenerator[list[WatchEvent], None]:
        self._unseen = set(self._known)
        params = {**self._params, "limit": self._page_size} if self._page_size else dict(self._params)
        while True:
            page = await self._client.list_page(self._resource, self._namespace, params=params, timeout=BEGIN_S)
            events: list[WatchEvent] = []
            for item in page["items"]:
                self._present(item, events)
            version = page["metadata"].get("resourceVersion", "")
            following = page["metadata"].get("continue")
            if not following:
                self._settled(version, events)
            yield events
            if not following:
                return
            params["continue"] = following

    # A stream

    async def _follow(self) -> AsyncGenerator[list[WatchEvent], None]:
        low, high = STREAM_S
        params = {
            **self._params,
            "watch": True,
            "allowWatchBookmarks": True,
            "timeoutSeconds": int(low + (high - low) * self._hooks.random()),
        }
        if self._version:
            params["resourceVersion"] = self._version
        else:
            self._unseen = set(self._known)
            params["sendInitialEvents"] = True
            params["resourceVersionMatch"] = "NotOlderThan"
        path = self._resource.path(self._namespace)
        stream = await self._client.stream(path, params=params, timeout=BEGIN_S, verb="watch", resource=self._resource.plural)
        began = asyncio.get_running_loop().time()
        lines = _Lines()
        told = False
        try:
            while chunk := await self._read(stream):
                self._hooks.read()
                events: list[WatchEvent] = []
                failure: ApiError | None = None
                try:
                    for line in lines.split(chunk):
                        self._take(line, events)
                        told = True
                except ApiError as error:
                    failure = error
                if told:
                    self._progressed()
                # What came before the failure is known by now, so it must be told.
                if events:
                    yield events
                if failure:
                    raise failure
        finally:
            stream.close()
        if self._unseen is not None or not (told or asyncio.get_running_loop().time() - began > 1.0):
            raise Unreachable("the stream of changes ended before it had told what there is")
        self._hooks.restarted("timeout")

    async def _read(self, stream: Stream) -> bytes:
        try:
            return await stream.read(IDLE_S if self._unseen is None else BEGIN_S)
        except Timeout as error:
            if self._unseen is not None:
                # It sends nothing that says where the beginning ends.
                self._stream_initial = False
            raise _Idle(error.message) from error

    def _take(self, line: bytes, events: list[WatchEvent]) -> None:
        """Take one event of the stream."""
        try:
            event = orjson.loads(_without_managed_fields(line) if self._in_go_order else line)
            kind, item = event["type"], event["object"]
            if kind == "ERROR":
                raise error_of_status(item)
            metadata = item["metadata"]
            version = metadata["resourceVersion"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            if isinstance(error, orjson.JSONDecodeError) and _TOO_DEEP in str(error):
                # The apiserver takes objects deeper than orjson decodes. One that cannot be known must not hide all others.
                self._hooks.undecodable(line[:SHOWN_BYTES].decode("utf-8", "replace"))
                return
            raise ApiError(f"the stream of changes holds what is no event: {error!r}") from None
        if kind == "BOOKMARK":
            self._bookmark(metadata, version, events)
            return
        if kind == "DELETED":
            self._gone(item, metadata, events)
        else:
            self._present(item, events)
        if self._unseen is None:
            self._version = version

    def _bookmark(self, metadata: dict[str, Any], version: str, events: list[WatchEvent]) -> None:
        if self._unseen is not None:
            if (metadata.get("annotations") or {}).get("k8s.io/initial-events-end") == "true":
                self._settled(version, events)
            return
        if _older(version, self._version):
            raise _Rewound(f"the server is at resourceVersion {version}, and was at {self._version}")
        self._version = version

    # What is known

    def _settled(self, version: str, events: list[WatchEvent]) -> None:
        """All that there is has been told; what was not is gone."""
        for key in self._unseen or ():
            events.append(WatchEvent(Change.DELETED, key, self._remnant(key)))
            del self._known[key]
        self._unseen = None
        self._version = version
        self._synced = True
        events.append(WatchEvent(Change.SYNCED, ("", ""), {}))

    def _present(self, item: dict[str, Any], events: list[WatchEvent]) -> None:
        metadata = item["metadata"]
        metadata.pop("managedFields", None)
        key = (sys.intern(metadata.get("namespace", "")), metadata["name"])
        present = (metadata.get("uid", ""), metadata.get("resourceVersion", ""))
        known = self._known.get(key)
        if self._unseen is not None:
            self._unseen.discard(key)
            if known == present:
                # Nothing happened to it in the gap.
                return
        self._known[key] = present
        if known is None:
            events.append(WatchEvent(Change.ADDED, key, item))
        elif known[0] != present[0]:
            events.append(WatchEvent(Change.DELETED, key, self._shell(key, known)))
            events.append(WatchEvent(Change.ADDED, key, item))
        else:
            events.append(WatchEvent(Change.MODIFIED, key, item))

    def _gone(self, item: dict[str, Any], metadata: dict[str, Any], events: list[WatchEvent]) -> None:
        metadata.pop("managedFields", None)
        key = (sys.intern(metadata.get("namespace", "")), metadata["name"])
        if self._unseen is not None:
            self._unseen.discard(key)
        if self._known.pop(key, None) is not None:
            events.append(WatchEvent(Change.DELETED, key, item))

    def _remnant(self, key: Key) -> dict[str, Any]:
        return self._shell(key, self._known[key])

    def _shell(self, key: Key, known: tuple[str, str]) -> dict[str, Any]:
        namespace, name = key
        uid, version = known
        metadata = {"name": name, **({"namespace": namespace} if namespace else {}), "uid": uid, "resourceVersion": version}
        return {"apiVersion": self._resource.api_version, "kind": self._resource.kind, "metadata": metadata}


class _Lines:
    """Lines out of chunks that are cut anywhere."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def split(self, chunk: bytes) -> list[bytes]:
        """The lines that are whole by now, without their ends and without empty ones.

        Raises:
            ApiError: One grows beyond `MAX_LINE`.
        """
        head, newline, rest = chunk.partition(b"\n")
        if not newline:
            self._keep(chunk)
            return []
        if self._parts:
            self._parts.append(head)
            head = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
        *lines, tail = rest.split(b"\n")
        if tail:
            self._keep(tail)
        return [line for line in (head, *lines) if line]

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > MAX_LINE:
            raise ApiError(f"an event is larger than {MAX_LINE} bytes")
        self._parts.append(part)


def _without_managed_fields(line: bytes) -> bytes:
    """An event without its object's managedFields, where they can be cut out as text: they are two fifths of a pod's bytes.

    The server writes built-in types in the order of their Go structs, where they are the last of metadata, and ``spec`` follows. Neither
    mark can be part of a string, as quotes are escaped there, nor stand elsewhere in what is cut: managedFields hold no lists.
    """
    start = line.find(b',"managedFields":[{')
    if start < 0:
        return line
    end = line.find(b'}]},"spec":', start)
    return line[:start] + line[end + 2 :] if end > 0 else line


def _older(version: str, than: str) -> bool:
    # Versions can be compared since Kubernetes 1.35 says so; what is no number is not compared.
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)


def _reason(error: BaseException) -> str:
    if isinstance(error, Gone):
        return "expired"
    if isinstance(error, _Rewound):
        return "rewound"
    if isinstance(error, _Idle):
        return "idle"
    return "broken" if isinstance(error, Unreachable) else "error"
