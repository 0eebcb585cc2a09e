# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The CustomResourceDefinitions of all kinds, made from their types.

Of kwok's kinds, names, scope and what is valid are those of kwok v0.8.0 (`kustomize/crd/bases`), so that either controller can use either's
definitions. Ours have columns for `kubectl get`, the field `status.observedGeneration` of what the controller follows and `matchLabels` of
the selectors of pods beyond that.
"""

from __future__ import annotations

from typing import Any

from msgspec import NODEFAULT, inspect

from kwok_controller.api.decode import type_of, unwrap
from kwok_controller.api.kinds import KINDS, Kind
from kwok_controller.api.meta import INT32_MAX, INT32_MIN, INT64_MAX, VERSION, ObjectMeta

_READY = {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'}
_COLUMNS: dict[str, list[dict[str, Any]]] = {
    "Stage": [
        {"name": "Group", "type": "string", "jsonPath": ".spec.resourceRef.apiGroup", "description": "Group and version of the kind"},
        {"name": "Kind", "type": "string", "jsonPath": ".spec.resourceRef.kind", "description": "The kind that the stage is for"},
        {"name": "Weight", "type": "integer", "jsonPath": ".spec.weight", "description": "The stage's weight where several match"},
        {**_READY, "description": "Whether the controller plays the stage"},
    ],
    "Metric": [{"name": "Path", "type": "string", "jsonPath": ".spec.path", "description": "The path of the HTTP endpoint"}],
    "WorkloadTrace": [
        {**_READY, "description": "Whether the controller sends traces"},
        {
            "name": "Reason",
            "type": "string",
            "jsonPath": '.status.conditions[?(@.type=="Ready")].reason',
            "description": "Why, and whether something is left out",
        },
    ],
}
_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp", "description": "How long the object has existed"}


def crds() -> list[dict[str, Any]]:
    """The definitions of all kinds, sorted by name. The caller may change them."""
    return [crd(kind) for kind in KINDS.values()]


def crd(kind: Kind) -> dict[str, Any]:
    """The definition of one kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "names": {"kind": kind.name, "listKind": f"{kind.name}List", "plural": kind.plural, "singular": kind.singular},
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema(kind)},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [dict(column) for column in (*_COLUMNS.get(kind.name, ()), _AGE)],
                }
            ],
        },
    }


def schema(kind: Kind) -> dict[str, Any]:
    """The structural schema of a kind's objects."""
    result = _schema(type_of(kind.type))
    result["properties"] = {
        "apiVersion": {"type": "string", "description": f"Group and version of the kind: {kind.api_version}."},
        "kind": {"type": "string", "description": "The kind of the object."},
        **result["properties"],
    }
    return result


def _schema(kind: inspect.Type) -> dict[str, Any]:
    kind, extra = unwrap(kind)
    result = _bare_schema(kind, extra)
    if "description" in extra:
        result["description"] = extra["description"]
    result.update({key: value for key, value in extra.items() if key.startswith("x-kubernetes-")})
    return result


def _bare_schema(kind: inspect.Type, extra: dict[str, Any]) -> dict[str, Any]:
    match kind:
        case inspect.StructType():
            return _object(kind)
        case inspect.DictType():
            return {"type": "object", "additionalProperties": _schema(kind.value_type)}
        case inspect.ListType():
            return {"type": "array", "items": _schema(kind.item_type)}
        case inspect.StrType():
            return {"type": "string", **_set(minLength=kind.min_length, maxLength=kind.max_length, pattern=kind.pattern)}
        case inspect.LiteralType():
            return {"type": "string", "enum": list(kind.values)}
        case inspect.DateTimeType():
            return {"type": "string", "format": "date-time"}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.FloatType():
            return {"type": "number", **_set(minimum=kind.ge, maximum=kind.le)}
        case inspect.IntType():
            return _integer(kind)
        case inspect.UnionType() if "x-kubernetes-int-or-string" in extra:
            text = next(member for member in kind.types if isinstance(member, inspect.StrType))
            return {"anyOf": [{"type": "integer"}, {"type": "string"}], **_set(pattern=text.pattern)}
    raise TypeError(f"no schema is known for {kind}")


def _object(kind: inspect.StructType) -> dict[str, Any]:
    if kind.cls is ObjectMeta:
        # The apiserver knows the rest, and takes no other word on it.
        return {"type": "object"}
    properties = {}
    for field in kind.fields:
        properties[field.encode_name] = _schema(field.type)
        # What is empty when missing needs no default; a number that is there can be told from one that is not.
        if field.default not in (NODEFAULT, None, "", False) or (field.default == 0 and isinstance(unwrap(field.type)[0], inspect.IntType)):
            properties[field.encode_name]["default"] = field.default
    result: dict[str, Any] = {"type": "object", "description": (kind.cls.__doc__ or "").strip(), "properties": properties}
    if required := sorted(field.encode_name for field in kind.fields if field.required):
        result["required"] = required
    return result


def _integer(kind: inspect.IntType) -> dict[str, Any]:
    """Bounds that stand for the width of the integer are its format; others are bounds."""
    narrow = kind.ge is not None and kind.ge >= INT32_MIN and kind.le is not None and kind.le <= INT32_MAX
    widths = (INT32_MIN, INT32_MAX, -INT64_MAX - 1, INT64_MAX)
    return {
        "type": "integer",
        "format": "int32" if narrow else "int64",
        **_set(minimum=None if kind.ge in widths else kind.ge, maximum=None if kind.le in widths else kind.le),
    }


def _set(**keywords: Any) -> dict[str, Any]:
    return {key: value for key, value in keywords.items() if value is not None}
