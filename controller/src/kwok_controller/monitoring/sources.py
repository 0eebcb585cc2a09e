# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Metrics and usages, or WorkloadTraces, from where a command line names them: shipped sets, files, directories, the standard input."""

from __future__ import annotations

from collections.abc import Sequence

from kwok_controller.api import sources as api_sources
from kwok_controller.api.kinds import SHOWN, TRACED
from kwok_controller.api.sources import Found
from kwok_controller.monitoring import sets
from kwok_controller.monitoring.trace_sets import SETS


def read(sources: Sequence[str]) -> Found:
    """The Metrics and usages of sources, in their order. A directory that bears the name of a set is read when it is given as `./NAME`.

    Raises:
        InvalidFile: A source is neither a set nor can it be read, or it holds something that is no object.
    """
    return api_sources.read(sources, sets, SHOWN)


def read_traces(sources: Sequence[str]) -> Found:
    """The same for WorkloadTraces.

    Raises:
        InvalidFile: A source is neither a set nor can it be read, or it holds something that is no object.
    """
    return api_sources.read(sources, SETS, (TRACED,))
