# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The command ``kwok-controller``. Only what a command needs is imported for it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

from kwok_controller.cli.flags import CommandError, UsageError

PROGRAM: Final = "kwok-controller"

COMMANDS: Final = {
    "run": ("kwok_controller.cli.run", "Run the controller; this is what is done when no command is given."),
    "crds": ("kwok_controller.cli.crds", "Print the CustomResourceDefinitions."),
    "stage": ("kwok_controller.cli.stage", "Check, explain, try and list stages."),
    "metric": ("kwok_controller.cli.metric", "Check, preview and list metrics and usages."),
    "trace": ("kwok_controller.cli.trace", "Check and list traces of simulated workloads."),
}
"""Name to module and summary. A module has ``main(argv: Sequence[str]) -> int``, which may raise `UsageError` and `CommandError`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` (without the program's name) means.

    Returns:
        The exit code: 0 when all went well, 1 when something failed, 2 when the command line or an option is wrong.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments.pop(0) if arguments and arguments[0] in COMMANDS else "run"
    try:
        code: int = importlib.import_module(COMMANDS[name][0]).main(arguments)
        sys.stdout.flush()
        return code
    except UsageError as err:
        print(f"{PROGRAM}: {err}", file=sys.stderr)
        return 2
    except CommandError as err:
        print(f"{PROGRAM}: {err}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the output has enough, as `head` does. Nothing may be left to be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
