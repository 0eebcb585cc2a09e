# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the last run wanted and did with a cluster: ``cluster.json``, the marker by which a directory is known as ours.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from .._errors import SimError
from .._files import write_atomically
from .layout import Layout
from .spec import RUNTIME_ORDER, ClusterSpec

FORMAT = 1


@dataclass
class Record:
    """The recorded state of a cluster.

    Attributes:
        name: The cluster's name.
        runtime: The runtime that runs it.
        state: ``present``, ``started`` or ``stopped``, as last asked for.
        spec: ``ClusterSpec.as_dict()`` of the last run.
        ports: Name of a port to its number; chosen once and kept.
        components: Component to ``Component.as_dict()``, as it was last carried out.
        declarations: Joined component to what ``kwok_component`` was asked for.
        versions: ``PATH:FINGERPRINT`` of an executable to the version that it reports.
        exports: Paths of the kubeconfigs outside the cluster's directory that hold its context, to ``merge`` or ``own``.
    """

    name: str
    runtime: str = "binary"
    state: str = "present"
    spec: dict[str, Any] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    components: dict[str, dict[str, Any]] = field(default_factory=dict)
    declarations: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    exports: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT


def load_record(layout: Layout) -> Record | None:
    """The record of a cluster; ``None`` if there is no such cluster.

    Raises:
        SimError: The record cannot be read, is damaged, or a newer version of the collection wrote it.
    """
    try:
        text = layout.record.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise _damaged(layout, error) from None
    except OSError as error:
        raise SimError(
            f"cluster {layout.name}: {layout.record} cannot be read: {error.strerror}",
            option="base_dir",
            remedy="Run as the user that made the cluster, or choose another base_dir",
        ) from None
    try:
        plain = json.loads(text)
        if plain["format"] > FORMAT:
            raise SimError(
                f"cluster {layout.name} was made by a newer version of kwok.sim (record format {plain['format']})",
                option="name",
                remedy="Update the collection kwok.sim",
            )
        known = {item.name for item in fields(Record)}
        record = Record(**{key: value for key, value in plain.items() if key in known})
        _check(record)
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(layout, error) from None
    return record


def _check(record: Record) -> None:
    """Raise a TypeError or ValueError for what no run has written."""
    for item in fields(Record):
        if item.default_factory is dict and not isinstance(getattr(record, item.name), dict):
            raise TypeError(f"{item.name} is no mapping")
    if record.runtime not in RUNTIME_ORDER:
        raise ValueError(f"there is no runtime {record.runtime!r}")
    ClusterSpec.from_dict(record.spec)
    for plain in (*record.components.values(), *record.declarations.values()):
        if not isinstance(plain, dict):
            raise TypeError(f"{plain!r} is no component")


def _damaged(layout: Layout, error: Exception) -> SimError:
    return SimError(
        f"cluster {layout.name}: {layout.record} is damaged ({error})",
        option="name",
        remedy="Remove the cluster with state: absent and make it anew",
    )


def save_record(layout: Layout, record: Record) -> None:
    """Write the record in one step: a reader sees the old one or the new one, never a part."""
    write_atomically(layout.record, json.dumps(asdict(record), indent=1) + "\n", 0o600)


def load_required(layout: Layout, option: str = "name") -> Record:
    """The record of a cluster that must exist."""
    record = load_record(layout)
    if record is None:
        raise SimError(
            f"there is no cluster {layout.name} in {layout.base_dir}",
            option=option,
            remedy="Make it with kwok.sim.kwok_cluster, or give the base_dir that it was made in",
        )
    return record


def list_clusters(base_dir: Path) -> tuple[str, ...]:
    """Names of the clusters below ``base_dir``, sorted."""
    clusters = base_dir / "clusters"
    try:
        entries = sorted(entry.name for entry in os.scandir(clusters) if entry.is_dir() and not entry.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(name for name in entries if Layout(base_dir, name).record.is_file())
