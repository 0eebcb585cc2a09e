# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The shipped sets, played to their ends on samples with a fake clock: where objects come to, and that they come to rest."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import pytest

from kwok_controller.api import StageResourceRef, decode_stage
from kwok_controller.stages import sets
from kwok_controller.stages.samples import pod, samples_of
from kwok_controller.stages.trial import Trial

SECOND = 1_000_000_000
CHAOS = "stage.kwok.x-k8s.io"


class Step(NamedTuple):
    stage: str
    least: float
    most: float
    events: list[str]


class Walk(NamedTuple):
    """What was played, in order, and what the object has become: None when it is gone."""

    steps: list[Step]
    obj: dict[str, Any] | None
    rests: bool

    @property
    def stages(self) -> list[str]:
        return [step.stage for step in self.steps]

    @property
    def status(self) -> dict[str, Any]:
        assert self.obj is not None
        return self.obj["status"]  # type: ignore[no-any-return]


def walk(names: str, obj: dict[str, Any], *, bound: int = 20) -> Walk:
    """Play until nothing matches, or nothing changes, or as often as the bound says."""
    kind = StageResourceRef(api_group=obj["apiVersion"], kind=obj["kind"])
    trial = Trial(kind, [decode_stage(each) for name in names.split() for each in sets.objects(name)])
    before = copy.deepcopy(obj)
    now: dict[str, Any] | None = obj
    steps: list[Step] = []
    rests = False
    while now is not None and not rests and len(steps) < bound:
        stage = trial.match(now, len(steps))
        if stage is None:
            rests = True
            break
        least, most = trial.delay(stage, now)
        trial.wait(least)
        play = trial.play(stage, now)
        steps.append(Step(stage.name, least / SECOND, most / SECOND, [event.reason for event in play.events]))
        rests = play.obj is now
        now = play.obj
    assert trial.errors == []
    assert obj == before, "a play changed the object that it was given"
    return Walk(steps, now, rests)


def condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = (each for each in status["conditions"] if each["type"] == kind)
    return found  # type: ignore[no-any-return]


def ready(status: dict[str, Any]) -> str:
    return condition(status, "Ready")["status"]  # type: ignore[no-any-return]


def labelled(obj: dict[str, Any], stage: str, **annotations: str) -> dict[str, Any]:
    marked = copy.deepcopy(obj)
    marked["metadata"]["labels"] = {f"{stage}.{CHAOS}": "true"}
    marked["metadata"]["annotations"] = {f"{stage}.{CHAOS}/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return marked


def deleted(obj: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {**obj, "metadata": {**obj["metadata"], "deletionTimestamp": "2024-01-01T00:01:30Z", **metadata}}


def unlabelled(obj: dict[str, Any] | None) -> dict[str, Any]:
    assert obj is not None
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key not in ("labels", "annotations")}}


def node(**status: Any) -> dict[str, Any]:
    (sample, *_) = samples_of(StageResourceRef(kind="Node"))
    return {**sample.obj, "status": status}


# Nodes


def test_a_node_becomes_ready_at_once_and_rests() -> None:
    done = walk("node-fast node-chaos", node())
    assert done.stages == ["node-initialize"]
    assert done.rests
    assert done.steps[0].most == 0
    assert ready(done.status) == "True"
    assert done.status["phase"] == "Running"
    assert done.status["capacity"] == done.status["allocatable"] == {"cpu": "1k", "memory": "1Ti", "pods": "1M"}
    assert done.status["addresses"] == [{"type": "InternalIP", "address": "192.0.2.1"}, {"type": "Hostname", "address": "localhost"}]
    assert done.status["daemonEndpoints"] == {"kubeletEndpoint": {"Port": 10247}}
    assert done.status["nodeInfo"]["kubeletVersion"] == "kwok-0.0.0"


