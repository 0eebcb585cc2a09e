# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the program kwok-controller: which CRDs it has, which objects it ships, and what it thinks of others.

Templates, jq and CEL are compiled where they will be run, by the same code; nothing of it is written twice.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._cluster.record import Record
from .._errors import SimError
from .kinds import FAMILIES, Family, Key

PROGRAM = "kwok-controller"
COMPONENT = "kwok-controller"
"""Name of the component under which the role controller runs it."""

_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Finding:
    """What linting found wrong with an object.

    Attributes:
        severity: ``error`` or ``warning``.
        subject: Which object; its name is empty if it has none.
        field: Path of the field in the object, such as ``spec.next.statusTemplate``.
        message: What is wrong, and what would be right.
    """

    severity: str
    subject: Key
    field: str
    message: str

    def __str__(self) -> str:
        where = " ".join(part for part in (str(self.subject) if self.subject.name else "", self.field) if part)
        return f"{where}: {self.message}" if where else self.message


def find_program(path: str | None, record: Record | None) -> str:
    """The program that is asked: ``path``, or what the cluster's controller runs, or what is on ``PATH``.

    Raises:
        SimError: There is none, or ``path`` is no program.
    """
    if path is not None:
        found = shutil.which(path)
        if found is None:
            raise SimError(f"{path} is no program", option="executable", remedy="Name the kwok-controller that is installed on the host")
        return found
    component = record.components.get(COMPONENT, {}) if record is not None else {}
    recorded = str((component.get("executable") or {}).get("path", ""))
    if Path(recorded).name == PROGRAM and Path(recorded).is_file():
        return recorded
    found = shutil.which(PROGRAM)
    if found is None:
        raise SimError(
            f"{PROGRAM} is neither a component of the cluster nor on PATH",
            option="executable",
            remedy="Install it with the role kwok.sim.controller, or name one that is installed",
        )
    return found


def custom_resource_definitions(program: str, kinds: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The CRDs of C(kwok.x-k8s.io) and C(kwok-sim.dev), all of them or those of ``kinds``.

    Raises:
        SimError: The program cannot be run or refuses.
    """
    chosen = [argument for kind in kinds for argument in ("--kind", kind)]
    return _objects(_run([program, "crds", "--output", "json", *chosen]))


def shipped_objects(program: str, family: Family, name: str) -> list[dict[str, Any]]:
    """The objects of the shipped set ``name``.

    Raises:
        SimError: There is no such set, it is one of other kinds, or the program cannot be run.
    """
    return _shown(program, family, name, option="sets")


def read_objects(program: str, family: Family, path: str) -> list[dict[str, Any]]:
    """The objects of a YAML file or of a directory of such files; those of other kinds are left out.

    Raises:
        SimError: It cannot be read, or holds none.
    """
    return _shown(program, family, path, option="paths")


def lint(program: str, family: Family, objects: Sequence[dict[str, Any]]) -> list[Finding]:
    """What is wrong with ``objects``, taken together.

    Raises:
        SimError: The program cannot be run.
    """
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    # Its status tells errors from none; what is wrong stands in the answer either way.
    answer = _run([program, family.command, "lint", "--output", "json", "-"], stdin=text, statuses=(0, 1))
    try:
        return [_finding(family, item) for item in json.loads(answer)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SimError(
            f"{program} {family.command} lint answers what cannot be read: {error}", remedy="Install the version of this collection"
        ) from None


def _finding(family: Family, item: dict[str, Any]) -> Finding:
    # Of stages alone, it tells the name as that of the stage.
    kind = item.get("kind") or family.names[0]
    subject = Key(kind, item.get("namespace") or "", item.get("name") or item.get(family.command) or "")
    return Finding(item["severity"], subject, item.get("field") or "", item["message"])


def _shown(program: str, family: Family, source: str, *, option: str) -> list[dict[str, Any]]:
    found = _objects(_run([program, family.command, "show", "--output", "json", source], option=option))
    siblings = {name for each in FAMILIES if each.command == family.command for name in each.names} - set(family.names)
    own = [each for each in found if each.get("kind") not in siblings]
    if not own:
        others = f", only {', '.join(sorted({str(each['kind']) for each in found}))}" if found else ""
        raise SimError(
            f"{source} has no {' or '.join(family.names)}{others}",
            option=option,
            remedy="Give it to the module for objects of the kinds that it has",
        )
    return own


def _objects(answer: str) -> list[dict[str, Any]]:
    found = json.loads(answer)
    return list(found["items"]) if isinstance(found, dict) else list(found)


def _run(command: list[str], *, stdin: str = "", statuses: tuple[int, ...] = (0,), option: str | None = None) -> str:
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except OSError as error:
        raise SimError(f"{command[0]} cannot be run: {error.strerror}", option="executable") from None
    except subprocess.TimeoutExpired:
        raise SimError(f"{' '.join(command)} did not end within {_TIMEOUT_S:g} s") from None
    if done.returncode not in statuses:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise SimError(said[-1] if said else f"{' '.join(command)} ended with status {done.returncode}", option=option)
    return done.stdout
