# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the objects of a family of kinds be as wanted in a cluster, and waits until the controller says that it has taken them.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .._errors import SimError
from .._kube.apply import AppliedObject, apply_objects, delete_objects, is_there
from .._kube.connection import connect
from .kinds import Family, Key, key_of

_WATCH_S = 5
"""For one watch: a broken connection is noticed within this time."""

_EVALUATION_FAILED = "EvaluationFailed"
"""The controller's reason for an object that it takes, while one of its expressions fails for some node or pod."""


def reconcile(
    kubeconfig: Path,
    family: Family,
    wanted: Sequence[Mapping[str, Any]],
    *,
    unwanted: Collection[Key] = (),
    purge: bool = False,
    owner: str = "",
    dry_run: bool = False,
) -> list[AppliedObject]:
    """Apply what differs, and delete what is not wanted; the server's dry run of everything comes first, so that what it
    refuses is refused before anything is changed.

    Args:
        family: The kinds that all objects are of.
        wanted: Whole objects.
        unwanted: Objects to delete.
        purge: Deletes also every other object of these kinds that the module has applied before for the same owner.
        owner: For whom they are applied.

    Raises:
        SimError: The apiserver cannot be reached or refuses.
    """
    manager = family.field_manager(owner)
    deleted = set(unwanted)
    if purge:
        deleted |= applied_before(kubeconfig, family, owner) - {key_of(obj) for obj in wanted}
    doomed = [_stub(family, key) for key in sorted(deleted)]
    tried = _try(kubeconfig, family, wanted, manager)
    gone = delete_objects(kubeconfig, doomed, dry_run=True)
    if dry_run:
        return tried + gone
    changing = {_key(each) for each in tried if each.changed}
    # New ones first: no object is without a stage, and no pod without a usage, in between.
    applied = apply_objects(kubeconfig, [obj for obj in wanted if key_of(obj) in changing], field_manager=manager)
    done = {_key(each): each for each in applied}
    leaving = {_key(each) for each in gone if each.changed}
    delete_objects(kubeconfig, [obj for obj in doomed if key_of(obj) in leaving])
    return [done.get(_key(each), each) for each in tried] + gone


def applied_before(kubeconfig: Path, family: Family, owner: str = "") -> set[Key]:
    """The objects with fields that the module has applied for an owner."""
    manager = family.field_manager(owner)
    found: set[Key] = set()
    with connect(kubeconfig) as client:
        for kind in family.names:
            items = client.get(client.resources.get(api_version=family.api_version, kind=kind)).to_dict()["items"]
            found |= {
                key_of({"kind": kind, **item})
                for item in items
                if any(entry.get("manager") == manager for entry in item["metadata"].get("managedFields") or ())
            }
    return found


def wait_until_taken(kubeconfig: Path, family: Family, keys: Collection[Key], timeout_s: float) -> list[str]:
    """Follow the objects until the controller has said of each of ``keys`` that it takes its newest generation.

    Returns:
        What fails now and then in those that are taken.

    Raises:
        SimError: It refuses one, or has not said so of all in time.
    """
    missing = set(keys)
    deadline = time.monotonic() + timeout_s
    unready: dict[Key, tuple[str, str]] = {}
    with connect(kubeconfig) as client:
        for kind in family.names:
            left = {key for key in missing if key.kind == kind}
            for key, obj in _versions(client, family.api_version, kind, deadline) if left else ():
                if key in left and _seen(obj):
                    left.discard(key)
                    missing.discard(key)
                    if (problem := _unready(obj)) is not None:
                        unready[key] = problem
                if not left:
                    break
    if missing:
        flags = " ".join(filter(None, (f"--enable-crds={','.join(family.names)}", family.flags)))
        raise SimError(
            f"the controller has not taken {len(missing)} of {len(keys)} {family.plural} within {timeout_s:g} s: {_some(missing)}",
            option="wait_timeout",
            remedy=f"See that kwok-controller runs and reads them ({flags}); the Go kwok does not say what it takes: "
            "set wait to false for it",
        )
    refused = {str(key): f"{reason}: {why}" for key, (reason, why) in sorted(unready.items()) if reason != _EVALUATION_FAILED}
    if refused:
        told = "; ".join(f"{subject}: {why}" for subject, why in refused.items())
        raise SimError(f"the controller refuses {told}", details={"refused": refused})
    return [f"{key} {why}" for key, (_reason, why) in sorted(unready.items())]


def _versions(client: Any, api_version: str, kind: str, deadline: float) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    """The objects of a kind as they are and as they change, until the deadline, in monotonic seconds."""
    resource = client.resources.get(api_version=api_version, kind=kind)
    while True:
        left = deadline - time.monotonic()
        # A watch without a version begins with what is there.
        for event in client.watch(resource, timeout=max(1, min(_WATCH_S, int(left)))):
            obj = event["raw_object"]
            yield key_of({"kind": kind, **obj}), obj
        if left <= 0:
            return


def _try(kubeconfig: Path, family: Family, wanted: Sequence[Mapping[str, Any]], manager: str) -> list[AppliedObject]:
    try:
        return apply_objects(kubeconfig, wanted, field_manager=manager, dry_run=True)
    except SimError as error:
        if error.details.get("status") == 404:
            _check_namespaces(kubeconfig, family, wanted)
        raise


def _check_namespaces(kubeconfig: Path, family: Family, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Say which objects have a namespace that is not there: the server names the namespace alone."""
    keys = [key_of(obj) for obj in wanted]
    for namespace in sorted({key.namespace for key in keys} - {""}):
        if not is_there(kubeconfig, "v1", "Namespace", namespace):
            lost = [key for key in keys if key.namespace == namespace]
            raise SimError(
                f"there is no namespace {namespace}, which {_some(lost)} should be in",
                option=family.option,
                remedy="Create it before; nothing has been sent",
            )


def _stub(family: Family, key: Key) -> dict[str, Any]:
    """As much of an object as deleting it takes."""
    metadata = {"name": key.name, **({"namespace": key.namespace} if key.namespace else {})}
    return {"apiVersion": family.api_version, "kind": key.kind, "metadata": metadata}


def _key(applied: AppliedObject) -> Key:
    return Key(applied.kind, applied.namespace or "", applied.name)


def _seen(obj: Mapping[str, Any]) -> bool:
    status = obj.get("status") or {}
    return bool(status.get("conditions")) and status.get("observedGeneration") == obj["metadata"].get("generation")


def _unready(obj: Mapping[str, Any]) -> tuple[str, str] | None:
    """Reason and words of an object that is not well; ``None`` for one that is."""
    for condition in obj["status"]["conditions"]:
        if condition.get("type") == "Ready" and condition.get("status") == "False":
            return condition.get("reason", ""), condition.get("message", "")
    return None


def _some(keys: Collection[Key], most: int = 5) -> str:
    shown = [str(key) for key in sorted(keys)[:most]]
    return ", ".join(shown) + (f" and {len(keys) - most} more" if len(keys) > most else "")
