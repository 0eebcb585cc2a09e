# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Objects from where a command line names them: sets that ship with the controller, files, directories, the standard input."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from kwok_controller.api.errors import InvalidFile
from kwok_controller.api.kinds import KINDS
from kwok_controller.api.load import STDIN, Document, load_documents

_KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml"})
_SUFFIXES = frozenset({".json", ".yaml", ".yml"})


class Sets(Protocol):
    """The sets that ship."""

    def names(self) -> list[str]:
        """What they are called."""

    def documents(self, name: str) -> list[Document]:
        """The objects of one."""


class Found(NamedTuple):
    """What stands in sources.

    Attributes:
        objects: Objects that mean to be of the kinds that were asked for, not checked.
        others: All others.
    """

    objects: list[Document]
    others: list[Document]


def read(sources: Sequence[str], sets: Sets, kinds: Collection[str]) -> Found:
    """The objects of sources, in their order. A directory that bears the name of a set is read when it is given as `./NAME`.

    Args:
        sources: Names of sets and files, directories, or `-`.
        sets: Those that there are.
        kinds: Those that are looked for, of one group.

    Raises:
        InvalidFile: A source is neither a set nor can it be read, or it holds something that is no object.
    """
    found = Found([], [])
    for source in sources:
        for document in _documents(source, sets):
            (found.objects if _means(document, kinds) else found.others).append(document)
    return found


def _documents(source: str, sets: Sets) -> list[Document]:
    if source in sets.names():
        return sets.documents(source)
    path = Path(source)
    if source != STDIN and not path.exists():
        raise InvalidFile(source, f"is neither a file nor a directory, nor one of the sets: {', '.join(sets.names())}")
    # Every file, whatever a kustomization says of them: one without any other files is for `load_documents`.
    within = sorted(str(file) for file in path.iterdir() if _is_manifest(file)) if path.is_dir() else []
    return load_documents(within or [source])


def _is_manifest(file: Path) -> bool:
    return file.suffix in _SUFFIXES and file.name not in _KUSTOMIZATIONS and file.is_file()


def _means(document: Document, kinds: Collection[str]) -> bool:
    groups = {KINDS[name].group for name in kinds}
    obj = document.obj
    kind, group = obj.get("kind"), str(obj.get("apiVersion", "")).partition("/")[0]
    # A kind alone tells: lists of an apiserver have none, and a typo in apiVersion is to be found, not read over.
    return (isinstance(kind, str) and kind in kinds) or (group in groups and "kind" not in obj)
