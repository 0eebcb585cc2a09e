# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How an apiserver is reached and who asks: read from a kubeconfig.

What plain kubeconfigs hold is read here, in a hundredth of the time that the package C(kubernetes) takes to import. Those with
credentials that a program or a provider gives are left to the package.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import base64
import binascii
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._errors import SimError
from .connection import load_configuration

# What a user's entry may hold to be read here.
_PLAIN = frozenset({"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile"})


@dataclass(frozen=True)
class Access:
    """A server and credentials; certificates and keys in PEM.

    Attributes:
        authority: Who has signed the server's certificate; ``None``: an authority that the host trusts.
        verify: Whether the server's certificate is checked at all.
        server_name: The name in the server's certificate, where it is not that of the URL.
    """

    server: str
    authority: str | None = None
    verify: bool = True
    server_name: str | None = None
    certificate: str | None = None
    key: str | None = None
    token: str | None = None

    def tls(self) -> ssl.SSLContext:
        """A context for all connections: making one for each would take longer than its handshake.

        Raises:
            OSError, ValueError: The certificates cannot be used.
        """
        context = ssl.create_default_context(cadata=self.authority)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate and self.key:
            # OpenSSL's interface wants a file. It is private, and gone when it has been read.
            with tempfile.NamedTemporaryFile("w", prefix="kwok-sim-") as stream:
                stream.write(f"{self.certificate}\n{self.key}\n")
                stream.flush()
                context.load_cert_chain(stream.name)
        return context


def read_access(kubeconfig: Path, context: str | None = None) -> Access:
    """The access that a context of a kubeconfig gives.

    Args:
        context: Name of the context; ``None`` for the current one.

    Raises:
        SimError: The kubeconfig cannot be used.
    """
    import yaml

    try:
        with kubeconfig.open(encoding="utf-8") as stream:
            content = yaml.load(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        cluster, user = _entries(content, context)
        if set(user) - _PLAIN:
            return _through_package(kubeconfig, context)
        return _read(kubeconfig.parent, cluster, user)
    except OSError as error:
        raise SimError(f"{kubeconfig} cannot be used: {error.filename or ''} {error.strerror or error}".replace("  ", " ")) from error
    except (yaml.YAMLError, ValueError, TypeError, KeyError, binascii.Error) as error:
        told = f"it has no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise SimError(f"{kubeconfig} cannot be used: {told}", option="kubeconfig") from error


def _entries(content: Any, context: str | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    if not isinstance(content, dict):
        raise ValueError("it is no kubeconfig")
    name = context or content.get("current-context")
    if not name:
        raise ValueError("it has no current context")
    chosen = _named(content, "contexts", str(name), "context")
    cluster = _named(content, "clusters", str(chosen["cluster"]), "cluster")
    user = _named(content, "users", str(chosen["user"]), "user") if chosen.get("user") else {}
    return cluster, user


def _named(content: Mapping[str, Any], section: str, name: str, kind: str) -> Mapping[str, Any]:
    for entry in content.get(section) or ():
        if entry["name"] == name:
            found = entry[kind] or {}
            if isinstance(found, dict):
                return found
    raise ValueError(f"it has no {kind} {name}")


def _read(directory: Path, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> Access:
    token = user.get("token")
    if user.get("tokenFile"):
        token = (directory / user["tokenFile"]).read_text(encoding="utf-8").strip()
    return Access(
        server=str(cluster["server"]),
        authority=_pem(directory, cluster, "certificate-authority"),
        verify=not cluster.get("insecure-skip-tls-verify"),
        server_name=cluster.get("tls-server-name"),
        certificate=_pem(directory, user, "client-certificate"),
        key=_pem(directory, user, "client-key"),
        token=f"Bearer {token}" if token else None,
    )


def _pem(directory: Path, entry: Mapping[str, Any], name: str) -> str | None:
    """Of a field that is there as text or as the path of a file, relative to the kubeconfig."""
    if entry.get(f"{name}-data"):
        return base64.b64decode(entry[f"{name}-data"], validate=True).decode()
    if entry.get(name):
        return (directory / entry[name]).read_text(encoding="utf-8")
    return None


def _through_package(kubeconfig: Path, context: str | None) -> Access:
    configuration = load_configuration(kubeconfig, context)

    def read(path: str | None) -> str | None:
        return Path(path).read_text(encoding="utf-8") if path else None

    return Access(
        server=configuration.host,
        authority=read(configuration.ssl_ca_cert),
        verify=configuration.verify_ssl,
        server_name=getattr(configuration, "tls_server_name", None),
        certificate=read(configuration.cert_file),
        key=read(configuration.key_file),
        # Its name has changed between versions of the package.
        token=configuration.get_api_key_with_prefix("BearerToken", "authorization") or None,
    )
