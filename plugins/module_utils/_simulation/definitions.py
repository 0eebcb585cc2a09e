# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the CRDs of C(kwok.x-k8s.io) and C(kwok-sim.dev) be in a cluster.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .._errors import SimError
from .._kube.apply import AppliedObject, apply_objects, delete_objects
from .._kube.connection import connect

FIELD_MANAGER = "kwok.sim.kwok_crd"


def reconcile_definitions(
    kubeconfig: Path, definitions: Sequence[Mapping[str, Any]], *, present: bool, dry_run: bool, timeout_s: float
) -> list[AppliedObject]:
    """Apply or delete CustomResourceDefinitions; those that are there are served when this returns.

    Raises:
        SimError: The apiserver cannot be reached, refuses one, or does not serve them in time.
    """
    if not present:
        return delete_objects(kubeconfig, definitions, dry_run=dry_run)
    results = apply_objects(kubeconfig, definitions, field_manager=FIELD_MANAGER, dry_run=dry_run)
    if not dry_run:
        _wait_until_established(kubeconfig, {definition["metadata"]["name"] for definition in definitions}, timeout_s)
    return results


def _wait_until_established(kubeconfig: Path, names: set[str], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    missing = set(names)
    with connect(kubeconfig) as client:
        resource = client.resources.get(api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition")
        while missing:
            left = deadline - time.monotonic()
            if left <= 0:
                raise SimError(
                    f"the apiserver does not serve {', '.join(sorted(missing))} within {timeout_s:g} s",
                    option="wait_timeout",
                    remedy="Raise it, and see what the conditions of the CustomResourceDefinitions say",
                )
            # A watch without a version begins with what is there.
            for event in client.watch(resource, timeout=max(1, min(5, int(left)))):
                definition = event["raw_object"]
                conditions = (definition.get("status") or {}).get("conditions") or ()
                if any(each["type"] == "Established" and each["status"] == "True" for each in conditions):
                    missing.discard(definition["metadata"]["name"])
                if not missing:
                    break
