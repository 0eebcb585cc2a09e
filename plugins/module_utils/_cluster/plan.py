# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From recorded and observed to desired: the ordered changes that make a cluster what the user asks for.

Pure. Check mode prints the plan and stops, diff mode shows it, ``changed`` is "the plan is not empty", and a second run has an
empty plan.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from .certificate import CertificateSpec, ObservedCertificate, certificate_problem
from .component import Component, ObservedComponent, ObservedFile, text_sha256
from .components import in_start_order

Action = Literal["create", "update", "repair", "renew", "start", "stop", "restart", "reload", "remove"]
Kind = Literal["cluster", "certificate", "component", "kubeconfig", "rbac"]
Run = Literal["run", "stop", "keep"]

MAKING: tuple[Action, ...] = ("create", "update", "repair", "restart")
"""What has a component's definition made anew."""


@dataclass(frozen=True)
class Change:
    """One thing that must be done, and why.

    Attributes:
        action: ``create`` what is not there, ``update`` what is wanted otherwise now, ``repair`` what is not as it was left,
            ``renew`` a certificate, ``reload`` files into the process that runs, and ``start``, ``stop``, ``restart``, ``remove``.
        before: What is there, for the diff; ``None`` for nothing.
        after: What will be there; ``None`` for nothing.
    """

    action: Action
    kind: Kind
    name: str
    reason: str
    before: Any = None
    after: Any = None

    def as_dict(self) -> dict[str, str]:
        """For the module's return value."""
        return {"action": self.action, "kind": self.kind, "name": self.name, "reason": self.reason}


@dataclass(frozen=True)
class Desired:
    """What is wanted.

    Attributes:
        certificates: Authorities before what they sign.
        components: What should be there.
        run: Whether each of them should run; ``keep`` leaves it running or stopped as it is.
        complete: The components are all that there should be: others are removed.
        kubeconfigs: Paths of the kubeconfigs for people that should be there, each with the administrator's credentials.
        kubeconfig_certificates: Certificates whose text stands in these.
    """

    certificates: tuple[CertificateSpec, ...] = ()
    components: tuple[Component, ...] = ()
    run: Mapping[str, Run] = field(default_factory=dict)
    complete: bool = True
    kubeconfigs: tuple[str, ...] = ()
    kubeconfig_certificates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Observed:
    """What is there.

    Attributes:
        certificates: By name; a wanted one that is not among them counts as missing.
        files: By path; ``None``: not there.
        components: By name, as the runtime sees them.
        unready: Those of the wanted components with a signal to reload that are not ready: they may not know the signal yet.
        kubeconfigs: Path of a kubeconfig for people to what is wrong with it, or ``None`` if it is as it should be.
    """

    certificates: Mapping[str, ObservedCertificate] = field(default_factory=dict)
    files: Mapping[str, ObservedFile | None] = field(default_factory=dict)
    components: Mapping[str, ObservedComponent] = field(default_factory=dict)
    unready: frozenset[str] = frozenset()
    kubeconfigs: Mapping[str, str | None] = field(default_factory=dict)


def plan(
    recorded: Mapping[str, Mapping[str, Any]],
    observed: Observed,
    desired: Desired,
    now: datetime,
) -> tuple[Change, ...]:
    """The changes from what is there to what is wanted, in the order in which they are to be carried out.

    Args:
        recorded: Component to ``Component.as_dict()`` as it was last carried out.
        now: The current time, with its zone: certificates are renewed by it.
    """
    changes = _plan_certificates(observed, desired, now)
    issued = {change.name for change in changes}
    wanted = {component.name for component in desired.components}
    if desired.complete:
        changes += _plan_removals(recorded, observed, wanted)
    for wave in in_start_order(desired.components):
        for component in wave:
            change = _plan_component(
                component,
                recorded.get(component.name),
                observed,
                issued,
                desired.run.get(component.name, "keep"),
            )
            if change:
                changes.append(change)
    changes += _plan_kubeconfigs(observed, desired, issued)
    return _stops_last_first(changes)