def test_what_a_node_is_given_stays() -> None:
    given: dict[str, Any] = {
        "capacity": {"cpu": "8", "memory": "32Gi", "example.com/gpu": "2"},
        "allocatable": {"cpu": "7"},
        "addresses": [{"type": "InternalIP", "address": "192.0.2.7"}, {"type": "ExternalIP", "address": "203.0.113.7"}],
        "nodeInfo": {"architecture": "arm64", "kubeletVersion": "v1.33.0"},
        "conditions": [
            {"type": "DiskPressure", "status": "True", "reason": "Full", "message": "m", "lastTransitionTime": "2023-01-01T00:00:00Z"},
            {"type": "example.com/Custom", "status": "True", "reason": "Mine"},
        ],
    }
    status = walk("node-fast", node(**given)).status
    assert status["capacity"] == {"cpu": "8", "memory": "32Gi", "example.com/gpu": "2", "pods": "1M"}
    assert status["allocatable"] == {"cpu": "7", "memory": "32Gi", "pods": "1M"}
    assert sorted(each["address"] for each in status["addresses"]) == ["192.0.2.7", "203.0.113.7", "localhost"]
    assert status["nodeInfo"]["architecture"] == "arm64"
    assert status["nodeInfo"]["kubeletVersion"] == "v1.33.0"
    assert status["nodeInfo"]["operatingSystem"] == "linux"
    pressure = condition(status, "DiskPressure")
    assert (pressure["status"], pressure["reason"], pressure["lastTransitionTime"]) == ("True", "Full", "2023-01-01T00:00:00Z")
    assert condition(status, "example.com/Custom") == {"type": "example.com/Custom", "status": "True", "reason": "Mine"}
    assert ready(status) == "True"


def test_what_the_control_plane_did_not_know_is_known_again() -> None:
    lost = copy.deepcopy(walk("node-fast", node()).obj)
    assert lost is not None
    for each in lost["status"]["conditions"]:
        each.update(status="Unknown", reason="NodeStatusUnknown", lastTransitionTime="2023-01-01T00:00:00Z")
    status = walk("node-fast node-heartbeat-with-lease", lost, bound=1).status
    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "Ready": "True",
        "MemoryPressure": "False",
        "DiskPressure": "False",
        "PIDPressure": "False",
        "NetworkUnavailable": "False",
    }
    assert all(each["lastTransitionTime"] > "2024" for each in status["conditions"])


@pytest.mark.parametrize(("name", "least", "most"), [("node-heartbeat", 20, 25), ("node-heartbeat-with-lease", 600, 610)])
def test_heartbeats_change_their_time_and_nothing_else(name: str, least: int, most: int) -> None:
    first = walk(f"node-fast node-chaos {name}", node(), bound=1)
    beaten = walk(f"node-fast node-chaos {name}", first.obj or {}, bound=3)
    assert beaten.stages == [name] * 3
    assert all((step.least, step.most) == (least, most) for step in beaten.steps)
    for before, after in zip(first.status["conditions"], beaten.status["conditions"], strict=True):
        assert after["lastHeartbeatTime"] > before["lastHeartbeatTime"]
        assert {**before, "lastHeartbeatTime": ""} == {**after, "lastHeartbeatTime": ""}
    assert {**first.status, "conditions": []} == {**beaten.status, "conditions": []}


def test_a_labelled_node_is_not_ready_until_the_label_goes() -> None:
    running = walk("node-fast", node()).obj or {}
    failed = walk("node-fast node-chaos", labelled(running, "node-not-ready", type="DiskPressure", reason="Burning", message="hot"))
    assert failed.stages == ["node-not-ready"]
    assert failed.rests
    assert condition(failed.status, "Ready")["status"] == "False"
    assert (condition(failed.status, "Ready")["reason"], condition(failed.status, "Ready")["message"]) == ("Burning", "hot")
    assert condition(failed.status, "DiskPressure")["status"] == "True"
    assert condition(failed.status, "MemoryPressure")["status"] == "False"
    # Heartbeats go on, and do not make it Ready.
    beaten = walk("node-fast node-chaos node-heartbeat", failed.obj or {}, bound=3)
    assert beaten.stages == ["node-heartbeat"] * 3
    assert ready(beaten.status) == "False"
    recovered = walk("node-fast node-chaos", unlabelled(beaten.obj))
    assert recovered.stages == ["node-initialize"]
    assert recovered.rests
    assert ready(recovered.status) == "True"
    assert condition(recovered.status, "DiskPressure")["status"] == "False"


