# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Stages from where a command line names them: sets that ship with the controller, files, directories, the standard input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kwok_controller.api import sources as api_sources
from kwok_controller.api.load import Document
from kwok_controller.stages import sets


class Found(NamedTuple):
    """What stands in sources.

    Attributes:
        stages: Objects that mean to be stages, not checked.
        others: Objects of other kinds.
    """

    stages: list[Document]
    others: list[Document]


def read(sources: Sequence[str]) -> Found:
    """The stages of sources, in their order. A directory that bears the name of a set is read when it is given as `./NAME`.

    Raises:
        InvalidFile: A source is neither a set nor can it be read, or it holds something that is no object.
    """
    return Found(*api_sources.read(sources, sets, ("Stage",)))
