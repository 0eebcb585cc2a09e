# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What lint finds: problems, with the objects that they are in and where these are from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct, structs

from kwok_controller.api.load import Document
from kwok_controller.exposition.problems import Problem, error


class Finding(Struct, frozen=True):
    """One thing that is wrong.

    Attributes:
        severity: `error` or `warning`.
        kind: Of the object; empty where it has none.
        namespace: Of the object; empty where it has none.
        name: Of the object; empty where it has none.
        field: Where in the object, such as `spec.metrics[2].labels[0].value`; empty: as a whole.
        rule: By which rule.
        message: What is wrong, and what would be right.
        source: Where the object is from: file and number of the document, and in a List that of the item.
    """

    severity: str
    kind: str
    namespace: str
    name: str
    field: str
    rule: str
    message: str
    source: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return structs.asdict(self)

    def __str__(self) -> str:
        name = f"{self.namespace}/{self.name}" if self.namespace and self.name else self.name
        where = f"{self.source}: {self.kind or 'object'} {name or 'without a name'}"
        return f"{where}: {f'{self.field}: ' if self.field else ''}{self.severity}: {self.message} [{self.rule}]"


def duplicates(documents: Sequence[Document]) -> Iterator[tuple[int, Problem]]:
    """Objects whose kind, namespace and name another one has before."""
    first: dict[tuple[str, str, str], Document] = {}
    for at, document in enumerate(documents):
        key = identity(document.obj)
        other = first.setdefault(key, document)
        if key[2] and other is not document:
            yield at, error("duplicate-name", "metadata.name", f"{_source(other)} has a {key[0]} of this name already: leave one out")


def identity(obj: dict[str, Any]) -> tuple[str, str, str]:
    """Kind, namespace and name; each is empty where it is not there."""
    metadata = obj.get("metadata")
    values = obj.get("kind"), *((metadata.get("namespace"), metadata.get("name")) if isinstance(metadata, dict) else ("", ""))
    kind, namespace, name = (value if isinstance(value, str) else "" for value in values)
    return kind, namespace, name


def _source(document: Document) -> str:
    return f"{document.file}:{document.number}" + (f":{document.item}" if document.item else "")


def finding(document: Document, problem: Problem) -> Finding:
    """A problem of the object of a document."""
    kind, namespace, name = identity(document.obj)
    return Finding(problem.severity, kind, namespace, name, problem.field, problem.rule, problem.message, _source(document))
