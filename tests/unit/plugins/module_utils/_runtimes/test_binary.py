# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import Component, Executable, ObservedComponent
from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._runtimes import processes
from ansible_collections.kwok.sim.plugins.module_utils._runtimes.base import Runtime
from ansible_collections.kwok.sim.plugins.module_utils._runtimes.binary import BinaryRuntime

HOSTILE = (
    "%",
    "%(ENV_HOME)s %%",
    'double " quote',
    "single ' quote",
    '"both\'"',
    "a,b=c",
    " ; no comment",
    " # no comment",
    "  blanks  ",
    "",
    "two\nlines\n\nand a blank one\n",
    "tab\tand\rreturn",
    "Ünïcödé Á\u0088 漢字 🐄",
    "$(X) $$(X) ${X} $X `X` \\ \\n !",
    "-flag",
    "*?[a]~",
)

# Prints its arguments and environment as one line, then sleeps.
PRINT = "import json, os, sys, time; print(json.dumps([sys.argv[1:], dict(os.environ)]), flush=True); time.sleep(600)"


def program(name: str, *args: str, path: str = sys.executable, stop_timeout: int = 5, env: tuple[tuple[str, str], ...] = ()) -> Component:
    return Component(name, executable=Executable(path, "1:1"), args=args, env=env, stop_timeout=stop_timeout)


def sleeper(name: str, seconds: str = "600", stop_timeout: int = 5) -> Component:
    return program(name, seconds, path=shutil.which("sleep") or "/bin/sleep", stop_timeout=stop_timeout)


def python(name: str, code: str, *args: str, stop_timeout: int = 5, env: tuple[tuple[str, str], ...] = ()) -> Component:
    return program(name, "-c", code, *args, stop_timeout=stop_timeout, env=env)


def until(condition: Callable[[], bool], timeout: float = 10) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def up(runtime: BinaryRuntime, *components: Component) -> None:
    for component in components:
        runtime.define(component, f"digest-of-{component.name}")
    for component in components:
        runtime.start(component.name)


def pid_of(runtime: BinaryRuntime, name: str) -> int:
    pid = runtime.observe()[name].pid
    assert pid is not None
    return pid


def supervisord_pid(layout: Layout) -> int:
    return int((layout.runtime / "supervisord.pid").read_text())


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert processes.await_end(pids, 5)


def pids_of(layout: Layout) -> list[int]:
    """The cluster's processes, found without the code under test."""
    marker = os.fsencode(f"KWOK_SIM_CLUSTER_DIR={layout.root}")
    pids = []
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if path.name.isdecimal() and marker in (path / "environ").read_bytes().split(b"\0"):
                pids.append(int(path.name))
    return pids


def no_process(layout: Layout) -> bool:
    return not pids_of(layout)


@pytest.fixture
def layout() -> Iterator[Layout]:
    """A cluster's directory; its processes end with the test, even if it fails."""
    if not processes.available():
        pytest.skip("needs /proc")
    # Not tmp_path: a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="kwok-sim-") as directory:
        cluster = Layout(Path(directory).resolve(), "c")
        cluster.root.mkdir(parents=True, mode=0o700)
        yield cluster
        while pids := pids_of(cluster):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            processes.await_end(pids, 5)


@pytest.fixture
def runtime(layout: Layout) -> BinaryRuntime:
    return BinaryRuntime(layout)


def test_it_is_a_runtime(runtime: BinaryRuntime) -> None:
    as_protocol: Runtime = runtime
    assert as_protocol.name == "binary"


