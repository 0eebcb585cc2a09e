# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which answers to scrapes are right, and the verdicts on what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import yaml

from ansible_collections.kwok.sim.bench import scrape, scrape_churn
from ansible_collections.kwok.sim.bench.load import NAMESPACE, node, node_name
from ansible_collections.kwok.sim.bench.players import CONTROLLER, GO_KWOK
from ansible_collections.kwok.sim.bench.scrape_answers import ANNOTATED, CONSTANT, METRIC, RISING, Answer, Usage, different, wrong
from kwok_controller.api import decode
from kwok_controller.api.kinds import Shown
from kwok_controller.exposition import Format
from kwok_controller.kubelet.scrapes import Scrapes
from kwok_controller.simulation.clock import SystemClock

CREATED = {"pod-000000": 1_000.0, "pod-000001": 1_500.0}
MIB = 2**20
AT_S = 3_000.0


class Clock(SystemClock):
    """Stands at a time."""

    __slots__ = ("at_s",)

    def __init__(self) -> None:
        self.at_s = AT_S

    def now_ns(self) -> int:
        return int(self.at_s * 1e9)


class Counters:
    """What counts errors, of which there are to be none."""

    def evaluation_failed(self, kind: str, namespace: str, name: str, count: int) -> None:
        raise AssertionError(f"{kind} {namespace} {name}: {count} errors")

    def watch_restarted(self, resource: str, reason: str) -> None:
        raise AssertionError(f"{resource}: {reason}")


def text(at_s: float, usage: Usage = CONSTANT, memory: float = 128 * MIB, cpu: float = 0.1, more: str = "") -> str:
    """What a node with two pods shows if they use this at first."""
    lines = ["# HELP scrape_error Error.", "# TYPE scrape_error gauge", "scrape_error 0"]
    sums = [0.0, 0.0]

    def family(name: str, kind: str, values: Mapping[str, float]) -> None:
        lines.extend([f"# HELP {name} Text.", f"# TYPE {name} {kind}"])
        lines.extend(f"{name}{labels} {value!r}" for labels, value in values.items())

    started, cpus, memories = {}, {}, {}
    for name, since in CREATED.items():
        factor, age = usage.factor(at_s - since), at_s - since
        labels = f'namespace="bench",pod="{name}"'
        used = cpu * (age + age**2 / 7200 if usage.rises else age)
        started[f'{{container="main",{labels}}}'] = since
        cpus[labels], memories[labels] = used, memory * factor
        sums = [sums[0] + used, sums[1] + memory * factor]
    family("container_start_time_seconds", "gauge", started)
    for kind, before in (("container", '{container="main",'), ("pod", "{")):
        family(f"{kind}_cpu_usage_seconds_total", "counter", {f"{before}{labels}}}": value for labels, value in cpus.items()})
        family(f"{kind}_memory_working_set_bytes", "gauge", {f"{before}{labels}}}": value for labels, value in memories.items()})
    family("node_cpu_usage_seconds_total", "counter", {"": sums[0]})
    family("node_memory_working_set_bytes", "gauge", {"": sums[1]})
    return "\n".join([*lines, more]) + "\n"


def answers(**how: Any) -> tuple[Answer, Answer]:
    return read(text(AT_S, **how)), read(text(AT_S + 3, **how), AT_S + 3)


def read(shown: str, at_s: float = AT_S) -> Answer:
    return Answer.read(shown, at_s - 0.01, at_s)


@pytest.mark.parametrize("usage", [CONSTANT, ANNOTATED, RISING], ids=lambda usage: usage.name)
def test_what_was_configured_is_right(usage: Usage) -> None:
    assert list(wrong(usage, CREATED, *answers(usage=usage))) == []


def test_another_usage_is_not() -> None:
    found = list(wrong(CONSTANT, CREATED, *answers(memory=127 * MIB)))
    assert len(found) == 5
    assert all("memory" in each for each in found)
    found = list(wrong(CONSTANT, CREATED, *answers(cpu=0.11)))
    series = "container_cpu_usage_seconds_total{container=main, namespace=bench, pod=pod-000000}"
    assert found[0] == f"{series}: 0.33 is not within 0.29302 and 0.30702"
    assert len(found) == 5
    assert list(wrong(RISING, CREATED, *answers()))


def test_a_pod_too_many_or_too_few_is_not() -> None:
    found = list(wrong(CONSTANT, {**CREATED, "pod-000002": 2_000.0}, *answers()))
    assert sum(each.endswith(": missing") for each in found) == 5
    found = list(wrong(CONSTANT, {"pod-000000": 1_000.0}, *answers()))
    assert sum(each.endswith(": nobody asked for it") for each in found) == 5


def test_a_counter_that_stands_still_is_not() -> None:
    first, _second = answers()
    still = Answer(first.asked_s + 3, first.at_s + 3, first.families, first.values)
    found = list(wrong(CONSTANT, CREATED, first, still))
    assert len(found) == 5
    assert all("_total" in each and ": 0 is not within" in each for each in found)


