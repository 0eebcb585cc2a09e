# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many requests to an apiserver, from several threads over connections that are kept open.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from .._errors import SimError
from .access import Access, read_access
from .connection import REQUEST_TIMEOUT_S

FIELD_MANAGER = "kwok.sim"
"""Who the apiserver notes as the owner of the fields that are written."""

RETRY_S = 30.0
"""How long a request is tried again that the apiserver could not answer for the time being: longer than an election of etcd takes."""

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_WATCH_IDLE_S = 30.0
"""A watch on which nothing came for so long is opened anew, so that a dead connection is noticed."""

PASSING = frozenset({429, 500, 502, 503, 504})
"""Statuses of what passes: too many requests, a restart, an election."""

MERGE_PATCH = "application/merge-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class ApiError(Exception):
    """What the apiserver answered in place of what was asked for, or that it did not answer.

    Attributes:
        status: HTTP status; 0 if there was no answer.
        reason: The ``reason`` of its Status object, as ``AlreadyExists``.
        message: Its own sentence.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message

    def as_sim_error(self, doing: str, option: str | None = None, remedy: str | None = None) -> SimError:
        """The error for the user; ``doing`` says what it was that failed."""
        if self.status == 0:
            return SimError(f"{doing}: the apiserver cannot be reached: {self.message}", remedy=remedy or "See that the cluster is started")
        return SimError(f"{doing}: the apiserver refuses: {self.message}", option=option, remedy=remedy, details={"status": self.status})


class Client:
    """Requests to one apiserver. May be used by several threads at once.

    Args:
        access: The server and the credentials.
        connections: How many are kept open, and the most requests at a time.

    Raises:
        OSError, ValueError: The certificates cannot be used.
    """

    def __init__(self, access: Access, connections: int) -> None:
        import urllib3

        server = urlsplit(access.server)
        self._prefix = server.path.rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": FIELD_MANAGER}
        if access.token:
            self._headers["Authorization"] = access.token
        options: dict[str, Any] = {"maxsize": connections, "block": True}
        if server.scheme == "https":
            options["ssl_context"] = access.tls()
            if access.server_name:
                options |= {"server_hostname": access.server_name, "assert_hostname": access.server_name}
        self._pool = urllib3.connection_from_url(f"{server.scheme}://{server.netloc}", **options)
        self._http_error: type[Exception] = urllib3.exceptions.HTTPError
        self._timeout = urllib3.Timeout(connect=REQUEST_TIMEOUT_S, read=REQUEST_TIMEOUT_S)
        self._watch_timeout = urllib3.Timeout(connect=REQUEST_TIMEOUT_S, read=_WATCH_IDLE_S)
        self._has_answered = False

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str | None = None,
    ) -> dict[str, Any]:
        """The decoded answer. What fails for the time being is tried again for ``RETRY_S``; so a request can have been carried out
        before the one that is answered.

        Raises:
            ApiError: The apiserver refuses, or cannot be reached.
        """
        headers = dict(self._headers)
        if accept is not None:
            headers["Accept"] = accept
        data = None
        if body is not None:
            data = json.dumps(body, separators=(",", ":")).encode()
            headers["Content-Type"] = content_type
        deadline = time.monotonic() + RETRY_S
        pause = _FIRST_PAUSE_S
        while True:
            try:
                response = self._pool.request(
                    method, self._url(path, query), body=data, headers=headers, retries=False, redirect=False, timeout=self._timeout
                )
            except self._http_error as error:
                failure, asked_pause = ApiError(0, "Unreachable", _told(error)), 0.0
                if not self._has_answered:
                    raise failure from error
            else:
                self._has_answered = True
                if response.status < 300:
                    return _decoded(response.data)
                failure = _refusal(response.status, response.data)
                if response.status not in PASSING:
                    raise failure
                asked_pause = _seconds(response.headers.get("Retry-After"))
            pause_s = max(asked_pause, pause * random.uniform(0.5, 1.0))
            if time.monotonic() + pause_s > deadline:
                raise failure
            time.sleep(pause_s)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def list(
        self, path: str, *, label_selector: str | None = None, metadata_only: bool = False, page: int = 1000
    ) -> tuple[list[dict[str, Any]], str]:
        """All objects of a resource, and the version of the list, from which on a watch goes on.

        Raises:
            ApiError: The apiserver refuses, or cannot be reached.
        """
        query: dict[str, Any] = {"limit": page, "labelSelector": label_selector}
        items: list[dict[str, Any]] = []
        while True:
            try:
                answer = self.request("GET", path, query=query, accept=METADATA_ONLY if metadata_only else None)
            except ApiError as error:
                # The server has forgotten the version that the pages are of.
                if error.status != 410 or "continue" not in query:
                    raise
                del query["continue"]
                items = []
                continue
            items += answer.get("items") or ()
            metadata = answer["metadata"]
            if not metadata.get("continue"):
                return items, metadata["resourceVersion"]
            query["continue"] = metadata["continue"]

    def watch(self, path: str, *, resource_version: str, label_selector: str | None, timeout_s: float) -> Generator[dict[str, Any]]:
        """The events of one watch, as they come; it ends after ``timeout_s``, or when the connection ends or falls silent.

        Raises:
            ApiError: The server refuses to watch, or from this version on (410).
        """
        query = {
            "watch": "1",
            "resourceVersion": resource_version,
            "labelSelector": label_selector,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": max(1, int(timeout_s)),
        }
        try:
            response = self._pool.request(
                "GET",
                self._url(path, query),
                headers=self._headers,
                retries=False,
                redirect=False,
                timeout=self._watch_timeout,
                preload_content=False,
            )
        except self._http_error:
            return
        try:
            if response.status >= 300:
                raise _refusal(response.status, response.read())
            rest = b""
            for chunk in response.stream(2**16, decode_content=True):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in filter(None, lines):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        status = event["object"]
                        raise ApiError(status.get("code", 500), status.get("reason", ""), status.get("message", "the watch failed"))
                    yield event
        except self._http_error:
            return
        finally:
            # What is left unread would be taken for the next answer.
            response.close()
            response.release_conn()

    def _url(self, path: str, query: Mapping[str, Any] | None) -> str:
        given = {key: value for key, value in (query or {}).items() if value is not None}
        return f"{self._prefix}{path}?{urlencode(given)}" if given else f"{self._prefix}{path}"


@contextlib.contextmanager
def open_client(kubeconfig: Path, context: str | None = None, *, connections: int = 1) -> Iterator[Client]:
    """A client for a context of a kubeconfig.

    Raises:
        SimError: A package is missing, or the kubeconfig cannot be used.
    """
    try:
        client = Client(read_access(kubeconfig, context), connections)
    except ImportError as error:
        remedy = "Install kubernetes for the Python that runs the module, or set ansible_python_interpreter to one that has it"
        raise SimError(f"the Python package urllib3, which kubernetes needs, cannot be imported: {error}", remedy=remedy) from error
    except (OSError, ValueError) as error:
        raise SimError(f"{kubeconfig} cannot be used: {error}") from error
    try:
        yield client
    finally:
        client.close()


def _decoded(data: bytes) -> dict[str, Any]:
    answer = json.loads(data) if data else {}
    return answer if isinstance(answer, dict) else {}


def _refusal(status: int, data: bytes) -> ApiError:
    with contextlib.suppress(ValueError):
        told = json.loads(data)
        if isinstance(told, dict) and told.get("message"):
            return ApiError(status, str(told.get("reason") or ""), str(told["message"]).strip().rstrip("."))
    return ApiError(status, "", f"{status} {data[:200].decode(errors='replace')}".strip())


def _told(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error)


def _seconds(text: str | None) -> float:
    try:
        return float(text) if text else 0.0
    except ValueError:
        return 0.0