def _plan_certificates(observed: Observed, desired: Desired, now: datetime) -> list[Change]:
    changes: list[Change] = []
    issued: set[str] = set()
    for spec in desired.certificates:
        seen = observed.certificates.get(spec.name)
        if spec.authority in issued:
            problem: str | None = f"is signed by {spec.authority}, which is issued anew"
        else:
            signer = observed.certificates.get(spec.authority)
            problem = certificate_problem(spec, seen, now, signer.fingerprint if signer else None)
        if problem is None:
            continue
        issued.add(spec.name)
        there = seen is not None and bool(seen.fingerprint)
        before = None if seen is None or not there else {"subject": _subject(seen), "expires": _date(seen.not_after)}
        changes.append(
            Change(
                "renew" if there else "create",
                "certificate",
                spec.name,
                problem,
                before,
                {"subject": _subject(spec), "valid for": f"{spec.validity_days} days"} if spec.kind != "key_pair" else {"kind": "key pair"},
            )
        )
    return changes


def _subject(item: CertificateSpec | ObservedCertificate) -> str:
    parts = [f"CN={item.common_name}", *(f"O={name}" for name in item.organizations)]
    parts += [f"DNS:{name}" for name in item.names] + [f"IP:{address}" for address in item.addresses]
    return ", ".join(parts)


def _date(moment: datetime | None) -> str:
    return "" if moment is None else moment.date().isoformat()


def _plan_removals(recorded: Mapping[str, Mapping[str, Any]], observed: Observed, wanted: set[str]) -> list[Change]:
    changes: list[Change] = []
    # Those that others depend on go last, as they came first.
    for name in [*(name for name in observed.components if name not in recorded), *reversed(list(recorded))]:
        if name in wanted:
            continue
        reason = "is no longer wanted" if name in recorded else "is not a component of this cluster"
        changes.append(Change("remove", "component", name, reason, _shown(recorded.get(name)), None))
    return changes


def _plan_component(
    component: Component,
    recorded: Mapping[str, Any] | None,
    observed: Observed,
    issued: set[str],
    run: Run,
) -> Change | None:
    seen = observed.components.get(component.name) or ObservedComponent(component.name, "absent")
    after = as_json(component.as_dict())
    runs = seen.status in ("running", "starting")

    if run == "stop" and (runs or recorded is not None):
        # A stopped one is stopped, whatever else has changed; the next start brings it up to date.
        return (
            Change("stop", "component", component.name, f"runs (pid {seen.pid})", {"status": seen.status}, {"status": "stopped"})
            if runs
            else None
        )

    def change(action: Action, reason: str, before: Any) -> Change:
        shown_after = _shown(after)
        if run == "run":
            shown_after["status"] = "running"
        return Change(action, "component", component.name, reason, before, shown_after)

    if recorded is None:
        return change("create", "is not there yet", None)

    before = _shown(recorded)
    before["status"] = seen.status
    if seen.args is not None and runs:
        before["args"] = list(seen.args)
    renewed = [name for name in component.certificates if name in issued]
    reloads = not renewed and _can_reload(component, recorded, after, seen, observed)
    differences = describe_differences(recorded, after)
    if differences:
        return change("reload" if reloads else "update", differences, before)
    edited = _drifted_files(component, observed)
    if edited:
        return change("reload" if reloads else "repair", edited, before)
    if seen.status == "absent":
        return change("repair", "its definition has gone", before)
    if seen.status == "failed" and run == "run":
        return change("repair", f"does not run: {seen.message}" if seen.message else "does not run", before)
    # A stopped one, too: to start it from an outdated definition would leave the next run with something to repair.
    if renewed:
        return change("restart" if runs else "update", f"reads the renewed {', '.join(renewed)}", before)
    if seen.args is not None and runs and seen.args != component.args:
        return change("repair", f"runs with other arguments: {describe_arguments(seen.args, component.args)}", before)
    if seen.digest != component.digest({name: item.fingerprint for name, item in observed.certificates.items()}):
        return change("repair", "was started from another definition" if runs else "its definition was changed by hand", before)
    return None if runs or run == "keep" else change("start", "is stopped", before)


def _can_reload(
    component: Component, recorded: Mapping[str, Any], after: Mapping[str, Any], seen: ObservedComponent, observed: Observed
) -> bool:
    """Whether the process that runs is made up to date by reading files again."""
    kept = replace(component, files=tuple(item for item in component.files if not item.reloaded))
    return (
        component.reload_signal is not None
        and seen.status == "running"
        and component.name not in observed.unready
        and seen.args in (None, component.args)
        and seen.digest == component.digest({name: item.fingerprint for name, item in observed.certificates.items()})
        and not describe_differences(_without_reloaded(recorded), _without_reloaded(after))
        and not _drifted_files(kept, observed)
    )


