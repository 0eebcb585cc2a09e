# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is fuzzed: one function for each target. It takes any bytes and raises only where something is wrong with the code.

The first byte says how the others are read: if it is odd, they are the text itself (a NUL ends it, the object for it comes after); if
it is even, they are choices from which a text is generated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from fuzzing import expressions, monitoring, stages, values
from fuzzing.cases import copied, encoded, expect, read_case
from fuzzing.choices import Choices
from kwok_controller.api import KINDS, InvalidObject, decode, decode_stage, unknown_fields
from kwok_controller.api.configuration import decode_configuration, unknown_configuration_fields
from kwok_controller.api.load import Document, split_documents
from kwok_controller.expressions.cel import CelEvaluationError, CelSyntaxError, as_bool, as_duration_ns, as_int64, compile_cel
from kwok_controller.expressions.gotemplate import TemplateError, compile_template, kwok_functions
from kwok_controller.expressions.gotemplate.gotime import RFC3339_NANO, format_duration, parse_duration, parse_time
from kwok_controller.expressions.jq import JqLimitError, JqSyntaxError, compile_jq
from kwok_controller.expressions.quantity import QuantityError, parse_quantity
from kwok_controller.expressions.yaml import YamlError, load_yaml
from kwok_controller.expressions.yaml.limits import DEFAULT_LIMITS
from kwok_controller.expressions.yaml.whole import read_whole
from kwok_controller.lifecycle import Chance, CompiledStage, Draw, Environment, Lifecycle, Patch, PatchType, StageError, compile_stage
from kwok_controller.lifecycle.effects import Apply
from kwok_controller.lifecycle.patching import PatchError, apply_json, apply_merge, apply_strategic
from kwok_controller.lifecycle.patching.equality import same
from kwok_controller.lifecycle.patching.kinds import NODE, POD
from kwok_controller.lifecycle.patching.merge_keys import NO_KEYS
from kwok_controller.lifecycle.values import parse_delay
from kwok_controller.stages.lint import lint

Object = dict[str, Any]
Target = Callable[[bytes], None]

NOW_NS: Final = 1_700_000_000_000_000_000
_INT64: Final = 1 << 63
_CHANCE: Final = Chance()
_FUNCTIONS: Final = kwok_functions(now=lambda: NOW_NS, start=NOW_NS, version="test", random=_CHANCE)
_ENVIRONMENT: Final = Environment(functions=_FUNCTIONS, now=lambda: NOW_NS, chance=_CHANCE)
_DRAW: Final = Draw(1, "v1/Pod/default/web-0", 0)


def jq(data: bytes) -> None:
    """A jq query, on an object."""
    source, choices = read_case(data, expressions.jq)
    obj = values.obj(choices)
    before = copied(obj)
    try:
        found = compile_jq(source)(obj)
    except (JqSyntaxError, JqLimitError) as error:
        expect(len(str(error)) < 2_000, "a long message", str(error))
    else:
        expect(found is None or (type(found) is list and None not in found), "no list of results", source, found)
    expect(copied(obj) == before, "the query changed the object", source)


def cel(data: bytes) -> None:
    """A CEL expression, on an object."""
    source, choices = read_case(data, expressions.cel)
    obj = values.obj(choices)
    before = copied(obj)
    try:
        result = compile_cel(source, now=_ENVIRONMENT.now, random=_CHANCE.random)(obj)
    except (CelSyntaxError, CelEvaluationError) as error:
        expect(len(str(error)) < 2_000, "a long message", str(error))
    else:
        for convert in (as_bool, as_int64, as_duration_ns):
            try:
                converted = convert(result)
            except CelEvaluationError:
                continue
            expect(-_INT64 <= converted < _INT64, "no int64", source, converted)
    expect(copied(obj) == before, "the expression changed the object", source)


def template(data: bytes) -> None:
    """A Go template, rendered with an object and read as YAML."""
    source, choices = read_case(data, expressions.template)
    obj = values.obj(choices)
    before = copied(obj)
    try:
        text = compile_template(source, _FUNCTIONS, trim=True).render(obj)
    except TemplateError as error:
        expect(len(str(error)) < 20_000, "a long message", len(str(error)), str(error))
    else:
        _read_yaml(text)
    expect(copied(obj) == before, "the template changed the object", source)


