# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A command line as Go's pflag reads it, so that one written for the Go kwok means the same here.

What the standard library's argparse does otherwise: a value may begin with a dash (``-v -4``), a boolean takes its value only after
``=`` (``--manage-all-nodes=false``), and names are not guessed from their beginnings.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

HELP_WIDTH = 110


class UsageError(Exception):
    """A command line that means nothing; the message says what to do."""


class CommandError(Exception):
    """A command that failed; the message is all that a user has to know."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag.

    Attributes:
        name: The key of its value in the outcome.
        spellings: With their dashes: ``-c``, ``--config``.
        help: What it is for.
        parse: The value of a text; its ValueError becomes a UsageError.
        boolean: It needs no value: alone it means true.
        repeated: Its values are lists, which add up when it is given again.
        shown: What the help says about its value, such as ``string``.
        group: Under which heading the help has it.
        deprecated: What to do instead.
    """

    name: str
    spellings: tuple[str, ...]
    help: str
    parse: Callable[[str], Any] = str
    boolean: bool = False
    repeated: bool = False
    shown: str = ""
    group: str = "Flags"
    deprecated: str = ""


@dataclass(slots=True)
class Parsed:
    """A command line that was read.

    Attributes:
        values: By name, of the flags that were given.
        arguments: What is no flag.
        deprecated: The deprecated flags that were given.
    """

    values: dict[str, Any] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    deprecated: list[Flag] = field(default_factory=list)


HELP = Flag("help", ("-h", "--help"), "Show this text.", boolean=True, parse=lambda text: text == "true", group="Help")


def parse(flags: Sequence[Flag], argv: Sequence[str]) -> Parsed:
    """Read `argv`; flags and arguments may be mixed, after ``--`` there are arguments only.

    Raises:
        UsageError: a flag is unknown, lacks its value, or has one that it cannot have.
    """
    known = {spelling: flag for flag in flags for spelling in flag.spellings}
    parsed = Parsed()
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            parsed.arguments += rest
            break
        if word.startswith("--"):
            spelling, equals, value = word.partition("=")
            _take(_find(known, spelling), spelling, value if equals else None, rest, parsed)
        elif len(word) > 1 and word.startswith("-"):
            _take_short(known, word[1:], rest, parsed)
        else:
            parsed.arguments.append(word)
    return parsed


def _take_short(known: dict[str, Flag], letters: str, rest: list[str], parsed: Parsed) -> None:
    """``-v4``, ``-v=4``, ``-v 4``; several booleans may share a dash."""
    while letters:
        spelling, letters = f"-{letters[0]}", letters[1:]
        flag = _find(known, spelling)
        if letters.startswith("="):
            _take(flag, spelling, letters[1:], rest, parsed)
            return
        if letters and not flag.boolean:
            _take(flag, spelling, letters, rest, parsed)
            return
        _take(flag, spelling, None, rest, parsed)


def _find(known: dict[str, Flag], spelling: str) -> Flag:
    flag = known.get(spelling)
    if flag is None:
        import difflib  # costs memory, and is for mistakes only

        close = difflib.get_close_matches(spelling, known, 1)
        hint = f"did you mean {close[0]}?" if close else "see --help for those that there are"
        raise UsageError(f"unknown flag {spelling}: {hint}")
    return flag


def _take(flag: Flag, spelling: str, text: str | None, rest: list[str], parsed: Parsed) -> None:
    if text is None:
        if flag.boolean:
            text = "true"
        elif rest:
            text = rest.pop(0)
        else:
            raise UsageError(f"{spelling} needs a value: {spelling}={(flag.shown or 'value').upper()}")
    try:
        value = flag.parse(text)
    except ValueError as err:
        message = str(err)
        raise UsageError(message if message.startswith("-") else f"{spelling}: {message}") from err
    if flag.repeated:
        value = [*parsed.values.get(flag.name, ()), *value]
    parsed.values[flag.name] = value
    if flag.deprecated and flag not in parsed.deprecated:
        parsed.deprecated.append(flag)


def usage(flags: Sequence[Flag]) -> str:
    """The flags under the headings of their groups, in the order in which groups first come. Deprecated ones are left out."""
    groups: dict[str, list[Flag]] = {}
    for flag in flags:
        if not flag.deprecated:
            groups.setdefault(flag.group, []).append(flag)
    blocks = []
    for group, members in groups.items():
        lines = [f"{group}:"]
        for flag in members:
            indent = "  " if len(flag.spellings[0]) == 2 else "      "
            lines.append(f"{indent}{', '.join(flag.spellings)} {flag.shown}".rstrip())
            lines += textwrap.wrap(flag.help, HELP_WIDTH, initial_indent=" " * 10, subsequent_indent=" " * 10)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"
