# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What both kinds of population have in common: trying, carrying out, waiting.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._cluster.engine import Mode
from .._errors import SimError
from .._kube.bulk import Carrier, Outcome, carry_out, raise_for
from .._kube.client import ApiError, Client
from .._kube.discovery import Resource
from .._objects import summary
from .._objects.plan import Step


@dataclass
class Population:
    """What a run did, or in check mode would do.

    Attributes:
        steps: The plan, less the steps that turned out to change nothing.
        outcome: What became of it.
        kind: What the objects are called, in the plural.
        results: The module's return values, beside the changes.
        seconds: How long its parts took.
    """

    steps: list[Step]
    outcome: Outcome
    kind: str
    results: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether the server has stored anything, or in check mode would."""
        return any(verdict != "unchanged" for _step, verdict in self.outcome.verdicts)

    def changes(self) -> list[dict[str, Any]]:
        """For the return value: one entry for each group and action."""
        return summary.changes(self.steps, self.kind)

    def diff(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """For diff mode: before and after, by title."""
        return summary.diff(self.steps, self.kind)


class Stopwatch:
    """Seconds since it was made or last asked, rounded."""

    def __init__(self) -> None:
        self._since = self._began = time.monotonic()

    def lap(self) -> float:
        """Since the last lap."""
        since, self._since = self._since, time.monotonic()
        return round(self._since - since, 3)

    def total(self) -> float:
        """Since the beginning."""
        return round(time.monotonic() - self._began, 3)


def apply(
    client: Client,
    resource: Resource,
    steps: Sequence[Step],
    mode: Mode,
    *,
    recreate: bool,
    parallelism: int,
    option: str,
) -> Population:
    """Carry steps out; in check mode let the server judge the updates.

    First, the server checks one object of each group without storing anything, so that what is wrong with the options is
    found before anything is changed.

    Args:
        option: The option that the objects come from, for messages.

    Raises:
        SimError: The server refuses one.
    """
    kind = resource.plural
    trial = Carrier(client, resource, recreate=recreate, dry_run=True, patience_s=0)
    _try(trial, steps, option, recreate, mode.check_mode)
    if mode.check_mode:
        updates = [step for step in steps if step.action == "update"]
        outcome = carry_out(trial, updates, parallelism=parallelism, progress=mode.progress, noun=kind)
        # Creating and deleting are changes whatever the server says.
        outcome.verdicts += [(step, "created" if step.action == "create" else "deleted") for step in steps if step.action != "update"]
    else:
        carrier = Carrier(client, resource, recreate=recreate, dry_run=False, patience_s=mode.wait_timeout)
        for line in summary.changes(steps, kind):
            mode.progress(f"{line['action']} {line['count']} {kind} of {line['name']}")
        outcome = carry_out(carrier, steps, parallelism=parallelism, progress=mode.progress, noun=kind)
    changed = {step for step, verdict in outcome.verdicts if verdict != "unchanged"}
    population = Population([step for step in steps if step in changed], outcome, kind)
    raise_for(outcome, kind, {"changes": population.changes()})
    return population


def _try(trial: Carrier, steps: Sequence[Step], option: str, recreate: bool, check_mode: bool) -> None:
    for (group, action), some in summary.by_group(steps).items():
        step = some[0]
        if step.wanted is None:
            continue
        try:
            trial.try_creating(step.wanted)
            if action == "update":
                trial.carry_out(step)
        except ApiError as error:
            if check_mode and error.status == 404 and step.key.namespace:
                # An earlier task would have made the namespace.
                continue
            raise _refused(error, group, step, option, recreate) from error


def _refused(error: ApiError, group: str, step: Step, option: str, recreate: bool) -> SimError:
    doing = f"{group}: {step.key} cannot be made as wanted" if step.action == "create" else f"{group}: {step.key} cannot be changed"
    if error.status == 404 and step.key.namespace:
        return error.as_sim_error(doing, "namespaces", "Make the namespace first")
    if error.status == 422 and step.action == "update" and not recreate:
        return error.as_sim_error(doing, option, "Correct the value, or set recreate for objects that cannot change in place")
    if error.status in (400, 422):
        return error.as_sim_error(doing, option, "Correct the value that the server names")
    return error.as_sim_error(doing)


def as_details(pending: Mapping[Any, str]) -> dict[str, Any]:
    """What is waited for in vain, for the failure's result: bounded, as there can be thousands."""
    return {"pending": len(pending), "pending_reasons": {str(key): pending[key] for key in list(pending)[:20]}}
