# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""sprig's functions of paths, which are text here: no file is looked at. Those with `os` are the same, as on Linux."""

from __future__ import annotations

from typing import Final

from kwok_controller.expressions.gotemplate.functions import STRING, Function, fn


def _clean(path: str) -> str:
    if not path:
        return "."
    rooted = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".." or not rooted:
            parts.append(part)
    return ("/" if rooted else "") + "/".join(parts) or "."


def _base(path: str) -> str:
    if not path:
        return "."
    stripped = path.rstrip("/")
    return stripped.rpartition("/")[2] if stripped else "/"


def _dir(path: str) -> str:
    return _clean(path[: path.rfind("/") + 1])


def _ext(path: str) -> str:
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:] if dot >= 0 else ""


FUNCTIONS: Final[dict[str, Function]] = {
    "base": fn(_base, STRING),
    "dir": fn(_dir, STRING),
    "clean": fn(_clean, STRING),
    "ext": fn(_ext, STRING),
    "isAbs": fn(lambda path: path.startswith("/"), STRING),
}
for _name in list(FUNCTIONS):
    FUNCTIONS["os" + _name[0].upper() + _name[1:]] = FUNCTIONS[_name]
