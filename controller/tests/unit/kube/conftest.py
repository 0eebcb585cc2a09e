# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Certificates for tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from authority import Authority


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def pair_files(authority: Authority, tmp_path: Path) -> tuple[Path, Path]:
    """A client's certificate and key, as files."""
    pair = authority.issue("someone")
    certificate, key = tmp_path / "client.crt", tmp_path / "client.key"
    certificate.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    return certificate, key