def yaml(data: bytes) -> None:
    """A text, read as YAML: whole, and document by document."""
    source, _ = read_case(data, expressions.yaml)
    _read_yaml(source)
    for document in split_documents(source):
        expect(document in source, "a document that is not in its source", source, document)
        _read_yaml(document)


def _read_yaml(text: str) -> None:
    try:
        value = load_yaml(text)
    except YamlError:
        return
    encoded(value)
    expect(same(read_whole(text, DEFAULT_LIMITS), value), "the two readers disagree", text, value)


def quantity(data: bytes) -> None:
    """A quantity."""
    text, choices = read_case(data, lambda each: "".join(each.pick(values.QUANTITIES)[:8] for _ in range(1 + each.below(2))))
    try:
        read = parse_quantity(text)
    except QuantityError:
        return
    again = parse_quantity(str(read))
    expect(again == read and str(again) == str(read), "another quantity when it is read again", text, read, again)
    negative = -read
    expect(-negative == read and (read - read).nanos == 0, "no number", text)
    expect(not math.isnan(float(read)), "no number", text)
    other = parse_quantity(choices.pick(("0", "1Ki", "-5m", "1e3")))
    expect((read < other) + (read == other) + (read > other) == 1, "no order", read, other)
    total = str(read + other)
    expect(len(total) > 1000 or str(parse_quantity(total)) == total, "a sum that cannot be written", read, other)


def time(data: bytes) -> None:
    """A duration or a time, as objects give them for delays."""
    text, _ = read_case(data, lambda each: each.pick((*values.TIMES, *values.DURATIONS)) + values.text(each)[: each.below(3)])
    delay = parse_delay(text, NOW_NS)
    expect(delay is None or -_INT64 <= delay < _INT64, "no int64", text, delay)
    try:
        duration = parse_duration(text)
    except ValueError:
        pass
    else:
        expect(parse_duration(format_duration(duration)) == duration, "another duration when it is read again", text, duration)
    try:
        moment = parse_time(RFC3339_NANO, text)
    except ValueError:
        return
    written = moment.format(RFC3339_NANO)
    expect(parse_time(RFC3339_NANO, written).nanoseconds == moment.nanoseconds, "another time when it is read again", text, written)


def json_patch(data: bytes) -> None:
    """A JSON patch of an object."""
    choices = Choices(data)
    obj, patch = values.obj(choices), stages.json_patch(choices)
    _patched(obj, patch, apply_json)


def merge_patch(data: bytes) -> None:
    """A merge patch of an object."""
    choices = Choices(data)
    obj, patch = values.obj(choices), stages.merge_patch(choices)
    # A list that takes the place of an object keeps its nulls, as in the apiserver; the second time it takes the place of a list.
    result = apply_merge(_patched(obj, patch, apply_merge), patch)
    expect(same(apply_merge(result, patch), result), "another object each time it is applied", obj, patch, result)


def strategic_patch(data: bytes) -> None:
    """A strategic merge patch of an object."""
    choices = Choices(data)
    obj, patch, keys = values.obj(choices), stages.merge_patch(choices), choices.pick((POD, NODE, NO_KEYS))
    _patched(obj, patch, lambda obj, patch: apply_strategic(obj, patch, keys))


def _patched(obj: Object, patch: Any, apply: Callable[[Any, Any], Any]) -> Any:
    """What a patch makes of an object, neither of which it may change; nothing where it does not fit."""
    before = copied([obj, patch])
    try:
        result = apply(obj, patch)
    except PatchError:
        result = None
    else:
        expect(result is obj or not same(result, obj), "a copy where nothing changes", obj, patch)
    expect(copied([obj, patch]) == before, "the patch changed what it was given", obj, patch)
    return result


def stage(data: bytes) -> None:
    """A Stage: decoded, compiled, matched and played on an object."""
    choices = Choices(data)
    raw, obj = stages.stage(choices), values.obj(choices)
    before = copied([raw, obj])
    try:
        compiled = compile_stage(decode_stage(raw), _ENVIRONMENT)
    except (InvalidObject, StageError):
        return
    told: list[StageError] = []
    chosen = Lifecycle([compiled], told.append).match(obj, _DRAW)
    expect(chosen is None or chosen is compiled, "another stage", raw)
    try:
        matches = compiled.matches(obj, _DRAW)
    except StageError:
        matches = False
    expect(matches == (chosen is not None), "matched in one way, not in the other", raw, obj)
    _timed(compiled, obj)
    played = _play(raw, obj)
    expect(played == _play(raw, obj), "another outcome the second time", raw, obj)
    expect(copied([raw, obj]) == before, "the stage changed what it was given", raw, obj)


