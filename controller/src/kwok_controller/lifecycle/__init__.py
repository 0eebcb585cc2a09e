# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What becomes of an object: match → weight → delay → steps. Pure: no I/O, no clock, and no chance but what is drawn from a seed."""

from kwok_controller.lifecycle.draw import Chance, Draw
from kwok_controller.lifecycle.effects import Apply, Delete, Effect, Patch, PatchType, SendEvent
from kwok_controller.lifecycle.environment import STRATEGIC_KINDS, Environment
from kwok_controller.lifecycle.errors import StageError
from kwok_controller.lifecycle.lifecycle import Lifecycle
from kwok_controller.lifecycle.stage import CompiledStage, compile_stage

__all__ = [
    "STRATEGIC_KINDS",
    "Apply",
    "Chance",
    "CompiledStage",
    "Delete",
    "Draw",
    "Effect",
    "Environment",
    "Lifecycle",
    "Patch",
    "PatchType",
    "SendEvent",
    "StageError",
    "compile_stage",
]
