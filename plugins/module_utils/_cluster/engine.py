# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``kwok_cluster``: from what is there to what is asked for.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .._errors import SimError
from .._runtimes.base import Runtime
from . import components, executables, exports, joined, place, ports, runtimes
from .carry_out import Carrier, Progress, now, observe
from .component import Component, Executable
from .components import ADMIN, CA, Facts
from .description import describe
from .layout import Layout
from .plan import MAKING, Change, Desired, Observed, Run, as_json, plan
from .port_allocation import control_plane_ports
from .record import Record, load_record, load_required, save_record
from .spec import (
    CONTROL_PLANE,
    DEFAULT_RUNTIME,
    KUBE_APISERVER,
    PORT_OPTIONS,
    TRACING_PORT,
    ClusterSpec,
    parse,
    refuse_in_place,
    split_feature_gate,
)


@dataclass
class Outcome:
    """What a run did, or in check mode would do.

    Attributes:
        changes: The plan, carried out.
        cluster: The cluster as it is now, for the module's return value; ``None`` where there is none.
    """

    changes: list[Change] = field(default_factory=list)
    cluster: dict[str, Any] | None = None

    @property
    def changed(self) -> bool:
        """Whether there was anything to do."""
        return bool(self.changes)


@dataclass(frozen=True)
class Mode:
    """How a run goes about its work.

    Attributes:
        check_mode: Change nothing; the outcome tells what would be done.
        wait: Return when everything that should run is ready.
        wait_timeout: Seconds for that.
        progress: Takes a line about what is being done.
        warn: Takes a sentence about what the user should know of a run that succeeds.
    """

    check_mode: bool = False
    wait: bool = True
    wait_timeout: float = 120.0
    progress: Progress = lambda text: None
    warn: Callable[[str], None] = lambda text: None


def ensure(layout: Layout, params: Mapping[str, Any], mode: Mode) -> Outcome:
    """Make a cluster present or started.

    Args:
        params: The module's parameters, see ``spec.CLUSTER_ARGUMENTS``.

    Raises:
        SimError: An option is at fault, and nothing has been changed; or a component does not become ready.
    """
    asked = parse(params)
    place.check_place(layout)
    # Without the lock, and so without a look at what else is there: another run may be making it.
    before = load_record(layout)
    choice = runtimes.choose(layout, asked, before)
    _removal(before, choice.spec, params["recreate"])
    choice.runtime.check()
    with place.locked(layout, check_mode=mode.check_mode, wait_timeout=mode.wait_timeout):
        record = place.load_own(layout)
        if record != before:
            # Another run was at work on it meanwhile.
            choice = runtimes.choose(layout, asked, record)
        spec = choice.spec
        removal = _removal(record, spec, params["recreate"])
        known = record.versions if record else {}
        names = [name for name in spec.components if name not in spec.of_images]
        programs = executables.obtain(spec, names, known, check_mode=mode.check_mode, progress=mode.progress)
        _check_arguments(spec, record, programs)
        _check_tracing(spec, mode)
        outcome = _converge(layout, spec, record, bool(removal), params["state"] == "started", choice, programs, mode)
        outcome.changes = removal + outcome.changes
        return outcome


def stop(layout: Layout, mode: Mode) -> Outcome:
    """Stop all of a cluster, joined components included; its objects stay.

    Raises:
        SimError: There is no such cluster, or it is another user's.
    """
    place.check_owner(layout)
    load_required(layout)
    with place.locked(layout, check_mode=mode.check_mode, wait_timeout=mode.wait_timeout):
        record = load_required(layout)
        runtime = runtimes.runtime_of(layout, record)
        seen = runtime.observe()
        order = [*(name for name in seen if name not in record.components), *reversed(_start_order(record))]
        changes = [
            Change("stop", "component", name, f"runs (pid {seen[name].pid})", {"status": seen[name].status}, {"status": "stopped"})
            for name in order
            if name in seen and (seen[name].status in ("running", "starting") or seen[name].pid is not None)
        ]
        if not mode.check_mode:
            for change in changes:
                mode.progress(f"stop {change.name}")
                runtime.stop(change.name)
            runtime.shutdown()
            if record.state != "stopped":
                record.state = "stopped"
                save_record(layout, record)
        return Outcome(changes, describe(layout, record, runtime))


def _start_order(record: Record) -> list[str]:
    """Names of the recorded components, each after those that it depends on."""
    recorded = tuple(Component(name, depends_on=tuple(plain.get("depends_on", ()))) for name, plain in record.components.items())
    return [item.name for wave in components.in_start_order(recorded) for item in wave]


