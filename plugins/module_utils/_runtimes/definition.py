# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a component is stored: as a shell script that becomes the component's process.

supervisor's own configuration cannot carry every argument and environment value (newlines, both kinds of quotes, comment signs);
a shell's single quotes can. Its first line says what it was made from and holds a hash of the rest, so that an edit by hand shows.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from dataclasses import dataclass
from typing import Any

from .._cluster.component import Component
from .._errors import SimError
from .supervisor import DIGEST_MARKER

# A DNS label: it goes into file names and into supervisor's configuration as it is.
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# What supervisor, and Python where no locale is set, add to the environment.
_FOREIGN = "SUPERVISOR_ENABLED SUPERVISOR_GROUP_NAME SUPERVISOR_PROCESS_NAME SUPERVISOR_SERVER_URL LC_CTYPE"

_NOTE = "# Starts a component. Written by the collection kwok.sim: an edit by hand counts as drift and is overwritten."


@dataclass(frozen=True)
class Definition:
    """A stored component.

    Attributes:
        argv: Absolute path of the program, and its arguments.
        digest: Of the Component it was made from.
        stop_timeout: Seconds from SIGTERM to SIGKILL.
    """

    argv: tuple[str, ...]
    digest: str
    stop_timeout: int


def render(component: Component, digest: str) -> bytes:
    """The script of a component."""
    argv = [_program(component), *component.args]
    exports = [*component.env, (DIGEST_MARKER, digest)]
    lines = [
        _NOTE,
        f"unset {_FOREIGN}",
        *(f"export {key}={shlex.quote(value)}" for key, value in exports),
        "exec " + " \\\n  ".join(shlex.quote(item) for item in argv),
    ]
    body = "\n".join(lines) + "\n"
    facts = {"argv": argv, "digest": digest, "stop_timeout": component.stop_timeout}
    return _encode(f"# {json.dumps({**facts, 'sha256': _hash(facts, body)}, sort_keys=True)}\n{body}")


def parse(script: bytes) -> Definition | None:
    """What a script was made from; ``None`` if it is not exactly as ``render`` made it."""
    head, _newline, body = script.decode("utf-8", "surrogateescape").partition("\n")
    try:
        facts = json.loads(head.removeprefix("# "))
        stored = facts.pop("sha256")
        if stored != _hash(facts, body):
            return None
        return Definition(tuple(facts["argv"]), facts["digest"], facts["stop_timeout"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _encode(text: str) -> bytes:
    """Text as the operating system takes it: names of files need not be valid UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def _hash(facts: dict[str, Any], body: str) -> str:
    """The hash of a script's facts and commands."""
    return hashlib.sha256(_encode(json.dumps(facts, sort_keys=True) + body)).hexdigest()


def _program(component: Component) -> str:
    """The path of a component's program. Raises SimError for what no process can be given."""
    if not NAME.fullmatch(component.name):
        raise SimError(f"{component.name!r} is no DNS label", option="name", remedy="Use up to 63 of a-z, 0-9 and -, with - only inside")
    if component.executable is None:
        raise SimError(f"Component {component.name} has no executable, but runtime binary needs one", option="executable")
    if any("\0" in item for item in (component.executable.path, *component.args)):
        raise SimError(f"Component {component.name} has an argument with a NUL character", option="args", remedy="Remove the character")
    for key, value in component.env:
        if not _VARIABLE.fullmatch(key):
            raise SimError(f"{key!r} is no name of an environment variable", option="env", remedy="Use letters, _ and, inside, digits")
        if "\0" in value:
            raise SimError(f"The value of {key} has a NUL character", option="env", remedy="Remove the character")
    return component.executable.path
