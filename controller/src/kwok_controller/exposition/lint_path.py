# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Rules of the path that a Metric is served at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from kwok_controller.exposition.problems import Problem, error

ROOT: Final = "/metrics"
NODE: Final = "{nodeName}"

_FIELD: Final = "spec.path"
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]+")


def check_path(path: str) -> Iterator[Problem]:
    """What is wrong with a path."""
    if path != ROOT and not path.startswith(f"{ROOT}/"):
        yield error("path", _FIELD, f"{path!r} is not under {ROOT}: {ROOT}/nodes/{NODE}/metrics/resource would be")
        return
    segments = path.split("/")[1:]
    for segment in segments:
        if "{" in segment or "}" in segment:
            if segment != NODE:
                yield error("path", _FIELD, f"{segment!r} cannot be filled in: {NODE}, as a whole segment, is the name of the node")
        elif segment in ("", ".", ".."):
            yield error("path", _FIELD, f"{path!r} has a segment {segment!r}: leave it out")
        elif not _SEGMENT.fullmatch(segment):
            yield error(
                "path", _FIELD, f"{segment!r} has characters that the path of a URL cannot have: letters, digits and -._~ can be there"
            )
    if segments.count(NODE) > 1:
        yield error("path", _FIELD, f"{NODE} is there {segments.count(NODE)} times: one is enough")


def check_free(path: str) -> Iterator[Problem]:
    """What is wrong with a path that the controller answers itself."""
    if path == ROOT:
        yield error("path", _FIELD, f"{ROOT} is the controller's own: take {ROOT}/nodes/{NODE}/metrics for that of the nodes")
