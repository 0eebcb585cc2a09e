# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of this package, and what it answers.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from .catalogue import Artifact, GoBuild, Version
from .executable import Platform

Source: TypeAlias = Literal["path", "cache", "download", "build"]
SOURCES: tuple[Source, ...] = ("path", "cache", "download", "build")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class OptionNames:
    """What the caller's user calls the options, so that errors name what can be changed; ``go`` where there is such an option."""

    name: str = "name"
    version: str = "version"
    path: str = "path"
    sources: str = "sources"
    mirror: str = "mirror"
    cache_dir: str = "cache_dir"
    os: str = "os"
    arch: str = "arch"
    go: str | None = None


@dataclass(frozen=True)
class ArtifactRequest:
    """One executable that is wanted.

    Attributes:
        name: Its name in the catalogue.
        version: ``vX.Y.Z`` or ``X.Y.Z``; ``None``: the catalogue's default.
        path: The executable, where the user has it already.
        sources: Where to look, in this order.
        mirror: Replaces the release site's prefix; what follows it stays.
        cache_dir: ``None``: below the user's cache directory.
        os: ``None``: this machine's.
        arch: ``None``: this machine's.
        timeout: Seconds that a release site may be silent.
        build_timeout: Seconds that a build may take.
        go: The ``go`` command; ``None``: the one on PATH, or else one that is installed into the cache directory.
        environment: The environment for subprocesses, and where XDG_CACHE_HOME is read; ``None``: this process's own.
        options: The names to use in errors.
    """

    name: str
    version: str | None = None
    path: str | None = None
    sources: tuple[Source, ...] = SOURCES
    mirror: str | None = None
    cache_dir: str | None = None
    os: str | None = None
    arch: str | None = None
    timeout: float = 30.0
    build_timeout: float = 3600.0
    go: str | None = None
    environment: Mapping[str, str] | None = None
    options: OptionNames = field(default_factory=OptionNames)


@dataclass(frozen=True)
class Wanted:
    """A request whose names have been looked up and checked."""

    artifact: Artifact
    version: Version
    platform: Platform
    options: OptionNames

    @property
    def build(self) -> GoBuild:
        """How it is built.

        Raises:
            SourceFailed: It cannot be.
        """
        if self.artifact.go_build is None:
            raise SourceFailed(f"{self.artifact.name} cannot be built from Go modules alone", missing=True)
        return self.artifact.go_build

    @property
    def module_version(self) -> str:
        """The version of the Go module that it is built from."""
        return self.build.module_version(self.version)

    def __str__(self) -> str:
        return f"{self.artifact.name} {self.version} for {self.platform}"


Outcome: TypeAlias = Literal["used", "missing", "failed", "planned"]


@dataclass(frozen=True)
class Attempt:
    """What became of one source.

    Attributes:
        source: Which.
        outcome: ``used``; ``missing``: it has nothing; ``failed``: it was tried in vain; ``planned``: a real run would use it next.
        reason: Why, for people; what it was made from when it was used.
        seconds: How long it took.
    """

    source: Source
    outcome: Outcome
    reason: str
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for return values."""
        return {"source": self.source, "outcome": self.outcome, "reason": self.reason, "seconds": round(self.seconds, 3)}


@dataclass(frozen=True)
class ResolvedArtifact:
    """An executable that is there; in check mode: that would be there.

    Attributes:
        name: Its name in the catalogue.
        path: Absolute path.
        version: What was asked for. Empty where a path was given without a version: the file is not run to find out.
        source: Where it came from in this run.
        sha256: Hexadecimal digest; ``None`` for a path of the user's, and in check mode for what is not there yet.
        changed: Whether the cache was changed, or would be.
        attempts: What became of each source that was tried.
    """

    name: str
    path: Path
    version: str
    source: Source
    sha256: str | None
    changed: bool
    attempts: tuple[Attempt, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for return values."""
        return {
            "name": self.name,
            "path": str(self.path),
            "version": self.version,
            "source": self.source,
            "sha256": self.sha256,
            "changed": self.changed,
            "attempts": [attempt.as_dict() for attempt in self.attempts],
        }


@dataclass(frozen=True)
class Fetched:
    """An executable that a source has put into the cache's work directory.

    Attributes:
        path: The file.
        sha256: Its hexadecimal digest.
        url: What it was made from; never with credentials.
        tree: The directory around it that goes into the cache with it; ``None``: the file alone does.
    """

    path: Path
    sha256: str
    url: str
    tree: Path | None = None


class SourceFailed(Exception):
    """One source cannot provide the artifact; the next one is tried.

    Args:
        reason: Why, as a sentence without its final full stop.
        option: The option at fault, where there is one.
        remedy: What the user can do, as an imperative sentence without its final full stop.
        missing: The source has no such thing, rather than having failed.
    """

    def __init__(self, reason: str, *, option: str | None = None, remedy: str | None = None, missing: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.option = option
        self.remedy = remedy
        self.missing = missing
