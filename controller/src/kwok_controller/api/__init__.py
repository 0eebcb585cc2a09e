# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The API group kwok.x-k8s.io/v1alpha1, our own kwok-sim.dev/v1alpha1 and the configuration file: types, defaults, checks, CRDs.

Without I/O, except in `load.py`.
"""

from kwok_controller.api.decode import decode, decode_stage, unknown_fields
from kwok_controller.api.errors import InvalidObject
from kwok_controller.api.kinds import KINDS, Kind
from kwok_controller.api.meta import API_VERSION, GROUP, VERSION, Condition, ObjectMeta, ObjectSelector
from kwok_controller.api.stage import (
    ExpressionCEL,
    ExpressionFrom,
    ExpressionJQ,
    FinalizerItem,
    ImpersonationConfig,
    MatchExpression,
    SelectorJQ,
    Stage,
    StageApply,
    StageDelay,
    StageEvent,
    StageFinalizers,
    StageNext,
    StagePatch,
    StageResourceRef,
    StageSelector,
    StageSpec,
    StageStatus,
    StageStep,
)

__all__ = [
    "API_VERSION",
    "GROUP",
    "KINDS",
    "VERSION",
    "Condition",
    "ExpressionCEL",
    "ExpressionFrom",
    "ExpressionJQ",
    "FinalizerItem",
    "ImpersonationConfig",
    "InvalidObject",
    "Kind",
    "MatchExpression",
    "ObjectMeta",
    "ObjectSelector",
    "SelectorJQ",
    "Stage",
    "StageApply",
    "StageDelay",
    "StageEvent",
    "StageFinalizers",
    "StageNext",
    "StagePatch",
    "StageResourceRef",
    "StageSelector",
    "StageSpec",
    "StageStatus",
    "StageStep",
    "decode",
    "decode_stage",
    "unknown_fields",
]
