# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the program kwok-controller: which CRDs it has, which stages it ships, and what it thinks of others.

Templates, jq and CEL are compiled where they will be run, by the same code; nothing of it is written twice.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._cluster.record import Record
from .._errors import SimError

PROGRAM = "kwok-controller"
COMPONENT = "kwok-controller"
"""Name of the component under which the role controller runs it."""

_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Finding:
    """What linting found wrong with a stage.

    Attributes:
        severity: ``error`` or ``warning``.
        stage: The stage's name; empty if it has none.
        field: Path of the field in the object, such as ``spec.next.statusTemplate``.
        message: What is wrong, and what would be right.
    """

    severity: str
    stage: str
    field: str
    message: str

    def __str__(self) -> str:
        where = " ".join(part for part in (f"Stage {self.stage}" if self.stage else "", self.field) if part)
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
    """The CRDs of C(kwok.x-k8s.io), all of them or those of ``kinds``.

    Raises:
        SimError: The program cannot be run or refuses.
    """
    chosen = [argument for kind in kinds for argument in ("--kind", kind)]
    return _objects(_run([program, "crds", "--output", "json", *chosen]))


def shipped_stages(program: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """The stages of the shipped sets ``names``.

    Raises:
        SimError: There is no such set, or the program cannot be run.
    """
    return _objects(_run([program, "stage", "show", "--output", "json", *names], option="sets")) if names else []


def read_stages(program: str, path: str) -> list[dict[str, Any]]:
    """The stages of a YAML file or of a directory of such files.

    Raises:
        SimError: It cannot be read, or holds something else.
    """
    return _objects(_run([program, "stage", "show", "--output", "json", path], option="paths"))


def lint(program: str, stages: Iterable[dict[str, Any]]) -> list[Finding]:
    """What is wrong with ``stages``, taken together.

    Raises:
        SimError: The program cannot be run.
    """
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(stages)})
    # Its status tells errors from none; what is wrong stands in the answer either way.
    answer = _run([program, "stage", "lint", "--output", "json", "-"], stdin=text, statuses=(0, 1))
    try:
        found = json.loads(answer)
        return [Finding(item["severity"], item.get("stage") or "", item.get("field") or "", item["message"]) for item in found]
    except (ValueError, KeyError, TypeError) as error:
        raise SimError(
            f"{program} stage lint answers what cannot be read: {error}", remedy="Install the version of this collection"
        ) from None


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
