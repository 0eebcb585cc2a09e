# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What nodes and pods have used goes with the nodes' Leases from one controller to the next: `simulation.leases.Notes`."""

from __future__ import annotations

from typing import Any, Final

import orjson

from kwok_controller.telemetry.logs import get_logger
from kwok_controller.usage.cumulative import Cumulative, InvalidCheckpoint

MAX_NOTE: Final = 64 << 10
"""Bytes of a note: annotations of an object have 256 KiB in all (kubernetes v1.36, apimachinery/pkg/api/validation)."""

_log = get_logger(__name__)


class Checkpoints:
    """Writes and reads the notes of nodes.

    Args:
        cumulative: has the sums.
    """

    def __init__(self, cumulative: Cumulative) -> None:
        self._cumulative = cumulative

    def write(self, node: str, *, last: bool) -> str:
        """See `Notes`. A node that has too much to tell keeps at least what its pods used that are gone."""
        if last and len(note := _encoded(self._cumulative.checkpoint(node, whole=True))) <= MAX_NOTE:
            return note
        checkpoint = self._cumulative.checkpoint(node)
        note = _encoded(checkpoint)
        if checkpoint is None or len(note) <= MAX_NOTE:
            return note
        _log.warning("sums of usages of some pods will begin anew when another controller takes over: there are too many", node=node)
        return _encoded({**checkpoint, "pods": {}})

    def read(self, node: str, note: str) -> None:
        """See `Notes`. What cannot be read is left out, and said."""
        self._cumulative.forget_node(node)
        if not note:
            return
        try:
            if len(note) > MAX_NOTE:
                raise InvalidCheckpoint(f"{len(note)} characters are more than {MAX_NOTE}")
            checkpoint: Any = orjson.loads(note)
            self._cumulative.restore(node, checkpoint)
        except (InvalidCheckpoint, orjson.JSONDecodeError) as error:
            _log.warning("sums of usages begin anew", node=node, error=str(error))


def _encoded(checkpoint: dict[str, Any] | None) -> str:
    return "" if checkpoint is None else orjson.dumps(checkpoint).decode()