def test_lifecycle(runtime: BinaryRuntime, layout: Layout) -> None:
    runtime.check()
    assert runtime.observe() == {}
    runtime.define(sleeper("a"), "one")
    assert runtime.observe()["a"] == ObservedComponent("a", "stopped", digest="one", log_path=str(layout.logs / "a.log"))
    assert no_process(layout), "defining starts nothing"

    runtime.start("a")
    first = runtime.observe()["a"]
    assert (first.status, first.digest, first.args) == ("running", "one", ("600",))
    assert first.pid and processes.alive(first.pid)
    runtime.start("a")
    until(lambda: runtime.observe()["a"].status == "running")
    assert pid_of(runtime, "a") == first.pid, "starting what runs does nothing"

    # A new definition changes nothing of what runs, and is what the next start uses.
    runtime.define(sleeper("a", "601"), "two")
    seen = runtime.observe()["a"]
    assert (seen.status, seen.digest, seen.args, seen.pid) == ("running", "one", ("600",), first.pid)
    runtime.stop("a")
    assert not processes.alive(first.pid)
    stopped = runtime.observe()["a"]
    assert (stopped.status, stopped.digest, stopped.pid) == ("stopped", "two", None)
    runtime.stop("a")
    runtime.start("a")
    seen = runtime.observe()["a"]
    assert (seen.digest, seen.args) == ("two", ("601",))

    runtime.remove("a")
    runtime.remove("a")
    assert runtime.observe() == {}
    assert (layout.logs / "a.log").exists()
    runtime.shutdown()
    runtime.shutdown()
    assert no_process(layout)


def test_a_signal_reaches_the_process_and_leaves_it_running(runtime: BinaryRuntime) -> None:
    code = (
        "import signal, time\n"
        "signal.signal(signal.SIGHUP, lambda *_: print('told', flush=True))\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(600)"
    )
    up(runtime, python("a", code))
    until(lambda: "ready" in runtime.logs("a"))
    pid = pid_of(runtime, "a")
    runtime.signal("a", "HUP")
    until(lambda: "told" in runtime.logs("a"))
    assert pid_of(runtime, "a") == pid
    runtime.stop("a")
    runtime.signal("a", "HUP")
    assert runtime.observe()["a"].status == "stopped"


def test_a_signal_that_there_is_not(runtime: BinaryRuntime) -> None:
    up(runtime, sleeper("a"))
    with pytest.raises(SimError, match="cannot signal component a"):
        runtime.signal("a", "NONSENSE")


