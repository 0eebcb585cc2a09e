# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The oracle: the real text/template and sprig, in a small Go program that is built once into the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[2] / "gotemplate_oracle"


class Oracle:
    """Asks the Go program for what a template gives."""

    def __init__(self, executable: Path) -> None:
        self._process = subprocess.Popen(
            [executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "TZ": "UTC"}, text=True, encoding="utf-8"
        )

    def render(self, template: str, data: Any) -> tuple[str | None, str]:
        """The output, and the error where there is no output."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"template": template, "data": data}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer.get("output"), answer.get("error", "")

    def close(self) -> None:
        self._process.communicate(timeout=30)


def _go(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["go", *args], cwd=SOURCE, env={**os.environ, "CGO_ENABLED": "0"}, text=True, capture_output=True, check=False)


def _build() -> Path:
    if not shutil.which("go"):
        pytest.skip("there is no Go toolchain to build the oracle with")
    digest = hashlib.sha256(_go("version").stdout.encode())
    for path in sorted(SOURCE.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kwok-controller-tests"
    executable = cache / f"gotemplate-oracle-{digest.hexdigest()[:16]}"
    if not executable.exists():
        modules = _go("mod", "download")
        if modules.returncode:
            pytest.skip(f"the modules of the oracle cannot be had: {modules.stderr.strip()[-200:]}")
        cache.mkdir(parents=True, exist_ok=True)
        fresh = executable.with_name(f"{executable.name}.{os.getpid()}")
        built = _go("build", "-trimpath", "-o", str(fresh), ".")
        assert built.returncode == 0, built.stderr
        fresh.replace(executable)
    return executable


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    made = Oracle(_build())
    yield made
    made.close()