def test_a_labelled_node_may_be_unknown() -> None:
    running = walk("node-fast", node()).obj or {}
    failed = walk("node-fast node-chaos", labelled(running, "node-not-ready", status="Unknown", delay="7s"))
    assert failed.steps == [Step("node-not-ready", 7, 7, [])]
    assert ready(failed.status) == "Unknown"
    changed = labelled(failed.obj or {}, "node-not-ready", status="Unknown", reason="Other")
    assert walk("node-fast node-chaos", changed).stages == ["node-not-ready"]


def test_a_label_alone_keeps_no_new_node_from_being_ready() -> None:
    done = walk("node-fast", labelled(node(), "node-not-ready"))
    assert done.stages == ["node-initialize"]
    assert ready(done.status) == "True"


# Pods


@pytest.mark.parametrize("host_network", [False, True])
def test_a_pod_runs_at_once(host_network: bool) -> None:
    done = walk("pod-fast pod-chaos", pod(host_network=host_network))
    assert done.stages == ["pod-ready"]
    assert done.rests
    assert done.status["phase"] == "Running"
    assert {each["type"]: each["status"] for each in done.status["conditions"]} == dict.fromkeys(
        ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True"
    )
    address = "192.0.2.1" if host_network else "198.51.100.1"
    assert (done.status["podIP"], done.status["podIPs"]) == (address, [{"ip": address}])
    assert (done.status["hostIP"], done.status["hostIPs"]) == ("192.0.2.1", [{"ip": "192.0.2.1"}])
    (container,) = done.status["containerStatuses"]
    assert container["ready"] is True
    assert container["started"] is True
    assert container["containerID"].startswith("kwok://")
    assert container["imageID"].startswith("registry.example.com/app:1.0@sha256:")
    assert done.status["observedGeneration"] == 1
    assert done.status["qosClass"] == "BestEffort"


def test_readiness_gates_are_met() -> None:
    gated = pod()
    gated["spec"]["readinessGates"] = [{"conditionType": "example.com/gate"}]
    for names in ("pod-fast", "pod-general"):
        assert condition(walk(names, gated).status, "example.com/gate")["status"] == "True"


@pytest.mark.parametrize("policy", ["Always", "OnFailure", "Never"])
def test_a_pod_of_no_job_runs_on(policy: str) -> None:
    for names in ("pod-fast", "pod-general"):
        done = walk(names, pod(restart_policy=policy))
        assert done.rests
        assert done.status["phase"] == "Running"


@pytest.mark.parametrize("names", ["pod-fast", "pod-general"])
def test_a_pod_of_a_job_succeeds_with_its_sidecar(names: str) -> None:
    done = walk(names, pod(init=1, sidecar=True, owner="Job", restart_policy="OnFailure"))
    assert done.stages[-1] == "pod-complete"
    assert done.rests
    assert done.status["phase"] == "Succeeded"
    assert condition(done.status, "Ready")["reason"] == "PodCompleted"
    assert condition(done.status, "Initialized")["status"] == "True"
    for each in [*done.status["containerStatuses"], *done.status["initContainerStatuses"]]:
        assert each["state"]["terminated"]["exitCode"] == 0
        assert each["state"]["terminated"]["startedAt"] <= each["state"]["terminated"]["finishedAt"]


def test_init_containers_and_sidecars_of_a_fast_pod() -> None:
    status = walk("pod-fast", pod(init=1, sidecar=True)).status
    first, sidecar = status["initContainerStatuses"]
    assert first["state"]["terminated"]["reason"] == "Completed"
    assert "running" in sidecar["state"]
    assert (first["ready"], first["started"], sidecar["ready"], sidecar["started"]) == (True, False, True, True)


