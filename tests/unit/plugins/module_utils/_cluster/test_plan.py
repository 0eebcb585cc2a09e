# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans, and what comes of them: carried out by the real Carrier, with real certificates and files, on processes in a table."""

from __future__ import annotations

import itertools
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.kwok.sim.plugins.module_utils._cluster import pki
from ansible_collections.kwok.sim.plugins.module_utils._cluster.carry_out import Carrier, now, observe
from ansible_collections.kwok.sim.plugins.module_utils._cluster.certificate import CertificateSpec
from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import (
    Component,
    ConfigFile,
    Endpoint,
    Executable,
    ObservedComponent,
)
from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout
from ansible_collections.kwok.sim.plugins.module_utils._cluster.plan import (
    Change,
    Desired,
    Observed,
    Run,
    as_json,
    describe_arguments,
    describe_differences,
    plan,
)
from ansible_collections.kwok.sim.plugins.module_utils._cluster.record import Record, load_record, save_record
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import ClusterSpec

CERTIFICATES = (
    CertificateSpec("ca", "authority", "ca", "ca", validity_days=3650),
    CertificateSpec("other-ca", "authority", "other-ca", "other", validity_days=3650),
    CertificateSpec("key", "key_pair"),
    CertificateSpec("store", authority="ca", common_name="store", names=("localhost",), addresses=("127.0.0.1",), usages=("server",)),
    CertificateSpec("api", authority="ca", common_name="api", usages=("client",)),
    CertificateSpec("proxy", authority="other-ca", common_name="proxy", usages=("client",)),
)
SIGNER = {item.name: item.authority for item in CERTIFICATES}


@dataclass
class Process:
    """Made from a definition: its digest and arguments."""

    pid: int
    digest: str
    args: tuple[str, ...]


@dataclass
class FakeRuntime:
    """A runtime whose processes are entries in a table."""

    name: str = "fake"
    stored: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    journal: list[str] = field(default_factory=list)
    pids: Iterator[int] = field(default_factory=lambda: itertools.count(100))
    endpoint: str = ""

    def check(self) -> None:
        """Works everywhere."""

    def observe(self) -> Mapping[str, ObservedComponent]:
        seen = {}
        for name in sorted({*self.stored, *self.processes}):
            process = self.processes.get(name)
            if process:
                seen[name] = ObservedComponent(name, "running", process.pid, digest=process.digest, args=process.args)
            else:
                seen[name] = ObservedComponent(name, "failed" if name in self.failed else "stopped", digest=self.stored[name][0])
        return seen

    def define(self, component: Component, digest: str) -> None:
        self.journal.append(f"define {component.name}")
        self.stored[component.name] = (digest, component.args)

    def prepare(self) -> None:
        """Needs nothing."""

    def start(self, name: str) -> None:
        assert name not in self.processes
        self.journal.append(f"start {name}")
        self.failed.discard(name)
        self.processes[name] = Process(next(self.pids), *self.stored[name])

    def stop(self, name: str) -> None:
        self.journal.append(f"stop {name}")
        self.failed.discard(name)
        self.processes.pop(name, None)

    def signal(self, name: str, signal: str) -> None:
        self.journal.append(f"signal {name} {signal}")

    def remove(self, name: str) -> None:
        self.stop(name)
        self.journal.append(f"remove {name}")
        self.stored.pop(name, None)

    def logs(self, name: str, lines: int = 30) -> str:
        return ""

    def log_path(self, name: str) -> str:
        return f"/log/{name}"

    def shutdown(self) -> None:
        self.processes.clear()

    def provide(self, components: Iterable[Component]) -> None:
        """Needs nothing."""

    def purge(self) -> None:
        self.processes.clear()


