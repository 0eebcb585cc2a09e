# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All nodes' metrics scraped as fast as they are answered: kwok-controller and the Go kwok in turn, on the same nodes and pods."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from kwok_controller.kube import connection
from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import LEASES, NODES, PODS

from . import players, side_by_side
from .cluster import Cluster, prepare, running_cluster, settle, token
from .load import LEASE_NAMESPACE, NAMESPACE, create, node, node_name, pod, ready_nodes, running_pods
from .peer import build
from .players import CONTROLLER, GO_KWOK, Player, Process
from .ports import free_port
from .scrape_answers import ANNOTATED, ANNOTATIONS, CONSTANT, METRIC, PATH, RISING, TEXT, Answer, Usage, different, wrong
from .scrape_client import TIMEOUT_S as ANSWER_S
from .scrape_client import Job
from .side_by_side import Goal

Figures = dict[str, float]
Taken = dict[str, dict[str, list[Figures]]]
"""Name of a case, then of a player: the figures of each round so far."""

Report = Callable[[str], None]

TIMEOUT_S = 1200.0
CHECK_S = 300.0
"""Until everything is shown: Leases, if any are left, have run out by then."""

WARM_UP_S = 5.0
IDLE_S = 10.0
"""For which a player is watched before it is scraped: what it takes then is not the scrapes'."""

CONNECTIONS = 8
SAMPLE = 50
"""Nodes whose answers are compared with what was configured."""

BETWEEN_S = 3.0
"""Between the two scrapes that give a counter's rate."""

BUSY_CLIENT = 80.0
"""From this on, in % of a core, the client may be what is measured."""

FIRST_WRONG = 10


@dataclass(frozen=True)
class Case:
    """How scrapes are made.

    Attributes:
        name: For tables.
        usage: What the pods use.
        tls: Over HTTPS.
        gzip: The client takes compressed answers, as Prometheus does.
        guarded: kwok-controller answers only those who may ask: the client has the administrator's certificate. The Go kwok answers
            everybody.
    """

    name: str
    usage: Usage
    tls: bool = False
    gzip: bool = False
    guarded: bool = False


CASES = (
    Case("constant, http", CONSTANT),
    Case("constant, http, gzip", CONSTANT, gzip=True),
    Case("constant, https, gzip", CONSTANT, tls=True, gzip=True),
    Case("constant, https, gzip, client certificates", CONSTANT, tls=True, gzip=True, guarded=True),
    Case("by annotation, http", ANNOTATED),
    Case("rising, http", RISING),
)

GOALS: Sequence[Goal] = (
    Goal("scrapes per second", "scrapes_per_s", GO_KWOK, least=3.0),
    Goal("CPU per scrape", "cpu_per_scrape_ms", GO_KWOK, most=0.5),
)

