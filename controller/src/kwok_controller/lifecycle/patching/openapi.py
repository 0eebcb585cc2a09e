# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The merge keys of any kind, from the OpenAPI v3 document that the apiserver publishes for its group and version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from kwok_controller.lifecycle.patching.errors import PatchError
from kwok_controller.lifecycle.patching.merge_keys import Field, MergeKeys

Schema: TypeAlias = Mapping[str, Any]
_KINDS: Final = "x-kubernetes-group-version-kind"
_STRATEGY: Final = "x-kubernetes-patch-strategy"
_MERGE_KEY: Final = "x-kubernetes-patch-merge-key"
# References to references: more are a circle.
_MAX_REFERENCES: Final = 16


def from_openapi(document: Mapping[str, Any], gvk: tuple[str, str, str]) -> MergeKeys:
    """The merge keys of a kind.

    They are read when they are needed first, for schemas may contain themselves. A custom resource has none: its lists are replaced (and
    the apiserver takes no strategic merge patch for it).

    Args:
        document: of `/openapi/v3/apis/GROUP/VERSION`.
        gvk: group (empty for core), version, kind.

    Raises:
        PatchError: the document does not have the kind.
    """
    schemas: Mapping[str, Schema] = (document.get("components") or {}).get("schemas") or {}
    group, version, kind = gvk
    for schema in schemas.values():
        for entry in schema.get(_KINDS) or ():
            if (entry.get("group", ""), entry.get("version"), entry.get("kind")) == (group, version, kind):
                return _keys(schemas, schema)
    raise PatchError(f"the OpenAPI document has no kind {kind} of {f'{group}/{version}' if group else version}")


def _keys(schemas: Mapping[str, Schema], schema: Schema) -> MergeKeys:
    def find(name: str) -> Field | None:
        declared = (schema.get("properties") or {}).get(name)
        if declared is None:
            return None
        strategies = str(declared.get(_STRATEGY) or "").split(",")
        # `retainKeys` says what clients send, not how it is merged.
        strategy = next((item for item in strategies if item in ("merge", "replace")), "")
        resolved = _resolve(schemas, declared)
        if resolved.get("type") == "array":
            resolved = _resolve(schemas, resolved.get("items") or {})
        return Field(strategy, str(declared.get(_MERGE_KEY) or ""), _keys(schemas, resolved))

    return MergeKeys(find=find)


def _resolve(schemas: Mapping[str, Schema], schema: Schema) -> Schema:
    for _ in range(_MAX_REFERENCES):
        reference = schema.get("$ref")
        if reference:
            schema = schemas.get(str(reference).rpartition("/")[2]) or {}
        elif schema.get("allOf") and "properties" not in schema:
            schema = schema["allOf"][0]
        else:
            break
    return schema
