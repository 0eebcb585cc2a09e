# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Selectors that match no object, and what selectors of several stages have to do with each other."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from kwok_controller.api.stage import MatchExpression, Stage, StageSelector, StageSpec
from kwok_controller.lifecycle import StageError, compile_stage
from kwok_controller.stages.lint_problems import Problem, error, warning
from kwok_controller.stages.samples import Path, path_of, single
from kwok_controller.stages.trial import START_NS, environment_of

# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_LABEL_VALUE: Final = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LABELS: Final = ("metadata", "labels")


class Demand(NamedTuple):
    """What a selector wants of the values at one place.

    Attributes:
        key: The place: a path, or the text of the expression where it is no path.
        operator: `In`, `NotIn`, `Exists`, `DoesNotExist`, or `cel`.
        values: Of `In` and `NotIn`.
        field: Where in the stage.
    """

    key: Path | str
    operator: str
    values: frozenset[str]
    field: str

    @property
    def meaning(self) -> tuple[Path | str, str, frozenset[str]]:
        """The same for two demands that any object meets both or neither."""
        return self.key, self.operator, self.values

    @property
    def text(self) -> str:
        """The demand in words."""
        values = f" {', '.join(sorted(self.values))}" if self.values else ""
        return f"{self.operator}{values}"


def demands(selector: StageSelector) -> list[Demand]:
    """All that a selector wants."""
    found = []
    for field, name, pairs in (
        ("matchLabels", "labels", selector.match_labels),
        ("matchAnnotations", "annotations", selector.match_annotations),
    ):
        for key, value in pairs.items():
            found.append(Demand(("metadata", name, key), "In", frozenset({value}), f"spec.selector.{field}[{key!r}]"))
    for at, expression in enumerate(selector.match_expressions):
        field = f"spec.selector.matchExpressions[{at}]"
        if expression.jq is not None:
            jq = expression.jq
            found.append(Demand(path_of(jq.key) or " ".join(jq.key.split()), jq.operator, frozenset(jq.values), f"{field}.jq"))
        elif expression.cel is not None:
            found.append(Demand(" ".join(expression.cel.expression.split()), "cel", frozenset(), f"{field}.cel"))
    return found


def check_selector(stage: Stage, obj: Any) -> Iterator[Problem]:
    """Whether a stage can match anything."""
    selector = stage.spec.selector
    if selector is None:
        yield warning("no-selector", "spec.selector", "is missing: the stage is for no object; {} is for all of its kind")
        return
    wanted = demands(selector)
    by_key: dict[Path | str, list[Demand]] = defaultdict(list)
    for demand in wanted:
        by_key[demand.key].append(demand)
        yield from _check_values(demand)
    for same in by_key.values():
        for one, other in combinations(same, 2):
            if _exclude(one, other) or _exclude(other, one):
                message = f"{other.text} and {one.text} ({one.field}) of the same value: no object meets both"
                yield error("never-matches", other.field, message)
    for at, expression in enumerate(selector.match_expressions):
        yield from _check_cel(stage, expression, f"spec.selector.matchExpressions[{at}].cel.expression")


def _check_values(demand: Demand) -> Iterator[Problem]:
    if demand.operator != "In" or isinstance(demand.key, str) or demand.key[:2] != _LABELS or len(demand.key) != 3:
        return
    for value in sorted(demand.values):
        if len(value) > 63 or not _LABEL_VALUE.fullmatch(value):
            yield error("never-matches", demand.field, f"no label can have the value {value!r}: letters, digits, -, _ and . are allowed")


def _exclude(one: Demand, other: Demand) -> bool:
    match one.operator, other.operator:
        case "Exists" | "In", "DoesNotExist":
            return True
        case "In", "NotIn":
            return one.values <= other.values
        case "In", "In":
            # A list may have both.
            return not isinstance(one.key, str) and single(one.key) and not one.values & other.values
    return False


def _check_cel(stage: Stage, expression: MatchExpression, field: str) -> Iterator[Problem]:
    if expression.cel is None or expression.jq is not None or "self" in expression.cel.expression:
        return
    ref = stage.spec.resource_ref
    alone = StageSpec(resource_ref=ref, selector=StageSelector(match_expressions=[expression]))
    try:
        matches = compile_stage(replace(stage, spec=alone), environment_of(ref, lambda: START_NS)).matches({})
    except StageError:
        # Another rule says so.
        return
    if not matches:
        yield error("never-matches", field, "is false, whatever the object is")


def implies(one: StageSelector, other: StageSelector) -> bool:
    """Whether every object that the one takes is taken by the other, as far as their words tell."""
    having = {demand.meaning for demand in demands(one)}
    return {demand.meaning for demand in demands(other)} <= having
