# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs are asked who they are and what they know, before anything depends on the answer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster import executables
from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import Executable
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import EXECUTABLES
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._cluster.helpers import spec_of

HELP = """\
Usage:
  etcd [flags]

Member:
  --name 'default'
    Human-readable name for this member.
  --data-dir '${name}.etcd'
      --feature-gates mapStringBool      Gates, as --not-a-flag=true. Options are:
                kube:AllAlpha=true|false (ALPHA - default=false)
                kube:ContextualLogging=true|false (BETA - default=true)
                WatchList=true|false (BETA - default=true)
  -v, --v Level                          number for the log level verbosity
"""


def program(tmp_path: Path, text: str, *, argument: str = "--help") -> Executable:
    """A program that answers to one argument, some of it on stderr, and fails at any other."""
    path = tmp_path / "program"
    (tmp_path / "text").write_text(text)
    path.write_text(f'#!/bin/sh\n[ "$1" = {argument} ] && head -n 2 {tmp_path}/text >&2 && tail -n +3 {tmp_path}/text\nexit 2\n')
    path.chmod(0o700)
    return Executable(str(path), executables.fingerprint(str(path)))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Kubernetes v1.36.3", "v1.36.3"),
        ("Kubernetes v1.37.0-alpha.1", "v1.37.0-alpha.1"),
        ("Kubernetes v1.30.2+k3s1", "v1.30.2"),
        ("etcd Version: 3.6.5\nGit SHA: a061450\nGo Version: go1.24.7\nGo OS/Arch: linux/amd64", "v3.6.5"),
        ("Go Version: go1.24.7\netcd Version: 3.6.5", "v3.6.5"),
        ("no version", ""),
        ("", ""),
    ],
)
def test_versions(tmp_path: Path, text: str, version: str) -> None:
    assert executables.ask_version(program(tmp_path, text, argument="--version").path) == version


def test_known_flags(tmp_path: Path) -> None:
    executables.check_flags("etcd", program(tmp_path, HELP), ["name", "data-dir", "feature-gates", "v"])


@pytest.mark.parametrize(("flag", "guess"), [("data-dri", "Did you mean data-dir? "), ("zzzzzz", ""), ("not-a-flag", "")])
def test_an_unknown_flag(tmp_path: Path, flag: str, guess: str) -> None:
    with pytest.raises(SimError) as caught:
        executables.check_flags("etcd", program(tmp_path, HELP), ["v", flag])
    assert caught.value.option == "extra_args"
    assert caught.value.message == f"etcd has no flag --{flag}"
    assert caught.value.remedy == f"{guess}See etcd --help"


def gated(tmp_path: Path, error: str) -> Executable:
    """A kube-apiserver that has help, and refuses feature gates with an error as the real one logs it."""
    helped = program(tmp_path, HELP)
    path = tmp_path / "kube-apiserver"
    path.write_text(
        f'#!/bin/sh\n[ "$1" = --help ] && exec {helped.path} --help\necho \'E1122 run.go:72] "command failed" err="{error}"\'\nexit 1\n'
    )
    path.chmod(0o700)
    return Executable(str(path), executables.fingerprint(str(path)))


def test_known_feature_gates(tmp_path: Path) -> None:
    executables.check_feature_gates(program(tmp_path, HELP), dict.fromkeys(["AllAlpha", "AllBeta", "ContextualLogging", "WatchList"], True))


def test_an_unknown_feature_gate(tmp_path: Path) -> None:
    with pytest.raises(SimError) as caught:
        executables.check_feature_gates(gated(tmp_path, "unrecognized feature gate: WatchLists"), {"WatchLists": True})
    assert caught.value.option == "kube_feature_gates"
    assert "no feature gate WatchLists" in caught.value.message
    assert str(caught.value.remedy).startswith("Did you mean WatchList?")


def test_a_locked_feature_gate(tmp_path: Path) -> None:
    with pytest.raises(SimError, match="A to false, feature is locked to true") as caught:
        executables.check_feature_gates(gated(tmp_path, "cannot set feature gate A to false, feature is locked to true"), {"A": False})
    assert caught.value.option == "kube_feature_gates"


