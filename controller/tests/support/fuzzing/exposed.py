# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What kubelets show and who asks them: Metrics, usages, a node with its pods, traces, checkpoints and headers, generated from choices.

Objects are what a definition of theirs lets into an apiserver, or hardly anything else; pods and nodes are as an apiserver has them, with
statuses that others wrote.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from fuzzing.choices import Choices
from fuzzing.expressions import cel
from fuzzing.values import DURATIONS, KEYS, QUANTITIES, TIMES, Object, key, number, text, value

NOW_NS: Final = 1_700_000_000 * 10**9
NODE: Final = "node-1"

_WRONG: Final = 120
"""One in so many fields is of any type."""

_MAX_DEPTH: Final = 4
_RESOURCES: Final = ("cpu", "memory", "x", "network-receive", "")

_MOMENTS: Final = (
    "2023-11-14T22:13:20Z",
    "2023-11-14T22:13:03Z",
    "2023-11-14T22:12:59.5Z",
    "2023-11-14T22:00:00Z",
    "2023-11-14T23:00:00Z",
    "2016-02-29T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
)
"""Around `NOW_NS`, and far from it."""

# {r} is a resource, {a} an amount, {d} a duration, {w} a time, {n} the name of a trace, {t} any text.
_METRIC_CALLS: Final = (
    "pod.Usage({r}, container.name)",
    "pod.Usage({r})",
    "node.Usage({r})",
    "Usage(pod, {r}, {t})",
    "pod.CumulativeUsage({r}, container.name)",
    "CumulativeUsage(pod, {r})",
    "node.CumulativeUsage({r})",
    "StartedContainersTotal(node)",
    "startedContainersTotal({t})",
    "node.StartedPodsTotal()",
    "RunningPods(node)",
    "node.metadata.name.RunningContainers()",
    "pod.spec.containers.map(c, pod.Usage({r}, c.name))[0]",
)
_USAGE_CALLS: Final = (
    "Constant({a})",
    "Ramp({a}, {a}, {w}, {d})",
    "Wave({a}, {a})",
    "Wave({a}, {a}, {d})",
    "Wave({a}, {a}, {d}, {d})",
    "Spike({a}, {a}, {d}, {d})",
    "Noise({a}, {a})",
    "Noise({a}, {a}, {d})",
    "Trace({n})",
    "Trace({n}, {w})",
    "pod.Usage({r})",
    "pod.Usage({r}, container.name)",
    "node.Usage({r})",
)
_NUMBERS: Final = (
    "1.0",
    "0.0",
    "-1.5",
    "1e300",
    "double(size(pod.spec.containers))",
    "UnixSecond(pod.metadata.creationTimestamp)",
    "pod.SinceSecond()",
    "node.SinceSecond()",
    "double(size(node.metadata.labels))",
    "double(container.resources.requests['cpu'] < Quantity('1'))",
    "UnixSecond(Now())",
    "null",
)
_TEXTS: Final = (
    "container.name",
    "pod.metadata.name",
    "pod.metadata.namespace",
    "node.metadata.name",
    "pod.metadata.labels['a']",
    "node.metadata.labels['a']",
    "pod.status.phase",
    r'''"a\"b\\c\nd"''',
    r'''"\ud800"''',
    "container.image",
    "string(size(pod.spec.containers))",
    "pod.metadata.annotations.a",
    "null",
)
_CONDITIONS: Final = (
    "pod.status.phase == 'Running'",
    "has(container.livenessProbe)",
    "'a' in pod.metadata.labels",
    "pod.spec.containers.exists(c, c.name == container.name)",
    "pod.metadata.name.startsWith('w')",
    "has(node.metadata.labels)",
    "Now() > node.metadata.creationTimestamp",
    "pod.SinceSecond() > 10.0",
)
_VARIABLES: Final = {"container": ("pod", "container", "node"), "pod": ("pod", "node"), "node": ("node",)}
"""By dimension."""

_SLOT: Final = re.compile(r"\{([ratdwn])\}")


class Words(NamedTuple):
    """What an expression is made of."""

    calls: tuple[str, ...]
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    conditions: tuple[str, ...]
    variables: tuple[str, ...]


