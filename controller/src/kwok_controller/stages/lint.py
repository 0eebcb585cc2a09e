# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is wrong with stages, or odd: `kwok-controller stage lint`. The rules are described in docs/guides/stages.md.

An error is what cannot work: the controller or the apiserver would refuse it. A warning is what works, though hardly as it was meant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from msgspec import Struct, structs

from kwok_controller.api.load import Document
from kwok_controller.api.stage import Stage, StageResourceRef
from kwok_controller.stages.lint_groups import check_group, check_names
from kwok_controller.stages.lint_problems import Problem
from kwok_controller.stages.lint_stage import check_deprecated, check_object, check_stage


class Finding(Struct, frozen=True):
    """One thing that is wrong.

    Attributes:
        severity: `error` or `warning`.
        rule: By which rule.
        stage: The stage's name; empty where it has none.
        field: Where in the stage, as it was written, such as `spec.next.statusTemplate`; empty: as a whole.
        message: What is wrong, and what would be right.
        file: Where the stage is from.
        document: The place of its document in there, from 1.
    """

    severity: str
    rule: str
    stage: str
    field: str
    message: str
    file: str
    document: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return structs.asdict(self)

    def __str__(self) -> str:
        where = f"{self.file}:{self.document}: Stage {self.stage or 'without a name'}"
        return f"{where}: {f'{self.field}: ' if self.field else ''}{self.severity}: {self.message} [{self.rule}]"


def lint(documents: Sequence[Document], *, strict: bool = False) -> list[Finding]:
    """What is wrong with stages, which are taken to be used together.

    Args:
        documents: The stages, not checked.
        strict: Deprecated forms are reported, too.
    """
    findings: list[tuple[int, Problem]] = []
    groups: dict[StageResourceRef, list[tuple[int, Stage]]] = defaultdict(list)
    for at, document in enumerate(documents):
        stage, problems = check_object(document.obj)
        if stage is not None:
            problems += check_stage(stage, document.obj)
        if strict:
            problems += check_deprecated(document.obj)
        findings += [(at, problem) for problem in problems]
        if stage is not None and not any(problem.severity == "error" for problem in problems):
            groups[stage.spec.resource_ref].append((at, stage))
    findings += check_names([document.obj for document in documents])
    for ref, stages in groups.items():
        findings += check_group(ref, stages)
    findings.sort(key=lambda each: (each[0], each[1].severity, each[1].field))
    return [_finding(documents[at], problem) for at, problem in findings]


def _finding(document: Document, problem: Problem) -> Finding:
    metadata = document.obj.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return Finding(
        problem.severity,
        problem.rule,
        name if isinstance(name, str) else "",
        as_written(problem.field, document.obj),
        problem.message,
        document.file,
        document.number,
    )


def as_written(field: str, obj: Any) -> str:
    """A field of a stage whose deprecated forms were brought to the new ones, as it stands in the object."""
    spec = obj.get("spec") if isinstance(obj, dict) else None
    if not isinstance(spec, dict):
        return field
    head, _, rest = field.partition("]")
    if head.startswith("spec.steps[") and not spec.get("steps") and isinstance(spec.get("next"), dict):
        return _in_next(int(head.removeprefix("spec.steps[")), rest, spec["next"])
    for new, old in ((".jq.expression", ".expressionFrom"), (".jq.key", ".key"), (".jq.operator", ".operator"), (".jq.values", ".values")):
        if field.endswith(new) and _at(obj, field.removesuffix(new) + ".jq") is None:
            return field.removesuffix(new) + old
    return field


def _in_next(at: int, rest: str, written: dict[str, Any]) -> str:
    places = [f"spec.next.{key}" for key in ("event", "finalizers") if written.get(key)]
    patches = written.get("patches")
    if isinstance(patches, list) and patches:
        places += [f"spec.next.patches[{index}]" for index in range(len(patches))]
    elif written.get("statusTemplate"):
        places.append("spec.next.statusTemplate")
    places.append("spec.next.delete")
    place = places[at] if at < len(places) else "spec.next"
    inner = rest.removeprefix(".patch") if "patch" in place else ""
    return place if place == "spec.next.statusTemplate" else place + inner


def _at(obj: Any, field: str) -> Any:
    value = obj
    for step in field.replace("]", "").replace("[", ".").split("."):
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return value
