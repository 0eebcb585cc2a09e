# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What the Go kwok and Kubernetes' own libraries give, to compare with; and how Hypothesis goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from go_oracle import GoOracle
from hypothesis import settings

# How long a case takes says nothing on a busy machine.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def kwok_oracle() -> Iterator[GoOracle]:
    made = GoOracle("kwok_oracle")
    yield made
    made.close()