def _words(calls: tuple[str, ...], dimension: str) -> Words:
    """Those of a dimension: without the variables that are not there."""
    missing = [f"{name}." for name in _VARIABLES["container"] if name not in _VARIABLES[dimension]]
    missing += [f"({name[:-1]}" for name in missing]

    def there(words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(word for word in words if not any(name in word for name in missing))

    return Words(there(calls), there(_NUMBERS), there(_TEXTS), there(_CONDITIONS), _VARIABLES[dimension])


_OF_METRICS: Final = {dimension: _words(_METRIC_CALLS, dimension) for dimension in _VARIABLES}
_OF_USAGES: Final = _words(_USAGE_CALLS, "container")


def _quoted(found: str) -> str:
    return json.dumps(found, ensure_ascii=False)


def _called(choices: Choices, words: Words, depth: int) -> str:
    """A call of a function that is given to expressions from outside."""

    def fill(slot: re.Match[str]) -> str:
        match slot[1]:
            case "r":
                return _quoted(choices.pick(_RESOURCES))
            case "a":
                return amount_of(choices, words, depth + 1) if choices.chance(3) else _quoted(choices.pick(QUANTITIES))
            case "d":
                return choices.pick(("'1h'", "'90s'", "duration('7m')", _quoted(choices.pick(DURATIONS))))
            case "w":
                return choices.pick(("pod.metadata.creationTimestamp", "Now()", _quoted(choices.pick((*_MOMENTS, *TIMES)))))
            case "n":
                return choices.pick(("'day'", "'course'", "'nosuch'", "pod.metadata.name"))
        return text_of(choices, words, depth + 1)

    return _SLOT.sub(fill, choices.pick(words.calls))


def amount_of(choices: Choices, words: Words, depth: int = 0) -> str:
    """An expression of a number, mostly."""
    kind = choices.below(9 if depth < _MAX_DEPTH else 3)
    if kind < 2:
        return _called(choices, words, depth)
    if kind == 2:
        return choices.pick(words.numbers)
    if kind < 6:
        sign = choices.pick("+-*/")
        return f"({amount_of(choices, words, depth + 1)} {sign} {amount_of(choices, words, depth + 1)})"
    if kind == 6:
        return f"({choices.pick(words.conditions)} ? {amount_of(choices, words, depth + 1)} : {amount_of(choices, words, depth + 1)})"
    if kind == 7:
        return f"double({json.dumps(number(choices))})"
    return cel(choices, depth + 1, words.variables)


def text_of(choices: Choices, words: Words, depth: int = 0) -> str:
    """An expression of a text, mostly."""
    kind = choices.below(8 if depth < _MAX_DEPTH else 3)
    if kind < 2:
        return choices.pick(words.texts)
    if kind == 2:
        return json.dumps(text(choices), ensure_ascii=choices.chance(2))
    if kind == 3:
        return f"string({amount_of(choices, words, depth + 1)})"
    if kind == 4:
        return f"({text_of(choices, words, depth + 1)} + {text_of(choices, words, depth + 1)})"
    if kind < 7:
        return f"({choices.pick(words.conditions)} ? {text_of(choices, words, depth + 1)} : {text_of(choices, words, depth + 1)})"
    return cel(choices, depth + 1, words.variables)


def expression(choices: Choices) -> str:
    """An expression of a Metric or a usage."""
    words = choices.pick((_OF_METRICS["container"], _OF_USAGES))
    return choices.pick((_called, amount_of, text_of))(choices, words, 0)


def _field(choices: Choices, made: Any) -> Any:
    return value(choices) if choices.chance(_WRONG) else made


def metric(choices: Choices) -> Any:
    """A Metric, mostly a valid one."""
    path = choices.pick(("/metrics/nodes/{nodeName}/metrics/x", "/metrics/x", "/metrics", text(choices)))
    metrics = [_field(choices, _config(choices)) for _ in range(1 + choices.below(5))]
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Metric",
        "metadata": _field(choices, {"name": "m"}),
        "spec": _field(choices, {"path": _field(choices, path), "metrics": _field(choices, metrics)}),
    }


_NAMES: Final = ("a", "a_total", "a_bytes", "a_seconds_total", "a_sum", "a_bucket", "a:b", "a_created", "a_created_total", "1a", "é", "")
_LABELS: Final = ("a", "pod", "le", "__name__", "b", "é", "")


def _config(choices: Choices) -> Object:
    kind = choices.pick(("gauge", "counter", "histogram"))
    dimension = choices.pick(("container", "pod", "node"))
    made: Object = {
        "name": _field(choices, choices.pick(_NAMES if choices.chance(12) else _NAMES[:-3])),
        "kind": _field(choices, kind),
        "dimension": _field(choices, dimension),
    }
    if choices.chance(2):
        made["help"] = _field(choices, text(choices))
    words = _OF_METRICS["container" if choices.chance(24) else dimension]
    labels = [{"name": _label(choices), "value": text_of(choices, words, 1)} for _ in choices.times(3)]
    if dimension != "node":
        labels.append({"name": "pod", "value": "pod.metadata.name"})
    if dimension == "container":
        labels.append({"name": "container", "value": "container.name"})
    made["labels"] = _field(choices, labels)
    if kind == "histogram":
        made["buckets"] = _field(choices, [_bucket(choices, words) for _ in choices.times(4)])
    else:
        made["value"] = _field(choices, amount_of(choices, words, 1))
    return made


