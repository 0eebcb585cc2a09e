# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is wrong with a usage, before it is sent anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from kwok_controller.api.usage import ClusterResourceUsage, ResourceUsage, ResourceUsageValue
from kwok_controller.expressions.cel import CelError
from kwok_controller.usage.amounts import amount
from kwok_controller.usage.evaluate import Evaluator
from kwok_controller.usage.pods import Object
from kwok_controller.usage.rates import Problem, compile_rate, path_of, path_of_error
from kwok_controller.usage.selection import Selection, subject_of

_NUMBERS: Final = ("", "int", "uint", "double", "bool", "kubernetes.Quantity")
_DURATION: Final = "google.protobuf.Duration"
_BYTES: Final = re.compile(r"memory|storage|ephemeral-storage|hugepages-.*")
_BINARY: Final = re.compile(r".*[KMGTPE]i")


class _Nobody:
    """A world without nodes and pods."""

    def node(self, name: str) -> Object | None:
        return None

    def pods(self, node: str) -> Iterable[Object]:
        return ()


def check_usage(usage: ResourceUsage | ClusterResourceUsage) -> list[Problem]:
    """What is wrong with an object: expressions that are none or give no number, and values that are of another unit than their resource.

    What is wrong with the values that an expression gives, for some pods perhaps, only an evaluation shows.
    """
    evaluator = Evaluator(Selection(), _Nobody())
    subject = subject_of(usage)
    return [
        Problem(subject, path, message)
        for index, entry in enumerate(usage.spec.usages)
        for resource, value in entry.usage.items()
        for path, message in _wrong(evaluator, path_of(f"$.spec.usages[{index}]", resource), resource, value)
    ]


def _wrong(evaluator: Evaluator, path: str, resource: str, usage: ResourceUsageValue) -> Iterator[tuple[str, str]]:
    where = path_of_error(path, usage)
    try:
        compile_rate(path, usage, evaluator.compile)
    except CelError as error:
        yield where, str(error)
        return
    kind = "" if usage.value is not None or usage.expression is None else evaluator.compile(usage.expression).kind
    message = wrong_kind(kind) if usage.value is None else _wrong_value(resource, usage.value)
    if message:
        yield where, message


def wrong_kind(kind: str) -> str:
    """What is wrong with an expression that gives values of a type of CEL and should give numbers; empty: nothing."""
    if kind == _DURATION:
        return "the expression gives a duration, which would count in nanoseconds: divide it, or take a number"
    if kind not in _NUMBERS:
        return f"the expression gives a value of type {kind}, not a number or a quantity"
    return ""


def _wrong_value(resource: str, value: Any) -> str:
    number = amount(value)
    if number < 0:
        return f"a usage of {value} is below zero: take 0 or more"
    if _BYTES.fullmatch(resource) and not number.is_integer():
        return f"{resource} is counted in bytes, and {value} is no whole number of them: take a quantity such as 64Mi"
    if resource == "cpu" and type(value) is str and _BINARY.fullmatch(value):
        return f"cpu is counted in cores, and {value} has a suffix of bytes: take a quantity such as 250m or 2"
    return ""
