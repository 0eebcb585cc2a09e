# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is sent when a stage is played, and what becomes of it when sending fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from engine import Engine, event, stage, status
from fake_clock import settle

from kwok_controller.api import decode_stage
from kwok_controller.kube.errors import ApiError, Forbidden, Invalid, ServiceUnavailable, Timeout, Unreachable
from kwok_controller.lifecycle import CompiledStage, Effect
from kwok_controller.simulation.player import effect_fields
from kwok_controller.telemetry.tracing import Course, Play

Object = dict[str, Any]

READY = stage("ready", status("phase: Ready"), when={".status.phase": None})


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


def once(error: ApiError, verb: str = "update") -> Callable[[str, str], ApiError | None]:
    """A failure of the first request of that verb."""
    left = [error]
    return lambda asked, target: left.pop() if asked == verb and left else None


def test_a_status_is_updated_and_what_else_is_in_the_metadata_kept() -> None:
    async def scenario() -> None:
        engine = Engine([READY])
        async with engine.running():
            engine.widget(metadata={"labels": {"a": "b"}, "finalizers": ["x.io/y"]}, spec={"size": 1})
            await settle()
        assert engine.api.requests == [("update", "w/status")]
        widget = engine.get()
        assert widget["status"] == {"phase": "Ready"}
        assert widget["spec"] == {"size": 1}
        assert widget["metadata"]["labels"] == {"a": "b"}
        assert widget["metadata"]["finalizers"] == ["x.io/y"]
        assert not engine.reports

    run(scenario)


def test_what_changes_nothing_is_not_sent() -> None:
    async def scenario() -> None:
        engine = Engine([stage("same", status("phase: Ready"), event("Same"))])
        async with engine.running():
            engine.widget(status={"phase": "Ready"})
            await settle()
        assert engine.api.requests == []
        assert engine.events.sent == [("w", "Same")]

    run(scenario)


def test_json_patches_and_those_of_the_object_itself_are_sent_as_patches() -> None:
    async def scenario() -> None:
        label = {"patch": {"root": "metadata", "template": "labels: {seen: 'yes'}"}}
        operations = {"patch": {"subresource": "status", "type": "json", "template": "- {op: add, path: /status, value: {phase: X}}"}}
        engine = Engine([stage("all", label, operations, when={".status.phase": None})])
        async with engine.running():
            engine.widget()
            await settle()
        assert engine.api.requests == [("patch", "w"), ("patch", "w/status")]
        assert engine.get()["status"] == {"phase": "X"}
        assert engine.get()["metadata"]["labels"] == {"seen": "yes"}

    run(scenario)


def test_later_steps_go_on_from_the_answer_to_earlier_ones() -> None:
    async def scenario() -> None:
        finalizer = {"finalizers": {"add": [{"value": "x.io/y"}]}}
        engine = Engine([stage("two", finalizer, status("phase: Ready"), when={".status.phase": None})])
        async with engine.running():
            engine.widget()
            await settle()
        assert engine.api.requests == [("patch", "w"), ("update", "w/status")]
        assert engine.get()["metadata"]["finalizers"] == ["x.io/y"]
        assert engine.get()["status"] == {"phase": "Ready"}

    run(scenario)


def test_who_is_impersonated_sends_a_patch() -> None:
    async def scenario() -> None:
        engine = Engine([stage("as", status("phase: Ready", impersonation={"username": "jane"}), when={".status.phase": None})])
        async with engine.running():
            engine.widget()
            await settle()
        assert engine.api.requests == [("patch", "w/status as jane")]

    run(scenario)


def test_the_object_is_deleted_and_only_events_follow() -> None:
    async def scenario() -> None:
        engine = Engine([stage("end", {"delete": True}, event("Gone"), status("phase: Late"))])
        async with engine.running():
            engine.widget()
            await settle()
        assert engine.api.requests == [("delete", "w")]
        assert engine.events.sent == [("w", "Gone")]
        assert not engine.api.objects
        assert not engine.controller.objects
        assert not engine.reports

    run(scenario)


def test_another_object_of_the_same_name_is_not_deleted() -> None:
    async def scenario() -> None:
        engine = Engine([stage("end", {"delete": True}, when={".spec.size": "1"})])
        engine.widget(spec={"size": "1"})

        def replace(verb: str, target: str) -> None:
            engine.api.before = lambda verb, target: None
            engine.api.remove(engine.resource, "w")
            engine.widget(spec={"size": "2"})

        engine.api.before = replace
        async with engine.running():
            await settle()
            await engine.clock.advance(100)
        assert engine.get()["spec"] == {"size": "2"}

    run(scenario)


