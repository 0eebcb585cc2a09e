# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Get an executable from the first source that has it.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from .._errors import SimError
from . import catalogue, executable
from .cache import Entry, default_root
from .executable import ARCHITECTURES, SYSTEMS, NotExecutable, Platform
from .request import (
    SOURCES,
    ArtifactRequest,
    Attempt,
    Fetched,
    OptionNames,
    Outcome,
    Progress,
    ResolvedArtifact,
    Source,
    SourceFailed,
    Wanted,
)
from .storage import disk_errors
from .urls import check_mirror, redact, urls

_TOOLCHAINS = ".toolchains"  # beside the artifacts; no artifact's name begins with a full stop


def _silent(_message: str) -> None:
    """Progress that nobody wants to hear of."""


def resolve(
    request: ArtifactRequest,
    *,
    check_mode: bool = False,
    progress: Callable[[str], None] | None = None,
) -> ResolvedArtifact:
    """Get an executable from the first of the request's sources that has it.

    A hit in the cache costs a few milliseconds: nothing is hashed and no subprocess is started.

    Args:
        request: What is wanted.
        check_mode: Only say what would happen: nothing is downloaded, built or written.
        progress: Called with a short sentence whenever something begins or moves on.

    Raises:
        SimError: An option is wrong, the disk is full, or no source has the executable; in the last case it says for
            each source why not, and ``details["attempts"]`` lists them.
    """
    return _Resolution(request, check_mode, progress or _silent).run()


def remove(request: ArtifactRequest, *, check_mode: bool = False) -> bool:
    """Remove an executable from the cache.

    Returns:
        Whether there was anything to remove.
    """
    wanted, entry = look_up(request)
    if not entry.occupied():
        return False
    if not check_mode:
        with disk_errors(entry.root, wanted.options.cache_dir), entry.locked():
            entry.remove()
    return True


def _remedy(options: OptionNames) -> str:
    return (
        f"Set {options.mirror} to a site that can be reached, set {options.path} to the executable itself, or allow more {options.sources}"
    )


def describe(entry: Entry) -> dict[str, str]:
    """What is in a place of the cache, for diffs."""
    try:
        record = entry.read()
    except SourceFailed as failure:
        return {"path": str(entry.path), "state": "absent" if failure.missing else f"damaged: {failure.reason}"}
    return {"path": str(entry.path), "state": "present", "sha256": record.sha256}


def look_up(request: ArtifactRequest) -> tuple[Wanted, Entry]:
    """Check the names in a request, and find their place in the cache; touch nothing.

    Raises:
        SimError: An option is wrong.
    """
    options = request.options
    artifact = catalogue.find(request.name, option=options.name)
    version = catalogue.parse_version(request.version or artifact.version, option=options.version)
    host = Platform.host()
    platform = Platform(request.os or host.os, request.arch or host.arch)
    for option, value, known in ((options.os, platform.os, SYSTEMS), (options.arch, platform.arch, ARCHITECTURES)):
        if value not in known:
            raise SimError(f"{value!r} is not supported", option=option, remedy="Choose one of " + ", ".join(known))
    environment = os.environ if request.environment is None else request.environment
    root = Path(request.cache_dir).expanduser().absolute() if request.cache_dir else default_root(environment)
    wanted = Wanted(artifact, version, platform, options)
    if request.mirror is not None:
        check_mirror(wanted, request.mirror)
    member = artifact.release.member if artifact.release.whole else None
    return wanted, Entry(root, artifact.name, str(version), platform, member)


@dataclass(frozen=True)
class _Found:
    """What a source has given, or in check mode would give."""

    path: Path
    sha256: str | None
    changed: bool
    reason: str


