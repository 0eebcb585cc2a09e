# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The parts below the templates, each for itself: text of numbers and strings, printing, values, time, JSON, YAML, expressions, chance."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwok_controller.expressions.gotemplate import TemplateLimitError, TemplateSyntaxError, compile_template, kwok_functions
from kwok_controller.expressions.gotemplate import values as go
from kwok_controller.expressions.gotemplate.builtins import equal, index, lt
from kwok_controller.expressions.gotemplate.errors import FunctionError, LimitExceeded
from kwok_controller.expressions.gotemplate.formatting import sprint, sprintf, sprintln, to_text
from kwok_controller.expressions.gotemplate.gojson import decode, encode, to_yaml
from kwok_controller.expressions.gotemplate.gotime import (
    SECOND,
    UTC,
    Duration,
    GoTime,
    Location,
    fixed,
    format_duration,
    parse_duration,
    parse_time,
)
from kwok_controller.expressions.gotemplate.kwok import format_now, quote_json
from kwok_controller.expressions.gotemplate.limits import Limits, Runtime
from kwok_controller.expressions.gotemplate.regexp import RegexError, compile_regex
from kwok_controller.expressions.gotemplate.sprig.dates import load_zone
from kwok_controller.expressions.gotemplate.sprig.semver import parse_version
from kwok_controller.expressions.gotemplate.strconv import (
    byte_len,
    byte_slice,
    format_float,
    from_bytes,
    parse_float,
    parse_int,
    quote,
    to_bytes,
    unquote,
    valid_text,
)


def runtime(**limits: int) -> Runtime:
    return Runtime(Limits(**limits))


# Text of numbers and strings.


@given(st.binary(max_size=20))
def test_strings_are_bytes(data: bytes) -> None:
    text = from_bytes(data)
    assert to_bytes(text) == data
    assert byte_len(text) == len(data)
    assert to_bytes(byte_slice(text, 1, len(data))) == data[1:]
    valid_text(text).encode()


def test_lone_surrogates_become_replacements() -> None:
    assert to_bytes("\ud800a") == "\ufffda".encode()
    assert valid_text("\ud800\udcff") == "\ufffd\ufffd"


@given(st.text(max_size=10))
def test_quoting_can_be_undone(text: str) -> None:
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert unquote(quote(text)) == text
        assert unquote(quote(text, ascii_only=True)) == text
        assert quote(text, ascii_only=True).isascii()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_read_back(value: float) -> None:
    for verb in "gefx":
        assert parse_float(format_float(value, verb)) == value


@pytest.mark.parametrize(
    ("value", "verb", "precision", "text"),
    [
        (1e6, "g", -1, "1e+06"),
        (123456.0, "g", -1, "123456"),
        (2.5, "f", 0, "2"),
        (0.1, "f", 20, "0.10000000000000000555"),
        (1.0, "x", -1, "0x1p+00"),
        (-0.0, "g", -1, "-0"),
        (math.inf, "f", 2, "+Inf"),
        (math.nan, "e", -1, "NaN"),
        (1.5, "b", -1, "6755399441055744p-52"),
        (1.999, "x", 1, "0x1.0p+01"),
    ],
)
def test_floats(value: float, verb: str, precision: int, text: str) -> None:
    assert format_float(value, verb, precision) == text


@pytest.mark.parametrize(
    ("text", "base", "value"), [("0x1f", 0, 31), ("-0b11", 0, -3), ("017", 0, 15), ("1_000", 0, 1000), ("ff", 16, 255), ("+7", 10, 7)]
)
def test_integers(text: str, base: int, value: int) -> None:
    assert parse_int(text, base) == value


