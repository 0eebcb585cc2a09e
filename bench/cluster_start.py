# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long it takes from nothing to a ready cluster, and to find that nothing has changed, as ratios to kwokctl."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import Endpoint
from ansible_collections.kwok.sim.plugins.module_utils._cluster.ports import choose
from ansible_collections.kwok.sim.plugins.module_utils._kube.probe import ready

from .peer import build

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
TIMEOUT_SECONDS = 300
_MODULE = "ansible_collections.kwok.sim.plugins.modules.kwok_cluster"


@dataclass(frozen=True)
class Timing:
    """Wall-clock seconds of one thing, run several times."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median, in seconds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Ratio:
    """One thing as a ratio to its peer or its limit; to be at most ``goal``, where there is one."""

    name: str
    value: float
    goal: float | None = None

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.goal is None or self.value <= self.goal


class Bench:
    """Runs both in turn, in directories of its own.

    Args:
        work: An empty directory.
        executables: Component to its program; both use the same.
        cache: Where the peer is kept.
    """

    def __init__(self, work: Path, executables: Mapping[str, str], cache: Path) -> None:
        self.work = work
        work.mkdir(parents=True)
        self.executables = executables
        self.kwokctl = build("kwokctl", cache)
        self.kwok = build("kwok", cache)

    def run(self, rounds: int) -> tuple[list[Timing], list[Ratio]]:
        """Time everything ``rounds`` times, the two tools taking turns."""
        seconds: dict[str, list[float]] = {}
        for number in range(rounds):
            for name, value in (*self._peer_round(number), *self._own_round(number)):
                print(f"  round {number + 1}: {name} {value:.2f} s", flush=True)
                seconds.setdefault(name, []).append(value)
        timings = [Timing(name, tuple(values)) for name, values in seconds.items()]
        median = {timing.name: timing.median for timing in timings}
        peer = median["kwokctl create cluster --wait"]
        return timings, [
            Ratio("kwok_cluster to /readyz / kwokctl", median["kwok_cluster, from nothing to /readyz"] / peer, 1.0),
            Ratio("kwok_cluster to all ready / kwokctl", median["kwok_cluster, from nothing to all components ready"] / peer),
            Ratio("whole ansible-playbook / kwokctl", median["ansible-playbook, from nothing to ready"] / peer),
            Ratio("kwok_cluster unchanged / 1 s", median["kwok_cluster, unchanged"], 1.0),
        ]

    def _peer_round(self, number: int) -> list[tuple[str, float]]:
        name = f"bench{number}"
        environment = {**os.environ, "KWOK_WORKDIR": str(self.work / "kwokctl"), "KUBECONFIG": str(self.work / "peer.kubeconfig")}
        flags = [f"--{component}-binary={path}" for component, path in self.executables.items()]
        create = [str(self.kwokctl), "create", "cluster", f"--name={name}", "--runtime=binary", f"--wait={TIMEOUT_SECONDS}s"]
        try:
            seconds = _timed(lambda: _run([*create, f"--kwok-controller-binary={self.kwok}", *flags], environment))
        finally:
            _run([str(self.kwokctl), "delete", "cluster", f"--name={name}"], environment)
        return [("kwokctl create cluster --wait", seconds)]

    def _own_round(self, number: int) -> list[tuple[str, float]]:
        base_dir = self.work / "own"
        port = choose({"apiserver": "127.0.0.1"}, (), f"bench{number}")["apiserver"]
        parameters = {
            "name": f"bench{number}",
            "base_dir": str(base_dir),
            "executables": dict(self.executables),
            "kube_apiserver_port": port,
            "wait_timeout": TIMEOUT_SECONDS,
        }
        timed: list[tuple[str, float]] = []
        try:
            pki = base_dir / "clusters" / f"bench{number}" / "pki"
            with ThreadPoolExecutor(1) as watcher:
                ready = watcher.submit(_timed, lambda: _await_ready(pki, port))
                seconds = _timed(lambda: self._module(parameters, changed=True))
                timed.append(("kwok_cluster, from nothing to /readyz", ready.result()))
            timed.append(("kwok_cluster, from nothing to all components ready", seconds))
            timed.append(("kwok_cluster, unchanged", _timed(lambda: self._module(parameters, changed=False))))
            timed.append(("ansible-playbook, unchanged", _timed(lambda: self._playbook(parameters))))
            self._module({**parameters, "state": "absent"}, changed=True)
            timed.append(("ansible-playbook, from nothing to ready", _timed(lambda: self._playbook(parameters))))
        finally:
            self._module({**parameters, "state": "absent"}, changed=None)
        return timed

    def _module(self, parameters: Mapping[str, object], *, changed: bool | None) -> None:
        """Run the module as a process of its own, as Ansible does on a host."""
        path = self.work / "parameters.json"
        path.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": parameters}), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", _MODULE, str(path)],
            env={**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        result = json.loads(done.stdout)
        if result.get("failed") or (changed is not None and result["changed"] is not changed):
            raise RuntimeError(f"kwok_cluster: {result.get('msg') or result}")

    def _playbook(self, parameters: Mapping[str, object]) -> None:
        path = self.work / "playbook.json"
        task = {"name": "Cluster", "kwok.sim.kwok_cluster": parameters}
        play = {"name": "Bench", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
        path.write_text(json.dumps([{**play, "vars": {"ansible_python_interpreter": sys.executable}}]), encoding="utf-8")
        _run([str(Path(sys.executable).with_name("ansible-playbook")), "--inventory", "localhost,", str(path)], dict(os.environ))


def _await_ready(pki: Path, port: int) -> None:
    """Return when the apiserver that is being started says at /readyz that it is ready."""
    files = [str(pki / name) for name in ("ca.crt", "monitoring.crt", "monitoring.key")]
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if all(Path(path).is_file() for path in files) and ready(Endpoint("https", "127.0.0.1", port, "/readyz", *files))[0]:
            return
        time.sleep(0.02)
    raise RuntimeError(f"no apiserver became ready on port {port}")


def _timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}")


def as_json(timings: list[Timing], ratios: list[Ratio]) -> dict[str, object]:
    """Everything that was measured, as plain values."""
    return {"timings": [{**asdict(item), "median": item.median} for item in timings], "ratios": [asdict(item) for item in ratios]}
