# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from sim_cluster import Cluster

from kwok_controller.kube import discovery
from kwok_controller.kube.discovery import Discovery
from kwok_controller.kube.errors import NotFound
from kwok_controller.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, LEASES, NODES, PODS, Resource

GROUP = "discovery.example.com"
SCHEMA: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
DEFINITION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"things.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Cluster",
        "names": {"plural": "things", "kind": "Thing"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}, "subresources": {"status": {}}}
        ],
    },
}


@pytest.mark.parametrize("aggregated", [True, False])
def test_built_in_resources(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, aggregated: bool) -> None:
    if not aggregated:
        monkeypatch.setattr(discovery, "_AGGREGATED", "application/json")
    requests: list[str] = []

    async def main() -> None:
        async with cluster.client(observer=lambda verb, resource, status, seconds: requests.append(verb)) as client:
            found = Discovery(client)
            for expected in (NODES, PODS, LEASES):
                resource = await found.find(expected.api_version, expected.kind)
                assert resource is not None
                assert (resource.plural, resource.namespaced) == (expected.plural, expected.namespaced)
                assert resource.verbs == expected.verbs
                assert expected.subresources <= resource.subresources
            assert await found.find("v1", "Nothing") is None
            assert await found.find("nothing/v1", "Pod") is None
            assert len(await found.resources()) > 50
            assert found.unavailable == {}

    asyncio.run(main())
    assert (len(requests) == 2) is aggregated


def test_custom_resources_come_and_go(cluster: Cluster) -> None:
    async def main() -> None:
        async with cluster.client() as client:
            found = Discovery(client)
            assert await found.find(f"{GROUP}/v1", "Thing") is None
            await client.create(CUSTOM_RESOURCE_DEFINITIONS, None, DEFINITION)
            thing: Resource | None = None
            async with asyncio.timeout(30):
                while thing is None:
                    await asyncio.sleep(0.2)
                    thing = await found.find(f"{GROUP}/v1", "Thing", refresh=True)
            assert thing == Resource(GROUP, "v1", "things", "Thing", False, frozenset({"status"}), thing.verbs)
            body = {"apiVersion": thing.api_version, "kind": "Thing", "metadata": {"name": "a"}, "spec": 1}
            assert orjson.loads(await client.create(thing, None, body))["spec"] == 1
            await client.delete(CUSTOM_RESOURCE_DEFINITIONS, None, DEFINITION["metadata"]["name"])
            async with asyncio.timeout(30):
                while await found.find(f"{GROUP}/v1", "Thing", refresh=True) is not None:
                    await asyncio.sleep(0.2)
            with pytest.raises(NotFound):
                await client.get(thing, None, "a")

    asyncio.run(main())


def test_openapi(cluster: Cluster) -> None:
    async def main() -> None:
        async with cluster.client() as client:
            found = Discovery(client)
            document = await found.openapi_v3("v1")
            assert document is not None
            conditions = document["components"]["schemas"]["io.k8s.api.core.v1.NodeStatus"]["properties"]["conditions"]
            assert conditions["x-kubernetes-patch-merge-key"] == "type"
            # As long as it is the same, it is not fetched again.
            assert await found.openapi_v3("v1") is document
            assert await found.openapi_v3("apps/v1") is not None
            assert await found.openapi_v3("nothing/v1") is None

    asyncio.run(main())
