# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The stages of each kind as a state machine, for people: `kwok-controller stage explain`.

Which stage follows which is found by playing them on samples: what is shown does happen, and what no sample comes to is not shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from kwok_controller.api.stage import Stage, StageResourceRef
from kwok_controller.stages import explain_words as words
from kwok_controller.stages.explore import Exploration, State, Transition, explore
from kwok_controller.stages.samples import samples_of
from kwok_controller.stages.trial import Trial

START: Final = ""
"""In place of a stage's name: an object as it came, on which nothing was played."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A stage that follows another one.

    Attributes:
        before: The stage that was played last; `START`: none.
        stage: The stage that follows.
        delay: What it waits, in words.
        alone: Whether no other stage could have been chosen there.
        gone: Whether the object is gone after it.
    """

    before: str
    stage: str
    delay: str
    alone: bool
    gone: bool


@dataclass(slots=True)
class Machine:
    """The stages of one kind.

    Attributes:
        ref: The kind.
        stages: Sorted by name.
        edges: Which follows which, in the order of the stages' names.
        rests: After which stages an object may stay as it is, until something else changes it.
        unseen: The names of the stages that no sample comes to.
    """

    ref: StageResourceRef
    stages: list[Stage]
    edges: list[Edge] = field(default_factory=list)
    rests: set[str] = field(default_factory=set)
    unseen: list[str] = field(default_factory=list)


def explain(stages: Iterable[Stage]) -> list[Machine]:
    """The state machines that stages make, sorted by kind.

    Raises:
        StageError: A stage cannot be compiled.
    """
    groups: dict[tuple[str, str], list[Stage]] = defaultdict(list)
    for stage in stages:
        groups[(stage.spec.resource_ref.api_group, stage.spec.resource_ref.kind)].append(stage)
    return [_machine(groups[key]) for key in sorted(groups)]


def _machine(stages: Sequence[Stage]) -> Machine:
    ref = stages[0].spec.resource_ref
    machine = Machine(ref, sorted(stages, key=lambda stage: stage.metadata.name))
    found = explore(Trial(ref, stages), samples_of(ref))
    incoming = _incoming(found)
    edges: dict[tuple[str, str, bool], Edge] = {}
    for step in found.transitions:
        for before in incoming[id(step.before)]:
            edge = _edge(before, step)
            edges.setdefault((edge.before, edge.stage, edge.gone), edge)
        if not step.changed:
            machine.rests |= incoming[id(step.before)]
    machine.edges = [edges[key] for key in sorted(edges)]
    machine.rests |= {name for state in found.states() if not state.next and state.origin is None for name in incoming[id(state)]}
    machine.rests.discard(START)
    seen = {edge.stage for edge in machine.edges}
    machine.unseen = [stage.metadata.name for stage in machine.stages if stage.metadata.name not in seen]
    return machine


def _edge(before: str, step: Transition) -> Edge:
    return Edge(before, step.stage.name, words.span(step.least, step.most), len(step.before.next) == 1, step.after is None)


def _incoming(found: Exploration) -> dict[int, set[str]]:
    """By the identity of each state: the stages after which objects are in it."""
    incoming: dict[int, set[str]] = defaultdict(set)
    for state in found.starts:
        if state.origin is None:
            incoming[id(state)].add(START)
    for step in found.transitions:
        if step.after is not None and step.changed:
            incoming[id(step.after)].add(step.stage.name)
    for state in found.starts:
        incoming[id(state)] |= incoming[id(_first(state))]
    return incoming


def _first(state: State) -> State:
    while state.origin is not None:
        state = state.origin
    return state


def as_text(machines: Sequence[Machine]) -> str:
    """The machines in words."""
    return "\n".join(_text(machine) for machine in machines)


def _text(machine: Machine) -> str:
    ref = machine.ref
    lines = [f"{ref.kind} ({ref.api_group}): {len(machine.stages)} stage{'' if len(machine.stages) == 1 else 's'}", ""]
    for stage in machine.stages:
        name = stage.metadata.name
        before = [edge.before for edge in machine.edges if edge.stage == name]
        lines.append(name)
        lines += _block("When", words.conditions(stage), joint="and ")
        lines += _block("Weight", [words.weight(stage)])
        lines += _block("Delay", [words.delay(stage.spec.delay)])
        lines += _block("Does", words.effects(stage))
        lines += _block("After", [each or "nothing: an object as it came" for each in before] or ["nothing that a sample comes to"])
        lines += _block("Then", _then(machine, name) or ["not known: no sample comes here"])
        lines.append("")
    return "\n".join(lines)


def _then(machine: Machine, name: str) -> list[str]:
    then = [f"{edge.stage} ({edge.delay}{'' if edge.alone else ', or another'})" for edge in machine.edges if edge.before == name]
    if any(edge.stage == name and edge.gone for edge in machine.edges):
        then.append("the object is gone")
    if name in machine.rests:
        then.append("it stays as it is, until something else changes it")
    return then


def _block(title: str, parts: Sequence[str], joint: str = "") -> list[str]:
    return [f"  {title if at == 0 else '':7}{joint if at else ''}{part}" for at, part in enumerate(parts)]


def as_mermaid(machines: Sequence[Machine]) -> str:
    """The machines as state diagrams of Mermaid; of several, each in a state of its own."""
    lines = ["stateDiagram-v2"]
    for machine in machines:
        if len(machines) == 1:
            lines += _diagram(machine, "    ", "")
        else:
            kind = _identifier(machine.ref.kind)
            lines += [f'    state "{machine.ref.kind} ({machine.ref.api_group})" as {kind} {{']
            lines += _diagram(machine, "        ", f"{kind}_")
            lines += ["    }"]
    return "\n".join(lines) + "\n"


def _diagram(machine: Machine, indent: str, prefix: str) -> list[str]:
    """States are where a stage has led; the arrows are the stages."""
    shown = [edge for edge in machine.edges if not edge.gone]
    names = sorted({edge.stage for edge in shown})
    lines = [f'state "{_after(name, name in machine.rests)}" as {prefix}{_identifier(name)}' for name in names]
    for edge in machine.edges:
        source = f"{prefix}{_identifier(edge.before)}" if edge.before else "[*]"
        target = "[*]" if edge.gone else f"{prefix}{_identifier(edge.stage)}"
        lines.append(f"{source} --> {target} : {edge.stage}, {edge.delay}")
    lines += [f'state "{name} (not reached by samples)" as {prefix}{_identifier(name)}' for name in machine.unseen]
    return [indent + line for line in lines]


def _after(name: str, rests: bool) -> str:
    return f"after {name}{', may stay' if rests else ''}"


def _identifier(name: str) -> str:
    # A prefix, since some words, such as end, are not free.
    return "s_" + name.replace("-", "_").replace(".", "_dot_")