def _without_reloaded(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {**plain, "files": [item for item in plain.get("files") or () if not item.get("reloaded")]}


def _drifted_files(component: Component, observed: Observed) -> str:
    reasons: list[str] = []
    for item in component.files:
        seen = observed.files.get(item.path)
        if seen is None:
            reasons.append(f"{item.path} is missing")
        elif seen.sha256 != text_sha256(item.content):
            reasons.append(f"{item.path} was edited by hand")
        elif seen.mode != item.mode:
            reasons.append(f"{item.path} has mode {seen.mode:04o}")
    return "; ".join(reasons)


def _plan_kubeconfigs(observed: Observed, desired: Desired, issued: set[str]) -> list[Change]:
    renewed = [name for name in desired.kubeconfig_certificates if name in issued]
    changes: list[Change] = []
    for path in desired.kubeconfigs:
        problem = observed.kubeconfigs.get(path, "is missing")
        if problem is None and renewed:
            problem = f"holds the renewed {', '.join(renewed)}"
        if problem is not None:
            missing = problem == "is missing"
            before = None if missing else {"path": path, "state": problem}
            changes.append(
                Change("create" if missing else "update", "kubeconfig", path, problem, before, {"path": path, "state": "as wanted"})
            )
    return changes


def _stops_last_first(changes: list[Change]) -> tuple[Change, ...]:
    """Components are stopped in the reverse of the order in which they start; everything else keeps its place."""
    stops = [change for change in changes if change.action == "stop"]
    return tuple(reversed(stops)) + tuple(change for change in changes if change.action != "stop")


def as_json(value: Any) -> Any:
    """A value as it comes back from the record: tuples as lists, keys as text."""
    return json.loads(json.dumps(value))


def _shown(plain: Mapping[str, Any] | None) -> dict[str, Any]:
    """The part of a component that says something to people."""
    if plain is None:
        return {}
    shown: dict[str, Any] = {"version": plain.get("version"), "args": list(plain.get("args") or [])}
    executable = plain.get("executable")
    shown["executable"] = executable["path"] if executable else plain.get("image")
    if plain.get("env"):
        shown["env"] = dict(plain["env"])
    if plain.get("files"):
        shown["files"] = {item["path"]: item["content"] for item in plain["files"]}
    return shown


def describe_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What differs between two ``Component.as_dict()``, for people; empty if nothing does."""
    texts: list[str] = []
    for key in after:
        old, new = before.get(key), after[key]
        if old == new:
            continue
        if key == "args":
            texts.append(describe_arguments(old or (), new))
        elif key == "files":
            olds = {item["path"]: item for item in old or ()}
            news = {item["path"]: item for item in new}
            texts += [f"{path} {_verb(olds.get(path), news.get(path))}" for path in {**olds, **news} if olds.get(path) != news.get(path)]
        elif key == "executable":
            same_path = bool(old and new and old["path"] == new["path"])
            texts.append("executable changed on disk" if same_path else f"executable {_path(old)} becomes {_path(new)}")
        elif key == "version":
            texts.append(f"version {old or 'unknown'} becomes {new or 'unknown'}")
        elif key == "env":
            names = sorted(name for name in {**(old or {}), **new} if (old or {}).get(name) != new.get(name))
            texts.append(f"env {', '.join(names)} changed")
        else:
            texts.append(f"{key} changed")
    return "; ".join(texts)


def _verb(old: Any, new: Any) -> str:
    if old is None:
        return "added"
    return "removed" if new is None else "changed"


def _path(executable: Mapping[str, Any] | None) -> str:
    return executable["path"] if executable else "none"


def describe_arguments(before: Iterable[str], after: Iterable[str]) -> str:
    """The arguments that one list has and the other has not: ``--v=2 added, --v=4 removed``."""
    old, new = list(before), list(after)
    # Counted: a flag may stand there twice with the same value.
    added = [f"{text} added" for text in (Counter(new) - Counter(old)).elements()]
    removed = [f"{text} removed" for text in (Counter(old) - Counter(new)).elements()]
    return ", ".join(added + removed) or "arguments in another order"