@dataclass
class World:
    """A cluster on disk, the runtime's table, and what is wanted of both."""

    layout: Layout
    desired: Desired
    runtime: FakeRuntime = field(default_factory=FakeRuntime)

    def __post_init__(self) -> None:
        self.record = Record(self.layout.name, spec=as_json(ClusterSpec().as_dict()))
        save_record(self.layout, self.record)

    def plan(self) -> tuple[Change, ...]:
        return plan(self.record.components, observe(self.layout, self.desired, self.runtime.observe(), {}), self.desired, now())

    def carry_out(self, changes: tuple[Change, ...]) -> None:
        self.runtime.journal.clear()
        Carrier(self.layout, self.runtime, self.record, 1.0, lambda text: None).carry_out(list(changes), self.desired, "https://x")
        # What is in memory is what the next run finds.
        reread = load_record(self.layout)
        assert reread is not None
        assert reread.components == self.record.components
        self.record = reread

    def converge(self) -> tuple[Change, ...]:
        """Plan and carry out, and see to it that nothing is left to do."""
        changes = self.plan()
        self.carry_out(changes)
        assert self.plan() == ()
        return changes

    def want(self, name: str, **changed: Any) -> None:
        """Have a component otherwise."""
        wanted = tuple(replace(item, **changed) if item.name == name else item for item in self.desired.components)
        self.desired = replace(self.desired, components=wanted)

    def run(self, **run: Run) -> None:
        self.desired = replace(self.desired, run=run)

    def component(self, name: str) -> Component:
        return next(item for item in self.desired.components if item.name == name)


@contextmanager
def world(*, converged: bool = True) -> Iterator[World]:
    """Four components: ``store`` first, then ``api`` and ``log``, then ``web``; ``log`` reads no certificate."""
    with tempfile.TemporaryDirectory() as directory:
        layout = Layout(Path(directory), "kwok")

        def component(name: str, *needs: str, certificates: tuple[str, ...] = ()) -> Component:
            files = [ConfigFile(str(layout.config / f"{name}.yaml"), f"name: {name}\n")]
            if name == "web":
                files.append(ConfigFile(str(layout.component(name) / "token"), "s3cret", 0o400, sensitive=True))
            program = Executable(f"/opt/{name}", "1:2")
            return Component(name, "v1", program, args=(f"--{name}",), files=tuple(files), depends_on=needs, certificates=certificates)

        components = (
            component("web", "api", "log", certificates=("other-ca", "proxy", "key")),
            component("store", certificates=("ca", "store")),
            component("api", "store", certificates=("ca", "api", "key")),
            component("log", "store"),
        )
        made = World(layout, Desired(CERTIFICATES, components, dict.fromkeys(("web", "store", "api", "log"), "run")))
        if converged:
            made.converge()
        yield made


READERS = {"ca": {"store", "api"}, "other-ca": {"web"}, "key": {"api", "web"}, "store": {"store"}, "api": {"api"}, "proxy": {"web"}}


def names(changes: tuple[Change, ...], kind: str = "component") -> set[str]:
    return {change.name for change in changes if change.kind == kind}


def actions(changes: tuple[Change, ...]) -> dict[str, str]:
    return {change.name: change.action for change in changes if change.kind == "component"}


# From nothing.


def test_a_new_cluster_is_made_in_order() -> None:
    with world(converged=False) as made:
        changes = made.converge()
        assert [(change.kind, change.name) for change in changes] == [
            *(("certificate", item.name) for item in CERTIFICATES),
            *(("component", name) for name in ("store", "api", "log", "web")),
        ]
        assert {change.action for change in changes} == {"create"}
        assert all(change.reason and change.before is None and change.after for change in changes)
        assert [text for text in made.runtime.journal if text.startswith("start")] == ["start store", "start api", "start log", "start web"]


def test_no_plan_shows_a_secret() -> None:
    with world(converged=False) as made:
        shown = repr(made.converge())
        made.want("web", files=(replace(made.component("web").files[1], content="an0ther"),))
        shown += repr(made.converge())
        assert "s3cret" not in shown
        assert "an0ther" not in shown


@pytest.mark.parametrize("cut", range(1, 12))
def test_an_interrupted_creation_is_completed(cut: int) -> None:
    """Killed after any number of steps, the next run does the rest, and the one after it nothing."""
    with world(converged=False) as made:

        class Killed(BaseException):
            """As SIGKILL: nothing can be done about it."""

        class Mortal(FakeRuntime):
            def define(self, component: Component, digest: str) -> None:
                self._step()
                super().define(component, digest)
                self._step()

            def start(self, name: str) -> None:
                self._step()
                super().start(name)

            def _step(self) -> None:
                self.journal.append("step")
                if self.journal.count("step") == cut:
                    raise Killed

        made.runtime = Mortal()
        with pytest.raises(Killed):
            made.carry_out(made.plan())
        reread = load_record(made.layout)
        assert reread is not None
        made.record = reread
        made.runtime = FakeRuntime("fake", made.runtime.stored, made.runtime.processes)
        made.converge()
        assert set(made.runtime.processes) == {"store", "api", "log", "web"}