def test_other_objects_are_applied_in_the_namespace_of_the_object() -> None:
    async def scenario() -> None:
        template = "{apiVersion: example.com/v1, kind: Widget, metadata: {name: '{{ .metadata.name }}-child'}, status: {phase: Ready}}"
        merge = "{apiVersion: example.com/v1, kind: Gadget, metadata: {name: g}, spec: {x: 1}}"
        steps = [{"apply": {"template": template}}, {"apply": {"template": merge, "type": "merge"}}, status("phase: Ready")]
        engine = Engine([stage("apply", *steps, when={".status.phase": None})])
        async with engine.running():
            engine.widget()
            engine.widget("w2")
            await settle(60)
        assert sorted(engine.api.requests) == [
            ("apply", "w-child"),
            ("apply", "w2-child"),
            ("create", "g"),
            ("create", "g"),
            ("patch", "g"),
            ("update", "w/status"),
            ("update", "w2/status"),
        ]
        assert engine.get("w-child")["status"] == {"phase": "Ready"}
        assert engine.get("w")["status"] == {"phase": "Ready"}
        assert engine.api.objects["gadgets", "", "g"]["spec"] == {"x": 1}

    run(scenario)


@pytest.mark.parametrize("error", [ServiceUnavailable("starting", status=503), Unreachable("refused"), Timeout("slow")])
def test_what_may_pass_is_tried_again_later_and_goes_on_where_it_failed(error: ApiError) -> None:
    async def scenario() -> None:
        engine = Engine([stage("both", event("Once"), status("phase: Ready"), when={".status.phase": None})])
        engine.api.failure = lambda verb, target: error if engine.clock.monotonic() < 1006 else None
        async with engine.running():
            engine.widget()
            await settle()
            assert len(engine.api.requests) == 1
            for _ in range(10):
                await engine.clock.advance(1)
        # At 0, 1, 3 and 7 seconds.
        assert len(engine.api.requests) == 4
        assert engine.events.sent == [("w", "Once")]
        assert engine.get()["status"] == {"phase": "Ready"}
        assert not engine.reports

    run(scenario)


def test_a_server_that_says_when_is_not_asked_earlier() -> None:
    async def scenario() -> None:
        engine = Engine([READY])
        engine.api.failure = once(ServiceUnavailable("busy", status=503, retry_after=30.0))
        async with engine.running():
            engine.widget()
            await engine.clock.advance(29)
            assert len(engine.api.requests) == 1
            await engine.clock.advance(1)
            assert len(engine.api.requests) == 2

    run(scenario)


def test_an_update_whose_answer_was_lost_is_not_made_twice() -> None:
    async def scenario() -> None:
        engine = Engine([READY])
        engine.api.lost = once(Timeout("no answer"))
        async with engine.running():
            engine.widget()
            await settle()
            await engine.clock.advance(100)
        assert engine.api.requests == [("update", "w/status")]

    run(scenario)


def test_a_newer_version_that_somebody_else_made_is_decided_about_instead() -> None:
    async def scenario() -> None:
        engine = Engine([READY])
        engine.widget()

        def meddle(verb: str, target: str) -> None:
            engine.api.before = lambda verb, target: None
            engine.api.edit(engine.resource, "w", {"status": {"phase": "Other"}})

        engine.api.before = meddle
        async with engine.running():
            await settle()
            await engine.clock.advance(100)
        assert engine.api.requests == [("update", "w/status")]
        assert engine.get()["status"] == {"phase": "Other"}

    run(scenario)


def test_a_conflict_whose_cause_is_never_seen_ends_in_a_patch() -> None:
    async def scenario() -> None:
        engine = Engine([READY])
        engine.widget()
        engine.api.told = False
        engine.api.edit(engine.resource, "w", {"spec": {"size": 2}})
        async with engine.running():
            await engine.clock.advance(100)
        assert engine.api.requests == [("update", "w/status")] * 3 + [("patch", "w/status")]
        assert engine.get()["status"] == {"phase": "Ready"}
        assert engine.get()["spec"] == {"size": 2}

    run(scenario)


