# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Acting as a ServiceAccount, with tokens that are asked for as somebody else.

An apiserver verifies a client certificate anew with every request; a token it remembers.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import orjson

from kwok_controller.kube.client import Client
from kwok_controller.kube.connection import ConnectionConfig
from kwok_controller.kube.credentials import Credentials
from kwok_controller.kube.errors import ApiError, ConnectionConfigError, Forbidden, NotFound
from kwok_controller.kube.resources import Resource

SERVICE_ACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount", True, frozenset({"token"}))

LIFETIME_S: Final = 3600
"""Of a token, as it is asked for: what pods get. The apiserver may give it more or less."""

RENEW_FRACTION: Final = 0.8
"""Of its lifetime: when a token is replaced, as the kubelet does (kubernetes v1.36, pkg/kubelet/token)."""

RETRY_S: Final = 10.0
"""Until another token is asked for again, while the one at hand is still good."""

_NAME = re.compile(r"([a-z0-9]([-a-z0-9]*[a-z0-9])?)/([a-z0-9]([-.a-z0-9]*[a-z0-9])?)")


def acting_as(config: ConnectionConfig, account: str, option: str) -> ConnectionConfig:
    """The same apiserver, spoken with as a ServiceAccount.

    Args:
        config: whose user may create tokens of the account.
        account: ``NAMESPACE/NAME``.
        option: what it was given with, for errors.

    Raises:
        ConnectionConfigError: ``account`` is none.
    """
    match = _NAME.fullmatch(account)
    if not match:
        raise ConnectionConfigError(option, "", f"{account!r} is no ServiceAccount", "Give NAMESPACE/NAME")
    return replace(config, credentials=ServiceAccountToken(config, match[1], match[3], option), issuer=config)


class ServiceAccountToken(Credentials):
    """Tokens of a ServiceAccount, each good for a while."""

    def __init__(self, issuer: ConnectionConfig, namespace: str, name: str, option: str) -> None:
        super().__init__()
        self._issuer = issuer
        self._namespace = namespace
        self._name = name
        self._option = option
        self._expires = -math.inf
        self.description = f"a token of the ServiceAccount {namespace}/{name}"

    async def refresh(self) -> None:
        """Ask for another token.

        Raises:
            ConnectionConfigError: there is no such account, or its tokens are not to be had.
            ApiError: the apiserver cannot be reached, or has other troubles, and the last token has expired.
        """
        try:
            async with Client(self._issuer, connections=1) as client:
                answer = await client.create(SERVICE_ACCOUNTS, self._namespace, self._request(), name=self._name, subresource="token")
        except ApiError as error:
            if time.monotonic() < self._expires:
                self.renew_at = time.monotonic() + RETRY_S
                return
            raise self._explained(error) from error
        self._take(orjson.loads(answer)["status"])

    def _take(self, status: dict[str, Any]) -> None:
        lifetime = datetime.fromisoformat(status["expirationTimestamp"]).timestamp() - time.time()
        now = time.monotonic()
        self.authorization = f"Bearer {status['token']}"
        self._expires = now + lifetime
        self.renew_at = now + max(lifetime * RENEW_FRACTION, RETRY_S)

    @staticmethod
    def _request() -> dict[str, Any]:
        return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": LIFETIME_S}}

    def _explained(self, error: ApiError) -> ApiError | ConnectionConfigError:
        account = f"{self._namespace}/{self._name}"
        if isinstance(error, NotFound):
            return ConnectionConfigError(self._option, "", f"there is no ServiceAccount {account}", "Create it, or name another one")
        if isinstance(error, Forbidden):
            remedy = "Grant create on serviceaccounts/token to the kubeconfig's user, or leave the option out"
            return ConnectionConfigError(self._option, "", f"no token of {account} is to be had: {error}", remedy)
        return error
