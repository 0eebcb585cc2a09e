# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cache of executables: ``NAME/VERSION/OS-ARCH/NAME`` below its root, with ``NAME.json`` beside it. One that needs what was
released with it is in there at its own place: ``NAME/VERSION/OS-ARCH/NAME/bin/NAME``.

Files appear complete or not at all: they are made in a work directory beside their place, synced and renamed, under a
lock of their own. Whatever an interrupted run has left is removed by the next one that takes the lock.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from .._lock import lock
from . import executable
from .executable import NotExecutable, Platform
from .request import Fetched, Source, SourceFailed

_WORK_PREFIX = ".work-"
_DIGEST = re.compile(r"[0-9a-f]{64}")


def default_root(environment: Mapping[str, str]) -> Path:
    """``kwok-sim/artifacts`` in the user's cache directory, by the rules of the XDG Base Directory Specification."""
    base = environment.get("XDG_CACHE_HOME", "")
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"  # the specification: ignore relative paths
    return root / "kwok-sim" / "artifacts"


@dataclass(frozen=True)
class Record:
    """What ``NAME.json`` says of a cached executable: where it came from, and its SHA-256 and size in bytes."""

    source: str
    url: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Entry:
    """The place of one executable in the cache; nothing need be there.

    Attributes:
        root: Of the cache.
        name: Of the executable.
        version: Of it.
        platform: That it runs on.
        member: Where it is in a tree of its own; ``None``: it is a file alone.
    """

    root: Path
    name: str
    version: str
    platform: Platform
    member: str | None = None

    @property
    def directory(self) -> Path:
        """Holds this executable alone."""
        return self.root / self.name / self.version / str(self.platform)

    @property
    def top(self) -> Path:
        """The executable, or the tree that it is in."""
        return self.directory / self.name

    @property
    def path(self) -> Path:
        """The executable."""
        return self.top / self.member if self.member else self.top

    @property
    def record_path(self) -> Path:
        """What is known of it."""
        return self.directory / f"{self.name}.json"

    @property
    def lock_path(self) -> Path:
        """Held while the directory is changed."""
        return self.directory / ".lock"

    def read(self) -> Record:
        """Check the executable cheaply (status, header, record) and return its record.

        The content is not hashed: that takes 0.2 s for the 100 MB of an apiserver, on every use.

        Raises:
            SourceFailed: It is not there, or damaged, and how.
        """
        if not os.path.lexists(self.path):
            raise SourceFailed("it is not in the cache", missing=True)
        try:
            status = executable.check(self.path, self.platform, scripts=self.member is not None)
        except NotExecutable as error:
            raise SourceFailed(f"{self.path} {error}") from None
        if status.st_uid not in (0, os.geteuid()):
            raise SourceFailed(f"{self.path} belongs to another user (uid {status.st_uid})")
        if status.st_mode & 0o002:
            raise SourceFailed(f"{self.path} can be changed by every user")
        record = self._read_record()
        if status.st_size != record.size:
            raise SourceFailed(f"{self.path} has {status.st_size} bytes instead of {record.size}")
        return record

    def _read_record(self) -> Record:
        try:
            plain = json.loads(self.record_path.read_bytes())
            record = Record(str(plain["source"]), str(plain["url"]), str(plain["sha256"]), int(plain["size"]))
        except FileNotFoundError:
            raise SourceFailed(f"{self.record_path} is missing") from None
        except (OSError, ValueError, KeyError, TypeError):
            raise SourceFailed(f"{self.record_path} cannot be read") from None
        if not _DIGEST.fullmatch(record.sha256):
            raise SourceFailed(f"{self.record_path} holds no SHA-256")
        return record

    @contextmanager
    def locked(self, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Keep other runs out while this entry is read and changed; clean up after interrupted ones."""
        with lock(self.lock_path, waiting=waiting):
            for leftover in self.directory.glob(f"{_WORK_PREFIX}*"):
                shutil.rmtree(leftover, ignore_errors=True)
            try:
                yield
            finally:
                if not os.path.lexists(self.top):
                    self._prune()

    @contextmanager
    def work_directory(self) -> Iterator[Path]:
        """A directory of this run's own on the same file system, removed at the end. Needs the lock."""
        work = Path(tempfile.mkdtemp(prefix=_WORK_PREFIX, dir=self.directory))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def store(self, fetched: Fetched, source: Source) -> Record:
        """Move a fetched executable into its place. Needs the lock.

        The record goes last: if this is interrupted in between, the sizes or the record's absence tell.
        """
        fetched.path.chmod(0o755)
        record = Record(source, fetched.url, fetched.sha256, fetched.path.stat().st_size)
        draft = (fetched.tree or fetched.path).with_name("record.json")
        draft.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
        _sync(fetched.path)
        _sync(draft)
        self.record_path.unlink(missing_ok=True)
        self._clear()
        (fetched.tree or fetched.path).replace(self.top)
        draft.replace(self.record_path)
        _sync(self.directory)
        return record

    def remove(self) -> None:
        """Remove the executable and its record. Needs the lock, whose end removes the directories that become empty."""
        self._clear()
        self.record_path.unlink(missing_ok=True)

    def _clear(self) -> None:
        if self.top.is_dir() and not self.top.is_symlink():
            shutil.rmtree(self.top)
        else:
            self.top.unlink(missing_ok=True)

    def occupied(self) -> bool:
        """Whether there is anything to remove, damaged or not."""
        return any(os.path.lexists(path) for path in (self.top, self.record_path, self.lock_path))

    def _prune(self) -> None:
        """Remove the lock file and the directories that nothing is in."""
        with suppress(OSError):  # not empty, or in use by another run: then it stays
            if not self.record_path.exists():
                self.lock_path.unlink(missing_ok=True)
            for directory in (self.directory, self.directory.parent, self.directory.parent.parent):
                directory.rmdir()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
