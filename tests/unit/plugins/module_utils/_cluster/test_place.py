# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a cluster may be, and how it goes."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster import place
from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout
from ansible_collections.kwok.sim.plugins.module_utils._cluster.lock import exclusive
from ansible_collections.kwok.sim.plugins.module_utils._cluster.record import Record, load_record, save_record
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "base", "kwok")


@pytest.fixture
def cluster(layout: Layout) -> Layout:
    """One that has been made."""
    place.make(layout)
    save_record(layout, Record("kwok"))
    return layout


def modes(layout: Layout) -> set[int]:
    return {path.stat().st_mode & 0o7777 for path in (layout.root, *layout.root.rglob("*")) if path.is_dir()}


# Directories.


def test_default_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert place.layout_of(None, "kwok").root == Path("/data/kwok-sim/clusters/kwok")
    monkeypatch.setenv("HOME", "/home/me")
    for value in ("", "relative"):
        # The specification has relative ones ignored.
        monkeypatch.setenv("XDG_DATA_HOME", value)
        assert place.default_base_dir() == Path("/home/me/.local/share/kwok-sim")


def test_base_dir_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert place.layout_of("here", "kwok").base_dir == tmp_path / "here"


def test_directories_are_private_whatever_the_umask(layout: Layout) -> None:
    before = os.umask(0)
    try:
        place.make(layout)
    finally:
        os.umask(before)
    assert modes(layout) == {0o700}
    layout.pki.chmod(0o755)
    place.make(layout)
    assert modes(layout) == {0o700}


# What stands in the way.


def test_nothing_there_is_fine(layout: Layout) -> None:
    place.check_place(layout)
    assert place.load_own(layout) is None
    assert not layout.base_dir.exists()


def test_an_empty_directory_may_be_used(layout: Layout) -> None:
    layout.root.mkdir(parents=True)
    assert place.load_own(layout) is None


def test_a_foreign_directory_is_left_alone(layout: Layout) -> None:
    layout.root.mkdir(parents=True)
    (layout.root / "thesis.txt").write_text("x")
    with pytest.raises(SimError) as caught:
        place.load_own(layout)
    assert caught.value.option == "name"
    assert "is no cluster of kwok.sim" in caught.value.message
    assert caught.value.remedy
    assert place.is_foreign(layout)


def test_a_damaged_cluster_is_not_foreign(cluster: Layout) -> None:
    cluster.record.write_text("{")
    assert not place.is_foreign(cluster)


def test_another_users_directory(cluster: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    place.check_owner(cluster)
    uid = cluster.root.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    for check in (place.check_owner, place.check_place):
        with pytest.raises(SimError) as caught:
            check(cluster)
        assert caught.value.option == "base_dir"
        assert f"belongs to another user (id {uid})" in caught.value.message
        assert caught.value.remedy


@pytest.mark.parametrize("below", [".", "sub/dir"])
def test_a_file_in_the_way(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SimError) as caught:
        place.check_place(Layout(tmp_path / "file" / below, "kwok"))
    assert caught.value.option == "base_dir"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(SimError, match="may not be written by this user"):
            place.check_place(Layout(tmp_path / "base", "kwok"))
    finally:
        tmp_path.chmod(0o700)


def test_a_full_disk(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def usage(path: Path) -> Usage:
        asked.append(path)
        return Usage(2**40, 2**40, place.MINIMUM_FREE_BYTES - 1)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    with pytest.raises(SimError) as caught:
        place.check_place(layout)
    assert caught.value.option == "base_dir"
    assert "has 255 MiB free, and a cluster needs 256 MiB" in caught.value.message
    assert asked == [layout.base_dir.parent]
    assert not layout.base_dir.exists()


def test_a_cluster_that_is_there_may_be_changed_on_a_full_disk(cluster: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its way out may be just that change."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1, 1, 0))
    place.check_place(cluster)


# The lock.


def test_check_mode_makes_nothing(layout: Layout) -> None:
    with place.locked(layout, check_mode=True, wait_timeout=0):
        pass
    assert not layout.base_dir.exists()


def test_a_shared_base_dir_keeps_its_mode(layout: Layout) -> None:
    layout.base_dir.mkdir()
    layout.base_dir.chmod(0o755)
    with place.locked(layout, check_mode=False, wait_timeout=0):
        assert layout.lock.is_file()
    assert layout.base_dir.stat().st_mode & 0o777 == 0o755
    assert layout.lock.parent.stat().st_mode & 0o777 == 0o700


def test_the_lock_goes_with_the_cluster_and_stays_with_it(cluster: Layout) -> None:
    with place.locked(cluster, check_mode=False, wait_timeout=0):
        assert cluster.lock.exists()
    assert cluster.lock.exists()
    with place.locked(cluster, check_mode=False, wait_timeout=0):
        place.clear(cluster)
    assert not cluster.lock.exists()
    assert not any(cluster.lock.parent.iterdir())


def test_check_mode_waits_for_a_run_that_is_at_work(cluster: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "_LOCK_TIMEOUT_SECONDS", 0.05)
    with exclusive(cluster.lock, 0, "x"), pytest.raises(SimError) as caught, place.locked(cluster, check_mode=True, wait_timeout=0):
        pytest.fail("two are at work")
    assert "cluster kwok" in caught.value.message


# Removal.


def test_everything_goes(cluster: Layout, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    (cluster.root / "link").symlink_to(outside)
    (cluster.pki / "deep" / "er").mkdir(parents=True)
    (cluster.logs / "etcd.log").touch()
    place.clear(cluster)
    assert not cluster.root.exists()
    assert (outside / "precious").exists()


@pytest.mark.parametrize("after", range(6))
def test_an_interrupted_removal_can_be_completed(cluster: Layout, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Wherever it is cut short, what is left is still known as ours."""
    (cluster.root / "kubeconfig.yaml").touch()
    removed: list[object] = []
    rmtree, unlink = shutil.rmtree, Path.unlink

    def stepping(remove: Callable[..., None]) -> Callable[..., None]:
        def step(path: Path, *args: Any, **more: Any) -> None:
            if len(removed) == after:
                raise KeyboardInterrupt
            removed.append(path)
            remove(path, *args, **more)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", stepping(rmtree))
        patch.setattr(Path, "unlink", stepping(unlink))
        with pytest.raises(KeyboardInterrupt):
            place.clear(cluster)
    assert not place.is_foreign(cluster)
    assert load_record(cluster) is not None
    place.clear(cluster)
    assert not cluster.root.exists()
