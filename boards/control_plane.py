# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control plane against its objectives: apiserver, etcd, scheduler, controller manager."""

from __future__ import annotations

from .parts import Board, Number, Panel, Row, Variable, queries, zero_unless

_MANAGER = 'job="kube-controller-manager"'

BOARD = Board(
    uid="kwok-sim-control-plane",
    title="Control plane",
    description=(
        "The apiserver, etcd, the scheduler and the controller manager against what Kubernetes promises of them. The objectives are those "
        "of the rules of kwok.sim's Prometheus."
    ),
    variables=(Variable("resource", "Resource", "label_values(apiserver_request_total, resource)"),),
    rows=(
        Row(
            "Objectives",
            (
                Number(
                    "Requests in time",
                    "Of the requests of the last hour, those that the apiserver answered within 1 s (writes, one object), 5 s (a "
                    "namespace) or 30 s (the cluster). The objective is 99 of 100.",
                    queries(("1 - cluster:apiserver_sli_requests_slow:ratio_1h", "in time")),
                    unit="percentunit",
                    limit=0.99,
                    low=True,
                ),
                Number(
                    "Requests answered",
                    "Of the requests of the last hour, those that were answered with something else than 5xx. The objective is 99 of 100.",
                    queries(("1 - cluster:apiserver_requests_failed:ratio_1h", "answered")),
                    unit="percentunit",
                    limit=0.99,
                    low=True,
                ),
                Number(
                    "etcd commits, 99 of 100",
                    "Within which time 99 of 100 commits of etcd's database are done. Beyond a quarter of a second an alert fires.",
                    queries(("max(instance:etcd_disk_backend_commit_duration_seconds:p99_5m)", "p99")),
                    unit="s",
                    limit=0.25,
                ),
                Number(
                    "etcd quota used",
                    "How much of the size that etcd's database may have is used. At 1, nothing can be written any more.",
                    queries(("max(instance:etcd_mvcc_db_total_size_in_bytes:ratio_of_quota)", "used")),
                    unit="percentunit",
                    limit=0.8,
                ),
                Number(
                    "Pods scheduled, 99 of 100",
                    "Within which time of being seen 99 of 100 pods have a node; Kubernetes wants pods started within 5 s.",
                    queries(("max(cluster:scheduler_pod_scheduling_sli_duration_seconds:p99_5m)", "p99")),
                    unit="s",
                    limit=5,
                ),
                Number(
                    "Controllers behind",
                    "Keys that wait in the queues of the controller manager.",
                    queries((f"sum(workqueue_depth{{{_MANAGER}}})", "waiting")),
                    limit=1000,
                ),
            ),
        ),
        Row(
            "kube-apiserver",
            (
                Panel(
                    "Requests",
                    "Per second, by verb.",
                    queries(('sum by (verb) (rate(apiserver_request_total{resource=~"$resource"}[$__rate_interval]))', "{{verb}}")),
                    unit="reqps",
                ),
                Panel(
                    "Answers",
                    "Per second, by status.",
                    queries(('sum by (code) (rate(apiserver_request_total{resource=~"$resource"}[$__rate_interval]))', "{{code}}")),
                    unit="reqps",
                ),
                Panel(
                    "Latency, 99 of 100",
                    "Within which time 99 of 100 requests are answered, by verb and by how much they read, without watches; the slowest "
                    "resource of each. 1 s is the objective of writes and of reads of one object.",
                    queries(
                        (
                            "max by (verb, scope) "
                            '(verb_scope_resource:apiserver_request_sli_duration_seconds:p99_5m{resource=~"$resource"})',
                            "{{verb}} {{scope}}",
                        )
                    ),
                    unit="s",
                    limit=1,
                ),
                Panel(
                    "In flight",
                    "Requests that are being answered, by whether they write.",
                    queries(("request_kind:apiserver_current_inflight_requests:sum", "{{request_kind}}")),
                ),
                Panel(
                    "Watches",
                    "Open watches by resource, the ten with most.",
                    queries(('topk(10, sum by (resource) (apiserver_longrunning_requests{verb="WATCH"}))', "{{resource}}")),
                ),
                Panel(
                    "Turned away, and budget",
                    "Requests per second that are answered with 429, and how much of the hundredth that may be slow was slow, over five "
                    "minutes and an hour: at 1 all of it.",
                    queries(
                        ("cluster:apiserver_requests_rejected:rate5m", "429 per second"),
                        ("cluster:apiserver_sli_requests_slow:ratio_5m / 0.01", "of the budget, 5 minutes"),
                        ("cluster:apiserver_sli_requests_slow:ratio_1h / 0.01", "of the budget, an hour"),
                    ),
                    limit=1,
                ),
            ),
        ),
        Row(
            "etcd",
            (
                Panel(
                    "Disk, 99 of 100",
                    "Within which time 99 of 100 commits and writes to the log are done; the latter is 0 where etcd does not wait for the "
                    "disk (etcd_fsync).",
                    queries(
                        ("instance:etcd_disk_backend_commit_duration_seconds:p99_5m", "commit"),
                        (
                            "instance:etcd_disk_wal_fsync_duration_seconds:p99_5m >= 0 "
                            "or 0 * instance:etcd_disk_backend_commit_duration_seconds:p99_5m",
                            "fsync",
                        ),
                    ),
                    unit="s",
                    limit=0.25,
                ),
                Panel(
                    "Requests of the apiserver, 99 of 100",
                    "Within which time etcd answers 99 of 100 requests, as the apiserver sees it: the five slowest.",
                    queries(("topk(5, operation_type:etcd_request_duration_seconds:p99_5m)", "{{operation}} {{type}}")),
                    unit="s",
                ),
                Panel(
                    "Database",
                    "How large the database is, how much of that is in use, and how large it may become.",
                    queries(
                        ("etcd_mvcc_db_total_size_in_bytes", "size"),
                        ("etcd_mvcc_db_total_size_in_use_in_bytes", "in use"),
                        ("etcd_server_quota_backend_bytes", "quota"),
                    ),
                    unit="bytes",
                ),
                Panel(
                    "Writes",
                    "Proposals per second that were agreed on, and those that failed.",
                    queries(
                        ("instance:etcd_server_proposals_committed:rate5m", "committed"),
                        ("sum by (instance) (rate(etcd_server_proposals_failed_total[$__rate_interval]))", "failed"),
                    ),
                    unit="ops",
                    width=12,
                ),
                Panel(
                    "Leader",
                    "Whether there is one, and how often it changed in an hour.",
                    queries(
                        ("min(etcd_server_has_leader)", "has a leader"),
                        ("max(increase(etcd_server_leader_changes_seen_total[1h]))", "changes in an hour"),
                    ),
                    width=12,
                ),
            ),
        ),
        Row(
            "kube-scheduler",
            (
                Panel(
                    "Attempts",
                    "To find a node for a pod, per second, by how they ended.",
                    queries(("result:scheduler_schedule_attempts:rate5m", "{{result}}")),
                    unit="ops",
                ),
                Panel(
                    "Waiting pods",
                    "By queue: to be tried now, after a pause, when something changes that may help, or when a gate is opened.",
                    queries(("queue:scheduler_pending_pods:sum", "{{queue}}")),
                    stacked=True,
                ),
                Panel(
                    "Latency, 99 of 100",
                    "Of an attempt, and of a pod from being seen until it is bound. Kubernetes wants pods started within 5 s.",
                    queries(
                        ("cluster:scheduler_scheduling_attempt_duration_seconds:p99_5m", "attempt"),
                        ("cluster:scheduler_pod_scheduling_sli_duration_seconds:p99_5m", "pod"),
                    ),
                    unit="s",
                    limit=5,
                ),
            ),
        ),
        Row(
            "kube-controller-manager",
            (
                Panel(
                    "Queues",
                    "Keys that wait, by controller: the ten with most.",
                    queries((f"topk(10, sum by (name) (workqueue_depth{{{_MANAGER}}}))", "{{name}}")),
                ),
                Panel(
                    "Work",
                    "Keys that are taken up per second, by controller: the ten with most.",
                    queries((f"topk(10, sum by (name) (rate(workqueue_adds_total{{{_MANAGER}}}[$__rate_interval])))", "{{name}}")),
                    unit="ops",
                ),
                Panel(
                    "Wait, 99 of 100",
                    "How long 99 of 100 keys wait at most, by controller: the ten with most.",
                    queries(
                        (
                            "topk(10, histogram_quantile(0.99, sum by (name, le) "
                            f"(rate(workqueue_queue_duration_seconds_bucket{{{_MANAGER}}}[$__rate_interval]))) >= 0)",
                            "{{name}}",
                        )
                    ),
                    unit="s",
                ),
            ),
        ),
        Row(
            "Processes",
            (
                Panel(
                    "CPU",
                    "By process, in cores.",
                    queries(('job:process_cpu_seconds:rate5m{job=~"etcd|kube-.*"}', "{{job}}")),
                    unit="cores",
                ),
                Panel(
                    "Memory",
                    "Resident memory by process.",
                    queries(('job:process_resident_memory_bytes:sum{job=~"etcd|kube-.*"}', "{{job}}")),
                    unit="bytes",
                ),
                Panel(
                    "Certificates",
                    "Time for which the certificate of the client that is nearest to its end is still good, of those that called lately.",
                    queries(
                        (
                            zero_unless(
                                "histogram_quantile(0, sum by (le) "
                                "(rate(apiserver_client_certificate_expiration_seconds_bucket[1h]))) >= 0",
                                'max(up{job="kube-apiserver"})',
                            ),
                            "at least",
                        )
                    ),
                    unit="s",
                ),
            ),
        ),
    ),
)
