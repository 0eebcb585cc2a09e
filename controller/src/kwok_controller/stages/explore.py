# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Where stages lead: they are played on samples, on what becomes of those, and so on, within bounds.

What is found does happen; what is not found may happen to objects that no sample is like.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from kwok_controller.lifecycle import CompiledStage, StageError
from kwok_controller.stages.samples import Sample, fitted
from kwok_controller.stages.trial import Trial, misshapen

MAX_STATES: Final = 300
"""States looked at. The shipped sets for pods, all together, have some 240."""

_TIME: Final = re.compile(rb"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")
_COUNT: Final = re.compile(rb'"(restartCount|observedGeneration)":\d+|[0-9a-f]{64}|\b(\d+h)?(\d+m)?\d+s\b')
_MAX_FITS: Final = 12


@dataclass(slots=True)
class State:
    """A state that objects may be in.

    Attributes:
        about: From which sample it comes.
        obj: An object in that state.
        real: Whether a cluster can have such an object: nothing but metadata was made to fit a stage.
        origin: The state that this one was made from to fit a stage; None for any other.
        next: The stages that may be next, in the order of their names.
        delays: The least and the most that they wait, in nanoseconds.
    """

    about: str
    obj: dict[str, Any]
    real: bool
    origin: State | None = None
    next: list[CompiledStage] = field(default_factory=list)
    delays: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Transition:
    """A stage that was played.

    Attributes:
        before: The state of the object.
        stage: The stage.
        after: The state that it came to; None when the object is gone.
        changed: Whether anything in the object changed.
        least, most: What it waited, in nanoseconds.
    """

    before: State
    stage: CompiledStage
    after: State | None
    changed: bool
    least: int
    most: int


@dataclass(slots=True)
class Failure:
    """A stage that failed on an object."""

    error: StageError
    state: State


@dataclass(slots=True)
class Exploration:
    """What was found.

    Attributes:
        starts: The states that samples are in, before anything is played.
        transitions: What was played.
        failures: What failed.
    """

    starts: list[State] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def states(self) -> list[State]:
        """All that were seen, each once."""
        seen = {id(state): state for state in self.starts}
        seen.update((id(step.after), step.after) for step in self.transitions if step.after is not None)
        return list(seen.values())


class _Explorer:
    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.found = Exploration()
        self._known: dict[bytes, State] = {}
        self._left: deque[State] = deque()

    def start(self, start: State) -> None:
        if len(self._known) < MAX_STATES and _key(start.obj) not in self._known:
            self.found.starts.append(self._state(start))

    def run(self) -> None:
        while self._left:
            state = self._left.popleft()
            for stage, (least, most) in zip(state.next, state.delays, strict=True):
                self._play(state, stage, least, most)

    def _play(self, state: State, stage: CompiledStage, least: int, most: int) -> None:
        self.trial.wait(least)
        try:
            obj = self.trial.play(stage, state.obj).obj
        except StageError as error:
            self.found.failures.append(Failure(error, state))
            return
        if obj is None:
            self.found.transitions.append(Transition(state, stage, None, True, least, most))
            return
        if obj is not state.obj and _key(obj) not in self._known and len(self._known) >= MAX_STATES:
            return
        after = state if obj is state.obj else self._state(State(state.about, obj, state.real))
        self.found.transitions.append(Transition(state, stage, after, obj is not state.obj, least, most))

    def _state(self, state: State) -> State:
        """The state, or the one that was seen before and is no other."""
        key = _key(state.obj)
        if key in self._known:
            return self._known[key]
        self._known[key] = state
        self.trial.errors.clear()
        for stage in self.trial.possible(state.obj):
            try:
                delay = self.trial.delay(stage, state.obj)
            except StageError as error:
                self.found.failures.append(Failure(error, state))
                continue
            state.next.append(stage)
            state.delays.append(delay)
        self.found.failures += [Failure(error, state) for error in self.trial.errors]
        self._left.append(state)
        return state


def explore(trial: Trial, samples: Iterable[Sample], *, fit: bool = True) -> Exploration:
    """Where the stages of a trial lead from samples.

    Args:
        trial: The stages.
        samples: Where to begin.
        fit: Whether to make objects for stages that none of the samples comes to, as far as their selectors say how.
    """
    explorer = _Explorer(trial)
    for sample in samples:
        explorer.start(State(sample.about, sample.obj, real=True))
    explorer.run()
    if fit:
        _fit_all(explorer)
    return explorer.found


def _fit_all(explorer: _Explorer) -> None:
    left: list[CompiledStage] | None = None
    # What a user may do to objects first: labels and annotations are set, and gone again. A round may open the way for others.
    while left != (left := _unplayed(explorer)):
        for stage in left:
            _start(explorer, (state for state in _fits(stage, explorer.found.states()) if state.real))
        _start(explorer, _bare(explorer.found.states()))
    for stage in left:
        _start(explorer, _fits(stage, explorer.found.states()))


def _unplayed(explorer: _Explorer) -> list[CompiledStage]:
    played = {step.stage.name for step in explorer.found.transitions}
    return [stage for stage in explorer.trial.lifecycle.stages if stage.name not in played]


def _start(explorer: _Explorer, states: Iterable[State]) -> None:
    for state in itertools.islice(states, _MAX_FITS):
        explorer.start(state)
    explorer.run()


def _bare(states: Iterable[State]) -> Iterator[State]:
    """States whose labels and annotations a user has taken away, or whose finalizers their holders."""
    for state in states:
        metadata = state.obj["metadata"]
        changes: list[tuple[str, tuple[str, ...]]] = [("without labels", ("labels", "annotations"))]
        # Of any other kind, an object that is being deleted is gone with its last finalizer; a pod is its kubelet's to remove.
        if state.obj["kind"] == "Pod":
            changes.append(("without finalizers", ("finalizers",)))
        for about, fields in changes:
            bare = {key: value for key, value in metadata.items() if key not in fields}
            if state.real and len(bare) != len(metadata):
                yield State(f"{state.about}, {about}", {**state.obj, "metadata": bare}, real=True, origin=state)


def _fits(stage: CompiledStage, states: Iterable[State]) -> Iterator[State]:
    """States made from others so that a stage matches."""
    selector = stage.spec.selector
    if selector is None:
        return
    for state in states:
        obj = fitted(state.obj, selector)
        # A selector may look at all of the metadata, say, and want a text there.
        if misshapen(obj):
            continue
        try:
            if not stage.matches(obj):
                continue
        except StageError:
            continue
        real = state.real and {**obj, "metadata": None} == {**state.obj, "metadata": None}
        yield State(f"{state.about}, made to fit {stage.name}", obj, real, origin=state)


def _key(obj: dict[str, Any]) -> bytes:
    """The same for two states that differ in times, counts and made-up identities only."""
    return _COUNT.sub(b"N", _TIME.sub(b"T", orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)))
