# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Who is let in. That the apiserver understands the reviews is tested against a real one."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from fake_clock import FakeClock, settle
from kubelet_objects import FakeReviews

from kwok_controller.kube.errors import Unreachable
from kwok_controller.kubelet import remembered
from kwok_controller.kubelet.authentication import REFUSED_S, REVIEWED_S, Authenticator, User, user_of
from kwok_controller.kubelet.authorization import ALLOWED_S, DENIED_S, Authorizer, Guard, Refusal, subresources_of
from kwok_controller.kubelet.remembered import Answer, Remembered
from kwok_controller.server.asgi import TLS_EXTENSION

UNAUTHORIZED = Refusal(401, "Unauthorized")
PROMETHEUS = {"username": "system:serviceaccount:m:prometheus", "uid": "u1", "groups": ["system:serviceaccounts"], "extra": {"k": ["v"]}}
METRICS = "/metrics/nodes/n1/metrics/resource"


class Connection:
    """A TLS connection with what its client has shown."""

    def __init__(self, certificate: Any) -> None:
        self.certificate = certificate
        self.looked = 0

    def getpeercert(self) -> Any:
        self.looked += 1
        return self.certificate


class World:
    """A guard, its apiserver and its clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.reviews = FakeReviews()
        self.reviews.users = {"good": PROMETHEUS, "other": {"username": "somebody"}}
        self.guard = Guard(Authenticator(self.reviews.client, self.clock), Authorizer(self.reviews.client, self.clock))

    async def ask(
        self, token: str = "", path: str = METRICS, node: str = "n1", method: str = "GET", connection: Connection | None = None
    ) -> Refusal | None:
        extensions = {TLS_EXTENSION: {"ssl_object": connection}} if connection is not None else {}
        header = f"Bearer {token}" if token else ""
        return await self.guard.refusal({"method": method, "extensions": extensions}, header, path, node)

    def kinds_asked(self) -> list[str]:
        return [kind for kind, _ in self.reviews.asked]


def test_who_may_is_let_in_and_asked_about_once() -> None:
    async def main() -> None:
        world = World()
        world.reviews.rules.add((PROMETHEUS["username"], "metrics", ""))  # type: ignore[arg-type]
        for number in range(50):
            assert await world.ask("good", node=f"n{number}") is None
        assert await world.ask("good", method="HEAD") is None
        assert world.kinds_asked() == ["TokenReview", "SubjectAccessReview"]
        assert world.reviews.names_asked() == [("get", "metrics", "")]
        spec = world.reviews.asked[1][1]
        assert spec["groups"] == ["system:serviceaccounts", "system:authenticated"]
        assert (spec["uid"], spec["extra"]) == ("u1", {"k": ["v"]})

    asyncio.run(main())


def test_who_may_ask_some_nodes_only_is_not_let_in_at_others() -> None:
    async def main() -> None:
        world = World()
        world.reviews.rules.add(("somebody", "metrics", "n1"))
        assert await world.ask("other", node="n1") is None
        refusal = await world.ask("other", node="n2")
        assert refusal == Refusal(403, "Forbidden (user=somebody, verb=get, resource=nodes, subresource(s)=[metrics], node=n2)")
        assert await world.ask("other", node="") == Refusal(
            403, "Forbidden (user=somebody, verb=get, resource=nodes, subresource(s)=[metrics])"
        )

    asyncio.run(main())


@pytest.mark.parametrize("header", ["", "Bearer ", "Basic Z29vZA==", "bearer", "Bearer bad"])
def test_nobody_is_anonymous(header: str) -> None:
    async def main() -> None:
        world = World()
        assert await world.guard.refusal({"method": "GET"}, header, METRICS, "n1") == UNAUTHORIZED
        assert "SubjectAccessReview" not in world.kinds_asked()

    asyncio.run(main())


def test_answers_count_as_long_as_a_kubelet_has_them_count() -> None:
    async def main() -> None:
        world = World()
        assert (await world.ask("good") or UNAUTHORIZED).status == 403
        world.reviews.rules.add((PROMETHEUS["username"], "metrics", ""))  # type: ignore[arg-type]
        await world.clock.advance(DENIED_S - 1)
        assert (await world.ask("good") or UNAUTHORIZED).status == 403
        await world.clock.advance(2)
        assert await world.ask("good") is None
        await world.clock.advance(REVIEWED_S)
        del world.reviews.users["good"]
        assert await world.ask("good") == UNAUTHORIZED
        world.reviews.users["good"] = PROMETHEUS
        world.reviews.rules.clear()
        await world.clock.advance(REFUSED_S + 1)
        assert await world.ask("good") is None
        await world.clock.advance(ALLOWED_S)
        assert (await world.ask("good") or UNAUTHORIZED).status == 403

    asyncio.run(main())


def test_who_shows_a_certificate_needs_no_token() -> None:
    async def main() -> None:
        world = World()
        world.reviews.rules.add(("admin", "proxy", ""))
        connection = Connection({"subject": ((("organizationName", "system:masters"),), (("commonName", "admin"),))})
        for _ in range(3):
            assert await world.ask(connection=connection, path="/pods") is None
        assert connection.looked == 1
        assert world.reviews.names_asked() == [("get", "pods", ""), ("get", "proxy", "")]
        assert world.reviews.asked[0][1]["groups"] == ["system:masters", "system:authenticated"]
        assert await world.ask(connection=Connection(None)) == UNAUTHORIZED
        assert (await world.ask("other", connection=Connection({})) or UNAUTHORIZED).status == 403

    asyncio.run(main())


def test_certificates_mean_users() -> None:
    names = (("organizationName", "a"),), (("organizationName", "b"), ("commonName", "u"))
    assert user_of({"subject": names}) == User("u", ("a", "b", "system:authenticated"))
    assert user_of({"subject": ((("organizationName", "a"),),)}) is None
    assert user_of(None) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/metrics", ("metrics",)),
        ("/metrics/cadvisor", ("metrics",)),
        (METRICS, ("metrics",)),
        ("/metricsx", ("proxy",)),
        ("/stats/summary", ("stats",)),
        ("/pods", ("pods", "proxy")),
        ("/configz", ("configz", "proxy")),
        ("/healthz/ping", ("healthz", "proxy")),
        ("/run/a/b", ("proxy",)),
    ],
)
def test_paths_mean_subresources(path: str, expected: tuple[str, ...]) -> None:
    assert subresources_of(path) == expected


def test_an_apiserver_that_does_not_answer_is_nobodys_fault_and_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        world = World()
        world.reviews.failure = Unreachable("away")
        with caplog.at_level(logging.DEBUG):
            refusal = await world.ask("very-secret-token")
        assert refusal is not None
        assert refusal.status == 503
        assert "does not say" in caplog.text
        assert "very-secret" not in caplog.text
        world.reviews.failure = None
        assert await world.ask("very-secret-token") == UNAUTHORIZED
        assert world.kinds_asked() == ["TokenReview", "TokenReview"]

    asyncio.run(main())


def test_those_who_ask_at_once_wait_for_one_answer() -> None:
    async def main() -> None:
        world = World()
        world.reviews.wait = asyncio.Event()
        asking = [asyncio.create_task(world.ask("other")) for _ in range(20)]
        await settle()
        # Who gives up does not spoil it for the others.
        asking.pop(0).cancel()
        await settle()
        assert world.kinds_asked() == ["TokenReview"]
        world.reviews.wait.set()
        answers = await asyncio.gather(*asking)
        assert {answer and answer.status for answer in answers} == {403}
        assert world.kinds_asked().count("TokenReview") == 1

    asyncio.run(main())


def test_few_questions_are_asked_at_a_time_and_few_answers_remembered() -> None:
    async def main() -> None:
        asked = 0
        most = 0

        async def ask() -> Answer[int]:
            nonlocal asked, most
            asked += 1
            most = max(most, asked)
            await asyncio.sleep(0)
            asked -= 1
            return Answer(1, 100.0)

        memory: Remembered[int, int] = Remembered(FakeClock().monotonic, limit=10)
        assert await asyncio.gather(*(memory.get(number, ask) for number in range(100))) == [1] * 100
        assert most == remembered.IN_FLIGHT
        assert len(memory) == 10

    asyncio.run(main())


def test_what_was_not_asked_for_the_longest_time_is_forgotten_first() -> None:
    async def main() -> None:
        asked: list[int] = []
        memory: Remembered[int, int] = Remembered(FakeClock().monotonic, limit=3)

        async def get(number: int) -> None:
            async def ask() -> Answer[int]:
                asked.append(number)
                return Answer(number, 100.0)

            assert await memory.get(number, ask) == number

        for number in (0, 1, 2, 0, 3, 0, 4, 0, 3):
            await get(number)
        assert asked == [0, 1, 2, 3, 4]
        assert len(memory) == 3

    asyncio.run(main())


def test_who_may_see_single_nodes_is_asked_about_once_for_each() -> None:
    nodes = 5_000

    async def main() -> None:
        reviews = FakeReviews()
        reviews.rules = {("scraper", "metrics", f"node-{number}") for number in range(nodes)}
        authorizer = Authorizer(reviews.client, FakeClock())
        for _ in range(2):
            for number in range(nodes):
                assert await authorizer.allowed(User("scraper"), "get", ("metrics",), f"node-{number}")
        # One of them is whether they may see all.
        assert len(reviews.asked) == nodes + 1

    asyncio.run(main())
