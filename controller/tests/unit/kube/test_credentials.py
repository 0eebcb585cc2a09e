# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import json
import math
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kwok_controller.kube import credentials
from kwok_controller.kube.credentials import CertificateFiles, Plugin, PluginCredentials, TokenFile
from kwok_controller.kube.errors import ConnectionConfigError

VERSION = "client.authentication.k8s.io/v1"


def plugin(script: str, *args: str, timeout: float = 20, **options: Any) -> PluginCredentials:
    """Credentials of a plugin that is a Python script."""
    called = Plugin(command=sys.executable, args=("-c", script, *args), **options)
    return PluginCredentials(called, "config", "users[u].user", timeout=timeout)


def printing(status: dict[str, Any], **others: Any) -> PluginCredentials:
    return plugin(f"print({json.dumps({'apiVersion': VERSION, 'kind': 'ExecCredential', 'status': status, **others})!r})")


def test_token_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "token"
    path.write_text("one\n")
    file = TokenFile(path, "config", "tokenFile")
    asyncio.run(file.refresh())
    assert file.authorization == "Bearer one"
    assert 0 < file.renew_at - time.monotonic() <= credentials.TOKEN_FILE_PERIOD_S
    path.write_text("two")
    asyncio.run(file.refresh())
    assert file.authorization == "Bearer two"
    # It is being replaced: the last one may still serve.
    path.unlink()
    asyncio.run(file.refresh())
    assert file.authorization == "Bearer two"


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "cannot be read: No such file"), ("", "holds no token"), ("a\nb", "holds no token")]
)
def test_wrong_token_file(tmp_path: Path, content: str | None, problem: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConnectionConfigError, match=problem):
        asyncio.run(TokenFile(path, "config", "tokenFile").refresh())


def test_certificate_files_are_read_again(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c", tmp_path / "k"
    certificate.write_text("1")
    key.write_text("2")
    files = CertificateFiles(certificate, key, "config", "users[u].user")
    asyncio.run(files.refresh())
    certificate.write_text("3")
    before = files.certificate
    asyncio.run(files.refresh())
    assert before != files.certificate
    key.unlink()
    with pytest.raises(ConnectionConfigError, match=r"users\[u\].user.client-key: .* cannot be read"):
        asyncio.run(files.refresh())


def test_plugin_is_told_what_it_needs() -> None:
    script = (
        "import json,os,sys;info=json.loads(os.environ['KUBERNETES_EXEC_INFO']);"
        "token='|'.join([sys.argv[1],os.environ['A'],info['apiVersion'],info['kind'],str(info['spec']['interactive']),"
        "info['spec']['cluster']['server'],sys.stdin.read()]);"
        "print(json.dumps({'apiVersion':info['apiVersion'],'kind':'ExecCredential','status':{'token':token}}))"
    )
    # A shell would run what stands in the argument.
    found = plugin(script, "$(echo x); y", env=(("A", "b"),), cluster={"server": "https://s"})
    asyncio.run(found.refresh())
    assert found.authorization == f"Bearer $(echo x); y|b|{VERSION}|ExecCredential|False|https://s|"
    assert found.renew_at == math.inf


def test_plugin_that_issues_a_certificate() -> None:
    found = printing({"clientCertificateData": "C", "clientKeyData": "K"})
    asyncio.run(found.refresh())
    assert found.authorization is None
    assert found.certificate is not None
    assert (found.certificate.certificate, found.certificate.key) == (b"C", b"K")


@pytest.mark.parametrize(("valid_s", "renewed_s"), [(3600, 3600 - credentials.EXPIRY_MARGIN_S), (1, 10)])
def test_plugin_is_called_again_before_its_credentials_expire(valid_s: int, renewed_s: float) -> None:
    expires = (datetime.now(UTC) + timedelta(seconds=valid_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = printing({"token": "t", "expirationTimestamp": expires})
    asyncio.run(found.refresh())
    assert found.renew_at - time.monotonic() == pytest.approx(renewed_s, abs=2)


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (printing({}), "it prints neither a token nor a certificate"),
        (printing({"clientKeyData": "secret"}), "it prints only one of"),
        (printing({"token": "secret", "expirationTimestamp": "soon"}), "expirationTimestamp 'soon' is no RFC 3339 time"),
        (printing({"token": "secret"}, apiVersion="v9"), f"it prints apiVersion v9, not {VERSION}"),
        (printing({"token": "secret"}, kind="Other"), "is no ExecCredential"),
        (plugin("print('secret')"), "is no JSON"),
        (plugin("print('\"secret\"')"), "is no ExecCredential"),
        (plugin("import sys; print('secret'); sys.exit('first\\nlog in first')"), "it ended with 1: log in first"),
        (plugin("import time; time.sleep(60)", timeout=0.3), "it took longer than 0 s"),
    ],
)
def test_plugin_that_fails(found: PluginCredentials, problem: str) -> None:
    began = time.monotonic()
    with pytest.raises(ConnectionConfigError, match=re.escape(problem)) as caught:
        asyncio.run(found.refresh())
    assert time.monotonic() - began < 10
    assert caught.value.field == "users[u].user.exec"
    assert "secret" not in str(caught.value)


def test_plugin_that_is_not_there() -> None:
    missing = PluginCredentials(Plugin(command="/nowhere/x", install_hint="Get it from our site."), "config", "users[u].user")
    with pytest.raises(
        ConnectionConfigError, match=r"plugin /nowhere/x: it cannot be run: No such file or directory\. Get it from our site\.$"
    ):
        asyncio.run(missing.refresh())


def test_plugin_that_is_cancelled_is_ended(tmp_path: Path) -> None:
    script = f"import pathlib,time,os; pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid())); time.sleep(60)"

    async def main() -> int:
        running = asyncio.create_task(plugin(script).refresh())
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return int((tmp_path / "pid").read_text())

    assert not Path(f"/proc/{asyncio.run(main())}").exists()
