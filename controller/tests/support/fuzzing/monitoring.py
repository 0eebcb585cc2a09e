# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is fuzzed of kubelets: expressions of Metrics and usages, what these give, what is kept of it, and how an answer is agreed on."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from fuzzing import exposed
from fuzzing.cases import Broken, copied, encoded, expect, read_case
from fuzzing.choices import Choices
from fuzzing.values import Object
from kwok_controller.api import InvalidObject, decode
from kwok_controller.api.decode import decode_as
from kwok_controller.api.metric import Metric
from kwok_controller.api.usage import ClusterResourceUsage, ResourceUsage
from kwok_controller.exposition import Endpoint, Format, Scrape, compile_endpoint, lint, negotiate
from kwok_controller.expressions.cel import CelError, CelEvaluationError, CelLimitError, as_double, as_string
from kwok_controller.expressions.cel.values import type_name
from kwok_controller.expressions.quantity import QuantityError, parse_quantity
from kwok_controller.kubelet.answers import GZIP_FROM, Asked, answer, asked, takes_gzip
from kwok_controller.kubelet.moment import Momentary
from kwok_controller.monitoring.surroundings import Surroundings
from kwok_controller.usage.check import check_usage
from kwok_controller.usage.cumulative import Cumulative, InvalidCheckpoint
from kwok_controller.usage.rates import Problem
from kwok_controller.usage.traces import InvalidTrace, Trace, parse_trace

Usage = ResourceUsage | ClusterResourceUsage

NOW_NS: Final = exposed.NOW_NS
_SECOND: Final = 10**9
_LONG: Final = 2_000
"""No message has so many characters."""

_LATER: Final = (0, 5, 17, 60, 3600)
"""Seconds after `NOW_NS` at which sums are asked for."""

_GONE: Final = 17
"""When a pod is gone, and another like it comes."""

_MAX_CELLS: Final = 16
"""How often one call may evaluate an expression: a controller may 360 times, which is as many times as slow."""

_TRACES: Final = {
    "day": Trace([0, 86_400 * _SECOND], [1.0, 1.0], absolute=False, repeats=True),
    "course": Trace([0, 60 * _SECOND], [0.0, 2.0], absolute=False, repeats=False),
}


def _surroundings(choices: Choices, usages: Sequence[Usage] = (), told: list[Problem] | None = None) -> Surroundings:
    node, pods = exposed.world(choices)
    report: Callable[[Problem], None] = (lambda problem: None) if told is None else told.append
    return Surroundings(node, pods, usages, now_ns=NOW_NS, traces=_TRACES, report=report)


def _present(choices: Choices) -> list[Usage]:
    """Usages that are fine."""
    made = decode(
        {"kind": "ClusterResourceUsage", "metadata": {"name": "all"}, "spec": {"usages": [{"usage": choices.pick(exposed.PRESENT)}]}}
    )
    assert isinstance(made, ClusterResourceUsage)
    return [made]


def cel_over(data: bytes) -> None:
    """An expression, compiled for Metrics and for usages: it gives the same in every way in which it is evaluated."""
    source, choices = read_case(data, exposed.expression)
    around = _surroundings(choices, _present(choices))
    node, pod = around.own, around.on_node[0]
    container = choices.pick(pod["spec"]["containers"])
    odd = choices.pick(({}, {"name": 3}, {"name": None}, [], "container"))
    before = copied([node, pod])
    for compile in (around.compile, around.evaluator.compile):
        try:
            program = compile(source)
        except CelError as error:
            expect(len(str(error)) < _LONG, "a long message", str(error))
            continue
        try:
            # An item of a list is evaluated step by step, whatever it is.
            general = compile(f"[{source}\n][0]")
        except CelError:
            # It was as deep as may be.
            general = program
        for objects in ((node, pod, container), (node, pod, None), (node, None, None), (node, pod, odd), (node, odd, container)):
            outcome = _outcome(program, objects)
            if "Rand" not in program.calls and (other := _outcome(general, objects)) is not None:
                expect(outcome is None or outcome == other, "another outcome in a shorter way", source, outcome, other)
        _typed(program, source, (node, pod, container))
    expect(copied([node, pod]) == before, "the expression changed an object", source)


def _outcome(program: Callable[..., Any], objects: tuple[Any, ...]) -> str | None:
    """What an expression gives, or why nothing, as a text; None where it was stopped, which one way may be sooner than another."""
    try:
        result = program(*objects)
    except CelLimitError:
        return None
    except CelEvaluationError as error:
        expect(len(str(error)) < _LONG, "a long message", str(error))
        return str(error)
    for convert in (as_double, as_string):
        try:
            convert(result)
        except CelEvaluationError:
            continue
    return f"{type_name(result)} {result!r}"


