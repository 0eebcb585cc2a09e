# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What nodes and pods have used goes with the nodes' Leases from one controller to the next: `simulation.leases.Notes`."""

from __future__ import annotations

from typing import Any, Final, Protocol

import orjson

from kwok_controller.telemetry.logs import get_logger
from kwok_controller.usage.cumulative import EMPTY, Cumulative, InvalidCheckpoint

MAX_NOTE: Final = 64 << 10
"""Bytes of a note: annotations of an object have 256 KiB in all (kubernetes v1.36, apimachinery/pkg/api/validation)."""

STARTS: Final = 4
"""How many counts are kept of what was started."""

_log = get_logger(__name__)


class Starts(Protocol):
    """What was started on nodes."""

    def starts(self, node: str) -> list[int] | None:
        """The counts of a node, to be kept; None: nobody has asked for them."""

    def restore_starts(self, node: str, kept: list[int]) -> None:
        """Go on from counts that were kept."""


class Checkpoints:
    """Writes and reads the notes of nodes.

    The notes of nodes that others hold are read when such a node is asked for: what they show here must not run backwards, either.

    Args:
        cumulative: has the sums.
        starts: has the counts.
    """

    def __init__(self, cumulative: Cumulative, starts: Starts) -> None:
        self._cumulative = cumulative
        self._starts = starts
        # Of nodes that are not ours: notes that were not read yet, and those that were.
        self._unread: dict[str, str] = {}
        self._known: dict[str, str] = {}

    def write(self, node: str, *, last: bool) -> str:
        """See `Notes`. A node that has too much to tell keeps at least what all its pods used."""
        if last and len(note := self._encoded(node, self._cumulative.checkpoint(node, whole=True))) <= MAX_NOTE:
            return note
        checkpoint = self._cumulative.checkpoint(node)
        note = self._encoded(node, checkpoint)
        if checkpoint is None or len(note) <= MAX_NOTE:
            return note
        _log.warning("sums of usages of some pods will begin anew when another controller takes over: there are too many", node=node)
        return self._encoded(node, {**checkpoint, "pods": {}})

    def read(self, node: str, note: str) -> None:
        """See `Notes`. Without a note, or with one that cannot be read, the sums go on from what is known here."""
        known = self._known.get(node)
        self.forget(node)
        if note and note != known:
            self._read(node, note)

    def seen(self, node: str, note: str) -> None:
        """See `Notes`."""
        if note and note != self._known.get(node):
            self._unread[node] = note
        else:
            self._unread.pop(node, None)

    def catch_up(self, node: str) -> None:
        """A node is asked for: read what others have written of it since."""
        note = self._unread.pop(node, None)
        if note is not None:
            self._known[node] = note
            self._read(node, note)

    def forget(self, node: str) -> None:
        """A node is gone, or ours: others' notes of it are of no use."""
        self._unread.pop(node, None)
        self._known.pop(node, None)

    def _read(self, node: str, note: str) -> None:
        try:
            if len(note) > MAX_NOTE:
                raise InvalidCheckpoint(f"{len(note)} characters are more than {MAX_NOTE}")
            checkpoint: Any = orjson.loads(note)
            started = _counts(checkpoint.get("started", []) if type(checkpoint) is dict else [])
            self._cumulative.restore(node, checkpoint)
            self._starts.restore_starts(node, started)
        except (InvalidCheckpoint, orjson.JSONDecodeError) as error:
            _log.warning("sums of usages cannot be taken over from another controller", node=node, error=str(error))

    def _encoded(self, node: str, checkpoint: dict[str, Any] | None) -> str:
        started = self._starts.starts(node)
        if started is not None:
            checkpoint = {**(checkpoint or EMPTY), "started": started}
        return "" if checkpoint is None else orjson.dumps(checkpoint).decode()


def _counts(kept: Any) -> list[int]:
    if type(kept) is list and all(type(count) is int and count >= 0 for count in kept) and len(kept) in (0, STARTS):
        return kept
    raise InvalidCheckpoint(f"there are no {STARTS} counts of what was started")