def test_hostile_arguments_and_environment(runtime: BinaryRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "x")
    env = tuple((f"VALUE_{index}", value) for index, value in enumerate(HOSTILE))
    up(runtime, python("a", PRINT, *HOSTILE, env=env))
    until(lambda: runtime.logs("a") != "")
    args, environ = json.loads(runtime.logs("a"))
    assert tuple(args) == HOSTILE
    for key, value in env:
        assert environ[key] == value
    allowed = {"PATH", "HOME", "LANG", "TMPDIR", "KWOK_SIM_CLUSTER_DIR", "KWOK_SIM_COMPONENT", "KWOK_SIM_DIGEST"}
    # What shells set by themselves, and what the Python of this test sets for itself.
    allowed |= {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
    assert set(environ) - {key for key, _value in env} <= allowed
    seen = runtime.observe()["a"]
    assert (seen.args, seen.digest) == (("-c", PRINT, *HOSTILE), "digest-of-a")


def test_directory_reached_through_a_link(runtime: BinaryRuntime, layout: Layout) -> None:
    up(runtime, sleeper("a"))
    link = layout.base_dir / "link"
    link.symlink_to(layout.base_dir)
    other = BinaryRuntime(Layout(link, "c"))
    kill(supervisord_pid(layout))
    # Its process may be one of supervisord's still, about to become the program.
    until(lambda: other.observe()["a"].status == "failed")
    other.start("a")
    assert runtime.observe()["a"].status == "running"
    other.shutdown()
    assert no_process(layout)


def test_odd_cluster_directory(layout: Layout) -> None:
    odd = Layout(layout.root / "o'd d%[x]\";é", "c")
    odd.root.mkdir(parents=True)
    runtime = BinaryRuntime(odd)
    up(runtime, sleeper("a"))
    try:
        assert runtime.observe()["a"].args == ("600",)
    finally:
        runtime.shutdown()
    assert no_process(odd)


def test_script_with_interpreter_is_no_drift(runtime: BinaryRuntime, layout: Layout) -> None:
    script = layout.root / "script"
    script.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n")
    script.chmod(0o700)
    up(runtime, program("a", "--flag=x", "y", path=str(script)))
    until(lambda: runtime.observe()["a"].status == "running")
    assert runtime.observe()["a"].args == ("--flag=x", "y")


def test_program_that_makes_way_for_another_is_no_drift(runtime: BinaryRuntime, layout: Layout) -> None:
    script = layout.root / "script"
    script.write_text("#!/bin/sh\nexec sleep 600\n")
    script.chmod(0o700)
    up(runtime, program("a", "--flag", path=str(script)))
    until(lambda: runtime.observe()["a"].args is None)
    assert runtime.observe()["a"].digest == "digest-of-a"


@pytest.mark.parametrize(
    "edit", [lambda text: text.replace("600", "700"), lambda text: "garbage", lambda text: "# {}\n" + text, lambda text: ""]
)
def test_edited_definition_is_drift(runtime: BinaryRuntime, layout: Layout, edit: Callable[[str], str]) -> None:
    up(runtime, sleeper("a"), sleeper("b"))
    runtime.stop("b")
    for name in "ab":
        path = layout.runtime / "conf.d" / f"{name}.sh"
        path.write_text(edit(path.read_text()))
    observed = runtime.observe()
    assert (observed["a"].status, observed["a"].digest) == ("running", None)
    assert (observed["b"].status, observed["b"].digest) == ("stopped", None)
    with pytest.raises(SimError, match="edited by hand"):
        runtime.start("b")
    # Others are not hindered, and a new definition repairs.
    up(runtime, sleeper("c"))
    assert runtime.observe()["c"].args == ("600",)
    up(runtime, sleeper("b"))
    assert (runtime.observe()["b"].digest, runtime.observe()["b"].args) == ("digest-of-b", ("600",))
    runtime.shutdown()


def test_garbage_in_supervisors_own_files(runtime: BinaryRuntime, layout: Layout) -> None:
    up(runtime, sleeper("a"))
    pid = pid_of(runtime, "a")
    (layout.runtime / "supervisord.conf").write_text("[garbage\n")
    (layout.runtime / "supervisord.pid").write_text("1\n")
    up(BinaryRuntime(layout), sleeper("b"))
    assert pid_of(runtime, "a") == pid
    runtime.shutdown()
    assert no_process(layout)


def test_hand_started_process_is_drift(runtime: BinaryRuntime, layout: Layout) -> None:
    runtime.define(sleeper("a"), "one")
    environ = {"KWOK_SIM_CLUSTER_DIR": str(layout.root), "KWOK_SIM_COMPONENT": "a", "PATH": os.environ["PATH"]}
    with subprocess.Popen(["sleep", "500"], env=environ) as process:
        until(lambda: runtime.observe()["a"].status == "failed")
        seen = runtime.observe()["a"]
        assert (seen.pid, seen.digest, seen.args) == (process.pid, None, ("500",))
        assert seen.message == f"runs without its supervisor (pid {process.pid})"
        runtime.start("a")
        assert process.wait(5) == -signal.SIGTERM
    assert runtime.observe()["a"].args == ("600",)


def test_strangers_are_left_alone(runtime: BinaryRuntime, layout: Layout) -> None:
    up(runtime, sleeper("a"))
    strangers = [
        {"KWOK_SIM_CLUSTER_DIR": f"{layout.root}x", "KWOK_SIM_COMPONENT": "a"},
        {"X_KWOK_SIM_CLUSTER_DIR": str(layout.root), "KWOK_SIM_COMPONENT": "a"},
        {"NOTE": f"KWOK_SIM_CLUSTER_DIR={layout.root}"},
        # Somebody's shell, say.
        {"KWOK_SIM_CLUSTER_DIR": str(layout.root)},
    ]
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(subprocess.Popen(["sleep", "60"], env={**os.environ, **extra})) for extra in strangers]
        runtime.shutdown()
        assert [process.poll() for process in running] == [None] * len(running)
        for process in running:
            process.kill()