def _typed(program: Any, source: str, objects: tuple[Any, ...]) -> None:
    """What is known of the value's type holds."""
    try:
        result = program(*objects)
    except CelEvaluationError:
        return
    expect(program.kind in ("", type_name(result)), "a value of another type than is known", source, program.kind, result)


def metric(data: bytes) -> None:
    """A Metric: what it is compiled to shows the same in both formats, which their readers can read."""
    choices = Choices(data)
    raw = exposed.metric(choices)
    around = _surroundings(choices, _present(choices))
    before = copied([raw, around.own, around.on_node])
    errors = [problem for problem in lint(raw, around.compile) if problem.severity == "error"]
    try:
        spec = decode_as(raw, "Metric", Metric).spec
    except InvalidObject:
        expect(bool(errors), "lint finds nothing wrong", raw)
        return
    endpoint, problems = compile_endpoint(spec, around.compile)
    expect(bool(errors) or not problems, "lint finds nothing wrong", raw, problems)
    _exposed(endpoint, around, raw)
    if "Rand" not in repr(raw):
        _remembered(endpoint, compile_endpoint(spec, around.compile)[0], around, raw)
    expect(copied([raw, around.own, around.on_node]) == before, "it changed what it was given", raw)


def _exposed(endpoint: Endpoint, around: Surroundings, raw: Any) -> None:
    node, pods = around.own, around.on_node
    scrapes = {format: endpoint.render(node, pods, format) for format in Format}
    for scrape in scrapes.values():
        for failure in scrape.failures:
            expect(len(str(failure)) < _LONG and failure.count > 0, "an odd failure", failure)
    samples, others = (_samples(scrapes[format], format, raw) for format in Format)
    if "Rand" in repr(raw):
        return
    expect(samples == others, "other samples in the other format", raw, samples, others)
    again = endpoint.render(node, pods)
    expect(again == scrapes[Format.TEXT], "another answer the second time", raw, scrapes[Format.TEXT], again)


def _remembered(endpoint: Endpoint, other: Endpoint, around: Surroundings, raw: Any) -> None:
    """What an endpoint that has been scraped remembers does not show, whatever becomes of the objects; the other one has not been."""
    # Of objects without a version nothing is remembered.
    for node, pods in (
        (_with(around.own, "", "b"), [_with(pod, "", "b") for pod in around.on_node]),
        (_with(around.own, "9", "c"), around.on_node),
        (around.own, [_with(around.on_node[0], "9", "c"), *around.on_node[1:]]),
        (around.own, around.on_node[1:]),
    ):
        found, wanted = endpoint.render(node, pods), other.render(node, pods)
        other.forget(node["metadata"]["name"])
        expect(found == wanted, "another answer where something is remembered", raw, found, wanted)


def _samples(scrape: Scrape, format: Format, raw: Any) -> list[tuple[str, tuple[tuple[str, str], ...], str]]:
    """Names, labels and values. Readers of the text format put `_total` behind the names of counters."""
    text = scrape.body.decode()
    read: Callable[[str], Any] = read_text if format is Format.TEXT else openmetrics.text_string_to_metric_families
    try:
        families: list[Family] = list(read(text))
    except ValueError as error:
        raise Broken(f"it cannot be read: {error}: {raw!r:.600}: {text:.600}") from error
    found = []
    for family in families:
        for sample in family.samples:
            labels = {**sample.labels}
            if family.type == "histogram" and "le" in labels:
                labels["le"] = repr(float(labels["le"]))
            found.append((sample.name.removesuffix("_total"), tuple(sorted(labels.items())), repr(float(sample.value))))
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    expect(len(lines) == len(found), "other series than lines", raw, lines, found)
    series = [line.rpartition(" ")[0] for line in lines]
    expect(len(set(series)) == len(series), "a series that is there twice", raw, series)
    return found


def _with(obj: Object, version: str, label: str) -> Object:
    """An object of another version."""
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": version, "labels": {"a": label}}}


