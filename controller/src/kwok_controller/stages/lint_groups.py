# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The rules that look at several stages at once, and at what stages do to samples of their kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, Final

from kwok_controller.api.stage import ExpressionFrom, Stage, StageResourceRef
from kwok_controller.expressions.gotemplate import TemplateError
from kwok_controller.expressions.gotemplate.strconv import parse_int
from kwok_controller.expressions.jq import JqError, compile_jq
from kwok_controller.lifecycle import CompiledStage, StageError
from kwok_controller.lifecycle.values import parse_delay
from kwok_controller.stages.explore import Exploration, State, explore
from kwok_controller.stages.lint_problems import Problem, error, warning
from kwok_controller.stages.lint_selectors import implies
from kwok_controller.stages.lint_stage import rule_of
from kwok_controller.stages.samples import samples_of
from kwok_controller.stages.trial import START_NS, Trial

_ROUNDS: Final = 4
"""How often a stage has to come again without delay for that to be a loop: a few init containers are none."""


def check_names(objects: Sequence[Any]) -> list[tuple[int, Problem]]:
    """Names that several stages have."""
    first: dict[str, int] = {}
    found = []
    for at, obj in enumerate(objects):
        metadata = obj.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if not isinstance(name, str) or not name:
            continue
        if name in first:
            found.append((at, error("duplicate-name", "metadata.name", f"document {first[name] + 1} of all has the name {name}, too")))
        first.setdefault(name, at)
    return found


def check_group(ref: StageResourceRef, stages: Sequence[tuple[int, Stage]]) -> list[tuple[int, Problem]]:
    """What is wrong with the stages of one kind together.

    Args:
        ref: The kind.
        stages: Its stages, none of which has errors of its own, each with what stands for it in the outcome.
    """
    places = {stage.metadata.name: at for at, stage in stages}
    found = [*_check_pairs(stages)]
    # Two of one name are reported already; the later one is enough to look at.
    trial = Trial(ref, {stage.metadata.name: stage for _, stage in stages}.values())
    explored = explore(trial, samples_of(ref))
    for problems in (_check_failures(explored), _check_loops(trial, explored), _check_values(explored)):
        found += [(places[name], problem) for name, problem in problems]
    return found


def _check_pairs(stages: Sequence[tuple[int, Stage]]) -> Iterator[tuple[int, Problem]]:
    for one, other in combinations(stages, 2):
        if one[1].spec.selector is None or other[1].spec.selector is None or one[1].metadata.name == other[1].metadata.name:
            continue
        for (at, hidden), (_, stronger) in ((one, other), (other, one)):
            if _unweighted(hidden) and _weighs(stronger) and _takes_all_of(stronger, hidden):
                message = f"is 0, so the stage is never played: {stronger.metadata.name} matches wherever it does and weighs more"
                yield at, warning("shadowed", "spec.weight", message)
        if all(_unweighted(stage) and _takes_all_of(stage, peer) for (_, stage), (_, peer) in ((one, other), (other, one))):
            message = f"is that of {one[1].metadata.name}: chance decides between the two; give them weights, or selectors of their own"
            yield other[0], warning("same-selector", "spec.selector", message)


def _unweighted(stage: Stage) -> bool:
    return stage.spec.weight == 0 and stage.spec.weight_from is None


def _weighs(stage: Stage) -> bool:
    return stage.spec.weight > 0 and stage.spec.weight_from is None


def _takes_all_of(taker: Stage, stage: Stage) -> bool:
    assert taker.spec.selector is not None
    assert stage.spec.selector is not None
    return implies(stage.spec.selector, taker.spec.selector)


def _check_failures(explored: Exploration) -> Iterator[tuple[str, Problem]]:
    seen: set[tuple[str, str]] = set()
    for failure in explored.failures:
        failed = failure.error
        # On an object that no cluster has, a template may well miss something; what comes out of it may not be broken.
        if (failed.stage, failed.field) in seen or (not failure.state.real and isinstance(failed.__cause__, TemplateError)):
            continue
        seen.add((failed.stage, failed.field))
        yield failed.stage, warning(rule_of(failed.field), failed.field, f"on a sample ({failure.state.about}): {failed.message}")


def _check_loops(trial: Trial, explored: Exploration) -> Iterator[tuple[str, Problem]]:
    seen: set[frozenset[str]] = set()
    for state in explored.states():
        loop = _loop_from(trial, state)
        names = frozenset(loop)
        if loop and names not in seen:
            seen.add(names)
            if len(names) == 1:
                message = "its own effects leave it matching: it is played without end and without delay; match what it has not done yet"
            else:
                message = f"{' and '.join(sorted(names))} follow each other without end and without delay; give one a delay"
            yield min(names), warning("loop", "spec", f"on a sample ({state.about}): {message}")


def _loop_from(trial: Trial, state: State) -> list[str]:
    """The names of the stages that follow each other without end, from a state on; none where there is an end, or a delay."""
    obj = state.obj
    played: list[str] = []
    bound = _ROUNDS * (len(trial.lifecycle.stages) + 1)
    while len(played) < bound:
        stage = _at_once(trial, obj)
        if stage is None:
            return []
        trial.wait(0)
        try:
            after = trial.play(stage, obj).obj
        except StageError:
            return []
        if after is None or after is obj:
            return []
        obj = after
        played.append(stage.name)
    return [name for name in dict.fromkeys(played) if played.count(name) >= _ROUNDS]


def _at_once(trial: Trial, obj: dict[str, Any]) -> CompiledStage | None:
    for stage in trial.possible(obj):
        try:
            if trial.delay(stage, obj)[1] == 0:
                return stage
        except StageError:
            continue
    return None


def _check_values(explored: Exploration) -> Iterator[tuple[str, Problem]]:
    """Weights and durations that objects give, but that are none."""
    seen: set[tuple[str, str]] = set()
    for state in explored.states():
        for stage in state.next:
            spec = stage.spec
            sources = [("spec.weightFrom", spec.weight_from, _weight_problem)]
            if spec.delay is not None:
                sources.append(("spec.delay.durationFrom", spec.delay.duration_from, _duration_problem))
                sources.append(("spec.delay.jitterDurationFrom", spec.delay.jitter_duration_from, _duration_problem))
            for field, source, problem_of in sources:
                problem = problem_of(_first(source, state.obj))
                if problem and (stage.name, field) not in seen:
                    seen.add((stage.name, field))
                    yield stage.name, warning("value", f"{field}.jq.expression", f"on a sample ({state.about}): {problem}")


def _first(source: ExpressionFrom | None, obj: dict[str, Any]) -> Any:
    if source is None or source.jq is None or source.cel is not None:
        return None
    try:
        found = compile_jq(source.jq.expression)(obj)
    except JqError:
        return None
    return found[0] if found else None


def _duration_problem(value: Any) -> str:
    if value is None or value == "" or (isinstance(value, str) and parse_delay(value, START_NS) is not None):
        return ""
    return f"gives {value!r}, which is no duration, such as 1m30s, and no time, and so has no effect"


def _weight_problem(value: Any) -> str:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return ""
    try:
        parse_int(value if isinstance(value, str) else "", 0)
    except ValueError:
        return f"gives {value!r}, which is no whole number"
    return ""
