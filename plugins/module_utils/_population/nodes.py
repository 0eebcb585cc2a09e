# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``kwok_nodes``: the nodes of a cluster, in groups.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._cluster.engine import Mode
from .._errors import SimError
from .._kube.client import ApiError, Client, open_client
from .._kube.diagnosis import why_not_ready
from .._kube.discovery import NODES
from .._kube.waiting import LEAVING, Awaited, Follower
from .._objects import summary
from .._objects.node_groups import GROUP_LABEL, GROUPS_ARGUMENT, NodeGroup, by_key, foreign_nodes, group_of, parse_groups
from .._objects.plan import Key, key_of, plan
from .._objects.readiness import judge_of
from .carrying import Population, Stopwatch, apply, as_details
from .target import POPULATION_ARGUMENTS, check_parallelism, find_target

NODES_ARGUMENTS: dict[str, dict[str, Any]] = {
    **POPULATION_ARGUMENTS,
    "groups": GROUPS_ARGUMENT,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "purge": {"type": "bool", "default": False},
}

Node = Mapping[str, Any]


def ensure(params: Mapping[str, Any], mode: Mode) -> Population:
    """Make the nodes of a cluster be as the options say.

    Args:
        params: The module's parameters, see ``NODES_ARGUMENTS``.

    Raises:
        SimError: An option is at fault, and nothing has been changed; or something could not be written, or does not become ready.
    """
    watch = Stopwatch()
    groups = parse_groups(params["groups"])
    kubeconfig, context = find_target(params)
    parallelism = check_parallelism(params["parallelism"])
    with open_client(kubeconfig, context, connections=parallelism) as client:
        try:
            return _ensure(client, groups, params, mode, parallelism, watch)
        except ApiError as error:
            raise error.as_sim_error("the nodes cannot be read") from error


def _ensure(
    client: Client, groups: Sequence[NodeGroup], params: Mapping[str, Any], mode: Mode, parallelism: int, watch: Stopwatch
) -> Population:
    present = params["state"] == "present"
    wanted = [(group.name, node) for group in groups if present for node in group.nodes()]
    items, version = client.list(NODES.collection())
    live = by_key(items)
    own = _removable(live, {group.name for group in groups}, params["purge"])
    keys = {key_of(node): group for group, node in wanted}
    _check_foreign(keys, live, frozenset(own.values()) - {group.name for group in groups})
    steps = plan(wanted, live, own)
    read = watch.lap()
    done = apply(client, NODES, steps, mode, recreate=params["recreate"], parallelism=parallelism, option="groups")
    changing = watch.lap()
    follower = Follower(client, NODES.collection(), GROUP_LABEL, _awaited(keys, own))
    after = items
    if done.changed and not mode.check_mode:
        after = follower.list()
    else:
        follower.start(items, version)
    done.results = _results(done, groups, present, keys, after, follower)
    if mode.wait and not mode.check_mode:
        finished = follower.follow(mode.wait_timeout, mode.progress)
        done.results = _results(done, groups, present, keys, after, follower)
        if not finished:
            raise _timed_out(client, follower.pending, mode.wait_timeout, done)
    done.seconds = {"read": read, "change": changing, "wait": watch.lap(), "total": watch.total()}
    return done


def _removable(live: Mapping[Key, Node], listed: set[str], purge: bool) -> dict[Key, str]:
    """Nodes that go unless they are wanted, with their groups."""
    found: dict[Key, str] = {}
    for key, node in live.items():
        group = group_of(node)
        if group is not None and (purge or group in listed):
            found[key] = group
    return found


def _check_foreign(wanted: Mapping[Key, str], live: Mapping[Key, Node], removable: frozenset[str]) -> None:
    foreign = foreign_nodes(wanted, live, removable=removable)
    if not foreign:
        return
    unowned = [key for key, group in foreign if group is None]
    if unowned:
        raise SimError(
            f"there is a node of the name already that kwok_nodes did not make: {summary.names(unowned)}",
            option="groups",
            remedy="Choose another name or name_format for the group, or delete the node",
        )
    owners = summary.names(sorted({str(group) for _key, group in foreign}))
    raise SimError(
        f"nodes of these names belong to the group {owners}, which is not listed: {summary.names([key for key, _group in foreign])}",
        option="groups",
        remedy="List that group, too, or set purge to take its nodes over",
    )


def _awaited(wanted: Mapping[Key, str], own: Mapping[Key, str]) -> Awaited:
    return Awaited(present=wanted.keys(), absent=[key for key in own if key not in wanted], judge=judge_of("ready", "Node"))


def _results(
    done: Population, groups: Sequence[NodeGroup], present: bool, wanted: Mapping[Key, str], items: Sequence[Node], follower: Follower
) -> dict[str, Any]:
    ready = {group.name: 0 for group in groups}
    for key, group in wanted.items():
        ready[group] += key not in follower.pending
    # In check mode, a node that would be created is pending; one that would be removed is still counted as it is.
    gone = {step.key for step, verdict in done.outcome.verdicts if verdict == "deleted"}
    left = {key_of(item) for item in items if group_of(item) is not None} - gone | set(wanted)
    named = [group.name for group in groups]
    others = sorted({step.group for step in done.steps} - set(named))
    return {
        "groups": [
            {
                "name": name,
                "count": next((group.count for group in groups if group.name == name and present), 0),
                "created": done.outcome.count("created", group=name),
                "updated": done.outcome.count("updated", "recreated", group=name),
                "deleted": done.outcome.count("deleted", group=name),
                "ready": ready.get(name, 0),
            }
            for name in [*named, *others]
        ],
        "nodes": len(left),
        "ready": sum(ready.values()),
    }


def _timed_out(client: Client, pending: Mapping[Key, str], timeout_s: float, done: Population) -> SimError:
    leaving = [key for key, reason in pending.items() if reason == LEAVING]
    unready = [key for key in pending if key not in set(leaving)]
    details = {**as_details(pending), **done.results, "changes": done.changes(), "changed": done.changed}
    if not unready:
        return SimError(
            f"{len(leaving)} nodes are not gone within {timeout_s:g} s: {summary.names(leaving)}",
            option="wait_timeout",
            remedy="See which finalizers they have",
            details=details,
        )
    diagnosis = why_not_ready(client, unready[0].name)
    reasons = "; ".join(f"{key}: {pending[key]}" for key in unready[:3])
    return SimError(
        f"{len(unready)} nodes are not Ready within {timeout_s:g} s: {summary.names(unready)} ({reasons}): {diagnosis}",
        option="wait_timeout",
        remedy="Join a controller with Stages for nodes to the cluster, or set wait to false",
        details=details,
    )
