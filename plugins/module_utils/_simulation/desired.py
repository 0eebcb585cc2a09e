# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which objects are wanted, from all the options that say so. Pure.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import SimError
from .kinds import Family, Key, Kind, key_of


def wanted_objects(family: Family, sources: Iterable[tuple[str, Mapping[str, Any]]], *, namespace: str = "") -> list[dict[str, Any]]:
    """The objects to be applied, each as a whole, in the order of their kinds, namespaces and names.

    Args:
        family: The kinds that they may be of.
        sources: Pairs of where an object comes from, for messages, and the object. One may leave apiVersion and kind out.
        namespace: That of objects that live in one and do not say in which.

    Raises:
        SimError: One is of another kind, has no name, or no namespace where there has to be one; or two of one name differ.
    """
    found: dict[Key, tuple[str, dict[str, Any]]] = {}
    for source, given in sources:
        obj = _whole(source, given, family.kind_of(source, given), family.api_version, namespace)
        key = key_of(obj)
        if key in found and found[key][1] != obj:
            raise SimError(
                f"{key} is given twice, by {found[key][0]} and by {source}, and they differ",
                remedy="Give each a name of its own, or leave one of them out",
            )
        found[key] = (source, obj)
    return [found[key][1] for key in sorted(found)]


def _whole(source: str, given: Mapping[str, Any], kind: Kind, api_version: str, namespace: str) -> dict[str, Any]:
    metadata = given.get("metadata")
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        raise SimError(f"{source} has no metadata.name", remedy=f"Give the {kind.name} a name")
    if kind.namespaced and namespace and not metadata.get("namespace"):
        metadata = {**metadata, "namespace": namespace}
    if kind.namespaced and not metadata.get("namespace"):
        raise SimError(
            f"{source} has no metadata.namespace, though it is a {kind.name}",
            remedy="Give it the namespace of the pod that it is for",
        )
    if metadata.get("namespace") and not kind.namespaced:
        raise SimError(f"{source} has a metadata.namespace, though it is a {kind.name}, which is in none", remedy="Leave the namespace out")
    # What a server adds is nobody's wish, and would be refused or in the way.
    kept = {key: metadata[key] for key in ("name", "namespace", "labels", "annotations") if metadata.get(key)}
    return {"apiVersion": api_version, "kind": kind.name, "metadata": kept, "spec": given.get("spec") or {}}
