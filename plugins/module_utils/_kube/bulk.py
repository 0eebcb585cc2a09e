# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries out the steps of a plan: many objects at a time.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from .._errors import SimError
from .._objects.fields import difference, has_list, without_nulls
from .._objects.plan import Key, Object, Step, is_terminating
from .apply import shown
from .client import FIELD_MANAGER, MERGE_PATCH, ApiError, Client
from .discovery import Resource

_MOST_CONFLICTS = 5
"""How often an object may change between reading and writing it before that counts as a failure."""

_MOST_FAILURES = 20
"""After so many no further step is begun: what they have in common will befall the rest, too."""

_PROGRESS_S = 2.0
_TERMINATING_PAUSE_S = 0.2

# Lists do not repeat these in their items.
_TYPELESS = {"apiVersion": None, "kind": None}

Verdict = Literal["created", "updated", "recreated", "deleted", "unchanged"]


@dataclass(frozen=True)
class Failure:
    """A step that could not be carried out."""

    step: Step
    error: ApiError

    def __str__(self) -> str:
        return f"{self.step.action} {self.step.key}: {self.error.message}"


@dataclass
class Outcome:
    """What became of the steps.

    Attributes:
        verdicts: Those that were carried out.
        failures: Those that failed, in the order in which they did.
        left: How many were not begun.
    """

    verdicts: list[tuple[Step, Verdict]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    left: int = 0

    def count(self, *verdicts: Verdict, group: str | None = None) -> int:
        """How many steps came out so, in a group or in all."""
        return sum(verdict in verdicts and group in (None, step.group) for step, verdict in self.verdicts)


class Carrier:
    """Writes single objects of one resource.

    Args:
        recreate: Deletes and creates what the server refuses to change in place.
        dry_run: Nothing is stored: the server only says what it would do.
        patience_s: How long an object may take to be gone that is to be created anew.
    """

    def __init__(self, client: Client, resource: Resource, *, recreate: bool, dry_run: bool, patience_s: float) -> None:
        self._client = client
        self._resource = resource
        self._recreate = recreate
        self._dry_run = dry_run
        self._patience_s = patience_s
        # Strict: a field that the server does not know is a mistake in the template, not one to pass over.
        self._writing = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", **({"dryRun": "All"} if dry_run else {})}

    def carry_out(self, step: Step) -> Verdict:
        """Do what a step says.

        Raises:
            ApiError: The apiserver refuses, or cannot be reached.
        """
        if step.wanted is None:
            return self._delete(step.key, step.live or {})
        if step.live is None or is_terminating(step.live):
            return self._create(step.key, step.wanted)
        return self._update(step.key, step.wanted, step.live)

    def try_creating(self, wanted: Object) -> None:
        """Have the server check an object as if it were to be created; whether there is one of its name does not matter.

        Raises:
            ApiError: The apiserver refuses it.
        """
        namespace = wanted["metadata"].get("namespace") or ""
        try:
            self._client.request(
                "POST",
                self._resource.collection(namespace),
                query={**self._writing, "dryRun": "All"},
                body=without_nulls(wanted),
            )
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    def _create(self, key: Key, wanted: Object) -> Verdict:
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                made = self._client.request(
                    "POST", self._resource.collection(key.namespace), query=self._writing, body=without_nulls(wanted)
                )
                break
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
                found = self._get(key)
                if found is None:
                    continue
                if not is_terminating(found):
                    # Made by a request of ours whose answer was lost, or by another run for the same group.
                    if difference(found, wanted):
                        raise
                    return "created"
                if self._dry_run:
                    return "created"
                if time.monotonic() > deadline:
                    message = f"the object of this name has not gone within {self._patience_s:g} s, it waits for its finalizers or its node"
                    raise ApiError(409, error.reason, message) from error
                time.sleep(_TERMINATING_PAUSE_S)
        if not self._dry_run and self._resource.has_status and wanted.get("status"):
            # Most resources drop the status of what is created.
            self._write_status(key, wanted, made)
        return "created"

    def _update(self, key: Key, wanted: Object, live: Object) -> Verdict:
        for attempt in range(_MOST_CONFLICTS):
            patch = difference(live, wanted)
            if not patch:
                return "unchanged"
            try:
                return "updated" if self._patch(key, live, patch) else "unchanged"
            except ApiError as error:
                if error.status == 404:
                    return self._create(key, wanted)
                if error.status == 422 and self._recreate:
                    return self._replace(key, wanted, live)
                if error.status != 409 or attempt + 1 == _MOST_CONFLICTS:
                    raise
                found = self._get(key)
                # Another object of this name is not ours to change.
                if found is not None and found["metadata"]["uid"] != live["metadata"]["uid"]:
                    raise
            if found is None:
                return self._create(key, wanted)
            live = found
        raise AssertionError("the last attempt returns or raises")

    def _patch(self, key: Key, live: Object, patch: Mapping[str, Any]) -> bool:
        """Whether the server's copy changed; in a dry run: would have."""
        main = dict(patch)
        status = main.pop("status", None) if self._resource.has_status else None
        after = live
        changed = False
        if main:
            after = self._send(key, live, main, "")
            changed = self._differ(live, after)
        if status:
            # A dry run has stored nothing: its second part begins where the first one did.
            before = live if self._dry_run else after
            changed = self._differ(before, self._send(key, before, {"status": status}, "status")) or changed
        return changed

    def _differ(self, before: Object, after: Object) -> bool:
        if self._dry_run:
            return {**shown(before), **_TYPELESS} != {**shown(after), **_TYPELESS}
        return bool(before["metadata"]["resourceVersion"] != after["metadata"]["resourceVersion"])

    def _send(self, key: Key, live: Object, patch: Mapping[str, Any], subresource: str) -> Object:
        guard: dict[str, Any] = {"uid": live["metadata"]["uid"]}
        if has_list(patch):
            # A list is only replaced as it was read.
            guard["resourceVersion"] = live["metadata"]["resourceVersion"]
        body = {**patch, "metadata": {**(patch.get("metadata") or {}), **guard}}
        path = self._resource.path(key.namespace, key.name, subresource)
        return self._client.request("PATCH", path, query=self._writing, body=body, content_type=MERGE_PATCH)

    def _write_status(self, key: Key, wanted: Object, live: Object) -> None:
        patch = difference({**live, "status": live.get("status") or {}}, wanted).get("status")
        if patch:
            self._send(key, live, {"status": patch}, "status")

    def _replace(self, key: Key, wanted: Object, live: Object) -> Verdict:
        if not self._dry_run:
            # At once: a Stage that plays the end of the old pod could take the new one of the same name for it.
            self._delete(key, live, at_once=True)
            self._create(key, wanted)
        return "recreated"

    def _delete(self, key: Key, live: Object, *, at_once: bool = False) -> Verdict:
        body: dict[str, Any] = {"propagationPolicy": "Background", "preconditions": {"uid": live["metadata"]["uid"]}}
        if at_once:
            body["gracePeriodSeconds"] = 0
        if self._dry_run:
            body["dryRun"] = ["All"]
        try:
            self._client.request("DELETE", self._resource.path(key.namespace, key.name), body=body)
        except ApiError as error:
            # Gone already, or gone and made anew by another, who may keep it.
            if error.status not in (404, 409):
                raise
            return "unchanged"
        return "deleted"

    def _get(self, key: Key) -> Object | None:
        try:
            return self._client.request("GET", self._resource.path(key.namespace, key.name))
        except ApiError as error:
            if error.status != 404:
                raise
            return None


def carry_out(carrier: Carrier, steps: Sequence[Step], *, parallelism: int, progress: Callable[[str], None], noun: str) -> Outcome:
    """Carry out steps, up to ``parallelism`` at a time; those that fail do not keep the others from being tried.

    Args:
        noun: What the objects are called, in the plural, for progress.
    """
    outcome = Outcome()
    lock = threading.Lock()
    waiting = iter(steps)
    told = time.monotonic()

    def work() -> None:
        nonlocal told
        while True:
            with lock:
                step = next(waiting, None) if len(outcome.failures) < _MOST_FAILURES else None
            if step is None:
                return
            try:
                verdict = carrier.carry_out(step)
            except ApiError as error:
                with lock:
                    outcome.failures.append(Failure(step, error))
                continue
            with lock:
                outcome.verdicts.append((step, verdict))
                if time.monotonic() - told > _PROGRESS_S:
                    told = time.monotonic()
                    progress(f"{len(outcome.verdicts)} of {len(steps)} {noun} done")

    threads = max(1, min(parallelism, len(steps)))
    with ThreadPoolExecutor(threads, thread_name_prefix="kwok-sim") as pool:
        for done in [pool.submit(work) for number in range(threads)]:
            done.result()
    outcome.left = len(steps) - len(outcome.verdicts) - len(outcome.failures)
    return outcome


def raise_for(outcome: Outcome, what: str, details: Mapping[str, object]) -> None:
    """Raise a SimError if a step failed: the first of them by name, the others counted, and what was done.

    Args:
        what: What the objects are called, in the plural.
    """
    if not outcome.failures:
        return
    first = outcome.failures[:3]
    rest = len(outcome.failures) - len(first)
    text = "; ".join(map(str, first)) + (f"; and {rest} more" if rest else "")
    not_begun = f", {outcome.left} were not begun" if outcome.left else ""
    raise SimError(
        f"{len(outcome.failures)} of the {what} could not be written ({len(outcome.verdicts)} could{not_begun}): {text}",
        remedy="Run again to go on from where it stands",
        details={"changed": bool(outcome.verdicts), "failures": [str(failure) for failure in outcome.failures], **details},
    )
