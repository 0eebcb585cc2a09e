# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Objects at the edge of what a real control plane takes, and objects that come and go faster than they are played."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import orjson
import pytest
from sim_cluster import Cluster
from simulated import (
    FAST,
    LABEL,
    Object,
    create_all,
    eventually,
    gone,
    is_ready,
    is_running,
    node,
    pod,
    running_scenarios,
    simulation,
    stage,
    status,
    until,
)

from kwok_controller.kube.client import Client
from kwok_controller.kube.errors import NotFound
from kwok_controller.kube.resources import EVENTS, LEASES, NODES, PODS, Resource
from kwok_controller.stages import sets

Scenario = Callable[[Client], Coroutine[Any, Any, None]]

GADGETS: Final = Resource("edge.example.com", "v1", "gadgets", "Gadget", True)
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap", True)
GADGET: Final = ("edge.example.com/v1", "Gadget")
MERGE: Final = "application/merge-patch+json"
LEASES_IN: Final = "kube-node-lease"

ANNOTATIONS: Final = 256 * 1024
"""Bytes of all annotations of an object: `TotalAnnotationSizeLimitB` of k8s.io/apimachinery (`pkg/api/validation/objectmeta.go`).
What is larger, 1 MiB, stands in a spec."""

NAME: Final = 253
"""Characters of a name: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names."""

UNICODE: Final = {
    "latin": "Grüße, e\u0301\u0130\u00df",
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u202eabc\u202c",
    "astral": "\U0001f469\u200d\U0001f680\U00010348",
    "controls": "\x01\t\n\r\x1f\u2028\u2029\ufeff\u200b",
    "marks": "'\"\\ {{ .x }} {% %} `$(x)` &a *b !c #d %e @f - : ? | > [ ] { }, \\u0041 <script>",
    "yaml": "~\nyes\n0o17\n---\n...\n? x\n: y\n",
    "long": "\u6f22" * 1000,
}
"""What an annotation, an environment variable or a key may hold."""


@pytest.fixture
def run(cluster: Cluster, namespace: str, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[Scenario], None]]:
    """Runs a scenario; its pods and nodes are gone afterwards, and nothing in it was a fault of ours."""
    caplog.set_level(logging.WARNING, "kwok_controller")

    with running_scenarios(cluster, namespace) as play:
        yield play
    faults = [
        record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR or "internal error" in record.getMessage()
    ]
    assert not faults


