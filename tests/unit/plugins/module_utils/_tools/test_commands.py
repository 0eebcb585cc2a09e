# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What command lines of kubectl and etcdctl do."""

from __future__ import annotations

import shlex

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._tools import commands


@pytest.mark.parametrize(
    "line",
    [
        "get pods",
        "-n x get pods",
        "-nx get pods",
        "--namespace x get pods -A",
        "--namespace=x get pods",
        "-v 6 get pods",
        "--warnings-as-errors get pods",
        "--request-timeout 5s describe node a",
        "get delete",
        "-o json get pods",
        "logs x",
        "top nodes",
        "version",
        "api-resources",
        "explain pods",
        "diff -f x",
        "wait pods --all --for=delete",
        "cluster-info dump",
        "auth can-i delete pods",
        "auth whoami",
        "config view",
        "config get-contexts",
        "rollout status deployment/x",
        "rollout -n x history deployment/x",
        "apply view-last-applied configmap/x",
        "create token default",
        "label --list node a",
        "set env deployment/x --list",
        "set image --local -f x a=b -o yaml",
        "delete --help",
        "help delete",
        "",
        "--help",
        "apply -f x --dry-run=client",
        "apply -f x --dry-run=server",
        "apply -f x --dry-run",
        "create deployment x --dry-run=none --dry-run=client",
    ],
)
def test_kubectl_reads(line: str) -> None:
    args = shlex.split(line)
    command = commands.kubectl(args)
    assert command.reads
    assert not commands.kubectl_changed(command, args, "pod/x created\n")


@pytest.mark.parametrize(
    ("line", "dry_run"),
    [
        ("apply -f -", "apply -f - --dry-run=server"),
        ("-n get delete pod x", "-n get delete pod x --dry-run=server"),
        ("create configmap x", "create configmap x --dry-run=server"),
        ("run x --image=y -- delete --help", "run x --image=y --dry-run=server -- delete --help"),
        ("rollout undo deployment/x", "rollout undo deployment/x --dry-run=server"),
        ("auth reconcile -f x", "auth reconcile -f x --dry-run=server"),
        ("set image deployment/x a=b", "set image deployment/x a=b --dry-run=server"),
        ("label node a --list=false x=y", "label node a --list=false x=y --dry-run=server"),
        ("apply -f x --dry-run=none", "apply -f x --dry-run=none --dry-run=server"),
        ("rollout restart deployment/x", None),
        ("exec x -- get", None),
        ("exec x -- cat --help", None),
        ("cp a x:b", None),
        ("edit pod x", None),
        ("debug node/a", None),
        ("config set-context x --cluster=y", None),
        ("certificate approve x", None),
        ("replace --raw /api -f x", None),
        ("some-plugin get", None),
        ("some-plugin --dry-run=server --local --list", None),
        ("rollout", None),
    ],
)
def test_kubectl_writes(line: str, dry_run: str | None) -> None:
    command = commands.kubectl(shlex.split(line))
    assert not command.reads
    assert command.dry_run == (None if dry_run is None else tuple(shlex.split(dry_run)))


@pytest.mark.parametrize(
    ("line", "stdout", "changed"),
    [
        ("apply -f x", "configmap/a unchanged\nconfigmap/b unchanged\n", False),
        ("apply -f x", "configmap/a unchanged\nconfigmap/b configured\n", True),
        ("apply -f x", "configmap/a created\n", True),
        ("apply -f x", "configmap/a created (server dry run)\n", True),
        ("apply -f x", "configmap/a unchanged (server dry run)\n", False),
        ("apply -f x --server-side", "configmap/a serverside-applied\n", True),
        ("apply -f x -o name", "configmap/a\n", True),
        ("apply -f x -ojson", "{}", True),
        ("apply -f x --output yaml", "a: b", True),
        ("delete pod x --ignore-not-found", "", False),
        ("delete pods --all", "No resources found\n", False),
        ("delete pod x", 'pod "x" deleted from default namespace\n', True),
        ("label node a x=y", "node/a not labeled\n", False),
        ("label node a x=y", "node/a labeled\n", True),
        ("patch node a -p {}", "node/a patched (no change)\n", False),
        ("cordon a", "node/a already cordoned\n", False),
        ("uncordon a", "node/a already uncordoned (server dry run)\n", False),
        ("drain a", "node/a already cordoned\nnode/a drained\n", False),
        ("drain a", "node/a already cordoned\nevicting pod default/x\nnode/a drained\n", True),
        ("rollout undo deployment/x", "deployment.apps/x skipped rollback (current template already matches revision 1)\n", False),
        ("set image deployment/x a=b", "", False),
        ("set image deployment/x a=b", "deployment.apps/x image updated\n", True),
        ("exec x -- true", "", True),
        ("rollout restart deployment/x", "deployment.apps/x restarted\n", True),
    ],
)
def test_kubectl_changed(line: str, stdout: str, changed: bool) -> None:
    args = shlex.split(line)
    assert commands.kubectl_changed(commands.kubectl(args), args, stdout) is changed


