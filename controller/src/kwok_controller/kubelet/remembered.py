# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Answers of the apiserver that count for a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Final, Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

LIMIT: Final = 4096
"""Answers that are remembered; those that have not been asked for the longest time are forgotten first."""

IN_FLIGHT: Final = 16
"""Questions that are asked at a time: who sends made-up tokens must not keep the apiserver busy."""


class Answer(NamedTuple, Generic[V]):
    """An answer, and for how many seconds it counts."""

    value: V
    seconds: float


class Remembered(Generic[K, V]):
    """What was asked lately. Those who ask the same at the same time wait for the one answer.

    Args:
        monotonic: the time, in seconds.
        limit: so many answers are remembered.
    """

    def __init__(self, monotonic: Callable[[], float], limit: int = LIMIT) -> None:
        self._monotonic = monotonic
        self._limit = limit
        # Those that were asked for last at the end.
        self._answers: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._asking: dict[K, asyncio.Task[V]] = {}
        self._places = asyncio.Semaphore(IN_FLIGHT)

    def __len__(self) -> int:
        return len(self._answers)

    async def get(self, key: K, ask: Callable[[], Coroutine[Any, Any, Answer[V]]]) -> V:
        """The answer that is remembered, or that to a new question. What `ask` raises is raised, and not remembered."""
        known = self._answers.get(key)
        if known is not None and known[1] > self._monotonic():
            self._answers.move_to_end(key)
            return known[0]
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._ask(key, ask))
        # Who goes away does not end the question for the others.
        return await asyncio.shield(task)

    async def _ask(self, key: K, ask: Callable[[], Coroutine[Any, Any, Answer[V]]]) -> V:
        try:
            async with self._places:
                answer = await ask()
        finally:
            del self._asking[key]
        self._answers[key] = (answer.value, self._monotonic() + answer.seconds)
        self._answers.move_to_end(key)
        if len(self._answers) > self._limit:
            self._answers.popitem(last=False)
        return answer.value
