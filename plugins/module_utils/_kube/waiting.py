# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waits until objects are as far as they should be: one list, then one watch.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._objects.plan import Key, key_of
from .._objects.readiness import Judge
from .client import PASSING, ApiError, Client

_PROGRESS_S = 2.0
_PAUSE_S = 0.5
"""After a watch that ended at once, so that a server in trouble is not asked in a loop."""

MISSING = "it is not there"
LEAVING = "it is still there"


@dataclass(frozen=True)
class Awaited:
    """What is waited for.

    Attributes:
        present: Objects that should be there, and be as far as ``judge`` says.
        absent: Objects that should be gone.
    """

    present: Collection[Key]
    absent: Collection[Key]
    judge: Judge


class Follower:
    """Keeps, for each object that is waited for, why it is not as far yet.

    Args:
        path: Of the collection.
    """

    def __init__(self, client: Client, path: str, label_selector: str | None, awaited: Awaited) -> None:
        self._client = client
        self._path = path
        self._label_selector = label_selector
        self._judge = awaited.judge
        # In their order, which is that of messages.
        self._present = dict.fromkeys(awaited.present)
        self._absent = dict.fromkeys(awaited.absent)
        self._version = ""
        self.pending: dict[Key, str] = {}

    def start(self, items: Sequence[Mapping[str, Any]], version: str) -> None:
        """Begin with a list of the collection."""
        self._version = version
        found = {key_of(item): item for item in items}
        self.pending = {}
        for key in self._present:
            if key in found:
                self._look_at(key, found[key])
            else:
                self.pending[key] = MISSING
        self.pending |= {key: LEAVING for key in self._absent if key in found}

    def list(self) -> list[dict[str, Any]]:
        """List the collection, and begin with that.

        Raises:
            ApiError: The apiserver refuses, or cannot be reached.
        """
        items, version = self._client.list(self._path, label_selector=self._label_selector)
        self.start(items, version)
        return items

    def follow(self, timeout_s: float, progress: Callable[[str], None]) -> bool:
        """Watch until nothing is pending, or the time is over; returns whether nothing is.

        Raises:
            ApiError: The apiserver refuses.
        """
        deadline = time.monotonic() + timeout_s
        told = time.monotonic()
        while self.pending and (left := deadline - time.monotonic()) > 0:
            began = time.monotonic()
            try:
                for event in self._client.watch(
                    self._path, resource_version=self._version, label_selector=self._label_selector, timeout_s=left
                ):
                    self._take(event)
                    now = time.monotonic()
                    if not self.pending or now > deadline:
                        break
                    if now - told > _PROGRESS_S:
                        told = now
                        progress(f"wait for {len(self.pending)} of {len(self._present) + len(self._absent)}")
            except ApiError as error:
                if error.status == 410:
                    # The version is too old to watch from: begin anew.
                    self.list()
                elif error.status not in PASSING:
                    raise
            if self.pending and time.monotonic() - began < _PAUSE_S:
                time.sleep(min(_PAUSE_S, max(0.0, deadline - time.monotonic())))
        return not self.pending

    def _take(self, event: Mapping[str, Any]) -> None:
        item = event["object"]
        self._version = item["metadata"]["resourceVersion"]
        if event["type"] == "BOOKMARK":
            return
        key = key_of(item)
        if event["type"] == "DELETED":
            if key in self._present:
                self.pending[key] = MISSING
            else:
                self.pending.pop(key, None)
        elif key in self._present:
            self._look_at(key, item)

    def _look_at(self, key: Key, item: Mapping[str, Any]) -> None:
        reason = "it is being deleted" if item["metadata"].get("deletionTimestamp") else self._judge(item)
        if reason is None:
            self.pending.pop(key, None)
        else:
            self.pending[key] = reason
