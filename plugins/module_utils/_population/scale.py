# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``kwok_scale``: a set of like objects of any kind.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .._cluster.engine import Mode
from .._errors import SimError
from .._kube.client import ApiError, Client, open_client
from .._kube.discovery import Resource, find_resource
from .._kube.waiting import LEAVING, Awaited, Follower
from .._objects import summary
from .._objects.object_sets import SET_LABEL, ObjectSet, is_recorded, parse_set, set_of
from .._objects.plan import Key, key_of, plan
from .._objects.readiness import Judge, judge_of
from .carrying import Population, Stopwatch, apply, as_details
from .target import POPULATION_ARGUMENTS, POPULATION_CONSTRAINTS, check_parallelism, find_target

SCALE_ARGUMENTS: dict[str, dict[str, Any]] = {
    **POPULATION_ARGUMENTS,
    "name": {"type": "str", "required": True},
    "template": {"type": "dict"},
    "src": {"type": "path"},
    "count": {"type": "int", "default": 1},
    "name_format": {"type": "str"},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "cycle": {"type": "dict", "default": {}},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "wait_for": {"type": "str", "default": "ready"},
}

SCALE_CONSTRAINTS: dict[str, Any] = {
    **POPULATION_CONSTRAINTS,
    "mutually_exclusive": [("template", "src")],
    "required_one_of": [("template", "src")],
}

Object = Mapping[str, Any]


def ensure(params: Mapping[str, Any], mode: Mode) -> Population:
    """Make a set of objects be as the options say.

    Args:
        params: The module's parameters, see ``SCALE_ARGUMENTS``.

    Raises:
        SimError: An option is at fault, and nothing has been changed; or something could not be written, or does not get as far as is
            waited for.
    """
    watch = Stopwatch()
    option, template = ("template", params["template"]) if params["src"] is None else ("src", _read_template(Path(params["src"])))
    wanted = parse_set(
        params["name"],
        template,
        count=params["count"] if params["state"] == "present" else 0,
        name_format=params["name_format"],
        namespaces=params["namespaces"],
        cycle=params["cycle"],
        template_option=option,
    )
    judge = judge_of(params["wait_for"], wanted.kind)
    kubeconfig, context = find_target(params)
    parallelism = check_parallelism(params["parallelism"])
    with open_client(kubeconfig, context, connections=parallelism) as client:
        try:
            resource = _find_resource(client, wanted, option)
            if resource is None:
                if params["state"] == "present":
                    raise _unknown_kind(wanted, option)
                # Of a kind that there is not there are no objects either.
                resource = Resource(wanted.api_version, wanted.kind, wanted.kind.lower(), namespaced=False, has_status=False)
                return _nothing(resource, watch)
            placed = _placed(wanted, resource)
            return _ensure(client, resource, placed, judge, params, mode, parallelism, option, watch)
        except ApiError as error:
            raise error.as_sim_error(f"objects of the kind {wanted.kind} cannot be read") from error


def _read_template(path: Path) -> Any:
    import yaml

    try:
        with path.open(encoding="utf-8") as stream:
            documents = [document for document in yaml.safe_load_all(stream) if document is not None]
    except OSError as error:
        raise SimError(f"{path} cannot be read: {error.strerror}", option="src", remedy="Name a file with one object") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SimError(f"{path} is no YAML: {' '.join(str(error).split())}", option="src", remedy="Correct the file") from error
    if len(documents) != 1:
        raise SimError(f"{path} holds {len(documents)} objects", option="src", remedy="Make a set for each kind of object")
    return documents[0]


def _find_resource(client: Client, wanted: ObjectSet, option: str) -> Resource | None:
    try:
        return find_resource(client, wanted.api_version, wanted.kind)
    except ApiError as error:
        raise error.as_sim_error(f"{wanted.api_version} cannot be looked up", option) from error


def _unknown_kind(wanted: ObjectSet, option: str) -> SimError:
    return SimError(
        f"the apiserver knows no {wanted.kind} of {wanted.api_version}",
        option=option,
        remedy="Correct apiVersion and kind, or apply its CustomResourceDefinition first",
    )


