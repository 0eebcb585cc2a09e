# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from kwok_controller.api.names import wrong_name


@pytest.mark.parametrize("name", ["a", "web-0", "kubelet.metrics-1", "0", "a" * 253])
def test_names(name: str) -> None:
    assert wrong_name(name) == ""


@pytest.mark.parametrize("name", ["Web", "web_0", "-a", "a-", "a..b", ".a", "a b", "ä", "a\n", "a" * 254])
def test_what_is_no_name(name: str) -> None:
    assert wrong_name(name).startswith(f"{name!r} is no name of an object")


def test_no_name() -> None:
    assert wrong_name("") == "is missing"
