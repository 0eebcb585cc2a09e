# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubeconfigs for people: the cluster's own, and the user's file, of which nothing but the cluster's entries is ever touched."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.kwok.sim.plugins.module_utils._cluster import exports, pki, place
from ansible_collections.kwok.sim.plugins.module_utils._cluster.components import ADMIN, CA, certificates
from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import ClusterSpec
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._cluster.helpers import spec_of

SERVER = "https://127.0.0.1:6443"
CONTEXT = "kwok-sim-kwok"
THEIRS = """\
apiVersion: v1
kind: Config
clusters:
- {name: prod, cluster: {server: "https://prod.example.org"}}
contexts:
- {name: prod, context: {cluster: prod, user: me}}
current-context: prod
users:
- {name: me, user: {token: 0123}}
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A cluster with an authority and an administrator."""
    layout = Layout(tmp_path / "base", "kwok")
    place.make(layout)
    issue(layout)
    return layout


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The user's kubeconfig."""
    return tmp_path / "home" / "config"


def issue(layout: Layout) -> None:
    for item in certificates(ClusterSpec()):
        if item.name in (CA, ADMIN):
            pki.issue(layout.pki, item, datetime.now(UTC))


def spec(target: Path, *, merge: bool = False, current: bool = False) -> ClusterSpec:
    return spec_of(kubeconfig=str(target), kubeconfig_merge=merge, kubeconfig_set_current_context=current)


