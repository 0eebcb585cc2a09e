# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Texts, numbers, JSON values and Kubernetes objects, generated from choices; odd ones preferred."""

from __future__ import annotations

from typing import Any, Final

from fuzzing.choices import Choices

Object = dict[str, Any]

_MAX_DEPTH: Final = 5

_YAML_LEVELS: Final = (30, 63, 64, 90)
"""What is read as YAML, a patch above all, has no more than 100 levels."""

_JSON_LEVELS: Final = (99, 200, 250, 260, 500, 1000)
"""What comes from an apiserver may have as many as orjson decodes: 1,024."""

QUANTITIES: Final = (
    "1",
    "500m",
    "2Gi",
    "1e3",
    "0",
    "-1",
    ".5",
    "5.",
    "1E",
    "1Ei",
    "9223372036854775807Ei",
    "1n",
    "1e-9",
    "1e999999999",
    "+1k",
    "0x1",
    "1_0",
)
DURATIONS: Final = (
    "1s",
    "0",
    "1m30s",
    "-5ms",
    "1h1m1s1ms1us1ns",
    "1µs",
    ".5s",
    "1.s",
    "9223372036s",
    "2562047h47m16.854775808s",
    "1d",
    "5",
    "1e3s",
)
TIMES: Final = (
    "2024-01-01T00:00:00Z",
    "2023-11-14T22:13:20.5Z",
    "1970-01-01T00:00:00.000000001Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "2016-12-31T23:59:60Z",
    "2024-02-30T00:00:00Z",
    "2024-01-01T00:00:00+14:00",
    "2024-01-01t00:00:00z",
    "2024-01-01T24:00:00Z",
    "2024-01-01 00:00:00",
    "2024-01-01T00:00:00,5-23:59",
    "10000-01-01T00:00:00Z",
    "2024-W01",
)
WORDS: Final = (
    "",
    "a",
    "Ready",
    "True",
    "Pending",
    "null",
    "0",
    "-1",
    "v1",
    "Pod",
    "node-1",
    "10.0.0.1/24",
    "example.com/x",
    "<<",
    "*a",
    "&a",
    "{{ . }}",
    "%s%d%v",
    "~",
    "y",
    "0o17",
    "1_000",
    "1.5.3-rc.1+b",
    "^1.2",
    "[a-z",
    "(a+)+$",
    "a{1000}",
    "\\",
    '"',
    "'",
    "\n",
    "\t\r",
    "\x00",
    "\x7f",
    "\u00e9",
    "e\u0301",
    "\u202e",
    "\ufeff",
    "\U0001f600",
    "\u0130",
    "\u00df",
    "\u2028",
    "a" * 300,
    "9" * 400,
    " " * 70,
    "http://u:p@h:1/p?q=1#f",
    "c29tZQ==",
    "$patch",
    "$retainKeys",
    "$setElementOrder/conditions",
    "$deleteFromPrimitiveList/finalizers",
    *QUANTITIES,
    *DURATIONS,
    *TIMES,
)
NUMBERS: Final = (
    0,
    1,
    -1,
    2,
    7,
    63,
    64,
    100,
    255,
    1000,
    65536,
    2**31 - 1,
    2**31,
    2**32,
    2**53,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64 - 1,
    0.0,
    -0.0,
    0.5,
    -1.5,
    1e-7,
    5e-324,
    1e15,
    1e21,
    1e100,
    1.7976931348623157e308,
    -1e308,
)
KEYS: Final = (
    "name",
    "status",
    "spec",
    "metadata",
    "conditions",
    "type",
    "phase",
    "containers",
    "labels",
    "annotations",
    "finalizers",
    "ports",
    "containerPort",
    "env",
    "image",
    "nodeName",
    "replicas",
    "value",
    "a",
    "b",
    "addresses",
    "capacity",
    "cpu",
    "creationTimestamp",
    "deletionTimestamp",
)


def text(choices: Choices) -> str:
    """A text, without lone surrogates, as there are none in JSON from an apiserver."""
    kind = choices.below(4)
    if kind < 2:
        return choices.pick(WORDS)
    if kind == 2:
        return "".join(choices.pick(WORDS)[:20] for _ in choices.times(4))
    return choices.taken(choices.below(24)).decode("utf-8", "replace")


def number(choices: Choices) -> int | float:
    """A number that JSON from an apiserver may have."""
    return choices.below(256) if choices.chance(4) else choices.pick(NUMBERS)


def key(choices: Choices) -> str:
    """A key of an object: most of them those of Kubernetes."""
    return text(choices) if choices.chance(8) else choices.pick(KEYS)


def value(choices: Choices, depth: int = 0) -> Any:
    """A value of JSON."""
    kind = choices.below(10 if depth < _MAX_DEPTH else 6)
    if kind in (0, 1):
        return text(choices)
    if kind == 2:
        return number(choices)
    if kind == 3:
        return choices.chance(2)
    if kind in (4, 5):
        return choices.pick((None, "", 0, 1))
    if kind == 6:
        return [value(choices, depth + 1) for _ in choices.times(4)]
    if kind == 9 and choices.chance(8):
        return deep(choices, *_YAML_LEVELS)
    return {key(choices): value(choices, depth + 1) for _ in choices.times(5)}


def deep(choices: Choices, *levels: int) -> Any:
    """Lists or objects within each other."""
    made: Any = text(choices)
    name, listed = key(choices), choices.chance(2)
    for _ in range(choices.pick(levels)):
        made = [made] if listed else {name: made}
    return made


def _strings(choices: Choices) -> dict[str, str]:
    return {key(choices): text(choices) for _ in choices.times(3)}


def obj(choices: Choices) -> Object:
    """An object as an apiserver gives it: metadata of the right types; spec and status are of any."""
    ref = choices.pick((("v1", "Pod"), ("v1", "Node"), ("example.com/v1", "Widget")))
    metadata: Object = {"name": choices.pick(("web-0", "a" * 253, "é")), "uid": "u", "resourceVersion": "1"}
    if choices.chance(2):
        metadata |= {"labels": _strings(choices), "annotations": _strings(choices)}
    if choices.chance(3):
        metadata["finalizers"] = [text(choices) for _ in choices.times(4)]
    if choices.chance(3):
        metadata["creationTimestamp"] = choices.pick(TIMES[:4])
    if choices.chance(3):
        metadata["ownerReferences"] = [{"kind": text(choices), "name": text(choices), "uid": text(choices)} for _ in choices.times(2)]
    made: Object = {"apiVersion": ref[0], "kind": ref[1], "metadata": metadata}
    if choices.chance(2):
        made["spec"] = {
            "nodeName": "node-1",
            "containers": [{"name": text(choices), "image": "c", "ports": [{"containerPort": 80}]} for _ in choices.times(3)],
        }
    elif choices.chance(2):
        made["spec"] = deep(choices, *_JSON_LEVELS) if choices.chance(4) else value(choices, 1)
    if choices.chance(2):
        made["status"] = {
            "phase": text(choices),
            "conditions": [{"type": text(choices), "status": text(choices)} for _ in choices.times(4)],
            "capacity": {"cpu": choices.pick(QUANTITIES)},
        }
    elif choices.chance(2):
        made["status"] = deep(choices, *_JSON_LEVELS) if choices.chance(4) else value(choices, 1)
    return made
