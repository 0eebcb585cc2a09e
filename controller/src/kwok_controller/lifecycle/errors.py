# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is wrong with a stage, and where in it."""

from __future__ import annotations


class StageError(Exception):
    """A stage that cannot be compiled, or that failed on an object.

    Attributes:
        stage: the stage's name.
        field: where in the stage, such as `spec.steps[1].patch.template`.
        message: what is wrong there.
    """

    def __init__(self, stage: str, field: str, message: str) -> None:
        super().__init__(stage, field, message)
        self.stage = stage
        self.field = field
        self.message = message

    def __str__(self) -> str:
        return f"stage {self.stage}: {self.field}: {self.message}"
