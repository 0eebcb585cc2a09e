# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An apiserver in memory, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._kube.client import Client, open_client
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._kube.apiserver import Apiserver, serving, write_kubeconfig


@pytest.fixture
def cluster() -> Iterator[Apiserver]:
    """The apiserver."""
    with serving() as server:
        yield server


@pytest.fixture
def client(cluster: Apiserver, tmp_path: Path) -> Iterator[Client]:
    """A client for it."""
    with open_client(write_kubeconfig(tmp_path / "config", cluster.server_address[1]), connections=8) as opened:
        yield opened
