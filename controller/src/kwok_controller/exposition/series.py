# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The compiled metrics of an endpoint: each writes the lines of its series.

What a series is for is a `Target`. Its labels come as a block, which is what stands between the name and the value: `{pod="web"} `, or
a space where there are no labels. In a target there are the blocks and values that stay as long as its objects do; a metric has the place
of its own in there, or none where an expression looks at the clock, at chance or at usage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

from kwok_controller.api.metric import MetricBucket
from kwok_controller.exposition.failures import Failures, SeriesFailed
from kwok_controller.exposition.formats import COUNTS, NUMBERS, REPEATED, Format, escape_label, text_number
from kwok_controller.exposition.histogram import MAX_COUNT, Counts, count
from kwok_controller.exposition.language import Dimension, Expression, Object
from kwok_controller.expressions.cel import CelError, as_double, as_string

LEFT_OUT: Final = ""
"""In place of a block of labels: there is no such series, as a label is null. Where a value is null, there is none either."""

Target: TypeAlias = tuple[Object, Object | None, Object | None, Sequence[str | None], Sequence[float | None]]
"""Node, pod and container, the remembered blocks of labels, and the remembered values. What failed is None and tried again."""

NO_LABELS: Final = " "
_NO_SLOT: Final = -1


class Part(NamedTuple):
    """An expression of a metric.

    Attributes:
        field: Where in the Metric it is.
        evaluate: Gives its value.
    """

    field: str
    evaluate: Expression


class Labels:
    """The labels of a metric.

    Attributes:
        constant: The block, where it is always the same.
        slot: Where a target has the block; negative: nowhere.
    """

    __slots__ = ("_parts", "constant", "slot")

    def __init__(self, parts: Sequence[tuple[str, Part]], *, slot: int = _NO_SLOT, constant: str | None = None) -> None:
        """The labels come with their names."""
        self._parts = parts
        self.slot = slot
        self.constant = constant

    def block(self, node: Object, pod: Object | None, container: Object | None) -> str:
        """The block for a target, `LEFT_OUT` where a label is null.

        Raises:
            SeriesFailed: An expression fails, or gives no string.
        """
        if not self._parts:
            return NO_LABELS
        pairs = []
        for name, part in self._parts:
            try:
                value = part.evaluate(node, pod, container)
                if value is None:
                    return LEFT_OUT
                value = as_string(value)
            except CelError as error:
                raise SeriesFailed(part.field, str(error)) from error
            pairs.append(f'{name}="{escape_label(value)}"')
        return f"{{{','.join(pairs)}}} "


class Value:
    """The value of a metric, or of a bucket.

    Attributes:
        field: Where in the Metric it is.
        evaluate: Gives it.
        constant: The value, where it is always the same.
        slot: Where a target has it; negative: nowhere.
    """

    __slots__ = ("constant", "evaluate", "field", "slot")

    def __init__(self, part: Part, *, slot: int = _NO_SLOT, constant: float | None = None) -> None:
        self.field, self.evaluate = part
        self.slot = slot
        self.constant = constant

    def number(self, node: Object, pod: Object | None, container: Object | None) -> float | None:
        """The value for a target, None where it is null.

        Raises:
            SeriesFailed: The expression fails, or gives no number.
        """
        try:
            value = self.evaluate(node, pod, container)
            return value if type(value) is float or value is None else as_double(value)
        except CelError as error:
            raise SeriesFailed(self.field, str(error)) from error


class Series(Protocol):
    """A compiled metric.

    Attributes:
        dimension: What it has one series for.
        name: Its name.
    """

    dimension: Dimension
    name: str

    def write(self, out: list[str], targets: Sequence[Target], format: Format, seen: set[str], failures: Failures) -> None:
        """Add the lines for the targets.

        Args:
            out: Where to.
            targets: Those of the dimension.
            format: In which format.
            seen: The blocks that this family has series for, and `LEFT_OUT`: a second series of the same labels is not shown.
            failures: Where to say what failed.
        """


