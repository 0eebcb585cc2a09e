# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Where stages are read from."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from kwok_controller.api.errors import InvalidFile
from kwok_controller.stages import sets
from kwok_controller.stages.sources import read

STAGE = "apiVersion: kwok.x-k8s.io/v1alpha1\nkind: Stage\nmetadata: {name: %s}\n"
CLASS = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: kwok-volume}\n"


def names(*sources: str) -> list[str]:
    return [document.obj["metadata"]["name"] for document in read(sources).objects]


def test_sets_files_and_directories(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(STAGE % "b1" + "---\n" + STAGE % "b2")
    (tmp_path / "a.json").write_text(json.dumps({"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": "a"}}))
    (tmp_path / "readme.md").write_text("nothing")
    (tmp_path / "testdata").mkdir()
    (tmp_path / "testdata" / "pod.yaml").write_text("kind: Pod\n")
    assert names(str(tmp_path)) == ["a", "b1", "b2"]
    assert names("node-fast", str(tmp_path / "b.yaml")) == ["node-initialize", "b1", "b2"]
    assert read(["node-fast"]).objects == sets.documents("node-fast")


def test_other_kinds_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [class.yaml]\n")
    (tmp_path / "class.yaml").write_text(CLASS)
    (tmp_path / "stage.yaml").write_text(STAGE % "one")
    found = read([str(tmp_path)])
    assert [document.obj["metadata"]["name"] for document in found.objects] == ["one"]
    assert [document.obj["kind"] for document in found.others] == ["StorageClass"]


def test_a_kustomization_alone_is_followed(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "one").mkdir()
    (tmp_path / "all" / "kustomization.yaml").write_text("resources: [../one]\n")
    (tmp_path / "one" / "stage.yaml").write_text(STAGE % "one")
    assert names(str(tmp_path / "all")) == ["one"]


def test_a_list_on_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [{"kind": "Stage", "metadata": {"name": "x"}}]})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert names("-") == ["x"]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="pod-slow: is neither a file nor a directory, nor one of the sets: node-fast, "):
        read(["pod-slow"])
    with pytest.raises(InvalidFile, match="has no files named"):
        read([str(tmp_path)])
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(InvalidFile, match=r"bad.yaml, document 1: is no valid YAML"):
        read([str(tmp_path)])
