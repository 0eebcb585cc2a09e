# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries a plan out: certificates, files, components in start order, readiness.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .._errors import SimError
from .._files import make_directory, write_atomically
from .._kube import probe
from .._runtimes.base import Runtime
from . import components, exports, joined, pki
from .component import Component, ObservedComponent
from .files import observe_files
from .layout import Layout
from .plan import Change, Desired, Observed, as_json
from .record import Record, save_record
from .spec import ClusterSpec

Progress = Callable[[str], None]

# How often a component that is awaited is looked at, beside its probe, in seconds.
_LOOK_SECONDS = 0.25
# A component that has had more processes than this while it was awaited will not become ready.
_PROCESSES_TOLERATED = 3
_LOG_LINES = 20


def now() -> datetime:
    """The current time, with its zone."""
    return datetime.now(UTC)


def observe(layout: Layout, desired: Desired, seen: Mapping[str, ObservedComponent], kubeconfigs: Mapping[str, str | None]) -> Observed:
    """Everything that is there of what is wanted; ``seen`` is what the runtime has told already."""
    return Observed(
        certificates=pki.observe(layout.pki, desired.certificates),
        files=observe_files(file.path for item in desired.components for file in item.files),
        components=seen,
        unready=frozenset(item.name for item in desired.components if _is_unready(item, seen)),
        kubeconfigs=kubeconfigs,
    )


def _is_unready(item: Component, seen: Mapping[str, ObservedComponent]) -> bool:
    """Whether a component that can reload runs and is not ready."""
    if item.reload_signal is None or item.readiness is None or item.name not in seen or seen[item.name].status != "running":
        return False
    return not probe.ready(item.readiness)[0]


