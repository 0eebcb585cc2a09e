# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Where Metrics and usages are read from."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from kwok_controller.api.errors import InvalidFile
from kwok_controller.monitoring import sets
from kwok_controller.monitoring.sources import read

OBJECT = "apiVersion: kwok.x-k8s.io/v1alpha1\nkind: %s\nmetadata: {name: %s}\n"


def names(*sources: str) -> list[str]:
    return [document.obj["metadata"]["name"] for document in read(sources).objects]


def test_sets_files_and_directories(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(OBJECT % ("Metric", "b1") + "---\n" + OBJECT % ("ResourceUsage", "b2"))
    (tmp_path / "a.json").write_text(json.dumps({"kind": "ClusterResourceUsage", "metadata": {"name": "a"}}))
    (tmp_path / "readme.md").write_text("nothing")
    assert names(str(tmp_path)) == ["a", "b1", "b2"]
    assert names("usage-ramp", str(tmp_path / "b.yaml"), "kubelet-metrics") == ["usage-ramp", "b1", "b2", "kubelet-metrics"]
    assert read(["usage-ramp"]).objects == sets.documents("usage-ramp")


def test_other_kinds_are_told_apart(tmp_path: Path) -> None:
    kindless = "apiVersion: kwok.x-k8s.io/v1alpha1\nmetadata: {name: x}\n"
    mixed = [OBJECT % ("Stage", "s"), OBJECT % ("Metric", "m"), kindless, "apiVersion: v1\nkind: Pod\n", "kind: [1]\n"]
    (tmp_path / "all.yaml").write_text("---\n".join(mixed))
    found = read([str(tmp_path)])
    assert [document.number for document in found.objects] == [2, 3]
    assert [document.obj["kind"] for document in found.others] == ["Stage", "Pod", [1]]


def test_a_list_on_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [{"kind": "Metric", "metadata": {"name": "x"}}]})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    (document,) = read(["-"]).objects
    assert (document.file, document.number, document.item) == ("-", 1, 1)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="usage-flat: is neither a file nor a directory, nor one of the sets: kubelet-metrics-resource, "):
        read(["usage-flat"])
    with pytest.raises(InvalidFile, match="has no files named"):
        read([str(tmp_path)])