def _label(choices: Choices) -> str:
    return choices.pick(_LABELS) if choices.chance(12) else choices.pick("bcdef")


def _bucket(choices: Choices, words: Words) -> Object:
    bound = choices.pick((0.5, 1, 0, 2.5, 1e9, 0.1, 10, 5, 1e6, -0.0, 1.7976931348623157e308, 5e-324))
    return {
        "le": _field(choices, bound),
        "value": choices.pick(("1", "0", "3.9", "-1", "1e18", amount_of(choices, words, 2))),
        **({"hidden": choices.chance(2)} if choices.chance(2) else {}),
    }


def usage(choices: Choices) -> Any:
    """A ResourceUsage or ClusterResourceUsage, mostly a valid one."""
    spec: Object = {"usages": _field(choices, [_usages(choices) for _ in range(1 + choices.below(3))])}
    metadata: Object = {"name": choices.pick(("web-0", "web-1", "a", text(choices)))}
    if choices.chance(2):
        metadata["namespace"] = choices.pick(("default", "é", ""))
        return {"kind": "ResourceUsage", "metadata": metadata, "spec": _field(choices, spec)}
    if choices.chance(2):
        spec["selector"] = _field(
            choices,
            {
                "matchNames": ["web-0", text(choices)][: choices.below(3)],
                "matchNamespaces": ["default", text(choices)][: choices.below(3)],
                "matchLabels": {"a": text(choices)} if choices.chance(3) else {},
            },
        )
    return {"kind": "ClusterResourceUsage", "metadata": metadata, "spec": _field(choices, spec)}


def _usages(choices: Choices) -> Object:
    made: Object = {"usage": {choices.pick(_RESOURCES): _field(choices, _usage(choices)) for _ in range(1 + choices.below(3))}}
    if choices.chance(2):
        made["containers"] = _field(choices, [choices.pick(("app", "b", "")) for _ in choices.times(2)])
    return made


def _usage(choices: Choices) -> Object:
    kind = choices.below(4)
    if kind == 0:
        return {"value": choices.pick((*QUANTITIES, 1, -1, 0.5, 2**63, 1e308))}
    made: Object = {"expression": amount_of(choices, _OF_USAGES, 1)}
    return {**made, "value": choices.pick(QUANTITIES)} if choices.chance(8) else made


PRESENT: Final[tuple[Object, ...]] = (
    {"cpu": {"value": "100m"}, "memory": {"value": "64Mi"}},
    {"cpu": {"expression": "Wave('1', '500m', '7m')"}, "memory": {"expression": "Ramp('0', '1Gi', pod.metadata.creationTimestamp, '10m')"}},
    {"cpu": {"expression": "pod.Usage('memory') / 2.0"}, "memory": {"expression": "pod.metadata.labels['a']"}},
    {},
)
"""Usages for those who ask for some, the last but one of which needs another and may fail."""


def world(choices: Choices) -> tuple[Object, list[Object]]:
    """A node with its pods."""
    node: Object = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": _metadata(choices, NODE),
        "spec": {},
        "status": {"capacity": {"cpu": choices.pick(QUANTITIES)}, "phase": "Running"},
    }
    return node, [_pod(choices, f"web-{number}") for number in range(1 + choices.below(3))]


def _metadata(choices: Choices, name: str) -> Object:
    made: Object = {"name": name, "uid": f"uid-{name}"}
    if not choices.chance(4):
        made["resourceVersion"] = choices.pick(("1", "2"))
    if choices.chance(2):
        made["labels"] = {"a": text(choices), **{key(choices): text(choices) for _ in choices.times(2)}}
    if choices.chance(3):
        made["annotations"] = {"a": text(choices)}
    if not choices.chance(4):
        made["creationTimestamp"] = choices.pick(_MOMENTS)
    return made


def _pod(choices: Choices, name: str) -> Object:
    containers = [_container(choices, each) for each in ("app", "b")[: 1 + choices.below(2)]]
    made: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**_metadata(choices, name), "namespace": "default"},
        "spec": {"nodeName": NODE, "containers": containers},
    }
    if not choices.chance(6):
        made["status"] = {"phase": choices.pick(("Running", "Pending", "Succeeded", text(choices))), **_status(choices)}
    return made


def _container(choices: Choices, name: str) -> Object:
    made: Object = {"name": name, "image": text(choices)}
    if choices.chance(2):
        made["resources"] = {"requests": {"cpu": choices.pick(QUANTITIES)}, "limits": {"memory": "1Gi"}}
    if choices.chance(3):
        made["livenessProbe"] = {"periodSeconds": choices.pick((10, 1, 0))}
    return made


