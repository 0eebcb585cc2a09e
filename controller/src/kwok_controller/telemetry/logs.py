# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Structured logs on the standard library's `logging`: a message and fields.

As in the Go kwok, a terminal gets text and everything else one JSON object a line; ``-v`` takes the levels of Go's log/slog.
Secrets never get out: fields that are named like one, bearer tokens, JWTs and private keys are replaced in every line, whoever wrote it.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TextIO

import orjson

LogFormat = Literal["auto", "text", "json"]

REDACTED = "[redacted]"

# The levels of log/slog, as numbers and names of `-v`, and those of `logging`.
_LEVELS = {"DEBUG": -4, "INFO": 0, "WARN": 4, "ERROR": 8}
_NAMES = {logging.DEBUG: "DEBUG", logging.INFO: "INFO", logging.WARNING: "WARN", logging.ERROR: "ERROR", logging.CRITICAL: "ERROR"}
_COLOURS = {"DEBUG": "\x1b[36m", "WARN": "\x1b[33m", "ERROR": "\x1b[31m"}

_LEVEL = re.compile(r"(?P<name>[A-Za-z]+)?(?P<offset>[+-]?[0-9]+)?")
_PLAIN = re.compile(r"[-./0-9:A-Z_a-z]+")
_SECRET_FIELD = re.compile(r"token|password|passwd|secret|authorization|private.?key|key.?data|credential", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"(?P<scheme>\b(?:Bearer|Authorization:?\s*Basic)\s+)[A-Za-z0-9._~+/=-]{16,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[^\"]*",
    re.IGNORECASE,
)
_STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "fields", "taskName"}


def parse_level(text: str) -> int:
    """A level of `-v` as slog's number: ``-4``, ``debug``, ``INFO``, ``warn+1``.

    Raises:
        ValueError: it is none; the message says what may stand there.
    """
    match = _LEVEL.fullmatch(text.strip())
    name = (match["name"] or "INFO").upper() if match and text.strip() else ""
    if match is None or name not in _LEVELS:
        raise ValueError(f"{text!r} is no log level: give DEBUG, INFO, WARN or ERROR, or a number (-4, 0, 4, 8; smaller says more)")
    return _LEVELS[name] + int(match["offset"] or 0)


def to_logging_level(level: int) -> int:
    """The level of `logging` for a number of slog: 4 there are 10 here. Never 0, which would mean that none is set."""
    return max(1, round(logging.INFO + level * 2.5))


class Logger:
    """Writes messages with fields. What is not shown costs one comparison."""

    __slots__ = ("_fields", "_logger")

    def __init__(self, logger: logging.Logger, fields: Mapping[str, object] | None = None) -> None:
        self._logger = logger
        self._fields = dict(fields or {})

    def bind(self, **fields: object) -> Logger:
        """A logger that adds `fields` to every line."""
        return Logger(self._logger, {**self._fields, **fields})

    def enabled(self, level: int) -> bool:
        """Whether lines of a level of `logging` are shown: ask before gathering fields that cost something."""
        return self._logger.isEnabledFor(level)

    def debug(self, message: str, /, **fields: object) -> None:
        """Write what helps to find an error."""
        self._log(logging.DEBUG, message, fields)

    def info(self, message: str, /, **fields: object) -> None:
        """Write what happened."""
        self._log(logging.INFO, message, fields)

    def warning(self, message: str, /, **fields: object) -> None:
        """Write what somebody should look at."""
        self._log(logging.WARNING, message, fields)

    def error(self, message: str, /, **fields: object) -> None:
        """Write what went wrong."""
        self._log(logging.ERROR, message, fields)

    def _log(self, level: int, message: str, fields: Mapping[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", message, extra={"fields": {**fields, **self._fields}})


def get_logger(name: str, **fields: object) -> Logger:
    """The logger of a module (``__name__``)."""
    return Logger(logging.getLogger(name), fields)


def configure(level: int = 0, log_format: LogFormat = "auto", stream: TextIO | None = None, **fields: object) -> None:
    """Write all logs of the process to `stream` (standard error).

    Args:
        level: slog's number, see `parse_level`.
        log_format: ``auto`` is text for a terminal and JSON for everything else.
        stream: where to.
        fields: added to every line.
    """
    stream = stream if stream is not None else sys.stderr
    terminal = stream.isatty()
    handler = logging.StreamHandler(stream)
    if log_format == "json" or (log_format == "auto" and not terminal):
        handler.setFormatter(JsonFormatter(fields))
    else:
        handler.setFormatter(TextFormatter(fields, colour=terminal))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(to_logging_level(level))
    # Those of libraries tell about every connection when they say anything below a warning.
    for name in ("asyncio", "grpc", "opentelemetry", "uvicorn"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def redact(text: str) -> str:
    """`text` without tokens and private keys."""
    return _SECRET_TEXT.sub(lambda match: f"{match['scheme'] or ''}{REDACTED}", text)


def _fields_of(record: logging.LogRecord, constant: Mapping[str, object]) -> dict[str, object]:
    """Fields of a line: our own, those given by `extra=`, and those of every line, without what is named like a secret."""
    fields: dict[str, object] = dict(getattr(record, "fields", ()))
    fields.update((name, value) for name, value in vars(record).items() if name not in _STANDARD_ATTRIBUTES)
    fields.update(constant)
    for name in fields:
        if _SECRET_FIELD.search(name):
            fields[name] = REDACTED
    return fields


def _level_name(record: logging.LogRecord) -> str:
    return _NAMES.get(record.levelno, record.levelname)


def _as_text(value: object) -> str:
    """`value` as text that can be encoded. An error without text is known by its type, as is what has no text at all."""
    try:
        text = str(value)
    except Exception:  # a line of a log must not be what ends the work
        text = ""
    return text.encode("utf-8", "backslashreplace").decode() or type(value).__name__


def _encode(value: object) -> str:
    """`value` as JSON, or as a JSON string of its text where orjson refuses it (deep nesting, huge integers, lone surrogates)."""
    try:
        return orjson.dumps(value, default=_as_text, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:
        return orjson.dumps(_as_text(value)).decode()


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, msg, then the fields."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        super().__init__()
        self._constant = fields

    def format(self, record: logging.LogRecord) -> str:
        """The line of `record`."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "level": _level_name(record),
            "msg": record.getMessage(),
        }
        for name, value in _fields_of(record, self._constant).items():
            line.setdefault(name, value)
        if record.exc_info:
            line["stacktrace"] = self.formatException(record.exc_info)
        return redact("{" + ",".join(f"{_encode(str(name))}:{_encode(value)}" for name, value in line.items()) + "}")


class TextFormatter(logging.Formatter):
    """Level, message and ``key=value``, for people."""

    def __init__(self, fields: Mapping[str, object], *, colour: bool = False) -> None:
        super().__init__()
        self._constant = fields
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """The line of `record`."""
        level = _level_name(record)
        shown = f"{_COLOURS[level]}{level}\x1b[0m" if self._colour and level in _COLOURS else level
        fields = [f"{name}={_text_value(value)}" for name, value in _fields_of(record, self._constant).items()]
        message = record.getMessage()
        line = " ".join((shown, message if message.isprintable() else _encode(message), *fields))
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return redact(line)


def _text_value(value: object) -> str:
    if isinstance(value, BaseException):
        value = _as_text(value)
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) else _encode(value)
    return _encode(value)
