# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An apiserver in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._kube.apiserver import Apiserver, serving


@pytest.fixture
def cluster() -> Iterator[Apiserver]:
    """The apiserver."""
    with serving() as server:
        yield server