def remove(layout: Layout, mode: Mode, params: Mapping[str, Any] = MappingProxyType({})) -> Outcome:
    """Leave nothing of a cluster behind, whatever state things are in.

    Args:
        params: The module's parameters. Where the record that would say so is damaged or gone, ``kubeconfig`` may hold the cluster's
            context, and ``runtime`` its containers.

    Raises:
        SimError: The directory is another user's, or no cluster of ours.
    """
    place.check_owner(layout)
    if not _is_anything_left(layout, params):
        return Outcome()
    with place.locked(layout, check_mode=mode.check_mode, wait_timeout=mode.wait_timeout):
        if not _is_anything_left(layout, params):
            return Outcome()
        if place.is_foreign(layout):
            raise SimError(
                f"{layout.root} is no cluster of kwok.sim: it holds no {layout.record.name}",
                option="base_dir",
                remedy="Remove the directory by hand if nobody needs it",
            )
        try:
            record = load_record(layout)
        except SimError:
            # A damaged record still marks the directory as ours.
            record = None
        there = describe(layout, record) if mode.check_mode and record else None
        if not mode.check_mode:
            _remove(layout, record, mode, params)
        before = {"cluster": layout.name, "directory": str(layout.root)}
        return Outcome([Change("remove", "cluster", layout.name, "is there", before)], there)


def _is_anything_left(layout: Layout, params: Mapping[str, Any]) -> bool:
    # Whoever removes the directory by hand leaves behind what nothing but an environment or a label ties to the cluster.
    return layout.root.exists() or any(_has_something(item) for item in _remaining(layout, None, params))


def _has_something(runtime: Runtime) -> bool:
    # An engine that does not work here is no reason to fail for a cluster that is not there.
    with contextlib.suppress(SimError):
        return bool(runtime.observe())
    return False


def _remaining(layout: Layout, record: Record | None, params: Mapping[str, Any]) -> tuple[Runtime, ...]:
    """The runtimes that have, or may have, something of a cluster."""
    if record is not None:
        return (runtimes.runtime_of(layout, record),)
    return runtimes.without_record(layout, params.get("runtime", DEFAULT_RUNTIME), params.get("runtime_endpoint") or "")


def _remove(layout: Layout, record: Record | None, mode: Mode, params: Mapping[str, Any]) -> None:
    mode.progress(f"remove cluster {layout.name}")
    for runtime in _remaining(layout, record, params):
        # An apiserver whose etcd or watching clients end with it takes all of its time to stop: what can be is stopped in order.
        with contextlib.suppress(SimError):
            for name in reversed(_start_order(record) if record else CONTROL_PLANE):
                runtime.stop(name)
        runtime.purge()
    kubeconfig = params.get("kubeconfig")
    context = ClusterSpec(layout.name).context
    for path in record.exports if record else filter(None, [kubeconfig]):
        try:
            exports.withdraw(path, context)
        except SimError as error:
            # The user's file is beyond mending here, and no reason to leave the cluster behind.
            mode.warn(f"The context {context} could not be taken out of {path}: {error}")
    place.clear(layout)


def _removal(record: Record | None, spec: ClusterSpec, recreate: bool) -> list[Change]:
    """The removal of a cluster that cannot become in place what is asked for; empty if it can.

    Raises:
        SimError: It cannot, and ``recreate`` is off.
    """
    refusal = refuse_in_place(ClusterSpec.from_dict(record.spec), spec) if record else None
    if refusal is None:
        return []
    if not recreate:
        raise refusal
    return [Change("remove", "cluster", spec.name, f"{refusal.option} {refusal.message}", {"cluster": spec.name})]


def _check_arguments(spec: ClusterSpec, record: Record | None, programs: executables.Programs) -> None:
    """Raise a SimError for a flag or feature gate that a program does not know. Programs are asked only about what is new."""
    before = ClusterSpec.from_dict(record.spec) if record else ClusterSpec()
    for name, flags in spec.extra_args.items():
        if name in programs.executables and flags != before.extra_args.get(name):
            executables.check_flags(name, programs.executables[name], [flag for flag, value in flags.items() if value is not None])
    if KUBE_APISERVER not in programs.executables:
        return
    if spec.kube_feature_gates != before.kube_feature_gates or spec.kube_version != before.kube_version:
        gates = {split_feature_gate(key)[1]: on for key, on in spec.kube_feature_gates.items()}
        executables.check_feature_gates(programs.executables[KUBE_APISERVER], gates)


def _check_tracing(spec: ClusterSpec, mode: Mode) -> None:
    """Raise a SimError for a receiver of traces that cannot be; warn of one that is not there, since it may come later."""
    endpoint = spec.tracing["endpoint"] if spec.tracing else ""
    host, _colon, port = endpoint.rpartition(":")
    host = host.strip("[]")
    if spec.tracing is not None and spec.in_containers:
        if not endpoint or ports.is_loopback(host):
            raise SimError(
                f"endpoint: containers of {spec.runtime} do not reach {endpoint or 'a receiver on loopback'}",
                option="tracing",
                remedy="Give HOST:PORT of a receiver that they reach, or the name of a component of the cluster as HOST",
            )
        # What they reach, and by which names, is not what this host does.
        return
    if not endpoint:
        return
    if not ports.is_known(host):
        raise SimError(
            f"endpoint: {host} is no name that can be resolved here", option="tracing", remedy="Correct it, or give the receiver's address"
        )
    if not ports.listens(host, int(port)):
        mode.warn(f"tracing: nobody listens at {endpoint} yet. Until somebody does, the traces of cluster {spec.name} are lost.")


