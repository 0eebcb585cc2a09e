# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is wrong with an object, a file or an option, and where."""

from __future__ import annotations


class InvalidObject(ValueError):
    """An object that does not fit its type.

    Attributes:
        path: Where, as a JSON path from the object's root: `$.spec.steps[1].patch.type`.
        message: What is wrong there.
        subject: Which object, for people: `Stage "pod-ready"`, or empty when it is not known.
    """

    def __init__(self, path: str, message: str, subject: str = "") -> None:
        super().__init__(path, message, subject)
        self.path = path
        self.message = message
        self.subject = subject

    def __str__(self) -> str:
        where = f"{self.subject}: {self.path}" if self.subject else self.path
        return f"{where}: {self.message}"


class InvalidOption(ValueError):
    """An option that cannot be taken as it is given.

    Attributes:
        option: Which: its flag, and its path in the configuration file.
        message: What is wrong and what to do.
    """

    def __init__(self, option: str, message: str) -> None:
        super().__init__(option, message)
        self.option = option
        self.message = message

    def __str__(self) -> str:
        return f"{self.option}: {self.message}"


class InvalidFile(ValueError):
    """A file that cannot be read, or what stands in it.

    Attributes:
        where: The file, and the place in it as far as it is known.
        message: What is wrong.
    """

    def __init__(self, where: str, message: str) -> None:
        super().__init__(where, message)
        self.where = where
        self.message = message

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"