# Drift.

Drift = Callable[[World, str], None]


def _edit(made: World, name: str) -> None:
    with Path(made.component(name).files[0].path).open("a") as file:
        file.write("# by hand\n")


def _remove_file(made: World, name: str) -> None:
    Path(made.component(name).files[0].path).unlink(missing_ok=True)


def _chmod(made: World, name: str) -> None:
    path = Path(made.component(name).files[0].path)
    path.touch()
    path.chmod(0o644)


def _kill(made: World, name: str) -> None:
    made.runtime.processes.pop(name, None)
    made.runtime.failed.add(name)


def _stop(made: World, name: str) -> None:
    made.runtime.stop(name)


def _forget(made: World, name: str) -> None:
    made.runtime.processes.pop(name, None)
    made.runtime.stored.pop(name, None)


def _restart_by_hand(made: World, name: str) -> None:
    digest = made.runtime.stored[name][0] if name in made.runtime.stored else "none"
    made.runtime.processes[name] = Process(1, digest, ("--by-hand",))


def _replace_process(made: World, name: str) -> None:
    made.runtime.processes[name] = Process(1, "of another definition", made.component(name).args)


def _stop_and_edit_definition(made: World, name: str) -> None:
    made.runtime.stop(name)
    made.runtime.stored[name] = ("edited", ("--by-hand",))


def _unrecord(made: World, name: str) -> None:
    made.record.components.pop(name, None)
    save_record(made.layout, made.record)


def _want_argument(made: World, name: str) -> None:
    made.want(name, args=(*made.component(name).args, "--more"))


def _want_no_file(made: World, name: str) -> None:
    made.want(name, files=())


def _rebuild(made: World, name: str) -> None:
    made.want(name, executable=Executable(f"/opt/{name}", "1:3"))


COMPONENT_DRIFTS: tuple[Drift, ...] = (
    _edit,
    _remove_file,
    _chmod,
    _kill,
    _stop,
    _forget,
    _restart_by_hand,
    _replace_process,
    _stop_and_edit_definition,
    _unrecord,
    _want_argument,
    _rebuild,
)


def _public_file(made: World, name: str) -> Path:
    return made.layout.pki / f"{name}.{'pub' if SIGNER[name] == '' else 'crt'}"


def _lose_certificate(made: World, name: str) -> None:
    _public_file(made, name).unlink(missing_ok=True)


def _lose_key(made: World, name: str) -> None:
    made.layout.key(name).unlink(missing_ok=True)


def _expose_key(made: World, name: str) -> None:
    if made.layout.key(name).exists():
        made.layout.key(name).chmod(0o644)


def _garble(made: World, name: str) -> None:
    _public_file(made, name).write_text("nonsense")


CERTIFICATE_DRIFTS: tuple[Drift, ...] = (_lose_certificate, _lose_key, _expose_key, _garble)

component_drifts = st.lists(st.tuples(st.sampled_from(COMPONENT_DRIFTS), st.sampled_from(["store", "api", "log", "web"])), max_size=4)
certificate_drifts = st.lists(st.tuples(st.sampled_from(CERTIFICATE_DRIFTS), st.sampled_from(sorted(SIGNER))), max_size=2)


def _apply(made: World, drifts: list[tuple[Drift, str]]) -> set[str]:
    for drift, name in drifts:
        drift(made, name)
    return {name for _drift, name in drifts}


