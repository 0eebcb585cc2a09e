# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Acting as a ServiceAccount, against a real apiserver."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from sim_cluster import Cluster

from kwok_controller.kube import connection
from kwok_controller.kube.client import Client
from kwok_controller.kube.errors import ConnectionConfigError, Unreachable
from kwok_controller.kube.resources import Resource
from kwok_controller.kube.service_account import LIFETIME_S, RENEW_FRACTION, acting_as

REVIEWS = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", False)
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
OPTION = "--service-account"


async def whoami(client: Client) -> str:
    answer: dict[str, Any] = json.loads(await client.create(REVIEWS, None, REVIEW))
    name: str = answer["status"]["userInfo"]["username"]
    return name


def test_requests_are_those_of_the_account_and_tokens_are_replaced_in_time(cluster: Cluster, namespace: str) -> None:
    config = acting_as(connection.load(cluster.kubeconfig), f"{namespace}/default", OPTION)

    async def scenario() -> None:
        async with Client(config) as client:
            assert await whoami(client) == f"system:serviceaccount:{namespace}:default"
            credentials = config.credentials
            first, due = credentials.authorization, credentials.renew_at - time.monotonic()
            # The apiserver may make a token last longer than was asked for, never shorter.
            assert due > LIFETIME_S * RENEW_FRACTION - 60
            credentials.renew_at = time.monotonic()
            assert await whoami(client) == f"system:serviceaccount:{namespace}:default"
            assert credentials.authorization != first
            assert credentials.certificate is None
            assert str(first).removeprefix("Bearer ") not in repr(config)

    asyncio.run(scenario())


def test_a_token_that_is_refused_is_replaced(cluster: Cluster, namespace: str) -> None:
    config = acting_as(connection.load(cluster.kubeconfig), f"{namespace}/default", OPTION)

    async def scenario() -> None:
        async with Client(config) as client:
            # As after the account was deleted and made again: its tokens are refused from then on.
            cluster.kubectl("delete", "serviceaccount", "default", "--namespace", namespace)
            cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--namespace", namespace, "--timeout=60s")
            assert await whoami(client) == f"system:serviceaccount:{namespace}:default"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("account", "problem"),
    [
        ("{namespace}/missing", r"--service-account: there is no ServiceAccount \S+/missing\. Create it, or name another one"),
        ("default", r"--service-account: 'default' is no ServiceAccount\. Give NAMESPACE/NAME"),
        ("a/../b", r"--service-account: 'a/\.\./b' is no ServiceAccount\. Give NAMESPACE/NAME"),
    ],
)
def test_an_account_that_is_none_is_an_error(cluster: Cluster, namespace: str, account: str, problem: str) -> None:
    async def scenario() -> None:
        async with Client(acting_as(connection.load(cluster.kubeconfig), account.format(namespace=namespace), OPTION)):
            pass

    with pytest.raises(ConnectionConfigError, match=problem):
        asyncio.run(scenario())


def test_who_may_not_create_tokens_is_told_so(cluster: Cluster, namespace: str) -> None:
    token = cluster.kubectl("create", "token", "default", "--namespace", namespace).strip()
    stranger = cluster.kubeconfig_of(f"stranger-{namespace}", {"token": token})

    async def scenario() -> None:
        async with Client(acting_as(connection.load(stranger), f"{namespace}/default", OPTION)):
            pass

    with pytest.raises(ConnectionConfigError, match="Grant create on serviceaccounts/token to the kubeconfig's user"):
        asyncio.run(scenario())


def test_an_apiserver_that_is_away_at_the_start_is_asked_again(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    nobody = tmp_path / "kubeconfig.yaml"
    nobody.write_text(cluster.kubeconfig.read_text().replace(cluster.server, "https://127.0.0.1:1"))
    config = acting_as(connection.load(nobody), f"{namespace}/default", OPTION)

    async def scenario() -> None:
        async with Client(config) as client:
            with pytest.raises(Unreachable):
                await whoami(client)

    asyncio.run(scenario())