class _Resolution:
    """One run through the sources."""

    def __init__(self, request: ArtifactRequest, check_mode: bool, progress: Progress) -> None:
        self._request = request
        self._check_mode = check_mode
        self._wanted, self._entry = look_up(request)
        self._progress: Progress = lambda message: progress(f"{self._entry.name} {self._entry.version}: {message}")
        self._lock = ExitStack()
        self._locked = False
        self._attempts: list[Attempt] = []
        self._failures: list[SourceFailed] = []
        self._sources = self._check_sources()

    def _check_sources(self) -> tuple[Source, ...]:
        sources = tuple(dict.fromkeys(self._request.sources))
        unknown = [source for source in sources if source not in SOURCES]
        option = self._wanted.options.sources
        if unknown or not sources:
            raise SimError(
                f"{unknown[0]!r} is no source" if unknown else "there is no source to try",
                option=option,
                remedy="Choose from " + ", ".join(SOURCES),
            )
        if self._request.path is not None and "path" not in sources:
            raise SimError(
                f"{self._wanted.options.path} is given, but path is not among the sources",
                option=option,
                remedy=f"Add path to it, or leave {self._wanted.options.path} out",
            )
        return sources

    def run(self) -> ResolvedArtifact:
        ways: dict[Source, Callable[[], _Found]] = {
            "path": self._from_path,
            "cache": self._from_cache,
            "download": self._from_download,
            "build": self._from_build,
        }
        with self._lock:
            for source in self._sources:
                if source == "path" and self._request.path is None:
                    continue
                started = time.monotonic()
                try:
                    found = ways[source]()
                except SourceFailed as failure:
                    self._failures.append(failure)
                    self._note(source, "missing" if failure.missing else "failed", failure.reason, started)
                    continue
                self._note(source, "planned" if found.changed and self._check_mode else "used", found.reason, started)
                version = self._request.version or "" if source == "path" else str(self._wanted.version)
                return ResolvedArtifact(
                    self._wanted.artifact.name, found.path, version, source, found.sha256, found.changed, tuple(self._attempts)
                )
        raise self._failure()

    def _note(self, source: Source, outcome: Outcome, reason: str, started: float) -> None:
        self._attempts.append(Attempt(source, outcome, reason, time.monotonic() - started))

    def _failure(self) -> SimError:
        """One error for all sources, about the option that the most telling of their failures names."""
        options = self._wanted.options
        told = [failure for failure in self._failures if failure.remedy]
        # A version that does not exist outweighs, say, a release site that could not be asked.
        told.sort(key=lambda failure: failure.option == options.version)
        tried = "; ".join(f"{attempt.source}: {attempt.reason}" for attempt in self._attempts) or "no source was left to try"
        return SimError(
            f"{self._wanted} could not be had. {tried}",
            option=told[-1].option if told else options.sources,
            remedy=told[-1].remedy if told else _remedy(options),
            details={"attempts": [attempt.as_dict() for attempt in self._attempts]},
        )

    def _from_path(self) -> _Found:
        """The user's own file. Whoever names a file wants that one: if it is wrong, no other source is tried."""
        path = Path(self._request.path or "").expanduser().absolute()
        try:
            executable.check(path, self._wanted.platform, scripts=True)
        except NotExecutable as error:
            raise SimError(
                f"{path} {error}",
                option=self._wanted.options.path,
                remedy=f"Name an executable of {self._wanted.artifact.name} for {self._wanted.platform}, or leave the option out",
            ) from None
        return _Found(path, None, False, "given")

    def _from_cache(self) -> _Found:
        try:
            record = self._entry.read()
        except SourceFailed:
            if not self._take_lock():
                raise
            # Another run may have been at it, and be done now.
            record = self._entry.read()
        return _Found(self._entry.path, record.sha256, False, f"{record.source} of {record.url}")

    def _take_lock(self) -> bool:
        """Lock the cache entry until the end of this resolution; whether that was done now."""
        fetching = "download" in self._sources or "build" in self._sources
        if self._check_mode or self._locked or not (fetching or self._entry.lock_path.exists()):
            return False
        with disk_errors(self._entry.root, self._wanted.options.cache_dir):
            self._lock.enter_context(self._entry.locked(lambda: self._progress("waiting for another run that fetches it")))
        self._locked = True
        return True

    def _from_download(self) -> _Found:
        url, _checksum_url, _member = urls(self._wanted, self._request.mirror)

        def fetch(work: Path) -> Fetched:
            from . import download  # with its archive formats and network code, which a cache hit need not wait for

            return download.fetch(
                self._wanted,
                work,
                mirror=self._request.mirror,
                timeout=self._request.timeout,
                progress=self._progress,
            )

        return self._fetch("download", redact(url), fetch)

    def _from_build(self) -> _Found:
        environment = os.environ if self._request.environment is None else self._request.environment
        build = self._wanted.build

        def fetch(work: Path) -> Fetched:
            from . import gobuild

            return gobuild.fetch(
                self._wanted,
                work,
                go=self._request.go,
                toolchains=self._entry.root / _TOOLCHAINS,
                environment=environment,
                timeout=self._request.build_timeout,
                progress=self._progress,
            )

        return self._fetch("build", f"{build.package}@{self._wanted.module_version}", fetch)

    def _fetch(self, source: Source, origin: str, fetch: Callable[[Path], Fetched]) -> _Found:
        if self._check_mode:
            return _Found(self._entry.path, None, True, f"{source} of {origin}")
        self._take_lock()
        with disk_errors(self._entry.root, self._wanted.options.cache_dir):
            try:
                before: str | None = self._entry.read().sha256
            except SourceFailed:
                before = None
            with self._entry.work_directory() as work:
                record = self._entry.store(fetch(work), source)
        self._progress("done")
        return _Found(self._entry.path, record.sha256, record.sha256 != before, f"{source} of {record.url}")