def stage_lint(data: bytes) -> None:
    """`stage lint` of one or two Stages: it finds an error where one cannot be compiled."""
    choices = Choices(data)
    raw = [each for each in (stages.stage(choices), stages.stage(choices))[: 1 + choices.below(2)] if isinstance(each, dict)]
    before = copied(raw)
    findings = lint([Document(each, "-", number) for number, each in enumerate(raw, 1)], strict=choices.chance(2))
    wrong = {finding.document for finding in findings if finding.severity == "error"}
    for number, each in enumerate(raw, 1):
        try:
            compile_stage(decode_stage(each), _ENVIRONMENT)
        except (InvalidObject, StageError) as error:
            # Functions that only pods or nodes have are known to lint, and not here.
            expect(number in wrong or "not defined" in str(error), "lint finds nothing wrong", each, str(error))
    expect(copied(raw) == before, "lint changed what it was given", raw)


def _timed(compiled: CompiledStage, obj: Object) -> None:
    """When a stage is played on an object, and how likely."""
    try:
        weight = compiled.weight(obj, _DRAW)
        expect(weight is None or -_INT64 <= weight < _INT64, "no int64", compiled.spec, weight)
        delay, bounds = compiled.delay(obj, NOW_NS, _DRAW), compiled.delay_range(obj, NOW_NS, _DRAW)
    except StageError:
        return
    if delay is None or bounds is None:
        expect(delay is None and bounds is None, "a delay, and none", compiled.spec, delay, bounds)
    # Expressions of chance give another bound each time.
    elif "Rand" not in repr(compiled.spec):
        expect(bounds[0] <= delay <= bounds[-1], "a delay that is out of its range", compiled.spec, delay, bounds)


def _play(raw: Object, obj: Object) -> list[bytes]:
    """What is sent for an object, or why nothing is."""
    sent = []
    try:
        for at, effect in compile_stage(decode_stage(raw), _ENVIRONMENT).effects(obj, 0, _DRAW):
            sent.append(b"%d" % at)
            if isinstance(effect, Patch | Apply):
                sent.append(encoded(effect.data))
            if isinstance(effect, Patch):
                sent.append(copied(_after(obj, effect)))
    except StageError as error:
        sent.append(str(error).encode("utf-8", "surrogatepass"))
    return sent


def _after(obj: Object, patch: Patch) -> Any:
    try:
        if patch.type is PatchType.JSON:
            return apply_json(obj, patch.data)
        if patch.type is PatchType.STRATEGIC:
            return apply_strategic(obj, patch.data, POD)
        return apply_merge(obj, patch.data)
    except PatchError as error:
        return str(error)


def api_object(data: bytes) -> None:
    """An object of any kind, or a configuration."""
    raw = stages.other(Choices(data))
    before = copied(raw)
    try:
        if isinstance(raw, dict) and raw.get("kind") == "KwokConfiguration":
            decode_configuration(raw)
            unknown_configuration_fields(raw)
        else:
            kind = type(decode(raw)).__name__
            expect(kind in KINDS, "a kind that there is not", raw)
            unknown_fields(raw, kind)
    except InvalidObject as error:
        expect(error.path.startswith("$") and len(str(error)) < 2_000, "an error without its place", str(error))
    expect(copied(raw) == before, "decoding changed the object", raw)


SECONDS: Final = {"stage-lint": 20.0, "cel-over": 5.0, "metric": 5.0, "usage": 5.0}
"""CPU time that a case may take where it is no short one: lint plays stages on one another's objects, and usages are summed up over time,
both up to a limit."""

TARGETS: Final[dict[str, Target]] = {
    "api-object": api_object,
    "cel": cel,
    "cel-over": monitoring.cel_over,
    "checkpoint": monitoring.checkpoint,
    "jq": jq,
    "json-patch": json_patch,
    "merge-patch": merge_patch,
    "metric": monitoring.metric,
    "negotiation": monitoring.negotiation,
    "quantity": quantity,
    "stage": stage,
    "stage-lint": stage_lint,
    "strategic-patch": strategic_patch,
    "template": template,
    "time": time,
    "trace": monitoring.trace,
    "usage": monitoring.usage,
    "yaml": yaml,
}
