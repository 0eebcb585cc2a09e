# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Requests to the apiserver. Bodies go in and come out as bytes: who needs an object decodes it, who does not pays nothing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import lru_cache
from types import MappingProxyType, TracebackType
from typing import Any, Protocol, Self
from urllib.parse import quote, urlencode

import orjson

from kwok_controller import __version__
from kwok_controller.kube.connection import ConnectionConfig, Impersonation
from kwok_controller.kube.errors import ApiError, ServerError, Unauthorized, error_of
from kwok_controller.kube.http1 import Pool, Response, Stream
from kwok_controller.kube.resources import Resource

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
"""Server-side apply. JSON is YAML, so the body is JSON."""

METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""As ``accept``: the answer to a create, an update or a patch is the object's metadata alone, for who needs only its resourceVersion."""

UNVALIDATED: Mapping[str, str] = MappingProxyType({"fieldValidation": "Ignore"})
"""As ``params`` of a write: the server does not decode the body a second time to warn of unknown fields, which nobody would read."""

PAGE_SIZE = 500
"""Objects per page of a list; as client-go has it."""

Params = Mapping[str, str | int | bool]
Body = bytes | Mapping[str, Any]

Observer = Callable[[str, str, int, float], None]
"""Is told of every request: verb, resource (empty for other paths), HTTP status (0: no answer), seconds."""


class Span(Protocol):
    """The part of a trace that one request is."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What is sent along, so that the server can join the trace."""

    def end(self, outcome: int | str) -> None:
        """The request was answered with this status, or failed with an error of this name."""


Tracer = Callable[[str, str], Span | None]
"""Is asked before every request but streams, with method and path; ``None``: it is not traced."""


