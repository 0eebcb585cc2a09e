# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``kwok_component``: joins one component to a cluster, changes it, and takes it out again.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._artifacts.executable import NotExecutable, Platform, check
from .._errors import SimError
from .._kube.apply import AppliedObject, apply_objects, delete_objects, is_there
from . import components, executables, joined, place
from .carry_out import Carrier, now, observe
from .component import Component, Executable
from .components import CA, Facts
from .description import describe
from .engine import Mode, Outcome
from .layout import Layout
from .plan import MAKING, Change, Desired, Run, as_json, plan
from .port_allocation import joined_ports
from .record import Record, load_record, load_required, save_record
from .runtimes import runtime_of
from .spec import ClusterSpec

FIELD_MANAGER = "kwok.sim"


def join(layout: Layout, params: Mapping[str, Any], mode: Mode) -> Outcome:
    """Make a component present, started, stopped or restarted.

    Args:
        params: The module's parameters, see ``joined.COMPONENT_ARGUMENTS``.

    Raises:
        SimError: An option is at fault, and nothing has been changed; or the component does not become ready.
    """
    declaration, state = joined.declaration_of(params), params["state"]
    name = declaration["name"]
    load_for(layout)
    with place.locked(layout, check_mode=mode.check_mode, wait_timeout=mode.wait_timeout):
        record = load_for(layout)
        _check_cluster(record, declaration, state)
        spec = ClusterSpec.from_dict(record.spec)
        joined.check_program(declaration, spec)
        programs = {} if joined.image_of(declaration, spec) else {name: _program(declaration["executable"])}
        runtime = runtime_of(layout, record)
        seen = runtime.observe()
        chosen = joined_ports(declaration, record, seen, layout)
        facts = Facts(layout, chosen, programs, {})
        component = joined.render(declaration, spec, facts)
        _check_order(component, record)
        run: dict[str, Run] = {"started": "run", "restarted": "run", "stopped": "stop"}
        authority = tuple(item for item in components.certificates(spec) if item.name == CA)
        desired = Desired(
            (*authority, *joined.certificates(declaration, spec)), (component,), {name: run.get(state, "keep")}, complete=False
        )
        recorded = {name: record.components[name]} if name in record.components else {}
        changes = list(plan(recorded, observe(layout, desired, seen, {}), desired, now()))
        if any(change.kind == "certificate" and change.name == CA for change in changes):
            raise SimError(
                f"the certificate authority of cluster {spec.name} must be issued anew",
                option="cluster",
                remedy="Run kwok.sim.kwok_cluster first",
            )
        if state == "restarted":
            changes = [replace(change, action="update") if change.action == "reload" else change for change in changes]
            if not any(change.kind == "component" for change in changes):
                changes.append(Change("restart", "component", name, "was asked for"))
        before = record.declarations.get(name)
        _check_priority_level(layout, declaration)
        wanted, unwanted = _rbac(declaration, before, spec)
        if mode.check_mode:
            return Outcome([*_apply_rbac(layout, wanted, unwanted, dry_run=True), *changes], describe(layout, record, runtime))

        if any(change.kind == "component" and change.action in MAKING for change in changes):
            runtime.provide([component])
        declared = {**as_json(declaration), "state": state}
        if declared != before or chosen != record.ports:
            record.declarations[name] = declared
            record.ports = chosen
            save_record(layout, record)
        changes = [*_apply_rbac(layout, wanted, unwanted, dry_run=False), *changes]
        carrier = Carrier(layout, runtime, record, mode.wait_timeout, mode.progress)
        carrier.carry_out(changes, desired, components.server_url(spec, facts))
        if desired.run[name] == "run" and mode.wait:
            carrier.await_ready((component,))
        return Outcome(changes, describe(layout, record, runtime))


def leave(layout: Layout, name: str, mode: Mode) -> Outcome:
    """Take a component out of its cluster, with its files, certificates and roles.

    Raises:
        SimError: It is a part of the control plane, or another component depends on it.
    """
    record = load_record(layout)
    if record is None or (name not in record.declarations and name not in record.components):
        return Outcome()
    with place.locked(layout, check_mode=mode.check_mode, wait_timeout=mode.wait_timeout):
        record = load_for(layout)
        known = record.components.get(name)
        if known is not None and known["owner"] != "component":
            raise SimError(
                f"{name} is a part of the control plane", option="name", remedy="Use the option disable of kwok.sim.kwok_cluster"
            )
        users = ", ".join(other for other, plain in record.components.items() if name in plain["depends_on"])
        if users:
            raise SimError(f"{users} depends on {name}", option="name", remedy=f"Remove {users} first")
        runtime = runtime_of(layout, record)
        _wanted, unwanted = _rbac(None, record.declarations.get(name), ClusterSpec.from_dict(record.spec))
        changes: list[Change] = []
        if record.state == "started":
            changes += _apply_rbac(layout, [], unwanted, dry_run=mode.check_mode)
        elif unwanted:
            raise SimError(
                f"cluster {layout.name} is not running, and {name} has roles in it",
                option="cluster",
                remedy="Start it with kwok.sim.kwok_cluster and state: started",
            )
        changes.append(Change("remove", "component", name, "is no longer wanted", {"args": known["args"]} if known else None))
        if not mode.check_mode:
            Carrier(layout, runtime, record, mode.wait_timeout, mode.progress).forget(name)
        return Outcome(changes, describe(layout, record, runtime))


