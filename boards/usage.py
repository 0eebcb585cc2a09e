# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What simulated containers use, as the kubelets of their nodes show it: per node, namespace and pod."""

from __future__ import annotations

from .parts import Board, Number, Panel, Row, Variable, queries

_OF = 'namespace=~"$namespace", pod=~"$pod", node=~"$node"'
_TOP = 15


def _cpu(by: str, most: int = _TOP) -> str:
    return f"topk({most}, sum by ({by}) (rate(container_cpu_usage_seconds_total{{{_OF}}}[$__rate_interval])))"


def _memory(by: str, most: int = _TOP) -> str:
    return f"topk({most}, sum by ({by}) (container_memory_working_set_bytes{{{_OF}}}))"


def _both(what: str, by: str, legend: str, detail: str = "") -> tuple[Panel, Panel]:
    """CPU and memory of the same things beside each other."""
    which = f"The {_TOP} with most{detail}."
    return (
        Panel(f"CPU by {what}", f"In cores. {which}", queries((_cpu(by), legend)), unit="cores", width=12),
        Panel(f"Memory by {what}", f"Working set. {which}", queries((_memory(by), legend)), unit="bytes", width=12),
    )


BOARD = Board(
    uid="kwok-sim-usage",
    title="Simulated usage",
    description=(
        "What simulated containers use, as ResourceUsages and ClusterResourceUsages say it and the kubelets of their nodes show it at "
        "/metrics/resource."
    ),
    variables=(
        Variable("node", "Node", "label_values(node_memory_working_set_bytes, node)"),
        Variable("namespace", "Namespace", 'label_values(container_memory_working_set_bytes{node=~"$node"}, namespace)'),
        Variable(
            "pod",
            "Pod",
            'label_values(container_memory_working_set_bytes{node=~"$node", namespace=~"$namespace"}, pod)',
        ),
    ),
    rows=(
        Row(
            "What is chosen",
            (
                Number(
                    "CPU",
                    "In cores.",
                    queries((f"sum(rate(container_cpu_usage_seconds_total{{{_OF}}}[$__rate_interval]))", "used")),
                    unit="cores",
                ),
                Number("Memory", "Working set.", queries((f"sum(container_memory_working_set_bytes{{{_OF}}})", "used")), unit="bytes"),
                Number(
                    "Nodes",
                    "That have containers which use something.",
                    queries((f"count(count by (node) (container_memory_working_set_bytes{{{_OF}}}))", "nodes")),
                ),
                Number(
                    "Pods",
                    "That have containers which use something.",
                    queries((f"count(count by (namespace, pod) (container_memory_working_set_bytes{{{_OF}}}))", "pods")),
                ),
                Number(
                    "Containers",
                    "That use something.",
                    queries((f"count(container_memory_working_set_bytes{{{_OF}}})", "containers")),
                ),
                Number(
                    "Kubelets that answer",
                    "Of the simulated kubelets, those that can be scraped.",
                    queries(('avg(up{job="kubelets", node=~"$node"})', "answer")),
                    unit="percentunit",
                    limit=0.95,
                    low=True,
                ),
            ),
        ),
        Row("Nodes", _both("node", "node", "{{node}}")),
        Row(
            "Of their capacity",
            (
                Panel(
                    "CPU of the cluster",
                    "All pods on all nodes, as a part of what is allocatable.",
                    queries(
                        (
                            "sum(rate(node_cpu_usage_seconds_total[$__rate_interval])) "
                            '/ max(kwok_controller_nodes_allocatable{resource="cpu"})',
                            "used",
                        )
                    ),
                    unit="percentunit",
                    width=12,
                ),
                Panel(
                    "Memory of the cluster",
                    "All pods on all nodes, as a part of what is allocatable.",
                    queries(('sum(node_memory_working_set_bytes) / max(kwok_controller_nodes_allocatable{resource="memory"})', "used")),
                    unit="percentunit",
                    width=12,
                ),
            ),
        ),
        Row("Namespaces", _both("namespace", "namespace", "{{namespace}}")),
        Row("Pods", _both("pod", "namespace, pod", "{{namespace}}/{{pod}}")),
        Row("Containers", _both("container", "namespace, pod, container", "{{namespace}}/{{pod}} {{container}}")),
        Row(
            "Starts",
            (
                Panel(
                    "Containers started",
                    "In ten minutes, by namespace: containers that run, and were started within that time.",
                    queries(
                        (
                            f"sum by (namespace) (container_start_time_seconds{{{_OF}}} > bool (time() - 600))",
                            "{{namespace}}",
                        )
                    ),
                    width=12,
                ),
                Panel(
                    "Age of containers",
                    "The youngest and the oldest of those that run.",
                    queries(
                        (f"time() - max(container_start_time_seconds{{{_OF}}})", "youngest"),
                        (f"time() - min(container_start_time_seconds{{{_OF}}})", "oldest"),
                    ),
                    unit="s",
                    width=12,
                ),
            ),
        ),
    ),
)