def document(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def problem(layout: Layout, target: Path, **how: bool) -> str | None:
    return exports.problems(spec(target, **how), layout, SERVER)[str(target)]


def write(layout: Layout, target: Path, **how: bool) -> None:
    exports.write(str(target), spec(target, **how), layout, SERVER)


# The cluster's own.


def test_the_clusters_own(layout: Layout) -> None:
    own = str(layout.kubeconfig)
    assert exports.problems(ClusterSpec(), layout, SERVER) == {own: "is missing"}
    exports.write(own, ClusterSpec(), layout, SERVER)
    assert exports.problems(ClusterSpec(), layout, SERVER) == {own: None}
    assert layout.kubeconfig.stat().st_mode & 0o7777 == 0o600
    found = document(layout.kubeconfig)
    assert found["current-context"] == CONTEXT
    assert found["clusters"][0]["cluster"]["server"] == SERVER
    # It serves on other hosts, where there are no files of this one.
    user = found["users"][0]["user"]
    assert base64.b64decode(user["client-key-data"]) == layout.key(ADMIN).read_bytes()
    assert str(layout.root) not in layout.kubeconfig.read_text()


def test_the_clusters_own_drifts(layout: Layout) -> None:
    own = str(layout.kubeconfig)
    exports.write(own, ClusterSpec(), layout, SERVER)
    layout.kubeconfig.chmod(0o644)
    assert exports.problems(ClusterSpec(), layout, SERVER)[own] == "has mode 0644"
    assert exports.problems(ClusterSpec(), layout, "https://127.0.0.1:1")[own] == "is not as wanted"
    issue(layout)
    assert exports.problems(ClusterSpec(), layout, SERVER)[own] == "is not as wanted"
    exports.write(own, ClusterSpec(), layout, SERVER)
    assert exports.problems(ClusterSpec(), layout, SERVER)[own] is None
    layout.kubeconfig.write_bytes(b"\xff")
    assert exports.problems(ClusterSpec(), layout, SERVER)[own] == "is missing"


def test_without_certificates(layout: Layout) -> None:
    layout.key(ADMIN).unlink()
    assert exports.administrator(ClusterSpec(), layout, SERVER) is None
    with pytest.raises(SimError, match="administrator's certificate cannot be read"):
        exports.write(str(layout.kubeconfig), ClusterSpec(), layout, SERVER)


# A file of its own.


@pytest.mark.parametrize("merge", [False, True])
def test_a_file_that_is_not_there(layout: Layout, target: Path, merge: bool) -> None:
    assert problem(layout, target, merge=merge) == "is missing"
    assert not target.parent.exists()
    write(layout, target, merge=merge)
    assert problem(layout, target, merge=merge) is None
    assert target.stat().st_mode & 0o7777 == 0o600
    assert document(target)["contexts"][0]["name"] == CONTEXT


def test_a_file_of_its_own_has_the_context_as_its_current_one(layout: Layout, target: Path) -> None:
    write(layout, target)
    assert document(target)["current-context"] == CONTEXT


def test_a_file_of_others_is_left_alone_without_merge(layout: Layout, target: Path) -> None:
    target.parent.mkdir()
    target.write_text(THEIRS)
    with pytest.raises(SimError) as caught:
        problem(layout, target)
    assert caught.value.option == "kubeconfig"
    assert "kubeconfig_merge: true" in str(caught.value.remedy)
    assert target.read_text() == THEIRS


def test_what_is_no_kubeconfig_is_left_alone(layout: Layout, target: Path) -> None:
    target.parent.mkdir()
    for text in ("- a list\n", "kind: Pod\napiVersion: v1\n", "{"):
        target.write_text(text)
        with pytest.raises(SimError) as caught:
            problem(layout, target, merge=True)
        assert caught.value.option == "kubeconfig"
        assert target.read_text() == text


def test_a_directory_in_the_way(layout: Layout, target: Path) -> None:
    target.mkdir(parents=True)
    with pytest.raises(SimError) as caught:
        problem(layout, target, merge=True)
    assert caught.value.option == "kubeconfig"


# Merged into others.


@pytest.mark.parametrize("current", [False, True])
def test_merged(layout: Layout, target: Path, current: bool) -> None:
    target.parent.mkdir()
    target.write_text(THEIRS)
    target.chmod(0o640)
    assert problem(layout, target, merge=True, current=current) == f"lacks the context {CONTEXT}"
    write(layout, target, merge=True, current=current)
    assert problem(layout, target, merge=True, current=current) is None
    found = document(target)
    theirs = yaml.safe_load(THEIRS)
    assert found["current-context"] == (CONTEXT if current else "prod")
    for field in ("clusters", "contexts", "users"):
        assert len(found[field]) == 2
        assert found[field][0] == theirs[field][0]
    # A token that YAML would read as a number stays the text that it is.
    assert "token: 0123" in target.read_text()
    assert target.stat().st_mode & 0o7777 == 0o640


def test_the_current_context_is_set_when_that_is_asked_later(layout: Layout, target: Path) -> None:
    target.parent.mkdir()
    target.write_text(THEIRS)
    write(layout, target, merge=True)
    assert problem(layout, target, merge=True, current=True) is not None
    write(layout, target, merge=True, current=True)
    assert document(target)["current-context"] == CONTEXT
    # And stays where the user puts it afterwards, unless it is still asked for.
    assert problem(layout, target, merge=True) is None


def test_renewed_certificates_are_written_into_it(layout: Layout, target: Path) -> None:
    write(layout, target, merge=True)
    issue(layout)
    assert problem(layout, target, merge=True) == f"has another context {CONTEXT}"
    write(layout, target, merge=True)
    assert problem(layout, target, merge=True) is None


# And withdrawn.


def test_withdrawn_from_others(layout: Layout, target: Path) -> None:
    target.parent.mkdir()
    target.write_text(THEIRS)
    write(layout, target, merge=True)
    exports.withdraw(str(target), CONTEXT)
    assert document(target) == yaml.safe_load(THEIRS)
    exports.withdraw(str(target), CONTEXT)
    assert document(target) == yaml.safe_load(THEIRS)


def test_a_current_context_that_has_gone_is_unset(layout: Layout, target: Path) -> None:
    target.parent.mkdir()
    target.write_text(THEIRS)
    write(layout, target, merge=True, current=True)
    exports.withdraw(str(target), CONTEXT)
    assert not document(target)["current-context"]


def test_a_file_with_nothing_else_goes_with_it(layout: Layout, target: Path) -> None:
    write(layout, target)
    exports.withdraw(str(target), CONTEXT)
    assert not target.exists()
    assert not any(target.parent.iterdir())
    exports.withdraw(str(target), CONTEXT)


def test_a_users_credentials_without_a_context_are_kept(layout: Layout, target: Path) -> None:
    target.parent.mkdir()
    target.write_text("users:\n- {name: me, user: {token: secret}}\n")
    write(layout, target, merge=True)
    exports.withdraw(str(target), CONTEXT)
    assert document(target)["users"] == [{"name": "me", "user": {"token": "secret"}}]


def test_a_link_stays(layout: Layout, target: Path) -> None:
    """As dotfile managers make them."""
    target.parent.mkdir()
    target.symlink_to(target.parent / "real")
    write(layout, target)
    assert (target.parent / "real").is_file()
    exports.withdraw(str(target), CONTEXT)
    assert target.is_symlink()
    assert not target.exists()