def test_same_path_in_a_container_is_another_cluster(runtime: BinaryRuntime, layout: Layout) -> None:
    unshare = shutil.which("unshare")
    # Without privileges it takes a user namespace, which not every host allows.
    prefix = [unshare or "", "--fork", "--pid", "--kill-child", *([] if os.geteuid() == 0 else ["--user", "--map-current-user"])]
    if unshare is None or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs a process id namespace")
    up(runtime, sleeper("a"))
    inner = "import sys; sys.stdout.write('up'); sys.stdout.flush(); sys.stdin.read()"
    command = [*prefix, "env", f"KWOK_SIM_CLUSTER_DIR={layout.root}", "KWOK_SIM_COMPONENT=b", sys.executable, "-c", inner]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as container:
        assert container.stdout is not None
        assert container.stdout.read(2) == "up"
        assert list(runtime.observe()) == ["a"]
        runtime.shutdown()
        assert len(pids_of(layout)) == 1
        assert container.poll() is None
        container.communicate()


def test_caller_inside_the_cluster_survives_its_shutdown(runtime: BinaryRuntime, layout: Layout) -> None:
    """A component may run Ansible itself."""
    up(runtime, sleeper("a"))
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout\n"
        "from ansible_collections.kwok.sim.plugins.module_utils._runtimes.binary import BinaryRuntime\n"
        "BinaryRuntime(Layout(Path(sys.argv[2]), 'c')).shutdown(); print('alive')"
    )
    environ = {**os.environ, "KWOK_SIM_CLUSTER_DIR": str(layout.root), "KWOK_SIM_COMPONENT": "ansible"}
    command = [sys.executable, "-c", code, os.environ["ANSIBLE_COLLECTIONS_PATH"], str(layout.base_dir)]
    assert subprocess.run(command, env=environ, capture_output=True, text=True, check=False).stdout == "alive\n"
    assert no_process(layout)


def test_prepared_supervisor_is_the_one_that_is_used(runtime: BinaryRuntime, layout: Layout) -> None:
    runtime.prepare()
    assert runtime.observe() == {}
    pid = supervisord_pid(layout)
    up(runtime, sleeper("a"), sleeper("b"))
    BinaryRuntime(layout).prepare()
    assert supervisord_pid(layout) == pid
    assert [item.args for item in runtime.observe().values()] == [("600",), ("600",)]


def test_interrupted_after_preparing(layout: Layout) -> None:
    BinaryRuntime(layout).prepare()
    later = BinaryRuntime(layout)
    up(later, sleeper("a"))
    assert later.observe()["a"].args == ("600",)
    later.shutdown()
    assert no_process(layout)


def test_killed_component_comes_back(runtime: BinaryRuntime) -> None:
    up(runtime, sleeper("a"))
    until(lambda: runtime.observe()["a"].status == "running")
    pid = pid_of(runtime, "a")
    kill(pid)
    until(lambda: runtime.observe()["a"].pid not in (None, pid))
    assert runtime.observe()["a"].digest == "digest-of-a"


def test_killed_supervisor(runtime: BinaryRuntime, layout: Layout) -> None:
    up(runtime, sleeper("a"), sleeper("b"), sleeper("c"))
    runtime.stop("c")
    before = runtime.observe()
    kill(supervisord_pid(layout))
    seen = runtime.observe()
    for name in "ab":
        assert (seen[name].status, seen[name].pid, seen[name].digest) == ("failed", before[name].pid, f"digest-of-{name}")
        assert seen[name].message == f"runs without its supervisor (pid {before[name].pid})"
    assert seen["c"].status == "stopped"
    # A run that does not know of the past.
    later = BinaryRuntime(layout)
    later.start("a")
    assert later.observe()["b"].status == "failed", "still without its supervisor"
    later.stop("b")
    assert later.observe()["b"].status == "stopped"
    after = later.observe()["a"]
    assert after.status == "running"
    assert after.pid != before["a"].pid
    assert not processes.alive(before["a"].pid or 0)
    assert not processes.alive(before["b"].pid or 0)