@pytest.mark.parametrize("drift", COMPONENT_DRIFTS, ids=lambda drift: drift.__name__.strip("_"))
@pytest.mark.parametrize("name", ["store", "web"])
def test_each_drift_is_seen_and_repaired_alone(drift: Drift, name: str) -> None:
    with world() as made:
        before = {other: process.pid for other, process in made.runtime.processes.items()}
        drift(made, name)
        changes = made.converge()
        assert names(changes) == {name}
        assert len(changes) == 1
        assert changes[0].reason
        after = {other: process.pid for other, process in made.runtime.processes.items()}
        assert set(after) == set(before)
        assert {other for other in after if after[other] != before[other]} <= {name}
        assert made.runtime.processes[name].args == made.component(name).args
        assert {text.split()[1] for text in made.runtime.journal} == {name}


@settings(max_examples=30)
@given(component_drifts, certificate_drifts)
def test_any_drift_is_repaired_in_one_run_and_nothing_else_is_touched(
    drifts: list[tuple[Drift, str]], lost: list[tuple[Drift, str]]
) -> None:
    with world() as made:
        before = {name: process.pid for name, process in made.runtime.processes.items()}
        drifted = _apply(made, drifts)
        unusable = _apply(made, lost)
        issued = unusable | {name for name, signer in SIGNER.items() if signer in unusable}
        restarted = drifted.union(*(READERS[name] for name in issued))

        changes = made.converge()

        assert names(changes, "certificate") == issued
        assert names(changes) == restarted
        assert len({(change.kind, change.name) for change in changes}) == len(changes)
        processes = made.runtime.processes
        assert set(processes) == set(before)
        assert {name for name in before if processes[name].pid != before[name]} <= restarted
        assert {processes[name].pid == before[name] for name in set(before) - restarted} <= {True}
        # Whatever reads a certificate runs on the one that is on disk now.
        assert all(processes[name].pid != before[name] for item in issued for name in READERS[item])
        started = [text.split()[1] for text in made.runtime.journal if text.startswith("start ")]
        place = {name: index for index, name in enumerate(started)}
        for name in started:
            for need in made.component(name).depends_on:
                assert place.get(need, -1) < place[name]


runs = st.fixed_dictionaries({name: st.sampled_from(["run", "stop", "keep"]) for name in ("store", "api", "log", "web")})


@settings(max_examples=30)
@given(component_drifts, certificate_drifts, runs)
def test_whatever_should_run_does_and_the_rest_is_as_asked(
    drifts: list[tuple[Drift, str]], lost: list[tuple[Drift, str]], run: dict[str, Run]
) -> None:
    with world() as made:
        made.run(**run)
        _apply(made, drifts)
        _apply(made, lost)
        ran = set(made.runtime.processes)
        changes = made.plan()
        # One that is not recorded and is to be stopped is stopped first, and then made.
        orphans = {name for name, how in run.items() if how == "stop" and name in ran and name not in made.record.components}
        made.carry_out(changes)
        if orphans:
            assert actions(made.plan()) == dict.fromkeys(orphans, "create")
            made.carry_out(made.plan())
        assert made.plan() == ()
        for name, how in run.items():
            assert (name in made.runtime.processes) is {"run": True, "stop": False, "keep": name in ran}[how], name


def test_what_is_kept_is_neither_started_nor_stopped() -> None:
    with world() as made:
        made.run()
        _stop(made, "log")
        _kill(made, "web")
        assert made.plan() == ()
        _edit(made, "log")
        _edit(made, "api")
        assert actions(made.converge()) == {"log": "repair", "api": "repair"}
        assert "start log" not in made.runtime.journal
        assert "start api" in made.runtime.journal


def test_what_is_stopped_stays_as_it_is_until_it_starts() -> None:
    with world() as made:
        made.run(web="stop", store="stop", api="stop", log="stop")
        changes = made.converge()
        assert [change.name for change in changes] == ["web", "log", "api", "store"]
        assert {change.action for change in changes} == {"stop"}
        _want_argument(made, "web")
        _edit(made, "api")
        _lose_key(made, "store")
        assert actions(made.converge()) == {}
        made.run(web="run", store="run", api="run", log="run")
        assert actions(made.converge()) == {"store": "repair", "api": "repair", "log": "start", "web": "update"}
        assert made.runtime.processes["web"].args == ("--web", "--more")


