# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import time

import orjson
import pytest
from sim_cluster import Cluster

from kwok_controller.kube import connection, errors
from kwok_controller.kube.client import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, METADATA_ONLY, STRATEGIC_MERGE_PATCH, Client
from kwok_controller.kube.resources import NODES, PODS, Resource

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)


def test_an_object_from_creation_to_deletion(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        async with cluster.client() as client:
            created = orjson.loads(await client.create(CONFIG_MAPS, namespace, {"metadata": {"name": "a"}, "data": {"x": "1"}}))
            with pytest.raises(errors.AlreadyExists):
                await client.create(CONFIG_MAPS, namespace, {"metadata": {"name": "a"}})
            merged = orjson.loads(await client.patch(CONFIG_MAPS, namespace, "a", {"data": {"x": "2"}}, MERGE_PATCH))
            assert merged["data"] == {"x": "2"}
            with pytest.raises(errors.Conflict) as conflict:
                await client.update(CONFIG_MAPS, namespace, "a", created)
            assert conflict.value.reason == "Conflict"
            operations = orjson.dumps([{"op": "replace", "path": "/data/x", "value": "3"}])
            answer = await client.patch(CONFIG_MAPS, namespace, "a", operations, JSON_PATCH, accept=METADATA_ONLY)
            metadata = orjson.loads(answer)
            assert metadata["kind"] == "PartialObjectMetadata"
            applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"y": "4"}}
            await client.patch(CONFIG_MAPS, namespace, "a", applied, APPLY_PATCH, params={"fieldManager": "t", "force": True})
            found = await client.get(CONFIG_MAPS, namespace, "a")
            assert found["data"] == {"x": "3", "y": "4"}
            assert {entry["manager"] for entry in found["metadata"]["managedFields"]} == {"kwok-controller", "t"}
            assert [item["metadata"]["name"] async for item in client.list(CONFIG_MAPS, namespace, field_selector="metadata.name=a")] == [
                "a"
            ]
            with pytest.raises(errors.Conflict):
                await client.delete(CONFIG_MAPS, namespace, "a", uid="another")
            await client.delete(CONFIG_MAPS, namespace, "a", uid=found["metadata"]["uid"])
            with pytest.raises(errors.NotFound) as missing:
                await client.get(CONFIG_MAPS, namespace, "a")
            assert str(missing.value) == f'GET /api/v1/namespaces/{namespace}/configmaps/a: configmaps "a" not found (HTTP 404 NotFound)'

    asyncio.run(main())


def test_status_of_a_node(cluster: Cluster) -> None:
    async def main() -> None:
        async with cluster.client() as client:
            node = orjson.loads(await client.create(NODES, None, {"metadata": {"name": "status-of-a-node"}}))
            try:
                # Without its spec, which an update of the status does not change.
                status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
                while True:
                    body = {"apiVersion": "v1", "kind": "Node", "metadata": node["metadata"], "status": status}
                    try:
                        node = orjson.loads(await client.update(NODES, None, "status-of-a-node", body, subresource="status"))
                        break
                    except errors.Conflict:
                        # The controller manager taints a new node, and writes its labels.
                        node = await client.get(NODES, None, "status-of-a-node")
                assert node["status"]["conditions"][0]["status"] == "True"
                body = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
                answer = await client.patch(NODES, None, "status-of-a-node", body, STRATEGIC_MERGE_PATCH, subresource="status")
                assert [condition["status"] for condition in orjson.loads(answer)["status"]["conditions"]] == ["False"]
            finally:
                await client.delete(NODES, None, "status-of-a-node")

    asyncio.run(main())


def test_acting_as_somebody_else(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        async with cluster.client() as client:
            with pytest.raises(errors.Forbidden, match='User "jane" cannot create resource "pods"'):
                await client.create(PODS, namespace, {}, impersonate="jane")

    asyncio.run(main())


def test_refused_token(cluster: Cluster) -> None:
    async def main() -> None:
        path = cluster.kubeconfig_of("refused", {"token": "eyJ-wrong"})
        async with Client(connection.load(path)) as client:
            with pytest.raises(errors.Unauthorized) as caught:
                await client.request("GET", "/api")
        assert f"the apiserver does not accept the token in {path}" in str(caught.value)
        assert "eyJ" not in str(caught.value)

    asyncio.run(main())


def test_service_account_token(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        token = cluster.kubectl("create", "token", "default", "--namespace", namespace).strip()
        (cluster.base / "token").write_text(token)
        async with Client(connection.load(cluster.kubeconfig_of("token-file", {"tokenFile": "token"}))) as client:
            await client.request("GET", "/api")
            with pytest.raises(errors.Forbidden, match=f"system:serviceaccount:{namespace}:default"):
                await client.get(PODS, namespace, "a")

    asyncio.run(main())


def test_apiserver_that_stands_still(cluster: Cluster) -> None:
    async def main() -> None:
        async with cluster.client() as client:
            await client.request("GET", "/api")
            began = time.monotonic()
            with cluster.suspended("kube-apiserver"), pytest.raises(errors.Timeout):
                await client.request("GET", "/api", timeout=1)
            assert time.monotonic() - began < 20
            await client.request("GET", "/api")

    asyncio.run(main())
