# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What can be wrong with a patch."""

from __future__ import annotations


class PatchError(ValueError):
    """A patch that cannot be applied.

    Attributes:
        path: where: a JSON pointer, or the path of fields with dots; empty for the whole.
        operation: of a JSON patch: the operation's place in the list.
    """

    def __init__(self, message: str, *, path: str = "", operation: int | None = None) -> None:
        where = f"operation {operation}: " if operation is not None else f"{path}: " if path else ""
        super().__init__(where + message)
        self.path = path
        self.operation = operation
