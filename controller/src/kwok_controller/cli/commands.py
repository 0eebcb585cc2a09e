# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What ``kwok-controller stage``, ``metric`` and ``trace`` have in common: commands of their own, flags, sources, and printing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from kwok_controller.cli.flags import HELP, CommandError, Flag, Parsed, UsageError, parse, usage

if TYPE_CHECKING:
    from kwok_controller.api.load import Document
    from kwok_controller.api.sets import ShippedSet
    from kwok_controller.api.sources import Found


class Command(NamedTuple):
    """A command.

    Attributes:
        synopsis: What follows its name.
        about: What it does.
        flags: Those that it takes, beside --help.
        run: Does it.
    """

    synopsis: str
    about: str
    flags: tuple[Flag, ...]
    run: Callable[[Parsed], int]


def choice(name: str, about: str, *values: str) -> Flag:
    """A flag that takes one of some values; the first is the default."""

    def parse_value(text: str) -> str:
        if text not in values:
            raise ValueError(f"{text!r} is none of {', '.join(values)}")
        return text

    return Flag(name, (f"--{name}",), f"{about} Default: {values[0]}.", parse=parse_value, shown="|".join(values))


SOURCES: Final = "FILE|DIR|-|SET…"
STRICT: Final = Flag("strict", ("--strict",), "Warnings count as errors.", boolean=True, parse=lambda text: text == "true")
TEXT_OR_JSON: Final = choice("output", "How it is printed.", "text", "json")
YAML_OR_JSON: Final = choice("output", "How they are printed.", "yaml", "json")


def run_command(group: str, about: str, commands: Mapping[str, Command], argv: Sequence[str]) -> int:
    """Run one of the commands of a group, or print what there are.

    Args:
        group: The name before that of the command.
        about: What they are for.
        commands: By name.
        argv: The name of one, and what follows.

    Raises:
        UsageError: The command line is wrong.
        CommandError: What it names is wrong.
    """
    if not argv or argv[0] in HELP.spellings:
        width = max(map(len, commands))
        lines = "".join(f"  {name.ljust(width)}  {command.about}\n" for name, command in commands.items())
        print(f"{about}\n\nUsage:\n  kwok-controller {group} COMMAND\n\nCommands:\n{lines}", end="")
        return 0
    name, *rest = argv
    if name not in commands:
        raise UsageError(f"{group}: {name!r} is no command: there are {', '.join(commands)}")
    command = commands[name]
    parsed = parse((*command.flags, HELP), rest)
    if "help" in parsed.values:
        synopsis = f"kwok-controller {group} {name} {command.synopsis}"
        print(f"{command.about}\n\nUsage:\n  {synopsis}\n\n{usage((*command.flags, HELP))}", end="")
        return 0
    return command.run(parsed)


