# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Oracles: small Go programs of ours that tell what Go's own libraries give, built once into the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]


class GoOracle:
    """A running oracle: a line of JSON in, a line of JSON out."""

    def __init__(self, name: str) -> None:
        """Builds and starts the program of `tests/NAME`."""
        self._process = subprocess.Popen(
            [_build(name)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "TZ": "UTC"}, text=True, encoding="utf-8"
        )

    def ask(self, **request: Any) -> tuple[Any, str]:
        """The output, and the error where there is no output."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer.get("output"), answer.get("error", "")

    def close(self) -> None:
        """Ends the program."""
        self._process.communicate(timeout=30)


def _go(source: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["go", *args], cwd=source, env={**os.environ, "CGO_ENABLED": "0"}, text=True, capture_output=True, check=False)


def _build(name: str) -> Path:
    source = TESTS / name
    if not shutil.which("go"):
        pytest.skip("there is no Go toolchain to build the oracle with")
    digest = hashlib.sha256(_go(source, "version").stdout.encode())
    for path in sorted(source.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kwok-controller-tests"
    executable = cache / f"{name.replace('_', '-')}-{digest.hexdigest()[:16]}"
    if not executable.exists():
        packages = _go(source, "list", "-deps", ".")
        if packages.returncode:
            pytest.skip(f"the modules of the oracle cannot be had: {packages.stderr.strip()[-200:]}")
        cache.mkdir(parents=True, exist_ok=True)
        fresh = executable.with_name(f"{executable.name}.{os.getpid()}")
        built = _go(source, "build", "-trimpath", "-o", str(fresh), ".")
        assert built.returncode == 0, built.stderr
        fresh.replace(executable)
    return executable
