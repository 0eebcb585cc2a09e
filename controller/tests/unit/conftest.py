# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What the Go kwok and Kubernetes' own libraries give, to compare with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from go_oracle import GoOracle


@pytest.fixture(scope="session")
def kwok_oracle() -> Iterator[GoOracle]:
    made = GoOracle("kwok_oracle")
    yield made
    made.close()
