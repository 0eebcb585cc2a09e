# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes as text for diff mode: one entry a line, texts of several lines as they are.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._kube.apply import AppliedObject
from .plan import Change

_WIDTH = 10_000  # No line is folded: a diff compares lines.


def as_diff(changes: Iterable[Change]) -> dict[str, str]:
    """``before`` and ``after`` of all changes, as Ansible's diff mode takes them."""
    return _sides((f"{change.kind} {change.name}", change.before, change.after) for change in changes)


def objects_as_diff(objects: Iterable[AppliedObject]) -> dict[str, str]:
    """``before`` and ``after`` of the objects that changed."""
    return _sides(
        (f"{each.kind} {each.namespace}/{each.name}" if each.namespace else f"{each.kind} {each.name}", each.before, each.after)
        for each in objects
        if each.changed
    )


def _sides(changes: Iterable[tuple[str, Any, Any]]) -> dict[str, str]:
    """Title, before and after of each change; ``None`` stands for what is not there."""
    listed = list(changes)
    return titled_as_diff(
        {title: before for title, before, after in listed if before is not None},
        {title: after for title, before, after in listed if after is not None},
    )


def titled_as_diff(before: dict[str, Any], after: dict[str, Any]) -> dict[str, str]:
    """``before`` and ``after`` of values with titles."""
    return {"before": _as_text(before), "after": _as_text(after)}


def _as_text(values: dict[str, Any]) -> str:
    if not values:
        return ""
    # Imported where diff mode is on, and nowhere else; its absence has been told by then.
    import yaml

    class Dumper(yaml.SafeDumper):
        """Dumps texts of several lines as literal blocks."""

    def represent_text(dumper: Any, text: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, represent_text)
    return str(yaml.dump(values, Dumper=Dumper, sort_keys=False, default_flow_style=False, width=_WIDTH, allow_unicode=True))
