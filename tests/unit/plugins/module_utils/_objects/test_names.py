# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of objects."""

from __future__ import annotations

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._objects.names import check_format, check_label_value, name_of


@pytest.mark.parametrize(
    ("text", "index", "name"), [("pool-%d", 7, "pool-7"), ("p%03d.example", 7, "p007.example"), ("%04d", 12345, "12345"), ("one", 0, "one")]
)
def test_names(text: str, index: int, name: str) -> None:
    check_format(text, 1, "name_format")
    assert name_of(text, index) == name


@pytest.mark.parametrize(
    ("text", "count", "message"),
    [
        ("a-%s", 1, "is no format"),
        ("a-%d-%d", 1, "is no format"),
        ("100%", 1, "is no format"),
        ("same", 2, "would give all 2 objects the same name"),
        ("Upper-%d", 1, "cannot be an object's name"),
        ("-%d", 1, "cannot be an object's name"),
        ("a..%d", 1, "cannot be an object's name"),
        ("x" * 253 + "%d", 1, "cannot be an object's name"),
        ("x" * 252 + "%d", 11, "cannot be an object's name"),
    ],
)
def test_bad_formats(text: str, count: int, message: str) -> None:
    with pytest.raises(SimError, match=message) as caught:
        check_format(text, count, "name_format", "group a: ")
    assert caught.value.option == "name_format"
    assert caught.value.remedy


def test_label_values() -> None:
    for value in ("", "a", "eu-1.a_B", "x" * 63):
        check_label_value(value, "zones")
    for value in ("-a", "a b", "x" * 64):
        with pytest.raises(SimError, match="cannot be a label's value"):
            check_label_value(value, "zones")
