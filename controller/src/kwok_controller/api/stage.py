# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Stage: how an object of some kind goes from one state to the next.

Semantics and constraints are those of kwok v0.8.0 (`pkg/apis/v1alpha1/stage_types.go`, `jq_types.go`, `cel_types.go`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from kwok_controller.api.meta import INT64_MAX, Condition, ObjectMeta, doc, list_map

NonNegative = Annotated[int, Meta(ge=0, le=INT64_MAX)]


class StageResourceRef(Struct, frozen=True, kw_only=True, rename="camel"):
    """The kind of object that the stage is for."""

    api_group: Annotated[str, doc("Group and version of the kind, such as v1 or apps/v1.")] = "v1"
    kind: Annotated[str, doc("The kind, such as Pod.")]


class ExpressionCEL(Struct, frozen=True, kw_only=True, rename="camel"):
    """An expression of the Common Expression Language."""

    expression: Annotated[str, doc("The expression. The object is `self`.")] = ""


class ExpressionJQ(Struct, frozen=True, kw_only=True, rename="camel"):
    """An expression of jq."""

    expression: Annotated[str, doc("The expression. Its input is the object.")] = ""


class SelectorJQ(Struct, frozen=True, kw_only=True, rename="camel"):
    """A comparison of what a jq expression yields with a set of values."""

    key: Annotated[str, doc("The jq expression. Its input is the object.")] = ""
    operator: Annotated[str, doc("How the results relate to the values: In, NotIn, Exists or DoesNotExist.")] = ""
    values: Annotated[list[str], doc("The values, for In and NotIn only.")] = field(default_factory=list)


class MatchExpression(Struct, frozen=True, kw_only=True, rename="camel"):
    """One requirement that an object has to meet."""

    cel: Annotated[ExpressionCEL | None, doc("A CEL expression that has to be true.")] = None
    jq: Annotated[SelectorJQ | None, doc("A comparison by means of a jq expression.")] = None
    key: Annotated[str, doc("Deprecated: use jq. The jq expression. Its input is the object.")] = ""
    operator: Annotated[str, doc("Deprecated: use jq. How the results relate to the values: In, NotIn, Exists or DoesNotExist.")] = ""
    values: Annotated[list[str], doc("Deprecated: use jq. The values, for In and NotIn only.")] = field(default_factory=list)


class StageSelector(Struct, frozen=True, kw_only=True, rename="camel"):
    """Which objects the stage is for: those that meet every requirement. An empty selector takes all, a missing one none."""

    match_labels: Annotated[dict[str, str], doc("Labels that the object has to have, with just these values.")] = field(
        default_factory=dict
    )
    match_annotations: Annotated[dict[str, str], doc("Annotations that the object has to have, with just these values.")] = field(
        default_factory=dict
    )
    match_expressions: Annotated[list[MatchExpression], doc("Requirements on anything in the object.")] = field(default_factory=list)


class ExpressionFrom(Struct, frozen=True, kw_only=True, rename="camel"):
    """An expression that takes a value from the object."""

    cel: Annotated[ExpressionCEL | None, doc("A CEL expression.")] = None
    jq: Annotated[ExpressionJQ | None, doc("A jq expression.")] = None
    expression_from: Annotated[str, doc("Deprecated: use jq. A jq expression.")] = ""


class StageDelay(Struct, frozen=True, kw_only=True, rename="camel"):
    """How long to wait before the stage is played."""

    duration_milliseconds: Annotated[NonNegative | None, doc("The delay, in milliseconds; the jitter where that is less.")] = None
    duration_from: Annotated[
        ExpressionFrom | None,
        doc("Where to take the delay from instead: a time (the delay lasts until then) or a duration such as 1m30s."),
    ] = None
    jitter_duration_milliseconds: Annotated[
        NonNegative | None, doc("The upper bound of the delay, in milliseconds: it is drawn evenly between the duration and this.")
    ] = None
    jitter_duration_from: Annotated[
        ExpressionFrom | None, doc("Where to take the upper bound from instead: a time or a duration such as 1m30s.")
    ] = None


class ImpersonationConfig(Struct, frozen=True, kw_only=True, rename="camel"):
    """Who makes the request, instead of the controller. The controller needs the right to impersonate."""

    username: Annotated[str, doc("The user's name.")]


class StageEvent(Struct, frozen=True, kw_only=True, rename="camel"):
    """An Event about the object."""

    type: Annotated[str, doc("Normal or Warning.")] = ""
    reason: Annotated[str, doc("Why, in one word.")] = ""
    message: Annotated[str, doc("What happened, in words.")] = ""


class FinalizerItem(Struct, frozen=True, kw_only=True, rename="camel"):
    """One finalizer."""

    value: Annotated[str, doc("The finalizer, such as example.com/protect.")] = ""


class StageFinalizers(Struct, frozen=True, kw_only=True, rename="camel"):
    """A change of the object's finalizers."""

    add: Annotated[list[FinalizerItem], doc("Finalizers to add where they are missing.")] = field(default_factory=list)
    remove: Annotated[list[FinalizerItem], doc("Finalizers to remove where they are.")] = field(default_factory=list)
    empty: Annotated[bool, doc("Whether to remove all finalizers.")] = False


class StagePatch(Struct, frozen=True, kw_only=True, rename="camel"):
    """A patch of the object."""

    subresource: Annotated[str, doc("The subresource to patch, such as status. The object itself when not set.")] = ""
    root: Annotated[str, doc("The field that the template yields, such as status. The whole object when not set.")] = ""
    template: Annotated[str, doc("A Go template of the patch, in YAML. Its data is the object.")] = ""
    type: Annotated[
        Literal["json", "merge", "strategic"] | None,
        doc("How to patch. When not set: strategic for pods and nodes, merge for everything else."),
    ] = None
    impersonation: Annotated[ImpersonationConfig | None, doc("Who makes the patch. Not for pods and nodes.")] = None


class StageApply(Struct, frozen=True, kw_only=True, rename="camel"):
    """Another object that is created or updated."""

    template: Annotated[str, doc("A Go template of the object to apply, in YAML. Its data is the object that the stage is for.")] = ""
    subresource: Annotated[str, doc("The subresource to update, such as status, of an object that is there.")] = ""
    type: Annotated[
        Literal["apply", "merge", "strategic"] | None,
        doc("How to update an object that is there: apply (server-side) when not set."),
    ] = None
    impersonation: Annotated[ImpersonationConfig | None, doc("Who makes the request.")] = None


class StageStep(Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing to do."""

    patch: Annotated[StagePatch | None, doc("A patch of the object.")] = None
    event: Annotated[StageEvent | None, doc("An Event about the object.")] = None
    finalizers: Annotated[StageFinalizers | None, doc("A change of the object's finalizers.")] = None
    delete: Annotated[bool, doc("Whether to delete the object.")] = False
    apply: Annotated[StageApply | None, doc("Another object that is created or updated.")] = None


class StageNext(Struct, frozen=True, kw_only=True, rename="camel"):
    """What to do, in the order event, finalizers, patches, delete."""

    event: Annotated[StageEvent | None, doc("An Event about the object.")] = None
    finalizers: Annotated[StageFinalizers | None, doc("A change of the object's finalizers.")] = None
    delete: Annotated[bool, doc("Whether to delete the object.")] = False
    patches: Annotated[list[StagePatch], doc("Patches of the object, in their order.")] = field(default_factory=list)
    status_template: Annotated[
        str, doc("Deprecated: use patches. A Go template of the object's status, in YAML. Not used when there are patches.")
    ] = ""
    status_subresource: Annotated[str, doc("Deprecated: use patches. The subresource that the status template patches.")] = "status"
    status_patch_as: Annotated[ImpersonationConfig | None, doc("Deprecated: use patches. Who makes the patch of the status.")] = None


class StageSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Which objects the stage is for, when it is played and what it does."""

    resource_ref: Annotated[StageResourceRef, doc("The kind of object that the stage is for.")]
    selector: Annotated[StageSelector | None, doc("Which of these objects. Without a selector the stage is for none.")] = None
    weight: Annotated[
        NonNegative,
        doc("How likely the stage is where several match: its share of their sum. All are alike when all weigh 0."),
    ] = 0
    weight_from: Annotated[ExpressionFrom | None, doc("Where to take the weight from instead: a number, or one in a string.")] = None
    delay: Annotated[StageDelay | None, doc("How long to wait before the stage is played.")] = None
    next: Annotated[StageNext | None, doc("Deprecated: use steps. What the stage does. Not used when there are steps.")] = None
    immediate_next_stage: Annotated[
        bool, doc("Whether the next stage is looked for in the answer of the apiserver, without waiting to see the change by watch.")
    ] = False
    steps: Annotated[list[StageStep], doc("What the stage does, in order.")] = field(default_factory=list)


class StageStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    """What has become of the stage."""

    observed_generation: Annotated[NonNegative | None, doc("The generation of the stage that the conditions are about.")] = None
    conditions: Annotated[
        list[Condition], list_map("type"), doc("What is known of the stage's present state. Ready: whether the controller plays it.")
    ] = field(default_factory=list)


class Stage(Struct, frozen=True, kw_only=True, rename="camel"):
    """How objects of one kind go from one state to the next: which of them, after what delay, and what is done."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[StageSpec, doc("What the stage is for and what it does.")]
    status: Annotated[StageStatus, doc("What has become of the stage.")] = field(default_factory=StageStatus)
