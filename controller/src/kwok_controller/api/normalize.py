# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The deprecated forms of a Stage, brought to the ones that took their place.

The order of the steps is that of kwok v0.8.0 (`pkg/apis/internalversion/conversion.go`): event, finalizers, patches (or,
without any, the status template), delete. Where the new form is there, the deprecated one has no effect.
"""

from __future__ import annotations

from msgspec.structs import replace

from kwok_controller.api.stage import (
    ExpressionFrom,
    ExpressionJQ,
    MatchExpression,
    SelectorJQ,
    Stage,
    StageDelay,
    StageNext,
    StagePatch,
    StageSelector,
    StageStep,
)


def normalize(stage: Stage) -> Stage:
    """The stage with `steps` and `jq` in place of `next`, `key` and `expressionFrom`, which are left as they are."""
    spec = stage.spec
    ref = spec.resource_ref
    return replace(
        stage,
        spec=replace(
            spec,
            # An empty group is no group at all; it means the default, as where the field is missing.
            resource_ref=ref if ref.api_group else replace(ref, api_group="v1"),
            selector=_selector(spec.selector),
            weight_from=_expression(spec.weight_from),
            delay=_delay(spec.delay),
            steps=spec.steps or _steps(spec.next),
        ),
    )


def _selector(selector: StageSelector | None) -> StageSelector | None:
    if selector is None:
        return None
    return replace(selector, match_expressions=[_requirement(e) for e in selector.match_expressions])


def _requirement(expression: MatchExpression) -> MatchExpression:
    if expression.jq is not None or not expression.key:
        return expression
    return replace(expression, jq=SelectorJQ(key=expression.key, operator=expression.operator, values=expression.values))


def _expression(expression: ExpressionFrom | None) -> ExpressionFrom | None:
    if expression is None or expression.jq is not None or not expression.expression_from:
        return expression
    return replace(expression, jq=ExpressionJQ(expression=expression.expression_from))


def _delay(delay: StageDelay | None) -> StageDelay | None:
    if delay is None:
        return None
    return replace(delay, duration_from=_expression(delay.duration_from), jitter_duration_from=_expression(delay.jitter_duration_from))


def _steps(effects: StageNext | None) -> list[StageStep]:
    if effects is None:
        return []
    steps = []
    if effects.event is not None:
        steps.append(StageStep(event=effects.event))
    if effects.finalizers is not None:
        steps.append(StageStep(finalizers=effects.finalizers))
    if effects.patches:
        steps += [StageStep(patch=patch) for patch in effects.patches]
    elif effects.status_template:
        steps.append(
            StageStep(
                patch=StagePatch(
                    subresource=effects.status_subresource,
                    root="status",
                    template=effects.status_template,
                    impersonation=effects.status_patch_as,
                )
            )
        )
    if effects.delete:
        steps.append(StageStep(delete=True))
    return steps