FIGURES: Mapping[str, str] = {
    "scrapes_per_s": "scrapes per second",
    "cpu_per_scrape_ms": "CPU of the player per scrape, ms",
    "idle_cpu": "CPU of the player before, not counted, % of a core",
    "bytes": "bytes per answer",
    "p50_ms": "latency, median, ms",
    "p99_ms": "latency, 99th percentile, ms",
    "rss_mib": "memory of the player, RSS, MiB",
    "failed": "scrapes that failed",
    "client_cpu": "CPU of the client, % of a core",
}


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        nodes: Of the cluster.
        pods: Of the cluster.
        seconds: Of each case and player.
        rounds: Of everything.
    """

    nodes: int = 1000
    pods: int = 5000
    seconds: float = 30.0
    rounds: int = 1


@dataclass(frozen=True)
class Found:
    """What was measured.

    Attributes:
        cpu_per_pod_ms: Of kwok-controller, for a pod from its creation until it runs.
        cases: Name of the case, then of the player: the medians of the rounds.
    """

    cpu_per_pod_ms: float
    cases: dict[str, dict[str, Figures]]


def run(work: Path, executables: Mapping[str, str], cache: Path, plan: Plan, report: Report, taken: Taken) -> Found:
    """Measure.

    Args:
        work: An empty directory.
        executables: Of the control plane, by component.
        cache: Where the peer is built.
        plan: Sizes and times.
        report: Takes lines of progress.
        taken: Takes the figures as soon as they are there.

    Raises:
        RuntimeError: A player answers something wrong, or does not answer.
    """
    return asyncio.run(_run(work, executables, cache, plan, report, taken))


async def _run(work: Path, executables: Mapping[str, str], cache: Path, plan: Plan, report: Report, taken: Taken) -> Found:
    peer = build("kwok", cache)
    taken.update({case.name: {CONTROLLER: [], GO_KWOK: []} for case in CASES})
    with running_cluster(work / "cluster", executables) as cluster:
        async with cluster.client() as administrator:
            await prepare(administrator)
            ours = cluster.kubeconfig_with("token", {"token": await token(administrator)})
        async with Client(connection.load(ours)) as client:
            ground = _Ground(cluster, client, ours, peer, work, plan, report)
            cpu_per_pod = await ground.populate()
            created = await pods_by_node(client)
            for _number in range(plan.rounds):
                for cases in by_process(CASES):
                    await ground.measure(cases, created, taken)
    return Found(cpu_per_pod, {case: {player: _medians(rounds) for player, rounds in found.items()} for case, found in taken.items()})


class _Ground:
    """A cluster with nodes and pods, on which players take turns."""

    def __init__(self, cluster: Cluster, client: Client, kubeconfig: Path, peer: Path, work: Path, plan: Plan, report: Report) -> None:
        self._cluster = cluster
        self._client = client
        self._kubeconfig = kubeconfig
        self._peer = peer
        self._work = work
        self._plan = plan
        self._report = report
        self._port = free_port()
        self._stages = work / "stages.yaml"
        players.write_stages(self._stages)

    async def populate(self) -> float:
        """All nodes and pods, played by kwok-controller; what a pod took of its CPU, in ms."""
        with players.kwok_controller(self._kubeconfig, self._stages, self._port).playing(self._work / "populate.log") as process:
            async with ready_nodes(self._client) as ready:
                await create(self._client, NODES, map(node, range(self._plan.nodes)))
                await ready.until(lambda count: count >= self._plan.nodes, TIMEOUT_S)
            self._report(f"{self._plan.nodes} nodes are Ready")
            cpu = process.cpu()
            async with running_pods(self._client) as running:
                await create(self._client, PODS, (annotated_pod(number, self._plan.nodes) for number in range(self._plan.pods)))
                await running.until(lambda count: count >= self._plan.pods, TIMEOUT_S)
            cost = (process.cpu() - cpu) / self._plan.pods * 1000
        self._report(f"{self._plan.pods} pods run, {cost:.2f} ms of CPU each")
        return cost

    async def measure(self, cases: Sequence[Case], created: Mapping[str, Mapping[str, float]], taken: Taken) -> None:
        """Cases that are served by the same process, one player after the other."""
        answers: dict[str, dict[str, Answer]] = {}
        for name, player in self._players(cases[0]).items():
            await self._free()
            with player.playing(self._work / f"{name.replace(' ', '-')}.log") as process:
                answers[name] = await checked(self._job(cases[0]), cases[0].usage, self._plan.nodes, created, name)
                for case in cases:
                    figures = await self._measure(case, process)
                    taken[case.name][name].append(figures)
                    self._report(f"{case.name}: {name}: " + ", ".join(f"{key} {value:.4g}" for key, value in figures.items()))
        found = [f"{name}: {text}" for name in answers[CONTROLLER] for text in different(answers[CONTROLLER][name], answers[GO_KWOK][name])]
        if found:
            raise RuntimeError("the players answer differently: " + "; ".join(found[:FIRST_WRONG]))

    def _players(self, case: Case) -> dict[str, Player]:
        config = self._work / f"{case.usage.name}.yaml"
        write_config(config, self._stages, case.usage)
        pki = self._cluster.directory / "pki"
        served = (f"--tls-cert-file={pki / 'kube-apiserver.crt'}", f"--tls-private-key-file={pki / 'kube-apiserver.key'}")
        who = f"--client-ca-file={pki / 'ca.crt'}" if case.guarded else "--insecure"
        theirs = players.go_kwok(self._peer, self._cluster.kubeconfig, config, self._port)
        return {
            CONTROLLER: players.kwok_controller(self._kubeconfig, config, self._port, *served, who),
            GO_KWOK: replace(theirs, command=(*theirs.command, *served)),
        }

    async def _free(self) -> None:
        """Nobody holds a node: else a player would wait until the Leases of the one before have run out."""
        await self._client.request("DELETE", LEASES.path(LEASE_NAMESPACE), timeout=120)
        await settle(self._cluster)

    async def _measure(self, case: Case, process: Process) -> Figures:
        job = self._job(case)
        await scraped(replace(job, seconds=min(WARM_UP_S, self._plan.seconds)))
        idle = min(IDLE_S, self._plan.seconds)
        cpu = process.cpu()
        await asyncio.sleep(idle)
        idle_share = (process.cpu() - cpu) / idle
        cpu = process.cpu()
        seen = await scraped(job)
        used = process.cpu() - cpu - idle_share * seen["seconds"]
        if not seen["scrapes"]:
            raise RuntimeError(f"{case.name}: no scrape was answered: {seen['errors']}")
        return {
            "scrapes_per_s": seen["scrapes"] / seen["seconds"],
            "cpu_per_scrape_ms": max(0.0, used) / seen["scrapes"] * 1000,
            "idle_cpu": idle_share * 100,
            "bytes": seen["bytes"] / seen["scrapes"],
            "p50_ms": seen["p50_ms"],
            "p99_ms": seen["p99_ms"],
            "rss_mib": process.rss(),
            "failed": seen["failed"],
            "client_cpu": seen["cpu_s"] / seen["seconds"] * 100,
        }

    def _job(self, case: Case) -> Job:
        pki = self._cluster.directory / "pki"
        job = Job("127.0.0.1", self._port, paths(self._plan.nodes), headers(gzip=case.gzip), CONNECTIONS, self._plan.seconds)
        if case.tls:
            job = replace(job, ca=str(pki / "ca.crt"))
        if case.guarded:
            job = replace(job, certificate=str(pki / "admin.crt"), key=str(pki / "admin.key"))
        return job


async def checked(job: Job, usage: Usage, nodes: int, created: Mapping[str, Mapping[str, float]], who: str) -> dict[str, Answer]:
    """The answers of some nodes, by name, once all pods are in the answers of all nodes.

    Args:
        job: Whom to ask, and as whom.
        usage: What is used.
        nodes: How many there are.
        created: When each pod was created, by node and name.
        who: Answers.

    Raises:
        RuntimeError: They are not in time, or an answer is wrong.
    """
    names = [node_name(number) for number in range(nodes)]
    pods, ends = sum(map(len, created.values())), time.perf_counter() + CHECK_S
    while (shown := await asyncio.to_thread(_pods_shown, job, names)) != str(pods):
        if time.perf_counter() > ends:
            raise RuntimeError(f"{who} does not show {pods} pods after {CHECK_S:.0f} s: {shown}")
        await asyncio.sleep(1)
    some = names[:: max(1, nodes // SAMPLE)]
    first = await asyncio.to_thread(_answers, job, some)
    await asyncio.sleep(BETWEEN_S)
    second = await asyncio.to_thread(_answers, job, some)
    found = [f"{name}: {text}" for name in some for text in wrong(usage, created.get(name, {}), first[name], second[name])]
    if found:
        raise RuntimeError(f"{who} answers wrongly: " + "; ".join(found[:FIRST_WRONG]))
    return second


def paths(nodes: int) -> list[str]:
    """Of the metrics of all nodes."""
    return [PATH.replace("{nodeName}", node_name(number)) for number in range(nodes)]


def headers(*, gzip: bool) -> tuple[str, ...]:
    """Of a request."""
    return (f"Accept: {TEXT}", f"Accept-Encoding: {'gzip' if gzip else 'identity'}")


def annotated_pod(number: int, nodes: int, prefix: str = "pod") -> dict[str, Any]:
    """A pod of the load, with what it uses in annotations."""
    item = pod(number, nodes, prefix)
    item["metadata"]["annotations"] = dict(ANNOTATIONS)
    return item


def write_config(path: Path, stages: Path, usage: Usage) -> None:
    """Stages, the metrics and the usage, as one file that both read."""
    documents = [stages.read_text(encoding="utf-8").rstrip("\n"), json.dumps(METRIC), json.dumps(usage.manifest())]
    path.write_text("\n---\n".join(documents) + "\n", encoding="utf-8")


async def pods_by_node(client: Client) -> dict[str, dict[str, float]]:
    """When each pod was created, since 1970, by node and name."""
    found: dict[str, dict[str, float]] = {}
    async for item in client.list(PODS, NAMESPACE, timeout=120):
        metadata = item["metadata"]
        created = datetime.fromisoformat(metadata["creationTimestamp"]).timestamp()
        found.setdefault(item["spec"]["nodeName"], {})[metadata["name"]] = created
    return found


async def scraped(job: Job) -> dict[str, Any]:
    """What a client in a process of its own has seen; it is ended with us.

    Raises:
        RuntimeError: It failed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("scrape_client.py")), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        out, _error = await process.communicate(json.dumps(asdict(job)).encode())
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"the client ended with {process.returncode}")
    seen: dict[str, Any] = json.loads(out)
    return seen


