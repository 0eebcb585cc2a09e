# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is fuzzed: one function for each target. It takes any bytes and raises only where something is wrong with the code.

The first byte says how the others are read: if it is odd, they are the text itself (a NUL ends it, the object for it comes after); if
it is even, they are choices from which a text is generated.
"""

from __future__ import annotations

import marshal
import math
from collections.abc import Callable
from typing import Any, Final

import orjson

from fuzzing import expressions, stages, values
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


class Broken(AssertionError):
    """Something holds not that has to."""


def _source(data: bytes, generate: Callable[[Choices], str]) -> tuple[str, Choices]:
    """The text of a case, and the choices that are left for its object."""
    if data[:1] and data[0] % 2:
        text, _, rest = data[1:].partition(b"\0")
        return text.decode("utf-8", "replace"), Choices(rest)
    choices = Choices(data[1:])
    return generate(choices), choices


def _copied(value: Any) -> bytes:
    """A value of JSON as it is now, to compare with: orjson encodes no more than 254 levels, but decodes 1,024."""
    return marshal.dumps(value, 2)


def _encoded(value: Any) -> bytes:
    """What is sent of it."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise Broken(f"cannot be sent: {error}: {value!r:.300}") from error


def _expect(holds: bool, message: str, *shown: Any) -> None:
    if not holds:
        raise Broken(f"{message}: {', '.join(f'{each!r:.300}' for each in shown)}")


def jq(data: bytes) -> None:
    """A jq query, on an object."""
    source, choices = _source(data, expressions.jq)
    obj = values.obj(choices)
    before = _copied(obj)
    try:
        found = compile_jq(source)(obj)
    except (JqSyntaxError, JqLimitError) as error:
        _expect(len(str(error)) < 2_000, "a long message", str(error))
    else:
        _expect(found is None or (type(found) is list and None not in found), "no list of results", source, found)
    _expect(_copied(obj) == before, "the query changed the object", source)


def cel(data: bytes) -> None:
    """A CEL expression, on an object."""
    source, choices = _source(data, expressions.cel)
    obj = values.obj(choices)
    before = _copied(obj)
    try:
        result = compile_cel(source, now=_ENVIRONMENT.now, random=_CHANCE.random)(obj)
    except (CelSyntaxError, CelEvaluationError) as error:
        _expect(len(str(error)) < 2_000, "a long message", str(error))
    else:
        for convert in (as_bool, as_int64, as_duration_ns):
            try:
                converted = convert(result)
            except CelEvaluationError:
                continue
            _expect(-_INT64 <= converted < _INT64, "no int64", source, converted)
    _expect(_copied(obj) == before, "the expression changed the object", source)


def template(data: bytes) -> None:
    """A Go template, rendered with an object and read as YAML."""
    source, choices = _source(data, expressions.template)
    obj = values.obj(choices)
    before = _copied(obj)
    try:
        text = compile_template(source, _FUNCTIONS, trim=True).render(obj)
    except TemplateError as error:
        _expect(len(str(error)) < 20_000, "a long message", len(str(error)), str(error))
    else:
        _read_yaml(text)
    _expect(_copied(obj) == before, "the template changed the object", source)


def yaml(data: bytes) -> None:
    """A text, read as YAML: whole, and document by document."""
    source, _ = _source(data, expressions.yaml)
    _read_yaml(source)
    for document in split_documents(source):
        _expect(document in source, "a document that is not in its source", source, document)
        _read_yaml(document)


def _read_yaml(text: str) -> None:
    try:
        value = load_yaml(text)
    except YamlError:
        return
    _encoded(value)
    _expect(same(read_whole(text, DEFAULT_LIMITS), value), "the two readers disagree", text, value)


def quantity(data: bytes) -> None:
    """A quantity."""
    text, choices = _source(data, lambda each: "".join(each.pick(values.QUANTITIES)[:8] for _ in range(1 + each.below(2))))
    try:
        read = parse_quantity(text)
    except QuantityError:
        return
    again = parse_quantity(str(read))
    _expect(again == read and str(again) == str(read), "another quantity when it is read again", text, read, again)
    negative = -read
    _expect(-negative == read and (read - read).nanos == 0, "no number", text)
    _expect(not math.isnan(float(read)), "no number", text)
    other = parse_quantity(choices.pick(("0", "1Ki", "-5m", "1e3")))
    _expect((read < other) + (read == other) + (read > other) == 1, "no order", read, other)
    total = str(read + other)
    _expect(len(total) > 1000 or str(parse_quantity(total)) == total, "a sum that cannot be written", read, other)


def time(data: bytes) -> None:
    """A duration or a time, as objects give them for delays."""
    text, _ = _source(data, lambda each: each.pick((*values.TIMES, *values.DURATIONS)) + values.text(each)[: each.below(3)])
    delay = parse_delay(text, NOW_NS)
    _expect(delay is None or -_INT64 <= delay < _INT64, "no int64", text, delay)
    try:
        duration = parse_duration(text)
    except ValueError:
        pass
    else:
        _expect(parse_duration(format_duration(duration)) == duration, "another duration when it is read again", text, duration)
    try:
        moment = parse_time(RFC3339_NANO, text)
    except ValueError:
        return
    written = moment.format(RFC3339_NANO)
    _expect(parse_time(RFC3339_NANO, written).nanoseconds == moment.nanoseconds, "another time when it is read again", text, written)


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
    _expect(same(apply_merge(result, patch), result), "another object each time it is applied", obj, patch, result)


