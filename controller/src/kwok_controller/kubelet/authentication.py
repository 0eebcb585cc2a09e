# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Who asks, as a kubelet finds out: by the client's certificate, or by a bearer token that the apiserver reviews. Nobody is anonymous."""

from __future__ import annotations

import os
import ssl
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

import orjson

from kwok_controller.kube.client import Client
from kwok_controller.kubelet.remembered import Answer, Remembered
from kwok_controller.server.asgi import TLS_EXTENSION, Scope
from kwok_controller.simulation.clock import Clock

REVIEWED_S: Final = 120.0
"""`authentication.webhook.cacheTTL` of a kubelet's configuration."""

REFUSED_S: Final = 10.0
"""As long a kubelet remembers tokens that are none (`FailureCacheTTL` of k8s.io/apiserver's token cache)."""

AUTHENTICATED: Final = "system:authenticated"

_PATH: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
_BEARER: Final = "bearer "


class User(NamedTuple):
    """Who asks, as the apiserver knows them."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Authenticator:
    """Finds out who asks.

    Args:
        client: to the apiserver; it needs `create` on tokenreviews.
        clock: the time.
    """

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        # A token is never kept, nor what somebody could try tokens on who reads the memory.
        self._salt = os.urandom(16)
        self._users: Remembered[bytes, User | None] = Remembered(clock.monotonic)
        self._peers: WeakKeyDictionary[ssl.SSLObject, User | None] = WeakKeyDictionary()

    async def user(self, scope: Scope, authorization: str) -> User | None:
        """Who sends a request with this header; None: nobody who is known.

        Raises:
            ApiError: the apiserver does not review a token.
        """
        tls = scope.get("extensions", {}).get(TLS_EXTENSION)
        if tls is not None:
            peer = self._peer(tls["ssl_object"])
            if peer is not None:
                return peer
        if authorization[: len(_BEARER)].lower() != _BEARER:
            return None
        token = authorization[len(_BEARER) :].strip()
        if not token:
            return None
        key = blake2b(token.encode("utf-8", "replace"), digest_size=16, key=self._salt).digest()
        return await self._users.get(key, lambda: self._review(token))

    def _peer(self, connection: ssl.SSLObject) -> User | None:
        try:
            return self._peers[connection]
        except KeyError:
            user = self._peers[connection] = user_of(connection.getpeercert())
            return user

    async def _review(self, token: str) -> Answer[User | None]:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        answer = await self._client.request("POST", _PATH, body=orjson.dumps(body), verb="create", resource="tokenreviews")
        status = orjson.loads(answer).get("status") or {}
        if not status.get("authenticated"):
            return Answer(None, REFUSED_S)
        return Answer(_reviewed(status.get("user") or {}), REVIEWED_S)


def user_of(certificate: Any) -> User | None:
    """The user of a client's certificate that was verified: the common name, and the organizations as groups; None without either."""
    if not certificate:
        return None
    pairs = [pair for rdn in certificate.get("subject", ()) for pair in rdn]
    names = [value for key, value in pairs if key == "commonName"]
    groups = [value for key, value in pairs if key == "organizationName"]
    return User(names[-1], _with_authenticated(groups)) if names else None


def _reviewed(user: dict[str, Any]) -> User:
    extra = user.get("extra") or {}
    return User(
        user.get("username") or "",
        _with_authenticated(user.get("groups") or []),
        user.get("uid") or "",
        tuple(sorted((key, tuple(values or ())) for key, values in extra.items())),
    )


def _with_authenticated(groups: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*groups, AUTHENTICATED]))