def test_what_is_not_to_run_is_made_all_the_same() -> None:
    with world(converged=False) as made:
        made.run(web="stop", store="stop", api="stop", log="stop")
        assert actions(made.converge()) == dict.fromkeys(("store", "api", "log", "web"), "create")
        assert made.runtime.processes == {}


def test_a_stopped_cluster_starts_from_what_is_wanted_now() -> None:
    """A certificate that was renewed meanwhile must not leave anything to do for the run after the start."""
    with world() as made:
        made.runtime.shutdown()
        pki.issue(made.layout.pki, CERTIFICATES[4], now())
        assert actions(made.converge()) == {"store": "start", "api": "repair", "log": "start", "web": "start"}


# Files that are read again.


def _reloading(made: World) -> None:
    """``web`` reads its configuration again upon a signal, and its token only when it starts."""
    configuration, token = made.component("web").files
    made.want("web", files=(replace(configuration, reloaded=True), token), reload_signal="HUP")
    made.converge()


def _want_text(made: World, name: str, index: int = 0) -> None:
    files = list(made.component(name).files)
    files[index] = replace(files[index], content="another\n")
    made.want(name, files=tuple(files))


def _want_another_file(made: World, name: str) -> None:
    made.want(name, files=(*made.component(name).files, ConfigFile(str(made.layout.component(name) / "more"), "x", reloaded=True)))


def _want_one_file_less(made: World, name: str) -> None:
    made.want(name, files=made.component(name).files[1:])


RELOADED: tuple[Drift, ...] = (_want_text, _want_another_file, _want_one_file_less, _edit, _remove_file, _chmod)


@pytest.mark.parametrize("drift", RELOADED, ids=lambda drift: drift.__name__.strip("_"))
def test_files_that_are_read_again_need_no_restart(drift: Drift) -> None:
    with world() as made:
        _reloading(made)
        before = made.runtime.processes["web"]
        configuration = Path(made.component("web").files[0].path)
        drift(made, "web")
        (change,) = made.converge()
        assert (change.action, change.kind, change.name) == ("reload", "component", "web")
        assert change.reason
        assert made.runtime.journal == ["signal web HUP"]
        assert made.runtime.processes["web"] == before
        assert all(Path(item.path).read_text() == item.content for item in made.component("web").files)
        assert configuration.exists() is (drift is not _want_one_file_less)


def _renew(made: World, name: str) -> None:
    _lose_key(made, "proxy")


def _want_token(made: World, name: str) -> None:
    _want_text(made, name, 1)


def _want_no_reload(made: World, name: str) -> None:
    files = tuple(replace(item, reloaded=False) for item in made.component(name).files)
    made.want(name, files=files, reload_signal=None)


@pytest.mark.parametrize(
    "drift",
    [_want_argument, _rebuild, _want_token, _want_no_reload, _renew, _restart_by_hand, _replace_process],
    ids=lambda drift: drift.__name__.strip("_"),
)
def test_whatever_else_differs_restarts(drift: Drift) -> None:
    with world() as made:
        _reloading(made)
        _want_text(made, "web")
        drift(made, "web")
        changes = made.converge()
        assert actions(changes) == {"web": "update"}
        assert made.runtime.journal == ["stop web", "define web", "start web"]


def test_a_changed_file_that_is_not_read_again_restarts() -> None:
    with world() as made:
        _reloading(made)
        Path(made.component("web").files[1].path).unlink()
        assert actions(made.converge()) == {"web": "repair"}
        assert "start web" in made.runtime.journal


def test_one_that_does_not_run_is_not_signalled() -> None:
    with world() as made:
        _reloading(made)
        made.run()
        _stop(made, "web")
        _want_text(made, "web")
        assert actions(made.converge()) == {"web": "update"}
        assert made.runtime.journal == ["define web"]


def test_one_that_is_not_ready_is_restarted() -> None:
    with world() as made:
        _reloading(made)
        _want_text(made, "web")
        with socket.create_server(("127.0.0.1", 0)) as closed:
            nobody = Endpoint("http", "127.0.0.1", closed.getsockname()[1], "/")
        made.want("web", readiness=nobody)
        made.record.components["web"] = as_json({**made.record.components["web"], "readiness": asdict(nobody)})
        assert actions(made.converge()) == {"web": "update"}
        assert "start web" in made.runtime.journal


