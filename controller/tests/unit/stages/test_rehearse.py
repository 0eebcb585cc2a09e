# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What stages would do, held to files: `rehearsals/NAME.stages.yaml` and `NAME.object.yaml` give `NAME.expected.yaml`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kwok_controller.api import decode_stage
from kwok_controller.api.stage import Stage
from kwok_controller.lifecycle import StageError
from kwok_controller.stages.rehearse import rehearse

REHEARSALS = Path(__file__).parent / "rehearsals"


class Loader(yaml.SafeLoader):
    """Times stay texts, as in JSON."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def documents(name: str) -> list[Any]:
    return list(yaml.load_all((REHEARSALS / name).read_text(), Loader=Loader))


def stages(name: str) -> list[Stage]:
    return [decode_stage(document) for document in documents(f"{name}.stages.yaml")]


@pytest.mark.parametrize("name", sorted(path.name.removesuffix(".object.yaml") for path in REHEARSALS.glob("*.object.yaml")))
def test_rehearsal(name: str) -> None:
    (obj,) = documents(f"{name}.object.yaml")
    (expected,) = documents(f"{name}.expected.yaml")
    # As JSON: true is not 1 there.
    assert json.dumps(rehearse(stages(name), obj), indent=1, sort_keys=True) == json.dumps(expected, indent=1, sort_keys=True)


def test_the_order_of_stages_makes_no_difference() -> None:
    (obj,) = documents("choice.object.yaml")
    assert rehearse(reversed(stages("choice")), obj) == rehearse(stages("choice"), obj)


def stage(kind: str, **spec: Any) -> Stage:
    return decode_stage(
        {"kind": "Stage", "metadata": {"name": "broken"}, "spec": {"resourceRef": {"apiGroup": "v1", "kind": kind}, "selector": {}, **spec}}
    )


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"steps": [{"patch": {"template": "{{"}}]}, "spec.steps[0].patch.template"),
        ({"steps": [{"patch": {"template": "a: {{ .metadata.name.x }}"}}]}, "spec.steps[0].patch.template"),
        ({"weightFrom": {"cel": {"expression": "self.nothing"}}}, "spec.weightFrom.cel.expression"),
        ({"selector": {"matchExpressions": [{"cel": {"expression": "self.nothing"}}]}}, "spec.selector.matchExpressions[0].cel.expression"),
    ],
)
def test_a_stage_that_fails_is_an_error_here(spec: dict[str, Any], field: str) -> None:
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0"}}
    with pytest.raises(StageError) as caught:
        rehearse([stage("Pod", **spec)], obj)
    assert (caught.value.stage, caught.value.field) == ("broken", field)
    # For an object of another kind it is not even compiled.
    assert rehearse([stage("Node", **spec)], obj)["stages"] == []
