# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is wrong with a usage, before it is sent anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from kwok_controller.api.usage import ClusterResourceUsage, ResourceUsage, ResourceUsageValue
from kwok_controller.expressions.cel import CelError, ProgramOver, as_double
from kwok_controller.expressions.cel.limits import DEFAULT_LIMITS
from kwok_controller.expressions.cel.nodes import Binary, Call, Literal, Node
from kwok_controller.expressions.cel.parser import parse
from kwok_controller.usage.amounts import amount
from kwok_controller.usage.evaluate import Evaluator
from kwok_controller.usage.pods import Object
from kwok_controller.usage.rates import VARIABLES, Problem, compile_rate, path_of, path_of_error
from kwok_controller.usage.selection import Selection, subject_of

_NUMBERS: Final = ("", "int", "uint", "double", "bool", "kubernetes.Quantity")
_DURATION: Final = "google.protobuf.Duration"
_BYTES: Final = re.compile(r"memory|storage|ephemeral-storage|hugepages-.*")
_BINARY: Final = re.compile(r".*[KMGTPE]i")
# What gives the amount that it is given.
_AS_IT_IS: Final = ("Constant", "Quantity")


class _Nobody:
    """A world without nodes and pods."""

    def node(self, name: str) -> Object | None:
        return None

    def pods(self, node: str) -> Iterable[Object]:
        return ()


def check_usage(usage: ResourceUsage | ClusterResourceUsage) -> list[Problem]:
    """What is wrong with an object: expressions that are none or give no number, and values that are of another unit than their resource.

    An expression that gives the same for everybody counts as a value. What others give, for some pods perhaps, only an evaluation shows.
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
        rate = compile_rate(path, usage, evaluator.compile)
    except CelError as error:
        yield where, str(error)
        return
    message = ""
    if usage.value is not None:
        message = _wrong_value(resource, usage.value)
    elif usage.expression is not None:
        message = _wrong_expression(resource, evaluator.compile(usage.expression), constant=rate.program is None)
    if message:
        yield where, message


def _wrong_expression(resource: str, program: ProgramOver, *, constant: bool) -> str:
    wrong = wrong_kind(program.kind)
    if wrong or not constant:
        return wrong
    tree = parse(program.source, DEFAULT_LIMITS)
    written = tree
    while isinstance(written, Call) and written.function in _AS_IT_IS:
        written = written.args[0]
    if isinstance(written, Literal):
        return _wrong_value(resource, written.value)
    for text in _texts(tree):
        if message := _wrong_suffix(resource, text):
            return message
    number = as_double(program(*[None] * len(VARIABLES)))
    return _below_zero(number) if number < 0 else ""


def _texts(node: Node) -> Iterator[str]:
    """The texts of amounts in whose unit an expression is: not those that it is divided by."""
    if isinstance(node, Literal) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, Call) and node.function in _AS_IT_IS:
        yield from _texts(node.args[0])
    elif isinstance(node, Binary) and node.operator in ("+", "-", "*"):
        yield from (*_texts(node.left), *_texts(node.right))
    elif isinstance(node, Binary) and node.operator == "/" and isinstance(node.right, Literal):
        yield from _texts(node.left)


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
        return _below_zero(value)
    if _BYTES.fullmatch(resource) and not number.is_integer():
        return f"{resource} is counted in bytes, and {value} is no whole number of them: take a quantity such as 64Mi"
    return _wrong_suffix(resource, value)


def _wrong_suffix(resource: str, value: Any) -> str:
    if resource == "cpu" and type(value) is str and _BINARY.fullmatch(value):
        return f"cpu is counted in cores, and {value} has a suffix of bytes: take a quantity such as 250m or 2"
    return ""


def _below_zero(value: Any) -> str:
    return f"a usage of {value} is below zero: take 0 or more"