@pytest.mark.parametrize(
    ("line", "reads"),
    [
        ("get /x --prefix", True),
        ("-w json get /x", True),
        ("--command-timeout 10s endpoint status", True),
        ("--hex watch /x", True),
        ("endpoint health", True),
        ("member list", True),
        ("member add x", False),
        ("alarm list", True),
        ("alarm disarm", False),
        ("version", True),
        ("lease list", True),
        ("lease grant 10", False),
        ("user get x", True),
        ("put get x", False),
        ("put x -- --help", False),
        ("del x", False),
        ("del --help", True),
        ("txn", False),
        ("compaction 5", False),
        ("defrag", False),
        ("snapshot save /tmp/x", False),
        # It puts its load into the store.
        ("check perf", False),
        ("", True),
    ],
)
def test_etcdctl(line: str, reads: bool) -> None:
    command = commands.etcdctl(shlex.split(line))
    assert command.reads is reads
    assert command.dry_run is None


@pytest.mark.parametrize(
    ("line", "stdout", "changed"),
    [
        ("put x y", "OK\n", True),
        ("del x", "1\n", True),
        ("del x", "0\n", False),
        ("del x --prev-kv", "1\nx\ny\n", True),
        ("del x -w json", '{"header":{"revision":4},"deleted":2}\n', True),
        ("del x -w json", '{"header":{"revision":4}}\n', False),
        ("get x", "x\ny\n", False),
    ],
)
def test_etcdctl_changed(line: str, stdout: str, changed: bool) -> None:
    assert commands.etcdctl_changed(commands.etcdctl(shlex.split(line)), stdout) is changed


@pytest.mark.parametrize(
    "line",
    [
        "--kubeconfig x get pods",
        "get pods --kubeconfig=x",
        "get pods --context x",
        "get pods --cluster=x",
        "-s https://x get pods",
        "get pods -shttps://x",
        "get pods --server=x",
    ],
)
def test_kubectl_of_another_cluster(line: str) -> None:
    with pytest.raises(SimError, match="something else than the named cluster") as caught:
        commands.kubectl(shlex.split(line))
    assert caught.value.option == "args"


@pytest.mark.parametrize("line", ["get x --endpoints=y", "--cert x get y", "--key=x get y", "--cacert x get y", "-d x get y"])
def test_etcdctl_of_another_etcd(line: str) -> None:
    with pytest.raises(SimError, match="something else than the named cluster"):
        commands.etcdctl(shlex.split(line))


def test_flags_of_a_program_within_are_its_own() -> None:
    assert commands.kubectl(shlex.split("exec x -- curl -s --cluster y")).verb == "exec"


@pytest.mark.parametrize(
    ("line", "rc", "stdout", "failed"),
    [
        ("get pods", 0, "", False),
        ("get pods", 1, "", True),
        ("diff -f x", 1, "", False),
        ("diff -f x", 2, "", True),
        ("auth can-i get pods", 1, "no\n", False),
        ("auth can-i get pods", 1, "no - because\n", False),
        ("auth can-i get pods", 1, "", True),
    ],
)
def test_failed(line: str, rc: int, stdout: str, failed: bool) -> None:
    assert commands.failed(commands.kubectl(shlex.split(line)), rc, stdout) is failed


@pytest.mark.parametrize(
    ("stdout", "value"),
    [('{"a": 1}\n', {"a": 1}), ("[1]", [1]), ("1", None), ('"x"', None), ("", None), ("{} {}", None), ("[-]etcd failed", None)],
)
def test_parse_json(stdout: str, value: object) -> None:
    assert commands.parse_json(stdout) == value
