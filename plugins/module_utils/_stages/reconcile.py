# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the Stages of a cluster be as wanted, and waits until the controller says that it has taken them.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from .._errors import SimError
from .._kube.apply import AppliedObject, apply_objects, delete_objects
from .._kube.connection import connect
from .desired import API_VERSION, KIND

FIELD_MANAGER = "kwok.sim.kwok_stage"
"""Owns the fields that the module applies; by it, purging tells its own Stages from others."""

_WATCH_S = 5
"""For one watch: a broken connection is noticed within this time."""


def reconcile(
    kubeconfig: Path, wanted: Sequence[Mapping[str, Any]], *, unwanted: Collection[str] = (), purge: bool = False, dry_run: bool = False
) -> list[AppliedObject]:
    """Apply what differs, and delete what is not wanted; the server's dry run of everything comes first, so that what it
    refuses is refused before anything is changed.

    Args:
        wanted: Whole Stage objects.
        unwanted: Names of Stages to delete.
        purge: Deletes also every other Stage that this module has applied before.

    Raises:
        SimError: The apiserver cannot be reached or refuses.
    """
    deleted = set(unwanted)
    if purge:
        deleted |= set(applied_before(kubeconfig)) - {stage["metadata"]["name"] for stage in wanted}
    doomed: list[dict[str, Any]] = [{"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}} for name in sorted(deleted)]
    tried = apply_objects(kubeconfig, wanted, field_manager=FIELD_MANAGER, dry_run=True)
    gone = delete_objects(kubeconfig, doomed, dry_run=True)
    if dry_run:
        return tried + gone
    changing = {each.name for each in tried if each.changed}
    # New ones first: objects are never without a stage in between.
    done = {
        each.name: each
        for each in apply_objects(
            kubeconfig, [stage for stage in wanted if stage["metadata"]["name"] in changing], field_manager=FIELD_MANAGER
        )
    }
    leaving = {each.name for each in gone if each.changed}
    delete_objects(kubeconfig, [each for each in doomed if each["metadata"]["name"] in leaving])
    return [done.get(each.name, each) for each in tried] + gone


def applied_before(kubeconfig: Path) -> list[str]:
    """Names of the Stages with fields that this module owns."""
    with connect(kubeconfig) as client:
        stages = client.resources.get(api_version=API_VERSION, kind=KIND)
        items = client.get(stages).to_dict()["items"]
    return [
        item["metadata"]["name"]
        for item in items
        if any(entry.get("manager") == FIELD_MANAGER for entry in item["metadata"].get("managedFields") or ())
    ]


def wait_until_taken(kubeconfig: Path, names: Collection[str], timeout_s: float) -> None:
    """Follow the Stages until the controller has said of each of ``names`` that it takes its newest generation.

    Raises:
        SimError: It refuses one, or has not said so of all in time.
    """
    missing = set(names)
    deadline = time.monotonic() + timeout_s
    refused: dict[str, str] = {}
    with connect(kubeconfig) as client:
        stages = client.resources.get(api_version=API_VERSION, kind=KIND)
        while missing:
            left = deadline - time.monotonic()
            if left <= 0:
                raise SimError(
                    f"the controller has not taken {len(missing)} of {len(names)} Stages within {timeout_s:g} s: {_some(missing)}",
                    option="wait_timeout",
                    remedy="See that kwok-controller runs and reads Stages (--enable-crds=Stage); the Go kwok does not say what it takes: "
                    "set wait to false for it",
                )
            # A watch without a version begins with what is there.
            for event in client.watch(stages, timeout=max(1, min(_WATCH_S, int(left)))):
                stage = event["raw_object"]
                name = stage["metadata"]["name"]
                if name not in missing or not _seen(stage):
                    continue
                missing.discard(name)
                refusal = _refusal(stage)
                if refusal is not None:
                    refused[name] = refusal
                if not missing:
                    break
    if refused:
        raise SimError(
            "the controller refuses " + "; ".join(f"Stage {name}: {reason}" for name, reason in sorted(refused.items())),
            details={"refused": refused},
        )


def _seen(stage: Mapping[str, Any]) -> bool:
    status = stage.get("status") or {}
    return bool(status.get("conditions")) and status.get("observedGeneration") == stage["metadata"].get("generation")


def _refusal(stage: Mapping[str, Any]) -> str | None:
    for condition in stage["status"]["conditions"]:
        if condition.get("type") == "Ready" and condition.get("status") == "False":
            return f"{condition.get('reason')}: {condition.get('message')}"
    return None


def _some(names: Collection[str], most: int = 5) -> str:
    shown = sorted(names)[:most]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")
