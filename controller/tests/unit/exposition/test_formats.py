# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kwok_controller.exposition.formats import Format, escape_help, escape_label, negotiate, openmetrics_number, text_number
from kwok_controller.expressions.gotemplate.strconv import format_float

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/plain", Format.TEXT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format.TEXT),
        (PROMETHEUS_3, Format.OPENMETRICS),
        ("application/openmetrics-text", Format.OPENMETRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", Format.OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"', Format.OPENMETRICS),
        ("application/openmetrics-text; version=0.0.1", Format.TEXT),
        ("application/openmetrics-text; version=2.0.0, text/plain; version=0.0.4; q=0.1", Format.TEXT),
        ("application/openmetrics-text;q=0.2, text/plain;q=0.3", Format.TEXT),
        ("text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0", Format.OPENMETRICS),
        ("text/plain, application/openmetrics-text", Format.TEXT),
        ("application/openmetrics-text, text/plain", Format.OPENMETRICS),
        ("application/openmetrics-text;q=0, text/plain;q=0", Format.TEXT),
        ("*/*, application/openmetrics-text;q=0.9", Format.TEXT),
        ("text/*;q=0.3, application/openmetrics-text;q=0.9", Format.OPENMETRICS),
        ("application/openmetrics-text;q=high, text/plain;q=0.9", Format.OPENMETRICS),
        ("application/openmetrics-text;q=nan, text/plain", Format.OPENMETRICS),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", Format.TEXT),
        (",;,=;q", Format.TEXT),
    ],
)
def test_the_format_is_the_one_that_the_client_prefers(accept: str, format: Format) -> None:
    assert negotiate(accept) is format


@given(st.text())
def test_any_header_gets_an_answer(accept: str) -> None:
    assert negotiate(accept) in Format


@pytest.mark.parametrize(
    ("value", "text", "openmetrics"),
    [
        (0.0, "0", "0.0"),
        (-0.0, "0", "0.0"),
        (1.0, "1", "1.0"),
        (-1.0, "-1", "-1.0"),
        (0.25, "0.25", "0.25"),
        (999999.0, "999999", "999999.0"),
        (1e6, "1e+06", "1e+06"),
        (1234567.0, "1.234567e+06", "1.234567e+06"),
        (-1234567.5, "-1.2345675e+06", "-1.2345675e+06"),
        (5368709120.0, "5.36870912e+09", "5.36870912e+09"),
        (9007199254740995.0, "9.007199254740996e+15", "9.007199254740996e+15"),
        (9e15, "9e+15", "9e+15"),
        (1e21, "1e+21", "1e+21"),
        (0.0001, "0.0001", "0.0001"),
        (0.00001, "1e-05", "1e-05"),
        (math.inf, "+Inf", "+Inf"),
        (-math.inf, "-Inf", "-Inf"),
        (math.nan, "NaN", "NaN"),
    ],
)
def test_numbers_are_written_as_the_go_client_does(value: float, text: str, openmetrics: str) -> None:
    assert text_number(value) == text
    assert openmetrics_number(value) == openmetrics


@given(st.one_of(st.floats(), st.integers(-(2**60), 2**60).map(float), st.decimals(-(10**9), 10**9, places=3).map(float)))
@example(2.0**53)
@example(-(2.0**53))
def test_numbers_are_the_shortest_that_read_back_the_same(value: float) -> None:
    text = text_number(value)
    if value:
        assert text == format_float(value)
    if value == value:
        assert float(text) == value
        assert float(openmetrics_number(value)) == value


def test_what_would_end_a_label_or_a_help_text_is_escaped() -> None:
    assert escape_label('a\\b"c\nd') == 'a\\\\b\\"c\\nd'
    assert escape_help('a\\b"c\nd', Format.TEXT) == 'a\\\\b"c\\nd'
    assert escape_help('a\\b"c\nd', Format.OPENMETRICS) == 'a\\\\b\\"c\\nd'
