# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Which objects a stage is for: selectors, compiled into flat tests. Semantics of kwok v0.8.0 (`pkg/utils/expression/selector.go`).

One difference: an integer in the object matches its decimal text. The Go kwok finds integers only where jq computed them (`length`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from kwok_controller.api.stage import SelectorJQ, StageSelector
from kwok_controller.expressions.cel import CelError, Program, as_bool
from kwok_controller.expressions.jq import JqError, Query
from kwok_controller.lifecycle.context import Context
from kwok_controller.lifecycle.errors import StageError

Object: TypeAlias = dict[str, Any]
Memo: TypeAlias = list[Any]
"""Results of the queries that several stages of a kind have in common, for the object at hand."""

Test: TypeAlias = Callable[[Object, Memo], bool]

UNKNOWN: Final = object()
"""In a `Memo`: not asked yet."""

FAILURES: Final = (CelError, JqError)
"""What a `Test` may raise."""


class Requirement(NamedTuple):
    """A jq query and what its results have to be like.

    Attributes:
        field: where in the stage.
        source: the query as it is written.
        query: compiled.
        operator: `In`, `NotIn`, `Exists` or `DoesNotExist`.
        values: for `In` and `NotIn`.
    """

    field: str
    source: str
    query: Query
    operator: str
    values: frozenset[str]


class Condition(NamedTuple):
    """A CEL expression that has to be true."""

    field: str
    program: Program


class Selector:
    """A compiled selector.

    Attributes:
        requirements: its jq queries.
        conditions: its CEL expressions.
    """

    __slots__ = ("_fields", "_pairs", "_stage", "conditions", "requirements")

    def __init__(self, stage: str, pairs: Sequence[Test], requirements: Sequence[Requirement], conditions: Sequence[Condition]) -> None:
        self.requirements = requirements
        self.conditions = conditions
        self._stage = stage
        self._pairs = pairs
        self._fields = [
            *[""] * len(pairs),
            *(requirement.field for requirement in requirements),
            *(condition.field for condition in conditions),
        ]

    def tests(self, shared: Mapping[str, int]) -> tuple[Test, ...]:
        """All that an object has to pass, in order: labels, annotations, jq, CEL.

        Args:
            shared: the place in the `Memo` of those queries that others ask, too.

        The tests raise `FAILURES`.
        """
        queries = [
            _own_test(requirement) if (place := shared.get(requirement.source)) is None else _shared_test(requirement, place)
            for requirement in self.requirements
        ]
        return (*self._pairs, *queries, *(_condition_test(condition.program) for condition in self.conditions))

    def failed(self, at: int, error: Exception) -> StageError:
        """What to say when the test at an index has failed with an error."""
        return StageError(self._stage, self._fields[at], str(error))


def compile_selector(context: Context, selector: StageSelector) -> Selector:
    """Compiles the selector of a stage.

    Raises:
        StageError: an expression is wrong, or an operator and its values do not fit.
    """
    pairs: list[Test] = []
    if selector.match_labels:
        pairs.append(_pairs_test("labels", selector.match_labels))
    if selector.match_annotations:
        pairs.append(_pairs_test("annotations", selector.match_annotations))
    requirements: list[Requirement] = []
    conditions: list[Condition] = []
    for at, expression in enumerate(selector.match_expressions):
        field = f"spec.selector.matchExpressions[{at}]"
        if expression.jq is not None:
            requirements.append(_requirement(context, f"{field}.jq", expression.jq))
        elif expression.cel is not None:
            place = f"{field}.cel.expression"
            conditions.append(Condition(place, context.program(place, expression.cel.expression)))
        else:
            raise context.error(field, "neither jq nor cel is given")
    return Selector(context.stage, pairs, requirements, conditions)


def _pairs_test(field: str, wanted: Mapping[str, str]) -> Test:
    pairs = tuple(wanted.items())

    def test(obj: Object, memo: Memo) -> bool:
        present = (obj.get("metadata") or {}).get(field)
        if not present:
            return False
        return all(present.get(key) == value for key, value in pairs)

    return test


def _requirement(context: Context, field: str, selector: SelectorJQ) -> Requirement:
    query = context.query(f"{field}.key", selector.key)
    needs_values = selector.operator in ("In", "NotIn")
    if needs_values and not selector.values:
        raise context.error(f"{field}.values", f"operator {selector.operator} needs values")
    if not needs_values and selector.operator not in ("Exists", "DoesNotExist"):
        raise context.error(f"{field}.operator", f"{selector.operator!r} is no operator: In, NotIn, Exists and DoesNotExist are")
    if not needs_values and selector.values:
        raise context.error(f"{field}.values", f"operator {selector.operator} takes no values")
    return Requirement(f"{field}.key", selector.key, query, selector.operator, frozenset(selector.values))


def _text(value: Any) -> str | None:
    # None, which is in no set of values: lists, mappings and fractions are equal to no text.
    if value is True:
        return "true"
    if value is False:
        return "false"
    return str(value) if type(value) is int else None


# Queries leave nulls out, so a result that is there exists. None: the query failed, which is as if nothing were there.
# These tests are where objects that no stage is for spend their time: each is one closure, and calls nothing but the query.


def _own_test(requirement: Requirement) -> Test:
    query, operator, values = requirement.query, requirement.operator, requirement.values
    wanted = operator in ("In", "Exists")

    def exists(obj: Object, memo: Memo) -> bool:
        return bool(query(obj)) is wanted

    def is_in(obj: Object, memo: Memo) -> bool:
        for value in query(obj) or ():
            if (value if type(value) is str else _text(value)) in values:
                return wanted
        return not wanted

    return is_in if operator in ("In", "NotIn") else exists


def _shared_test(requirement: Requirement, place: int) -> Test:
    query, operator, values = requirement.query, requirement.operator, requirement.values
    wanted = operator in ("In", "Exists")

    def exists(obj: Object, memo: Memo) -> bool:
        found = memo[place]
        if found is UNKNOWN:
            found = memo[place] = query(obj)
        return bool(found) is wanted

    def is_in(obj: Object, memo: Memo) -> bool:
        found = memo[place]
        if found is UNKNOWN:
            found = memo[place] = query(obj)
        for value in found or ():
            if (value if type(value) is str else _text(value)) in values:
                return wanted
        return not wanted

    return is_in if operator in ("In", "NotIn") else exists


def _condition_test(program: Program) -> Test:
    return lambda obj, memo: as_bool(program(obj))
