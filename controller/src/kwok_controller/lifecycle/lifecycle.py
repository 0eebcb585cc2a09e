# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The stages of one kind: which of them is next for an object. Semantics of kwok v0.8.0 (`pkg/utils/lifecycle/lifecycle.go`), save that a
stage whose expressions fail on an object, or whose weight is negative, stands in the way of no other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any, TypeAlias

from kwok_controller.lifecycle.draw import Draw
from kwok_controller.lifecycle.errors import StageError
from kwok_controller.lifecycle.selector import FAILURES, UNKNOWN
from kwok_controller.lifecycle.stage import CompiledStage

Object: TypeAlias = dict[str, Any]


class Lifecycle:
    """All stages of one kind.

    Args:
        stages: they are tried in the order of their names. Those without a selector are left out: they are for no object.
        on_error: told of every stage that failed on an object, and so does not match it.
    """

    def __init__(self, stages: Iterable[CompiledStage], on_error: Callable[[StageError], None]) -> None:
        self.stages = tuple(sorted((stage for stage in stages if stage.selector is not None), key=lambda stage: stage.name))
        self._on_error = on_error
        selectors = [stage.selector for stage in self.stages if stage.selector is not None]
        asked = Counter(requirement.source for selector in selectors for requirement in selector.requirements)
        shared = {source: at for at, source in enumerate(source for source, times in asked.items() if times > 1)}
        self._blank = [UNKNOWN] * len(shared)
        self._plan = tuple(
            (stage, selector, selector.tests(shared), bool(selector.conditions))
            for stage, selector in zip(self.stages, selectors, strict=True)
        )

    def match(self, obj: Object, draw: Draw) -> CompiledStage | None:
        """The stage to play next: the one that matches, or one of several by their weights; None where none matches."""
        stages = self._matching(obj, draw)
        if len(stages) <= 1:
            return stages[0] if stages else None
        weighted = self._weighted(obj, stages, draw)
        total = sum(weight for _, weight in weighted)
        if not total:
            return weighted[draw.weight(len(weighted))][0] if weighted else None
        at = bisect_right(list(accumulate(weight for _, weight in weighted)), draw.weight(total))
        return weighted[at][0]

    def possible(self, obj: Object, draw: Draw) -> list[CompiledStage]:
        """All that `match` may give for some draw, in the order of their names."""
        stages = self._matching(obj, draw)
        return stages if len(stages) <= 1 else [stage for stage, _ in self._weighted(obj, stages, draw)]

    def _matching(self, obj: Object, draw: Draw) -> list[CompiledStage]:
        memo = self._blank.copy()
        found = []
        for stage, selector, tests, draws in self._plan:
            if draws:
                stage.bind(draw, "match")
            try:
                for test in tests:
                    if not test(obj, memo):
                        break
                else:
                    found.append(stage)
            except FAILURES as error:
                self._on_error(selector.failed(tests.index(test), error))
        return found

    def _weighted(self, obj: Object, stages: list[CompiledStage], draw: Draw) -> list[tuple[CompiledStage, int]]:
        # Those among which the choice is: the ones with a positive weight; without any, those of weight 0; without any, all.
        weights: list[tuple[CompiledStage, int]] = []
        for stage in stages:
            try:
                weight = stage.weight(obj, draw)
            except StageError as error:
                self._on_error(error)
                continue
            weights.append((stage, -1 if weight is None else weight))
        for least in (1, 0):
            chosen = [(stage, weight) for stage, weight in weights if weight >= least]
            if chosen:
                return chosen
        return [(stage, 0) for stage, _ in weights]