@pytest.mark.parametrize("text", ["", "-", "1_", "_1", "1__0", "0x", "08", "9223372036854775808", "1.0", " 1", "٣", "9" * 5000])
def test_no_integers(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid syntax|out of range"):
        parse_int(text, 0)


# Values and printing.


def test_names_of_types() -> None:
    samples: list[Any] = [None, True, 1, 1.5, "a", go.Number("1"), go.Int64(1), [], {}, go.StringList(), b""]
    assert [go.type_name(value) for value in samples] == [
        *("<nil>", "bool", "int", "float64", "string", "json.Number", "int64"),
        *("[]interface {}", "map[string]interface {}", "[]string", "[]uint8"),
    ]
    samples = [go.MISSING, go.Number("1"), GoTime(), parse_version("1")]
    assert [go.kind_name(value) for value in samples] == ["invalid", "string", "struct", "ptr"]


def test_elements_of_data_become_numbers() -> None:
    data = [1, 2.5, "a", True]
    assert [type(value) for value in go.elements(data)] == [go.Number, go.Number, str, bool]
    assert go.elements(go.GoList(data)) == data
    assert type(go.lookup({"a": 1}, "a")) is go.Number
    assert go.lookup({"a": 1}, "b") is go.MISSING
    assert [type(value) for _, value in go.items({"b": 1, "a": "x"})] == [str, go.Number]


def test_truth() -> None:
    false: list[Any] = [0, 0.0, "", [], {}, None, go.MISSING, False]
    true: list[Any] = [1, 0.5, go.Number("0"), [0], {"a": 0}, GoTime(), True]
    assert not any(map(go.truth, false))
    assert all(map(go.truth, true))


def test_wrap() -> None:
    assert go.wrap(1 << 63) == -(1 << 63)
    assert go.wrap(-1, 8, signed=False) == 255


def test_equality() -> None:
    assert equal(1, go.Int64(1))
    assert equal(go.Uint8(97), 97)
    assert equal("3", go.Number("3"))
    assert equal(None, go.nil_list())
    assert not equal(None, go.GoList())
    with pytest.raises(FunctionError):
        equal(1, "1")
    with pytest.raises(FunctionError):
        lt([1], [2])


def test_index_of_bytes() -> None:
    assert (index("é", 1), go.type_name(index("é", 1))) == (0xA9, "uint8")
    with pytest.raises(FunctionError):
        index("é", 2)


def test_print() -> None:
    assert sprint(runtime(), [1, 2, "a", 3, None]) == "1 2a3 <nil>"
    assert sprintln(runtime(), ["a", None]) == "a <nil>\n"
    assert to_text(runtime(), {"b": 1, "a": [None, 2.5]}) == "map[a:[<nil> 2.5] b:1]"
    assert sprintf(runtime(), "%05.2f|%-4d|%x", [3.14159, 7, "hi"]) == "03.14|7   |6869"
    assert sprintf(runtime(), "%d %s", ["x"]) == "%!d(string=x) %!s(MISSING)"


def test_print_within_bounds() -> None:
    for form, args in (
        ("%100d", [1]),
        ("%.100d", [1]),
        ("%.100f", [1.5]),
        ("%-100v", ["a"]),
        ("%s%s", ["x" * 40, "y" * 40]),
        ("%x", ["x" * 60]),
    ):
        with pytest.raises(LimitExceeded):
            sprintf(runtime(value=64), form, args)


# Time.


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1h30m", 5400 * SECOND),
        ("-1.5s", -1_500_000_000),
        ("1us", 1000),
        ("0", 0),
        ("1m1ms", 60_001_000_000),
        (".5h", 1800 * SECOND),
        ("1ns", 1),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds
    assert parse_duration(format_duration(nanoseconds)) == nanoseconds


@pytest.mark.parametrize("text", ["", "1", "x", "1x", "-", ".s", "1h-2m", "9999999h"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="time: "):
        parse_duration(text)


def test_duration_as_a_value() -> None:
    assert to_text(runtime(), Duration(90 * SECOND)) == "1m30s"


@given(st.integers(-62_135_596_800, 253_402_300_799), st.integers(0, SECOND - 1), st.integers(-14 * 60, 14 * 60))
def test_times_read_back(seconds: int, nano: int, offset: int) -> None:
    layout = "2006-01-02T15:04:05.999999999Z07:00"
    text = GoTime(seconds * SECOND + nano, fixed("", offset * 60)).format(layout)
    if not text.startswith(("-", "0000", "10000")):
        assert parse_time(layout, text).nanoseconds == seconds * SECOND + nano


@given(st.integers(0, 253_402_300_799 * SECOND))
def test_now_is_the_same_both_ways(nanoseconds: int) -> None:
    assert format_now(nanoseconds) == format_now(nanoseconds, Location("UTC"))


def test_zones() -> None:
    summer = 1_720_000_000 * SECOND
    assert GoTime(summer, load_zone("Europe/Paris")).format("15:04 MST -0700") == "11:46 CEST +0200"
    assert GoTime(summer, UTC).format("Z07:00") == "Z"
    with pytest.raises(LookupError):
        load_zone("Nowhere/Nope")
    with pytest.raises(LookupError):
        load_zone("../etc/passwd")


# JSON and YAML.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc \n:#-1", max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_json_reads_back(value: Any) -> None:
    assert decode(encode(runtime(), value)) == value
    assert decode(encode(runtime(), value, indent="  ")) == value


@given(JSON)
def test_yaml_reads_back(value: Any) -> None:
    yaml = pytest.importorskip("yaml")
    text = to_yaml(runtime(), value)
    # PyYAML has more to say on some characters and plain scalars than the Go library; what is compared is what both take.
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        return
    if not any(mark in text for mark in ("\\", "? ", "=")):
        assert read == value


def test_json_of_what_it_cannot_hold() -> None:
    with pytest.raises(FunctionError):
        encode(runtime(), math.inf)
    with pytest.raises(FunctionError):
        encode(runtime(), 1j)
    with pytest.raises(ValueError, match="invalid"):
        decode("NaN")


def test_quote_of_kwok() -> None:
    assert quote_json(runtime(), 'a"<') == '"a\\"\\u003c"'
    assert quote_json(runtime(), {"a": 1}) == '"{\\"a\\":1}"'


# Regular expressions.


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("a|ab", "ab", "a"),
        ("a*", "baa", ""),
        ("(?i)É+", "xéÉ", "éÉ"),
        (r"\bfoo\b", "a foo", "foo"),
        ("[^a-c]+", "abcxyz", "xyz"),
        ("x{2,3}?", "xxxx", "xx"),
    ],
)
def test_regex(pattern: str, text: str, found: str) -> None:
    match = compile_regex(pattern).match(runtime(), text)
    assert match is not None
    assert text[match[0] : match[1]] == found


