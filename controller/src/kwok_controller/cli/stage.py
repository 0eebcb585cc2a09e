# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""``kwok-controller stage``: list and print the stages that ship with it; check, explain and try any."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from kwok_controller.cli.commands import SOURCES, Command, Group, as_yaml, choice, run_command
from kwok_controller.cli.flags import CommandError, Flag, Parsed, UsageError

if TYPE_CHECKING:
    from kwok_controller.api.load import Document
    from kwok_controller.api.sets import ShippedSet
    from kwok_controller.api.sources import Found
    from kwok_controller.api.stage import Stage
    from kwok_controller.stages.lint import Finding

STAGES: Final = Flag(
    "stages",
    ("--stages",),
    "Where the stages are: a file, a directory or a set. May be given again, and several may follow.",
    parse=lambda text: [text],
    repeated=True,
    shown="strings",
)


def main(argv: Sequence[str]) -> int:
    """Run one of the commands.

    Raises:
        UsageError: The command line is wrong.
        CommandError: What it names is wrong.
    """
    words = ["test", *_spread(argv[1:])] if argv[:1] == ["test"] else argv
    return run_command("stage", "Check, explain, try and list stages.", COMMANDS, words)


def _list_sets() -> list[ShippedSet]:
    from kwok_controller.stages.sets import list_sets

    return list_sets()


def _read(sources: Sequence[str]) -> Found:
    from kwok_controller.stages.sources import read

    return read(sources)


def _lint(documents: Sequence[Document], strict: bool) -> list[Finding]:
    from kwok_controller.stages.lint import lint

    return lint(documents, strict=strict)


def _explain(parsed: Parsed) -> int:
    from kwok_controller.lifecycle import StageError
    from kwok_controller.stages.explain import as_mermaid, as_text, explain

    stages = _decode(_GROUP.find("explain", parsed.arguments))
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
    stages = _decode(_GROUP.find("test", sources))
    try:
        objects = load_documents(parsed.arguments)
        if len(objects) != 1:
            raise CommandError(f"{parsed.arguments[0]}: expected one object, found {len(objects)}")
        _check_object(objects[0])
        document = rehearse(stages, objects[0].obj)
    except (InvalidFile, StageError) as error:
        raise CommandError(str(error)) from error
    sys.stdout.write(as_yaml(document, sort=True))
    return 0


def _check_object(document: Document) -> None:
    from kwok_controller.stages.trial import misshapen

    for key in ("apiVersion", "kind"):
        if not isinstance(document.obj.get(key), str) or not document.obj[key]:
            raise CommandError(f"{document.where}: is no object of Kubernetes: it has no {key}")
    if said := misshapen({"metadata": {}, **document.obj}):
        raise CommandError(f"{document.where}: {said}")
    for key in ("spec", "status"):
        if not isinstance(document.obj.get(key, {}), dict):
            raise CommandError(f"{document.where}: {key} is no mapping")


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


_GROUP: Final = Group("stage", "stages", "stage", "Stage", _list_sets, _read, _lint)

COMMANDS: Final = {
    **_GROUP.commands(),
    "explain": Command(
        f"[--format text|mermaid] {SOURCES}",
        "Explain what the stages of each kind do, and which follows which.",
        (choice("format", "How it is explained.", "text", "mermaid"),),
        _explain,
    ),
    "test": Command("--stages FILE|DIR|SET… OBJECT", "Print what stages would do to an object, as YAML.", (STAGES,), _test),
}
"""By name."""
