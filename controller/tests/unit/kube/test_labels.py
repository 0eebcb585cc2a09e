# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re

import pytest

from kwok_controller.kube.labels import SelectorError, parse_selector

LABELS = {"a": "1", "b": "", "example.com/c": "x-y_z.1", "in": "notin"}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("", True),
        ("  ", True),
        ("a", True),
        ("z", False),
        ("!a", False),
        ("! z", True),
        ("a=1", True),
        ("a==1", True),
        ("a = 2", False),
        ("z=1", False),
        # What is not there differs from every value.
        ("a!=1", False),
        ("a!=2", True),
        ("z!=1", True),
        ("b=", True),
        ("a=", False),
        ("a!=,b=", True),
        ("a in (1,2)", True),
        ("a in ( 2 , 3 )", False),
        ("z in (1)", False),
        ("a in(1)", True),
        ("b in (,1)", True),
        ("a notin (1)", False),
        ("a notin (2)", True),
        ("z notin (1)", True),
        ("a,b,example.com/c", True),
        ("a,z", False),
        ("example.com/c=x-y_z.1", True),
        ("a=1,b!=2,example.com/c in (x-y_z.1),!z", True),
        ("a=1,b!=2,example.com/c in (x-y_z.1),!a", False),
        # The words of the grammar are names, too, where a name stands.
        ("in in (notin)", True),
        ("in=in", False),
        ("a>0", True),
        ("a > 1", False),
        ("a<2", True),
        ("b<2", False),
        ("z<2", False),
    ],
)
def test_selectors(selector: str, selected: bool) -> None:
    assert parse_selector(selector)(LABELS) is selected


@pytest.mark.parametrize("labels", [None, {}])
def test_no_labels(labels: dict[str, str] | None) -> None:
    assert parse_selector("")(labels)
    assert parse_selector("!a")(labels)
    assert not parse_selector("a")(labels)
    assert parse_selector("a!=b,!c")(labels)


@pytest.mark.parametrize(
    ("selector", "problem"),
    [
        (",", "',' is no key"),
        ("a,", "it ends too early"),
        ("a b", "'b' is no operator"),
        ("a in", "'(' is missing"),
        ("a in x", "'(' is missing before 'x'"),
        ("a in (x", "',' is missing"),
        ("a in (x y)", "',' is missing before 'y'"),
        ("a=b c", "',' is missing before 'c'"),
        ("a=b=c", "',' is missing before '='"),
        ("=a", "'=' is no key"),
        ("!", "it ends too early"),
        ("-a", "'-a' is no key"),
        ("a/b/c", "'a/b/c' is no key"),
        ("A.B/c", "'A.B/c' is no key"),
        ("/c", "'/c' is no key"),
        ("a" * 64, "is no key"),
        ("a=b/c", "'b/c' is no value"),
        ("a=-b", "'-b' is no value"),
        ("a>b", "must be an integer"),
        ("a in ((x)", "'(' is no value"),
    ],
)
def test_what_is_no_selector(selector: str, problem: str) -> None:
    with pytest.raises(SelectorError, match=re.escape(problem)):
        parse_selector(selector)


def test_error_names_the_place() -> None:
    with pytest.raises(SelectorError) as caught:
        parse_selector("a=b, c d")
    assert str(caught.value) == "selector 'a=b, c d': 'd' is no operator; those are =, ==, !=, in, notin, < and > (at character 8)"


def test_annotations_have_values_of_any_form() -> None:
    text = "example.com/a=https://x/y"
    with pytest.raises(SelectorError):
        parse_selector(text)
    assert parse_selector(text, annotations=True)({"example.com/a": "https://x/y"})
