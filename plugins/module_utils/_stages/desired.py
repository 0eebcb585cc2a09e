# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which stages are wanted, from all the options that say so. Pure.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import SimError

API_VERSION = "kwok.x-k8s.io/v1alpha1"
KIND = "Stage"


def wanted_stages(sources: Iterable[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The stages to be applied, each as a whole object, in the order of their names.

    Args:
        sources: Pairs of where a stage comes from, for messages, and the stage. An inline stage may leave apiVersion and kind out.

    Raises:
        SimError: One is no stage or has no name, or two of one name differ.
    """
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for source, given in sources:
        stage = _whole(source, given)
        name = stage["metadata"]["name"]
        if name in found and found[name][1] != stage:
            raise SimError(
                f"Stage {name} is given twice, by {found[name][0]} and by {source}, and they differ",
                remedy="Give each stage a name of its own, or leave one of them out",
            )
        found[name] = (source, stage)
    return [found[name][1] for name in sorted(found)]


def _whole(source: str, given: Mapping[str, Any]) -> dict[str, Any]:
    version, kind = given.get("apiVersion", API_VERSION), given.get("kind", KIND)
    if (version, kind) != (API_VERSION, KIND):
        raise SimError(f"{source} is a {kind} of {version}, no Stage of {API_VERSION}", remedy="Leave it out")
    metadata = given.get("metadata")
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        raise SimError(f"{source} has no metadata.name", remedy="Give the stage a name")
    # What a server adds is nobody's wish, and would be refused or in the way.
    kept = {key: metadata[key] for key in ("name", "labels", "annotations") if key in metadata}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": kept, "spec": given.get("spec") or {}}