def _pods_shown(job: Job, nodes: Sequence[str]) -> str:
    """How many pods there are in the answers of all nodes; else why there are none yet."""
    try:
        return str(sum(text.count("\npod_memory_working_set_bytes{") for text, _asked, _at in _texts(job, nodes)))
    except OSError as error:
        return str(error)


def _answers(job: Job, nodes: Sequence[str]) -> dict[str, Answer]:
    return {name: Answer.read(*found) for name, found in zip(nodes, _texts(job, nodes), strict=True)}


def _texts(job: Job, nodes: Sequence[str]) -> Iterator[tuple[str, float, float]]:
    """What nodes answer, when they were asked and when the answer came, over one connection.

    Raises:
        OSError: There is nobody, or an answer is no 200.
    """
    if job.ca:
        context = ssl.create_default_context(cafile=job.ca)
        if job.certificate:
            context.load_cert_chain(job.certificate, job.key)
        link: http.client.HTTPConnection = http.client.HTTPSConnection(job.host, job.port, context=context, timeout=ANSWER_S)
    else:
        link = http.client.HTTPConnection(job.host, job.port, timeout=ANSWER_S)
    try:
        for name in nodes:
            asked = time.time()
            link.request("GET", PATH.replace("{nodeName}", name), headers={"Accept": TEXT, "Accept-Encoding": "identity"})
            answer = link.getresponse()
            text = answer.read().decode()
            if answer.status != 200:
                raise OSError(f"{name}: {answer.status} {text[:200]}")
            yield text, asked, time.time()
    except http.client.HTTPException as error:
        raise OSError(f"half an answer: {error!r}") from error
    finally:
        link.close()


