# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Usage at a moment: sums, what counts as nothing, and that one that is wrong spoils itself only."""

from __future__ import annotations

import math
from typing import Any

import pytest

from kwok_controller.expressions.cel import compile_cel_over
from kwok_controller.usage.cumulative import Cumulative
from kwok_controller.usage.functions import metric_functions
from kwok_controller.usage.pods import Run, is_running, run_of
from kwok_controller.usage.rates import VARIABLES
from kwok_controller.usage.traces import Trace

from .conftest import SECOND, START, MakePod, MakeUsage, Small, text_of


def fixed(cpu: Any = "250m", memory: Any = "64Mi", containers: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"containers": list(containers), "usage": {"cpu": {"value": cpu}, "memory": {"value": memory}}}


def expressed(cpu: str, *containers: str, **others: str) -> dict[str, Any]:
    usage = {resource: {"expression": expression} for resource, expression in {"cpu": cpu, **others}.items()}
    return {"containers": list(containers), "usage": usage}


def test_fixed_usage_is_summed_up(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    world.selection.put(usage("all", fixed(), fixed("1", 1024, containers=("big",))))
    world.present = [pod("a", containers=("main", "big")), pod("b")]
    evaluator = world.evaluator()

    assert evaluator.container("cpu", world.present[0], "big", START) == 1.0
    assert evaluator.container("memory", world.present[0], "main", START) == 64 * 2**20
    assert evaluator.pod("cpu", world.present[0], START) == 1.25
    assert evaluator.node("cpu", "n", START) == 1.5
    assert evaluator.node("memory", "n", START) == 2 * 64 * 2**20 + 1024
    assert world.problems == []


def test_what_is_not_there_uses_nothing(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    evaluator = world.evaluator()
    assert evaluator.pod("cpu", pod(), START) == 0.0
    world.selection.put(usage("all", fixed(), {"containers": ["empty"], "usage": {"cpu": {}}}))
    lost = pod("lost")
    lost["spec"]["nodeName"] = "other"

    assert evaluator.pod("cpu", pod(), START) == 0.25
    assert evaluator.container("cpu", pod(), "missing", START) == 0.0
    assert evaluator.container("cpu", pod(containers=("empty",)), "empty", START) == 0.0
    assert evaluator.pod("gpu", pod(), START) == 0.0
    assert (evaluator.pod("cpu", lost, START), evaluator.container("cpu", lost, "main", START), evaluator.node("cpu", "other", START)) == (
        0.0,
        0.0,
        0.0,
    )
    assert world.problems == []


def test_what_does_not_run_uses_nothing(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    world.selection.put(usage("all", fixed("1"), expressed("1", "side")))
    evaluator = world.evaluator()
    half = pod(containers=("main", "side"))
    half["status"]["containerStatuses"][0]["state"] = {"terminated": {"finishedAt": text_of(START)}}
    done = pod("done")
    done["status"]["phase"] = "Succeeded"
    bare = pod("bare")
    del bare["status"]
    pending = pod("pending")
    pending["status"] = {"phase": "Pending"}
    again = pod("again")
    again["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}

    assert [evaluator.pod("cpu", each, START) for each in (half, done, bare, pending, again)] == [1.0, 0.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("0.5", 0.5),
        ("2", 2.0),
        ("true", 1.0),
        ('Quantity("300m")', 0.3),
        ("-5", 0.0),
        ("container.resources.limits['cpu'] * 0.5", 1.0),
        ("node.status.capacity['cpu']", 4.0),
        ("pod.SinceSecond()", 60.0),
        ("double(now().getMinutes())", 14.0),
        ('Ramp("0", "1", pod.metadata.creationTimestamp, "2m")', 0.5),
        ("string(1) == '1' ? 3 : 4", 3.0),
    ],
)
def test_expressions(world: Small, usage: MakeUsage, pod: MakePod, expression: str, value: float) -> None:
    world.selection.put(usage("all", expressed(expression)))
    one = pod()
    one["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "2"}}

    assert world.evaluator().pod("cpu", one, START + 60 * SECOND) == pytest.approx(value)
    assert world.problems == []


def test_a_usage_can_need_another(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    world.selection.put(
        usage(
            "all",
            expressed(
                'Ramp(0, 10, pod.metadata.creationTimestamp, "10s")', memory='pod.Usage("cpu", "main") * 1e6', net='node.Usage("cpu")'
            ),
        )
    )
    world.present = [pod("a"), pod("b", containers=("main", "side"))]
    evaluator = world.evaluator()

    assert evaluator.pod("memory", world.present[0], START + 5 * SECOND) == pytest.approx(5e6)
    assert evaluator.pod("net", world.present[0], START + 5 * SECOND) == pytest.approx(15)
    assert world.problems == []


def test_usages_that_need_each_other_are_told_so(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    world.selection.put(usage("all", expressed('pod.Usage("memory")', memory='pod.Usage("cpu")')))

    assert world.evaluator().pod("cpu", pod(), START) == 0.0
    [problem] = world.problems
    assert problem.path == "$.spec.usages[0].usage.cpu.expression"
    assert problem.message.endswith("in a circle: default/p/main/cpu needs default/p/main/memory needs default/p/main/cpu")


def test_usages_that_need_others_too_deeply_are_told_so(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    chain = {f"r{index}": f'pod.Usage("r{index + 1}")' for index in range(6)}
    world.selection.put(usage("all", expressed("1", **chain, r6="1")))
    evaluator = world.evaluator()

    assert evaluator.pod("r3", pod(), START) == 1.0
    assert world.problems == []
    assert evaluator.pod("r0", pod(), START) == 0.0
    assert "too deeply" in world.problems[0].message


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("pod.metadata.labels['missing'] == '' ? 1 : 2", "no such key: missing"),
        ("pod.metadata.name", "a value of type string, not a number or a quantity"),
        ("double(pod.metadata.generation) / 0.0", "a usage of nan is no number"),
        ("double(size(pod.metadata.name)) / 0.0", "a usage of inf is too large"),
        ("1e300 * double(size(pod.metadata.name))", "a usage of 1e+300 is too large"),
        ("Trace('x')", "there is no trace 'x'"),
        ("pod.spec.containers.all(a, true) ? 1 / 0 : 2", "division by zero"),
    ],
)
def test_one_that_fails_counts_nothing_and_is_reported_each_time(
    world: Small, usage: MakeUsage, pod: MakePod, expression: str, message: str
) -> None:
    world.selection.put(usage("all", {"containers": ["x"]}, expressed(expression, "main"), fixed("1")))
    evaluator = world.evaluator()
    both = pod(containers=("main", "side"))

    assert evaluator.pod("cpu", both, START) == 1.0
    assert evaluator.pod("cpu", both, START) == 1.0
    first, second = world.problems
    assert first == second
    assert (first.subject, first.path) == ('ClusterResourceUsage "all"', "$.spec.usages[1].usage.cpu.expression")
    assert message in first.message


def test_one_that_cannot_be_compiled_is_reported_once_until_it_changes(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    wrong = {"containers": [], "usage": {"nvidia.com/gpu": {"expression": "nothing"}, "cpu": {"value": "1"}}}
    world.selection.put(usage("p", wrong, namespace="default"))
    evaluator = world.evaluator()

    assert [evaluator.pod("nvidia.com/gpu", pod(), START) for _ in range(3)] == [0.0] * 3
    assert evaluator.pod("cpu", pod(), START) == 1.0
    [problem] = world.problems
    assert (problem.subject, problem.path) == ('ResourceUsage "default/p"', "$.spec.usages[0].usage['nvidia.com/gpu'].expression")
    assert "'nothing' is not declared: there are node, pod, container" in problem.message
    world.selection.put(usage("p", wrong, namespace="default"))
    evaluator.pod("nvidia.com/gpu", pod(), START)
    assert len(world.problems) == 2


@pytest.mark.parametrize(("expression", "value"), [('Constant("250m")', 0.25), ("-1", 0.0), ("1 / 0", 0.0), ("'a'", 0.0), ("1e30", 0.0)])
def test_one_that_is_the_same_for_everybody_is_evaluated_once(
    world: Small, usage: MakeUsage, pod: MakePod, expression: str, value: float
) -> None:
    world.selection.put(usage("all", expressed(expression)))
    evaluator = world.evaluator()

    assert [evaluator.pod("cpu", pod(name), START) for name in "abc"] == [value] * 3
    assert evaluator.rate("cpu", pod(), "main")[1].program is None
    assert [problem.path for problem in world.problems] == ["$.spec.usages[0].usage.cpu.expression"] * (value == 0.0 and expression != "-1")


def test_noise_and_chance_follow_the_seed_and_differ_by_container(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    world.selection.put(usage("all", expressed("Noise(10, 1)", memory="Rand() + 10.0 * Rand()")))
    pods = [pod(name, containers=("main", "side")) for name in ("a", "b")]

    def drawn(seed: int, resource: str) -> list[float]:
        evaluator = world.evaluator(seed=seed)
        return [evaluator.container(resource, each, name, START) for each in pods for name in ("main", "side")]

    for resource in ("cpu", "memory"):
        assert drawn(1, resource) == drawn(1, resource)
        assert len({*drawn(1, resource), *drawn(2, resource)}) == 8


def test_functions_of_metrics(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    world.selection.put(usage("all", fixed("500m")))
    world.present = [pod("a", containers=("main", "side"))]
    evaluator = world.evaluator()
    now = [START + 10 * SECOND]
    functions = metric_functions(evaluator, Cumulative(evaluator), world, lambda: now[0])

    def value(source: str) -> Any:
        program = compile_cel_over(source, VARIABLES, functions, now=lambda: now[0], random=lambda: 0.5)
        return program(world.nodes["n"], world.present[0], world.present[0]["spec"]["containers"][0])

    assert value('pod.Usage("cpu")') == 1.0
    assert value('Usage(pod, "cpu", container.name)') == 0.5
    assert value('node.Usage("cpu")') == 1.0
    assert value('pod.CumulativeUsage("cpu", container.name)') == 5.0
    now[0] += 10 * SECOND
    assert value('CumulativeUsage(pod, "cpu")') == 20.0
    assert value('node.CumulativeUsage("cpu")') == 20.0
    assert value("StartedPodsTotal(node)") == 5.0
    ended = pod("b", containers=("main",))
    ended["status"]["containerStatuses"][0]["state"] = {"terminated": {"exitCode": 1}}
    over = pod("c")
    over["status"]["phase"] = "Succeeded"
    world.present += [ended, over]
    assert value("node.RunningPods()") == 2.0
    assert value("node.RunningContainers()") == 2.0
    for call in ("node.StartedContainersTotal()", "StartedContainersTotal(node.metadata.name)", "startedContainersTotal(node)"):
        assert value(call) == 7.0
    assert math.isclose(value("pod.SinceSecond()"), 20.0)


A, B = text_of(START), text_of(START + SECOND)


@pytest.mark.parametrize(
    ("status", "run", "running"),
    [
        (None, Run(None, None, 0), True),
        ({"phase": "Pending"}, Run(None, None, 0), False),
        ({"phase": "Running", "startTime": A}, Run(START, None, 0), True),
        ({"phase": "Failed", "startTime": A}, Run(None, None, 0), False),
        (
            {"containerStatuses": [{"name": "main", "state": {"running": {"startedAt": B}}, "restartCount": 2}]},
            Run(START + SECOND, None, 2),
            True,
        ),
        ({"containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "x"}}, "restartCount": 2}]}, Run(None, None, 2), False),
        (
            {"containerStatuses": [{"name": "main", "state": {"terminated": {"startedAt": A, "finishedAt": B}}}]},
            Run(START, START + SECOND, 0),
            False,
        ),
        ({"containerStatuses": [{"name": "main", "state": {"terminated": {"startedAt": A}}}]}, Run(START, START, 0), False),
        ({"phase": "Running", "startTime": A, "containerStatuses": [{"name": "side"}]}, Run(START, None, 0), True),
        ({"phase": "Running", "startTime": "x", "containerStatuses": "x"}, Run(None, None, 0), True),
        ({"containerStatuses": [None, {"name": "main", "state": 3, "restartCount": "x"}]}, Run(None, None, 0), False),
    ],
)
def test_when_a_container_ran(status: Any, run: Run, running: bool) -> None:
    one = {"metadata": {"name": "p"}, "status": status}
    assert (run_of(one, "main"), is_running(one, "main")) == (run, running)


def test_what_looks_like_chance_has_one_basis_for_the_same_seed_and_traces(world: Small) -> None:
    def trace(*values: float, repeats: bool = False) -> Trace:
        return Trace(range(len(values)), values, absolute=False, repeats=repeats)

    given: list[dict[str, Any]] = [
        {},
        {"seed": 1},
        {"traces": {"a": trace(1, 2)}},
        {"traces": {"b": trace(1, 2)}},
        {"traces": {"a": trace(1, 3)}},
        {"traces": {"a": trace(1, 2, repeats=True)}},
    ]
    assert len({world.evaluator(**each).basis for each in given}) == len(given)
    assert world.evaluator(traces={"a": trace(1, 2)}).basis == world.evaluator(traces={"a": trace(1, 2)}).basis
