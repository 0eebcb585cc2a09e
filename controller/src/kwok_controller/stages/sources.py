# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Stages from where a command line names them: sets that ship with the controller, files, directories, the standard input."""

from __future__ import annotations

from collections.abc import Sequence

from kwok_controller.api import sources as api_sources
from kwok_controller.api.sources import Found
from kwok_controller.stages import sets


def read(sources: Sequence[str]) -> Found:
    """The stages of sources, in their order. A directory that bears the name of a set is read when it is given as `./NAME`.

    Raises:
        InvalidFile: A source is neither a set nor can it be read, or it holds something that is no object.
    """
    return api_sources.read(sources, sets, ("Stage",))