def component_result(outcome: Outcome, layout: Layout, name: str) -> dict[str, Any]:
    """The return value ``component`` of a run; empty where there is none."""
    for item in (outcome.cluster or {}).get("components", ()):
        if item["name"] == name:
            kubeconfig = layout.component(name) / "kubeconfig.yaml"
            return {
                "component": {
                    **item,
                    "directory": str(layout.component(name)),
                    "kubeconfig": str(kubeconfig) if kubeconfig.exists() else None,
                }
            }
    return {}


def load_for(layout: Layout) -> Record:
    """The record of the cluster that the option ``cluster`` names.

    Raises:
        SimError: There is no such cluster, or it is another user's.
    """
    place.check_owner(layout)
    return load_required(layout, "cluster")


def _check_cluster(record: Record, declaration: Mapping[str, Any], state: str) -> None:
    if record.state != "started" and (state in ("started", "restarted") or declaration["identity"]):
        raise SimError(
            f"cluster {record.name} is not running", option="cluster", remedy="Start it with kwok.sim.kwok_cluster and state: started"
        )
    for name in declaration["depends_on"]:
        if name not in record.components:
            raise SimError(
                f"{name!r} is no component of cluster {record.name}",
                option="depends_on",
                remedy=f"Choose from {', '.join(record.components)}",
            )


def _check_order(component: Component, record: Record) -> None:
    """Raise a SimError if components would depend on each other in a circle."""
    others = (Component(name, depends_on=tuple(plain["depends_on"])) for name, plain in record.components.items() if name != component.name)
    components.in_start_order((*others, component))


def _program(path: str) -> Executable:
    found = path if os.sep in path else shutil.which(path) or path
    try:
        check(Path(found), Platform.host(), scripts=True)
    except NotExecutable as error:
        raise SimError(
            f"{found} {error}", option="executable", remedy="Give the absolute path of an executable file, or a name on PATH"
        ) from error
    return Executable(str(Path(found).absolute()), executables.fingerprint(found))


def _check_priority_level(layout: Layout, declaration: Mapping[str, Any]) -> None:
    # A FlowSchema may name one that is not there: the apiserver takes it, and leaves it without effect.
    level = (declaration["identity"] or {}).get("priority_level")
    if level and not is_there(layout.kubeconfig, "flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", level):
        raise SimError(
            f"priority_level: the apiserver has no PriorityLevelConfiguration {level}",
            option="identity",
            remedy="kubectl get prioritylevelconfigurations lists those that there are",
        )


def _rbac(
    declaration: Mapping[str, Any] | None, before: Mapping[str, Any] | None, spec: ClusterSpec
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The objects that are wanted, and those that were and are no more."""
    wanted = joined.access_objects(declaration, spec) if declaration else []
    names = {(item["kind"], item["metadata"]["name"]) for item in wanted}
    old = joined.access_objects(before, spec) if before else []
    return wanted, [item for item in old if (item["kind"], item["metadata"]["name"]) not in names]


def _apply_rbac(layout: Layout, wanted: list[dict[str, Any]], unwanted: list[dict[str, Any]], *, dry_run: bool) -> list[Change]:
    applied = apply_objects(layout.kubeconfig, wanted, field_manager=FIELD_MANAGER, dry_run=dry_run)
    deleted = delete_objects(layout.kubeconfig, unwanted, dry_run=dry_run)
    return [_as_change(item) for item in (*applied, *deleted) if item.changed]


def _as_change(item: AppliedObject) -> Change:
    if item.after is None:
        return Change("remove", "rbac", f"{item.kind}/{item.name}", "is no longer wanted", item.before, None)
    if item.before is None:
        return Change("create", "rbac", f"{item.kind}/{item.name}", "is not there yet", None, item.after)
    return Change("update", "rbac", f"{item.kind}/{item.name}", "differs", item.before, item.after)
