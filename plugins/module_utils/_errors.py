# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors that a user can act on.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations


class SimError(Exception):
    """A failure told in the user's terms: the option at fault, what is wrong with it, and the remedy.

    Args:
        message: What is wrong, as a sentence without its final full stop.
        option: Name of the module option that the user can change, or ``None`` where no single option is at fault.
        remedy: What the user can do about it, as an imperative sentence without its final full stop.
        details: Values for the module's failure result, beside ``msg``; never a secret.
    """

    def __init__(
        self,
        message: str,
        *,
        option: str | None = None,
        remedy: str | None = None,
        details: dict[str, object] | None = None,
    ) -> None:
        self.message = message
        self.option = option
        self.remedy = remedy
        self.details = details or {}
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.option}: {self.message}." if self.option else f"{self.message}."
        return f"{text} {self.remedy}." if self.remedy else text