@pytest.mark.parametrize(
    "pattern",
    ["(", "a**", "[b-a]", r"\1", "(?=a)", "a{1001}", "(a{500}){500}", "(" * 200 + ")" * 200, r"\p{Greek}", "(?:(?:a{1000})|b){1000}"],
)
def test_no_regex(pattern: str) -> None:
    with pytest.raises(RegexError):
        compile_regex(pattern)


def test_regex_takes_linear_time() -> None:
    assert compile_regex("(a+)+$").match(runtime(), "a" * 2000 + "b") is None
    with pytest.raises(LimitExceeded):
        compile_regex("(x*)*y").match(runtime(steps=100), "x" * 10_000)


# Functions that get what they need from the caller.


def with_kwok(source: str, **options: Any) -> str:
    return compile_template(source, kwok_functions(**options)).render({})


def test_time_of_day() -> None:
    now = 1_700_000_000_123_000_000
    assert with_kwok("{{ Now }} {{ StartTime }}", now=lambda: now, start=0) == "2023-11-14T22:13:20.123Z 1970-01-01T00:00:00Z"
    assert with_kwok('{{ now.Year }} {{ date "15:04" now }} {{ ago (now.AddDate 0 0 -1) }}', now=lambda: now) == "2023 22:13 24h0m0s"
    assert with_kwok("{{ durationRound (now.AddDate 0 0 -3) }}", now=lambda: now) == "3d"
    for source in ("{{ Now }}", "{{ now }}", "{{ StartTime }}", "{{ Version }}"):
        with pytest.raises(TemplateSyntaxError, match="is not available"):
            with_kwok(source)


def test_local_zone() -> None:
    assert with_kwok('{{ Now }} {{ date "15:04" 0 }}', now=lambda: 0, local=load_zone("Asia/Tokyo")) == "1970-01-01T09:00:00+09:00 09:00"


def test_chance_comes_from_the_caller() -> None:
    source = "{{ randInt 1 9 }} {{ randAlphaNum 5 }} {{ randAlpha 5 }} {{ randNumeric 5 }} {{ randAscii 5 | len }}"
    source += '{{ randBytes 4 }} {{ uuidv4 }} {{ shuffle "abc" }}'
    first, again, other = (with_kwok(source, random=Random(seed)) for seed in (1, 1, 2))
    assert first == again != other
    with pytest.raises(TemplateLimitError):
        with_kwok("{{ randAlpha 1000000000 }}", random=Random(1))


def test_version_and_conditions() -> None:
    assert with_kwok("{{ Version }}", version="1.2.3") == "1.2.3"
    assert with_kwok("{{ range NodeConditions }}{{ .type }}={{ .status }} {{ end }}").startswith("Ready=True MemoryPressure=False ")
