# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What fuzzing begins with: inputs for targets, and words to put into texts."""

from __future__ import annotations

from typing import Final

from fuzzing.expressions import CEL_NAMES, JQ_FUNCTIONS, TEMPLATE_FUNCTIONS
from fuzzing.values import DURATIONS, KEYS, QUANTITIES, TIMES
from kwok_controller.api import decode_stage
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
    "template": _texts(*_TEMPLATES),
    "yaml": _texts(*_YAML),
    "quantity": _texts(*QUANTITIES),
    "time": _texts(*TIMES, *DURATIONS),
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
    "template": (*(name for name, _, _ in TEMPLATE_FUNCTIONS), "{{", "}}", "range ", "if ", "else", "end", "with ", "define ", "$x := "),
    "yaml": ("&a", "*a", "<<: ", "!!int ", "!!binary ", "---\n", "\n...\n", "? ", "- ", ": ", "|\n", ">-\n", "\n  ", "~", ".inf", "0x"),
    "quantity": ("Ki", "Ei", "E", "e-9", "n", "."),
    "time": ("T", "Z", "+14:00", "h", "ms", "."),
}


def dictionary(target: str) -> str:
    """Words for a target, as libFuzzer reads them."""
    words = _WORDS.get(target, ())
    if target in ("jq", "cel", "template", "yaml"):
        words += KEYS
    return "".join(f'"{_escaped(word)}"\n' for word in dict.fromkeys(words))


def _escaped(word: str) -> str:
    return word.replace('"', '\\"').replace("\n", "\\x0a")
