# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The names that objects may have."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 253
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def wrong_name(name: str) -> str:
    """What is wrong with the name of an object; empty: nothing."""
    if not name:
        return "is missing"
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        return f"{name!r} is no name of an object: lower case letters, digits, - and . are"
    return ""