@pytest.fixture(scope="module")
def gadgets(cluster: Cluster) -> Iterator[None]:
    """A kind that takes anything."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": free},
        "subresources": {"status": {}},
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.edge.example.com"},
        "spec": {
            "group": GADGETS.group,
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget"},
            "versions": [version],
        },
    }
    cluster.kubectl("apply", "-f", "-", stdin=orjson.dumps(definition).decode())
    cluster.kubectl("wait", "--for=condition=Established", "crd", "gadgets.edge.example.com", "--timeout=60s")
    yield
    cluster.kubectl("delete", "crd", "gadgets.edge.example.com", "--wait=false")


def gadget(name: str, **more: Any) -> Object:
    return {"apiVersion": "edge.example.com/v1", "kind": "Gadget", "metadata": {"name": name}, **more}


def phase(each: Object) -> str:
    return str((each.get("status") or {}).get("phase") or "")


def is_up(each: Object) -> bool:
    return phase(each) == "Up"


GADGET_UP: Final = stage("gadget-up", GADGET, {".status.phase": None}, status("phase: Up"))


def shipped(*names: str) -> list[Object]:
    return [document.obj for name in names for document in sets.documents(name)]


def named(obj: Object, name: str, **annotations: str) -> Object:
    obj["metadata"] |= {"name": name, "annotations": annotations}
    return obj


async def when(client: Client, resource: Resource, namespace: str | None, name: str, condition: Callable[[Object], bool]) -> Object:
    """The object, as soon as it is like this."""
    async with asyncio.timeout(30):
        while True:
            try:
                found = await client.get(resource, namespace, name)
            except NotFound:
                found = {}
            if found and condition(found):
                return found
            await asyncio.sleep(0.05)


def test_objects_as_large_as_an_apiserver_takes_them_are_played(
    run: Callable[[Scenario], None], gadgets: None, cluster: Cluster, namespace: str
) -> None:
    note = "\u00e9" * ((ANNOTATIONS - len("note")) // 2)
    copied = stage("map-noted", ("v1", "ConfigMap"), {".data.large": "", ".data.size": None})
    copied["spec"]["steps"] = [{"patch": {"root": "data", "template": "size: {{ len .data.large | Quote }}"}}]

    async def scenario(client: Client) -> None:
        async with simulation(client, namespace, [*FAST, GADGET_UP, copied]):
            await client.create(NODES, None, named(node(namespace, 0), f"{namespace}-0000", note=note) | {})
            await client.patch(NODES, None, f"{namespace}-0000", {"metadata": {"labels": {LABEL: namespace}}}, MERGE)
            await client.create(PODS, namespace, named(pod(namespace, 0, 1), "large", note=note))
            await client.create(GADGETS, namespace, gadget("large", spec={"large": "x" * (1 << 20), "deep": [["y" * (1 << 18)]]}))
            await client.create(CONFIG_MAPS, namespace, {"metadata": {"name": "large"}, "data": {"large": "x" * 1_000_000}})
            # etcd takes 1.5 MiB in a request: this one has no room left for its status.
            full = gadget("full", spec={"large": ""})
            await client.create(GADGETS, namespace, full)
            await when(client, GADGETS, namespace, "full", is_up)
            await when(client, NODES, None, f"{namespace}-0000", is_ready)
            found = await when(client, PODS, namespace, "large", is_running)
            assert found["metadata"]["annotations"]["note"] == note
            found = await when(client, GADGETS, namespace, "large", is_up)
            assert len(found["spec"]["large"]) == 1 << 20
            found = await when(client, CONFIG_MAPS, namespace, "large", lambda each: "size" in each["data"])
            assert found["data"]["size"] == "1000000"

    run(scenario)


def test_an_object_that_has_no_room_for_its_status_stands_in_no_others_way(
    run: Callable[[Scenario], None], gadgets: None, namespace: str
) -> None:
    longer = stage("gadget-longer", GADGET, {".status.phase": None}, status("phase: Up\nlarge: {{ .spec.large | Quote }}"))

    async def scenario(client: Client) -> None:
        async with simulation(client, namespace, [longer]):
            await client.create(GADGETS, namespace, gadget("full", spec={"large": "x" * 900_000}))
            await asyncio.sleep(0.5)
            await create_all(client, GADGETS, namespace, (gadget(f"g-{number}", spec={"large": "x"}) for number in range(50)))
            await until(client, GADGETS, is_up, 50, namespace=namespace, timeout_s=30)
            assert phase(await client.get(GADGETS, namespace, "full")) == ""
            await client.patch(GADGETS, namespace, "full", {"spec": {"large": "less"}}, MERGE)
            assert (await when(client, GADGETS, namespace, "full", is_up))["status"]["large"] == "less"

    run(scenario)


def test_names_as_long_as_they_may_be_get_leases_addresses_and_events(run: Callable[[Scenario], None], namespace: str) -> None:
    name = f"{namespace}-{'n' * NAME}"[:NAME]
    quick = {f"pod-{each}.stage.kwok.x-k8s.io/delay": "0s" for each in ("create", "ready")}

    async def scenario(client: Client) -> None:
        async with simulation(client, namespace, shipped("node-fast", "pod-general")):
            await client.create(NODES, None, named(node(namespace, 0), name))
            await when(client, NODES, None, name, is_ready)
            lease = await client.get(LEASES, LEASES_IN, name)
            assert lease["spec"]["holderIdentity"]
            long = named(pod(namespace, 0, 1, nodeName=name, terminationGracePeriodSeconds=1), "p" * NAME, **quick)
            await client.create(PODS, namespace, long)
            found = await when(client, PODS, namespace, "p" * NAME, is_running)
            assert found["status"]["podIP"]
            async with asyncio.timeout(20):
                while {"Created", "Started"} - {each["reason"] async for each in client.list(EVENTS, namespace)}:
                    await asyncio.sleep(0.1)
            await client.delete(PODS, namespace, "p" * NAME)
            await gone(client, PODS, namespace, timeout_s=30)
            await client.delete(NODES, None, name)
            with pytest.raises(NotFound):
                async with asyncio.timeout(30):
                    while await client.get(LEASES, LEASES_IN, name):
                        await asyncio.sleep(0.1)

    run(scenario)


@pytest.mark.parametrize("pods", ["pod-fast", "pod-general"])
def test_pods_of_a_thousand_containers_run(run: Callable[[Scenario], None], namespace: str, pods: str) -> None:
    count = 1000
    quick = {f"pod-{each}.stage.kwok.x-k8s.io/delay": "0s" for each in ("create", "ready")}
    containers = [{"name": f"c-{number}", "image": "registry.example.com/c"} for number in range(count)]

    async def scenario(client: Client) -> None:
        async with simulation(client, namespace, shipped("node-fast", pods)):
            await create_all(client, NODES, None, [node(namespace, 0)])
            await client.create(PODS, namespace, named(pod(namespace, 0, 1, containers=containers), "many", **quick))
            found = await when(client, PODS, namespace, "many", is_running)
            statuses = found["status"]["containerStatuses"]
            assert [each["name"] for each in statuses] == [each["name"] for each in containers]
            assert all(each["ready"] and each["state"]["running"] for each in statuses)
            await client.delete(PODS, namespace, "many", grace_period_s=1)
            await gone(client, PODS, namespace, timeout_s=30)

    run(scenario)


def test_thousands_of_conditions_are_kept_by_merges_of_each_kind(run: Callable[[Scenario], None], gadgets: None, namespace: str) -> None:
    count = 2000
    conditions = [{"type": f"example.com/c-{number}", "status": "Unknown", "reason": "R", "message": "m"} for number in range(count)]
    when_new: dict[str, str | None] = {".status.phase": "New"}
    merge = stage(
        "gadget-merge", GADGET, when_new, status("phase: Up\nconditions: {{ append .status.conditions (dict `type` `Up`) | toJson }}")
    )
    more = {"op": "add", "path": "/status/conditions/-", "value": {"type": "More"}}
    added = orjson.dumps([more, {"op": "add", "path": "/status/phase", "value": "Done"}]).decode()
    operations = stage(
        "gadget-json", GADGET, {".status.phase": "Up"}, {"patch": {"subresource": "status", "type": "json", "template": added}}
    )

    async def scenario(client: Client) -> None:
        # Written before anybody plays them.
        await client.create(NODES, None, node(namespace, 0))
        name = f"{namespace}-0000"
        await client.patch(NODES, None, name, {"status": {"conditions": conditions}}, MERGE, subresource="status")
        await client.create(GADGETS, namespace, gadget("many"))
        new = {"status": {"phase": "New", "conditions": conditions}}
        await client.patch(GADGETS, namespace, "many", new, MERGE, subresource="status")
        async with simulation(client, namespace, [*FAST, merge, operations]):
            found = await when(client, NODES, None, name, is_ready)
            types = [each["type"] for each in found["status"]["conditions"]]
            assert len(types) == len(set(types)) == count + 5
            found = await when(client, GADGETS, namespace, "many", lambda each: phase(each) == "Done")
            assert [each["type"] for each in found["status"]["conditions"]] == [*(each["type"] for each in conditions), "Up", "More"]

    run(scenario)


def test_objects_nested_as_deeply_as_an_apiserver_takes_them_stand_in_no_others_way(
    run: Callable[[Scenario], None], gadgets: None, namespace: str
) -> None:
    def nested(levels: int) -> str:
        return "[" * levels + "1" + "]" * levels

    async def scenario(client: Client) -> None:
        async with simulation(client, namespace, [GADGET_UP]):
            for levels in (90, 240, 300, 900):
                body = (
                    f'{{"apiVersion":"edge.example.com/v1","kind":"Gadget","metadata":{{"name":"deep-{levels}"}},"spec":{nested(levels)}}}'
                )
                await client.create(GADGETS, namespace, body.encode())
            await client.create(GADGETS, namespace, gadget("plain"))
            await when(client, GADGETS, namespace, "plain", is_up)
            await until(client, GADGETS, is_up, 5, namespace=namespace, timeout_s=20)

    run(scenario)


def test_a_patch_that_takes_the_metadata_away_is_refused_by_the_apiserver_and_stands_in_no_others_way(
    run: Callable[[Scenario], None], gadgets: None, namespace: str
) -> None:
    wrong = stage("gadget-wrong", GADGET, {".spec.wrong": ""}, status("{metadata: null, status: {phase: Wrong}}", root=""))
    right = stage("gadget-right", GADGET, {".spec.wrong": None, ".status.phase": None}, status("phase: Up"))

    async def scenario(client: Client) -> None:
        async with simulation(client, namespace, [wrong, right]):
            await client.create(GADGETS, namespace, gadget("wrong", spec={"wrong": "yes"}))
            await asyncio.sleep(0.5)
            await create_all(client, GADGETS, namespace, (gadget(f"g-{number}") for number in range(10)))
            await until(client, GADGETS, is_up, 10, namespace=namespace, timeout_s=20)
            assert (await client.get(GADGETS, namespace, "wrong"))["metadata"]["name"] == "wrong"

    run(scenario)


def test_unicode_comes_through_wherever_it_is_allowed(run: Callable[[Scenario], None], gadgets: None, namespace: str) -> None:
    quoted = "phase: Up\nnotes: {{ .metadata.annotations.all | Quote }}\nkeys: {{ .spec | toJson }}\nyaml: {{ YAML .spec 1 }}"
    copied = stage("gadget-copied", GADGET, {".status.phase": None}, status(quoted))
    environment = stage("pod-told", ("v1", "Pod"), {".status.phase": "Running", '.metadata.annotations["env"]': None})
    told = "annotations: {env: {{ (index (index .spec.containers 0).env 0).value | Quote }}}"
    environment["spec"]["steps"] = [{"patch": {"root": "metadata", "template": told}}]
    everything = "".join(UNICODE.values())
    spec = {f"{key} {text[:60]}": text for key, text in UNICODE.items()}

    async def scenario(client: Client) -> None:
        async with simulation(client, namespace, [*FAST, copied, environment]):
            # JSON has these as they are, and YAML has no such characters: a template that quotes them fails here as in the Go kwok.
            await client.create(GADGETS, namespace, named(gadget("no-yaml", spec={}), "no-yaml", all="\x7f\x85\ufffe\uffff"))
            await create_all(client, NODES, None, [node(namespace, 0)])
            containers = [{"name": "c", "image": "c", "env": [{"name": "ALL", "value": everything}]}]
            await client.create(PODS, namespace, pod(namespace, 0, 1, containers=containers))
            await client.create(GADGETS, namespace, named(gadget("g", spec=spec), "g", all=everything))
            found = await when(client, GADGETS, namespace, "g", is_up)
            assert found["status"]["notes"] == everything
            assert found["status"]["keys"] == spec
            assert found["status"]["yaml"] == spec
            found = await when(client, PODS, namespace, "p-00000", lambda each: "env" in (each["metadata"].get("annotations") or {}))
            assert found["metadata"]["annotations"]["env"] == everything
            assert phase(await client.get(GADGETS, namespace, "no-yaml")) == ""

    run(scenario)


def _forms(moment: datetime) -> dict[str, str]:
    """A moment in every form that RFC 3339 has and Go reads."""
    base = f"{moment:%Y-%m-%dT%H:%M:%S}"
    digits = f"{moment.microsecond:06d}000"
    forms = {f"fraction-{count}": f"{base}.{digits[:count]}Z" for count in range(1, 10)}
    forms |= {"plain": f"{base}Z", "zero": f"{base}+00:00", "minus-zero": f"{base}-00:00"}
    for name, hours in (("east", 14), ("west", -12), ("half", 5.5), ("odd", -9.75)):
        forms[name] = moment.astimezone(timezone(timedelta(hours=hours))).isoformat(timespec="microseconds")
    return forms


REFUSED: Final = {
    "lower-case": "2999-01-01t00:00:00z",
    "leap-second": "2998-12-31T23:59:60Z",
    "space": "2999-01-01 00:00:00Z",
    "no-zone": "2999-01-01T00:00:00",
    "no-day": "2999-02-30T00:00:00Z",
    "hour-24": "2999-01-01T24:00:00Z",
    "five-digits": "12999-01-01T00:00:00Z",
    "words": "tomorrow",
}
"""What Go's RFC 3339 is not: the stage's own delay counts. Would one of them be read, nothing would happen for centuries."""


def test_times_in_every_form_are_waited_for_and_what_is_none_is_passed_over(
    run: Callable[[Scenario], None], gadgets: None, namespace: str
) -> None:
    timed = stage("gadget-timed", GADGET, {".status.phase": None}, status("phase: Up\nat: {{ Now | Quote }}"))
    source = {"jq": {"expression": ".metadata.annotations.at"}}
    timed["spec"]["delay"] = {"durationMilliseconds": 100, "durationFrom": source, "jitterDurationFrom": source}
    past = {"past": "1970-01-01T00:00:00Z", "ancient": "0001-01-01T00:00:00.000000001+23:59", "duration": "150ms", "negative": "-1h"}
    never = {"never": "2999-01-01T00:00:00.5-00:01", "century": "876000h"}

    async def scenario(client: Client) -> None:
        async with simulation(client, namespace, [timed]):
            moment = datetime.now(UTC) + timedelta(seconds=3)
            future = _forms(moment)
            given = {**future, **REFUSED, **past, **never}
            await create_all(client, GADGETS, namespace, (named(gadget(name), name, at=at) for name, at in given.items()))
            await until(client, GADGETS, is_up, len(given) - len(never), namespace=namespace, timeout_s=20)
            found = {each["metadata"]["name"]: each async for each in client.list(GADGETS, namespace)}
            at = {
                name: datetime.fromisoformat(each["status"]["at"][:26].rstrip("Z") + "+00:00")
                for name, each in found.items()
                if is_up(each)
            }
            assert {name for name in given if name not in at} == set(never)
            for name in future:
                # Fractions are cut off, at most by the second of the plain form.
                assert timedelta(seconds=-1) <= at[name] - moment < timedelta(seconds=2), name
            assert all(at[name] < moment - timedelta(seconds=0.5) for name in (*REFUSED, *past))

    run(scenario)


def test_pods_of_nodes_that_are_deleted_while_they_are_played_wait_for_the_next_node_of_that_name(
    run: Callable[[Scenario], None], namespace: str
) -> None:
    nodes, pods = 6, 120

    async def scenario(client: Client) -> None:
        async with simulation(client, namespace) as manager:
            await create_all(client, NODES, None, (node(namespace, number) for number in range(nodes)))
            await until(client, NODES, is_ready, nodes, label_selector=f"{LABEL}={namespace}")
            doomed = [f"{namespace}-{number:04d}" for number in range(nodes // 2)]

            async def delete() -> None:
                for name in doomed:
                    await client.delete(NODES, None, name)
                    await asyncio.sleep(0.02)

            await asyncio.gather(create_all(client, PODS, namespace, (pod(namespace, number, nodes) for number in range(pods))), delete())
            await until(client, PODS, is_running, pods // 2, namespace=namespace, timeout_s=30)
            await eventually(lambda: not set(doomed) & set(manager.node_names()))
            late = pod(namespace, 0, nodes)
            await client.create(PODS, namespace, named(late, "late"))
            await asyncio.sleep(1)
            assert not is_running(await client.get(PODS, namespace, "late"))
            await create_all(client, NODES, None, (node(namespace, number) for number in range(nodes // 2)))
            await until(client, PODS, is_running, pods + 1, namespace=namespace, timeout_s=30)
            found = [each async for each in client.list(PODS, namespace)]
            assert len({each["status"]["podIP"] for each in found}) == len(found) == pods + 1
            assert len(manager.node_names()) == nodes

    run(scenario)


def test_a_name_that_is_used_again_at_once_is_another_object(run: Callable[[Scenario], None], gadgets: None, namespace: str) -> None:
    times, kept = 15, f"{namespace}-0000"

    async def scenario(client: Client) -> None:
        async def again(resource: Resource, where: str | None, obj: Object, *, pause_s: float) -> str:
            """Deletes and creates it over and over; the last one's UID."""
            uid = ""
            for number in range(times):
                created = orjson.loads(await client.create(resource, where, obj))
                uid = created["metadata"]["uid"]
                if number < times - 1:
                    # Now before it is played, now after.
                    await asyncio.sleep(pause_s * number)
                    await client.delete(resource, where, obj["metadata"]["name"], grace_period_s=0)
            return uid

        async with simulation(client, namespace, [*FAST, GADGET_UP]) as manager:
            await create_all(client, NODES, None, [node(namespace, 0)])
            await when(client, NODES, None, kept, is_ready)
            reused = node(namespace, 1)
            names = [f"p-{number:05d}" for number in range(4)]
            uids = await asyncio.gather(
                again(NODES, None, reused, pause_s=0.01),
                *(again(PODS, namespace, pod(namespace, number, 1), pause_s=0.003 * number) for number in range(len(names))),
                again(GADGETS, namespace, gadget("g"), pause_s=0.004),
            )
            found = await when(client, NODES, None, reused["metadata"]["name"], is_ready)
            assert found["metadata"]["uid"] == uids[0]
            addresses = set()
            for name, uid in zip(names, uids[1:], strict=False):
                found = await when(client, PODS, namespace, name, is_running)
                assert found["metadata"]["uid"] == uid
                addresses.add(found["status"]["podIP"])
            assert len(addresses) == len(names)
            assert (await when(client, GADGETS, namespace, "g", is_up))["metadata"]["uid"] == uids[-1]
            lease = await when(
                client,
                LEASES,
                LEASES_IN,
                reused["metadata"]["name"],
                lambda each: each["metadata"]["ownerReferences"][0]["uid"] == uids[0],
            )
            assert lease["spec"]["holderIdentity"]
            assert sorted(manager.node_names()) == [kept, reused["metadata"]["name"]]

    run(scenario)


