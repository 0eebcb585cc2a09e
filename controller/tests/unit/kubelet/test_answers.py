# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Who is answered with gzip."""

from __future__ import annotations

import pytest

from kwok_controller.kubelet.answers import takes_gzip


@pytest.mark.parametrize(
    ("encoding", "taken"),
    [
        ("gzip", True),
        ("deflate, GZIP ; q=0.5", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("*;q=0", False),
        # Its own name counts before the wildcard, wherever that stands.
        ("*, gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0, gzip", True),
        ("gzip, *;q=0", True),
    ],
)
def test_gzip_is_taken_by_its_name_or_else_by_the_wildcard(encoding: str, taken: bool) -> None:
    assert takes_gzip(encoding) is taken