def test_a_reload_that_is_interrupted_before_the_signal_is_made_up_for() -> None:
    with world() as made:
        _reloading(made)
        _want_text(made, "web")

        class Deaf(FakeRuntime):
            def signal(self, name: str, signal: str) -> None:
                raise KeyboardInterrupt

        heard = made.runtime
        made.runtime = Deaf("fake", heard.stored, heard.processes)
        with pytest.raises(KeyboardInterrupt):
            made.carry_out(made.plan())
        reread = load_record(made.layout)
        assert reread is not None
        made.record, made.runtime = reread, heard
        assert actions(made.converge()) == {"web": "reload"}
        assert made.runtime.journal == ["signal web HUP"]


# Removal.


def _add_stranger(made: World, *, recorded: bool) -> None:
    stranger = Component("stranger", executable=Executable("/opt/stranger", "1:2"))
    made.runtime.define(stranger, "x")
    made.runtime.start("stranger")
    if recorded:
        made.record.components["stranger"] = as_json(stranger.as_dict())
        save_record(made.layout, made.record)


@pytest.mark.parametrize("recorded", [True, False])
def test_what_is_not_wanted_is_removed(recorded: bool) -> None:
    with world() as made:
        _add_stranger(made, recorded=recorded)
        changes = made.converge()
        assert [(change.action, change.name, change.after) for change in changes] == [("remove", "stranger", None)]
        assert "stranger" not in {*made.runtime.stored, *made.runtime.processes, *made.record.components}


@pytest.mark.parametrize("recorded", [True, False])
def test_what_is_not_all_removes_nothing(recorded: bool) -> None:
    with world() as made:
        _add_stranger(made, recorded=recorded)
        made.desired = replace(made.desired, components=(made.component("log"),), complete=False)
        assert made.plan() == ()
        _edit(made, "log")
        assert names(made.converge()) == {"log"}
        assert set(made.runtime.processes) == {"web", "store", "api", "log", "stranger"}


def test_a_removal_comes_before_anything_starts() -> None:
    """Its port may be the one that another is to have now."""
    with world() as made:
        made.desired = replace(made.desired, components=tuple(item for item in made.desired.components if item.name != "log"))
        made.want("web", depends_on=("api",))
        _want_argument(made, "store")
        changes = made.converge()
        assert [(change.action, change.name) for change in changes] == [("remove", "log"), ("update", "store"), ("update", "web")]
        assert made.runtime.journal.index("remove log") < made.runtime.journal.index("start store")


# Certificates.


@pytest.mark.parametrize("name", sorted(SIGNER))
def test_a_new_certificate_restarts_its_readers_and_no_others(name: str) -> None:
    with world() as made:
        _lose_key(made, name)
        changes = made.converge()
        issued = {name} | {other for other, signer in SIGNER.items() if signer == name}
        assert names(changes, "certificate") == issued
        assert actions(changes) == dict.fromkeys(set().union(*(READERS[item] for item in issued)), "restart")
        kinds = [change.kind for change in changes]
        assert kinds == sorted(kinds)


def test_certificates_are_renewed_before_they_expire() -> None:
    with world() as made:
        pki.issue(made.layout.pki, CERTIFICATES[4], now() - timedelta(days=300))
        changes = made.converge()
        assert [(change.action, change.kind, change.name) for change in changes] == [
            ("renew", "certificate", "api"),
            ("restart", "component", "api"),
        ]
        assert "expires" in changes[0].reason
        assert changes[0].before["expires"]
        assert "api" in changes[1].reason


def test_an_authority_that_is_renewed_signs_its_certificates_anew_in_the_same_run() -> None:
    """Though the old one is still valid, and so is what it signed."""
    with world() as made:
        pki.issue(made.layout.pki, CERTIFICATES[0], now() - timedelta(days=3000))
        for item in CERTIFICATES[3:5]:
            pki.issue(made.layout.pki, item, now())
        changes = made.converge()
        assert {change.name: change.action for change in changes if change.kind == "certificate"} == dict.fromkeys(
            ("ca", "store", "api"), "renew"
        )
        assert changes[1].reason == "is signed by ca, which is issued anew"
        assert actions(changes) == {"store": "restart", "api": "restart"}


