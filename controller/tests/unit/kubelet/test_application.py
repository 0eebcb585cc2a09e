# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import gzip
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import uvloop
from authority import Authority
from fake_clock import FakeClock
from kubelet_objects import RESOURCE_PATH, FakeReviews, Object, metric, node, pod, scrapes, usage
from prometheus_client.parser import text_string_to_metric_families

from kwok_controller.kubelet.application import Kubelets
from kwok_controller.kubelet.authentication import Authenticator
from kwok_controller.kubelet.authorization import Authorizer, Guard
from kwok_controller.kubelet.scrapes import Scrapes
from kwok_controller.server.asgi import Receive, Scope, Send, respond
from kwok_controller.server.health import ping
from kwok_controller.server.http import Server
from kwok_controller.server.listener import Certificate, CertificateError
from kwok_controller.simulation.clock import SystemClock

SHARED = ("192.0.2.1", 10250)
ALONE = ("192.0.2.2", 10250)
ELSEWHERE = ("127.0.0.1", 10250)
BY_PATH = "/metrics/nodes/n1/metrics/resource"


class Answer:
    """What was answered."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, f"behind {scope['path']}".encode())


def world(*objects: Object) -> Scrapes:
    """Two nodes with one address, and one with its own, which has three pods."""
    return scrapes(
        FakeClock(),
        *(objects or (metric(), usage())),
        nodes=(node("n1"), node("n0"), node("own", ip=ALONE[0])),
        pods=(pod("a", "own", "app", "side"), pod("b", "own"), pod("over", "own", phase="Succeeded"), pod("c", "n1")),
    )


def ask(what: Scrapes | Kubelets, path: str, server: tuple[str, int] | None = ELSEWHERE, *, method: str = "GET", **headers: str) -> Answer:
    """What is answered to somebody, whom nobody keeps from asking unless a guard is there."""
    application = what if isinstance(what, Kubelets) else Kubelets(what, behind, guard=None, ready=lambda: True)
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        raise AssertionError("nothing is to be received")

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "scheme": "https",
        "server": server,
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in {"host": "sim:10247", **headers}.items()],
    }
    asyncio.run(application(scope, receive, send))
    start, body = sent
    return Answer(start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body["body"])


def test_a_node_is_scraped_by_path() -> None:
    answer = ask(world(), BY_PATH)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text == "# TYPE node_memory_working_set_bytes gauge\nnode_memory_working_set_bytes 6.7108864e+07\n"
    assert ask(world(), BY_PATH, SHARED).body == answer.body
    answer = ask(world(), BY_PATH, accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.1")
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.text.endswith("# EOF\n")


def test_a_node_that_is_not_there_is_not_found() -> None:
    answer = ask(world(), "/metrics/nodes/n9/metrics/resource")
    assert (answer.status, answer.text) == (404, "There is no node n9 here.")
    made = world(metric("n1", path="/metrics/one"), metric("other", path="/metrics/other"))
    assert ask(made, "/metrics/one").status == 200
    answer = ask(made, "/metrics/other")
    assert answer.status == 404
    assert "of its own name" in answer.text


def test_a_node_with_its_own_address_is_asked_there_as_a_kubelet() -> None:
    cadvisor = metric("cadvisor", {"name": "c", "kind": "gauge", "value": "2"}, path="/metrics/nodes/{nodeName}/metrics/cadvisor")
    made = world(metric(), cadvisor, usage())
    assert "node_memory_working_set_bytes 2.01326592e+08\n" in ask(made, "/metrics/resource", ALONE).text
    assert ask(made, "/metrics/cadvisor", ALONE).text == "# TYPE c gauge\nc 2\n"
    answer = ask(made, "/metrics/probes", ALONE)
    assert (answer.status, answer.text.partition(":")[0]) == (404, "No Metric has the path /metrics/nodes/{nodeName}/metrics/probes")
    # The controller's own, as long as no Metric is there for that of the node.
    assert ask(made, "/metrics", ALONE).text == "behind /metrics"
    own = metric("own", {"name": "o", "kind": "gauge", "value": "3"}, path="/metrics/nodes/{nodeName}/metrics")
    assert ask(world(own), "/metrics", ALONE).text.endswith("o 3\n")
    assert ask(world(own), "/metrics", SHARED).text == "behind /metrics"
    assert ask(world(own), "/metrics", None).text == "behind /metrics"


def test_at_the_address_that_nodes_are_given_the_metrics_are_the_controllers_however_many_nodes_there_are() -> None:
    own = metric("own", {"name": "o", "kind": "gauge", "value": "3"}, path="/metrics/nodes/{nodeName}/metrics")
    made = Kubelets(world(own), behind, guard=None, ready=lambda: True, shared_ip=f"::ffff:{ALONE[0]}")
    assert ask(made, "/metrics", ALONE).text == "behind /metrics"
    assert ask(made, "/metrics/nodes/own/metrics", ALONE).text.endswith("o 3\n")
    assert ask(made, "/pods", ALONE).status == 200


@pytest.mark.parametrize("path", ["/metrics/resource", "/metrics/cadvisor", "/metrics/probes", "/stats/summary", "/pods", "/configz"])
def test_where_several_nodes_have_one_address_it_is_said_what_to_do(path: str) -> None:
    answer = ask(world(), path, SHARED)
    assert answer.status == 421
    assert answer.text.startswith("2 nodes have this address, such as n1, and ")
    assert RESOURCE_PATH in answer.text
    assert "InternalIP of its own" in answer.text
    answer = ask(world(usage()), path, ELSEWHERE)
    assert answer.status == 404
    assert "there are no such Metrics yet" in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/livez/ping", "/metrics", "/nothing"])
def test_everything_else_is_for_who_is_behind(path: str) -> None:
    for server in (ELSEWHERE, SHARED, ALONE):
        assert ask(world(), path, server).text == f"behind {path}"


def test_pods_are_those_of_the_node() -> None:
    answer = ask(world(), "/pods", ALONE)
    found = orjson.loads(answer.body)
    assert (found["kind"], found["apiVersion"]) == ("PodList", "v1")
    assert [item["metadata"]["name"] for item in found["items"]] == ["a", "b", "over"]
    assert answer.headers["content-type"] == "application/json"
    assert orjson.loads(ask(scrapes(FakeClock(), nodes=(node("own", ip=ALONE[0]),)), "/pods", ALONE).body)["items"] == []


@pytest.mark.parametrize("path", ["/stats/summary", "/pods", "/configz"])
def test_what_has_no_metric_is_asked_for_by_the_nodes_name_everywhere(path: str) -> None:
    made = world()
    for server in (ELSEWHERE, SHARED, ALONE, None):
        assert ask(made, f"/nodes/own{path}", server).body == ask(made, path, ALONE).body
    answer = ask(made, f"/nodes/none{path}")
    assert (answer.status, answer.text) == (404, "There is no node none here.")
    for other in (f"/nodes/own{path}/", "/nodes/own", "/nodes/own/metrics/resource", f"/nodes{path}"):
        assert ask(made, other).text == f"behind {other}"


def test_the_configuration_says_what_the_node_says() -> None:
    found = orjson.loads(ask(world(), "/configz", ALONE).body)["kubeletconfig"]
    assert (found["kind"], found["port"], found["maxPods"], found["podCIDR"]) == ("KubeletConfiguration", 10250, 30, "10.1.0.0/24")
    assert found["authentication"]["anonymous"] == {"enabled": True}


def test_the_summary_adds_containers_up_to_pods_and_these_to_the_node() -> None:
    found = orjson.loads(ask(world(), "/stats/summary", ALONE).body)
    of_node = found["node"]
    assert of_node["nodeName"] == "own"
    assert of_node["memory"]["workingSetBytes"] == 3 * 64 * 2**20
    assert of_node["memory"]["availableBytes"] == 2**30 - 3 * 64 * 2**20
    assert of_node["cpu"] == {"time": "2023-11-14T22:13:20Z", "usageNanoCores": 750_000_000, "usageCoreNanoSeconds": 0}
    first, second = found["pods"]
    assert first["podRef"] == {"name": "a", "namespace": "default", "uid": "uid-a"}
    assert [each["name"] for each in first["containers"]] == ["app", "side"]
    assert first["cpu"]["usageNanoCores"] == sum(each["cpu"]["usageNanoCores"] for each in first["containers"]) == 500_000_000
    assert second["memory"]["workingSetBytes"] == 64 * 2**20
    assert second["containers"][0]["startTime"] == second["startTime"] == "2023-11-14T22:13:20Z"


def test_numbers_of_the_summary_that_are_too_large_are_the_largest_there_are() -> None:
    clock = FakeClock()
    most = 2**64 - 1
    much = usage(cpu='Constant("1M")', memory="9000000000000000000.0")
    big = node("own", ip=ALONE[0])
    big["status"]["capacity"]["memory"] = "9E"
    made = scrapes(clock, much, nodes=(big,), pods=(pod("a", "own", "app", "side", "more"),))
    assert orjson.loads(ask(made, "/stats/summary", ALONE).body)["node"]["cpu"]["usageCoreNanoSeconds"] == 0
    clock.step_wall(10 * 3600)
    found = orjson.loads(ask(made, "/stats/summary", ALONE).body)
    for each in (found["node"], found["pods"][0]):
        assert each["cpu"]["usageNanoCores"] == 3 * 10**15
        assert each["cpu"]["usageCoreNanoSeconds"] == most
        assert each["memory"]["usageBytes"] == each["memory"]["workingSetBytes"] == most
    assert found["node"]["memory"]["availableBytes"] == 0
    assert found["pods"][0]["containers"][0]["cpu"]["usageCoreNanoSeconds"] == most


def test_all_of_a_scrape_is_of_one_moment_and_counters_go_on() -> None:
    clock = FakeClock()
    metrics = metric(
        "m",
        {"name": "cpu_total", "kind": "counter", "value": 'node.CumulativeUsage("cpu")'},
        {"name": "now", "kind": "gauge", "value": "UnixSecond(Now())"},
        {"name": "started_total", "kind": "counter", "value": "node.StartedContainersTotal()"},
    )
    made = scrapes(clock, metrics, usage(), nodes=(node("n1"),), pods=(pod("a"), pod("b")))

    def values() -> dict[str, float]:
        families = text_string_to_metric_families(ask(made, BY_PATH).text)
        return {sample.name: sample.value for family in families for sample in family.samples}

    assert values() == {"cpu_total": 0, "now": 1_700_000_000, "started_total": 2}
    clock.step_wall(100)
    assert values() == {"cpu_total": 50, "now": 1_700_000_100, "started_total": 2}
    made.store.vanished("Pod", ("default", "a"))
    clock.step_wall(100)
    assert values() == {"cpu_total": 75, "now": 1_700_000_200, "started_total": 2}
    made.store.vanished("Node", ("", "n1"))
    made.store.observed("Node", ("", "n1"), node("n1", uid="again"))
    assert values() == {"cpu_total": 50, "now": 1_700_000_200, "started_total": 0}


def test_prometheus_discovers_every_node_and_metric() -> None:
    # Without a node's name in its path, a Metric is for the node of its own name, and there is none for the last.
    made = world(metric(), metric("n1", path="/metrics/one"), metric("nobody", path="/metrics/nobody"))
    answer = ask(made, "/discovery/prometheus")
    assert answer.headers["content-type"] == "application/json"
    of_nodes = [
        {"metrics_name": "resource", "__scheme__": "https", "__metrics_path__": f"/metrics/nodes/{name}/metrics/resource"}
        for name in ("n1", "n0", "own")
    ]
    one = {"metrics_name": "n1", "__scheme__": "https", "__metrics_path__": "/metrics/one"}
    assert orjson.loads(answer.body) == [{"targets": ["sim:10247"], "labels": labels} for labels in (one, *of_nodes)]
    assert ask(scrapes(FakeClock()), "/discovery/prometheus").body == b"[]\n"


@pytest.mark.parametrize(
    ("encoding", "zipped"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("identity", False),
        ("", False),
        ("gzip; q=0.0", False),
        ("*;q=0, gzip", True),
        ("*, gzip;q=0", False),
        ("br, *;q=0", False),
    ],
)
def test_what_is_large_is_gzipped_for_those_who_take_it(encoding: str, zipped: bool) -> None:
    large = metric("m", *({"name": f"metric_{number}", "help": "x" * 50, "kind": "gauge", "value": "1"} for number in range(20)))
    answer = ask(world(large), BY_PATH, accept_encoding=encoding)
    assert (answer.headers.get("content-encoding") == "gzip") == zipped
    body = gzip.decompress(answer.body) if zipped else answer.body
    assert body == ask(world(large), BY_PATH).body
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert "content-encoding" not in ask(world(), BY_PATH, accept_encoding=encoding).headers


@pytest.mark.parametrize(
    ("path", "server"), [(BY_PATH, ELSEWHERE), ("/pods", ALONE), ("/discovery/prometheus", ELSEWHERE), ("/pods", SHARED)]
)
def test_only_reading_is_allowed(path: str, server: tuple[str, int]) -> None:
    answer = ask(world(), path, server, method="POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_before_all_is_known_nothing_is_said() -> None:
    ready = False
    application = Kubelets(world(), behind, guard=None, ready=lambda: ready)
    answer = ask(application, BY_PATH)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert ask(application, "/healthz").status == 200
    ready = True
    assert ask(application, BY_PATH).status == 200
    ready = False
    assert ask(application, BY_PATH).status == 200


@pytest.mark.parametrize(
    ("path", "server", "subresource", "name"),
    [
        (BY_PATH, ELSEWHERE, "metrics", "n1"),
        ("/metrics/resource", ALONE, "metrics", "own"),
        ("/stats/summary", ALONE, "stats", "own"),
        ("/pods", ALONE, "pods", "own"),
        ("/configz", ALONE, "configz", "own"),
        ("/discovery/prometheus", ELSEWHERE, "metrics", ""),
        ("/nodes/n1/stats/summary", ELSEWHERE, "stats", "n1"),
        ("/nodes/n1/pods", ELSEWHERE, "pods", "n1"),
        ("/pods", SHARED, "pods", ""),
    ],
)
def test_who_asks_has_to_be_allowed(path: str, server: tuple[str, int], subresource: str, name: str) -> None:
    clock, reviews = FakeClock(), FakeReviews()
    reviews.users["t"] = {"username": "u"}
    application = Kubelets(
        world(), behind, guard=Guard(Authenticator(reviews.client, clock), Authorizer(reviews.client, clock)), ready=lambda: True
    )
    assert ask(application, path, server).status == 401
    assert ask(application, path, server, authorization="Bearer t").status == 403
    assert ("get", subresource, name) in reviews.names_asked()
    clock.step_wall(1)
    reviews.rules.add(("u", subresource, name))
    fresh = Kubelets(
        world(), behind, guard=Guard(Authenticator(reviews.client, clock), Authorizer(reviews.client, clock)), ready=lambda: True
    )
    assert ask(fresh, path, server, authorization="Bearer t").status in (200, 421)


def test_a_server_knows_its_clients_by_their_certificates(tmp_path: Path) -> None:
    authority, strangers = Authority(), Authority()
    for name, pair in (
        ("server", authority.issue("127.0.0.1")),
        ("client", authority.issue("somebody")),
        ("stranger", strangers.issue("somebody")),
    ):
        (tmp_path / f"{name}.crt").write_bytes(pair.certificate)
        (tmp_path / f"{name}.key").write_bytes(pair.key)
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    clock, reviews = SystemClock(), FakeReviews()
    reviews.rules.add(("somebody", "metrics", ""))

    def trusting(client: str = "") -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
        if client:
            context.load_cert_chain(tmp_path / f"{client}.crt", tmp_path / f"{client}.key")
        return context

    async def main() -> None:
        server = Server.with_files(
            "127.0.0.1:0",
            live={"ping": ping},
            ready={"ping": ping},
            exposition=lambda accept: (b"", "text/plain"),
            certificate_file=str(tmp_path / "server.crt"),
            key_file=str(tmp_path / "server.key"),
            client_ca_file=str(tmp_path / "ca.crt"),
        )
        guard = Guard(Authenticator(reviews.client, clock), Authorizer(reviews.client, clock))
        server.application = Kubelets(world(), server.routes, guard=guard, ready=lambda: True)
        await server.start()
        url = f"https://127.0.0.1:{server.port}"
        try:
            for _ in range(2):
                async with aiohttp.ClientSession() as session, session.get(f"{url}{BY_PATH}", ssl=trusting("client")) as response:
                    assert (response.status, response.headers["vary"]) == (200, "accept, accept-encoding")
            async with aiohttp.ClientSession() as session, session.get(f"{url}{BY_PATH}", ssl=trusting()) as response:
                assert response.status == 401
            async with aiohttp.ClientSession() as session, session.get(f"{url}/healthz", ssl=trusting()) as response:
                assert response.status == 200
            with pytest.raises(aiohttp.ClientError):
                async with aiohttp.ClientSession() as session, session.get(f"{url}/healthz", ssl=trusting("stranger")) as response:
                    await response.read()
        finally:
            await server.stop()

    for run in (asyncio.run, uvloop.run):
        run(main())


def test_what_is_no_authority_of_clients_is_refused(tmp_path: Path) -> None:
    pair = Authority().issue("127.0.0.1")
    for name, content in (("server.crt", pair.certificate), ("server.key", pair.key), ("bad", b"nothing")):
        (tmp_path / name).write_bytes(content)
    for name in ("bad", "missing"):
        with pytest.raises(CertificateError, match=f"{name} has no certificates of an authority for clients: "):
            Certificate(tmp_path / "server.crt", tmp_path / "server.key", client_ca=tmp_path / name)
