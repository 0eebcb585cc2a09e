# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What fails during a scrape: it spoils its own series only, and is handed back beside what is shown."""

from __future__ import annotations

from dataclasses import dataclass

from kwok_controller.exposition.language import Object


class SeriesFailed(Exception):
    """A series that cannot be shown.

    Attributes:
        field: The expression that is at fault, such as `spec.metrics[2].value`.
        message: What is wrong with its value.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field = field
        self.message = message


@dataclass(slots=True)
class Failure:
    """What failed at one place of a Metric in one scrape.

    Attributes:
        field: The place, such as `spec.metrics[2].value`.
        message: What was wrong, the first time.
        subject: What it was the value for, such as `node n1, pod default/web, container app`.
        count: How many series it spoilt.
    """

    field: str
    message: str
    subject: str
    count: int = 1

    def __str__(self) -> str:
        others = f" (and {self.count - 1} more)" if self.count > 1 else ""
        return f"{self.field}: {self.message}, for {self.subject}{others}"


class Failures:
    """The failures of a scrape, by field."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[str, Failure] = {}

    def add(self, field: str, message: str, node: Object, pod: Object | None, container: Object | None) -> None:
        """One more."""
        known = self._found.get(field)
        if known is None:
            self._found[field] = Failure(field, message, _subject(node, pod, container))
        else:
            known.count += 1

    def found(self) -> list[Failure]:
        """All of them."""
        return list(self._found.values())


def _subject(node: Object, pod: Object | None, container: Object | None) -> str:
    parts = [f"node {_name(node)}"]
    if pod is not None:
        parts.append(f"pod {pod.get('metadata', {}).get('namespace', '')}/{_name(pod)}")
    if container is not None:
        parts.append(f"container {container.get('name', '')}")
    return ", ".join(parts)


def _name(obj: Object) -> str:
    return str(obj.get("metadata", {}).get("name", ""))
