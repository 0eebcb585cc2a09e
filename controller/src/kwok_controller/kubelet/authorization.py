# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Whether somebody may ask a node for something, as a kubelet finds out: the apiserver is asked about a subresource of the node."""

from __future__ import annotations

from typing import Final, NamedTuple

import orjson

from kwok_controller.kube.client import Client
from kwok_controller.kube.errors import KubeError
from kwok_controller.kubelet.authentication import Authenticator, User
from kwok_controller.kubelet.remembered import Answer, Remembered
from kwok_controller.server.asgi import Scope
from kwok_controller.simulation.clock import Clock
from kwok_controller.telemetry.logs import get_logger

_log = get_logger(__name__)

ALLOWED_S: Final = 300.0
"""`authorization.webhook.cacheAuthorizedTTL` of a kubelet's configuration."""

DENIED_S: Final = 30.0
"""`authorization.webhook.cacheUnauthorizedTTL`."""

ANSWERS: Final = 20_000
"""Answers that are remembered: who may see some nodes only is asked about for each. Four times the nodes that a controller has been
measured with, at 270 bytes each, or 550 where each connection has a certificate: 5 to 10 MiB."""

_PATH: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_VERBS: Final = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

# Kubernetes v1.36.3, pkg/kubelet/server/auth.go, with the feature KubeletFineGrainedAuthz.
_SUBRESOURCES: Final = (
    ("/metrics", ("metrics",)),
    ("/stats", ("stats",)),
    ("/pods", ("pods", "proxy")),
    ("/configz", ("configz", "proxy")),
    ("/healthz", ("healthz", "proxy")),
)


class Refusal(NamedTuple):
    """Why a request is not answered: the status, and words."""

    status: int
    text: str


def subresources_of(path: str) -> tuple[str, ...]:
    """The subresources of a node of which one has to be allowed."""
    for root, subresources in _SUBRESOURCES:
        if path == root or path.startswith(f"{root}/"):
            return subresources
    return ("proxy",)


class Authorizer:
    """Asks who may do what.

    Whether somebody may do it with all nodes is asked first (a name of "" means all, as SubjectAccessReview has it): so it is one question
    for each who scrapes thousands of nodes.

    Args:
        client: to the apiserver; it needs `create` on subjectaccessreviews.
        clock: the time.
    """

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._answers: Remembered[tuple[User, str, str, str], bool] = Remembered(clock.monotonic, limit=ANSWERS)

    async def allowed(self, user: User, verb: str, subresources: tuple[str, ...], node: str) -> bool:
        """Whether a user may do something with one of these subresources of a node; of every node where the name is empty.

        Raises:
            ApiError: the apiserver does not say.
        """
        for subresource in subresources:
            if await self._asked(user, verb, subresource, ""):
                return True
        if node:
            for subresource in subresources:
                if await self._asked(user, verb, subresource, node):
                    return True
        return False

    async def _asked(self, user: User, verb: str, subresource: str, node: str) -> bool:
        return await self._answers.get((user, verb, subresource, node), lambda: self._review(user, verb, subresource, node))

    async def _review(self, user: User, verb: str, subresource: str, node: str) -> Answer[bool]:
        attributes = {"verb": verb, "group": "", "version": "v1", "resource": "nodes", "subresource": subresource, "name": node}
        spec = {
            "user": user.name,
            "uid": user.uid,
            "groups": user.groups,
            "extra": dict(user.extra),
            "resourceAttributes": attributes,
        }
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        answer = await self._client.request("POST", _PATH, body=orjson.dumps(body), verb="create", resource="subjectaccessreviews")
        status = orjson.loads(answer).get("status") or {}
        allowed = bool(status.get("allowed")) and not status.get("denied")
        return Answer(allowed, ALLOWED_S if allowed else DENIED_S)


class Guard:
    """Lets pass who may."""

    def __init__(self, authenticator: Authenticator, authorizer: Authorizer) -> None:
        self._authenticator = authenticator
        self._authorizer = authorizer

    async def refusal(self, scope: Scope, authorization: str, path: str, node: str) -> Refusal | None:
        """Why a request is refused; None: it is not.

        Args:
            scope: of the request.
            authorization: its header.
            path: as a kubelet of its own would have it.
            node: by name; empty for all.
        """
        try:
            user = await self._authenticator.user(scope, authorization)
            if user is None:
                return Refusal(401, "Unauthorized")
            subresources, verb = subresources_of(path), _VERBS.get(scope["method"], "")
            if await self._authorizer.allowed(user, verb, subresources, node):
                return None
        except KubeError as error:
            _log.warning("the apiserver does not say who may ask a kubelet", path=path, node=node, error=str(error))
            return Refusal(503, "The apiserver could not be asked who you are and what you may do; try again.")
        resource = f"nodes, subresource(s)=[{' '.join(subresources)}]" + (f", node={node}" if node else "")
        return Refusal(403, f"Forbidden (user={user.name}, verb={verb}, resource={resource})")