def usage(data: bytes) -> None:
    """ResourceUsages and ClusterResourceUsages: what pods use at a moment and over time, and what another one is handed over of it."""
    choices = Choices(data)
    raw = [exposed.usage(choices) for _ in range(1 + choices.below(2))]
    usages: list[Usage] = []
    for each in raw:
        try:
            decoded = decode(each)
        except InvalidObject as error:
            expect(len(str(error)) < _LONG, "a long message", str(error))
            continue
        assert isinstance(decoded, Usage)
        usages.append(decoded)
        _said(check_usage(decoded))
    told: list[Problem] = []
    around = _surroundings(choices, usages, told)
    before = copied([around.own, around.on_node])
    resources = sorted({name for each in usages for entry in each.spec.usages for name in entry.usage})
    for resource in resources:
        _at_moments(around, resource, raw)
        _over_time(around, resource, raw)
    _said(told)
    expect(copied([around.own, around.on_node]) == before, "it changed an object", raw)


def _said(problems: Sequence[Problem]) -> None:
    for problem in problems:
        expect(problem.path.startswith("$.spec.usages[") and len(str(problem)) < _LONG, "an odd problem", problem)


def _at_moments(around: Surroundings, resource: str, raw: Any) -> None:
    evaluator, node, pods = around.evaluator, around.own, around.on_node
    momentary = Momentary(evaluator, around.pods)
    for seconds in _LATER[:3]:
        at = NOW_NS + seconds * _SECOND
        momentary.begin(node)
        for pod in pods:
            found = evaluator.pod(resource, pod, at)
            expect(0 <= found < math.inf, "no usage", raw, found)
            names = [container["name"] for container in pod["spec"]["containers"]]
            expect(found == sum(evaluator.container(resource, pod, name, at) for name in names), "no sum of its containers", raw, found)
            expect(found == momentary.pod(resource, pod, at), "another usage where some are remembered", raw, found)
        total = sum(evaluator.pod(resource, pod, at) for pod in pods)
        expect(evaluator.node(resource, exposed.NODE, at) == total, "no sum of its pods", raw, total)


def _over_time(around: Surroundings, resource: str, raw: Any) -> None:
    sums = Cumulative(around.evaluator, max_cells=_MAX_CELLS)
    handed: Cumulative | None = None
    last = 0.0
    for seconds in _LATER:
        at = NOW_NS + seconds * _SECOND
        total = sums.node(resource, exposed.NODE, at)
        expect(last <= total < math.inf, "a sum that falls", raw, last, total)
        if handed is not None:
            other = handed.node(resource, exposed.NODE, at)
            expect(other == total, "another sum after it was handed over", raw, resource, total, other)
        last, handed = total, Cumulative(around.evaluator, max_cells=_MAX_CELLS)
        if seconds == _GONE:
            sums.forget_pod(around.on_node[-1])
        checkpoint = sums.checkpoint(exposed.NODE, whole=True)
        if checkpoint is not None:
            handed.restore(exposed.NODE, orjson.loads(encoded(checkpoint)))


_POINT: Final = re.compile(r"([0-9]{1,9}),([0-9]{1,9}(?:\.[0-9]{1,9})?(?:m|k|[KMG]i)?)")


