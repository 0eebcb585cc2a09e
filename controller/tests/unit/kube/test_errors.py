# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import email.utils
import time

import orjson
import pytest

from kwok_controller.kube import errors
from kwok_controller.kube.errors import error_of, error_of_status, parse_retry_after, retryable


@pytest.mark.parametrize(
    ("status", "reason", "kind", "again"),
    [
        (400, "BadRequest", errors.Invalid, False),
        (401, "Unauthorized", errors.Unauthorized, True),
        (403, "Forbidden", errors.Forbidden, False),
        (404, "NotFound", errors.NotFound, False),
        (405, "MethodNotAllowed", errors.ApiError, False),
        (409, "Conflict", errors.Conflict, False),
        (409, "AlreadyExists", errors.AlreadyExists, False),
        (410, "Expired", errors.Gone, False),
        (410, "Gone", errors.Gone, False),
        (422, "Invalid", errors.Invalid, False),
        (429, "TooManyRequests", errors.TooManyRequests, True),
        (500, "InternalError", errors.ServerError, True),
        (500, "ServerTimeout", errors.Timeout, True),
        (502, "", errors.ServiceUnavailable, True),
        (503, "ServiceUnavailable", errors.ServiceUnavailable, True),
        (504, "Timeout", errors.Timeout, True),
    ],
)
def test_status_objects(status: int, reason: str, kind: type[errors.ApiError], again: bool) -> None:
    body = orjson.dumps({"kind": "Status", "code": status, "reason": reason, "message": "m", "details": {"name": "x"}})
    error = error_of(status, body, request="GET /x")
    assert type(error) is kind
    assert retryable(error) is again
    assert (error.status, error.reason, error.message, error.details) == (status, reason, "m", {"name": "x"})
    assert str(error) == f"GET /x: m (HTTP {status}{' ' + reason if reason else ''})"


@pytest.mark.parametrize(
    ("body", "message"), [(b"", "the answer has no body"), (b"<html>", "<html>"), (b'"text"', '"text"'), (b"\xff", "\ufffd")]
)
def test_answers_of_intermediates(body: bytes, message: str) -> None:
    error = error_of(503, body, retry_after="7")
    assert isinstance(error, errors.ServiceUnavailable)
    assert (error.message, error.retry_after) == (message, 7.0)


def test_connections_that_break_are_tried_again() -> None:
    assert retryable(errors.Unreachable("x"))
    assert retryable(errors.TLSFailed("x"))
    assert retryable(errors.Timeout("x"))
    assert not retryable(ValueError("x"))


def test_error_event() -> None:
    error = error_of_status({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old", "details": {"retryAfterSeconds": 3}})
    assert isinstance(error, errors.Gone)
    assert (error.status, error.retry_after) == (410, 3.0)


def test_error_event_that_says_little() -> None:
    error = error_of_status({"kind": "Status"})
    assert isinstance(error, errors.ServerError)
    assert error.message == "no message"


@pytest.mark.parametrize(("value", "seconds"), [(None, None), ("", None), ("2", 2.0), ("0.5", 0.5), ("-1", 0.0), ("soon", None)])
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value) == seconds


def test_retry_after_as_a_date() -> None:
    seconds = parse_retry_after(email.utils.formatdate(time.time() + 60, usegmt=True))
    assert seconds is not None
    assert 50 < seconds <= 60
