# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading how an apiserver is reached from a kubeconfig."""

from __future__ import annotations

import base64
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.kwok.sim.plugins.module_utils._cluster import pki
from ansible_collections.kwok.sim.plugins.module_utils._cluster.certificate import CertificateSpec
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._kube.access import Access, read_access


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def write(directory: Path, cluster: dict[str, Any], user: Any, **more: Any) -> Path:
    path = directory / "config"
    content = {
        "clusters": [
            {"name": "other", "cluster": {"server": "https://other"}},
            {"name": "c", "cluster": {"server": "https://s:1/x", **cluster}},
        ],
        "users": [{"name": "u", "user": user}, {"name": "v", "user": {"token": "t2"}}],
        "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}, {"name": "b", "context": {"cluster": "other", "user": "v"}}],
        "current-context": "a",
        **more,
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_text_in_the_file(tmp_path: Path) -> None:
    cluster = {"certificate-authority-data": encoded("CA"), "tls-server-name": "name"}
    user = {"client-certificate-data": encoded("CERT"), "client-key-data": encoded("KEY")}
    assert read_access(write(tmp_path, cluster, user)) == Access("https://s:1/x", "CA", True, "name", "CERT", "KEY", None)


def test_files_beside_it(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key", "token"):
        (tmp_path / name).write_text(f"{name} text\n")
    user = {"client-certificate": "cert", "client-key": str(tmp_path / "key"), "tokenFile": "token"}
    access = read_access(write(tmp_path, {"certificate-authority": "ca", "insecure-skip-tls-verify": True}, user))
    assert access == Access("https://s:1/x", "ca text\n", False, None, "cert text\n", "key text\n", "Bearer token text")


def test_another_context(tmp_path: Path) -> None:
    assert read_access(write(tmp_path, {}, {}), "b") == Access("https://other", token="Bearer t2")


def test_credentials_that_a_program_gives(tmp_path: Path) -> None:
    command = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "echo",
        "args": ['{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"given"}}'],
        "interactiveMode": "Never",
    }
    access = read_access(write(tmp_path, {"certificate-authority-data": encoded("CA")}, {"exec": command}))
    assert (access.server, access.token, access.authority) == ("https://s:1/x", "Bearer given", "CA")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"current-context": None}, "it has no current context"),
        ({"current-context": "z"}, "it has no context z"),
        ({"clusters": []}, "it has no cluster c"),
        ({"users": None}, "it has no user u"),
        ({"clusters": [{"name": "c", "cluster": {}}]}, "it has no 'server'"),
        ({"users": [{"name": "u", "user": {"client-key-data": "%%"}}]}, "cannot be used"),
        ({"users": [{"name": "u", "user": {"client-key": "missing"}}]}, "missing No such file"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(SimError, match=message):
        read_access(write(tmp_path, {}, {}, **change))


@pytest.mark.parametrize("text", ["[", "- a", ""])
def test_no_kubeconfig(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(SimError, match="cannot be used"):
        read_access(path)
    with pytest.raises(SimError, match="cannot be used"):
        read_access(tmp_path / "missing")


def test_the_context_for_tls(tmp_path: Path) -> None:
    for spec in (
        CertificateSpec(name="ca", kind="authority", authority="ca", common_name="ca"),
        CertificateSpec(name="client", authority="ca", common_name="admin", usages=("client",)),
    ):
        pki.issue(tmp_path, spec, datetime.now(UTC))
    authority, certificate, key = ((tmp_path / name).read_text() for name in ("ca.crt", "client.crt", "client.key"))
    context = Access("https://s", authority, certificate=certificate, key=key).tls()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) == 1
    assert Access("https://s", verify=False).tls().verify_mode == ssl.CERT_NONE
    with pytest.raises(ssl.SSLError, match="KEY_VALUES_MISMATCH"):
        Access("https://s", authority, certificate=certificate, key=(tmp_path / "ca.key").read_text()).tls()