def trace(data: bytes) -> None:
    """A trace: it has its values at its times, and a number at any other."""
    source, choices = read_case(data, exposed.trace)
    repeats = choices.chance(2)
    try:
        read = parse_trace(source, repeats=repeats)
    except InvalidTrace as error:
        expect(len(str(error)) < _LONG, "a long message", str(error))
        return
    for at in (0, 1, -1, NOW_NS, -(2**63), 2**63, choices.below(65_536) * _SECOND // 7):
        found = read.value(at)
        expect(math.isfinite(found) and found == read.value(at), "no number", source, at, found)
    if repeats or '"' in source:
        return
    for line in source.splitlines():
        if (point := _POINT.fullmatch(line)) is None:
            continue
        try:
            wanted = float(parse_quantity(point[2]))
        except QuantityError:
            continue
        expect(read.value(int(point[1]) * _SECOND) == wanted, "another value at a point", source, line)


def checkpoint(data: bytes) -> None:
    """A checkpoint that may be damaged: it is refused as a whole, and nothing is changed, or one can go on with it."""
    if data[:1] and data[0] % 2:
        text, _, rest = data[1:].partition(b"\0")
        choices = Choices(rest)
        try:
            found: Any = orjson.loads(text)
        except orjson.JSONDecodeError:
            return
    else:
        choices, found = Choices(data[1:]), None
    around = _surroundings(choices, _present(choices))
    sums = _begun(around)
    kept = [sums.checkpoint(name, whole=True) for name in (exposed.NODE, "node-2")]
    if found is None:
        found = orjson.loads(encoded(exposed.damaged(choices, kept[0] or exposed.CHECKPOINT)))
    node = choices.pick((exposed.NODE, "node-2"))
    try:
        sums.restore(node, found)
    except InvalidCheckpoint as error:
        expect(len(str(error)) < _LONG, "a long message", str(error))
        expect([sums.checkpoint(name, whole=True) for name in (exposed.NODE, "node-2")] == kept, "it changed something", found)
        return
    _gone_on_with(sums, around, found)


def _begun(around: Surroundings) -> Cumulative:
    """Sums of some pods, one of which is gone."""
    sums = Cumulative(around.evaluator, max_cells=_MAX_CELLS)
    for resource in ("cpu", "memory"):
        sums.node(resource, exposed.NODE, NOW_NS)
    sums.forget_pod(around.on_node[-1])
    return sums


def _gone_on_with(sums: Cumulative, around: Surroundings, found: Any) -> None:
    last = 0.0
    for seconds in _LATER:
        at = NOW_NS + seconds * _SECOND
        for resource in ("cpu", "memory", "x"):
            for pod in around.on_node:
                total = sums.pod(resource, pod, at)
                expect(0 <= total < math.inf, "no sum", found, total)
        total = sums.node("cpu", exposed.NODE, at)
        expect(last <= total < math.inf, "a sum that falls", found, last, total)
        last = total
    for name in (exposed.NODE, "node-2"):
        again = sums.checkpoint(name, whole=True)
        if again is not None:
            other = Cumulative(around.evaluator, max_cells=_MAX_CELLS)
            try:
                other.restore(name, orjson.loads(encoded(again)))
            except InvalidCheckpoint as error:
                raise Broken(f"what it was read from is read, and what it writes is not: {error}: {found!r:.300}") from error
            expect(other.checkpoint(name, whole=True) == again, "another checkpoint when it is read again", found, again)


_TEXT: Final = "text/plain;version=0.0.4"
_OPENMETRICS: Final = "application/openmetrics-text;version=1.0.0"


def negotiation(data: bytes) -> None:
    """Accept and Accept-Encoding: what is answered, and how it is encoded."""
    accept, choices = read_case(data, exposed.accept)
    encoding = exposed.accept_encoding(choices)
    header = asked(
        {"headers": [(b"accept", accept.encode("latin-1", "replace")), (b"accept-encoding", encoding.encode("latin-1", "replace"))]}
    )
    format = negotiate(header.accept)
    for more in ("application/x-unknown", f"{_OPENMETRICS};q=0", f"{_TEXT};q=0"):
        expect(negotiate(f"{header.accept},{more}") is format, "another format for what counts for nothing", header.accept, more)
    expect(negotiate(f"{_TEXT},{header.accept}") is Format.TEXT, "not what comes first", header.accept)
    expect(negotiate(f"{_OPENMETRICS},{header.accept}") is Format.OPENMETRICS, "not what comes first", header.accept)
    takes = takes_gzip(header.encoding)
    expect(takes_gzip(f"{header.encoding},x-unknown") is takes, "another encoding for what counts for nothing", header.encoding)
    expect(takes_gzip(f"gzip,{header.encoding}"), "not what comes first", header.encoding)
    for wildcard in ("*", "*;q=0"):
        expect(takes_gzip(f"{wildcard},gzip,{header.encoding}"), "a wildcard before a name", header.encoding)
        expect(not takes_gzip(f"{wildcard},gzip;q=0,{header.encoding}"), "what is refused", header.encoding)
    _answered(header, choices.pick((b"", b"a" * GZIP_FROM, b"a" * (GZIP_FROM + 1), bytes(range(256)) * 80)), format, takes)


def _answered(header: Asked, body: bytes, format: Format, takes: bool) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    answering = answer(send, body, format.content_type, header.encoding)
    try:
        answering.send(None)
    except StopIteration:
        pass
    else:
        raise Broken("it waits for something")
    start, content = sent
    headers = dict(start["headers"])
    expect(start["status"] == 200 and headers[b"content-type"] == format.content_type.encode(), "another answer", header, start)
    expect(int(headers[b"content-length"]) == len(content["body"]), "another length", header, start)
    zipped = headers.get(b"content-encoding") == b"gzip"
    expect(zipped == (takes and len(body) > GZIP_FROM), "an encoding that was not asked for", header, start)
    expect((zlib.decompress(content["body"], 31) if zipped else content["body"]) == body, "another body", header)
