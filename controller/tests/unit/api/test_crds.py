# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The definitions, and that what they let through and what the decoder takes are the same."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwok_controller.api import KINDS, InvalidObject, decode, unknown_fields
from kwok_controller.api.crds import crd, crds, schema

SCHEMAS = {kind.name: schema(kind) for kind in KINDS.values()}


def parts(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in a schema."""
    yield path, value
    for name, member in value.get("properties", {}).items():
        yield from parts(member, f"{path}.{name}")
    if "items" in value:
        yield from parts(value["items"], f"{path}[]")
    if "additionalProperties" in value:
        yield from parts(value["additionalProperties"], f"{path}.*")


def at(kind: str, path: str) -> dict[str, Any]:
    return dict(parts(SCHEMAS[kind]))[path]


@pytest.mark.parametrize(
    ("kind", "plural", "singular", "scope"),
    [
        ("Attach", "attaches", "attach", "Namespaced"),
        ("ClusterAttach", "clusterattaches", "clusterattach", "Cluster"),
        ("ClusterExec", "clusterexecs", "clusterexec", "Cluster"),
        ("ClusterLogs", "clusterlogs", "clusterlogs", "Cluster"),
        ("ClusterPortForward", "clusterportforwards", "clusterportforward", "Cluster"),
        ("ClusterResourceUsage", "clusterresourceusages", "clusterresourceusage", "Cluster"),
        ("Exec", "execs", "exec", "Namespaced"),
        ("Logs", "logs", "logs", "Namespaced"),
        ("Metric", "metrics", "metric", "Cluster"),
        ("PortForward", "portforwards", "portforward", "Namespaced"),
        ("ResourceUsage", "resourceusages", "resourceusage", "Namespaced"),
        ("Stage", "stages", "stage", "Cluster"),
    ],
)
def test_names_and_scope_are_those_of_kwok(kind: str, plural: str, singular: str, scope: str) -> None:
    definition = crd(KINDS[kind])

    assert definition["metadata"]["name"] == f"{plural}.kwok.x-k8s.io"
    assert definition["spec"]["names"] == {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": singular}
    assert definition["spec"]["scope"] == scope
    [version] = definition["spec"]["versions"]
    assert (version["name"], version["served"], version["storage"], version["subresources"]) == ("v1alpha1", True, True, {"status": {}})


def test_our_own_kinds_are_in_a_group_of_ours() -> None:
    definition = crd(KINDS["WorkloadTrace"])

    assert definition["metadata"]["name"] == "workloadtraces.kwok-sim.dev"
    assert (definition["spec"]["group"], definition["spec"]["scope"]) == ("kwok-sim.dev", "Namespaced")
    names = {"kind": "WorkloadTrace", "listKind": "WorkloadTraceList", "plural": "workloadtraces", "singular": "workloadtrace"}
    assert definition["spec"]["names"] == names
    assert [each.name for each in KINDS.values() if each.group != "kwok.x-k8s.io"] == ["WorkloadTrace"]


def test_there_are_kwoks_twelve_and_ours_and_each_call_makes_its_own() -> None:
    first, second = crds(), crds()

    assert len(first) == 13
    first[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clear()
    first[0]["spec"]["versions"][0]["additionalPrinterColumns"].clear()
    assert second == crds()


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_field_is_described(kind: str) -> None:
    for path, part in parts(SCHEMAS[kind]):
        # Items and members are described by the list or map, and metadata by the apiserver.
        if path != ".metadata" and not path.endswith(("[]", ".*")):
            assert re.fullmatch(r"[A-Z0-9~].*\.", part["description"]), path


@pytest.mark.parametrize("kind", SCHEMAS)
def test_schemas_are_structural(kind: str) -> None:
    """https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema."""
    for path, part in parts(SCHEMAS[kind]):
        if part.get("x-kubernetes-int-or-string"):
            assert part["anyOf"] == [{"type": "integer"}, {"type": "string"}], path
            assert "type" not in part
        else:
            assert "type" in part, path
        assert not ("properties" in part and "additionalProperties" in part), path
        for key in part.get("x-kubernetes-list-map-keys", ()):
            assert key in part["items"]["required"], path
    assert SCHEMAS[kind]["properties"]["metadata"] == {"type": "object"}


def test_what_the_schemas_ask_for() -> None:
    assert at("Stage", ".spec.weight").items() >= {"type": "integer", "minimum": 0, "default": 0}.items()
    assert at("Stage", ".spec.resourceRef.apiGroup")["default"] == "v1"
    assert at("Stage", ".spec.next.statusSubresource")["default"] == "status"
    assert at("Stage", ".spec.steps[].patch.type")["enum"] == ["json", "merge", "strategic"]
    assert at("Stage", ".spec.steps[].apply.type")["enum"] == ["apply", "merge", "strategic"]
    assert "enum" not in at("Stage", ".spec.selector.matchExpressions[].operator")
    assert at("Stage", ".spec.delay.durationMilliseconds").items() >= {"type": "integer", "format": "int64", "minimum": 0}.items()
    for kind in ("Stage", "Metric", "ResourceUsage", "ClusterResourceUsage", "WorkloadTrace"):
        assert at(kind, ".status.observedGeneration").items() >= {"type": "integer", "minimum": 0}.items()
    assert at("Metric", ".spec.metrics[].dimension")["default"] == "node"
    assert at("Metric", ".spec.metrics[].buckets")["x-kubernetes-list-map-keys"] == ["le"]
    assert at("PortForward", ".spec.forwards[].target.port").items() >= {"format": "int32", "minimum": 0, "maximum": 65535}.items()
    assert "minimum" not in at("PortForward", ".spec.forwards[].ports[]")
    assert "default" not in at("Stage", ".spec.immediateNextStage")
    assert at("ClusterResourceUsage", ".spec.selector.matchLabels")["additionalProperties"] == {"type": "string"}
    assert at("WorkloadTrace", ".spec.limits.spansPerSecond").items() >= {"minimum": 1, "maximum": 5000, "default": 500}.items()
    assert at("WorkloadTrace", ".spec.services")["x-kubernetes-list-map-keys"] == ["name"]
    assert at("WorkloadTrace", ".spec.services[].operations[].calls[].probability").items() >= {"maximum": 1, "default": 1.0}.items()
    assert at("WorkloadTrace", ".spec.traffic[].rate.per")["default"] == "service"


@pytest.mark.parametrize("kind", SCHEMAS)
def test_conditions_are_told_apart_by_their_type(kind: str) -> None:
    conditions = at(kind, ".status.conditions")

    assert (conditions["x-kubernetes-list-type"], conditions["x-kubernetes-list-map-keys"]) == ("map", ["type"])
    assert conditions["items"]["required"] == ["lastTransitionTime", "message", "reason", "status", "type"]
    assert conditions["items"]["properties"]["lastTransitionTime"]["format"] == "date-time"


def test_kubectl_get_shows_what_a_stage_is_for() -> None:
    columns = crd(KINDS["Stage"])["spec"]["versions"][0]["additionalPrinterColumns"]

    assert [column["name"] for column in columns] == ["Group", "Kind", "Weight", "Ready", "Age"]


# --- The schema and the decoder agree -------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(["", "a", "status", "json", "merge", "apply", "gauge", "1Gi", "100m", "1 Gi", "+1e3", "x y", "2m"])
NUMBERS = st.sampled_from([0, 1, 80, 65535, 65536, -1, 2**31 - 1])
ODDITIES = st.one_of(st.booleans(), NUMBERS, WORDS, st.just(1.5), st.just([]), st.just({}), st.just(["a"]))


def values(part: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that fit a schema as a rule, and sometimes not."""
    match part.get("type"):
        case "object" if "additionalProperties" in part:
            fitting: st.SearchStrategy[Any] = st.dictionaries(
                st.sampled_from(["cpu", "a/b", "c.d"]), values(part["additionalProperties"]), max_size=2
            )
        case "object" if "properties" in part:
            members = {name: values(member) for name, member in part["properties"].items() if name != "status"}
            required = set(part.get("required", ()))
            fitting = st.fixed_dictionaries(
                {name: member for name, member in members.items() if name in required},
                optional={name: member for name, member in members.items() if name not in required},
            )
            # A member that is missing, whether it is needed or not.
            fitting = st.one_of(
                fitting, fitting, st.tuples(fitting, WORDS).map(lambda pair: {k: v for k, v in pair[0].items() if k < pair[1]})
            )
        case "array":
            fitting = st.lists(values(part["items"]), max_size=3)
        case "string" if "enum" in part:
            fitting = st.one_of(st.sampled_from(part["enum"]), WORDS)
        case "string":
            fitting = WORDS
        case "boolean":
            fitting = st.booleans()
        case "number":
            fitting = st.one_of(NUMBERS, st.sampled_from([0.5, 1.0, -0.5]))
        case "integer":
            fitting = NUMBERS
        case _:
            # A fraction is fine for the decoder, which reads files as well (see `usage.py`), and a string for an apiserver.
            return st.one_of(NUMBERS, WORDS)
    return st.integers(0, 19).flatmap(lambda chance: ODDITIES if chance == 0 else fitting)


def has_duplicates(part: dict[str, Any], value: Any) -> bool:
    """What jsonschema knows nothing of: x-kubernetes-list-map-keys."""
    for key in part.get("x-kubernetes-list-map-keys", ()):
        keys = [item[key] for item in value]
        if len(set(keys)) < len(keys):
            return True
    members = [(part["properties"][k], v) for k, v in value.items() if k in part["properties"]] if "properties" in part else []
    members += [(part["items"], item) for item in value] if "items" in part else []
    return any(has_duplicates(member, each) for member, each in members)


@pytest.mark.parametrize("kind", SCHEMAS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_decoder_takes_what_the_schema_lets_through(kind: str, data: st.DataObject) -> None:
    spec = data.draw(values(SCHEMAS[kind]["properties"]["spec"]))
    obj = {"apiVersion": KINDS[kind].api_version, "kind": kind, "metadata": {"name": "a"}, "spec": spec}
    before = copy.deepcopy(obj)
    validator = jsonschema.Draft7Validator(SCHEMAS[kind])
    valid = validator.is_valid(obj) and not has_duplicates(SCHEMAS[kind], obj)

    try:
        decode(obj)
    except InvalidObject as error:
        assert not valid, error
        assert error.path.startswith("$.spec")
        paths = {_path(each) for each in validator.iter_errors(obj)}
        # Required members are reported with their names here, and with their parents there.
        assert not paths or error.path in paths or error.path.rpartition(".")[0] in paths
    else:
        assert valid, jsonschema.exceptions.best_match(validator.iter_errors(obj))
    assert obj == before
    if valid:
        assert unknown_fields(obj, kind) == []


def _path(error: jsonschema.ValidationError) -> str:
    path = "$"
    for step in error.absolute_path:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if re.fullmatch(r"\w+", step) else f"[{step!r}]"
    return path