def test_everything_killed(runtime: BinaryRuntime, layout: Layout) -> None:
    up(runtime, sleeper("a"), sleeper("b"))
    kill(supervisord_pid(layout), pid_of(runtime, "a"), pid_of(runtime, "b"))
    assert (layout.runtime / "supervisor.sock").exists(), "stale"
    assert {item.status for item in runtime.observe().values()} == {"stopped"}
    for name in "ab":
        runtime.start(name)
    assert {item.status for item in runtime.observe().values()} == {"running"}


def test_hung_supervisor(layout: Layout) -> None:
    runtime = BinaryRuntime(layout, patience=1)
    up(runtime, sleeper("a"), sleeper("b"))
    hung, pid = supervisord_pid(layout), pid_of(runtime, "a")
    os.kill(hung, signal.SIGSTOP)
    assert runtime.observe()["a"].status == "failed"
    runtime.start("a")
    assert not processes.alive(hung)
    assert pid_of(runtime, "a") != pid

    os.kill(supervisord_pid(layout), signal.SIGSTOP)
    runtime.stop("a")
    assert runtime.observe()["a"].status == "stopped"
    runtime.start("a")

    os.kill(supervisord_pid(layout), signal.SIGSTOP)
    runtime.shutdown()
    assert no_process(layout)


def test_shutdown_without_files(runtime: BinaryRuntime, layout: Layout) -> None:
    up(runtime, sleeper("a"), sleeper("b"))
    shutil.rmtree(layout.root)
    assert {item.status for item in runtime.observe().values()} == {"failed"}
    runtime.shutdown()
    assert no_process(layout)


def test_deleted_socket(runtime: BinaryRuntime, layout: Layout) -> None:
    up(runtime, sleeper("a"))
    pid = pid_of(runtime, "a")
    (layout.runtime / "supervisor.sock").unlink()
    assert runtime.observe()["a"].status == "failed"
    runtime.start("a")
    assert pid_of(runtime, "a") != pid
    assert not processes.alive(pid)


def test_shutdown_ends_what_ignores_signals_and_what_it_left_behind(runtime: BinaryRuntime, layout: Layout) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    leaving = (
        "import subprocess, time; subprocess.Popen(['sleep', '600'], start_new_session=True); print('up', flush=True); time.sleep(600)"
    )
    up(runtime, python("stubborn", stubborn, stop_timeout=1), python("leaving", leaving, stop_timeout=1))
    until(lambda: runtime.logs("stubborn") == runtime.logs("leaving") == "up\n")
    runtime.shutdown()
    assert no_process(layout)


def test_stop_takes_no_longer_than_the_component(runtime: BinaryRuntime) -> None:
    # Ends 0.2 s after it is told to; supervisor's own waiting would add up to a second.
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.2), sys.exit()))\nprint('up', flush=True)\ntime.sleep(600)"
    )
    up(runtime, python("a", code))
    until(lambda: runtime.logs("a") == "up\n")
    begun = time.monotonic()
    runtime.stop("a")
    assert 0.2 <= time.monotonic() - begun < 0.9
    assert runtime.observe()["a"].status == "stopped"


def test_stop_kills_what_does_not_stop(runtime: BinaryRuntime) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    up(runtime, python("a", code, stop_timeout=1))
    until(lambda: runtime.logs("a") == "up\n")
    pid = pid_of(runtime, "a")
    runtime.stop("a")
    assert not processes.alive(pid)


def test_changed_stop_timeout_takes_effect_at_the_next_start(runtime: BinaryRuntime, layout: Layout) -> None:
    up(runtime, sleeper("a", stop_timeout=7))
    runtime.define(sleeper("a", stop_timeout=8), "digest-of-a")
    runtime.stop("a")
    runtime.start("a")
    assert "stopwaitsecs=8" in (layout.runtime / "supervisord.conf").read_text()


