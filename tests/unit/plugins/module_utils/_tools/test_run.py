# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running kubectl and etcdctl: stand-ins that tell how they were called."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout
from ansible_collections.kwok.sim.plugins.module_utils._cluster.record import Record, save_record
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import ClusterSpec
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._tools import run

STAND_IN = """\
#!/bin/sh
if [ "$1" = get ]; then
  printf '{"args": "%s", "kubeconfig": "%s", "kubecache": "%s", "kuberc": "%s", "editor": "%s", "etcdctl": "%s"}' \\
    "$*" "$KUBECONFIG" "$KUBECACHEDIR" "$KUBERC" "$KUBE_EDITOR" "$ETCDCTL_USER"
  exit 0
fi
for word; do
  case $word in
    fail) echo 'configmap/a created'; echo 'no such thing.' >&2; exit 3;;
    hang) echo begun; sleep 60 & echo $! > "$PIDFILE"; wait;;
    stdin) cat; exit 0;;
  esac
done
echo "$*"
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "base", "kwok")
    program = tmp_path / "program"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    spec = ClusterSpec(executables={"kubectl": str(program), "etcdctl": str(program)}, artifact_sources=("path",))
    save_record(layout, Record(name="kwok", spec=spec.as_dict(), ports={"etcd": 2379}, state="started"))
    return layout


def kubectl(layout: Layout, *args: str, **options: object) -> run.Result:
    settings = {"executable_path": str(layout.base_dir.parent / "program"), "namespace": None, "stdin": None, "timeout_s": 20}
    return run.kubectl(layout, run.load(layout), args, **{"check_mode": False, **settings, **options})  # type: ignore[arg-type]


def etcdctl(layout: Layout, *args: str, **options: object) -> run.Result:
    settings = {"executable_path": str(layout.base_dir.parent / "program"), "stdin": None, "timeout_s": 20}
    return run.etcdctl(layout, run.load(layout), args, **{"check_mode": False, **settings, **options})  # type: ignore[arg-type]


def test_kubectl_environment(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBECONFIG", "KUBE_EDITOR", "KUBERC", "ETCDCTL_USER"):
        monkeypatch.setenv(name, "/elsewhere")
    result = kubectl(layout, "get", "pods")
    assert result.as_dict()["json"] == {
        "args": "get pods",
        "kubeconfig": str(layout.kubeconfig),
        "kubecache": str(layout.root / "cache"),
        "kuberc": "off",
        "editor": "",
        "etcdctl": "",
    }
    assert not result.changed


def test_kubectl_namespace_and_stdin(layout: Layout) -> None:
    result = kubectl(layout, "apply", "-f", "stdin", namespace="x", stdin="configmap/ä unchanged")
    assert result.cmd[1:] == ["--namespace", "x", "apply", "-f", "stdin"]
    assert (result.stdout, result.changed) == ("configmap/ä unchanged", False)


def test_kubectl_check_mode(layout: Layout) -> None:
    assert kubectl(layout, "get", "pods", check_mode=True).stdout
    tried = kubectl(layout, "apply", "-f", "x", check_mode=True)
    assert tried.cmd[1:] == ["apply", "-f", "x", "--dry-run=server"]
    assert tried.changed
    skipped = kubectl(layout, "exec", "x", check_mode=True).as_dict()
    assert skipped["msg"] == "not run in check mode: kubectl exec has no dry run"
    assert skipped["changed"]
    assert "rc" not in skipped


def test_etcdctl_connection(layout: Layout) -> None:
    result = etcdctl(layout, "put", "a", "b")
    assert result.stdout == (
        f"--endpoints=https://127.0.0.1:2379 --cacert={layout.pki}/etcd-ca.crt "
        f"--cert={layout.pki}/etcd-client.crt --key={layout.pki}/etcd-client.key put a b\n"
    )
    assert result.changed


def test_etcdctl_check_mode(layout: Layout) -> None:
    skipped = etcdctl(layout, "del", "a", check_mode=True)
    assert skipped.changed
    assert skipped.skipped == "not run in check mode: etcdctl del has no dry run"
    assert etcdctl(layout, "get", "a", check_mode=True).rc == 0


def test_failure(layout: Layout) -> None:
    with pytest.raises(SimError) as caught:
        kubectl(layout, "create", "fail")
    assert str(caught.value) == "program create ended with status 3: no such thing."
    details = caught.value.details
    assert (details["rc"], details["stdout"], details["stderr"]) == (3, "configmap/a created\n", "no such thing.\n")
    assert details["changed"]


def test_failure_of_a_stopped_cluster(layout: Layout) -> None:
    record = run.load(layout)
    record.state = "stopped"
    save_record(layout, record)
    with pytest.raises(SimError, match="state: started"):
        kubectl(layout, "create", "fail")


def test_timeout_ends_the_whole_group(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid_file = tmp_path / "pid"
    monkeypatch.setenv("PIDFILE", str(pid_file))
    started = time.monotonic()
    with pytest.raises(SimError, match=r"timeout: program did not end within 0\.5 s") as caught:
        kubectl(layout, "wait", "hang", timeout_s=0.5)
    assert time.monotonic() - started < 5
    assert caught.value.details["stdout"] == "begun\n"
    pid = int(pid_file.read_text())
    for _attempt in range(100):
        if not _runs(pid):
            break
        time.sleep(0.02)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.parametrize("content", [None, b"", b"text", b"\x7fELF"])
def test_no_executable(layout: Layout, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken"
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o755)
    with pytest.raises(SimError) as caught:
        kubectl(layout, "get", "pods", executable_path=str(path))
    assert caught.value.option == "kubectl"
    assert caught.value.remedy


def test_no_cluster(tmp_path: Path) -> None:
    with pytest.raises(SimError, match="there is no cluster kwok") as caught:
        run.load(Layout(tmp_path, "kwok"))
    assert caught.value.option == "cluster"


def test_check_mode_before_the_executable_is_there(layout: Layout, tmp_path: Path) -> None:
    record = run.load(layout)
    record.spec = ClusterSpec(artifact_sources=("cache", "download"), artifact_cache_dir=str(tmp_path / "cache")).as_dict()
    result = run.kubectl(layout, record, ["get", "pods"], executable_path=None, namespace=None, stdin=None, timeout_s=5, check_mode=True)
    assert result.skipped is not None and result.skipped.startswith("not run in check mode: kubectl is not at ")
    assert not result.changed
    assert not (tmp_path / "cache").exists()


def test_arguments() -> None:
    assert run.arguments(None, "get 'a b' -o json") == ["get", "a b", "-o", "json"]
    assert run.arguments(["get", "a b"], None) == ["get", "a b"]
    with pytest.raises(SimError, match="command: it cannot be split into words"):
        run.arguments(None, "get 'a")


def test_result_is_json(layout: Layout) -> None:
    assert json.dumps(kubectl(layout, "get", "x").as_dict())
