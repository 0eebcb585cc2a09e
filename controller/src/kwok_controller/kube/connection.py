# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Where the apiserver is and how to speak with it: kubeconfig, service account of a pod, ``--master``."""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from kwok_controller.kube.credentials import (
    Certificate,
    CertificateFiles,
    Credentials,
    FixedToken,
    Plugin,
    PluginCredentials,
    TokenFile,
    basic,
)
from kwok_controller.kube.errors import ConnectionConfigError
from kwok_controller.kube.http1 import Endpoint

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds the token of its service account."""

_EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


@dataclass(frozen=True, slots=True)
class Impersonation:
    """As whom to act: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation."""

    user: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class ConnectionConfig:
    """All there is to know for speaking with one apiserver.

    Attributes:
        server: Its URL, without a trailing slash; it may have a path.
        source: For people: where this is from.
        endpoint: Host, port, TLS, proxy.
        authorities: PEM certificates that may have signed the server's; ``None`` trusts what the system trusts.
        insecure: The server's certificate is not checked.
        credentials: Who asks.
        impersonation: As whom every request acts, unless it says otherwise.
        issuer: The same, as who had `credentials` issued; ``None``: nobody did.
    """

    server: str
    source: str
    endpoint: Endpoint
    authorities: bytes | None = field(default=None, repr=False)
    insecure: bool = False
    credentials: Credentials = field(default_factory=Credentials)
    impersonation: Impersonation | None = None
    issuer: ConnectionConfig | None = None

    @property
    def base_path(self) -> str:
        """What stands in front of every path: mostly nothing."""
        return urlsplit(self.server).path.rstrip("/")

    def tls_context(self) -> ssl.SSLContext | None:
        """TLS as the configuration and the present credentials have it; ``None`` for plain HTTP.

        Raises:
            ConnectionConfigError: A certificate or key is none.
        """
        if not self.endpoint.tls:
            return None
        # The system's authorities are read only where they count.
        of_system = self.authorities is None and not self.insecure
        context = ssl.create_default_context() if of_system else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.authorities is not None:
            try:
                context.load_verify_locations(cadata=self.authorities.decode("ascii"))
            except (ssl.SSLError, ValueError) as error:
                problem = f"the certificates are none that can be read: {_reason(error)}"
                raise ConnectionConfigError(self.source, "certificate-authority", problem, "Give PEM certificates") from None
        if self.credentials.certificate is not None:
            self._load(context, self.credentials.certificate)
        return context

    def _load(self, context: ssl.SSLContext, certificate: Certificate) -> None:
        # OpenSSL's interface in Python takes files only. This one exists for the moment of reading, for this user only.
        with tempfile.TemporaryDirectory(prefix="kwok-controller-") as directory:
            path = Path(directory) / "client.pem"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(certificate.certificate.rstrip() + b"\n" + certificate.key.rstrip() + b"\n")
            try:
                # Without a password given, OpenSSL would ask for one on the terminal.
                context.load_cert_chain(path, password=b"")
            except (ssl.SSLError, ValueError) as error:
                problem = f"{self.credentials.description} and its key are no pair that can be used: {_reason(error)}"
                remedy = "Give a PEM certificate and its unencrypted PEM key"
                raise ConnectionConfigError(self.source, "client-certificate, client-key", problem, remedy) from None


def load(kubeconfig: str | Path | None = None, *, context: str | None = None, master: str | None = None) -> ConnectionConfig:
    """The connection that the options mean.

    Args:
        kubeconfig: The file; if none is given, the service account of the pod that this process runs in.
        context: Another context of the file than its current one.
        master: The apiserver's URL, whatever the file says.

    Raises:
        ConnectionConfigError: The file, field and remedy.
    """
    if kubeconfig:
        return _Kubeconfig(Path(kubeconfig).expanduser()).connection(context, master or None)
    if os.environ.get("KUBERNETES_SERVICE_HOST") and (SERVICE_ACCOUNT / "token").exists():
        return _in_cluster(master or None)
    if master:
        return _connection(master, "--master", "", source="--master")
    raise ConnectionConfigError(
        "--kubeconfig",
        "",
        "no kubeconfig is given, and this process runs in no pod with a service account",
        "Give --kubeconfig FILE or --master URL",
    )


def _in_cluster(master: str | None) -> ConnectionConfig:
    source = f"the service account in {SERVICE_ACCOUNT}"
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    server = master or f"https://{f'[{host}]' if ':' in host else host}:{port}"
    return _connection(
        server,
        "--master" if master else "KUBERNETES_SERVICE_HOST",
        "",
        source=source,
        authorities=_read(SERVICE_ACCOUNT / "ca.crt", source, "ca.crt"),
        credentials=TokenFile(SERVICE_ACCOUNT / "token", source, "token"),
    )


def _connection(
    server: str,
    server_source: str,
    server_field: str,
    *,
    source: str,
    authorities: bytes | None = None,
    insecure: bool = False,
    server_name: str = "",
    proxy: str = "",
    credentials: Credentials | None = None,
    impersonation: Impersonation | None = None,
) -> ConnectionConfig:
    # As client-go has it: without a scheme it is https where there is something to do TLS with.
    if "://" not in server:
        secure = authorities is not None or insecure or credentials is not None
        server = f"{'https' if secure else 'http'}://{server}"
    remedy = "Give a URL such as https://127.0.0.1:6443"
    try:
        parts = urlsplit(server)
        port = parts.port
    except ValueError as error:
        raise ConnectionConfigError(server_source, server_field, f"{server!r} is no URL: {error}", remedy) from None
    if parts.username is not None or parts.password is not None:
        raise ConnectionConfigError(server_source, server_field, "the URL holds a user or a password", "Use username and password instead")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConnectionConfigError(server_source, server_field, f"{server!r} is no URL of a server", remedy)
    tls = parts.scheme == "https"
    endpoint = Endpoint(
        host=parts.hostname,
        port=port or (443 if tls else 80),
        tls=tls,
        server_name=server_name or parts.hostname,
        proxy=_proxy(proxy, source) or _proxy_of_environment(parts.scheme, parts.hostname, port),
    )
    return ConnectionConfig(
        server=server.rstrip("/"),
        source=source,
        endpoint=endpoint,
        authorities=authorities,
        insecure=insecure,
        credentials=credentials or Credentials(),
        impersonation=impersonation,
    )


def _proxy(url: str, source: str) -> str | None:
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        # The URL may hold a password, so it is not shown.
        problem = f"a proxy of scheme {parts.scheme or 'none'} is not supported"
        raise ConnectionConfigError(source, "proxy-url", problem, "Give one of scheme http")
    return url


def _proxy_of_environment(scheme: str, host: str, port: int | None) -> str | None:
    if host == "localhost" or host.startswith("127.") or host == "::1":
        return None
    proxies = urllib.request.getproxies_environment()
    if urllib.request.proxy_bypass(f"{host}:{port}" if port else host):
        return None
    name = f"{scheme}_proxy"
    return _proxy(proxies.get(scheme, ""), f"environment variable {name.upper()}")


class _Kubeconfig:
    """One file of kind Config: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._source = str(path)
        document = self._parse(_read(path, "--kubeconfig", "", remedy="Give a kubeconfig that this user can read"))
        if not isinstance(document, dict):
            raise self._error("", "this is no kubeconfig", "Give a file of kind Config")
        self._document: dict[str, Any] = document

    def connection(self, context_name: str | None, master: str | None) -> ConnectionConfig:
        name = context_name or self._document.get("current-context")
        if not name:
            raise self._error("current-context", "no context is chosen", f"Set it to one of {self._names('contexts')}, or give --context")
        context = self._entry("contexts", "context", name)
        cluster_name, user_name = context.get("cluster"), context.get("user")
        if not cluster_name:
            raise self._error(f"contexts[{name}].context.cluster", "it is missing", "Name one of the clusters")
        cluster = self._entry("clusters", "cluster", cluster_name)
        user = self._entry("users", "user", user_name) if user_name else {}
        place = f"clusters[{cluster_name}].cluster"
        server = master or _text(cluster, "server")
        if not server:
            raise self._error(f"{place}.server", "it is missing", "Give the apiserver's URL")
        authorities = self._data(cluster, "certificate-authority", place)
        insecure = bool(cluster.get("insecure-skip-tls-verify"))
        if insecure and authorities is not None:
            problem = "it cannot be true where certificate-authority is given"
            raise self._error(f"{place}.insecure-skip-tls-verify", problem, "Remove one of them")
        return _connection(
            server,
            "--master" if master else self._source,
            "" if master else f"{place}.server",
            source=f"{self._source} (context {name})",
            authorities=authorities,
            insecure=insecure,
            server_name=_text(cluster, "tls-server-name"),
            proxy=_text(cluster, "proxy-url"),
            credentials=self._credentials(user, f"users[{user_name}].user", cluster) if user else None,
            impersonation=self._impersonation(user, f"users[{user_name}].user"),
        )

    def _parse(self, text: bytes) -> Any:
        # Kubeconfigs made by programs are often JSON, and PyYAML is not worth its import for those.
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
        import yaml

        try:
            return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            # PyYAML's message shows the line at fault, which may hold a secret.
            mark = getattr(error, "problem_mark", None)
            place = f" at line {mark.line + 1}" if mark is not None else ""
            raise self._error("", f"this is no YAML: {getattr(error, 'problem', None) or 'unreadable'}{place}", "Correct it") from None

    def _entry(self, plural: str, singular: str, name: str) -> Mapping[str, Any]:
        for entry in self._list(plural):
            if entry.get("name") == name:
                found = entry.get(singular) or {}
                if not isinstance(found, dict):
                    raise self._error(f"{plural}[{name}].{singular}", "it is no mapping", "Correct it")
                return found
        raise self._error(plural, f"there is no {singular} named {name!r}", f"Name one of {self._names(plural)}")

    def _list(self, plural: str) -> list[dict[str, Any]]:
        entries = self._document.get(plural) or []
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self._error(plural, "it is no list of mappings", "Correct it")
        return entries

    def _names(self, plural: str) -> str:
        return ", ".join(str(entry.get("name")) for entry in self._list(plural)) or "none: there are none"

    def _credentials(self, user: Mapping[str, Any], place: str, cluster: Mapping[str, Any]) -> Credentials | None:
        certificate, key = self._data_or_path(user, "client-certificate", place), self._data_or_path(user, "client-key", place)
        if (certificate is None) != (key is None):
            missing = "client-key" if key is None else "client-certificate"
            raise self._error(f"{place}.{missing}", "it is missing, while its counterpart is given", "Give both or none")
        if "auth-provider" in user:
            problem = "Kubernetes removed the providers of clouds, and the others are not supported"
            raise self._error(f"{place}.auth-provider", problem, "Use exec with the provider's plugin")
        if token_file := _text(user, "tokenFile"):
            return self._with(TokenFile(self._resolved(token_file), self._source, f"{place}.tokenFile"), certificate, key)
        if token := _text(user, "token"):
            return self._with(FixedToken(f"Bearer {token}", f"the token in {self._source}, {place}"), certificate, key)
        if username := _text(user, "username"):
            password = FixedToken(basic(username, _text(user, "password")), f"user {username} with the password in {self._source}, {place}")
            return self._with(password, certificate, key)
        if certificate is not None and key is not None:
            return CertificateFiles(certificate, key, self._source, place)
        if user.get("exec"):
            return self._plugin(user["exec"], place, cluster)
        return None

    def _with(self, credentials: Credentials, certificate: Path | bytes | None, key: Path | bytes | None) -> Credentials:
        if certificate is not None and key is not None:
            credentials.certificate = Certificate(
                *(
                    part if isinstance(part, bytes) else _read(part, self._source, "client-certificate, client-key")
                    for part in (certificate, key)
                )
            )
        return credentials

    def _plugin(self, declared: Any, place: str, cluster: Mapping[str, Any]) -> PluginCredentials:
        place_of_exec = f"{place}.exec"
        if not isinstance(declared, dict) or not _text(declared, "command"):
            raise self._error(f"{place_of_exec}.command", "it is missing", "Name the plugin's executable")
        version = _text(declared, "apiVersion")
        if version not in _EXEC_VERSIONS:
            raise self._error(f"{place_of_exec}.apiVersion", f"{version!r} is not supported", f"Use {_EXEC_VERSIONS[0]}")
        if declared.get("interactiveMode") == "Always":
            problem = "this plugin wants a terminal, and this program has none"
            raise self._error(f"{place_of_exec}.interactiveMode", problem, "Use credentials that need nobody")
        command = _text(declared, "command")
        # A path is relative to the kubeconfig; a name is looked for in PATH.
        if "/" in command or os.sep in command:
            command = str(self._resolved(command))
        information = None
        if declared.get("provideClusterInfo"):
            information = {
                name: cluster[name] for name in ("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url") if cluster.get(name)
            }
            if authorities := self._data(cluster, "certificate-authority", "cluster"):
                information["certificate-authority-data"] = base64.b64encode(authorities).decode()
        plugin = Plugin(
            command=command,
            args=tuple(str(argument) for argument in declared.get("args") or ()),
            env=tuple((str(variable.get("name")), str(variable.get("value", ""))) for variable in declared.get("env") or ()),
            api_version=version,
            install_hint=_text(declared, "installHint"),
            cluster=information,
        )
        return PluginCredentials(plugin, self._source, place)

    def _impersonation(self, user: Mapping[str, Any], place: str) -> Impersonation | None:
        name = _text(user, "as")
        others = [field for field in ("as-uid", "as-groups", "as-user-extra") if user.get(field)]
        if not name:
            if others:
                raise self._error(f"{place}.{others[0]}", "it is given without as", "Give as, too")
            return None
        extra = user.get("as-user-extra") or {}
        return Impersonation(
            user=name,
            uid=_text(user, "as-uid"),
            groups=tuple(str(group) for group in user.get("as-groups") or ()),
            extra=tuple((str(key), tuple(str(value) for value in values)) for key, values in extra.items()),
        )

    def _data(self, mapping: Mapping[str, Any], name: str, place: str) -> bytes | None:
        found = self._data_or_path(mapping, name, place)
        return _read(found, self._source, f"{place}.{name}") if isinstance(found, Path) else found

    def _data_or_path(self, mapping: Mapping[str, Any], name: str, place: str) -> Path | bytes | None:
        """``NAME-data`` or, where there is none, the path in ``NAME``."""
        if encoded := _text(mapping, f"{name}-data"):
            try:
                return base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                raise self._error(f"{place}.{name}-data", "it is no base64", "Encode the PEM text in base64, on one line") from None
        return self._resolved(path) if (path := _text(mapping, name)) else None

    def _resolved(self, path: str) -> Path:
        return self._path.parent / path

    def _error(self, field: str, problem: str, remedy: str) -> ConnectionConfigError:
        return ConnectionConfigError(self._source, field, problem, remedy)


def _text(mapping: Mapping[str, Any], name: str) -> str:
    value = mapping.get(name)
    return "" if value is None else str(value)


def _read(path: Path, source: str, field: str, *, remedy: str = "Name a file that this user can read") -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConnectionConfigError(source, field, f"{path} cannot be read: {error.strerror}", remedy) from error


def _reason(error: Exception) -> str:
    return (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()
