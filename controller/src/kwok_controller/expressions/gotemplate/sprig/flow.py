# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""sprig's functions of the flow of control."""

from __future__ import annotations

from typing import Final, NoReturn

from kwok_controller.expressions.gotemplate.errors import FunctionError
from kwok_controller.expressions.gotemplate.functions import STRING, Function, fn


def _fail(message: str) -> NoReturn:
    raise FunctionError(message)


FUNCTIONS: Final[dict[str, Function]] = {"fail": fn(_fail, STRING)}
