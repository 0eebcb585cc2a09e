# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Who asks: certificates, tokens, passwords, and plugins that issue them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import math
import os
import signal
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from kwok_controller.kube.errors import ConnectionConfigError

TOKEN_FILE_PERIOD_S = 60.0
"""How long a token that was read from a file is used before the file is read again; as client-go has it."""

PLUGIN_TIMEOUT_S = 60.0
"""How long a plugin may take."""

EXPIRY_MARGIN_S = 30.0
"""Credentials are renewed so long before they expire."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client certificate with its key, both PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


class Credentials:
    """None at all; the base of the others.

    Attributes:
        description: For people: what is used, and where it is from. No secret.
        authorization: The Authorization header.
        certificate: For TLS.
        renew_at: `time.monotonic` from which on `refresh` is due.
    """

    description: str = "no credentials"

    def __init__(self) -> None:
        self.authorization: str | None = None
        self.certificate: Certificate | None = None
        self.renew_at: float = -math.inf

    async def refresh(self) -> None:
        """Get them, or get them anew.

        Raises:
            ConnectionConfigError: They cannot be had.
        """
        self.renew_at = math.inf

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.description}>"


class FixedToken(Credentials):
    """A bearer token or a password that stands in the configuration."""

    def __init__(self, authorization: str, description: str) -> None:
        super().__init__()
        self.authorization = authorization
        self.description = description


class TokenFile(Credentials):
    """A bearer token in a file that others renew, as the one of a service account in a pod."""

    def __init__(self, path: Path, source: str, field: str) -> None:
        super().__init__()
        self._path = path
        self._source = source
        self._field = field
        self.description = f"the token in {path}"

    async def refresh(self) -> None:
        """Read the file."""
        self.authorization = f"Bearer {self._read()}"
        self.renew_at = time.monotonic() + TOKEN_FILE_PERIOD_S

    def _read(self) -> str:
        try:
            token = self._path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            # A file that is just being replaced is no reason to stop while the last token may still serve.
            if self.authorization is not None:
                return self.authorization.removeprefix("Bearer ")
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ConnectionConfigError(self._source, self._field, f"{self._path} cannot be read: {why}", "Name a readable file") from error
        if not token or not token.isprintable():
            raise ConnectionConfigError(self._source, self._field, f"{self._path} holds no token", "Write a token into it")
        return token


class CertificateFiles(Credentials):
    """A client certificate, from files or from the kubeconfig itself."""

    def __init__(self, certificate: Path | bytes, key: Path | bytes, source: str, field: str) -> None:
        super().__init__()
        self._certificate = certificate
        self._key = key
        self._source = source
        self._field = field
        place = certificate if isinstance(certificate, Path) else f"{source}, {field}"
        self.description = f"the client certificate in {place}"

    async def refresh(self) -> None:
        """Read the files."""
        self.certificate = Certificate(self._pem(self._certificate, "client-certificate"), self._pem(self._key, "client-key"))
        self.renew_at = math.inf

    def _pem(self, value: Path | bytes, name: str) -> bytes:
        if isinstance(value, bytes):
            return value
        try:
            return value.read_bytes()
        except OSError as error:
            problem = f"{value} cannot be read: {error.strerror}"
            raise ConnectionConfigError(self._source, f"{self._field}.{name}", problem, "Name a readable PEM file") from error


@dataclass(frozen=True, slots=True)
class Plugin:
    """How to call a credential plugin, as ``users[].user.exec`` has it."""

    command: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    api_version: str = "client.authentication.k8s.io/v1"
    install_hint: str = ""
    cluster: dict[str, Any] | None = field(default=None, repr=False)


class PluginCredentials(Credentials):
    """What a credential plugin prints, until it expires: https://kubernetes.io/docs/reference/config-api/client-authentication.v1/."""

    def __init__(self, plugin: Plugin, source: str, field: str, *, timeout: float = PLUGIN_TIMEOUT_S) -> None:
        super().__init__()
        self._plugin = plugin
        self._source = source
        self._field = field
        self._timeout = timeout
        self.description = f"what the credential plugin {plugin.command} prints"

    async def refresh(self) -> None:
        """Run the plugin."""
        status = self._status(await self._run())
        token, certificate, key = (status.get(name) for name in ("token", "clientCertificateData", "clientKeyData"))
        if bool(certificate) != bool(key):
            raise self._error("it prints only one of clientCertificateData and clientKeyData", "Make it print both or none")
        if not token and not certificate:
            raise self._error("it prints neither a token nor a certificate", "Run it by hand to see what it prints")
        self.authorization = f"Bearer {token}" if token else None
        self.certificate = Certificate(str(certificate).encode(), str(key).encode()) if certificate else None
        self.renew_at = self._expiry(status.get("expirationTimestamp"))

    async def _run(self) -> bytes:
        plugin = self._plugin
        spec: dict[str, Any] = {"interactive": False}
        if plugin.cluster is not None:
            spec["cluster"] = plugin.cluster
        info = json.dumps({"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec})
        try:
            process = await asyncio.create_subprocess_exec(
                plugin.command,
                *plugin.args,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, **dict(plugin.env), "KUBERNETES_EXEC_INFO": info},
                # It may start others; all of them are ended where it takes too long.
                start_new_session=True,
            )
        except OSError as error:
            hint = plugin.install_hint.strip() or "Install it, or name its path"
            raise self._error(f"it cannot be run: {error.strerror}", hint.rstrip(".")) from error
        try:
            async with asyncio.timeout(self._timeout):
                output, complaints = await process.communicate()
        except TimeoutError as error:
            raise self._error(f"it took longer than {self._timeout:.0f} s", "Run it by hand; it may not ask for input") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode:
            last = complaints.decode("utf-8", "replace").strip().rpartition("\n")[2][-300:]
            raise self._error(f"it ended with {process.returncode}: {last or 'no message'}", "Run it by hand")
        return output

    def _status(self, output: bytes) -> dict[str, Any]:
        # Never show what it printed: that may hold the token.
        try:
            document = orjson.loads(output)
        except orjson.JSONDecodeError:
            raise self._error("what it prints is no JSON", "Run it by hand to see what it prints") from None
        if not isinstance(document, dict) or document.get("kind") != "ExecCredential":
            raise self._error("what it prints is no ExecCredential", "Run it by hand to see what it prints")
        if document.get("apiVersion") != self._plugin.api_version:
            problem = f"it prints apiVersion {document.get('apiVersion')}, not {self._plugin.api_version}"
            raise self._error(problem, "Set exec.apiVersion to the version that it speaks")
        status = document.get("status")
        return status if isinstance(status, dict) else {}

    def _expiry(self, timestamp: Any) -> float:
        if not timestamp:
            return math.inf
        try:
            left = datetime.fromisoformat(str(timestamp)).timestamp() - time.time()
        except ValueError:
            raise self._error(f"expirationTimestamp {timestamp!r} is no RFC 3339 time", "Correct the plugin") from None
        # At most one call in ten seconds, even where it issues what is about to expire.
        return time.monotonic() + max(left - EXPIRY_MARGIN_S, 10.0)

    def _error(self, problem: str, remedy: str) -> ConnectionConfigError:
        return ConnectionConfigError(self._source, f"{self._field}.exec", f"credential plugin {self._plugin.command}: {problem}", remedy)


def basic(user: str, password: str) -> str:
    """The Authorization header for a user and a password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
