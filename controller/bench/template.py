# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""How long templates take: compiling one, and rendering it for an object, in µs.

    PYTHONPATH=controller/src python controller/bench/template.py [--rounds N] [--containers N]

Beside it stands what the same text costs when it is put together by hand in Python: the least that any engine could take.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from kwok_controller.expressions.gotemplate import compile_template, fn, kwok_functions
from kwok_controller.expressions.gotemplate.kwok import format_now

NOW = 1_700_000_000_123_456_789

POD = """
{{ $now := Now }}
conditions:
{{ if .spec.initContainers }}
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  reason: PodCompleted
  type: Initialized
{{ else }}
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  type: Initialized
{{ end }}
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  type: Ready
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  type: ContainersReady
{{ range .spec.readinessGates }}
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  type: {{ .conditionType | Quote }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- image: {{ .image | Quote }}
  name: {{ .name | Quote }}
  ready: true
  restartCount: 0
  state:
    running:
      startedAt: {{ $now | Quote }}
{{ end }}
initContainerStatuses:
{{ range .spec.initContainers }}
- image: {{ .image | Quote }}
  name: {{ .name | Quote }}
  ready: true
  restartCount: 0
  {{ if eq .restartPolicy "Always" }}
  started: true
  state:
    running:
      startedAt: {{ $now | Quote }}
  {{ else }}
  state:
    terminated:
      exitCode: 0
      finishedAt: {{ $now | Quote }}
      reason: Completed
      startedAt: {{ $now | Quote }}
  {{ end }}
{{ end }}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
{{ with .metadata }}
podIP: {{ PodIPWith $.spec.nodeName ( or $.spec.hostNetwork false ) ( or .uid "" ) ( or .name "" ) ( or .namespace "" ) | Quote }}
{{ end }}
phase: Running
startTime: {{ $now | Quote }}
"""

NODE = """
{{ $now := Now }}
{{ $lastTransitionTime := or .metadata.creationTimestamp $now }}
conditions:
{{ range NodeConditions }}
- lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $lastTransitionTime | Quote }}
  message: {{ .message | Quote }}
  reason: {{ .reason | Quote }}
  status: {{ .status | Quote }}
  type: {{ .type | Quote }}
{{ end }}
addresses:
{{ range .status.addresses }}
- {{ YAML . 1 }}
{{ end }}
"""


def pod(containers: int) -> dict[str, Any]:
    """A pod with as many containers, one of two of its init containers a sidecar."""
    return {
        "metadata": {
            "name": "web-0",
            "namespace": "default",
            "uid": "a3c1d0fe",
            "labels": {"app": "web"},
            "creationTimestamp": "2026-01-02T03:04:05Z",
        },
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": f"app-{n}", "image": f"registry.example/app:{n}", "resources": {}} for n in range(containers)],
            "initContainers": [{"name": "setup", "image": "busybox"}, {"name": "proxy", "image": "proxy", "restartPolicy": "Always"}],
            "readinessGates": [{"conditionType": "example.com/ready"}],
        },
        "status": {"phase": "Pending"},
    }


def by_hand(data: dict[str, Any]) -> str:
    """The status of the pod template, put together by hand."""
    now = json.dumps(format_now(NOW))
    spec = data["spec"]
    out = ["conditions:\n"]
    kinds = ["Initialized", "Ready", "ContainersReady", *(json.dumps(gate["conditionType"]) for gate in spec["readinessGates"])]
    out.extend(f'- lastTransitionTime: {now}\n  status: "True"\n  type: {kind}\n' for kind in kinds)
    out.append("containerStatuses:\n")
    for container in spec["containers"]:
        image, name = json.dumps(container["image"]), json.dumps(container["name"])
        out += [
            f"- image: {image}\n  name: {name}\n  ready: true\n  restartCount: 0\n",
            f"  state:\n    running:\n      startedAt: {now}\n",
        ]
    out.append("initContainerStatuses:\n")
    for container in spec["initContainers"]:
        image, name = json.dumps(container["image"]), json.dumps(container["name"])
        out.append(f"- image: {image}\n  name: {name}\n  ready: true\n  restartCount: 0\n")
        if container.get("restartPolicy") == "Always":
            out.append(f"  started: true\n  state:\n    running:\n      startedAt: {now}\n")
        else:
            out.append(f"  state:\n    terminated:\n      exitCode: 0\n      finishedAt: {now}\n      startedAt: {now}\n")
    out.append(f'hostIP: "10.0.0.1"\npodIP: "10.0.0.2"\nphase: Running\nstartTime: {now}\n')
    return "".join(out)


def measure(rounds: int, work: Callable[[], object]) -> float:
    """The median of five runs, in µs per round."""
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(rounds):
            work()
        times.append((time.perf_counter() - begin) / rounds * 1e6)
    return statistics.median(times)


def main() -> None:
    """Prints a line for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--containers", type=int, default=2)
    options = parser.parse_args()
    functions = {
        **kwok_functions(now=lambda: NOW),
        "NodeIPWith": fn(lambda name: "10.0.0.1", "string"),
        "PodIPWith": fn(lambda *args: "10.0.0.2", "string", "bool", "string", "string", "string"),
    }
    data = pod(options.containers)
    node = {
        "metadata": {"name": "node-1", "creationTimestamp": "2026-01-02T03:04:05Z"},
        "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": "node-1"}]},
    }
    pod_template = compile_template(POD, functions, trim=True)
    node_template = compile_template(NODE, functions, trim=True)
    print(f"{'compile, pod status':32} {measure(options.rounds // 20 or 1, lambda: compile_template(POD, functions, trim=True)):9.1f} µs")
    print(f"{'render, pod status':32} {measure(options.rounds, lambda: pod_template.render(data)):9.1f} µs")
    print(f"{'by hand, pod status':32} {measure(options.rounds, lambda: by_hand(data)):9.1f} µs")
    print(f"{'render, node status':32} {measure(options.rounds, lambda: node_template.render(node)):9.1f} µs")


if __name__ == "__main__":
    main()
