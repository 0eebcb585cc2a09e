# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""``kwok-controller stage``: list and print the stages that ship with it; check, explain and try any."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from kwok_controller.cli.flags import HELP, CommandError, Flag, Parsed, UsageError, parse, usage

if TYPE_CHECKING:
    from kwok_controller.api.load import Document
    from kwok_controller.api.stage import Stage
    from kwok_controller.stages.sources import Found

_SOURCES: Final = "FILE|DIR|-|SET…"


def _choice(name: str, about: str, *values: str) -> Flag:
    def parse_value(text: str) -> str:
        if text not in values:
            raise ValueError(f"{text!r} is none of {', '.join(values)}")
        return text

    return Flag(name, (f"--{name}",), f"{about} Default: {values[0]}.", parse=parse_value, shown="|".join(values))


STAGES: Final = Flag(
    "stages",
    ("--stages",),
    "Where the stages are: a file, a directory or a set. May be given again, and several may follow.",
    parse=lambda text: [text],
    repeated=True,
    shown="strings",
)
STRICT: Final = Flag("strict", ("--strict",), "Warnings count as errors.", boolean=True, parse=lambda text: text == "true")


def main(argv: Sequence[str]) -> int:
    """Run one of the commands.

    Raises:
        UsageError: The command line is wrong.
        CommandError: What it names is wrong.
    """
    if not argv or argv[0] in HELP.spellings:
        print(_overview(), end="")
        return 0
    name, *rest = argv
    if name not in COMMANDS:
        raise UsageError(f"stage: {name!r} is no command: there are {', '.join(COMMANDS)}")
    synopsis, about, flags, run = COMMANDS[name]
    if name == "test":
        rest = _spread(rest)
    parsed = parse((*flags, HELP), rest)
    if "help" in parsed.values:
        print(f"{about}\n\nUsage:\n  kwok-controller stage {name} {synopsis}\n\n{usage((*flags, HELP))}", end="")
        return 0
    return run(parsed)


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = "".join(f"  {name.ljust(width)}  {about}\n" for name, (_, about, _, _) in COMMANDS.items())
    return f"Check, explain, try and list stages.\n\nUsage:\n  kwok-controller stage COMMAND\n\nCommands:\n{lines}"


def _sets(parsed: Parsed) -> int:
    from kwok_controller.stages.sets import list_sets

    if parsed.arguments:
        raise UsageError(f"stage sets takes no argument {parsed.arguments[0]!r}: stage show prints the stages of a set")
    sets = list_sets()
    if parsed.values.get("output") == "json":
        _print_json([{"name": each.name, "kind": each.kind, "about": each.about, "stages": list(each.stages)} for each in sets])
        return 0
    for each in sets:
        print(f"{each.name} ({each.kind})\n  {each.about}\n  {', '.join(each.stages)}")
    return 0


def _show(parsed: Parsed) -> int:
    stages = [document.obj for document in _read("show", parsed.arguments).stages]
    if parsed.values.get("output") == "json":
        _print_json({"apiVersion": "v1", "kind": "List", "items": stages})
    else:
        sys.stdout.write("".join(f"---\n{_yaml(stage, sort=False)}" for stage in stages))
    return 0


def _lint(parsed: Parsed) -> int:
    from kwok_controller.stages.lint import lint

    found = _read("lint", parsed.arguments)
    findings = lint(found.stages, strict="strict" in parsed.values)
    failed = any(finding.severity == "error" or "strict" in parsed.values for finding in findings)
    if parsed.values.get("output") == "json":
        _print_json([finding.as_dict() for finding in findings])
    else:
        for finding in findings:
            print(finding)
        errors = sum(finding.severity == "error" for finding in findings)
        counts = (_counted(len(found.stages), "stage"), _counted(errors, "error"), _counted(len(findings) - errors, "warning"))
        _note(f"{counts[0]}: {counts[1]}, {counts[2]}")
    return 1 if failed else 0


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _explain(parsed: Parsed) -> int:
    from kwok_controller.lifecycle import StageError
    from kwok_controller.stages.explain import as_mermaid, as_text, explain

    stages = _decode(_read("explain", parsed.arguments).stages)
    try:
        machines = explain(stages)
    except StageError as error:
        raise CommandError(f"{error}; stage lint tells more") from error
    sys.stdout.write((as_mermaid if parsed.values.get("format") == "mermaid" else as_text)(machines))
    return 0


