# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from kwok_controller.telemetry.logs import LogFormat, configure, get_logger, parse_level, redact, to_logging_level


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(
    ("text", "level"),
    [("debug", -4), ("DEBUG", -4), ("Info", 0), ("warn", 4), ("ERROR", 8), ("-4", -4), ("0", 0), ("8", 8), ("+2", 2), ("warn+1", 5)],
)
def test_levels_are_those_of_slog(text: str, level: int) -> None:
    assert parse_level(text) == level


@pytest.mark.parametrize("text", ["", " ", "verbose", "1.5", "debug+", "--4", "4debug"])
def test_another_level_is_refused_with_what_may_stand_there(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no log level: give DEBUG, INFO, WARN or ERROR, or a number"):
        parse_level(text)


@pytest.mark.parametrize(
    ("level", "expected"), [(-4, logging.DEBUG), (0, logging.INFO), (4, logging.WARNING), (8, logging.ERROR), (-100, 1)]
)
def test_levels_become_those_of_logging(level: int, expected: int) -> None:
    assert to_logging_level(level) == expected


def written(log_format: LogFormat, level: int = 0, stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO()
    configure(level, log_format, stream, id="host_1")
    log = get_logger("kwok_controller.test").bind(stage="pod-ready")
    log.debug("Not important")
    log.info("Played", seconds=0.25, pod="default/web 1", names=["a", "b"])
    log.warning("Odd\nmessage", err=ValueError("no such thing"), other=KeyError())
    return stream.getvalue()


def test_json_is_one_object_a_line() -> None:
    lines = [json.loads(line) for line in written("json").splitlines()]
    assert [line["level"] for line in lines] == ["INFO", "WARN"]
    assert lines[0] | {"time": ""} == {
        "time": "", "level": "INFO", "msg": "Played", "seconds": 0.25, "pod": "default/web 1", "names": ["a", "b"], "stage": "pod-ready",
        "id": "host_1",
    }  # fmt: skip
    assert lines[0]["time"].endswith("Z")
    assert lines[1]["msg"] == "Odd\nmessage"
    assert (lines[1]["err"], lines[1]["other"]) == ("no such thing", "KeyError")


def test_text_is_level_message_and_fields_on_one_line() -> None:
    assert written("text").splitlines() == [
        'INFO Played seconds=0.25 pod="default/web 1" names=["a","b"] stage=pod-ready id=host_1',
        'WARN "Odd\\nmessage" err="no such thing" other=KeyError stage=pod-ready id=host_1',
    ]


def test_a_terminal_gets_text_and_a_pipe_json() -> None:
    assert "\x1b[33mWARN\x1b[0m" in written("auto", stream=Terminal())
    assert json.loads(written("auto").splitlines()[0])["msg"] == "Played"


def test_the_level_decides_what_is_shown() -> None:
    assert "Not important" in written("text", level=-4)
    assert written("text", level=8) == ""
    assert get_logger("x").enabled(logging.ERROR)
    assert not get_logger("x").enabled(logging.INFO)


def test_lines_of_the_standard_library_have_the_same_form() -> None:
    stream = io.StringIO()
    configure(0, "json", stream)
    try:
        raise OSError("broken")
    except OSError:
        logging.getLogger("somewhere.else").exception("Failed %d times", 3, extra={"resource": "pods"})
    line = json.loads(stream.getvalue())
    assert (line["msg"], line["resource"], line["level"]) == ("Failed 3 times", "pods", "ERROR")
    assert "OSError: broken" in line["stacktrace"]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_secrets_never_get_out(log_format: LogFormat) -> None:
    stream = io.StringIO()
    configure(-4, log_format, stream)
    log = get_logger("t")
    jwt = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl"
    key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEI\n-----END EC PRIVATE KEY-----"
    log.info(
        f"Sent Authorization: Bearer {'s3cr3t' * 5} to the server", token="s3cr3t-token", client_key_data="s3cr3t-key", err=ValueError(key)
    )
    log.info("Account", jwt=jwt, nested={"headers": [f"Bearer {'s3cr3t' * 5}"]})
    text = stream.getvalue()
    for secret in ("s3cr3t", jwt, "MHcCAQEEI", "c2lnbmF0dXJl"):
        assert secret not in text
    if log_format == "json":
        assert [json.loads(line)["msg"] for line in text.splitlines()] == ["Sent Authorization: Bearer [redacted] to the server", "Account"]


def test_what_is_no_secret_stays() -> None:
    assert redact("Basic settings; bearer of news; eyJ is how JSON begins") == "Basic settings; bearer of news; eyJ is how JSON begins"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_any_value_can_be_written(log_format: LogFormat) -> None:
    stream = io.StringIO()
    configure(0, log_format, stream)
    nested: list[object] = []
    for _ in range(2000):
        nested = [nested]
    get_logger("t").info("Odd values", huge=1 << 80, lone="\ud800", deep=nested, raw=b"\xff", keys={1: object()})
    assert "Odd values" in stream.getvalue()
    if log_format == "json":
        assert json.loads(stream.getvalue())["huge"] == str(1 << 80)