def _nothing(resource: Resource, watch: Stopwatch) -> Population:
    from .._kube.bulk import Outcome

    done = Population([], Outcome(), resource.plural)
    done.results = {"created": 0, "updated": 0, "deleted": 0, "count": 0, "ready": 0}
    done.seconds = {"read": watch.lap(), "change": 0.0, "wait": 0.0, "total": watch.total()}
    return done


def _placed(wanted: ObjectSet, resource: Resource) -> ObjectSet:
    """The set with the namespaces that its objects are in."""
    if resource.namespaced:
        return wanted if wanted.namespaces else wanted.in_namespaces(["default"])
    if wanted.namespaces:
        raise SimError(f"objects of the kind {wanted.kind} are in no namespace", option="namespaces", remedy="Leave it out")
    return wanted


def _ensure(
    client: Client,
    resource: Resource,
    wanted: ObjectSet,
    judge: Judge,
    params: Mapping[str, Any],
    mode: Mode,
    parallelism: int,
    option: str,
    watch: Stopwatch,
) -> Population:
    selector = f"{SET_LABEL}={wanted.name}"
    objects = [(wanted.name, item) for item in wanted.objects()]
    keys = dict.fromkeys(key_of(item) for _set, item in objects)
    items, version = client.list(resource.collection(), label_selector=selector)
    live: dict[Key, Object] = {key_of(item): item for item in items}
    own = dict.fromkeys(live, wanted.name)
    live |= _namesakes(client, resource, wanted, keys.keys() - live.keys())
    steps = plan(objects, live, own)
    read = watch.lap()
    done = apply(client, resource, steps, mode, recreate=params["recreate"], parallelism=parallelism, option=option)
    changing = watch.lap()
    follower = Follower(client, resource.collection(), selector, Awaited(keys, [key for key in own if key not in keys], judge))
    if done.changed and not mode.check_mode:
        follower.list()
    else:
        follower.start(items, version)
    if mode.wait and not mode.check_mode and not follower.follow(mode.wait_timeout, mode.progress):
        raise _timed_out(follower.pending, params["wait_for"], mode.wait_timeout, done)
    done.results = {
        "created": done.outcome.count("created"),
        "updated": done.outcome.count("updated", "recreated"),
        "deleted": done.outcome.count("deleted"),
        "count": len(keys),
        "ready": len(keys.keys() - follower.pending.keys()),
    }
    done.seconds = {"read": read, "change": changing, "wait": watch.lap(), "total": watch.total()}
    return done


def _namesakes(client: Client, resource: Resource, wanted: ObjectSet, missing: set[Key]) -> dict[Key, Object]:
    """Objects with the name of a missing one that the module has made, and that have lost their label since.

    Raises:
        SimError: There is one that the module did not make for this set.
    """
    if not missing:
        return {}
    only = wanted.namespaces[0] if len(wanted.namespaces) == 1 else ""
    found, _version = client.list(resource.collection(only), metadata_only=True)
    named = [item for item in found if key_of(item) in missing]
    foreign = [key_of(item) for item in named if not is_recorded(item) or set_of(item) is not None]
    if foreign:
        raise SimError(
            f"there is an object of the name already that does not belong to the set {wanted.name}: {summary.names(foreign)}",
            option="name_format",
            remedy="Choose another name_format, or delete the object",
        )
    return {key: client.request("GET", resource.path(*key)) for key in map(key_of, named)}


def _timed_out(pending: Mapping[Key, str], wait_for: str, timeout_s: float, done: Population) -> SimError:
    leaving: Sequence[Key] = [key for key, reason in pending.items() if reason == LEAVING]
    waiting = [key for key in pending if pending[key] != LEAVING]
    parts = []
    if waiting:
        reasons = "; ".join(f"{key}: {pending[key]}" for key in waiting[:3])
        parts.append(f"{len(waiting)} {done.kind} are not {wait_for}: {summary.names(waiting)} ({reasons})")
    if leaving:
        parts.append(f"{len(leaving)} {done.kind} are not gone: {summary.names(leaving)}")
    return SimError(
        f"within {timeout_s:g} s, {', and '.join(parts)}",
        option="wait_timeout",
        remedy="See that what plays them runs: the controller manager, the scheduler, the controller with Stages for them",
        details={**as_details(pending), "changes": done.changes(), "changed": done.changed},
    )