def by_process(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """Cases that one process serves."""
    for usage, guarded in dict.fromkeys((case.usage.name, case.guarded) for case in cases):
        yield [case for case in cases if (case.usage.name, case.guarded) == (usage, guarded)]


def _medians(rounds: Sequence[Figures]) -> Figures:
    return {key: statistics.median(figures[key] for figures in rounds) for key in rounds[0]}


def ratios(found: Found) -> list[tuple[str, Goal, float]]:
    """Each goal with what is reached in each case."""
    return [(case, goal, ratio) for case, figures in found.cases.items() for goal, ratio in side_by_side.ratios(figures, GOALS)]


def met(found: Found) -> bool:
    """Whether every goal is reached in every case, and no scrape of kwok-controller failed."""
    failed = any(figures[CONTROLLER]["failed"] for figures in found.cases.values())
    return not failed and all(goal.met(ratio) for _case, goal, ratio in ratios(found))


def table(found: Found, plan: Plan) -> str:
    """Figures, ratios and what they say of the cost, as text."""
    lines = []
    for case, figures in found.cases.items():
        lines.append(f"{case:52}" + "".join(f"{name:>18}" for name in figures))
        for key, title in FIGURES.items():
            lines.append(f"  {title:50}" + "".join(f"{figures[name][key]:18.4g}" for name in figures))
        busy = [name for name in figures if figures[name]["client_cpu"] >= BUSY_CLIENT]
        if busy:
            lines.append(f"  The client was busy: more may be possible with {', '.join(busy)}.")
        lines.append("")
    lines.append(f"{'kwok-controller to the Go kwok':44} {'':20} {'ratio':>8} {'goal':>9}")
    for case, goal, ratio in ratios(found):
        lines.append(f"{case:44} {goal.title:20} {ratio:8.2f} {goal!s:>9}{'' if goal.met(ratio) else '   MISSED'}")
    per_node = plan.pods / plan.nodes
    lines.append("")
    for case, figures in found.cases.items():
        lines.append(f"{case}: {cost_of_a_scrape(figures[CONTROLLER]['cpu_per_scrape_ms'], per_node, found.cpu_per_pod_ms)}")
    return "\n".join(lines)


def cost_of_a_scrape(scrape_ms: float, pods: float, pod_ms: float) -> str:
    """What a scrape of a node takes beside the work that its pods are, in words."""
    work = pods * pod_ms
    share = f", {scrape_ms / work:.3f} of it" if work else ""
    return f"a scrape takes {scrape_ms:.3f} ms of CPU, playing the node's {pods:.4g} pods once {work:.3f} ms{share}"