def strategic_patch(data: bytes) -> None:
    """A strategic merge patch of an object."""
    choices = Choices(data)
    obj, patch, keys = values.obj(choices), stages.merge_patch(choices), choices.pick((POD, NODE, NO_KEYS))
    _patched(obj, patch, lambda obj, patch: apply_strategic(obj, patch, keys))


def _patched(obj: Object, patch: Any, apply: Callable[[Any, Any], Any]) -> Any:
    """What a patch makes of an object, neither of which it may change; nothing where it does not fit."""
    before = _copied([obj, patch])
    try:
        result = apply(obj, patch)
    except PatchError:
        result = None
    else:
        _expect(result is obj or not same(result, obj), "a copy where nothing changes", obj, patch)
    _expect(_copied([obj, patch]) == before, "the patch changed what it was given", obj, patch)
    return result


def stage(data: bytes) -> None:
    """A Stage: decoded, compiled, matched and played on an object."""
    choices = Choices(data)
    raw, obj = stages.stage(choices), values.obj(choices)
    before = _copied([raw, obj])
    try:
        compiled = compile_stage(decode_stage(raw), _ENVIRONMENT)
    except (InvalidObject, StageError):
        return
    told: list[StageError] = []
    chosen = Lifecycle([compiled], told.append).match(obj, _DRAW)
    _expect(chosen is None or chosen is compiled, "another stage", raw)
    try:
        matches = compiled.matches(obj, _DRAW)
    except StageError:
        matches = False
    _expect(matches == (chosen is not None), "matched in one way, not in the other", raw, obj)
    _timed(compiled, obj)
    played = _play(raw, obj)
    _expect(played == _play(raw, obj), "another outcome the second time", raw, obj)
    _expect(_copied([raw, obj]) == before, "the stage changed what it was given", raw, obj)


def stage_lint(data: bytes) -> None:
    """`stage lint` of one or two Stages: it finds an error where one cannot be compiled."""
    choices = Choices(data)
    raw = [each for each in (stages.stage(choices), stages.stage(choices))[: 1 + choices.below(2)] if isinstance(each, dict)]
    before = _copied(raw)
    findings = lint([Document(each, "-", number) for number, each in enumerate(raw, 1)], strict=choices.chance(2))
    wrong = {finding.document for finding in findings if finding.severity == "error"}
    for number, each in enumerate(raw, 1):
        try:
            compile_stage(decode_stage(each), _ENVIRONMENT)
        except (InvalidObject, StageError) as error:
            # Functions that only pods or nodes have are known to lint, and not here.
            _expect(number in wrong or "not defined" in str(error), "lint finds nothing wrong", each, str(error))
    _expect(_copied(raw) == before, "lint changed what it was given", raw)


def _timed(compiled: CompiledStage, obj: Object) -> None:
    """When a stage is played on an object, and how likely."""
    try:
        weight = compiled.weight(obj, _DRAW)
        _expect(weight is None or -_INT64 <= weight < _INT64, "no int64", compiled.spec, weight)
        delay, bounds = compiled.delay(obj, NOW_NS, _DRAW), compiled.delay_range(obj, NOW_NS, _DRAW)
    except StageError:
        return
    if delay is None or bounds is None:
        _expect(delay is None and bounds is None, "a delay, and none", compiled.spec, delay, bounds)
    # Expressions of chance give another bound each time.
    elif "Rand" not in repr(compiled.spec):
        _expect(bounds[0] <= delay <= bounds[-1], "a delay that is out of its range", compiled.spec, delay, bounds)


def _play(raw: Object, obj: Object) -> list[bytes]:
    """What is sent for an object, or why nothing is."""
    sent = []
    try:
        for at, effect in compile_stage(decode_stage(raw), _ENVIRONMENT).effects(obj, 0, _DRAW):
            sent.append(b"%d" % at)
            if isinstance(effect, Patch | Apply):
                sent.append(_encoded(effect.data))
            if isinstance(effect, Patch):
                sent.append(_copied(_after(obj, effect)))
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
    before = _copied(raw)
    try:
        if isinstance(raw, dict) and raw.get("kind") == "KwokConfiguration":
            decode_configuration(raw)
            unknown_configuration_fields(raw)
        else:
            kind = type(decode(raw)).__name__
            _expect(kind in KINDS, "a kind that there is not", raw)
            unknown_fields(raw, kind)
    except InvalidObject as error:
        _expect(error.path.startswith("$") and len(str(error)) < 2_000, "an error without its place", str(error))
    _expect(_copied(raw) == before, "decoding changed the object", raw)


SECONDS: Final = {"stage-lint": 20.0}
"""CPU time that a case may take where it is no short one: lint plays stages on one another's objects, up to a limit."""

TARGETS: Final[dict[str, Target]] = {
    "api-object": api_object,
    "cel": cel,
    "jq": jq,
    "json-patch": json_patch,
    "merge-patch": merge_patch,
    "quantity": quantity,
    "stage": stage,
    "stage-lint": stage_lint,
    "strategic-patch": strategic_patch,
    "template": template,
    "time": time,
    "yaml": yaml,
}