def _status(choices: Choices) -> Object:
    made: Object = {}
    if not choices.chance(3):
        made["startTime"] = choices.pick(_MOMENTS)
    if choices.chance(2):
        made["containerStatuses"] = [
            _field(choices, {"name": choices.pick(("app", "b")), "restartCount": choices.pick((0, 1, 7)), "state": _state(choices)})
            for _ in choices.times(2)
        ]
    return made


def _state(choices: Choices) -> Any:
    began, ended = choices.pick(_MOMENTS), choices.pick((*_MOMENTS, *TIMES))
    return _field(
        choices,
        choices.pick(
            (
                {"running": {"startedAt": began}},
                {"terminated": {"startedAt": began, "finishedAt": ended, "exitCode": 0}},
                {"waiting": {"reason": "CrashLoopBackOff"}},
                {},
                {"terminated": {}},
            )
        ),
    )


def trace(choices: Choices) -> str:
    """A trace: times that mostly rise, of one sort or of several, and values."""
    rows = ["time,value"] if choices.chance(2) else []
    absolute, at = choices.chance(2), 0
    for _ in range(choices.below(8)):
        at += choices.pick((0, -1)) if choices.chance(24) else choices.pick((1, 60, 3600))
        kind = choices.below(4 if absolute else 5) if not choices.chance(12) else 6
        if kind < 4:
            time = f"2023-11-14T{at // 3600 % 24:02}:{at // 60 % 60:02}:{at % 60:02}Z" if absolute else choices.pick((f"{at}", f"{at}s"))
        elif kind == 4:
            time = f"{at}.5"
        else:
            time = choices.pick((*TIMES, *DURATIONS, text(choices)))
        amount = choices.pick((*QUANTITIES, text(choices))) if choices.chance(6) else choices.pick(("1", "500m", "2Gi", "0", "0.25"))
        rows.append(f"{time}{choices.pick((',,', ';', '')) if choices.chance(24) else choices.pick((',', ' , '))}{amount}")
        if choices.chance(8):
            rows.append(choices.pick(("", "# comment", '"', "a,b", text(choices))))
    return choices.pick(("\n", "\r\n", "\r")).join(rows)


CHECKPOINT: Final[Object] = {
    "version": 1,
    "used": {"cpu": "de0b6b3a7640000"},
    "pods": {
        "uid-web-0": [{"cpu": "1"}, {"app": [1, {"cpu": [NOW_NS, "f", "0123456789ab", "1"], "memory": [NOW_NS, "10"]}]}],
        "gone": [{}, {"app": [0, {"cpu": [NOW_NS - 10**9, "ff"]}]}],
    },
}
"""One of a node with a pod, and another that is gone."""

_NUMBERS_OF_CHECKPOINTS: Final = ("0", "f", "-1", "0x10", "zz", "1_0", "f" * 300, 7, None, True, 1.5, -(2**63), 2**64 - 1)


def damaged(choices: Choices, checkpoint: Any) -> Any:
    """A checkpoint with some of its values replaced, of which it shares none."""

    def walk(found: Any) -> Any:
        if choices.chance(12):
            return choices.pick(_NUMBERS_OF_CHECKPOINTS) if choices.chance(2) else value(choices)
        if isinstance(found, dict):
            return {walk_key(name): walk(each) for name, each in found.items() if not choices.chance(30)}
        if isinstance(found, list):
            kept = [walk(each) for each in found]
            return kept[: choices.below(len(kept) + 1)] if choices.chance(20) else kept
        return found

    def walk_key(name: str) -> str:
        return choices.pick((*_RESOURCES, *KEYS)) if choices.chance(30) else name

    return walk(checkpoint)


_CODINGS: Final = ("gzip", "*", "identity", "br", "deflate", "zstd", "GZIP")
_MEDIA: Final = ("text/plain", "application/openmetrics-text", "*/*", "text/*", "application/json", "TEXT/PLAIN")
_QUALITIES: Final = ("", ";q=1", ";q=0", ";q=0.5", ";q=0.001", "; q=0.000", ";q=nan", ";q=-1", ";q=1e9", ";q=", ";q=x")
_PARAMETERS: Final = ("", ";version=0.0.4", ';version="1.0.0"', ";version=0.0.1", ";charset=utf-8", "; escaping=underscores", ";;", ";=")


def accept(choices: Choices) -> str:
    """An Accept header."""
    items = [f"{choices.pick(_MEDIA)}{choices.pick(_PARAMETERS)}{choices.pick(_QUALITIES)}" for _ in choices.times(5)]
    if choices.chance(4):
        items.append(text(choices))
    return choices.pick((", ", ",", " ,")).join(items)


def accept_encoding(choices: Choices) -> str:
    """An Accept-Encoding header."""
    items = [f"{choices.pick(_CODINGS)}{choices.pick(_QUALITIES)}" for _ in choices.times(4)]
    if choices.chance(4):
        items.append(text(choices))
    return choices.pick((", ", ",", " ,")).join(items)
