# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""One target under atheris, in this process, until its time is up or something is found: `TARGET SLOWER LIBFUZZER-OPTION …`."""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

with atheris.instrument_imports(include=["kwok_controller"]):
    from fuzzing.bounds import Watchdog
    from fuzzing.targets import SECONDS, TARGETS


def main(name: str, slower: str, *options: str) -> None:
    """Fuzzes the target; its bound of time is so many times the usual one, because instrumented code is slower."""
    target, seconds = TARGETS[name], SECONDS.get(name, 1.0) * float(slower)
    watchdogs: list[Watchdog] = []

    def case(data: bytes) -> None:
        # Made with the first case: libFuzzer takes over some signals when it begins.
        if not watchdogs:
            watchdogs.append(Watchdog(seconds))
        watchdogs[0].start()
        try:
            target(data)
        finally:
            watchdogs[0].stop()

    atheris.Setup([sys.argv[0], *options], case)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
