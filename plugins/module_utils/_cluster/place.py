# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The place of a cluster on the disk: whether it may be used, made and removed.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from .._errors import SimError
from .._files import make_directory
from .layout import Layout
from .lock import exclusive
from .record import Record, load_record

MINIMUM_FREE_BYTES = 256 * 2**20
"""What a cluster must find free on the disk: etcd preallocates 64 MB of write-ahead log and refuses writes when the disk is full."""

# Another run may be fetching or building executables.
_LOCK_TIMEOUT_SECONDS = 600


def default_base_dir() -> Path:
    """Where clusters are kept unless ``base_dir`` says otherwise: below the user's data directory (XDG base directories)."""
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data and Path(data).is_absolute() else Path.home() / ".local" / "share") / "kwok-sim"


def layout_of(base_dir: str | None, name: str) -> Layout:
    """The paths of a cluster, from the options."""
    return Layout(Path(base_dir).absolute() if base_dir else default_base_dir(), name)


@contextlib.contextmanager
def locked(layout: Layout, *, check_mode: bool, wait_timeout: float) -> Iterator[None]:
    """Hold the cluster's lock. In check mode nothing is made for it: where there is no place for a lock, there is no other run.

    Raises:
        SimError: Another run does not end in time, or the place cannot be written.
    """
    if check_mode and not layout.lock.parent.is_dir():
        yield
        return
    # The user may have named a directory that others use, too: what is there already keeps its mode.
    if not layout.base_dir.is_dir():
        make_directory(layout.base_dir)
    make_directory(layout.lock.parent)
    with exclusive(layout.lock, max(wait_timeout, _LOCK_TIMEOUT_SECONDS), f"cluster {layout.name}"):
        try:
            yield
        finally:
            if not layout.root.exists():
                layout.lock.unlink(missing_ok=True)


def check_owner(layout: Layout) -> None:
    """Raise a SimError if the cluster's directory is another user's."""
    try:
        status = layout.root.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise SimError(f"{layout.root} cannot be read: {error.strerror}", option="base_dir", remedy="Choose another base_dir") from error
    if status.st_uid != os.geteuid():
        raise SimError(
            f"{layout.root} belongs to another user (id {status.st_uid})",
            option="base_dir",
            remedy="Become that user, or choose another name or base_dir",
        )


def check_place(layout: Layout) -> None:
    """Raise a SimError if no cluster can be made or changed there."""
    check_owner(layout)
    place = layout.root
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise SimError(f"{place} is no directory", option="base_dir", remedy="Choose another base_dir")
    if not os.access(place, os.W_OK | os.X_OK):
        raise SimError(f"{place} may not be written by this user", option="base_dir", remedy="Choose another base_dir, or become its owner")
    free = shutil.disk_usage(place).free
    if free < MINIMUM_FREE_BYTES and not layout.record.exists():
        raise SimError(
            f"the disk of {place} has {free // 2**20} MiB free, and a cluster needs {MINIMUM_FREE_BYTES // 2**20} MiB",
            option="base_dir",
            remedy="Free space there, or choose a base_dir on another disk",
        )


def load_own(layout: Layout) -> Record | None:
    """The record of a cluster, or ``None`` where one can be made.

    Raises:
        SimError: Something else is there.
    """
    record = load_record(layout)
    if record is None and is_foreign(layout):
        raise SimError(
            f"{layout.root} is there already and is no cluster of kwok.sim: it holds no {layout.record.name}",
            option="name",
            remedy="Choose another name or base_dir, or remove the directory by hand if nobody needs it",
        )
    return record


def is_foreign(layout: Layout) -> bool:
    """Whether the cluster's directory holds something, and not a cluster of ours."""
    return layout.root.is_dir() and not layout.record.exists() and any(layout.root.iterdir())


def make(layout: Layout) -> None:
    """Make the cluster's directories, 0700."""
    for path in (layout.root, layout.pki, layout.config, layout.logs, layout.etcd_data):
        make_directory(path)


def clear(layout: Layout) -> None:
    """Remove the cluster's directory. The record goes last: interrupted, the next run still knows the directory as ours."""
    if not layout.root.exists():
        return
    for entry in layout.root.iterdir():
        if entry == layout.record:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    layout.record.unlink(missing_ok=True)
    layout.root.rmdir()