def test_after_its_event_a_stage_is_not_begun_anew_because_of_a_conflict() -> None:
    async def scenario() -> None:
        engine = Engine([stage("both", event("Once"), status("phase: Ready"), when={".status.phase": None})])
        engine.widget()

        def meddle(verb: str, target: str) -> None:
            engine.api.before = lambda verb, target: None
            engine.api.edit(engine.resource, "w", {"metadata": {"labels": {"a": "b"}}})

        engine.api.before = meddle
        async with engine.running():
            await settle()
        assert engine.events.sent == [("w", "Once")]
        assert engine.api.requests == [("update", "w/status"), ("patch", "w/status")]
        assert engine.get()["metadata"]["labels"] == {"a": "b"}

    run(scenario)


def test_what_the_apiserver_refuses_is_reported_and_not_sent_again() -> None:
    async def scenario() -> None:
        engine = Engine([READY])
        engine.api.failure = lambda verb, target: Invalid("status.phase: no", status=422, reason="Invalid")
        async with engine.running():
            engine.widget()
            await settle()
            await engine.clock.advance(10_000)
            assert len(engine.api.requests) == 1
            (reason, error), *_ = engine.reports
            assert (reason, error.stage, error.field) == ("Invalid", "ready", "spec.steps[0].patch")
            assert "status.phase: no" in error.message
            engine.api.edit(engine.resource, "w", {"spec": {"size": 2}})
            await settle()
            assert len(engine.api.requests) == 2

    run(scenario)


def test_what_may_be_granted_is_tried_again_slowly() -> None:
    async def scenario() -> None:
        engine = Engine([READY])
        engine.api.failure = lambda verb, target: Forbidden("widgets/status: cannot update", status=403, reason="Forbidden")
        async with engine.running():
            engine.widget()
            await engine.clock.advance(3600)
            assert 10 < len(engine.api.requests) < 20
            assert "RBAC" in engine.reports[0][1].message
            engine.api.failure = lambda verb, target: None
            await engine.clock.advance(400)
        assert engine.get()["status"] == {"phase": "Ready"}

    run(scenario)


def test_a_refusal_after_an_outage_is_not_waited_for_as_long_as_the_outage() -> None:
    async def scenario() -> None:
        engine = Engine([READY])
        failures: list[ApiError] = [Unreachable("refused")] * 5 + [Forbidden("RBAC: clusterrole not found", status=403, reason="Forbidden")]
        engine.api.failure = lambda verb, target: failures.pop(0) if failures else None
        async with engine.running():
            engine.widget()
            # 1, 2, 4, 8 and 16 s; and then 5.
            await engine.clock.advance(31.5)
            assert not failures
            assert "status" not in engine.get()
            await engine.clock.advance(5)
        assert engine.get()["status"] == {"phase": "Ready"}

    run(scenario)


def test_an_object_that_is_gone_is_no_error() -> None:
    async def scenario() -> None:
        engine = Engine([READY])
        engine.widget()
        engine.api.told = False
        engine.api.remove(engine.resource, "w")
        async with engine.running():
            await settle()
            await engine.clock.advance(1000)
        assert engine.api.requests == [("update", "w/status")]
        assert not engine.reports

    run(scenario)


def test_a_template_that_fails_says_where_and_stops_nobody_else() -> None:
    async def scenario() -> None:
        engine = Engine([stage("bad", event("First"), status("phase: {{ index .spec.list 5 }}"), when={".status.phase": None})])
        async with engine.running(workers=1):
            engine.widget("a", spec={"list": []})
            engine.widget("b", spec={"list": [0, 1, 2, 3, 4, 5]})
            await settle()
        assert engine.get("b")["status"] == {"phase": 5}
        ((reason, error),) = engine.reports
        assert (reason, error.field) == ("TemplateFailed", "spec.steps[1].patch.template")

    run(scenario)


def test_a_subresource_that_the_kind_does_not_have_is_reported() -> None:
    async def scenario() -> None:
        engine = Engine([stage("scale", {"patch": {"subresource": "scale", "template": "spec: {replicas: 1}"}})])
        async with engine.running():
            engine.widget()
            await settle()
        assert engine.api.requests == []
        assert "no subresource 'scale' (there is: status)" in engine.reports[0][1].message
        assert engine.controller.doubted.is_set()

    run(scenario)