class Single:
    """A gauge or a counter."""

    __slots__ = ("_constant", "_counter", "_labels", "_value", "dimension", "name")

    def __init__(self, name: str, dimension: Dimension, labels: Labels, value: Value, *, counter: bool) -> None:
        self.name = name
        self.dimension = dimension
        self._labels = labels
        self._value = value
        self._counter = counter
        constant = value.constant
        self._constant = {format: None if constant is None else NUMBERS[format](constant) for format in Format}

    def write(self, out: list[str], targets: Sequence[Target], format: Format, seen: set[str], failures: Failures) -> None:
        """As `Series` has it."""
        name, labels, value, counter = self.name, self._labels, self._value, self._counter
        constant, slot, place, evaluate = labels.constant, labels.slot, value.slot, value.evaluate
        text, written = self._constant[format], (NUMBERS if counter else REPEATED)[format]
        for node, pod, container, blocks, values in targets:
            try:
                block = constant if slot < 0 else blocks[slot]
                if block is None:
                    block = labels.block(node, pod, container)
                if block in seen:
                    if not block:
                        continue
                    raise _same(value.field, name, block)
                shown = text
                if shown is None:
                    number = values[place] if place >= 0 else None
                    if number is None:
                        # As value.number, without another call.
                        number = evaluate(node, pod, container)
                        if type(number) is not float:
                            if number is None:
                                continue
                            number = as_double(number)
                    if counter and not number >= 0:
                        raise negative(value.field, number)
                    shown = written(number)
            except SeriesFailed as failed:
                failures.add(failed.field, failed.message, node, pod, container)
            except CelError as failed:
                failures.add(value.field, str(failed), node, pod, container)
            else:
                seen.add(block)
                out.append(f"{name}{block}{shown}\n")


class Histogram:
    """A histogram."""

    __slots__ = ("_bounds", "_buckets", "_constant", "_field", "_labels", "_values", "dimension", "name")

    def __init__(
        self, name: str, dimension: Dimension, labels: Labels, buckets: Sequence[MetricBucket], values: Sequence[Value], field: str
    ) -> None:
        """The buckets, by bound, have one value each; `field` is where the metric is.

        Raises:
            SeriesFailed: A value that is always the same is no count.
        """
        self.name = name
        self.dimension = dimension
        self._labels = labels
        self._buckets = buckets
        self._values = values
        self._field = field
        shown = [bucket.le for bucket in buckets if not bucket.hidden]
        self._bounds = {format: [NUMBERS[format](bound) for bound in shown] for format in Format}
        constants = [_whole(value.field, value.constant) for value in values if value.constant is not None]
        self._constant = count(buckets, constants) if len(constants) == len(values) else None

    def write(self, out: list[str], targets: Sequence[Target], format: Format, seen: set[str], failures: Failures) -> None:
        """As `Series` has it."""
        labels = self._labels
        for target in targets:
            node, pod, container, blocks, values = target
            try:
                block = labels.constant if labels.slot < 0 else blocks[labels.slot]
                if block is None:
                    block = labels.block(node, pod, container)
                if block in seen:
                    if not block:
                        continue
                    raise _same(self._field, self.name, block)
                counts = self._constant or self._counts(node, pod, container, values)
            except SeriesFailed as failed:
                failures.add(failed.field, failed.message, node, pod, container)
                continue
            if counts is not None:
                seen.add(block)
                self._lines(out, block, counts, format)

    def _counts(self, node: Object, pod: Object | None, container: Object | None, values: Sequence[float | None]) -> Counts | None:
        observations = []
        for value in self._values:
            number = value.constant
            if number is None and value.slot >= 0:
                number = values[value.slot]
            if number is None:
                number = value.number(node, pod, container)
            if number is None:
                return None
            observations.append(_whole(value.field, number))
        return count(self._buckets, observations)

    def _lines(self, out: list[str], block: str, counts: Counts, format: Format) -> None:
        name = self.name
        number, whole = NUMBERS[format], COUNTS[format]
        inner = block[1:-2]
        start = f"{name}_bucket{{{inner},le=" if inner else f"{name}_bucket{{le="
        out += [f'{start}"{le}"}} {whole(below)}\n' for le, below in zip(self._bounds[format], counts.cumulative, strict=True)]
        total = whole(counts.total)
        out.append(f'{start}"+Inf"}} {total}\n{name}_sum{block}{number(counts.sum)}\n{name}_count{block}{total}\n')


def negative(field: str, value: float) -> SeriesFailed:
    """What to say of a counter that is less than 0, or no number."""
    return SeriesFailed(field, f"a counter cannot be {text_number(value)}: it begins at 0 and only rises")


def _whole(field: str, value: float) -> int:
    if 0 <= value < MAX_COUNT:
        return int(value)
    raise SeriesFailed(field, f"a bucket holds a number of observations, which {text_number(value)} is not")


def _same(field: str, name: str, block: str) -> SeriesFailed:
    labels = block.strip() or "no labels"
    return SeriesFailed(field, f"{name} has a series with {labels} already: add a label that tells them apart")
