# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulated cluster itself: what there is, what comes and goes, what is left, and what goes wrong."""

from __future__ import annotations

from .parts import Board, Number, Panel, Row, queries, zero_unless

_CONTROLLER = "max(kwok_controller_build_info)"

BOARD = Board(
    uid="kwok-sim-cluster",
    title="Simulated cluster",
    description="Nodes and pods of the simulated cluster: how many, in which state, how many come and go, and what goes wrong.",
    rows=(
        Row(
            "Now",
            (
                Number(
                    "Nodes ready",
                    "Nodes whose condition Ready is true. Where kwok-controller does not count them, as the controller manager does.",
                    queries(
                        (
                            'max(kwok_controller_nodes{ready="True"}) or (cluster:nodes:sum - cluster:nodes_not_ready:sum)',
                            "ready",
                        )
                    ),
                ),
                Number(
                    "Nodes not ready",
                    "All other nodes. After a failure of nodes, those that have not come back.",
                    queries(
                        (
                            'sum(max by (ready) (kwok_controller_nodes{ready!="True"})) or cluster:nodes_not_ready:sum',
                            "not ready",
                        )
                    ),
                    limit=1,
                ),
                Number(
                    "Pods running",
                    "Pods on nodes, in the phase Running.",
                    queries(('max(kwok_controller_pods{phase="Running"})', "running")),
                ),
                Number(
                    "Pods without a node",
                    "Pods that the scheduler has found no node for yet, or has not tried yet.",
                    queries(("sum(queue:scheduler_pending_pods:sum)", "waiting")),
                ),
                Number(
                    "Objects stored",
                    "Objects of all kinds that etcd holds.",
                    queries(("sum(resource:apiserver_objects:max)", "objects")),
                ),
                Number(
                    "Alerts",
                    "Alerts that fire now.",
                    queries((zero_unless('count(ALERTS{alertstate="firing"})', "max(up)"), "firing")),
                    limit=1,
                ),
            ),
        ),
        Row(
            "Nodes and pods",
            (
                Panel(
                    "Nodes by state",
                    "Nodes by what they say of being ready; Unknown are those that say nothing, or that nobody has heard of.",
                    queries(("max by (ready) (kwok_controller_nodes)", "Ready={{ready}}")),
                    stacked=True,
                ),
                Panel(
                    "Nodes by zone",
                    "As the controller manager counts them when it looks after nodes.",
                    queries(
                        ("sum by (zone) (node_collector_zone_size)", "zone {{zone}}"),
                        ("sum by (zone) (node_collector_unhealthy_nodes_in_zone)", "zone {{zone}}, not ready"),
                    ),
                ),
                Panel(
                    "Pods by phase",
                    "Pods that are bound to a node, by phase, and below them those that wait for one.",
                    (
                        *queries(("max by (phase) (kwok_controller_pods)", "{{phase}}")),
                        *queries(("sum(queue:scheduler_pending_pods:sum)", "without a node")),
                    ),
                    stacked=True,
                ),
            ),
        ),
        Row(
            "Churn",
            (
                Panel(
                    "Pods bound to nodes",
                    "Attempts of the scheduler per second, by how they ended.",
                    queries(("sum by (result) (rate(scheduler_schedule_attempts_total[$__rate_interval]))", "{{result}}")),
                    unit="ops",
                ),
                Panel(
                    "Stages played",
                    "What kwok-controller does to nodes and pods, per second: each play is a step in the life of one of them.",
                    queries(
                        (
                            'sum by (kind, stage) (rate(kwok_controller_stage_plays_total{result="played"}[$__rate_interval]))',
                            "{{kind}} {{stage}}",
                        )
                    ),
                    unit="ops",
                ),
                Panel(
                    "Nodes and pods made and deleted",
                    "Requests to the apiserver that make or delete nodes and pods, per second.",
                    queries(
                        (
                            "sum by (verb, resource) (rate(apiserver_request_total"
                            '{verb=~"POST|DELETE|DELETECOLLECTION", resource=~"nodes|pods", subresource=""}[$__rate_interval]))',
                            "{{verb}} {{resource}}",
                        )
                    ),
                    unit="reqps",
                ),
                Panel(
                    "Objects by kind",
                    "What etcd holds, the ten kinds with most objects.",
                    queries(("topk(10, sum by (resource) (resource:apiserver_objects:max))", "{{resource}}")),
                    width=24,
                ),
            ),
        ),
        Row(
            "Capacity and usage",
            (
                Panel(
                    "CPU",
                    "What pods can have of all nodes together, and what the kubelets say that they use.",
                    queries(
                        ('max(kwok_controller_nodes_allocatable{resource="cpu"})', "allocatable"),
                        ("sum(rate(node_cpu_usage_seconds_total[$__rate_interval]))", "used"),
                    ),
                    unit="cores",
                ),
                Panel(
                    "Memory",
                    "What pods can have of all nodes together, and what the kubelets say that they use.",
                    queries(
                        ('max(kwok_controller_nodes_allocatable{resource="memory"})', "allocatable"),
                        ("sum(node_memory_working_set_bytes)", "used"),
                    ),
                    unit="bytes",
                ),
                Panel(
                    "Pods",
                    "How many pods the nodes can have, and how many they have that have not ended.",
                    queries(
                        ('max(kwok_controller_nodes_allocatable{resource="pods"})', "allocatable"),
                        ('sum(max by (phase) (kwok_controller_pods{phase=~"Pending|Running"}))', "bound"),
                    ),
                ),
            ),
        ),
        Row(
            "Faults",
            (
                Panel(
                    "Nodes not ready",
                    "Nodes by zone that the controller manager does not find healthy, and pods that it evicted from them per second.",
                    queries(
                        ("sum by (zone) (node_collector_unhealthy_nodes_in_zone)", "zone {{zone}}"),
                        (
                            zero_unless(
                                "sum(rate(taint_eviction_controller_pod_deletions_total[$__rate_interval]))",
                                'max(up{job="kube-controller-manager"})',
                            ),
                            "pods evicted per second",
                        ),
                    ),
                ),
                Panel(
                    "Requests that failed",
                    "Answers of the apiserver with 5xx or 429, and plays of stages that failed or had to be tried again, per second.",
                    queries(
                        ("cluster:apiserver_requests_failed:rate5m", "5xx"),
                        ("cluster:apiserver_requests_rejected:rate5m", "429"),
                        (
                            'sum by (result) (rate(kwok_controller_stage_plays_total{result=~"failed|retried"}[$__rate_interval]))',
                            "stages {{result}}",
                        ),
                    ),
                    unit="reqps",
                ),
                Panel(
                    "Wrong stages and Metrics",
                    "Errors in ten minutes that are the fault of a Stage, a Metric or a usage. The board Controller tells which.",
                    queries(
                        (zero_unless("sum(increase(kwok_controller_stage_errors_total[10m]))", _CONTROLLER), "Stages"),
                        (
                            zero_unless("sum(increase(kwok_controller_metric_evaluation_errors_total[10m]))", _CONTROLLER),
                            "Metrics and usages",
                        ),
                    ),
                ),
                Panel(
                    "Targets",
                    "Parts of the cluster that can be scraped: 1 is all of a job.",
                    queries(("job:up:ratio", "{{job}}")),
                    unit="percentunit",
                    width=12,
                ),
                Panel(
                    "Restarts",
                    "Processes that were started in the last hour, by job.",
                    queries(('sum by (job) (changes(process_start_time_seconds{job!="kubelets"}[1h]))', "{{job}}")),
                    width=12,
                ),
            ),
        ),
    ),
)
