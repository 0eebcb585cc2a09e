# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A few objects, made to be as wanted by server-side apply.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .connection import REQUEST_TIMEOUT_S, connect

# What the server counts and dates for itself: no change of an object's own.
_BOOKKEEPING = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")


@dataclass(frozen=True)
class AppliedObject:
    """What became of one object.

    Attributes:
        kind: Its kind.
        name: Its name.
        namespace: Its namespace, for those that have one.
        changed: Whether the server's copy changed; in a dry run: would have.
        before: The object as it was, for people: without what the server counts and dates; ``None`` if there was none.
        after: The object as it is; ``None`` if there is none.
    """

    kind: str
    name: str
    namespace: str | None
    changed: bool
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def apply_objects(
    kubeconfig_path: Path, objects: Sequence[Mapping[str, Any]], *, field_manager: str, dry_run: bool = False
) -> list[AppliedObject]:
    """Apply ``objects`` in their order; what other managers own of the fields in them is taken over.

    ``changed`` is what the server says: its resourceVersion before and after. A dry run has no new resourceVersion, so there the
    objects themselves are compared.

    Args:
        objects: With apiVersion, kind and metadata.name, and metadata.namespace where they have one.
        field_manager: Who owns the fields.

    Raises:
        SimError: The apiserver cannot be reached, or refuses one; the objects before it are applied.
    """
    if not objects:
        return []
    applied = []
    with connect(kubeconfig_path) as client:
        for wanted in objects:
            resource, name, namespace = _locate(client, wanted)
            before = _get(client, resource, name, namespace)
            options: dict[str, Any] = {"dry_run": "All"} if dry_run else {}
            after = client.server_side_apply(
                resource,
                body=dict(wanted),
                name=name,
                namespace=namespace,
                field_manager=field_manager,
                force_conflicts=True,
                _request_timeout=REQUEST_TIMEOUT_S,
                **options,
            ).to_dict()
            if before is None:
                changed = True
            elif dry_run:
                changed = shown(before) != shown(after)
            else:
                changed = before["metadata"]["resourceVersion"] != after["metadata"]["resourceVersion"]
            applied.append(AppliedObject(wanted["kind"], name, namespace, changed, shown(before) if before else None, shown(after)))
    return applied


def is_there(kubeconfig_path: Path, api_version: str, kind: str, name: str) -> bool:
    """Whether the cluster has an object of a kind without namespaces.

    Raises:
        SimError: The apiserver cannot be reached, or refuses.
    """
    with connect(kubeconfig_path) as client:
        return _get(client, client.resources.get(api_version=api_version, kind=kind), name, None) is not None


def delete_objects(kubeconfig_path: Path, objects: Sequence[Mapping[str, Any]], *, dry_run: bool = False) -> list[AppliedObject]:
    """Delete ``objects``, the last one first; those that are not there are fine.

    Raises:
        SimError: The apiserver cannot be reached, or refuses one.
    """
    if not objects:
        return []
    deleted = []
    with connect(kubeconfig_path) as client:
        for unwanted in reversed(objects):
            resource, name, namespace = _locate(client, unwanted)
            before = _get(client, resource, name, namespace)
            if before is not None and not dry_run:
                _delete(client, resource, name, namespace)
            deleted.append(
                AppliedObject(unwanted["kind"], name, namespace, before is not None, shown(before) if before is not None else None, None)
            )
    return deleted


def shown(found: Mapping[str, Any]) -> dict[str, Any]:
    """An object without what the server counts and dates."""
    return {**found, "metadata": {key: value for key, value in found["metadata"].items() if key not in _BOOKKEEPING}}


def _locate(client: Any, wanted: Mapping[str, Any]) -> tuple[Any, str, str | None]:
    resource = client.resources.get(api_version=wanted["apiVersion"], kind=wanted["kind"])
    return resource, wanted["metadata"]["name"], wanted["metadata"].get("namespace")


def _get(client: Any, resource: Any, name: str, namespace: str | None) -> dict[str, Any] | None:
    from kubernetes.dynamic.exceptions import NotFoundError

    try:
        found: dict[str, Any] = client.get(resource, name=name, namespace=namespace, _request_timeout=REQUEST_TIMEOUT_S).to_dict()
    except NotFoundError:
        return None
    return found


def _delete(client: Any, resource: Any, name: str, namespace: str | None) -> None:
    from kubernetes.dynamic.exceptions import NotFoundError

    # Deleted by another client in between: as wanted.
    try:
        client.delete(resource, name=name, namespace=namespace, _request_timeout=REQUEST_TIMEOUT_S)
    except NotFoundError:
        return
