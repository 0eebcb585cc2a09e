# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A real control plane for the tests, brought up and taken down by the collection's own modules."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kwok_controller.kube import connection
from kwok_controller.kube.client import Client

REPOSITORY = Path(__file__).parents[3]

START_TIMEOUT_S = 1800
"""Where the executables are not in the cache yet, they are downloaded, or built."""

STOP_TIMEOUT_S = 30
"""How long a component may take to end when told to, as with the collection's modules."""

PROCESS_TIMEOUT_S = 60
"""How long its supervisor may take to start it anew."""


@dataclass(frozen=True)
class Cluster:
    """etcd, kube-apiserver, kube-controller-manager and kube-scheduler on loopback.

    Attributes:
        name: Its name.
        directory: Where all of it is kept: ``pki``, ``logs``, …
        kubeconfig: The administrator's.
        server: The apiserver's URL.
    """

    name: str
    directory: Path
    kubeconfig: Path
    server: str
    base: Path

    def client(self, **options: Any) -> Client:
        """The administrator's; an async context manager."""
        return Client(connection.load(self.kubeconfig), **options)

    def kubeconfig_of(self, name: str, user: dict[str, Any]) -> Path:
        """A kubeconfig for somebody else: ``user`` as it stands in one."""
        document = yaml.safe_load(self.kubeconfig.read_text())
        document["users"][0]["user"] = user
        path = self.base / f"{name}.yaml"
        path.write_text(json.dumps(document))
        return path

    def executable(self, name: str) -> str:
        """The path of an executable of the collection's catalogue, which is fetched or built where it is not in the user's cache yet."""
        return str(_module("kwok_artifact", self.base, name=name)["path"])

    def kubectl(self, *args: str, stdin: str | None = None, check: bool = True) -> str:
        """What kubectl prints."""
        return _run([self.executable("kubectl"), "--kubeconfig", str(self.kubeconfig), *args], stdin, check)

    def etcdctl(self, *args: str) -> str:
        """What etcdctl prints."""
        executable = self.executable("etcdctl")
        pki = self.directory / "pki"
        etcd = f"https://127.0.0.1:{self.component('etcd')['ports']['client']}"
        tls = ["--cacert", str(pki / "etcd-ca.crt"), "--cert", str(pki / "etcd-client.crt"), "--key", str(pki / "etcd-client.key")]
        return _run([executable, "--endpoints", etcd, *tls, *args], None, True)

    def component(self, name: str) -> dict[str, Any]:
        """How a component is: ``pid``, ``ports``, ``status``, ``log_path`` and others."""
        (cluster,) = _module("kwok_cluster_info", self.base, name=self.name, base_dir=str(self.base))["clusters"]
        found: dict[str, Any] = next(component for component in cluster["components"] if component["name"] == name)
        return found

    def kill(self, name: str) -> None:
        """SIGKILL for a component; its supervisor starts it anew."""
        os.kill(self._pid(name), signal.SIGKILL)

    def restart(self, name: str) -> None:
        """SIGTERM for a component, and SIGKILL where it has not ended in time; returns when it has. Its supervisor starts it anew."""
        pid = self._pid(name)
        os.kill(pid, signal.SIGTERM)
        ends = time.monotonic() + STOP_TIMEOUT_S
        while _sent(pid, signal.SIGKILL if time.monotonic() > ends else 0):
            time.sleep(0.05)

    @contextmanager
    def suspended(self, name: str) -> Iterator[None]:
        """A component that stands still for a while, as on a host without CPU to spare."""
        pid = self._pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def _pid(self, name: str) -> int:
        """Of a component's process; where it has ended, of the one that its supervisor starts."""
        ends = time.monotonic() + PROCESS_TIMEOUT_S
        while not (pid := int(self.component(name)["pid"] or 0)):
            assert time.monotonic() < ends, f"{name} is not started again"
            time.sleep(0.2)
        return pid

    def wait_ready(self, timeout_s: float = 60) -> None:
        """Wait until the apiserver says that it is ready."""
        ends = time.monotonic() + timeout_s
        while self.kubectl("get", "--raw", "/readyz", check=False) != "ok":
            assert time.monotonic() < ends, "the apiserver does not become ready"
            time.sleep(0.2)


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A cluster of its own, gone at the end whatever happens.

    Raises:
        RuntimeError: It cannot be brought up; with what the module says.
    """
    name = f"t{os.getpid()}-{secrets.token_hex(3)}"
    # Short, because sockets lie below it.
    base = Path(tempfile.mkdtemp(prefix="kwok-"))
    try:
        # The modules are imported from this checkout, whatever collections are installed.
        link = base / "collections/ansible_collections/kwok/sim"
        link.parent.mkdir(parents=True)
        link.symlink_to(REPOSITORY, target_is_directory=True)
        try:
            _module("kwok_cluster", base, name=name, state="started", base_dir=str(base))
            (started,) = _module("kwok_cluster_info", base, name=name, base_dir=str(base))["clusters"]
            yield Cluster(name, Path(started["directory"]), Path(started["kubeconfig"]), started["server"], base)
        finally:
            _module("kwok_cluster", base, name=name, state="absent", base_dir=str(base))
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _sent(pid: int, number: int) -> bool:
    """Send a signal, or none where it is 0; whether the process is there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _module(module: str, base: Path, **arguments: Any) -> dict[str, Any]:
    """What a module of the collection returns."""
    done = subprocess.run(
        [sys.executable, "-m", f"ansible_collections.kwok.sim.plugins.modules.{module}"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env={**os.environ, "PYTHONPATH": str(base / "collections")},
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )
    try:
        result: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise RuntimeError(f"{module}: {done.stderr[-2000:] or done.stdout[-2000:]}") from None
    if result.get("failed"):
        raise RuntimeError(f"{module}: {result.get('msg')}")
    return result


def _run(command: list[str], stdin: str | None, check: bool) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=300, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
