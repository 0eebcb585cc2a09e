# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""One stage, compiled: which objects it is for, when it is played on one, and what it does to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from kwok_controller.api.stage import Stage, StageResourceRef, StageSpec
from kwok_controller.lifecycle.context import Context
from kwok_controller.lifecycle.delay import Delay, compile_delay
from kwok_controller.lifecycle.draw import Chance, Draw
from kwok_controller.lifecycle.effects import Effect, PatchType
from kwok_controller.lifecycle.environment import Environment
from kwok_controller.lifecycle.selector import FAILURES, Selector, compile_selector
from kwok_controller.lifecycle.steps import Action, compile_steps
from kwok_controller.lifecycle.values import IntegerOf, integer_from

Object: TypeAlias = dict[str, Any]

_NO_DRAW = Draw(0, "", 0)


class CompiledStage:
    """A stage whose templates and expressions are compiled. Objects are dicts as decoded from JSON; they are never changed.

    Attributes:
        name: the stage's name.
        ref: the kind of object it is for.
        spec: what it was compiled from.
        immediate_next_stage: whether the next stage follows from the answer to this one's last patch.
        selector: what it looks at; None for a stage without a selector, which is for no object.
    """

    __slots__ = ("_actions", "_chance", "_delay", "_tests", "_weight", "immediate_next_stage", "name", "ref", "selector", "spec")

    def __init__(
        self,
        name: str,
        spec: StageSpec,
        selector: Selector | None,
        weight: IntegerOf,
        delay: Delay | None,
        actions: Sequence[Action],
        chance: Chance,
    ) -> None:
        self.name = name
        self.ref: StageResourceRef = spec.resource_ref
        self.spec = spec
        self.immediate_next_stage = spec.immediate_next_stage
        self.selector = selector
        self._tests = selector.tests({}) if selector is not None else ()
        self._weight = weight
        self._delay = delay
        self._actions = actions
        self._chance = chance

    def bind(self, draw: Draw, purpose: str) -> None:
        """From now on, takes the chance of expressions from a draw."""
        self._chance.bind(draw, f"{purpose}/{self.name}")

    def matches(self, obj: Object, draw: Draw = _NO_DRAW) -> bool:
        """Whether the stage is for this object as it is now.

        Raises:
            StageError: an expression failed.
        """
        if self.selector is None:
            return False
        self.bind(draw, "match")
        for at, test in enumerate(self._tests):
            try:
                if not test(obj, []):
                    return False
            except FAILURES as error:
                raise self.selector.failed(at, error) from error
        return True

    def weight(self, obj: Object, draw: Draw = _NO_DRAW) -> int | None:
        """The stage's weight among those that match; None where the object names one that is no number.

        Raises:
            StageError: an expression failed.
        """
        self.bind(draw, "weight")
        return self._weight(obj)

    def delay(self, obj: Object, now_ns: int, draw: Draw) -> int | None:
        """How long to wait, in nanoseconds; None where there is no delay. It is negative where the object names a time that has passed.

        Raises:
            StageError: an expression failed.
        """
        if self._delay is None:
            return None
        self.bind(draw, "delay")
        return self._delay.drawn(obj, now_ns, draw)

    def delay_range(self, obj: Object, now_ns: int, draw: Draw = _NO_DRAW) -> list[int] | None:
        """What `delay` is drawn from, in nanoseconds: `[delay]`, or `[least, bound above]`; None where there is no delay.

        Raises:
            StageError: an expression failed.
        """
        if self._delay is None:
            return None
        self.bind(draw, "delay")
        return self._delay.bounds(obj, now_ns)

    @property
    def length(self) -> int:
        """How many effects it has at most."""
        return len(self._actions)

    def effects(self, obj: Object, start: int = 0, draw: Draw = _NO_DRAW) -> Iterator[tuple[int, Effect]]:
        """What the stage does to the object, one after the other, each computed only when it is asked for.

        Args:
            obj: the object; every effect is computed from it as it is given here.
            start: where to go on: what came with the effect that failed.
            draw: chance for templates.

        Raises:
            StageError: a template failed on the object, or came to something that cannot be sent.
        """
        actions = self._actions
        for at in range(start, len(actions)):
            # Again for each: other objects may have been played since.
            self.bind(draw, f"effect {at}")
            effect = actions[at](obj)
            if effect is not None:
                yield at, effect


def compile_stage(stage: Stage, environment: Environment) -> CompiledStage:
    """Compiles a stage, with `steps` in place of `next` (`kwok_controller.api` sees to that).

    Raises:
        StageError: something in it is wrong.
    """
    spec = stage.spec
    kind = (spec.resource_ref.api_group, spec.resource_ref.kind)
    context = Context(stage.metadata.name, environment)
    return CompiledStage(
        name=context.stage,
        spec=spec,
        selector=compile_selector(context, spec.selector) if spec.selector is not None else None,
        weight=integer_from(context, "spec.weightFrom", spec.weight, spec.weight_from),
        delay=compile_delay(context, spec.delay) if spec.delay is not None else None,
        actions=compile_steps(context, spec.steps, PatchType.STRATEGIC if kind in environment.strategic else PatchType.MERGE),
        chance=environment.chance,
    )