def _test(parsed: Parsed) -> int:
    from kwok_controller.api.errors import InvalidFile
    from kwok_controller.api.load import load_documents
    from kwok_controller.lifecycle import StageError
    from kwok_controller.stages.rehearse import rehearse

    sources = parsed.values.get("stages", ())
    if not sources:
        raise UsageError("stage test needs stages: name files, directories or sets with --stages")
    if len(parsed.arguments) != 1:
        raise UsageError(f"stage test needs one OBJECT file, after --stages; {len(parsed.arguments)} are given")
    stages = _decode(_read("test", sources).stages)
    try:
        objects = load_documents(parsed.arguments)
        if len(objects) != 1:
            raise CommandError(f"{parsed.arguments[0]}: expected one object, found {len(objects)}")
        _check_object(objects[0])
        document = rehearse(stages, objects[0].obj)
    except (InvalidFile, StageError) as error:
        raise CommandError(str(error)) from error
    sys.stdout.write(_yaml(document, sort=True))
    return 0


def _check_object(document: Document) -> None:
    for key in ("apiVersion", "kind"):
        if not isinstance(document.obj.get(key), str) or not document.obj[key]:
            raise CommandError(f"{document.where}: is no object of Kubernetes: it has no {key}")
    for key in ("metadata", "spec", "status"):
        if not isinstance(document.obj.get(key, {}), dict):
            raise CommandError(f"{document.where}: {key} is no mapping")


def _read(command: str, sources: Sequence[str]) -> Found:
    from kwok_controller.api.errors import InvalidFile
    from kwok_controller.stages.sources import read

    if not sources:
        raise UsageError(f"stage {command} needs stages: name files, directories or sets")
    try:
        found = read(sources)
    except InvalidFile as error:
        raise CommandError(str(error)) from error
    for each in found.others:
        _note(f"{each.where}: skipped: {each.obj.get('kind') or 'an object without kind'} is no Stage")
    return found


def _decode(documents: Sequence[Document]) -> list[Stage]:
    from kwok_controller.api.decode import decode_stage
    from kwok_controller.api.errors import InvalidObject

    stages = []
    for document in documents:
        try:
            stages.append(decode_stage(document.obj))
        except InvalidObject as error:
            raise CommandError(f"{document.where}: {error}") from error
    return stages


def _spread(argv: Sequence[str]) -> list[str]:
    """`--stages A B OBJECT` as `--stages A --stages B OBJECT`: all that follows a --stages, up to the next flag, is stages.

    The last word of the command line is the object, where no other word is left to be it.
    """
    words = list(argv)
    spread: list[str] = []
    objects: list[str] = []
    taking = False
    for at, word in enumerate(words):
        if word.startswith("-") and word != "-":
            taking = word == STAGES.spellings[0]
            spread += [] if taking else [word]
        elif taking and not (at == len(words) - 1 and not objects and words[at - 1] != STAGES.spellings[0]):
            spread += [STAGES.spellings[0], word]
        else:
            objects.append(word)
    if taking and words and words[-1] == STAGES.spellings[0]:
        spread.append(words[-1])
    return [*spread, *objects]


def _note(text: str) -> None:
    print(text, file=sys.stderr)


def _print_json(value: Any) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode())


def _yaml(value: Any, *, sort: bool) -> str:
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
_TEXT_OR_JSON: Final = _choice("output", "How it is printed.", "text", "json")

COMMANDS: Final[dict[str, tuple[str, str, tuple[Flag, ...], Callable[[Parsed], int]]]] = {
    "sets": ("[--output text|json]", "List the sets of stages that ship with the controller.", (_TEXT_OR_JSON,), _sets),
    "show": (
        f"[--output yaml|json] {_SOURCES}",
        "Print stages, such as those of a set.",
        (_choice("output", "How they are printed.", "yaml", "json"),),
        _show,
    ),
    "lint": (f"[--output text|json] [--strict] {_SOURCES}", "Check stages, all together.", (_TEXT_OR_JSON, STRICT), _lint),
    "explain": (
        f"[--format text|mermaid] {_SOURCES}",
        "Explain what the stages of each kind do, and which follows which.",
        (_choice("format", "How it is explained.", "text", "mermaid"),),
        _explain,
    ),
    "test": ("--stages FILE|DIR|SET… OBJECT", "Print what stages would do to an object, as YAML.", (STAGES,), _test),
}
"""Name to synopsis, summary, flags and what is done."""
