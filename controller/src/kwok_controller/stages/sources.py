# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Stages from where a command line names them: sets that ship with the controller, files, directories, the standard input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from kwok_controller.api.errors import InvalidFile
from kwok_controller.api.load import STDIN, Document, load_documents
from kwok_controller.api.meta import GROUP
from kwok_controller.stages import sets

_KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml"})
_SUFFIXES = frozenset({".json", ".yaml", ".yml"})


class Found(NamedTuple):
    """What stands in sources.

    Attributes:
        stages: Objects that mean to be stages, not checked.
        others: Objects of other kinds.
    """

    stages: list[Document]
    others: list[Document]


def read(sources: Sequence[str]) -> Found:
    """The stages of sources, in their order. A directory that bears the name of a set is read when it is given as `./NAME`.

    Raises:
        InvalidFile: A source is neither a set nor can it be read, or it holds something that is no object.
    """
    found = Found([], [])
    for source in sources:
        for document in _documents(source):
            (found.stages if _means_stage(document) else found.others).append(document)
    return found


def _documents(source: str) -> list[Document]:
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


def _means_stage(document: Document) -> bool:
    obj = document.obj
    group = str(obj.get("apiVersion", "")).partition("/")[0]
    # A kind alone tells: lists of an apiserver have none, and a typo in apiVersion is to be found, not read over.
    return obj.get("kind") == "Stage" or (group == GROUP and "kind" not in obj)
