# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What fuzzing begins with: inputs for targets, and words to put into texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from fuzzing.exposed import CHECKPOINT
from fuzzing.expressions import CEL_NAMES, JQ_FUNCTIONS, TEMPLATE_FUNCTIONS
from fuzzing.values import DURATIONS, KEYS, QUANTITIES, TIMES
from kwok_controller.api import decode_stage
from kwok_controller.monitoring import sets
from kwok_controller.stages.sets import documents, names

_TEXT: Final = b"\x01"
"""The first byte of an input that is the text itself."""

_OBJECT: Final = b"\0" + bytes(range(1, 200, 7))
"""The end of a text, and choices for the object."""

_STAGES: Final = tuple(decode_stage(document.obj).spec for name in names() for document in documents(name))
_REQUIREMENTS: Final = [each for spec in _STAGES if spec.selector for each in spec.selector.match_expressions]

_JQ: Final = (
    *dict.fromkeys(each.jq.key for each in _REQUIREMENTS if each.jq),
    "[.spec.containers[] | {name, image} | .name |= ascii_upcase] | sort_by(.name) | .[0].name // empty",
    'reduce .[]? as $x (0; . + 1) | tostring | test("^[0-9]+$")',
    'def f(x): x | ., f(x?); first(f(..)) | @json "a\\(.)" | fromjson? | try error catch .',
    "label $out | foreach range(10) as $i (0; . + $i; if . > 5 then ., break $out else . end)",
)
_CEL: Final = (
    'self.status.phase == "Pending" && SinceSecond(self) > 10.0',
    'Quantity("1Gi") + Quantity("500m") > Quantity("1") ? duration("1h") : duration("-1ms")',
    'self.spec.containers.filter(x, x.name.matches("^[a-z]+$")).map(x, {x.name: [x.image, size(x.image)]})',
    'timestamp("2024-01-01T00:00:00Z").getDayOfYear("+01:00") in [0, 1u, 1.5, b"a"]',
)


def _expressions(obj: Any) -> Iterator[str]:
    """Those of a Metric or a usage."""
    if isinstance(obj, dict):
        for name, each in obj.items():
            if name in ("value", "expression") and isinstance(each, str):
                yield each
            else:
                yield from _expressions(each)
    elif isinstance(obj, list):
        for each in obj:
            yield from _expressions(each)


_CEL_OVER: Final = dict.fromkeys(each for name in sets.names() for document in sets.documents(name) for each in _expressions(document.obj))
_TRACES: Final = (
    "time,value\n0,100m\n1h30m,2\n7200.5,1Gi\n",
    "# recorded\n2023-11-14T00:00:00Z , 1\n\n2023-11-14T22:13:20.5Z , 0.25\n",
    '"0","1"\r\n"60s","2"\r\n',
)
# What Prometheus and browsers send.
_ACCEPTS: Final = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "",
)
_TEMPLATES: Final = tuple(step.patch.template for spec in _STAGES for step in spec.steps if step.patch)
_YAML: Final = (
    "a: &a [1, *a]\n",
    "a: {b: [1, ~, yes, 0x1f, 1e3, .inf]}\n---\n- |\n  text\n- >-\n  folded\n",
    '? "k"\n: !!binary c29tZQ==\n<<: {x: 1}\n',
)


def _texts(*sources: str) -> tuple[bytes, ...]:
    return tuple(_TEXT + source.encode() + _OBJECT for source in sources)


SEEDS: Final[dict[str, tuple[bytes, ...]]] = {
    "jq": _texts(*_JQ),
    "cel": _texts(*_CEL),
    "cel-over": _texts(*_CEL_OVER),
    "checkpoint": _texts(json.dumps(CHECKPOINT)),
    "negotiation": _texts(*_ACCEPTS),
    "template": _texts(*_TEMPLATES),
    "yaml": _texts(*_YAML),
    "quantity": _texts(*QUANTITIES),
    "time": _texts(*TIMES, *DURATIONS),
    "trace": _texts(*_TRACES),
}
"""By target; the inputs of all others are choices, with nothing to begin with."""

_JQ_WORDS: Final = (
    "as",
    "def",
    "if",
    "then",
    "elif",
    "else",
    "end",
    "reduce",
    "foreach",
    "try",
    "catch",
    "label",
    "and",
    "or",
    "?//",
    "|=",
)
_WORDS: Final = {
    "jq": (*(name.partition("/")[0] for name in JQ_FUNCTIONS), *_JQ_WORDS),
    "cel": (*(name for name, _ in CEL_NAMES), "self", "has(", "true", "null", "&&", "||", " in ", ".all(x, ", ".map(x, "),
    "cel-over": (
        *("node", "pod", "container", ".metadata", ".creationTimestamp", ".labels", ".spec.containers", ".status", "null", " ? ", " : "),
        *("Usage", "CumulativeUsage", "StartedContainersTotal", "StartedPodsTotal", "RunningPods", "RunningContainers", "UnixSecond"),
        *("Constant(", "Ramp(", "Wave(", "Spike(", "Noise(", "Trace(", "Rand()", "Now()", '"cpu"', "'1h'", "double(", "string("),
    ),
    "checkpoint": ('"version"', '"used"', '"pods"', "[{}, {", ": [0, {", "null", "-1", '"ff"', "1e400"),
    "negotiation": ("q=0", "q=1", ";version=1.0.0", "text/plain", "application/openmetrics-text", "*/*", "gzip"),
    "template": (*(name for name, _, _ in TEMPLATE_FUNCTIONS), "{{", "}}", "range ", "if ", "else", "end", "with ", "define ", "$x := "),
    "yaml": ("&a", "*a", "<<: ", "!!int ", "!!binary ", "---\n", "\n...\n", "? ", "- ", ": ", "|\n", ">-\n", "\n  ", "~", ".inf", "0x"),
    "quantity": ("Ki", "Ei", "E", "e-9", "n", "."),
    "time": ("T", "Z", "+14:00", "h", "ms", "."),
    "trace": ("time,value\n", "#", '"', ",", "1h30m", "2023-11-14T22:13:20Z", "1Gi"),
}


def dictionary(target: str) -> str:
    """Words for a target, as libFuzzer reads them."""
    words = _WORDS.get(target, ())
    if target in ("jq", "cel", "template", "yaml"):
        words += KEYS
    return "".join(f'"{_escaped(word)}"\n' for word in dict.fromkeys(words))


def _escaped(word: str) -> str:
    return word.replace('"', '\\"').replace("\n", "\\x0a")
