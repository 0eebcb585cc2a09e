# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import random

import pytest

from kwok_controller.lifecycle import Chance, Draw

KEYS = [f"v1/Pod/default/pod-{at}" for at in range(500)]


def choices(keys: list[str], seed: int = 7) -> dict[str, tuple[int, int]]:
    return {key: (Draw(seed, key, 0).weight(1000), Draw(seed, key, 0).jitter(10**9)) for key in keys}


def test_the_order_of_objects_makes_no_difference() -> None:
    shuffled = random.Random(1).sample(KEYS, len(KEYS))
    assert choices(shuffled) == choices(KEYS)


def test_another_seed_object_or_count_draws_another_number() -> None:
    drawn = [Draw(seed, key, count).jitter(2**62) for seed in (0, 1, -1, 2**80) for key in KEYS[:5] for count in range(5)]
    assert len(set(drawn)) == len(drawn)


def test_weight_and_jitter_are_independent() -> None:
    both = [(Draw(3, key, 0).weight(2), Draw(3, key, 0).jitter(2)) for key in KEYS]
    for pair in ((0, 0), (0, 1), (1, 0), (1, 1)):
        assert 80 < both.count(pair) < 170  # 125 expected, standard deviation 9.7


@pytest.mark.parametrize("total", [1, 2, 7, 10])
def test_numbers_are_spread_evenly(total: int) -> None:
    rounds = 4000
    counts = [0] * total
    for at in range(rounds):
        counts[Draw(11, f"v1/Pod/default/pod-{at}", at % 3).weight(total)] += 1
    expected = rounds / total
    # 99.9 % of the chi-square distribution with 9 degrees of freedom lie below 27.9; with fewer degrees the bound is lower still.
    assert sum((count - expected) ** 2 / expected for count in counts) < 27.9


def test_chance_gives_the_same_numbers_for_the_same_draw_and_purpose() -> None:
    chance = Chance()

    def numbers(draw: Draw, purpose: str) -> list[float]:
        chance.bind(draw, purpose)
        return [chance.random(), chance.random(), chance.randint(1, 10**9), chance.uniform(5, 6)]

    first = numbers(Draw(1, "a", 0), "match")
    assert numbers(Draw(1, "b", 0), "match") != first
    assert numbers(Draw(1, "a", 0), "delay") != first
    assert numbers(Draw(1, "a", 0), "match") == first
    assert len(set(first)) == len(first)


@pytest.mark.parametrize("bits", [1, 5, 64, 65, 200])
def test_chance_gives_as_many_bits_as_asked_for(bits: int) -> None:
    chance = Chance()
    drawn = [chance.getrandbits(bits) for _ in range(200)]
    assert max(drawn).bit_length() == bits
    assert min(drawn) < 1 << bits >> 1


def test_chance_has_no_state_to_seed() -> None:
    chance = Chance()
    chance.bind(Draw(5, "a", 0), "x")
    first = chance.random()
    chance.bind(Draw(5, "a", 0), "x")
    chance.seed(42)
    assert chance.random() == first
