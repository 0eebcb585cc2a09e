# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The oracle of templates: the real text/template and sprig."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from go_oracle import GoOracle


class Oracle:
    """Asks the Go program for what a template gives."""

    def __init__(self) -> None:
        self._program = GoOracle("gotemplate_oracle")

    def render(self, template: str, data: Any) -> tuple[str | None, str]:
        """The output, and the error where there is no output."""
        return self._program.ask(template=template, data=data)

    def close(self) -> None:
        self._program.close()


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    made = Oracle()
    yield made
    made.close()
