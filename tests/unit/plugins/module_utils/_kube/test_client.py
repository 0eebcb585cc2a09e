# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests to an apiserver, over real connections."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._kube import client as client_module
from ansible_collections.kwok.sim.plugins.module_utils._kube.access import Access
from ansible_collections.kwok.sim.plugins.module_utils._kube.client import ApiError, Client, open_client
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._kube.apiserver import Apiserver, write_kubeconfig

NODES = "/api/v1/nodes"


def node(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


def test_create_and_read(cluster: Apiserver, client: Client) -> None:
    made = client.request("POST", NODES, body=node("a"))
    assert client.request("GET", f"{NODES}/a") == made


def test_a_refusal_has_the_servers_words(client: Client) -> None:
    with pytest.raises(ApiError) as caught:
        client.request("GET", f"{NODES}/a")
    assert (caught.value.status, caught.value.reason, caught.value.message) == (404, "NotFound", f"{NODES}/a not found")
    error = caught.value.as_sim_error("reading", "groups", "Try something else")
    assert str(error) == f"groups: reading: the apiserver refuses: {NODES}/a not found. Try something else."


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_what_fails_for_the_time_being_is_tried_again(cluster: Apiserver, client: Client, status: int) -> None:
    cluster.faults = [("POST", status, {}), ("POST", status, {"Retry-After": "0"})]
    client.request("POST", NODES, body=node("a"))
    assert cluster.count("POST") == 3


def test_a_broken_connection_is_tried_again(cluster: Apiserver, client: Client) -> None:
    client.request("POST", NODES, body=node("a"))
    cluster.faults = [("GET", None, {})]
    assert client.request("GET", f"{NODES}/a")["metadata"]["name"] == "a"


def test_retries_end(cluster: Apiserver, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RETRY_S", 0.2)
    cluster.faults = [("", 503, {})] * 50
    with pytest.raises(ApiError, match="in trouble") as caught:
        client.request("GET", NODES)
    assert caught.value.status == 503
    assert cluster.count("GET") < 10
    cluster.faults = [("", 429, {"Retry-After": "60"})]
    with pytest.raises(ApiError):
        client.request("GET", NODES)


def test_other_refusals_are_final(cluster: Apiserver, client: Client) -> None:
    cluster.faults = [("", 403, {})]
    with pytest.raises(ApiError, match=r"in trouble$"):
        client.request("GET", NODES)
    assert cluster.count("GET") == 1


def test_where_nobody_answers_it_fails_at_once(tmp_path: Path) -> None:
    with open_client(write_kubeconfig(tmp_path / "config", 9)) as client, pytest.raises(ApiError) as caught:
        client.request("GET", NODES)
    assert caught.value.status == 0
    assert "cannot be reached" in str(caught.value.as_sim_error("reading"))


def test_a_path_and_a_token(cluster: Apiserver) -> None:
    client = Client(Access(f"http://127.0.0.1:{cluster.server_address[1]}/api", token="Bearer t"), 1)
    assert client.request("GET", "/v1")["resources"]
    assert cluster.requests == [("GET", "/api/v1")]


def test_a_list_in_pages(cluster: Apiserver, client: Client) -> None:
    for index in range(5):
        cluster.put(f"{NODES}/n{index}", node(f"n{index}", even=str(index % 2 == 0)))
    items, version = client.list(NODES, page=2)
    assert [item["metadata"]["name"] for item in items] == ["n0", "n1", "n2", "n3", "n4"]
    assert version == str(cluster.version)
    assert cluster.count("GET") == 3
    items, _version = client.list(NODES, label_selector="even=True")
    assert len(items) == 3
    items, _version = client.list(NODES, metadata_only=True)
    assert set(items[0]) == {"metadata"}


def test_a_list_whose_pages_have_expired_begins_anew(cluster: Apiserver, client: Client) -> None:
    for index in range(3):
        cluster.put(f"{NODES}/n{index}", node(f"n{index}"))
    answered: list[str] = []
    request = client.request

    def expire_once(method: str, path: str, **options: Any) -> dict[str, Any]:
        if "continue" in options["query"] and not answered:
            answered.append("410")
            raise ApiError(410, "Expired", "too old")
        return request(method, path, **options)

    client.request = expire_once  # type: ignore[method-assign]
    assert len(client.list(NODES, page=2)[0]) == 3
    assert answered == ["410"]


def test_a_watch(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{NODES}/old", node("old"))
    _items, version = client.list(NODES)
    events = client.watch(NODES, resource_version=version, label_selector="team=a", timeout_s=30)
    assert next(events)["type"] == "BOOKMARK"

    def change() -> None:
        cluster.put(f"{NODES}/a", node("a", team="a"))
        cluster.put(f"{NODES}/b", node("b", team="b"))
        cluster.remove(f"{NODES}/a")

    thread = threading.Thread(target=change)
    thread.start()
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in (next(events), next(events))] == [
        ("ADDED", "a"),
        ("DELETED", "a"),
    ]
    events.close()
    thread.join()
    # The connection of a watch that was left is not used again.
    assert client.request("GET", f"{NODES}/old")


def test_a_watch_ends_by_itself(client: Client) -> None:
    assert [event["type"] for event in client.watch(NODES, resource_version="100", label_selector=None, timeout_s=1)] == ["BOOKMARK"]


def test_a_watch_from_a_forgotten_version(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{NODES}/a", node("a"))
    cluster.forget()
    with pytest.raises(ApiError) as caught:
        list(client.watch(NODES, resource_version="100", label_selector=None, timeout_s=1))
    assert caught.value.status == 410


def test_requests_at_the_same_time_share_connections(cluster: Apiserver, client: Client) -> None:
    def work(number: int) -> None:
        for index in range(10):
            client.request("POST", NODES, body=node(f"n{number}-{index}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cluster.stored) == 80
    assert client._pool.num_connections <= 8
