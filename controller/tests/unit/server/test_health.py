# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio

import pytest

from kwok_controller.server.health import LoopWatchdog, judge, ping


def broken() -> str | None:
    raise RuntimeError("no idea")


def test_when_all_is_well_the_answer_is_short() -> None:
    verdict = judge("livez", {"ping": ping}, verbose=False)
    assert (verdict.healthy, verdict.text) == (True, "ok")


def test_verbose_lists_every_check() -> None:
    verdict = judge("readyz", {"ping": ping, "watches": lambda: None}, verbose=True)
    assert verdict.text == "[+]ping ok\n[+]watches ok\nreadyz check passed\n"


def test_a_failure_is_listed_with_its_reason_asked_or_not() -> None:
    verdict = judge("readyz", {"ping": ping, "watches": lambda: "pods not listed yet"}, verbose=False)
    assert not verdict.healthy
    assert verdict.text == "[+]ping ok\n[-]watches failed: pods not listed yet\nreadyz check failed\n"


def test_a_check_that_cannot_run_has_failed() -> None:
    verdict = judge("livez", {"broken": broken}, verbose=False)
    assert not verdict.healthy
    assert "[-]broken failed: RuntimeError: no idea" in verdict.text


def test_checks_can_be_excluded_and_unknown_ones_are_told() -> None:
    verdict = judge("livez", {"broken": broken, "ping": ping}, verbose=True, exclude=["broken", "none-such"])
    assert verdict.healthy
    assert "[+]broken excluded: ok" in verdict.text
    assert "warn: some health checks cannot be excluded: no matches for none-such" in verdict.text


class Time:
    """A clock whose sleepers wake as late as `lags` says."""

    def __init__(self, *lags: float) -> None:
        self.now = 100.0
        self.lags = list(lags)

    async def sleep(self, seconds: float) -> None:
        if not self.lags:
            raise asyncio.CancelledError
        self.now += seconds + self.lags.pop(0)


def test_lags_are_measured() -> None:
    time, seen = Time(0.0, 0.25, 3.0), list[float]()
    watchdog = LoopWatchdog(seen.append, clock=lambda: time.now, sleep=time.sleep)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watchdog.run())
    assert seen == pytest.approx([0.0, 0.25, 3.0])


def test_a_loop_that_does_not_wake_the_watchdog_is_stuck_until_it_does(caplog: pytest.LogCaptureFixture) -> None:
    time = Time(11.0)
    watchdog = LoopWatchdog(lambda lag: None, limit=10.0, interval=0.5, clock=lambda: time.now, sleep=time.sleep)
    time.now += 10.4
    assert watchdog.check() is None
    time.now += 0.2
    assert watchdog.check() == "the event loop is 10.1 s late"
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watchdog.run())
    assert watchdog.check() is None
    assert "The event loop was stuck" in caplog.text
