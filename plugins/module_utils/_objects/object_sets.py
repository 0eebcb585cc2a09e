# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets of like objects: from a template and a count to the objects.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._errors import SimError
from .fields import RECORD_ANNOTATION, record_of
from .names import check_format, check_label_value, name_of
from .placeholders import Filler, compile_template

SET_LABEL = "kwok.sim/scale"
"""Names the set of an object that ``kwok_scale`` made."""

_KNOWN = ("NAME", "INDEX", "NAMESPACE", "SET")
"""What ``$(…)`` may refer to in a template, beside the names in ``cycle``."""

_CYCLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

# What the server gives an object, or the module its name.
_NOT_IN_METADATA = {
    "name": "Give name_format instead",
    "generateName": "Give name_format instead",
    "namespace": "Give namespaces instead",
    "uid": "Leave it out",
    "resourceVersion": "Leave it out",
}


@dataclass(frozen=True)
class ObjectSet:
    """A set as the options say, checked.

    Attributes:
        name: Its name, which the label ``SET_LABEL`` of its objects holds.
        count: Objects in each namespace.
        namespaces: Where they are; empty for objects without a namespace.
        cycle: Values that take turns, by the name of the reference.
        fill: Makes an object of the values of its references.
    """

    name: str
    api_version: str
    kind: str
    count: int
    name_format: str
    namespaces: tuple[str, ...]
    cycle: Mapping[str, Sequence[Any]]
    fill: Filler

    def objects(self) -> Iterator[dict[str, Any]]:
        """The objects. They share what they have in common: nobody may change them."""
        for number, namespace in enumerate(self.namespaces or ("",)):
            for index in range(self.count):
                # A cycle goes on from one namespace to the next.
                turn = number * self.count + index
                values: dict[str, Any] = {name: items[turn % len(items)] for name, items in self.cycle.items()}
                values |= {"NAME": name_of(self.name_format, index), "INDEX": str(index), "NAMESPACE": namespace, "SET": self.name}
                item = _encode_secret_data(self.fill(values))
                if namespace:
                    item = {**item, "metadata": {**item["metadata"], "namespace": namespace}}
                yield item

    def in_namespaces(self, namespaces: Sequence[str]) -> ObjectSet:
        """The same set elsewhere."""
        return replace(self, namespaces=tuple(namespaces))


def parse_set(
    name: str,
    template: Any,
    *,
    count: int,
    name_format: str | None,
    namespaces: Sequence[str],
    cycle: Mapping[str, Any],
    template_option: str,
) -> ObjectSet:
    """The set that the options describe.

    Args:
        template_option: Name of the option that the template comes from, for messages.

    Raises:
        SimError: An option is at fault.
    """
    check_label_value(name, "name")
    if not name:
        raise SimError("it is empty", option="name", remedy="Name the set")
    if count < 0:
        raise SimError(f"it is {count}", option="count", remedy="Give 0 or more")
    name_format = name_format or f"{name}-%d"
    check_format(name_format, count, "name_format")
    if len(set(namespaces)) < len(namespaces):
        raise SimError("a namespace is there twice", option="namespaces", remedy="Name each once")
    _check_template(template, template_option)
    _check_cycle(cycle)
    pattern = _pattern(name, template)
    fill = compile_template(pattern, {*_KNOWN, *cycle}, template_option)
    return ObjectSet(name, template["apiVersion"], template["kind"], count, name_format, tuple(namespaces), cycle, fill)


def set_of(item: Mapping[str, Any]) -> str | None:
    """The set of an object; ``None`` for one that belongs to none."""
    owner: str | None = (item["metadata"].get("labels") or {}).get(SET_LABEL)
    return owner


def is_recorded(item: Mapping[str, Any]) -> bool:
    """Whether the module made an object, whatever has become of its label."""
    return RECORD_ANNOTATION in (item["metadata"].get("annotations") or {})


def _check_template(template: Any, option: str) -> None:
    if not isinstance(template, dict):
        raise SimError("it is no object", option=option, remedy="Give a whole object with apiVersion and kind")
    for field in ("apiVersion", "kind"):
        if not isinstance(template.get(field), str) or not template[field]:
            raise SimError(f"it has no {field}", option=option, remedy="Give a whole object with apiVersion and kind")
        if "$(" in template[field]:
            raise SimError(f"its {field} holds a reference", option=option, remedy="Make a set for each kind")
    metadata = template.get("metadata")
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        raise SimError("its metadata is no map", option=option, remedy="Give labels and annotations in metadata")
    for field, remedy in _NOT_IN_METADATA.items():
        if metadata.get(field) is not None:
            raise SimError(f"it has metadata.{field}", option=option, remedy=remedy)
    for field in ("labels", "annotations"):
        if metadata.get(field) is not None and not isinstance(metadata[field], dict):
            raise SimError(f"its metadata.{field} is no map", option=option, remedy="Give names and values")


def _check_cycle(cycle: Mapping[str, Any]) -> None:
    for name, values in cycle.items():
        if not _CYCLE_NAME.fullmatch(name) or name in _KNOWN:
            raise SimError(
                f"{name!r} cannot be the name of a reference",
                option="cycle",
                remedy=f"Use letters, digits and underscores, and none of {', '.join(_KNOWN)}",
            )
        if not isinstance(values, list) or not values:
            raise SimError(f"{name} is no list of values", option="cycle", remedy="Give the values that take turns")


def _pattern(name: str, template: Mapping[str, Any]) -> dict[str, Any]:
    metadata = template.get("metadata") or {}
    return {
        **template,
        "metadata": {
            **metadata,
            "name": "$(NAME)",
            "labels": {**(metadata.get("labels") or {}), SET_LABEL: name},
            "annotations": {**(metadata.get("annotations") or {}), RECORD_ANNOTATION: record_of(_encode_secret_data(template))},
        },
    }


def _encode_secret_data(item: Mapping[str, Any]) -> dict[str, Any]:
    """A Secret with its ``stringData`` as ``data``, as the server keeps it; other objects as they are."""
    if item["kind"] != "Secret" or item["apiVersion"] != "v1" or not isinstance(item.get("stringData"), dict):
        return dict(item)
    encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in item["stringData"].items() if value is not None}
    rest = {key: value for key, value in item.items() if key != "stringData"}
    return {**rest, "data": {**(item.get("data") or {}), **encoded}}