def test_missing_executable(runtime: BinaryRuntime, layout: Layout) -> None:
    path = layout.root / "program"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", path)
    runtime.define(program("a", "600", path=str(path)), "one")
    path.rename(layout.root / "elsewhere")
    with pytest.raises(SimError, match="does not exist") as caught:
        runtime.start("a")
    assert caught.value.option == "executable"
    assert str(path) in str(caught.value)
    assert no_process(layout)
    # Lost while it runs: supervisor cannot start it again.
    (layout.root / "elsewhere").rename(path)
    runtime.start("a")
    pid = pid_of(runtime, "a")
    path.unlink()
    kill(pid)
    until(lambda: runtime.observe()["a"].status == "failed")
    seen = runtime.observe()["a"]
    assert seen.message == f"{path} does not exist"
    path.mkdir()
    with pytest.raises(SimError, match="is a directory"):
        runtime.start("a")
    path.rmdir()
    path.touch(mode=0o600)
    with pytest.raises(SimError, match="is not executable"):
        runtime.start("a")


def test_component_that_fails_at_once(runtime: BinaryRuntime) -> None:
    up(runtime, python("a", "import sys; sys.exit('no configuration')"))
    until(lambda: runtime.observe()["a"].message != "")
    seen = runtime.observe()["a"]
    assert seen.status == "starting"
    assert seen.message == "Exited too quickly (process log may have details); last output: no configuration"
    # It is given up after a minute; a new definition is started at once.
    up(runtime, sleeper("a"))
    assert runtime.observe()["a"].args == ("600",)
    runtime.stop("a")


@pytest.mark.parametrize(
    ("component", "option"),
    [
        (program("../a"), "name"),
        (program("a\n"), "name"),
        (Component("a"), "executable"),
        (program("a", "\0"), "args"),
        (program("a", env=(("A", "\0"),)), "env"),
        (program("a", env=(("A;b", ""),)), "env"),
        (program("a", env=(("A\n", ""),)), "env"),
    ],
)
def test_what_no_process_can_be_given(runtime: BinaryRuntime, layout: Layout, component: Component, option: str) -> None:
    with pytest.raises(SimError) as caught:
        runtime.define(component, "one")
    assert caught.value.option == option
    assert not layout.runtime.exists()


def test_file_that_is_no_definition(runtime: BinaryRuntime, layout: Layout) -> None:
    up(runtime, sleeper("a"))
    (layout.runtime / "conf.d" / "My Notes.sh").write_text("")
    (layout.runtime / "conf.d" / ".b.sh.x1y2").write_text("left by an interrupted write")
    up(runtime, sleeper("c"))
    assert list(runtime.observe()) == ["a", "c"]


def test_undefined_component(runtime: BinaryRuntime) -> None:
    with pytest.raises(SimError, match="not defined"):
        runtime.start("a")
    for name in ("a", "<&>"):
        runtime.stop(name)
        runtime.remove(name)
        assert runtime.logs(name) == ""
    up(runtime, sleeper("b"))
    runtime.stop("<&>")
    runtime.remove("a")


def test_many_components_and_two_clusters(layout: Layout) -> None:
    first, second = BinaryRuntime(layout), BinaryRuntime(Layout(layout.root, "d"))
    names = [f"c{index}" for index in range(8)]
    try:
        up(second, sleeper("c0"))
        up(first, *(sleeper(name) for name in names))
        assert sorted(first.observe()) == names
        begun = time.monotonic()
        seen = first.observe()
        assert time.monotonic() - begun < 0.2, "30 ms on a quiet machine"
        assert {item.status for item in seen.values()} == {"running"}
        assert len({item.pid for item in seen.values()}) == len(names)
        first.shutdown()
        assert no_process(layout)
        assert second.observe()["c0"].pid
    finally:
        second.shutdown()


def test_nothing_is_open_to_others(runtime: BinaryRuntime, layout: Layout) -> None:
    old = os.umask(0)
    try:
        up(runtime, python("a", "import time; open('made', 'w').close(); time.sleep(600)"))
    finally:
        os.umask(old)
    until((layout.root / "made").exists)
    for path in (layout.root, *layout.root.rglob("*")):
        mode = path.lstat().st_mode
        expected = 0o700 if stat.S_ISDIR(mode) else 0o600
        assert stat.S_IMODE(mode) == expected, path