def test_init_containers_run_one_after_another() -> None:
    trace = walk("pod-general", pod(init=2, sidecar=True))
    assert trace.stages == [
        "pod-create",
        "pod-init-container-running",
        "pod-init-container-completed",
        "pod-init-container-running",
        "pod-init-container-completed",
        "pod-init-container-running",
        "pod-ready",
    ]
    assert all((step.least, step.most) == (1, 5) for step in trace.steps)
    waiting = walk("pod-general", pod(init=2, sidecar=True), bound=2).status
    states = [next(iter(each["state"])) for each in waiting["initContainerStatuses"]]
    assert states == ["running", "waiting", "waiting"]
    assert condition(waiting, "Initialized")["status"] == "False"
    assert waiting["phase"] == "Pending"
    assert waiting["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"
    between = walk("pod-general", pod(init=2, sidecar=True), bound=6).status
    assert [next(iter(each["state"])) for each in between["initContainerStatuses"]] == ["terminated", "terminated", "running"]
    assert condition(between, "Initialized")["status"] == "True"
    assert between["containerStatuses"][0]["state"]["waiting"]["reason"] == "ContainerCreating"
    assert trace.status["phase"] == "Running"
    assert ready(trace.status) == "True"
    times = [each["state"].get("terminated", each["state"].get("running"))["startedAt"] for each in trace.status["initContainerStatuses"]]
    assert times == sorted(set(times))


def test_a_general_pod_says_what_happens() -> None:
    trace = walk("pod-general", pod())
    assert [step.events for step in trace.steps] == [["Pulled", "Created"], ["Started"]]
    assert trace.stages == ["pod-create", "pod-ready"]
    created = walk("pod-general", pod(), bound=1).status
    assert created["phase"] == "Pending"
    assert created["podIP"] == "198.51.100.1"
    assert condition(created, "Ready")["message"] == "containers with unready status: [main]"


def test_a_pod_waits_for_its_readiness_probe() -> None:
    trace = walk("pod-general", pod(probe=True))
    assert trace.stages == ["pod-create", "pod-ready", "pod-readiness-probe-succeeded"]
    assert trace.steps[-1].least == 5
    assert ready(walk("pod-general", pod(probe=True), bound=2).status) == "False"
    assert ready(trace.status) == "True"


@pytest.mark.parametrize("names", ["pod-fast", "pod-general"])
def test_a_pod_that_the_control_plane_marked_is_ready_again(names: str) -> None:
    running = walk(names, pod()).obj or {}
    marked = copy.deepcopy(running)
    condition(marked["status"], "Ready")["status"] = "False"
    again = walk(names, marked)
    assert again.steps == [Step("pod-ready-again", 1, 3, [])]
    assert ready(again.status) == "True"
    assert again.rests
    marked["spec"]["readinessGates"] = [{"conditionType": "example.com/gate"}]
    assert walk(names, marked).steps == []


def test_a_given_delay_is_exact() -> None:
    given = pod()
    given["metadata"]["annotations"] = {f"pod-create.{CHAOS}/delay": "30s", f"pod-ready.{CHAOS}/jitter-delay": "2s"}
    assert [(step.least, step.most) for step in walk("pod-general", given).steps] == [(30, 30), (1, 2)]


def test_a_pod_that_is_deleted() -> None:
    running = walk("pod-general", pod()).obj or {}
    gone = walk("pod-general pod-chaos", deleted(running))
    assert gone == Walk([Step("pod-delete", 1, 30, ["Killing"])], None, False)
    assert walk("pod-fast pod-chaos", deleted(running)) == Walk([Step("pod-delete", 0, 0, [])], None, False)
    ended = walk("pod-general", pod(owner="Job")).obj or {}
    assert walk("pod-general", deleted(ended)).steps == [Step("pod-delete-ended", 0, 0, [])]


@pytest.mark.parametrize("names", ["pod-fast", "pod-general"])
def test_a_pod_that_is_deleted_but_has_finalizers(names: str) -> None:
    running = walk(names, pod(sidecar=True)).obj or {}
    held = walk(names, deleted(running, finalizers=["batch.kubernetes.io/job-tracking"]))
    assert held.stages == ["pod-terminate"]
    assert held.rests
    assert held.status["phase"] == "Failed"
    assert ready(held.status) == "False"
    for each in [*held.status["containerStatuses"], *held.status["initContainerStatuses"]]:
        assert each["state"]["terminated"]["exitCode"] == 143
        assert each["ready"] is False
    assert walk(names, deleted(held.obj or {}, finalizers=[])).obj is None


# Chaos


@pytest.mark.parametrize("base", ["pod-fast", "pod-general"])
def test_a_container_that_fails_is_restarted_with_growing_back_off(base: str) -> None:
    running = walk(base, pod()).obj or {}
    trace = walk(f"{base} pod-chaos", labelled(running, "pod-container-running-failed"), bound=24)
    assert trace.stages == ["pod-container-running-failed", "pod-container-back-off", "pod-container-restart"] * 8
    assert [step.least for step in trace.steps if step.stage == "pod-container-restart"] == [10, 20, 40, 80, 160, 300, 300, 300]
    (container,) = trace.status["containerStatuses"]
    assert container["restartCount"] == 8
    assert container["lastState"]["terminated"]["exitCode"] == 1
    assert trace.status["phase"] == "Running"
    assert ready(trace.status) == "True"
    waiting = walk(f"{base} pod-chaos", labelled(running, "pod-container-running-failed"), bound=2).status
    assert waiting["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert ready(waiting) == "False"
    # Without the label it is restarted once more, and runs on.
    restarted = walk(
        f"{base} pod-chaos", unlabelled(walk(f"{base} pod-chaos", labelled(running, "pod-container-running-failed"), bound=2).obj)
    )
    assert restarted.stages == ["pod-container-restart"]
    assert restarted.rests


def test_only_the_named_container_fails() -> None:
    two = pod()
    two["spec"]["containers"].append({"name": "other", "image": "registry.example.com/other:1.0"})
    running = walk("pod-fast", two).obj or {}
    failed = labelled(running, "pod-container-running-failed", container_name="other", reason="OOMKilled")
    status = walk("pod-fast pod-chaos", failed, bound=1).status
    main, other = status["containerStatuses"]
    assert "running" in main["state"]
    assert (other["state"]["terminated"]["reason"], other["state"]["terminated"]["exitCode"]) == ("OOMKilled", 137)
    assert status["phase"] == "Running"
    assert condition(status, "Ready")["message"] == "containers with unready status: [other]"


@pytest.mark.parametrize(
    ("policy", "code", "phase"),
    [("Never", "3", "Failed"), ("Never", "0", "Succeeded"), ("OnFailure", "0", "Succeeded"), ("OnFailure", "3", "Running")],
)
def test_what_a_failure_means_is_up_to_the_restart_policy(policy: str, code: str, phase: str) -> None:
    running = walk("pod-fast", pod(restart_policy=policy)).obj or {}
    trace = walk("pod-fast pod-chaos", labelled(running, "pod-container-running-failed", exit_code=code), bound=4)
    assert trace.status["phase"] == phase
    assert trace.rests is (phase != "Running")
    if trace.rests:
        assert trace.status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == int(code)


@pytest.mark.parametrize("base", ["pod-fast", "pod-general"])
def test_an_init_container_that_fails_is_restarted(base: str) -> None:
    trace = walk(f"{base} pod-chaos", labelled(pod(init=2), "pod-init-container-running-failed"), bound=9)
    assert trace.stages == ["pod-init-container-running-failed", "pod-init-container-back-off", "pod-init-container-restart"] * 3
    assert trace.status["phase"] == "Pending"
    first, second = trace.status["initContainerStatuses"]
    assert first["restartCount"] == 3
    assert second["state"] == {"waiting": {"reason": "PodInitializing"}}
    recovered = walk(f"{base} pod-chaos", unlabelled(trace.obj))
    assert recovered.rests
    assert recovered.status["phase"] == "Running"
    assert recovered.status["initContainerStatuses"][0]["restartCount"] == 3


def test_an_init_container_may_fail_for_good() -> None:
    never = labelled(pod(init=2, restart_policy="Never"), "pod-init-container-running-failed", container_name="init-1", reason="Error")
    trace = walk("pod-general pod-chaos", never)
    assert trace.rests
    assert trace.status["phase"] == "Failed"
    first, second = trace.status["initContainerStatuses"]
    assert first["state"]["terminated"]["exitCode"] == 0
    assert second["state"]["terminated"]["exitCode"] == 1


def test_chaos_for_init_containers_means_nothing_to_pods_without_any() -> None:
    trace = walk("pod-fast pod-chaos", labelled(pod(), "pod-init-container-running-failed"))
    assert trace.stages == ["pod-ready"]


@pytest.mark.parametrize("base", ["pod-fast", "pod-general"])
@pytest.mark.parametrize("init", [0, 1])
def test_an_image_that_cannot_be_pulled(base: str, init: int) -> None:
    trace = walk(f"{base} pod-chaos", labelled(pod(init=init), "pod-image-pull-failed"), bound=4)
    assert trace.stages == ["pod-image-pull-failed", "pod-image-pull-back-off"] * 2
    assert [step.least for step in trace.steps] == [1, 10, 300, 10]
    statuses = trace.status["initContainerStatuses" if init else "containerStatuses"]
    assert statuses[0]["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert trace.status["phase"] == "Pending"
    recovered = walk(f"{base} pod-chaos", unlabelled(trace.obj))
    assert recovered.rests
    assert recovered.status["phase"] == "Running"


@pytest.mark.parametrize("label", ["pod-container-running-failed", "pod-init-container-running-failed", "pod-image-pull-failed"])
def test_chaos_leaves_pods_that_are_deleted_alone(label: str) -> None:
    for base in ("pod-fast", "pod-general"):
        assert walk(f"{base} pod-chaos", deleted(labelled(pod(init=1), label))).obj is None


# Volumes


def test_a_claim_gets_a_volume() -> None:
    (claim, *others) = samples_of(StageResourceRef(kind="PersistentVolumeClaim"))
    done = walk("volume-fast", claim.obj)
    assert done.stages == ["pvc-provision"]
    assert done.rests
    assert done.status == {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
    assert done.obj is not None
    assert done.obj["spec"]["volumeName"] == f"pvc-{claim.obj['metadata']['uid']}"
    assert all(walk("volume-fast", other.obj).stages == [] for other in others)


def test_a_claim_of_another_class_is_provisioned_when_the_control_plane_says_so() -> None:
    (claim, *_) = samples_of(StageResourceRef(kind="PersistentVolumeClaim"))
    other = copy.deepcopy(claim.obj)
    other["spec"]["storageClassName"] = "fast-ssd"
    assert walk("volume-fast", other).stages == []
    other["metadata"]["annotations"] = {"volume.kubernetes.io/storage-provisioner": "kwok.x-k8s.io/volume"}
    assert walk("volume-fast", other).stages == ["pvc-provision"]


def test_a_volume_is_bound_and_deleted_when_released() -> None:
    made, released, *deleted_ones = samples_of(StageResourceRef(kind="PersistentVolume"))
    bound = walk("volume-fast", made.obj)
    assert (bound.stages, bound.rests, bound.status["phase"]) == (["pv-bind"], True, "Bound")
    assert walk("volume-fast", released.obj) == Walk([Step("pv-delete", 0, 0, [])], None, False)
    kept = {**released.obj, "spec": {**released.obj["spec"], "persistentVolumeReclaimPolicy": "Retain"}}
    assert walk("volume-fast", kept).stages == []
    assert all(walk("volume-fast", each.obj).stages == [] for each in deleted_ones)
