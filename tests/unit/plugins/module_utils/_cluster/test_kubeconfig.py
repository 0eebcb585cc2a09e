# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubeconfigs: merging leaves alone what is not ours."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kwok.sim.plugins.module_utils._cluster import kubeconfig
from ansible_collections.kwok.sim.plugins.module_utils._cluster.kubeconfig import Names
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError

NAMES = Names(context="kwok-sim-a", cluster="kwok-sim-a", user="kwok-sim-a-admin")
EMBEDDED = kubeconfig.render(NAMES, "https://127.0.0.1:6443", authority=b"CA", certificate=b"CERT", key=b"KEY" * 100)

OTHERS = """\
apiVersion: v1
kind: Config
preferences: {}
clusters:
- name: prod
  cluster:
    server: https://prod.example:6443
    insecure-skip-tls-verify: true
contexts:
- name: prod
  context: {cluster: prod, user: "0123", namespace: "true"}
- name: dev
  context:
    cluster: prod
    user: sso
current-context: dev
users:
- name: "0123"
  user:
    token: 0123
    password: 'yes'
- name: sso
  user:
    auth-provider:
      name: oidc
      config:
        expiry: 2026-01-01T00:00:00Z
"""


def test_render_embedded() -> None:
    document = yaml.safe_load(EMBEDDED)
    assert document["current-context"] == "kwok-sim-a"
    assert document["clusters"] == [
        {"name": "kwok-sim-a", "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority-data": "Q0E="}}
    ]
    assert document["contexts"] == [{"name": "kwok-sim-a", "context": {"cluster": "kwok-sim-a", "user": "kwok-sim-a-admin"}}]
    assert set(document["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}


def test_render_by_reference() -> None:
    text = kubeconfig.render(
        NAMES, "https://h:1", authority=Path("/p/ca.crt"), certificate=Path("/p/c.crt"), key=Path("/p/c.key"), namespace="n"
    )
    entries = kubeconfig.extract(text, "kwok-sim-a")
    assert entries.cluster == {"server": "https://h:1", "certificate-authority": "/p/ca.crt"}
    assert entries.user == {"client-certificate": "/p/c.crt", "client-key": "/p/c.key"}
    assert entries.context == {"cluster": "kwok-sim-a", "user": "kwok-sim-a-admin", "namespace": "n"}
    assert entries.current


def test_merge_changes_nothing_else() -> None:
    merged = kubeconfig.merge(OTHERS, EMBEDDED, False)
    assert merged.startswith(OTHERS.split("contexts:", maxsplit=1)[0])
    for line in OTHERS.splitlines():
        assert line in merged.splitlines()
    assert kubeconfig.extract(merged, "kwok-sim-a") == kubeconfig.Entries(
        **{**vars(kubeconfig.extract(EMBEDDED, "kwok-sim-a")), "current": False}
    )
    assert kubeconfig.extract(merged, "dev").current
    assert kubeconfig.remove(merged, "kwok-sim-a") == OTHERS


def test_merge_sets_the_current_context_when_asked() -> None:
    merged = kubeconfig.merge(OTHERS, EMBEDDED, True)
    assert yaml.safe_load(merged)["current-context"] == "kwok-sim-a"
    assert yaml.safe_load(kubeconfig.remove(merged, "kwok-sim-a"))["current-context"] == ""


def test_merge_again_gives_the_same_text() -> None:
    merged = kubeconfig.merge("# mine\n" + kubeconfig.merge(OTHERS, EMBEDDED, False), EMBEDDED, False)
    assert merged.startswith("# mine\n")
    assert kubeconfig.merge(merged, EMBEDDED, False) is merged


def test_merge_replaces_in_place() -> None:
    moved = kubeconfig.render(NAMES, "https://127.0.0.1:7000", authority=b"CA", certificate=b"CERT", key=b"KEY")
    merged = kubeconfig.merge(kubeconfig.merge(EMBEDDED, OTHERS, False), moved, False)
    assert [item["name"] for item in yaml.safe_load(merged)["clusters"]] == ["kwok-sim-a", "prod"]
    entries = kubeconfig.extract(merged, "kwok-sim-a")
    assert entries.cluster is not None and entries.cluster["server"] == "https://127.0.0.1:7000"


@pytest.mark.parametrize("empty", ["", "\n", "# nothing\n", "---\n", "{}", "clusters:\ncontexts: null\nusers: []\n"])
def test_merge_into_nothing(empty: str) -> None:
    merged = kubeconfig.merge(empty, EMBEDDED, False)
    document = yaml.safe_load(merged)
    assert (document["apiVersion"], document["kind"]) == ("v1", "Config")
    assert kubeconfig.has_context(merged, "kwok-sim-a")
    assert "current-context" not in document
    assert not kubeconfig.has_context(kubeconfig.remove(merged, "kwok-sim-a"), "kwok-sim-a")


def test_merge_into_json() -> None:
    text = '{"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [{"name": "u", "user": {"token": "t"}}]}'
    assert yaml.safe_load(kubeconfig.merge(text, EMBEDDED, False))["users"][0] == {"name": "u", "user": {"token": "t"}}


def test_remove_what_is_not_there() -> None:
    text = "# mine\n" + OTHERS
    assert kubeconfig.remove(text, "kwok-sim-a", "kwok-sim-a", "kwok-sim-a-admin") is text
    assert kubeconfig.remove("", "kwok-sim-a") == ""


def test_remove_keeps_what_other_contexts_use() -> None:
    document = yaml.safe_load(kubeconfig.remove(OTHERS, "prod"))
    assert [item["name"] for item in document["clusters"]] == ["prod"]
    assert [item["name"] for item in document["users"]] == ["sso"]


def test_remove_completes_a_half_removed_one() -> None:
    merged = yaml.safe_load(kubeconfig.merge(OTHERS, EMBEDDED, False))
    merged["contexts"].pop()
    document = yaml.safe_load(kubeconfig.remove(yaml.safe_dump(merged), "kwok-sim-a", "kwok-sim-a", "kwok-sim-a-admin"))
    assert [item["name"] for item in document["clusters"] + document["users"]] == ["prod", "0123", "sso"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c", "not valid YAML near line 1"),
        ("a\n---\nb", "not valid YAML"),
        ("[1]", "holds no mapping"),
        ("text", "holds no mapping"),
        ("kind: Pod", "its kind is not Config"),
        ("apiVersion: v2", "its apiVersion is not v1"),
        ("clusters: {}", "its clusters is no list"),
        ("users: [1]", "an item of its users has no name"),
        ("contexts: [{context: {}}]", "an item of its contexts has no name"),
    ],
)
def test_no_kubeconfig(text: str, message: str) -> None:
    for function in (
        lambda: kubeconfig.merge(text, EMBEDDED, False),
        lambda: kubeconfig.remove(text, "x"),
        lambda: kubeconfig.extract(text, "x"),
    ):
        with pytest.raises(SimError, match=message) as caught:
            function()
        assert caught.value.option == "kubeconfig"
        assert caught.value.remedy


def test_a_broken_kubeconfig_is_not_quoted() -> None:
    with pytest.raises(SimError) as caught:
        kubeconfig.merge("users:\n- token: s3cret: x\n", EMBEDDED, False)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__


_names = st.text(min_size=1, max_size=12).filter(lambda name: name not in (NAMES.context, NAMES.cluster, NAMES.user))
_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.datetimes(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=6,
)


def _entries(inner: str) -> Any:
    item = st.builds(lambda name, value, extra: {"name": name, inner: value, **extra}, _names, _values, st.just({}))
    return st.lists(item, max_size=4, unique_by=lambda entry: entry["name"])


_kubeconfigs = st.fixed_dictionaries(
    {
        "apiVersion": st.just("v1"),
        "kind": st.just("Config"),
        "clusters": _entries("cluster"),
        "contexts": _entries("context"),
        "users": _entries("user"),
        "current-context": _names,
    },
    optional={"preferences": _values, "extensions": _values},
)


def _references_ours(document: dict[str, Any]) -> bool:
    return any(
        isinstance(item["context"], dict)
        and (str(item["context"].get("cluster")) == NAMES.cluster or str(item["context"].get("user")) == NAMES.user)
        for item in document["contexts"]
    )


@given(document=_kubeconfigs, sort_keys=st.booleans(), flow=st.sampled_from([None, True, False]))
def test_merge_then_remove_gives_the_original(document: dict[str, Any], sort_keys: bool, flow: bool | None) -> None:
    text = yaml.safe_dump(document, sort_keys=sort_keys, default_flow_style=flow, allow_unicode=True)
    merged = kubeconfig.merge(text, EMBEDDED, False)
    assert kubeconfig.has_context(merged, NAMES.context)
    if not _references_ours(document):
        assert yaml.safe_load(kubeconfig.remove(merged, NAMES.context)) == yaml.safe_load(text)


def test_update_makes_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config"
    kubeconfig.check_writable(path)
    assert not path.parent.exists()
    assert kubeconfig.update_file(path, lambda text: kubeconfig.merge(text, EMBEDDED, False))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["config"]
    assert not kubeconfig.update_file(path, lambda text: kubeconfig.merge(text, EMBEDDED, False))


def test_update_keeps_mode_and_link(tmp_path: Path) -> None:
    path, link = tmp_path / "real", tmp_path / "link"
    path.write_text(OTHERS)
    path.chmod(0o640)
    link.symlink_to(path)
    assert kubeconfig.update_file(link, lambda text: kubeconfig.merge(text, EMBEDDED, False))
    assert link.is_symlink()
    assert kubeconfig.has_context(path.read_text(), "kwok-sim-a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["link", "real"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_update_keeps_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("")
    os.chown(path, 12345, 54321)
    kubeconfig.update_file(path, lambda _text: EMBEDDED)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)


def test_update_writes_nothing_when_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(OTHERS)
    before = path.stat()
    assert not kubeconfig.update_file(path, lambda text: text)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_update_waits_for_the_lock(tmp_path: Path) -> None:
    path, lock = tmp_path / "config", tmp_path / "config.lock"
    lock.touch()
    timer = threading.Timer(0.2, lock.unlink)
    timer.start()
    started = time.monotonic()
    assert kubeconfig.update_file(path, lambda _text: EMBEDDED)
    assert time.monotonic() - started >= 0.15
    assert not lock.exists()
    timer.join()


def test_update_gives_up_on_a_stale_lock(tmp_path: Path) -> None:
    path, lock = tmp_path / "config", tmp_path / "config.lock"
    lock.touch()
    with pytest.raises(SimError, match=r"config\.lock, made \d+ s ago, is held by another program, or left behind"):
        kubeconfig.update_file(path, lambda _text: EMBEDDED, lock_timeout_s=0.1)
    assert lock.exists()
    assert not path.exists()


def test_update_removes_the_lock_of_a_killed_run(tmp_path: Path) -> None:
    path, lock = tmp_path / "config", tmp_path / "config.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, sys, time; fcntl.flock(1, fcntl.LOCK_EX); print('kwok.sim', flush=True); time.sleep(60)"],
        stdout=lock.open("wb"),
    )
    while not lock.read_bytes():
        time.sleep(0.01)
    with pytest.raises(SimError, match=r"is held by another program"):
        kubeconfig.update_file(path, lambda _text: EMBEDDED, lock_timeout_s=0.1)
    holder.kill()
    holder.wait()
    assert kubeconfig.update_file(path, lambda _text: EMBEDDED, lock_timeout_s=0.1)
    assert path.exists()
    assert not lock.exists()