class Carrier:
    """Carries plans of one cluster out, and keeps its record as it goes, so that an interrupted run can be completed.

    Args:
        record: Changed in place and saved after each component.
        wait_timeout: Seconds for all that is awaited at one time to become ready.
        progress: Takes a line about what is being done.
    """

    def __init__(self, layout: Layout, runtime: Runtime, record: Record, wait_timeout: float, progress: Progress) -> None:
        self.layout = layout
        self.runtime = runtime
        self.record = record
        self.wait_timeout = wait_timeout
        self.progress = progress

    def carry_out(self, changes: list[Change], desired: Desired, server: str) -> None:
        """Do all of a plan.

        Args:
            server: URL of the apiserver, for kubeconfigs.

        Raises:
            SimError: A component that others need does not become ready, with the last lines of its log; a file cannot be written.
        """
        if any(change.kind == "component" and desired.run.get(change.name) == "run" for change in changes):
            self.runtime.prepare()
        self._issue([change.name for change in changes if change.kind == "certificate"], desired)
        spec = ClusterSpec.from_dict(self.record.spec)
        due: dict[str, str] = {}
        for change in changes:
            if change.kind == "component" and change.action == "remove":
                self.progress(f"remove {change.name}")
                self.forget(change.name)
            elif change.kind == "component" and change.action == "stop":
                self.progress(f"stop {change.name}")
                self.runtime.stop(change.name)
            elif change.kind == "component" and change.action == "reload":
                self._reload(next(item for item in desired.components if item.name == change.name), desired)
            elif change.kind == "component":
                due[change.name] = change.action
            elif change.kind == "kubeconfig" and change.action == "remove":
                exports.withdraw(change.name, spec.context)
            elif change.kind == "kubeconfig":
                exports.write(change.name, spec, self.layout, server)
        if due:
            self._bring_up(due, desired)

    def forget(self, name: str) -> None:
        """Remove a component with its files, certificates and ports."""
        self.runtime.remove(name)
        self._unlink_files(name, set())
        shutil.rmtree(self.layout.component(name), ignore_errors=True)
        for stem in (joined.client_certificate(name), joined.server_certificate(name)):
            for path in (self.layout.certificate(stem), self.layout.key(stem)):
                path.unlink(missing_ok=True)
        self.record.components.pop(name, None)
        self.record.declarations.pop(name, None)
        self.record.ports = {key: number for key, number in self.record.ports.items() if not key.startswith(f"{name}/")}
        save_record(self.layout, self.record)

    def _unlink_files(self, name: str, kept: set[str]) -> None:
        """Remove what was written for a component and is no longer wanted: it may hold secrets."""
        for file in (self.record.components.get(name) or {}).get("files", ()):
            if file["path"] not in kept:
                Path(file["path"]).unlink(missing_ok=True)

    def await_ready(self, wanted: tuple[Component, ...]) -> None:
        """Return when all of them are ready.

        Raises:
            SimError: One does not become ready, with the last lines of its log.
        """
        deadline = time.monotonic() + self.wait_timeout
        for item in wanted:
            watcher = _Watcher(item.name, self.runtime)
            if item.readiness is None:
                problem = watcher.problem_now()
            else:
                ready, reason = probe.wait_ready(item.readiness, timeout_s=max(deadline - time.monotonic(), 0.0), alive=watcher.problem)
                problem = None if ready else reason
            if problem:
                log, path = self.runtime.logs(item.name, _LOG_LINES), self.runtime.log_path(item.name)
                raise SimError(
                    f"{item.name} did not become ready: {problem}",
                    remedy=f"Mend what its log says, or raise wait_timeout, and run again; the last lines of {path} are:\n{log}".rstrip(
                        "\n"
                    ),
                    details={"component": item.name, "log_path": path, "log": log},
                )

    def _issue(self, names: list[str], desired: Desired) -> None:
        if not names:
            return
        self.progress(f"issue {len(names)} certificates")
        make_directory(self.layout.pki)
        for item in desired.certificates:
            if item.name in names:
                pki.issue(self.layout.pki, item, now())

    def _bring_up(self, due: Mapping[str, str], desired: Desired) -> None:
        prints = {name: item.fingerprint for name, item in pki.observe(self.layout.pki, desired.certificates).items()}
        make_directory(self.layout.logs)
        # One that is between two attempts to start has no process now, and may have one in an instant.
        running = {name for name, item in self.runtime.observe().items() if item.pid is not None or item.status == "starting"}
        waves = components.in_start_order(desired.components)
        # Last first: an apiserver whose etcd has gone takes half a minute to end. And a port that one leaves may be the one that
        # another takes now.
        for item in (item for wave in reversed(waves) for item in wave if item.name in due and item.name in running):
            self.progress(f"stop {item.name}")
            self.runtime.stop(item.name)
        for index, wave in enumerate(waves):
            started: list[Component] = []
            for item in wave:
                if item.name not in due:
                    continue
                if due[item.name] != "start":
                    self._define(item, item.digest(prints), desired)
                if desired.run.get(item.name, "keep") == "run" or item.name in running:
                    self.progress(f"start {item.name}")
                    self.runtime.start(item.name)
                    started.append(item)
            # What others are about to be started on must be ready, whatever the option wait says.
            if any(other.name in due for later in waves[index + 1 :] for other in later):
                self.await_ready(tuple(started))

    def _define(self, item: Component, digest: str, desired: Desired) -> None:
        if item.owner == "component":
            make_directory(self.layout.component(item.name))
        self._write_files(item)
        self.runtime.define(item, digest)
        self._keep(item.name, as_json(item.as_dict()), desired)

    def _reload(self, item: Component, desired: Desired) -> None:
        """Have a running component read its changed files."""
        self.progress(f"reload {item.name}")
        recorded = self.record.components[item.name]
        # A run that is interrupted before the signal must leave the next one something to do.
        files = [{**file, "content": None} if file.get("reloaded") else file for file in recorded["files"]]
        self._keep(item.name, {**recorded, "files": files}, desired)
        self._write_files(item)
        self.runtime.signal(item.name, item.reload_signal or "")
        self._keep(item.name, as_json(item.as_dict()), desired)

    def _write_files(self, item: Component) -> None:
        for file in item.files:
            write_atomically(Path(file.path), file.content, file.mode)
        self._unlink_files(item.name, {file.path for file in item.files})

    def _keep(self, name: str, plain: dict[str, Any], desired: Desired) -> None:
        """Save what there is of a component now."""
        recorded = {**self.record.components, name: plain}
        # In start order, joined components last: that is how people read them, and backwards how they are stopped.
        order = [item.name for item in desired.components]
        ranked = sorted(recorded, key=lambda name: (recorded[name]["owner"] != "cluster", order.index(name) if name in order else -1))
        self.record.components = {name: recorded[name] for name in ranked}
        save_record(self.layout, self.record)


class _Watcher:
    """Tells whether a component that is awaited has died for good."""

    def __init__(self, name: str, runtime: Runtime) -> None:
        self.name = name
        self.runtime = runtime
        self.pids: set[int] = set()
        self.next_look = time.monotonic() + _LOOK_SECONDS

    def problem(self) -> str | None:
        """As ``problem_now``, at most every quarter of a second."""
        if time.monotonic() < self.next_look:
            return None
        self.next_look = time.monotonic() + _LOOK_SECONDS
        return self.problem_now()

    def problem_now(self) -> str | None:
        """Why it will not become ready; ``None`` if it may."""
        seen = self.runtime.observe().get(self.name)
        if seen is None or seen.status in ("failed", "absent", "stopped"):
            return f"it does not run: {seen.message}" if seen and seen.message else "it does not run"
        if seen.pid is not None:
            self.pids.add(seen.pid)
        if len(self.pids) > _PROCESSES_TOLERATED:
            return f"it ends soon after its start, {len(self.pids)} times"
        return None
