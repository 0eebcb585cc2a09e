# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Quantities: the same as k8s.io/apimachinery's."""

from __future__ import annotations

import pytest
from go_oracle import GoOracle
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kwok_controller.expressions.quantity import Quantity, QuantityError, parse_quantity

SUFFIXES = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "E-3", "e+6", "e2", "e-1", "e-12"]
SIGNS = st.sampled_from(["", "-", "+"])
NUMBERS = st.one_of(
    st.integers(0, 5000).map(str),
    st.integers(0, 10**12).map(str),
    st.decimals(0, 10**6, allow_nan=False, places=9).map("{:f}".format),
    st.sampled_from(["0", "1024", "1023", "1048576", "0.1", "1.5", ".5", "5."]),
)
QUANTITIES = st.tuples(SIGNS, NUMBERS, st.sampled_from(SUFFIXES)).map("".join)
# Go's numbers wrap beyond, or lose their suffix.
LARGEST = 9 * 10**18


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(QUANTITIES, QUANTITIES)
def test_the_same_as_in_go(kwok_oracle: GoOracle, text: str, other: str) -> None:
    quantity, another = parse_quantity(text), parse_quantity(other)
    assume(abs(float(quantity)) < LARGEST and abs(float(another)) < LARGEST)
    wanted, error = kwok_oracle.ask(mode="quantity", source=text, other=other)
    assert wanted, error
    # Go keeps the text that it has read of some quantities, whatever it is: "0k".
    if wanted["text"] != text:
        assert str(quantity) == wanted["text"]
    # Go rounds some negative ones up to 1: the whole units of -0.000000001n, for one.
    if quantity.nanos >= 0:
        assert quantity.value == wanted["value"]
    if 0 <= float(quantity) < LARGEST / 1000:
        assert quantity.milli_value == wanted["milli"]
    assert (quantity.nanos > 0) - (quantity.nanos < 0) == wanted["sign"]
    assert float(quantity) == pytest.approx(float(wanted["float"]), rel=1e-12)
    assert (quantity > another) - (quantity < another) == wanted["compared"]
    assert parse_quantity(str(quantity + another)) == parse_quantity(wanted["sum"])
    assert parse_quantity(str(quantity - another)) == parse_quantity(wanted["difference"])
    assert parse_quantity(str(-quantity)) == parse_quantity(wanted["negated"])


@pytest.mark.parametrize("text", ["m", "Ki", "+", "-"])
def test_no_digits_are_0_as_in_go(kwok_oracle: GoOracle, text: str) -> None:
    wanted, error = kwok_oracle.ask(mode="quantity", source=text)
    assert wanted, error
    assert (wanted["value"], parse_quantity(text)) == (0, Quantity(0))


NO_QUANTITIES = ("", " ", " 1", "1 ", "x", "--1", "+-1", "1.2.3", "1e", "1Ee3", "1e3k", "1i", "1gi", "1GI", "1K", "1_0", "0x1", "1,5")


@pytest.mark.parametrize("text", NO_QUANTITIES)
def test_what_is_no_quantity(kwok_oracle: GoOracle, text: str) -> None:
    assert kwok_oracle.ask(mode="quantity", source=text)[0] is None
    with pytest.raises(QuantityError, match="is no quantity"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1024Ki", "1Mi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Ki", "512"),
        ("1500k", "1500k"),
        ("12e6", "12e6"),
        ("0.0000000001", "1n"),
        ("-1.5", "-1500m"),
        ("8Ei", "9223372036854775807"),
        ("0Gi", "0"),
    ],
)
def test_canonical_texts(text: str, canonical: str) -> None:
    assert str(parse_quantity(text)) == canonical


@pytest.mark.parametrize(
    ("text", "units", "thousandths"), [("-1.5", -2, -1500), ("-1500u", -1, -2), ("-0.4", -1, -400), ("-2", -2, -2000), ("1u", 1, 1)]
)
def test_units_are_rounded_away_from_zero(kwok_oracle: GoOracle, text: str, units: int, thousandths: int) -> None:
    wanted, error = kwok_oracle.ask(mode="quantity", source=text)
    assert wanted, error
    quantity = parse_quantity(text)
    assert (quantity.value, quantity.milli_value) == (wanted["value"], wanted["milli"]) == (units, thousandths)


def test_equal_quantities_are_one_in_a_set() -> None:
    assert len({parse_quantity("1"), parse_quantity("1000m"), parse_quantity("1e0")}) == 1


def test_huge_exponents_take_no_time() -> None:
    assert float(parse_quantity("-1e99999999999")) == float("-inf")
    assert parse_quantity("1e-99999999999") == Quantity(1)