def test_a_refused_text_leaves_file_and_lock_alone(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("kind: Pod\n")
    with pytest.raises(SimError):
        kubeconfig.update_file(path, lambda text: kubeconfig.merge(text, EMBEDDED, False))
    assert [entry.name for entry in tmp_path.iterdir()] == ["config"]
    assert path.read_text() == "kind: Pod\n"


def test_targets_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path, message in ((tmp_path, "not a regular file"), (tmp_path / "file" / "config", "not a directory")):
        with pytest.raises(SimError, match=message):
            kubeconfig.check_writable(path)
    with pytest.raises(SimError, match="not UTF-8"):
        kubeconfig.read(tmp_path / "binary")
    with pytest.raises(SimError, match="cannot be read"):
        kubeconfig.read(tmp_path)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(SimError):
        kubeconfig.check_writable(loop)


@pytest.mark.skipif(os.geteuid() == 0, reason="no permission stops root")
def test_targets_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.touch(mode=0o400)
    with pytest.raises(SimError, match="may not be read and written"):
        kubeconfig.check_writable(path)
    tmp_path.chmod(0o500)
    with pytest.raises(SimError, match="may not be written"):
        kubeconfig.check_writable(tmp_path / "other")
    tmp_path.chmod(0o700)


def test_both_lock_names_are_taken_through_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "real", tmp_path / "link"
    path.touch()
    link.symlink_to(path)
    seen: list[list[str]] = []

    def transform(_text: str) -> str:
        seen.append(sorted(entry.name for entry in tmp_path.glob("*.lock")))
        return EMBEDDED

    kubeconfig.update_file(link, transform)
    assert seen == [["link.lock", "real.lock"]]