def counted(count: int, what: str) -> str:
    """`1 stage`, `2 stages`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def note(text: str) -> None:
    """Say something beside the output."""
    print(text, file=sys.stderr)


class Group(NamedTuple):
    """What a group of commands is about: objects of some kinds, which authors write and of which sets ship with the controller.

    Attributes:
        name: The name before that of a command.
        what: The objects, in words.
        one: How one of them is called when they are counted.
        kinds: That are looked at, for what is skipped.
        list_sets: Gives all sets.
        read: Reads sources.
        lint: Finds what is wrong, with `--strict` or without.
    """

    name: str
    what: str
    one: str
    kinds: str
    list_sets: Callable[[], Sequence[ShippedSet]]
    read: Callable[[Sequence[str]], Found]
    lint: Callable[[Sequence[Document], bool], Sequence[Finding]]

    def find(self, command: str, sources: Sequence[str]) -> list[Document]:
        """The objects that a command is to look at, from sources of the command line.

        Raises:
            UsageError: There are no sources.
            CommandError: One cannot be read.
        """
        from kwok_controller.api.errors import InvalidFile

        if not sources:
            raise UsageError(f"{self.name} {command} needs {self.what}: name files, directories or sets")
        try:
            found = self.read(sources)
        except InvalidFile as error:
            raise CommandError(str(error)) from error
        note_skipped(found.others, self.kinds)
        return found.objects

    def commands(self) -> dict[str, Command]:
        """The commands that every group has, by name."""
        ship = f"List the sets of {self.what} that ship with the controller."
        show = f"Print {self.what}, such as those of a set."
        check = f"Check {self.what}, all together."
        return {
            "sets": Command("[--output text|json]", ship, (TEXT_OR_JSON,), self._sets),
            "show": Command(f"[--output yaml|json] {SOURCES}", show, (YAML_OR_JSON,), self._show),
            "lint": Command(f"[--output text|json] [--strict] {SOURCES}", check, (TEXT_OR_JSON, STRICT), self._lint),
        }

    def _sets(self, parsed: Parsed) -> int:
        print_sets(self.name, self.list_sets(), parsed, f"{self.one}s")
        return 0

    def _show(self, parsed: Parsed) -> int:
        print_objects(self.find("show", parsed.arguments), parsed)
        return 0

    def _lint(self, parsed: Parsed) -> int:
        objects = self.find("lint", parsed.arguments)
        return report(self.lint(objects, parsed.values.get("strict", False)), parsed, counted(len(objects), self.one))


def note_skipped(others: Sequence[Document], expected: str) -> None:
    """Say which objects are not looked at, as they are not of the kinds that are."""
    for each in others:
        note(f"{each.where}: skipped: {each.obj.get('kind') or 'an object without kind'} is no {expected}")


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    import orjson

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode())


class Finding(Protocol):
    """What lint finds, which is also its line of text.

    Attributes:
        severity: `error` or `warning`.
    """

    @property
    def severity(self) -> str: ...  # noqa: D102

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""


def report(findings: Sequence[Finding], parsed: Parsed, subject: str) -> int:
    """Print findings as the command line says.

    Args:
        findings: What was found.
        parsed: The command line, with the flags `TEXT_OR_JSON` and `STRICT`.
        subject: What was looked at, such as `2 stages`.

    Returns:
        The exit code.
    """
    errors = sum(finding.severity == "error" for finding in findings)
    if parsed.values.get("output") == "json":
        print_json([finding.as_dict() for finding in findings])
    else:
        for finding in findings:
            print(finding)
        note(f"{subject}: {counted(errors, 'error')}, {counted(len(findings) - errors, 'warning')}")
    return 1 if errors or (findings and parsed.values.get("strict")) else 0


def print_sets(group: str, sets: Sequence[ShippedSet], parsed: Parsed, what: str) -> None:
    """Print the sets that ship with the controller as the command line says.

    Args:
        group: The name before that of the command.
        sets: All of them.
        parsed: The command line, with the flag `TEXT_OR_JSON`.
        what: How the objects of a set are called, in messages and as a field of JSON.

    Raises:
        UsageError: The command line has an argument.
    """
    if parsed.arguments:
        raise UsageError(f"{group} sets takes no argument {parsed.arguments[0]!r}: {group} show prints the {what} of a set")
    if parsed.values.get("output") == "json":
        print_json([{"name": each.name, "kind": each.kind, "about": each.about, what: list(each.objects)} for each in sets])
    else:
        for each in sets:
            print(f"{each.name} ({each.kind})\n  {each.about}\n  {', '.join(each.objects)}")


def print_objects(documents: Sequence[Document], parsed: Parsed) -> None:
    """Print the objects of documents as the command line says, which has the flag `YAML_OR_JSON`: as documents, or as a List in JSON."""
    objects = [document.obj for document in documents]
    if parsed.values.get("output") == "json":
        print_json({"apiVersion": "v1", "kind": "List", "items": objects})
    else:
        sys.stdout.write("".join(f"---\n{as_yaml(obj, sort=False)}" for obj in objects))


def as_yaml(value: Any, *, sort: bool) -> str:
    """A value as YAML in the style of Go's."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes what stands in two places twice: an alias is hard to read."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
        # As Go's YAML: lines as lines, and double quotes around what would be no text without.
        node = dumper.represent_scalar(_TEXT_TAG, data)
        if "\n" in data:
            node.style = "|"
        elif dumper.resolve(yaml.ScalarNode, data, (True, False)) != _TEXT_TAG:  # type: ignore[no-untyped-call]
            node.style = '"'
        return node

    Dumper.add_representer(str, text)
    return yaml.dump(value, Dumper=Dumper, sort_keys=sort, allow_unicode=True, width=100_000)


_TEXT_TAG: Final = "tag:yaml.org,2002:str"
