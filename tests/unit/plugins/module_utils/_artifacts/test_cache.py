# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._artifacts.cache import Entry, default_root
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.executable import Platform
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.request import Fetched, SourceFailed

Fill = Callable[..., Entry]


@pytest.fixture
def fill(tmp_path: Path, elf: Callable[..., bytes]) -> Fill:
    """Store an executable in a cache below tmp_path."""

    def call(content: bytes | None = None) -> Entry:
        entry = Entry(tmp_path, "kubectl", "v1.36.3", Platform.host())
        body = elf() if content is None else content
        with entry.locked(), entry.work_directory() as work:
            (work / "x").write_bytes(body)
            entry.store(Fetched(work / "x", hashlib.sha256(body).hexdigest(), "https://example.com/kubectl"), "download")
        return entry

    return call


def test_default_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_root({"XDG_CACHE_HOME": "/var/cache/me"}) == Path("/var/cache/me/kwok-sim/artifacts")
    assert default_root({}) == tmp_path / ".cache/kwok-sim/artifacts"
    assert default_root({"XDG_CACHE_HOME": "relative"}) == tmp_path / ".cache/kwok-sim/artifacts"


def test_what_is_stored_is_read(fill: Fill, tmp_path: Path, elf: Callable[..., bytes]) -> None:
    entry = fill()
    assert entry.path == tmp_path / "kubectl" / "v1.36.3" / str(Platform.host()) / "kubectl"
    record = entry.read()
    assert (record.source, record.url, record.size) == ("download", "https://example.com/kubectl", 4096)
    assert record.sha256 == hashlib.sha256(entry.path.read_bytes()).hexdigest()
    assert json.loads(entry.record_path.read_text()) == {
        "source": "download",
        "url": "https://example.com/kubectl",
        "sha256": record.sha256,
        "size": 4096,
    }
    assert sorted(item.name for item in entry.directory.iterdir()) == [".lock", "kubectl", "kubectl.json"]


def test_empty_cache(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed) as caught:
        Entry(tmp_path / "none", "kubectl", "v1.36.3", Platform.host()).read()
    assert caught.value.missing


def cut_short(entry: Entry) -> None:
    os.truncate(entry.path, 4000)


def overwrite(entry: Entry) -> None:
    entry.path.write_bytes(b"x" * 4096)


def forbid(entry: Entry) -> None:
    entry.path.chmod(0o600)


def open_up(entry: Entry) -> None:
    entry.path.chmod(0o777)


def lose_record(entry: Entry) -> None:
    entry.record_path.unlink()


def break_record(entry: Entry) -> None:
    entry.record_path.write_text('{"source": "download"')


def empty_record(entry: Entry) -> None:
    entry.record_path.write_text("[]")


def forge_record(entry: Entry) -> None:
    entry.record_path.write_text(json.dumps({"source": "download", "url": "", "sha256": "?", "size": 4096}))


def become_directory(entry: Entry) -> None:
    entry.path.unlink()
    (entry.path / "inside").mkdir(parents=True)


def dangle(entry: Entry) -> None:
    entry.path.unlink()
    entry.path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut_short, "has 4000 bytes instead of 4096"),
        (overwrite, "is not an executable"),
        (forbid, "may not be executed by this user"),
        (open_up, "can be changed by every user"),
        (lose_record, "kubectl.json is missing"),
        (break_record, "kubectl.json cannot be read"),
        (empty_record, "kubectl.json cannot be read"),
        (forge_record, "kubectl.json holds no SHA-256"),
        (become_directory, "is a directory"),
        (dangle, "does not exist"),
    ],
)
def test_damage_is_told_and_mended_by_storing_anew(fill: Fill, damage: Callable[[Entry], None], reason: str) -> None:
    entry = fill()
    damage(entry)
    with pytest.raises(SourceFailed) as caught:
        entry.read()
    assert caught.value.reason.endswith(reason)
    assert not caught.value.missing
    assert fill().read().size == 4096


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_file_of_another_user_is_not_trusted(fill: Fill) -> None:
    entry = fill()
    os.chown(entry.path, 12345, 12345)
    with pytest.raises(SourceFailed, match="belongs to another user"):
        entry.read()


@pytest.mark.parametrize("damage", [lambda entry: None, cut_short, lose_record, become_directory, dangle])
def test_removal_leaves_nothing(fill: Fill, tmp_path: Path, damage: Callable[[Entry], None]) -> None:
    entry = fill()
    damage(entry)
    assert entry.occupied()
    with entry.locked():
        entry.remove()
    assert not entry.occupied()
    assert list(tmp_path.iterdir()) == []


def test_removal_leaves_other_versions(fill: Fill, tmp_path: Path) -> None:
    entry = fill()
    other = tmp_path / "kubectl" / "v1.36.2"
    other.mkdir()
    with entry.locked():
        entry.remove()
    assert list((tmp_path / "kubectl").iterdir()) == [other]


def test_leftovers_of_an_interrupted_run_are_removed(fill: Fill) -> None:
    entry = fill()
    leftover = entry.directory / ".work-abc" / "download"
    leftover.parent.mkdir()
    leftover.write_bytes(b"half")
    with entry.locked():
        assert not leftover.parent.exists()
    assert entry.read()


def test_holders_follow_each_other_even_when_the_lock_file_is_removed(tmp_path: Path) -> None:
    """Each holder removes what it finds, the lock file included; no two may be in at once."""
    entry = Entry(tmp_path, "kubectl", "v1.36.3", Platform.host())
    inside: list[int] = []
    most: list[int] = []

    def hold() -> None:
        for _round in range(20):
            with entry.locked():
                inside.append(1)
                most.append(len(inside))
                entry.path.write_bytes(b"x")
                entry.remove()
                inside.pop()

    threads = [threading.Thread(target=hold) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 80
    assert list(tmp_path.iterdir()) == []


def test_waiting_is_told(tmp_path: Path) -> None:
    entry = Entry(tmp_path, "kubectl", "v1.36.3", Platform.host())
    told = threading.Event()
    done = threading.Event()

    def wait() -> None:
        with entry.locked(told.set):
            done.set()

    with entry.locked():
        thread = threading.Thread(target=wait)
        thread.start()
        assert told.wait(5)
        assert not done.is_set()
    thread.join(5)
    assert done.is_set()


def test_a_tree_is_stored_replaced_and_removed_as_one(tmp_path: Path) -> None:
    entry = Entry(tmp_path, "grafana", "v12.4.2", Platform.host(), "bin/grafana")
    for body in (b"#!/bin/sh\n", b"#!/bin/sh\n# another\n"):
        with entry.locked(), entry.work_directory() as work:
            tree = work / "grafana"
            (tree / "bin").mkdir(parents=True)
            (tree / "bin/grafana").write_bytes(body)
            (tree / f"of-{len(body)}").touch()
            entry.store(Fetched(tree / "bin/grafana", hashlib.sha256(body).hexdigest(), "https://example.com/", tree), "download")
        assert entry.path == tmp_path / f"grafana/v12.4.2/{Platform.host()}/grafana/bin/grafana"
        assert entry.path.read_bytes() == body
        assert entry.read().size == len(body)
        assert sorted(item.name for item in entry.top.iterdir()) == ["bin", f"of-{len(body)}"]
    with entry.locked():
        entry.remove()
    assert list(tmp_path.iterdir()) == []
