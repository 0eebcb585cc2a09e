# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``$(NAME)`` in the texts of a template: compiled once, then filled for each object.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from .._errors import SimError

# Kubernetes' own syntax in a container's command and args, as in kwok_component: $(NAME) is replaced, $$(NAME) is left as $(NAME).
_REFERENCE = re.compile(r"\$(\$\([A-Za-z_][A-Za-z0-9_]*\)|\(([A-Za-z_][A-Za-z0-9_]*)\))")

Values = Mapping[str, Any]
Filler = Callable[[Values], Any]


def compile_template(template: Any, known: Collection[str], option: str) -> Filler:
    """A function that returns ``template`` with every reference replaced.

    What has no reference is shared by all results: nobody may change them. A text that is nothing but one reference becomes the value
    itself, whatever its type; within a longer text, it becomes the value as text.

    Raises:
        SimError: It refers to a name that is not among ``known``.
    """
    compiled = _compile(template, known, option)
    return compiled if compiled is not None else lambda values: template


def _compile(value: Any, known: Collection[str], option: str) -> Filler | None:
    """``None`` for what has no reference."""
    if isinstance(value, str):
        return _compile_text(value, known, option)
    if isinstance(value, dict):
        return _compile_mapping(value, known, option)
    if isinstance(value, list):
        fillers = [_compile(item, known, option) for item in value]
        if not any(fillers):
            return None
        pairs = list(zip(value, fillers, strict=True))
        return lambda values: [item if fill is None else fill(values) for item, fill in pairs]
    return None


def _compile_mapping(value: dict[str, Any], known: Collection[str], option: str) -> Filler | None:
    moving = {key: fill for key, item in value.items() if (fill := _compile(item, known, option)) is not None}
    names = {key: fill for key in value if (fill := _compile_text(str(key), known, option)) is not None}
    if not moving and not names:
        return None
    if not names:
        return lambda values: {**value, **{key: fill(values) for key, fill in moving.items()}}

    def fill_with_names(values: Values) -> dict[str, Any]:
        return {
            str(names[key](values)) if key in names else key: moving[key](values) if key in moving else item for key, item in value.items()
        }

    return fill_with_names


def _compile_text(text: str, known: Collection[str], option: str) -> Filler | None:
    if "$" not in text:
        return None
    # Plain text, and the names of references as tuples of one.
    parts: list[str | tuple[str]] = []
    end = 0
    for match in _REFERENCE.finditer(text):
        parts.append(text[end : match.start()])
        end = match.end()
        if match[2] is None:
            parts.append(match[1])
        elif match[2] not in known:
            names = ", ".join(sorted(name for name in known if not name.startswith("_")))
            raise SimError(
                f"$({match[2]}) is not known here", option=option, remedy=f"Known are {names}; write $$({match[2]}) to mean the text"
            )
        else:
            parts.append((match[2],))
    parts.append(text[end:])
    pieces = [part for part in parts if part]
    if all(isinstance(part, str) for part in pieces):
        plain = "".join(map(str, pieces))
        return None if plain == text else lambda values: plain
    if len(pieces) == 1:
        only = pieces[0][0]
        return lambda values: values[only]
    return lambda values: "".join(part if isinstance(part, str) else str(values[part[0]]) for part in pieces)
