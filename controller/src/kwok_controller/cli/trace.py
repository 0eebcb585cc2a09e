# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""``kwok-controller trace``: list and print the WorkloadTraces that ship with it; check any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from kwok_controller.cli.commands import (
    SOURCES,
    STRICT,
    TEXT_OR_JSON,
    YAML_OR_JSON,
    Command,
    counted,
    print_objects,
    print_sets,
    read_sources,
    report,
    run_command,
)
from kwok_controller.cli.flags import Parsed

if TYPE_CHECKING:
    from kwok_controller.monitoring.sources import Found


def main(argv: Sequence[str]) -> int:
    """Run one of the commands.

    Raises:
        UsageError: The command line is wrong.
        CommandError: What it names is wrong.
    """
    return run_command("trace", "Check and list traces of simulated workloads.", COMMANDS, argv)


def _sets(parsed: Parsed) -> int:
    from kwok_controller.monitoring.trace_sets import SETS

    print_sets("trace", SETS.list_sets(), parsed, "objects")
    return 0


def _show(parsed: Parsed) -> int:
    print_objects(_read("show", parsed.arguments).objects, parsed)
    return 0


def _lint(parsed: Parsed) -> int:
    from kwok_controller.monitoring.lint_traces import lint

    found = _read("lint", parsed.arguments)
    return report(lint(found.objects), parsed, counted(len(found.objects), "object"))


def _read(command: str, sources: Sequence[str]) -> Found:
    from kwok_controller.monitoring.sources import read_traces

    return read_sources(f"trace {command}", "workload traces", sources, read_traces, "WorkloadTrace")


COMMANDS: Final = {
    "sets": Command("[--output text|json]", "List the sets of workload traces that ship with the controller.", (TEXT_OR_JSON,), _sets),
    "show": Command(f"[--output yaml|json] {SOURCES}", "Print workload traces, such as those of a set.", (YAML_OR_JSON,), _show),
    "lint": Command(f"[--output text|json] [--strict] {SOURCES}", "Check workload traces.", (TEXT_OR_JSON, STRICT), _lint),
}
"""By name."""
