# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The shipped sets: complete, named as they are listed, clean, and held to files: `data/SET.CASE.object.yaml` gives `….expected.yaml`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kwok_controller.api import decode_stage
from kwok_controller.api.load import load_documents
from kwok_controller.api.sets import UnknownSet
from kwok_controller.stages import sets
from kwok_controller.stages.lint import lint
from kwok_controller.stages.rehearse import rehearse

DATA = Path(__file__).parent / "data"

TOGETHER = [
    ["node-fast"],
    ["node-fast", "node-heartbeat", "node-chaos"],
    ["node-fast", "node-heartbeat-with-lease", "node-chaos"],
    ["pod-fast", "pod-chaos"],
    ["pod-general", "pod-chaos"],
    ["volume-fast"],
]


def test_the_sets() -> None:
    assert sets.names() == [
        "node-fast",
        "node-heartbeat",
        "node-heartbeat-with-lease",
        "node-chaos",
        "pod-fast",
        "pod-general",
        "pod-chaos",
        "volume-fast",
    ]
    for each in sets.list_sets():
        stages = [decode_stage(document.obj) for document in sets.documents(each.name)]
        assert [stage.metadata.name for stage in stages] == list(each.objects)
        assert each.kind in {stage.spec.resource_ref.kind for stage in stages}
        assert [document.obj for document in sets.documents(each.name)] == sets.objects(each.name)


def test_a_set_that_there_is_not() -> None:
    with pytest.raises(UnknownSet, match="'pod-slow' is no set: there are node-fast, node-heartbeat"):
        sets.objects("pod-slow")


@pytest.mark.parametrize("names", TOGETHER, ids="+".join)
def test_sets_are_clean(names: list[str]) -> None:
    assert lint([document for name in names for document in sets.documents(name)], strict=True) == []


@pytest.mark.parametrize("case", sorted(path.name.removesuffix(".object.yaml") for path in DATA.glob("*.object.yaml")))
def test_what_a_set_would_do(case: str) -> None:
    name = case.partition(".")[0]
    (obj,) = load_documents([str(DATA / f"{case}.object.yaml")])
    (expected,) = load_documents([str(DATA / f"{case}.expected.yaml")])
    found = rehearse([decode_stage(each) for each in sets.objects(name)], obj.obj)
    assert json.dumps(found, indent=1, sort_keys=True) == json.dumps(expected.obj, indent=1, sort_keys=True)


def test_every_set_is_held_to_a_file() -> None:
    assert {path.name.partition(".")[0] for path in DATA.glob("*.object.yaml")} == set(sets.names())
