# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role jaeger agrees with the catalogue of executables and with its guide. What it does is for the integration target role_jaeger."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.kwok.sim.plugins.module_utils._artifacts.catalogue import JAEGER_VERSION

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "roles/jaeger"
GUIDE = (ROOT / "docs/guides/jaeger.md").read_text(encoding="utf-8")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_version_is_that_of_the_catalogue() -> None:
    assert load(ROLE / "defaults/main.yml")["jaeger_version"] == JAEGER_VERSION


def test_the_guide_names_every_variable_and_no_other() -> None:
    variables = set(load(ROLE / "defaults/main.yml"))
    named = set(re.findall(r"`(jaeger_[a-z_]+)`", GUIDE))
    # The cluster's name and the wait stand for what all roles have.
    assert variables - named == {"jaeger_wait_timeout"}
    assert named <= variables


def test_every_listener_that_can_be_is_told_to_use_tls() -> None:
    variables = load(ROLE / "vars/main.yml")
    listeners = {name.replace("-server", "") for name in variables["__jaeger_listeners"]}
    # etcd and the apiserver send without.
    assert listeners - set(variables["__jaeger_tls_listeners"]) == {"collector.otlp.grpc"}
    assert set(variables["__jaeger_tls_listeners"]) <= listeners