def test_a_program_that_tells_nothing_is_believed(tmp_path: Path) -> None:
    mute = program(tmp_path, "")
    executables.check_flags("etcd", mute, ["anything"])
    executables.check_feature_gates(mute, {"Anything": True})


def test_what_need_not_be_asked_is_not_run() -> None:
    nowhere = Executable("/nowhere", "1:2")
    executables.check_flags("etcd", nowhere, [])
    executables.check_feature_gates(nowhere, {})
    # In check mode it may have to be fetched first.
    absent = Executable("/nowhere", executables.fingerprint("/nowhere"))
    executables.check_flags("etcd", absent, ["v"])
    executables.check_feature_gates(absent, {"A": True})


def test_a_program_that_cannot_be_run(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    for path in (tmp_path / "none", tmp_path / "data"):
        with pytest.raises(SimError) as caught:
            executables.ask_version(str(path))
        assert caught.value.option == "executables"
        assert str(path) in caught.value.message
        assert caught.value.remedy


def test_a_program_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "program"
    path.write_text("#!/bin/sh\nexec sleep 60\n")
    path.chmod(0o700)
    monkeypatch.setattr(executables, "_ASK_TIMEOUT_SECONDS", 0.1)
    with pytest.raises(SimError, match="did not answer") as caught:
        executables.ask_version(str(path))
    assert caught.value.option == "executables"


def test_a_fingerprint_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "program"
    assert executables.fingerprint(str(path)) == "absent"
    seen = set()
    for content, moment in (("a", 10**9), ("ab", 10**9), ("a", 10**9 + 1)):
        path.write_text(content)
        os.utime(path, ns=(moment, moment))
        seen.add(executables.fingerprint(str(path)))
    assert len(seen) == 3


@pytest.mark.parametrize("name", EXECUTABLES)
def test_each_program_is_asked_for_in_its_own_version(name: str) -> None:
    spec = spec_of(
        kube_version="v1.30.0",
        etcd_version="v3.5.21",
        executables={name: "/opt/x"},
        artifact_mirrors={name: "https://mirror.example.org"},
        artifact_sources=["path", "cache"],
        artifact_cache_dir="/cache",
    )
    request = executables.artifact_request(spec, name)
    etcd = name.startswith("etcd")
    assert request.version == ("v3.5.21" if etcd else "v1.30.0")
    assert (request.path, request.mirror, request.cache_dir) == ("/opt/x", "https://mirror.example.org", "/cache")
    assert request.sources == ("path", "cache")
    assert request.options.version == ("etcd_version" if etcd else "kube_version")
    assert executables.artifact_request(spec_of(), name).path is None


def test_a_given_program_is_asked_for_its_version_once() -> None:
    """It is a real executable of this machine: this Python."""
    python = str(Path(sys.executable).resolve())
    spec = spec_of(executables={"etcd": python}, artifact_sources=["path"])
    first = executables.obtain(spec, ["etcd"], {}, check_mode=False)
    assert first.executables["etcd"] == Executable(python, executables.fingerprint(python))
    assert first.versions["etcd"] == "v{}.{}.{}".format(*sys.version_info)
    assert first.obtained == ()
    key = f"{python}:{executables.fingerprint(python)}"
    assert first.known == {key: first.versions["etcd"]}
    assert executables.obtain(spec, ["etcd"], {key: "v0.0.0"}, check_mode=False).versions["etcd"] == "v0.0.0"


def test_a_given_program_that_is_missing_names_the_option(tmp_path: Path) -> None:
    spec = spec_of(executables={"etcd": str(tmp_path / "none")}, artifact_sources=["path"])
    with pytest.raises(SimError) as caught:
        executables.obtain(spec, ["etcd"], {}, check_mode=False)
    assert caught.value.option == "executables"
    assert str(tmp_path / "none") in str(caught.value)
