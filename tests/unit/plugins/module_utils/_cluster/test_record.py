# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record: whole or not there, and never mistaken."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout
from ansible_collections.kwok.sim.plugins.module_utils._cluster.record import (
    FORMAT,
    Record,
    list_clusters,
    load_record,
    load_required,
    save_record,
)
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path, "kwok")


def write(layout: Layout, content: str | bytes | dict[str, Any]) -> None:
    layout.root.mkdir(parents=True)
    layout.record.write_bytes(
        content if isinstance(content, bytes) else (json.dumps(content) if isinstance(content, dict) else content).encode()
    )


def test_round_trip(layout: Layout) -> None:
    record = Record("kwok", state="started", ports={"etcd": 1}, components={"etcd": {"args": ["ä"]}}, exports={"/k": "own"})
    save_record(layout, record)
    assert load_record(layout) == record
    assert layout.record.stat().st_mode & 0o7777 == 0o600
    assert layout.root.stat().st_mode & 0o7777 == 0o700


def test_none(layout: Layout) -> None:
    assert load_record(layout) is None
    with pytest.raises(SimError) as caught:
        load_required(layout, "cluster")
    assert caught.value.option == "cluster"
    assert "no cluster kwok" in caught.value.message
    assert "kwok_cluster" in str(caught.value.remedy)


def test_a_file_where_the_directory_should_be_is_no_cluster(layout: Layout) -> None:
    layout.root.parent.mkdir()
    layout.root.touch()
    assert load_record(layout) is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "3",
        b"\x00" * 100,
        b"\xff\xfe{}",
        {},
        {"name": "kwok"},
        {"format": None, "name": "kwok"},
        {"format": "one", "name": "kwok"},
        {"format": FORMAT},
    ],
)
def test_a_damaged_record(layout: Layout, content: str | bytes | dict[str, Any]) -> None:
    write(layout, content)
    with pytest.raises(SimError) as caught:
        load_record(layout)
    assert "is damaged" in caught.value.message
    assert str(layout.record) in caught.value.message
    assert caught.value.option == "name"
    assert "state: absent" in str(caught.value.remedy)


def test_a_record_of_a_newer_collection(layout: Layout) -> None:
    write(layout, {"format": FORMAT + 1, "what": "ever"})
    with pytest.raises(SimError) as caught:
        load_record(layout)
    assert f"record format {FORMAT + 1}" in caught.value.message
    assert "Update" in str(caught.value.remedy)


def test_what_a_later_version_added_is_no_damage(layout: Layout) -> None:
    write(layout, {"format": FORMAT, "name": "kwok", "of_the_future": 1})
    assert load_record(layout) == Record("kwok")


def test_a_record_that_cannot_be_read(layout: Layout) -> None:
    layout.record.mkdir(parents=True)
    with pytest.raises(SimError) as caught:
        load_record(layout)
    assert caught.value.option == "base_dir"
    assert "cannot be read" in caught.value.message


def test_a_reader_sees_the_old_or_the_new_one(layout: Layout) -> None:
    """And never a part, nor nothing."""
    records = [Record("kwok", components={str(index): {"args": ["x" * 1000] * 50} for index in range(size)}) for size in (1, 20)]
    save_record(layout, records[0])
    done = threading.Event()

    def rewrite() -> None:
        for index in range(60):
            save_record(layout, records[index % 2])
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    while not done.is_set():
        assert load_record(layout) in records
    writer.join()
    assert list(layout.root.iterdir()) == [layout.record]


def test_list(tmp_path: Path) -> None:
    assert list_clusters(tmp_path) == ()
    for name in ("b", "a"):
        save_record(Layout(tmp_path, name), Record(name))
    (tmp_path / "clusters" / "foreign").mkdir()
    (tmp_path / "clusters" / ".a.lock").touch()
    (tmp_path / "clusters" / "file").touch()
    assert list_clusters(tmp_path) == ("a", "b")