def test_a_fault_with_one_object_stops_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        engine = Engine([READY])
        status_update = engine.controller.status_update
        monkeypatch.setattr(engine.controller, "status_update", lambda obj: status_update(obj) if obj["metadata"]["name"] != "a" else 1 / 0)
        async with engine.running(workers=1):
            engine.widget("a")
            engine.widget("b")
            await settle()
            assert engine.get("b")["status"] == {"phase": "Ready"}
            assert engine.reports[0][0] == "InternalError"

    run(scenario)


def test_what_was_sent_before_a_fault_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        engine = Engine([stage("both", event("Once"), status("phase: Ready"), when={".status.phase": None})])
        effects = CompiledStage.effects
        faults = [RuntimeError("fault")]

        def faulty(self: CompiledStage, *args: Any) -> Iterator[tuple[int, Effect]]:
            for step, effect in effects(self, *args):
                if step == 1 and faults:
                    raise faults.pop()
                yield step, effect

        monkeypatch.setattr(CompiledStage, "effects", faulty)
        async with engine.running():
            engine.widget()
            await engine.clock.advance(60)
        assert engine.events.sent == [("w", "Once")]
        assert engine.get()["status"] == {"phase": "Ready"}

    run(scenario)


def test_effects_are_counted_as_the_lifecycle_counts_them() -> None:
    patch = {"template": "{}"}
    template = "{apiVersion: v1, kind: Node}"
    steps = [
        {"event": {"reason": "A"}, "finalizers": {"empty": True}, "patch": patch, "apply": {"template": template}},
        {"event": {"reason": "B"}, "delete": True, "patch": patch},
        {"event": {"reason": "C"}, "patch": patch},
    ]
    engine = Engine([])
    decoded = decode_stage(engine._complete({"name": "s", "spec": {"steps": steps}}))
    assert effect_fields(decoded.spec.steps) == [
        "spec.steps[0].event",
        "spec.steps[0].finalizers",
        "spec.steps[0].patch",
        "spec.steps[0].apply",
        "spec.steps[1].event",
        "spec.steps[1].delete",
        "spec.steps[2].event",
    ]


class Plays:
    """Keeps what is to be traced."""

    on = True

    def __init__(self, *, kept: bool = True) -> None:
        self.kept = kept
        self.seen: list[Play] = []

    def play(self, play: Play) -> AbstractContextManager[str | None]:
        self.seen.append(play)
        return nullcontext(f"trace-{len(self.seen)}" if self.kept else None)

    def request(self, method: str, path: str) -> None:
        return None

    async def close(self) -> None:
        """Nothing is left."""


def test_what_led_to_a_play_is_told_with_its_first_attempt_alone() -> None:
    async def scenario() -> None:
        plays = Plays()
        engine = Engine(
            [stage("ready", status("phase: Ready"), when={".status.phase": None}, delay={"durationMilliseconds": 2000})], tracing=plays
        )
        engine.api.failure = once(ServiceUnavailable("away", status=503))
        begin = engine.clock.monotonic()
        async with engine.running():
            engine.widget()
            await engine.clock.advance(60)
            await settle()
        first, again = plays.seen
        assert (first.kind, first.namespace, first.name, first.stage) == ("Widget", "default", "w", "ready")
        assert first.course == Course(begin, begin, begin)
        assert first.due == begin + 2
        assert first.now >= first.due
        assert again.course is None
        assert again.stage == "ready"

    run(scenario)


def test_where_nobody_traces_nothing_is_noted() -> None:
    async def scenario() -> None:
        engine = Engine([stage("later", status("phase: Ready"), when={".status.phase": None}, delay={"durationMilliseconds": 2000})])
        engine.widget()
        job = engine.controller.objects["default", "w"].job
        assert job is not None
        assert job.course is None

    run(scenario)


@pytest.mark.parametrize("kept", [True, False])
def test_a_play_whose_trace_is_kept_leaves_an_exemplar(kept: bool) -> None:
    async def scenario() -> None:
        engine = Engine([stage("ready", status("phase: Ready"), when={".status.phase": None})], tracing=Plays(kept=kept))
        async with engine.running():
            engine.widget()
            await settle()
        families = {family.name: family for family in engine.metrics.registry.collect()}
        samples = families["kwok_controller_stage_latency_seconds"].samples
        assert [sample.value for sample in samples if sample.name.endswith("_count")] == [1]
        exemplars = [sample.exemplar.labels for sample in samples if sample.exemplar]
        assert exemplars == ([{"trace_id": "trace-1"}] if kept else [])

    run(scenario)
