# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read and write go.mod files, as far as building an executable needs it. Pure.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_BLOCK_END = ")"
# The placeholder version that modules of one repository require each other at. Pseudo versions begin with it, too
# (v0.0.0-20260317180543-43fb72c5454a), but name a commit that the proxy has.
_STAGING_PLACEHOLDER = "v0.0.0"


@dataclass(frozen=True)
class GoMod:
    """What a build takes from a module's go.mod.

    Attributes:
        go: The Go version it asks for, as ``1.26.0``; empty if it does not say.
        godebug: Its ``godebug`` settings, as ``key=value``: those of the main module count, so the build repeats them.
        requires: Pairs of module path and version, in order.
    """

    go: str
    godebug: tuple[str, ...]
    requires: tuple[tuple[str, str], ...]

    def staging(self, prefix: str) -> tuple[str, ...]:
        """Paths below ``prefix`` that are required at exactly the placeholder version, sorted, once each."""
        return tuple(sorted({path for path, version in self.requires if version == _STAGING_PLACEHOLDER and path.startswith(prefix)}))


def parse(text: str) -> GoMod:
    """Read a go.mod file that the go command has accepted."""
    go = ""
    godebug: list[str] = []
    requires: list[tuple[str, str]] = []
    for directive, words in _directives(text):
        if directive == "go" and words:
            go = words[0]
        elif directive == "godebug" and words:
            godebug.append(words[0])
        elif directive == "require" and len(words) >= 2:
            requires.append((words[0].strip('"`'), words[1]))
    return GoMod(go, tuple(godebug), tuple(requires))


def _directives(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each directive with its words, those in parentheses one by one."""
    block: str | None = None
    for line in text.splitlines():
        words = line.split("//", 1)[0].split()
        if not words:
            continue
        if block is not None:
            if words == [_BLOCK_END]:
                block = None
            else:
                yield block, words
        elif words[-1] == "(":
            block = words[0]
        else:
            yield words[0], words[1:]


def render(module: str, version: str, source: GoMod, staging: tuple[str, ...], staging_version: str) -> str:
    """The go.mod of an otherwise empty main module from which a command of ``module`` can be built.

    Args:
        module: The module that holds the command.
        version: Its version.
        source: Its own go.mod.
        staging: Modules to replace by their published form.
        staging_version: The version of those.
    """
    lines = ["module kwok.sim/build", ""]
    if source.go:
        lines += [f"go {source.go}", ""]
    lines += [f"godebug {setting}" for setting in source.godebug]
    lines += [f"require {module} {version}"]
    lines += [f"replace {path} => {path} {staging_version}" for path in staging]
    return "\n".join(lines) + "\n"
