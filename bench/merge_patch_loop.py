# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The least that a program can do to have nodes Ready and pods run: watch, and answer each object with one merge patch.

No stages, no templates, no Leases, no retries, no limits: `python -m bench.merge_patch_loop KUBECONFIG`. What it reaches is what the
apiserver gives to whoever patches objects one by one.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from contextlib import aclosing
from typing import Any

import orjson
import uvloop

from kwok_controller.kube import connection
from kwok_controller.kube.client import MERGE_PATCH, Client
from kwok_controller.kube.resources import NODES, PODS, Resource
from kwok_controller.kube.watch import Change, watch

from .load import is_ready

REQUESTS = 64
"""In flight."""

TIME = "2026-01-01T00:00:00Z"


def node_status(item: dict[str, Any]) -> dict[str, Any] | None:
    """What makes a node Ready; None: it is."""
    if is_ready(item):
        return None
    types = {"Ready": "True", "MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "NetworkUnavailable": "False"}
    conditions = [
        {"type": kind, "status": status, "reason": "Loop", "message": "", "lastHeartbeatTime": TIME, "lastTransitionTime": TIME}
        for kind, status in types.items()
    ]
    return {"phase": "Running", "conditions": conditions, "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}


def pod_status(item: dict[str, Any], number: int) -> dict[str, Any] | None:
    """What makes a pod run; None: it does."""
    if (item.get("status") or {}).get("phase") == "Running":
        return None
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    types = ("Initialized", "Ready", "ContainersReady")
    return {
        "phase": "Running",
        "startTime": TIME,
        "hostIP": "10.0.0.1",
        "hostIPs": [{"ip": "10.0.0.1"}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": kind, "status": "True", "lastTransitionTime": TIME} for kind in types],
        "containerStatuses": [container_status(each) for each in item["spec"]["containers"]],
    }


def container_status(container: dict[str, Any]) -> dict[str, Any]:
    """A container that runs."""
    running = {"ready": True, "restartCount": 0, "state": {"running": {"startedAt": TIME}}}
    return {"name": container["name"], "image": container["image"], "imageID": "", **running}


async def play(client: Client, resource: Resource, slots: asyncio.Semaphore) -> None:
    """Answer each object of one kind."""
    numbers = itertools.count(1)
    tasks: set[asyncio.Task[None]] = set()

    async def answer(namespace: str | None, name: str, method: str, body: bytes) -> None:
        try:
            path = resource.path(namespace, name, None if method == "DELETE" else "status")
            await client.request(method, path, body=body, content_type=MERGE_PATCH if method == "PATCH" else "application/json")
        finally:
            slots.release()

    at_once = orjson.dumps({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0})
    async with aclosing(watch(client, resource, field_selector="spec.nodeName!=" if resource is PODS else "")) as events:
        async for event in events:
            if event.change in (Change.SYNCED, Change.DELETED):
                continue
            method = "PATCH"
            if event.object["metadata"].get("deletionTimestamp"):
                method, body = "DELETE", at_once
            else:
                status = node_status(event.object) if resource is NODES else pod_status(event.object, next(numbers))
                if status is None:
                    continue
                body = orjson.dumps({"status": status})
            await slots.acquire()
            task = asyncio.create_task(answer(event.key[0] or None, event.key[1], method, body))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


async def main(kubeconfig: str) -> None:
    """Run until ended."""
    slots = asyncio.Semaphore(REQUESTS)
    async with Client(connection.load(kubeconfig)) as client:
        await asyncio.gather(play(client, NODES, slots), play(client, PODS, slots))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