def test_objects_that_vanish_before_they_are_played_leave_nothing_behind(
    run: Callable[[Scenario], None], gadgets: None, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    count = 60
    delay = {"delay": {"durationMilliseconds": 100, "jitterDurationMilliseconds": 400}}
    running = {**FAST[1], "spec": {**FAST[1]["spec"], **delay}}
    steps = [status("phase: Half"), status("phase: Up")]
    up = stage("gadget-up", GADGET, {".status.phase": None}, *steps, **delay)

    async def scenario(client: Client) -> None:
        async def fleeting(resource: Resource, obj: Object, lifetime_s: float) -> None:
            await client.create(resource, namespace, obj)
            await asyncio.sleep(lifetime_s)
            try:
                await client.delete(resource, namespace, obj["metadata"]["name"], grace_period_s=0)
            except NotFound:
                return

        async with simulation(client, namespace, [FAST[0], running, FAST[2], up]):
            await create_all(client, NODES, None, [node(namespace, 0)])
            await until(client, NODES, is_ready, 1, label_selector=f"{LABEL}={namespace}")
            async with asyncio.TaskGroup() as tasks:
                for number in range(count):
                    tasks.create_task(fleeting(PODS, pod(namespace, number, 1), 0.01 * number))
                    tasks.create_task(fleeting(GADGETS, gadget(f"g-{number}"), 0.01 * number))
            await gone(client, PODS, namespace, timeout_s=30)
            await gone(client, GADGETS, namespace, timeout_s=30)
            await client.create(PODS, namespace, pod(namespace, 0, 1))
            await client.create(GADGETS, namespace, gadget("g"))
            await when(client, PODS, namespace, "p-00000", is_running)
            await when(client, GADGETS, namespace, "g", is_up)
        assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]

    run(scenario)
