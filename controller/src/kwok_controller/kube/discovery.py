# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What resources the apiserver serves."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from kwok_controller.kube.client import JSON, Client
from kwok_controller.kube.errors import ApiError, NotFound, ServerError
from kwok_controller.kube.resources import Resource

_AGGREGATED = ",".join([f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")] + [JSON])
"""Aggregated discovery: two requests in all instead of one per group and version. Servers before 1.26 answer as if not asked for it."""


class Discovery:
    """Resources by group, version and kind, remembered until refreshed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._resources: dict[tuple[str, str], Resource] | None = None
        self._unavailable: dict[str, str] = {}
        self._schemas: dict[str, tuple[str, dict[str, Any]]] = {}
        self._refreshing = asyncio.Lock()

    async def find(self, api_version: str, kind: str, *, refresh: bool = False) -> Resource | None:
        """The resource of a kind, or ``None`` where the server does not have it.

        Args:
            api_version: ``v1`` or ``apps/v1``.
            kind: ``Pod``.
            refresh: Ask the server first, whatever is remembered.

        Raises:
            ApiError: The server cannot be asked.
        """
        if refresh or self._resources is None:
            await self.refresh()
        assert self._resources is not None
        return self._resources.get((api_version, kind))

    async def resources(self) -> list[Resource]:
        """All of them.

        Raises:
            ApiError: The server cannot be asked.
        """
        if self._resources is None:
            await self.refresh()
        assert self._resources is not None
        return list(self._resources.values())

    @property
    def unavailable(self) -> dict[str, str]:
        """Groups and versions whose (aggregated) server did not say what it has, and why."""
        return self._unavailable

    async def refresh(self) -> None:
        """Ask the server anew.

        Raises:
            ApiError: It cannot be asked. What is remembered stays.
        """
        async with self._refreshing:
            found: dict[tuple[str, str], Resource] = {}
            unavailable: dict[str, str] = {}
            for root in ("/api", "/apis"):
                document = await self._get(root, accept=_AGGREGATED)
                if document.get("kind") == "APIGroupDiscoveryList":
                    _take_aggregated(document, found, unavailable)
                else:
                    await self._take_single(root, document, found, unavailable)
            self._resources, self._unavailable = found, unavailable

    async def openapi_v3(self, api_version: str) -> dict[str, Any] | None:
        """The OpenAPI v3 document of a group and version, or ``None`` where the server has none. Remembered until the server's changes.

        Args:
            api_version: ``v1`` or ``apps/v1``.

        Raises:
            ApiError: The server cannot be asked.
        """
        path = f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"
        try:
            index = await self._get("/openapi/v3")
        except NotFound:
            return None
        entry = (index.get("paths") or {}).get(path)
        if not entry:
            return None
        # The URL holds a hash of the document.
        url = str(entry["serverRelativeURL"])
        remembered = self._schemas.get(api_version)
        if remembered is None or remembered[0] != url:
            remembered = self._schemas[api_version] = (url, await self._get(url))
        return remembered[1]

    async def _take_single(
        self, root: str, document: dict[str, Any], found: dict[tuple[str, str], Resource], unavailable: dict[str, str]
    ) -> None:
        if root == "/api":
            versions = [str(version) for version in document.get("versions") or ()]
        else:
            versions = [str(version["groupVersion"]) for group in document.get("groups") or () for version in group.get("versions") or ()]
        for version in versions:
            try:
                _take_list(await self._get(f"{root}/{version}"), found)
            except (ServerError, NotFound) as error:
                # An extension server that is away, or a CRD that has just gone, hides only its own.
                unavailable[version] = str(error)

    async def _get(self, path: str, *, accept: str = JSON) -> dict[str, Any]:
        body = await self._client.request("GET", path, accept=accept, resource="discovery")
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ServerError(f"the answer is no JSON: {error}", request=f"GET {path}") from None
        if not isinstance(document, dict):
            raise ApiError("the answer is no object", request=f"GET {path}")
        return document


def _take_aggregated(document: dict[str, Any], found: dict[tuple[str, str], Resource], unavailable: dict[str, str]) -> None:
    for group in document.get("items") or ():
        name = (group.get("metadata") or {}).get("name", "")
        for version in group.get("versions") or ():
            api_version = f"{name}/{version['version']}" if name else version["version"]
            if version.get("freshness") == "Stale":
                unavailable[api_version] = "its server does not answer"
            for resource in version.get("resources") or ():
                kind = (resource.get("responseKind") or {}).get("kind")
                if not kind:
                    continue
                found[api_version, kind] = Resource(
                    group=name,
                    version=version["version"],
                    plural=resource["resource"],
                    kind=kind,
                    namespaced=resource.get("scope") == "Namespaced",
                    subresources=frozenset(sub["subresource"] for sub in resource.get("subresources") or ()),
                    verbs=frozenset(resource.get("verbs") or ()),
                )


def _take_list(document: dict[str, Any], found: dict[tuple[str, str], Resource]) -> None:
    api_version = document["groupVersion"]
    group, _, version = api_version.rpartition("/")
    entries = document.get("resources") or []
    subresources: dict[str, set[str]] = {}
    for entry in entries:
        plural, slash, subresource = entry["name"].partition("/")
        if slash:
            subresources.setdefault(plural, set()).add(subresource)
    for entry in entries:
        if "/" not in entry["name"]:
            found[api_version, entry["kind"]] = Resource(
                group=group,
                version=version,
                plural=entry["name"],
                kind=entry["kind"],
                namespaced=bool(entry["namespaced"]),
                subresources=frozenset(subresources.get(entry["name"], ())),
                verbs=frozenset(entry.get("verbs") or ()),
            )
