# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at a host for the role's preflight, in one round trip, and changes nothing.

Run by the interpreter that Ansible uses on the host, which may be older than the modules need: Python 3.8 or newer.
The argument is a JSON object: ``requirements`` (lines such as ``PyYAML>=6.0.1``), ``minimum`` (a Python version),
``python`` (the Python that the user asks for, or empty), ``venv`` (path), ``stamp`` (path below ``venv``) and ``directories``.
Prints a JSON object.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from typing import Any

# Tried in turn, after the interpreter that Ansible itself uses. Of those with a version in their names, the oldest first: new
# ones wait longest for the wheels of what they need.
CANDIDATES = ("python3", "python3.11", "python3.12", "python3.13", "python3.14")

# Debian splits ensurepip off into python3-venv; venv alone is importable there and then fails.
DESCRIBE = """
import importlib.util, sys
print("%d.%d" % sys.version_info[:2], sys.prefix != sys.base_prefix, importlib.util.find_spec("ensurepip") is not None)
"""


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, for comparison: ``6.0.1rc1`` is ``(6, 0, 1)``."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def describe(python: str) -> dict[str, Any] | None:
    """What ``python`` is, or ``None`` if it does not run."""
    path = shutil.which(python)
    if path is None:
        return None
    try:
        done = subprocess.run([path, "-c", DESCRIBE], capture_output=True, text=True, timeout=30, check=True)
        version, in_venv, has_ensurepip = done.stdout.split()
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return {"path": path, "version": version, "virtual": in_venv == "True", "ensurepip": has_ensurepip == "True"}


def find_python(wanted: str, minimum: str) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The first Python that can carry the modules, and all that were looked at."""
    seen: list[dict[str, Any]] = []
    for candidate in (wanted,) if wanted else (sys.executable, *CANDIDATES):
        found = describe(candidate)
        if found is None or found in seen:
            continue
        seen.append(found)
        if numbers(found["version"]) >= numbers(minimum) and found["ensurepip"]:
            return found, seen
    return None, seen


def missing_here(requirements: list[str]) -> list[str]:
    """The requirements that the running interpreter does not meet."""
    missing = []
    for requirement in requirements:
        name, _rest, bound = requirement.partition(">=")
        try:
            met = numbers(metadata.version(name)) >= numbers(bound)
        except metadata.PackageNotFoundError:
            met = False
        if not met:
            missing.append(requirement)
    return missing


def free_mib(directory: str) -> dict[str, Any]:
    """The space that the file system has where ``directory`` is or will be, in MiB for an unprivileged user."""
    path = os.path.abspath(os.path.expanduser(directory))
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    status = os.statvfs(path)
    return {"directory": directory, "free_mib": status.f_bavail * status.f_frsize // 2**20}


def main() -> None:
    """Print what was found."""
    wish = json.loads(sys.argv[1])
    python, seen = find_python(wish["python"], wish["minimum"])
    inside = describe(os.path.join(wish["venv"], "bin", "python"))
    try:
        with open(os.path.join(wish["venv"], wish["stamp"]), encoding="utf-8") as file:
            stamp = file.read().strip()
    except OSError:
        stamp = ""
    # An environment made with another Python than the one that is asked for is made again.
    usable = inside is not None and numbers(inside["version"]) >= numbers(wish["minimum"])
    if usable and wish["python"]:
        usable = python is not None and inside is not None and inside["version"] == python["version"]
    result = {
        "python": python,
        "pythons_seen": seen,
        "venv": {"usable": usable, "stamp": stamp},
        "interpreter": {
            "virtual": sys.prefix != sys.base_prefix,
            "recent": sys.version_info[:2] >= numbers(wish["minimum"]),
            "missing": missing_here(wish["requirements"]),
        },
        "space": [free_mib(directory) for directory in wish["directories"]],
    }
    print(json.dumps(result))


main()
