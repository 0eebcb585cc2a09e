# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which resource of the API objects of a kind are.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from .client import ApiError, Client


@dataclass(frozen=True)
class Resource:
    """A resource of the API.

    Attributes:
        api_version: As in objects: ``v1``, ``apps/v1``.
        plural: As in paths: ``nodes``.
        namespaced: Whether its objects are in namespaces.
        has_status: Whether their status is written apart from the rest.
    """

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    has_status: bool

    def collection(self, namespace: str = "") -> str:
        """Path of all objects, in a namespace or in all of them."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        return f"{root}/namespaces/{quote(namespace)}/{self.plural}" if namespace else f"{root}/{self.plural}"

    def path(self, namespace: str, name: str, subresource: str = "") -> str:
        """Path of one object, or of a part of it."""
        path = f"{self.collection(namespace)}/{quote(name)}"
        return f"{path}/{subresource}" if subresource else path


NODES = Resource("v1", "Node", "nodes", namespaced=False, has_status=True)


def find_resource(client: Client, api_version: str, kind: str) -> Resource | None:
    """The resource of a kind; ``None`` if the apiserver has no such one.

    Raises:
        ApiError: The apiserver refuses, or cannot be reached.
    """
    root = "apis" if "/" in api_version else "api"
    try:
        answer = client.request("GET", f"/{root}/{quote(api_version)}")
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    entries = answer.get("resources") or []
    names = {entry["name"] for entry in entries}
    for entry in entries:
        if entry["kind"] == kind and "/" not in entry["name"]:
            return Resource(api_version, kind, entry["name"], bool(entry["namespaced"]), f"{entry['name']}/status" in names)
    return None