def test_caller_need_not_wait_for_supervisord(layout: Layout) -> None:
    """Ansible reads a module's output to its end: nothing that goes on running may hold it open."""
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import Component, Executable\n"
        "from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout\n"
        "from ansible_collections.kwok.sim.plugins.module_utils._runtimes.binary import BinaryRuntime\n"
        "runtime = BinaryRuntime(Layout(Path(sys.argv[2]), 'c'))\n"
        "runtime.define(Component('a', executable=Executable('/bin/sleep', '1:1'), args=('600',)), 'one')\nruntime.start('a')\n"
    )
    command = [sys.executable, "-c", code, os.environ["ANSIBLE_COLLECTIONS_PATH"], str(layout.base_dir)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    runtime = BinaryRuntime(layout)
    assert runtime.observe()["a"].args == ("600",)
    # It left the caller's session, too.
    assert os.getsid(supervisord_pid(layout)) != os.getsid(0)


def test_log_of_a_component(runtime: BinaryRuntime, layout: Layout) -> None:
    code = (
        "import sys; [print(i) for i in range(100)]; sys.stdout.flush(); print('to stderr', file=sys.stderr); import time; time.sleep(600)"
    )
    up(runtime, python("a", code))
    until(lambda: "stderr" in runtime.logs("a"))
    assert runtime.logs("a", 3) == "98\n99\nto stderr\n"
    assert runtime.log_path("a") == str(layout.logs / "a.log")
    # Just rotated.
    (layout.logs / "a.log").rename(layout.logs / "a.log.1")
    (layout.logs / "a.log").write_text("newest\n")
    assert runtime.logs("a", 3) == "99\nto stderr\nnewest\n"


def test_too_long_a_socket_path(layout: Layout) -> None:
    with pytest.raises(SimError) as caught:
        BinaryRuntime(Layout(layout.base_dir, "x" * 90)).check()
    assert caught.value.option == "base_dir"
    assert "shorter" in str(caught.value)


def test_longest_socket_path_works(layout: Layout) -> None:
    room = 103 - 8 - len(str(layout.runtime / "supervisor.sock")) + len(layout.name)
    longest = Layout(layout.base_dir, "x" * room)
    longest.root.mkdir()
    runtime = BinaryRuntime(longest)
    runtime.check()
    up(runtime, sleeper("a"))
    try:
        assert runtime.observe()["a"].pid
    finally:
        runtime.shutdown()
    with pytest.raises(SimError):
        BinaryRuntime(Layout(layout.base_dir, "x" * (room + 1))).check()


def test_supervisor_is_not_installed(runtime: BinaryRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SimError, match="pip install supervisor") as caught:
        runtime.check()
    assert sys.executable in str(caught.value)


def test_supervisord_does_not_start(runtime: BinaryRuntime, layout: Layout) -> None:
    runtime.define(sleeper("a"), "one")
    (layout.runtime / "supervisord.log").mkdir()
    with pytest.raises(SimError, match="supervisord could not be started") as caught:
        runtime.start("a")
    assert "Is a directory" in str(caught.value)
    assert no_process(layout)


def test_socket_of_a_stranger_is_not_taken_for_supervisor(layout: Layout) -> None:
    runtime = BinaryRuntime(layout, patience=1)
    runtime.define(sleeper("a"), "one")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(layout.runtime / "supervisor.sock"))
        server.listen()
        assert runtime.observe()["a"].status == "stopped"
    runtime.start("a")
    assert runtime.observe()["a"].pid


def test_without_proc(runtime: BinaryRuntime, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS: what cannot be seen of a process is taken from its definition, and supervisord is found by its pid file."""
    up(runtime, sleeper("a"))
    pid = pid_of(runtime, "a")
    with monkeypatch.context() as patched:
        patched.setattr(processes, "PROC", "/nonexistent")
        seen = runtime.observe()["a"]
        assert (seen.status, seen.digest, seen.args, seen.pid) == ("running", "digest-of-a", ("600",), pid)
        runtime.stop("a")
        runtime.start("a")
        os.kill(supervisord_pid(layout), signal.SIGSTOP)
        hung = supervisord_pid(layout)
        BinaryRuntime(layout, patience=1).stop("a")
    assert not processes.alive(hung)
