# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The stage that is being compiled, for those who compile its parts."""

from __future__ import annotations

from typing import NamedTuple

from kwok_controller.expressions.cel import CelSyntaxError, Program, compile_cel
from kwok_controller.expressions.jq import JqSyntaxError, Query, compile_jq
from kwok_controller.lifecycle.environment import Environment
from kwok_controller.lifecycle.errors import StageError


class Context(NamedTuple):
    """The stage that is being compiled.

    Attributes:
        stage: its name.
        environment: what its expressions may use.
    """

    stage: str
    environment: Environment

    def error(self, field: str, message: object) -> StageError:
        """What is wrong, and where in the stage."""
        return StageError(self.stage, field, str(message))

    def program(self, field: str, source: str) -> Program:
        """A CEL expression of the stage, compiled.

        Raises:
            StageError: it is none.
        """
        environment = self.environment
        try:
            return compile_cel(source, now=environment.now, random=environment.chance.random)
        except CelSyntaxError as error:
            raise self.error(field, error) from error

    def query(self, field: str, source: str) -> Query:
        """A jq query of the stage, compiled.

        Raises:
            StageError: it is none.
        """
        try:
            return compile_jq(source)
        except JqSyntaxError as error:
            raise self.error(field, error) from error