def _converge(
    layout: Layout,
    spec: ClusterSpec,
    before: Record | None,
    anew: bool,
    start: bool,
    choice: runtimes.Choice,
    programs: executables.Programs,
    mode: Mode,
) -> Outcome:
    """Plan and carry out; ``anew`` removes what is there before, once all of the options have been found to be good."""
    record = None if anew else before
    known = record or Record(spec.name, runtime=spec.runtime)
    runtime = choice.runtime
    seen = runtimes.runtime_of(layout, before).observe() if before else {}
    chosen = control_plane_ports(spec, before or known, seen, layout)
    if anew:
        chosen = {name: number for name, number in chosen.items() if name in (*PORT_OPTIONS, TRACING_PORT)}
    facts = Facts(layout, chosen, {**programs.executables, **joined_executables(known)}, programs.versions, spec.of_images)
    desired = _desired(spec, known, facts, start)
    server = components.server_url(spec, facts)
    observed = _nothing(spec, layout) if anew else observe(layout, desired, seen, exports.problems(spec, layout, server))
    changes: list[Change] = []
    if record is None:
        reason = "is not there yet" + (f"; runs on {spec.runtime} ({choice.reason})" if choice.reason else "")
        changes.append(Change("create", "cluster", spec.name, reason, None, {"cluster": spec.name, "directory": str(layout.root)}))
    changes += plan(known.components, observed, desired, now())
    reason = f"the context {spec.context} is no longer wanted there"
    changes += [Change("remove", "kubeconfig", path, reason, {"path": path}) for path in known.exports if path != spec.kubeconfig]
    if mode.check_mode:
        return Outcome(changes, describe(layout, before) if before else None)
    made = {change.name for change in changes if change.kind == "component" and change.action in MAKING}
    runtime.provide(item for item in desired.components if item.name in made)
    if anew:
        _remove(layout, before, mode, {})

    updated = replace(
        known,
        state="started" if start else known.state,
        spec=as_json(spec.as_dict()),
        ports=chosen,
        versions={**known.versions, **programs.known},
        # What an interrupted run may leave in the user's files is known to the next one.
        exports={**known.exports, **({spec.kubeconfig: "merge" if spec.kubeconfig_merge else "own"} if spec.kubeconfig else {})},
    )
    if record is None:
        place.make(layout)
    if updated != record:
        save_record(layout, updated)
    carrier = Carrier(layout, runtime, updated, mode.wait_timeout, mode.progress)
    carrier.carry_out(changes, desired, server)
    exported = {path: how for path, how in updated.exports.items() if path == spec.kubeconfig}
    if exported != updated.exports:
        updated.exports = exported
        save_record(layout, updated)
    if start and mode.wait:
        carrier.await_ready(tuple(item for item in desired.components if desired.run[item.name] == "run"))
    return Outcome(changes, describe(layout, updated, runtime))


def _nothing(spec: ClusterSpec, layout: Layout) -> Observed:
    """What there is of a cluster that is made anew."""
    problems: dict[str, str | None] = {str(layout.kubeconfig): "is missing"}
    if spec.kubeconfig:
        problems[spec.kubeconfig] = exports.export_problem(spec, spec.kubeconfig, None)
    return Observed(kubeconfigs=problems)


def _desired(spec: ClusterSpec, record: Record, facts: Facts, start: bool) -> Desired:
    others: list[Component] = []
    wanted = list(components.certificates(spec))
    core = components.render(spec, facts)
    run: dict[str, Run] = {item.name: "run" if start else "keep" for item in core}
    for declaration in record.declarations.values():
        item = joined.render(declaration, spec, facts)
        others.append(item)
        wanted += joined.certificates(declaration, spec)
        state = declaration["state"]
        run[item.name] = "stop" if state == "stopped" else "run" if start and state in ("started", "restarted") else "keep"
    paths = (str(facts.layout.kubeconfig), *((spec.kubeconfig,) if spec.kubeconfig else ()))
    return Desired(tuple(wanted), (*core, *others), run, True, paths, (CA, ADMIN))


def joined_executables(record: Record) -> dict[str, Executable]:
    """The programs of the joined components as they are on disk now; one that has gone is left as it was recorded."""
    found: dict[str, Executable] = {}
    for name in record.declarations:
        plain = (record.components.get(name) or {}).get("executable")
        if plain:
            there = Path(plain["path"]).is_file()
            found[name] = Executable(plain["path"], executables.fingerprint(plain["path"]) if there else plain["fingerprint"])
    return found