def test_players_are_to_answer_alike() -> None:
    ours, later = answers()
    assert list(different(ours, later)) == []
    other = read(text(AT_S, more="# HELP more Text.\n# TYPE more gauge\nmore 1"))
    library = "# TYPE promhttp_metric_handler_errors_total counter\npromhttp_metric_handler_errors_total 0"
    assert list(different(ours, read(text(AT_S, more=library)))) == []
    assert list(different(ours, other)) == ["more: None and ('gauge', 'Text.')", "more{}: only one has it"]


def test_a_series_that_is_there_twice() -> None:
    with pytest.raises(ValueError, match="is there twice"):
        read("# TYPE a gauge\na 1\na 2\n")


@pytest.mark.parametrize("usage", [CONSTANT, ANNOTATED, RISING], ids=lambda usage: usage.name)
def test_kwok_controller_answers_rightly(usage: Usage) -> None:
    clock = Clock()
    shown = Scrapes(clock, seed=1, metrics=Counters(), local=[cast(Shown, decode(METRIC)), cast(Shown, decode(usage.manifest()))])
    shown.store.observed("Node", ("", node_name(0)), {**node(0), "metadata": {**node(0)["metadata"], "resourceVersion": "1"}})
    created = {}
    for number in range(3):
        item, since = scrape.annotated_pod(number, 1), 1_000.0 + 100 * number
        created[item["metadata"]["name"]] = since
        started = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        item["metadata"] |= {"creationTimestamp": started, "resourceVersion": "1", "uid": str(number)}
        item["status"] = {"phase": "Running", "containerStatuses": [{"name": "main", "state": {"running": {"startedAt": started}}}]}
        shown.store.observed("Pod", (NAMESPACE, item["metadata"]["name"]), item)
    found = shown.endpoints.find(scrape.paths(1)[0])
    assert found is not None
    answers = []
    for at_s in (AT_S, AT_S + 3):
        clock.at_s = at_s
        body = shown.metric(*found, Format.TEXT)
        assert body is not None
        answers.append(read(body.decode(), at_s))
    assert list(wrong(usage, created, *answers)) == []


def test_one_file_for_both(tmp_path: Any) -> None:
    stages, config = tmp_path / "stages.yaml", tmp_path / "config.yaml"
    stages.write_text("kind: Stage\n---\nkind: Stage\n")
    scrape.write_config(config, stages, RISING)
    assert [each["kind"] for each in yaml.safe_load_all(config.read_text())] == ["Stage", "Stage", "Metric", "ClusterResourceUsage"]


def found(rate: float, cpu: float, **more: float) -> scrape.Found:
    """Of which the Go kwok has 100 scrapes per second at 4 ms each."""
    figures = dict.fromkeys(scrape.FIGURES, 0.0)
    ours = {**figures, "scrapes_per_s": rate, "cpu_per_scrape_ms": cpu, **more}
    theirs = {**figures, "scrapes_per_s": 100.0, "cpu_per_scrape_ms": 4.0}
    return scrape.Found(2.0, {"http": {CONTROLLER: ours, GO_KWOK: theirs}})


def test_goals() -> None:
    assert scrape.met(found(300, 2))
    assert not scrape.met(found(299, 2))
    assert not scrape.met(found(300, 2.1))
    assert not scrape.met(found(300, 2, failed=1))
    assert [ratio for _case, _goal, ratio in scrape.ratios(found(300, 2))] == [3.0, 0.5]


def test_the_table_says_what_is_missed_and_what_a_scrape_costs() -> None:
    shown = scrape.table(found(250, 1, client_cpu=90.0), scrape.Plan(10, 50))
    assert shown.count("MISSED") == 1
    assert "The client was busy: more may be possible with kwok-controller." in shown
    assert "a scrape takes 1.000 ms of CPU, playing the node's 5 pods once 10.000 ms, 0.100 of it" in shown
    assert all(title in shown for title in scrape.FIGURES.values())


def scraped(**more: float) -> scrape_churn.Found:
    figures = {**dict.fromkeys(scrape_churn.FIGURES, 0.0), "scrapes": 1_000.0, **more}
    return scrape_churn.Found(10.0, 2.0, figures, {"status 503": 1} if figures["failed"] else {}, [])


def test_scrapes_while_pods_churn() -> None:
    assert scrape_churn.met(scraped(late=10))
    for bad in ({"late": 11.0}, {"failed": 1.0}, {"lease_lag_s": 40.0}, {"scrapes": 0.0}):
        assert not scrape_churn.met(scraped(**bad))
    shown = scrape_churn.table(scraped(failed=1, cpu_per_scrape_ms=3), scrape_churn.Plan(10, 100, 30.0, 5.0, 10.0))
    assert "failed: 1 times status 503" in shown
    assert "playing the node's 10 pods once 20.000 ms, 0.150 of it" in shown
    assert shown.endswith("MISSED")


def test_cases_that_share_a_process() -> None:
    groups = list(scrape.by_process(scrape.CASES))
    assert sorted(case.name for group in groups for case in group) == sorted(case.name for case in scrape.CASES)
    assert all(len({(case.usage.name, case.guarded) for case in group}) == 1 for group in groups)
    assert len({(group[0].usage.name, group[0].guarded) for group in groups}) == len(groups)
