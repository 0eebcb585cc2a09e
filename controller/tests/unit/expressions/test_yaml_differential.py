# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""YAML is read as `sigs.k8s.io/yaml` reads it: over the written corpus, and over generated texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from go_oracle import GoOracle
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from kwok_controller.expressions.yaml import YamlError, load_yaml

CORPUS = Path(__file__).parent / "yaml_corpus"
SCALARS = (CORPUS / "scalars.txt").read_text(encoding="utf-8").splitlines()
DOCUMENTS = [json.loads(line) for line in (CORPUS / "documents.jsonl").read_text(encoding="utf-8").splitlines()]

# libyaml is newer than Go's translation of it: it takes `\/` in strings, as JSON does.
SLASH = '"\\/"'
# Go takes this for an empty list or mapping, and does not look at what follows.
NO_KEYS = ("[]", "{}")


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: numbers that a float cannot tell apart are one."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right or (abs(left) > 2**53 and float(left) == float(right))
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)


def check(oracle: GoOracle, text: str) -> None:
    wanted, error = oracle.ask(mode="yaml", source=text)
    try:
        got = load_yaml(text)
    except YamlError as refused:
        assert error, f"{text!r} gives {wanted!r} in Go; here: {refused}"
        return
    assert not error, f"{text!r} is wrong in Go ({error}), and gives {got!r} here"
    assert same(got, wanted), f"{text!r}: Go gives {wanted!r}, here {got!r}"


@pytest.mark.parametrize("scalar", [scalar for scalar in SCALARS if scalar != SLASH])
def test_scalars(kwok_oracle: GoOracle, scalar: str) -> None:
    check(kwok_oracle, f"k: {scalar}\n")
    check(kwok_oracle, f"- {scalar}\n")
    if scalar not in NO_KEYS:
        check(kwok_oracle, f"{scalar}: 1\n")


@pytest.mark.parametrize("text", DOCUMENTS)
def test_documents(kwok_oracle: GoOracle, text: str) -> None:
    check(kwok_oracle, text)


DASHES = st.lists(st.sampled_from(["- ", "- ", "-  ", "-   "]), max_size=2).map("".join)
KEYS = st.sampled_from(["a", "b", "c", '"d"', "'e'", "a.b/c", "y", "true", "1", "null", "x-y", "_z", "$k", "é"])
VALUES = st.sampled_from(["", "", *(scalar for scalar in SCALARS if scalar != SLASH and scalar not in NO_KEYS), "[]", "{}", "é"])
ENDS = st.sampled_from(["", "", "", "", " ", "  # c", "#c", "\t", "\n", "\n  ", "\n# c"])
LINES = st.one_of(
    st.builds(
        "{}{}{}{}{}{}".format,
        st.integers(0, 3).map(lambda n: "  " * n),
        DASHES,
        KEYS,
        st.sampled_from([": ", ": ", ":  ", ":"]),
        VALUES,
        ENDS,
    ),
    st.builds("{}{}{}{}".format, st.integers(0, 5).map(" ".__mul__), DASHES, VALUES, ENDS),
)


@example(lines=["a: ", "  null: ", "a: "], end="\n")
@example(lines=["a: ", "  null: ", "b: "], end="\n")
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(lines=st.lists(LINES, max_size=7), end=st.sampled_from(["\n", "", "\n\n", " "]))
def test_generated(kwok_oracle: GoOracle, lines: list[str], end: str) -> None:
    text = "\n".join(lines) + end
    assume(not text.lstrip().startswith(NO_KEYS))
    check(kwok_oracle, text)


PLAIN = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(value=PLAIN)
def test_json_is_yaml(value: Any) -> None:
    text = json.dumps(value)
    assume("\\ud" not in text)  # characters that JSON writes as two
    assert same(load_yaml(text), value)
    assert same(load_yaml(f"k: {text}\n"), {"k": value})


def test_of_keys_that_are_one_in_json_the_last_counts() -> None:
    # Go's YAML takes one or the other, as the order of its maps falls.
    assert load_yaml('1: a\n"1": b\n') == {"1": "b"}