class Client:
    """Requests to one apiserver, over kept-alive connections; an async context manager.

    Every method raises `ApiError`, of the subclass that fits, where the request does not succeed. Two things are tried again, once: with
    other credentials after 401 where those could be renewed, and a GET whose kept-alive connection turns out to be closed.
    Cancelling a request closes its connection and leaves nothing behind.

    Args:
        config: Where the apiserver is and who asks.
        connections: Requests in flight at most; further ones wait. Streams are not counted.
        timeout: Seconds for a request that says nothing else, everything included.
        user_agent: What stands before its first ``/`` is the field manager of what is written.
        observer: Is told of every request.
        tracer: Traces requests. Those that are traced are sent as who had the credentials issued, if somebody had: an apiserver goes
            on with traces of ``system:masters`` and ``system:monitoring`` alone (kubernetes v1.36,
            apiserver/pkg/endpoints/filters/traces.go), and no ServiceAccount can be a member.
    """

    def __init__(
        self,
        config: ConnectionConfig,
        *,
        connections: int = 80,
        timeout: float = 30.0,
        user_agent: str = f"kwok-controller/{__version__}",
        observer: Observer | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.config = config
        self._timeout = timeout
        self._connections = connections
        self._user_agent = user_agent
        self.observer = observer
        self._tracer = tracer
        self._issuer: Client | None = None
        if tracer is not None and config.issuer is not None:
            self._issuer = Client(config.issuer, connections=connections, timeout=timeout, user_agent=user_agent)
        self._base_path = config.base_path
        self._pool: Pool | None = None
        # What follows the request line, up to what differs between requests, by (accept, impersonated user).
        self._heads: dict[tuple[str, str | None], bytes] = {}
        self._refreshing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        # Credentials may be issued by the apiserver, and that may be away now: then each request asks for them again.
        with contextlib.suppress(ApiError):
            await self._refresh()
        if self._issuer is not None:
            await self._issuer.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; requests under way fail."""
        if self._issuer is not None:
            await self._issuer.close()
        if self._pool is not None:
            await self._pool.close()

    # Requests

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        params: Params | None = None,
        impersonate: str | None = None,
        timeout: float | None = None,
        verb: str = "",
        resource: str = "",
    ) -> bytes:
        """One request.

        Args:
            method: ``GET``, …
            path: As `Resource.path` makes it: escaped.
            body: What to send.
            content_type: Of the body.
            accept: Of the answer.
            params: The query.
            impersonate: The user as whom to act.
            timeout: Seconds, everything included.
            verb: For the observer, where it is not the method.
            resource: For the observer.

        Raises:
            ApiError: It did not succeed.
        """
        began = time.perf_counter()
        status = 0
        failure = "Cancelled"
        span = self._tracer(method, path) if self._tracer is not None else None
        extra = "".join(f"{name}: {value}\r\n" for name, value in span.headers.items()).encode() if span is not None else b""
        through = self._issuer if span is not None and self._issuer is not None else self
        try:
            response = await through._respond(
                method, path, body, content_type, accept, params, impersonate, timeout or self._timeout, extra
            )
            status = response.status
        except ApiError as error:
            failure = type(error).__name__
            raise
        finally:
            if span is not None:
                span.end(status or failure)
            if self.observer is not None:
                self.observer(verb or method.lower(), resource, status, time.perf_counter() - began)
        if status >= 300:
            raise through._error(response.status, response.body, response.retry_after, f"{method} {path}")
        return response.body

    async def stream(
        self, path: str, *, params: Params | None = None, timeout: float | None = None, verb: str = "", resource: str = ""
    ) -> Stream:
        """GET what goes on for long, as a watch or a followed log does. The caller closes it.

        Args:
            path: As for `request`.
            params: The query.
            timeout: Seconds until the answer begins.
            verb: For the observer, as ``resource``; its seconds are those until the answer began.
            resource: For the observer.

        Raises:
            ApiError: It did not succeed.
        """
        limit = timeout or self._timeout
        began = time.perf_counter()
        status = 0
        try:
            stream = await self._open_stream(path, params, limit)
            status = stream.status
            if status < 300:
                return stream
            try:
                body = await stream.read_all(limit)
            finally:
                stream.close()
        finally:
            if self.observer is not None:
                self.observer(verb or "get", resource, status, time.perf_counter() - began)
        raise self._error(status, body, stream.retry_after, f"GET {path}")

    async def _open_stream(self, path: str, params: Params | None, timeout: float) -> Stream:
        if time.monotonic() >= self.config.credentials.renew_at:
            await self._renew_when_due()
        stream = await self._opened.stream(self._message("GET", path, params, None, JSON, JSON, None), timeout)
        if stream.status == 401:
            try:
                renewed = await self._renewed()
            except BaseException:
                stream.close()
                raise
            if renewed:
                stream.close()
                return await self._opened.stream(self._message("GET", path, params, None, JSON, JSON, None), timeout)
        return stream

    # Objects

    async def get(self, resource: Resource, namespace: str | None, name: str, *, subresource: str | None = None) -> dict[str, Any]:
        """One object."""
        path = resource.path(namespace, name, subresource)
        return _decoded(await self.request("GET", path, verb="get", resource=resource.plural))

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = PAGE_SIZE,
        timeout: float | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """The objects, page by page; each has ``apiVersion`` and ``kind``. All pages show one moment.

        Raises:
            Gone: The pages took longer than the server keeps that moment (5 min).
        """
        params: dict[str, str | int | bool] = {"limit": limit}
        if label_selector:
            params["labelSelector"] = label_selector
        if field_selector:
            params["fieldSelector"] = field_selector
        while True:
            page = await self.list_page(resource, namespace, params=params, timeout=timeout)
            for item in page["items"]:
                yield item
            following = page["metadata"].get("continue")
            if not following:
                return
            params["continue"] = following

    async def list_page(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        params: Params | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """One page of a list: ``metadata`` and ``items``, each item with its ``apiVersion`` and ``kind``."""
        path = resource.path(namespace)
        page = _decoded(await self.request("GET", path, params=params, timeout=timeout, verb="list", resource=resource.plural))
        items = page["items"] = page.get("items") or []
        for item in items:
            # Lists of built-in types leave them out.
            item.setdefault("apiVersion", resource.api_version)
            item.setdefault("kind", resource.kind)
        page.setdefault("metadata", {})
        return page

    async def create(
        self,
        resource: Resource,
        namespace: str | None,
        body: Body,
        *,
        name: str | None = None,
        subresource: str | None = None,
        params: Params | None = None,
        accept: str = JSON,
        impersonate: str | None = None,
    ) -> bytes:
        """Create an object; with ``name`` and ``subresource`` what subresources make, as an eviction."""
        return await self.request(
            "POST",
            resource.path(namespace, name, subresource),
            body=_encoded(body),
            params=params,
            accept=accept,
            impersonate=impersonate,
            verb="create",
            resource=resource.plural,
        )

    async def update(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Body,
        *,
        subresource: str | None = None,
        params: Params | None = None,
        accept: str = JSON,
        impersonate: str | None = None,
    ) -> bytes:
        """Replace an object, or its subresource."""
        return await self.request(
            "PUT",
            resource.path(namespace, name, subresource),
            body=_encoded(body),
            params=params,
            accept=accept,
            impersonate=impersonate,
            verb="update",
            resource=resource.plural,
        )

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Body,
        content_type: str,
        *,
        subresource: str | None = None,
        params: Params | None = None,
        accept: str = JSON,
        impersonate: str | None = None,
    ) -> bytes:
        """Patch an object, or its subresource; an apply when ``content_type`` is `APPLY_PATCH` (``params``: fieldManager, force)."""
        return await self.request(
            "PATCH",
            resource.path(namespace, name, subresource),
            body=_encoded(body),
            content_type=content_type,
            params=params,
            accept=accept,
            impersonate=impersonate,
            verb="apply" if content_type == APPLY_PATCH else "patch",
            resource=resource.plural,
        )

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        grace_period_s: int | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str | None = None,
        impersonate: str | None = None,
    ) -> bytes:
        """Delete an object.

        Args:
            resource: What it is.
            namespace: Where it is.
            name: Its name.
            grace_period_s: Instead of what the object itself asks for; 0 is at once.
            uid: Only if it still is this one; otherwise Conflict.
            resource_version: Only if it did not change since; otherwise Conflict.
            propagation: ``Background``, ``Foreground`` or ``Orphan``.
            impersonate: The user as whom to act.
        """
        options: dict[str, Any] = {}
        if grace_period_s is not None:
            options["gracePeriodSeconds"] = grace_period_s
        if propagation is not None:
            options["propagationPolicy"] = propagation
        if uid is not None or resource_version is not None:
            conditions = {"uid": uid, "resourceVersion": resource_version}
            options["preconditions"] = {key: value for key, value in conditions.items() if value is not None}
        body = orjson.dumps({"kind": "DeleteOptions", "apiVersion": "v1", **options}) if options else None
        path = resource.path(namespace, name)
        return await self.request("DELETE", path, body=body, impersonate=impersonate, verb="delete", resource=resource.plural)

    # What is behind

    async def _respond(
        self,
        method: str,
        path: str,
        body: bytes | None,
        content_type: str,
        accept: str,
        params: Params | None,
        impersonate: str | None,
        timeout: float,
        extra: bytes,
    ) -> Response:
        if time.monotonic() >= self.config.credentials.renew_at:
            await self._renew_when_due()
        message = self._message(method, path, params, body, content_type, accept, impersonate, extra)
        response = await self._opened.request(message, timeout, repeatable=method == "GET")
        if response.status == 401 and await self._renewed():
            message = self._message(method, path, params, body, content_type, accept, impersonate, extra)
            response = await self._opened.request(message, timeout, repeatable=method == "GET")
        return response

    @property
    def _opened(self) -> Pool:
        if self._pool is None:
            raise RuntimeError("the client is used outside of `async with`")
        return self._pool

    async def _renew_when_due(self) -> None:
        async with self._refreshing:
            if time.monotonic() >= self.config.credentials.renew_at:
                await self._refresh()

    async def _renewed(self) -> bool:
        """After a 401: get the credentials anew. Whether they are others than before."""
        credentials = self.config.credentials
        before = credentials.authorization, credentials.certificate
        async with self._refreshing:
            # Another request may have been faster.
            if (credentials.authorization, credentials.certificate) == before:
                await self._refresh()
        return (credentials.authorization, credentials.certificate) != before

    async def _refresh(self) -> None:
        credentials = self.config.credentials
        certificate = credentials.certificate
        await credentials.refresh()
        self._heads.clear()
        if self._pool is None:
            self._pool = Pool(self.config.endpoint, self.config.tls_context(), limit=self._connections)
        elif credentials.certificate != certificate:
            self._pool.renew(self.config.tls_context())

    def _message(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: bytes | None,
        content_type: str,
        accept: str,
        impersonate: str | None,
        extra: bytes = b"",
    ) -> bytes:
        target = f"{self._base_path}{path}?{_query(params)}" if params else self._base_path + path
        # One look at the whole target: nothing in it can end the request line.
        if not target.isascii() or not target.isprintable() or " " in target:
            raise ValueError(f"{target!r} is no escaped path")
        head = self._heads.get((accept, impersonate)) or self._head(accept, impersonate)
        if body is None:
            return b"%b %b%b%b\r\n" % (method.encode(), target.encode(), head, extra)
        return b"%b %b%b%bContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
            method.encode(),
            target.encode(),
            head,
            extra,
            content_type.encode(),
            len(body),
            body,
        )

    def _head(self, accept: str, impersonate: str | None) -> bytes:
        endpoint = self.config.endpoint
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        headers = [("Host", f"{host}:{endpoint.port}"), ("User-Agent", self._user_agent), ("Accept", accept)]
        # Without it a proxy may compress (RFC 9110, 12.5.3).
        headers.append(("Accept-Encoding", "identity"))
        if self.config.credentials.authorization is not None:
            headers.append(("Authorization", self.config.credentials.authorization))
        acting = Impersonation(impersonate) if impersonate else self.config.impersonation
        headers += _impersonation(acting) if acting else []
        for name, value in headers:
            if not value.isprintable():
                # Never show the value: it may be a token.
                raise ValueError(f"the value for the header {name} holds characters that none may hold")
        text = " HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
        if len(self._heads) >= 1024:
            # Users to act as come from templates: there may be any number.
            self._heads.clear()
        head = self._heads[accept, impersonate] = text.encode()
        return head

    def _error(self, status: int, body: bytes, retry_after: str | None, request: str) -> ApiError:
        if status < 400:
            return ServerError(f"{self.config.endpoint} redirects, which an apiserver does not", status=status, request=request)
        error = error_of(status, body, retry_after=retry_after, request=request)
        if isinstance(error, Unauthorized):
            who = f"{self.config.credentials.description} ({self.config.source})"
            remedy = "It may have expired, or belong to another cluster: renew it"
            error.message = f"{error.message}: the apiserver does not accept {who}. {remedy}"
        return error


def _impersonation(acting: Impersonation) -> list[tuple[str, str]]:
    headers = [("Impersonate-User", acting.user)]
    if acting.uid:
        headers.append(("Impersonate-Uid", acting.uid))
    headers += [("Impersonate-Group", group) for group in acting.groups]
    headers += [(f"Impersonate-Extra-{quote(key, safe='')}", value) for key, values in acting.extra for value in values]
    return headers


def _query(params: Params) -> str:
    return _encoded_query(
        tuple((name, str(value).lower() if value is True or value is False else str(value)) for name, value in params.items())
    )


@lru_cache(maxsize=64)
def _encoded_query(params: tuple[tuple[str, str], ...]) -> str:
    # Nearly all requests have one of a few.
    return urlencode(params)


def _encoded(body: Body) -> bytes:
    return body if isinstance(body, bytes) else orjson.dumps(body)


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ServerError(f"the answer is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise ServerError("the answer is no object")
    return document
