# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What can go wrong between this process and the apiserver."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from typing import Any

import orjson


class KubeError(Exception):
    """The base of all errors of this package."""


class ConnectionConfigError(KubeError):
    """What says how to reach the apiserver cannot be used.

    Attributes:
        source: The file or option.
        field: Which of its fields, as in the file: ``users[admin].user.exec``; empty where it is the whole.
        problem: What is wrong. Never holds a secret.
        remedy: What to do.
    """

    def __init__(self, source: str, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{source}: {field + ': ' if field else ''}{problem}. {remedy}.")
        self.source = source
        self.field = field
        self.problem = problem
        self.remedy = remedy


class ApiError(KubeError):
    """A request did not succeed.

    Attributes:
        status: The HTTP status; 0 where no answer came.
        reason: ``reason`` of the Status object (``NotFound``, ``AlreadyExists``, …); empty where the answer had none.
        message: For people.
        retry_after: Seconds that the server asks to wait, where it does.
        details: ``details`` of the Status object.
        request: Verb and path.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
        request: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.details = details or {}
        self.request = request

    def __str__(self) -> str:
        what = self.message
        if self.status:
            what = f"{what} (HTTP {self.status}{' ' + self.reason if self.reason else ''})"
        return f"{self.request}: {what}" if self.request else what


class Invalid(ApiError):
    """400 or 422: the server does not accept the object or the request."""


class Unauthorized(ApiError):
    """401: the server does not know who asks."""


class Forbidden(ApiError):
    """403: who asks may not do this, or an admission plugin refuses."""


class NotFound(ApiError):
    """404: no such object, or no such resource."""


class Conflict(ApiError):
    """409: the object is another one by now than the one that was to be changed."""


class AlreadyExists(Conflict):
    """409 for a creation: there is one of that name."""


class Gone(ApiError):
    """410: the resourceVersion or the continue token is too old."""


class TooManyRequests(ApiError):
    """429: the server sheds load."""


class ServerError(ApiError):
    """5xx, other than the ones below."""


class ServiceUnavailable(ServerError):
    """502 or 503: starting, stopping, or an extension server is away."""


class Timeout(ApiError):
    """The server gave up (504 or reason ``Timeout``), or no answer came within the request's own limit (status 0)."""


class Unreachable(ApiError):
    """No connection, or it broke before the answer was whole."""


class TLSFailed(Unreachable):
    """The server's certificate is not to be trusted, or what answers speaks no TLS."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
    502: ServiceUnavailable,
    503: ServiceUnavailable,
    504: Timeout,
}
_BY_REASON: dict[str, type[ApiError]] = {
    "AlreadyExists": AlreadyExists,
    "Expired": Gone,
    "Gone": Gone,
    "ServerTimeout": Timeout,
    "Timeout": Timeout,
}


def error_of(status: int, body: bytes, *, retry_after: str | None = None, request: str = "") -> ApiError:
    """The error that an answer means.

    Args:
        status: The HTTP status, 400 or more.
        body: A Status object, or whatever an intermediate answered.
        retry_after: The header, if any: seconds or an HTTP date.
        request: Verb and path, for people.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict) or document.get("kind") != "Status":
        text = body[:500].decode("utf-8", "replace").strip()
        return _class_of(status, "")(
            text or "the answer has no body", status=status, retry_after=parse_retry_after(retry_after), request=request
        )
    return error_of_status(document, status=status, retry_after=parse_retry_after(retry_after), request=request)


def error_of_status(document: Mapping[str, Any], *, status: int = 0, retry_after: float | None = None, request: str = "") -> ApiError:
    """The error that a Status object means, as in the body of an answer or in an ERROR event of a watch."""
    status = status or int(document.get("code") or 500)
    reason = document.get("reason") or ""
    details = document.get("details") or {}
    if retry_after is None and details.get("retryAfterSeconds"):
        retry_after = float(details["retryAfterSeconds"])
    message = document.get("message") or reason or "no message"
    return _class_of(status, reason)(message, status=status, reason=reason, retry_after=retry_after, details=details, request=request)


def parse_retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which is a number or an HTTP date; ``None`` where it is neither."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def retryable(error: BaseException) -> bool:
    """Whether the same request may succeed later without anybody changing anything.

    The Go kwok retries when the connection is refused, on timeouts, 429 and 503. Here also when a connection breaks, on every 5xx (an etcd
    that changes its leader is a 500), and on 401, which says nothing of the object: credentials are renewed while this process runs.
    """
    return isinstance(error, Unreachable | Timeout | TooManyRequests | ServerError | Unauthorized)


def _class_of(status: int, reason: str) -> type[ApiError]:
    return _BY_REASON.get(reason) or _BY_STATUS.get(status) or (ServerError if status >= 500 else ApiError)
