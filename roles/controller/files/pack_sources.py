# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make one file of what kwok-controller is installed from: a source directory becomes a source archive, a file stays as it is.

Usage: ``pack_sources.py PATH``. Prints a JSON object: ``path`` of the file here, and ``name``, the file name that it gets on the host,
which holds a digest of the sources and so is the same as long as they are. Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import sys
import tarfile
import tempfile
from pathlib import Path

# What building the package reads; tests, benchmarks and leftovers of tools are not part of it.
PACKED = ("pyproject.toml", "README.md", "LICENSE", "src")


def source_files(root: Path) -> list[Path]:
    """The files that the package is built from, in the order of their names."""
    found: list[Path] = []
    for name in PACKED:
        start = root / name
        found.extend([start] if start.is_file() else sorted(path for path in start.rglob("*") if path.is_file()))
    return [path for path in found if "__pycache__" not in path.parts and path.suffix != ".pyc"]


def package_version(root: Path) -> str:
    """The version that pyproject.toml states."""
    match = re.search(r'^version = "([^"]+)"$', (root / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise SystemExit(f"{root / 'pyproject.toml'} states no version: is this the source directory of kwok-controller?")
    return match[1]


def pack(root: Path) -> tuple[bytes, str]:
    """A source archive with the same bytes for the same sources, and the directory's name in it."""
    top = f"kwok_controller-{package_version(root)}"
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as compressed, tarfile.open(fileobj=compressed, mode="w") as archive:
        for path in source_files(root):
            content = path.read_bytes()
            member = tarfile.TarInfo(f"{top}/{path.relative_to(root).as_posix()}")
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue(), top


def main() -> None:
    """Print where the file is, making it first if need be."""
    source = Path(sys.argv[1])
    if source.is_file():
        # pip reads name and version of a wheel from its file name: that stays, in a directory that tells contents apart.
        print(json.dumps({"path": str(source), "name": source.name, "sha256": hashlib.sha256(source.read_bytes()).hexdigest()}))
        return
    content, top = pack(source)
    digest = hashlib.sha256(content).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kwok-sim" / "controller"
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"{top}+{digest[:12]}.tar.gz"
    if not target.is_file():
        with tempfile.NamedTemporaryFile(dir=cache, delete=False) as file:
            file.write(content)
        Path(file.name).replace(target)
    print(json.dumps({"path": str(target), "name": target.name, "sha256": digest}))


if __name__ == "__main__":
    main()
