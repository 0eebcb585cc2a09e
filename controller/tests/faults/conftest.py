# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The options of the fault test, and its cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fault_schedule import DURATIONS_S
from sim_cluster import Cluster, running_cluster

FAULTS = len(DURATIONS_S)
"""A short run: each kind of fault once."""

SEED = 1


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known to pytest only where this directory is named on its command line; elsewhere their defaults hold."""
    parser.addoption("--faults", type=int, default=FAULTS, help="how many faults the fault test has")
    parser.addoption("--seed", type=int, default=SEED, help="which faults, which workload: replays a run")


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> int:
    count = int(request.config.getoption("faults", FAULTS))
    if count < 1:
        pytest.fail(f"--faults is {count}: give at least 1", pytrace=False)
    return count


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("seed", SEED))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Of its own: it is treated badly."""
    with running_cluster() as running:
        yield running
