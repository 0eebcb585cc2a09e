# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import base64
import json
import re
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml
from authority import Authority

from kwok_controller.kube import connection
from kwok_controller.kube.connection import ConnectionConfig, Impersonation, load
from kwok_controller.kube.errors import ConnectionConfigError

SECRET = "c2VjcmV0-secret"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBERNETES_SERVICE_HOST", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(connection, "SERVICE_ACCOUNT", tmp_path / "none")


def write(path: Path, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **others: Any) -> Path:
    """A kubeconfig of one context."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}, {"name": "other", "context": {"cluster": "d", "user": "u"}}],
        "clusters": [
            {"name": "c", "cluster": {"server": "https://127.0.0.1:6443", **(cluster or {})}},
            {"name": "d", "cluster": {"server": "https://127.0.0.1:7443"}},
        ],
        "users": [{"name": "u", "user": user or {}}],
        **others,
    }
    file = path / "config"
    file.write_text(yaml.safe_dump(document))
    return file


def credentials_of(config: ConnectionConfig) -> tuple[str | None, str]:
    asyncio.run(config.credentials.refresh())
    return config.credentials.authorization, config.credentials.description


def test_current_context(tmp_path: Path) -> None:
    config = load(write(tmp_path))
    assert (config.server, str(config.endpoint), config.base_path) == ("https://127.0.0.1:6443", "https://127.0.0.1:6443", "")
    assert config.source == f"{tmp_path}/config (context x)"


def test_other_context_and_master(tmp_path: Path) -> None:
    file = write(tmp_path)
    assert load(file, context="other").server == "https://127.0.0.1:7443"
    assert load(file, master="https://example.com/base/").server == "https://example.com/base"
    assert load(file, master="https://example.com/base/").base_path == "/base"


def test_json_is_read_without_yaml(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_text(json.dumps(yaml.safe_load(file.read_text())))
    assert load(file).server == "https://127.0.0.1:6443"


def test_authorities(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    relative = load(write(tmp_path, {"certificate-authority": "ca.crt"}))
    inline = load(write(tmp_path, {"certificate-authority-data": base64.b64encode(authority.pem).decode()}))
    for config in (relative, inline):
        assert config.authorities == authority.pem
        context = config.tls_context()
        assert context is not None
        assert (context.verify_mode, context.check_hostname, len(context.get_ca_certs())) == (ssl.CERT_REQUIRED, True, 1)


def test_insecure(tmp_path: Path) -> None:
    context = load(write(tmp_path, {"insecure-skip-tls-verify": True})).tls_context()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


def test_tls_server_name(tmp_path: Path) -> None:
    assert load(write(tmp_path, {"tls-server-name": "kubernetes"})).endpoint.server_name == "kubernetes"


def test_client_certificate(tmp_path: Path, pair_files: tuple[Path, Path]) -> None:
    certificate, key = pair_files
    by_path = load(write(tmp_path, user={"client-certificate": "client.crt", "client-key": str(key)}))
    data = {
        "client-certificate-data": base64.b64encode(certificate.read_bytes()).decode(),
        "client-key-data": base64.b64encode(key.read_bytes()).decode(),
    }
    inline = load(write(tmp_path, user=data))
    for config in (by_path, inline):
        asyncio.run(config.credentials.refresh())
        assert config.credentials.certificate is not None
        assert config.credentials.certificate.certificate == certificate.read_bytes()
        assert config.tls_context() is not None


def test_certificate_beside_a_token(tmp_path: Path, pair_files: tuple[Path, Path]) -> None:
    config = load(write(tmp_path, user={"client-certificate": "client.crt", "client-key": "client.key", "token": SECRET}))
    assert credentials_of(config)[0] == f"Bearer {SECRET}"
    assert config.credentials.certificate is not None


@pytest.mark.parametrize(
    ("user", "authorization", "description"),
    [
        ({}, None, "no credentials"),
        ({"token": SECRET}, f"Bearer {SECRET}", "the token in {file}, users[u].user"),
        ({"tokenFile": "token"}, "Bearer from-file", "the token in {dir}/token"),
        # As client-go has it: the file is the one that is renewed.
        ({"tokenFile": "token", "token": SECRET}, "Bearer from-file", "the token in {dir}/token"),
        ({"username": "me", "password": SECRET}, "Basic bWU6YzJWamNtVjAtc2VjcmV0", "user me with the password in {file}, users[u].user"),
    ],
)
def test_tokens_and_passwords(tmp_path: Path, user: dict[str, str], authorization: str | None, description: str) -> None:
    (tmp_path / "token").write_text("from-file\n")
    file = write(tmp_path, user=user)
    assert credentials_of(load(file)) == (authorization, description.format(file=file, dir=tmp_path))


def test_impersonation(tmp_path: Path) -> None:
    user = {"token": SECRET, "as": "jane", "as-uid": "7", "as-groups": ["a", "b"], "as-user-extra": {"k": ["v", "w"]}}
    assert load(write(tmp_path, user=user)).impersonation == Impersonation("jane", "7", ("a", "b"), (("k", ("v", "w")),))


def test_no_secret_is_shown(tmp_path: Path, pair_files: tuple[Path, Path]) -> None:
    users: list[dict[str, Any]] = [
        {"token": SECRET, "client-certificate": "client.crt", "client-key": "client.key"},
        {"username": "me", "password": SECRET},
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "x", "env": [{"name": "A", "value": SECRET}]}},
    ]
    for user in users:
        config = load(write(tmp_path, user=user))
        if "exec" not in user:
            asyncio.run(config.credentials.refresh())
        shown = f"{config!r} {config} {config.credentials!r} {config.credentials.certificate!r}"
        assert SECRET not in shown
        assert base64.b64encode(f"me:{SECRET}".encode()).decode() not in shown
        assert "PRIVATE" not in shown


def test_in_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Authority) -> None:
    monkeypatch.setattr(connection, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "8443")
    (tmp_path / "token").write_text("t1")
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    config = load()
    assert (str(config.endpoint), config.authorities) == ("https://[fd00::1]:8443", authority.pem)
    assert credentials_of(config)[0] == "Bearer t1"
    assert load(master="https://10.0.0.1").server == "https://10.0.0.1"


def test_master_alone() -> None:
    config = load(master="127.0.0.1:8080")
    assert (config.server, config.endpoint.tls) == ("http://127.0.0.1:8080", False)
    assert config.tls_context() is None


def test_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", ".internal")
    assert load(write(tmp_path)).endpoint.proxy is None
    assert load(write(tmp_path, {"server": "https://k8s.example"})).endpoint.proxy == "http://proxy:3128"
    assert load(write(tmp_path, {"server": "https://k8s.internal"})).endpoint.proxy is None
    assert load(write(tmp_path, {"proxy-url": "http://other:1"})).endpoint.proxy == "http://other:1"


EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "x"}


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"current-context": ""}, "current-context", "no context is chosen. Set it to one of x, other"),
        ({"current-context": "y"}, "contexts", "there is no context named 'y'. Name one of x, other"),
        ({"contexts": [{"name": "x", "context": {}}]}, "contexts[x].context.cluster", "it is missing"),
        ({"contexts": [{"name": "x", "context": {"cluster": "z"}}]}, "clusters", "there is no cluster named 'z'. Name one of c, d"),
        ({"contexts": [{"name": "x", "context": {"cluster": "c", "user": "z"}}]}, "users", "there is no user named 'z'. Name one of u"),
        ({"contexts": 3}, "contexts", "it is no list of mappings"),
        ({"users": [{"name": "u", "user": 3}]}, "users[u].user", "it is no mapping"),
        ({"cluster": {"server": ""}}, "clusters[c].cluster.server", "it is missing"),
        ({"cluster": {"server": "https://a:b"}}, "clusters[c].cluster.server", "is no URL"),
        ({"cluster": {"server": "ftp://a"}}, "clusters[c].cluster.server", "is no URL of a server"),
        ({"cluster": {"server": f"https://me:{SECRET}@a"}}, "clusters[c].cluster.server", "the URL holds a user or a password"),
        ({"cluster": {"certificate-authority": "nope"}}, "clusters[c].cluster.certificate-authority", "nope cannot be read: No such file"),
        ({"cluster": {"certificate-authority-data": "%"}}, "clusters[c].cluster.certificate-authority-data", "it is no base64"),
        ({"cluster": {"proxy-url": f"socks5://u:{SECRET}@p"}}, "proxy-url", "a proxy of scheme socks5 is not supported"),
        (
            {"cluster": {"certificate-authority-data": "YQ==", "insecure-skip-tls-verify": True}},
            "clusters[c].cluster.insecure-skip-tls-verify",
            "cannot be true where certificate-authority is given",
        ),
        ({"user": {"client-certificate-data": "YQ=="}}, "users[u].user.client-key", "it is missing, while its counterpart is given"),
        ({"user": {"client-key-data": "YQ=="}}, "users[u].user.client-certificate", "it is missing, while its counterpart is given"),
        ({"user": {"auth-provider": {"name": "gcp"}}}, "users[u].user.auth-provider", "Use exec with the provider's plugin"),
        ({"user": {"as-groups": ["a"]}}, "users[u].user.as-groups", "it is given without as"),
        ({"user": {"exec": {}}}, "users[u].user", ""),
        ({"user": {"exec": {"command": ""}}}, "users[u].user.exec.command", "it is missing"),
        ({"user": {"exec": {**EXEC, "apiVersion": "v0"}}}, "users[u].user.exec.apiVersion", "'v0' is not supported"),
        ({"user": {"exec": {**EXEC, "interactiveMode": "Always"}}}, "users[u].user.exec.interactiveMode", "wants a terminal"),
    ],
)
def test_what_is_wrong(tmp_path: Path, change: dict[str, Any], field: str, problem: str) -> None:
    file = write(tmp_path, change.pop("cluster", None), change.pop("user", None), **change)
    if not problem:
        assert credentials_of(load(file)) == (None, "no credentials")
        return
    with pytest.raises(ConnectionConfigError, match=re.escape(problem)) as caught:
        load(file)
    assert caught.value.field == field
    assert str(file) in str(caught.value)
    assert caught.value.remedy
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "just text", "a: [\n", f"token: {SECRET}\n\t- x", ""])
def test_what_is_no_kubeconfig(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(ConnectionConfigError, match="this is no") as caught:
        load(file)
    assert SECRET not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConnectionConfigError, match=r"--kubeconfig: .*/nope cannot be read: No such file or directory\. Give"):
        load(tmp_path / "nope")


def test_nothing_given() -> None:
    with pytest.raises(ConnectionConfigError, match=r"Give --kubeconfig FILE or --master URL"):
        load()


def test_wrong_authority(tmp_path: Path) -> None:
    config = load(write(tmp_path, {"certificate-authority-data": base64.b64encode(b"nonsense").decode()}))
    with pytest.raises(ConnectionConfigError, match=r"certificate-authority: the certificates are none"):
        config.tls_context()


def test_key_of_another_certificate(tmp_path: Path, authority: Authority) -> None:
    user = {
        "client-certificate-data": base64.b64encode(authority.issue("a").certificate).decode(),
        "client-key-data": base64.b64encode(authority.issue("b").key).decode(),
    }
    config = load(write(tmp_path, user=user))
    asyncio.run(config.credentials.refresh())
    with pytest.raises(ConnectionConfigError, match=r"no pair that can be used: key values mismatch"):
        config.tls_context()
