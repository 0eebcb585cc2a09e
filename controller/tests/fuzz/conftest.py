# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The option of long runs."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    # Known where pytest is started with this directory; the tests have a default for everything else.
    parser.addoption("--fuzz-seconds", type=float, metavar="S", help="how long to fuzz, all targets together")