def test_other_names_in_a_certificate_are_shown() -> None:
    with world() as made:
        wanted = tuple(replace(item, names=("localhost", "sim.example.org")) if item.name == "store" else item for item in CERTIFICATES)
        made.desired = replace(made.desired, certificates=wanted)
        changes = made.converge()
        assert names(changes, "certificate") == {"store"}
        assert "sim.example.org" in changes[0].reason
        assert "DNS:sim.example.org" in changes[0].after["subject"]
        assert "DNS:sim.example.org" not in changes[0].before["subject"]


# What people read.


def test_a_changed_argument_is_named() -> None:
    with world() as made:
        made.want("api", args=("--api", "--feature-gates=A=true"))
        (change,) = made.plan()
        assert (change.action, change.reason) == ("update", "--feature-gates=A=true added")
        assert change.before["args"] == ["--api"]
        assert change.after["args"] == ["--api", "--feature-gates=A=true"]
        assert change.as_dict() == {"action": "update", "kind": "component", "name": "api", "reason": "--feature-gates=A=true added"}


def test_arguments_of_the_running_process_are_shown() -> None:
    with world() as made:
        _restart_by_hand(made, "api")
        (change,) = made.plan()
        assert change.action == "repair"
        assert "--by-hand removed" in change.reason
        assert change.before["args"] == ["--by-hand"]


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (["--a"], ["--a", "--b"], "--b added"),
        (["--v=4"], ["--v=2"], "--v=2 added, --v=4 removed"),
        (["--a", "--b"], ["--b", "--a"], "arguments in another order"),
        (["--a", "--a"], ["--a"], "--a removed"),
        (["--a"], ["--a", "--a"], "--a added"),
    ],
)
def test_arguments_described(before: list[str], after: list[str], text: str) -> None:
    assert describe_arguments(before, after) == text


def test_differences_described() -> None:
    old = Component(
        "a", "v1", Executable("/opt/a", "1:2"), env=(("A", "1"), ("B", "1")), files=(ConfigFile("/c/x", "1"), ConfigFile("/c/y", "1"))
    )
    new = Component(
        "a", "v2", Executable("/opt/b", "1:2"), env=(("B", "2"), ("C", "1")), files=(ConfigFile("/c/y", "2"), ConfigFile("/c/z", "1"))
    )
    text = describe_differences(as_json(old.as_dict()), as_json(new.as_dict()))
    for part in (
        "version v1 becomes v2",
        "executable /opt/a becomes /opt/b",
        "env A, B, C changed",
        "/c/x removed",
        "/c/y changed",
        "/c/z added",
    ):
        assert part in text
    rebuilt = as_json(replace(old, executable=Executable("/opt/a", "1:3")).as_dict())
    assert describe_differences(as_json(old.as_dict()), rebuilt) == "executable changed on disk"
    assert describe_differences(rebuilt, rebuilt) == ""


# Kubeconfigs for people.


@pytest.mark.parametrize(
    ("seen", "action", "reason"),
    [
        ({}, "create", "is missing"),
        ({"/k": "is missing"}, "create", "is missing"),
        ({"/k": "lacks the context x"}, "update", "lacks the context x"),
        ({"/k": None}, None, None),
    ],
)
def test_kubeconfigs(seen: dict[str, str | None], action: str | None, reason: str | None) -> None:
    changes = plan({}, Observed(kubeconfigs=seen), Desired(kubeconfigs=("/k",)), now())
    assert [(change.action, change.kind, change.name, change.reason) for change in changes] == (
        [(action, "kubeconfig", "/k", reason)] if action else []
    )


def test_kubeconfigs_follow_their_certificates() -> None:
    desired = Desired(CERTIFICATES[:1], kubeconfigs=("/k",), kubeconfig_certificates=("ca",))
    changes = plan({}, Observed(kubeconfigs={"/k": None}), desired, now())
    assert [(change.kind, change.name) for change in changes] == [("certificate", "ca"), ("kubeconfig", "/k")]
    assert "ca" in changes[1].reason
