# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""``kwok-controller trace``: list and print the WorkloadTraces that ship with it; check any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from kwok_controller.cli.commands import Group, run_command

if TYPE_CHECKING:
    from kwok_controller.api.load import Document
    from kwok_controller.api.sets import ShippedSet
    from kwok_controller.api.sources import Found
    from kwok_controller.monitoring.findings import Finding


def main(argv: Sequence[str]) -> int:
    """Run one of the commands.

    Raises:
        UsageError: The command line is wrong.
        CommandError: What it names is wrong.
    """
    return run_command("trace", "Check and list traces of simulated workloads.", COMMANDS, argv)


def _list_sets() -> list[ShippedSet]:
    from kwok_controller.monitoring.trace_sets import SETS

    return SETS.list_sets()


def _read(sources: Sequence[str]) -> Found:
    from kwok_controller.monitoring.sources import read_traces

    return read_traces(sources)


def _lint(documents: Sequence[Document], strict: bool) -> list[Finding]:
    from kwok_controller.monitoring.lint_traces import lint

    return lint(documents)


COMMANDS: Final = Group("trace", "workload traces", "object", "WorkloadTrace", _list_sets, _read, _lint).commands()
"""By name."""
