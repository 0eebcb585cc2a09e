# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Every target, driven by Hypothesis: `pytest controller/tests/fuzz --fuzz-seconds 600` for a long run. See `run_atheris.py`, too."""

from __future__ import annotations

import importlib.util
import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from fuzzing import targets
from fuzzing.bounds import Hang, Watchdog, bounded_memory
from fuzzing.cases import Broken
from fuzzing.corpus import SEEDS, dictionary
from fuzzing.targets import SECONDS, TARGETS
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

FUZZ_SECONDS: Final = 36.0
"""All targets together, where the option says nothing else."""

_CASES_A_ROUND: Final = 100
_ATHERIS: Final = importlib.util.find_spec("atheris") is not None
_RUN_ATHERIS: Final = Path(__file__).with_name("run_atheris.py")


@pytest.fixture
def watchdog() -> Iterator[type[Watchdog]]:
    before = signal.getsignal(signal.SIGPROF)
    yield Watchdog
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


def _inputs(name: str) -> st.SearchStrategy[bytes]:
    """Choices, texts made of words, and what fuzzing begins with, a bit changed."""
    choices = st.integers(0, 400).flatmap(lambda size: st.binary(min_size=size, max_size=size)).map(lambda data: b"\0" + data)
    seeds = SEEDS.get(name)
    if not seeds:
        return choices
    words = [line[1:-1].replace("\\x0a", "\n").replace('\\"', '"') for line in dictionary(name).splitlines()]
    word = st.sampled_from([*words, *"()[]{}|.,;:'\"\\ 01-+*/%<>=!?@$#&~\n"]) | st.text(max_size=3)
    texts = st.lists(word, max_size=12).map(lambda found: b"\1" + "".join(found).encode("utf-8", "replace"))
    changed = st.builds(
        lambda data, at, size, new: data[: 1 + at % len(data)] + new + data[1 + at % len(data) + size :],
        st.sampled_from(seeds),
        st.integers(0, 10_000),
        st.integers(0, 4),
        word.map(lambda found: found.encode("utf-8", "replace")),
    )
    return st.one_of(choices, choices, texts, changed)


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_is_taken_or_refused_in_bounded_time_and_memory(
    name: str,
    watchdog: type[Watchdog],
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    ends = time.monotonic() + (pytestconfig.getoption("--fuzz-seconds", default=None) or FUZZ_SECONDS) / len(TARGETS)
    target, dog = TARGETS[name], watchdog(SECONDS.get(name, 1.0))
    cases = 0

    @settings(
        max_examples=_CASES_A_ROUND,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(_inputs(name))
    def play(data: bytes) -> None:
        nonlocal cases
        cases += 1
        dog.start()
        try:
            target(data)
        except Hang as hang:
            raise AssertionError(str(hang)) from hang
        finally:
            dog.stop()

    with bounded_memory():
        for number in itertools.count():
            seed(number)(play)()
            if time.monotonic() > ends:
                break
    record_property("cases", cases)
    with capsys.disabled():
        print(f" {name}: {cases} cases", end="")


def test_what_takes_too_long_is_found(watchdog: type[Watchdog]) -> None:
    dog = watchdog(0.05)
    dog.start()
    with pytest.raises(Hang):
        while True:
            pass


def test_what_takes_too_much_memory_is_found() -> None:
    with bounded_memory(64 << 20), pytest.raises(MemoryError):
        bytearray(1 << 30)


def test_what_is_broken_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "apply_merge", lambda obj, patch: {**obj})
    with pytest.raises(Broken, match="a copy where nothing changes"):
        targets.merge_patch(b"")


@pytest.mark.skipif(not _ATHERIS, reason="atheris is not there for this Python or platform")
def test_atheris_fuzzes_a_target_and_says_how_many_cases_it_tried(tmp_path: Path) -> None:
    command = [sys.executable, str(_RUN_ATHERIS), "quantity", "--seconds", "2", "--crashes", str(tmp_path / "crashes")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.split()[1]) > 100
    assert not list((tmp_path / "crashes").iterdir())


@pytest.mark.skipif(not _ATHERIS, reason="atheris is not there for this Python or platform")
def test_an_input_is_tried_again(tmp_path: Path) -> None:
    found = tmp_path / "found"
    found.write_bytes(SEEDS["jq"][0])
    command = [sys.executable, str(_RUN_ATHERIS), "jq", "--replay", str(found)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, f"jq: {found} passes\n")


def test_an_unknown_target_is_refused_with_the_known_ones() -> None:
    done = subprocess.run([sys.executable, str(_RUN_ATHERIS), "xml"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "'xml' is no target" in done.stderr
    assert "jq" in done.stderr
