# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kwok-controller: what it plays, what waits, its Leases, its requests, its process."""

from __future__ import annotations

from .parts import Board, Number, Panel, Query, Row, Variable, queries, zero_unless

_OF = 'kind=~"$kind", stage=~"$stage"'
_THERE = "max(kwok_controller_build_info)"
_LATENCY = f"sum by (kind, stage, le) (rate(kwok_controller_stage_latency_seconds_bucket{{{_OF}}}[$__rate_interval]))"
_REQUESTS = "kwok_controller_request_duration_seconds"

BOARD = Board(
    uid="kwok-sim-controller",
    title="Controller",
    description="kwok-controller from within: stages, queue, Leases, requests to the apiserver, memory. The Go kwok has no such metrics.",
    variables=(
        Variable("kind", "Kind", "label_values(kwok_controller_stage_plays_total, kind)"),
        Variable("stage", "Stage", 'label_values(kwok_controller_stage_plays_total{kind=~"$kind"}, stage)'),
    ),
    rows=(
        Row(
            "Now",
            (
                Number(
                    "Controllers",
                    "That can be scraped.",
                    queries(('sum(up{job="kwok-controller"})', "up")),
                    limit=1,
                    low=True,
                ),
                Number(
                    "Objects played",
                    "Objects of all kinds that are played here.",
                    queries(("sum(kind:kwok_controller_managed_objects:sum)", "objects")),
                ),
                Number(
                    "Oldest job",
                    "How long the oldest job that is due has waited.",
                    queries(("max(kwok_controller_queue_oldest_age_seconds)", "age")),
                    unit="s",
                    limit=30,
                ),
                Number(
                    "Late plays",
                    "Within which time of being due 99 of 100 plays are done.",
                    queries(("max(cluster:kwok_controller_stage_latency_seconds:p99_5m) >= 0 or 0 * " + _THERE, "p99")),
                    unit="s",
                    limit=10,
                ),
                Number(
                    "Lease lag",
                    "Age of the stalest renewal as a part of how long a Lease lasts: due at six tenths, lost at 1.",
                    queries(("max(instance:kwok_controller_lease_lag:ratio_of_duration)", "lag")),
                    unit="percentunit",
                    limit=0.9,
                ),
                Number(
                    "Memory",
                    "Resident memory of the process.",
                    queries(('sum(process_resident_memory_bytes{job="kwok-controller"})', "resident")),
                    unit="bytes",
                ),
            ),
        ),
        Row(
            "Stages",
            (
                Panel(
                    "Plays",
                    "Stages that were played per second and have sent something.",
                    queries(
                        (
                            f'sum by (kind, stage) (rate(kwok_controller_stage_plays_total{{{_OF}, result="played"}}[$__rate_interval]))',
                            "{{kind}} {{stage}}",
                        )
                    ),
                    unit="ops",
                ),
                Panel(
                    "Plays by result",
                    "Per second. Unchanged ones had nothing to send, dropped ones were overtaken by a newer version of their object.",
                    queries((f"sum by (result) (rate(kwok_controller_stage_plays_total{{{_OF}}}[$__rate_interval]))", "{{result}}")),
                    unit="ops",
                ),
                Panel(
                    "Lateness, 99 of 100",
                    "From when a stage was due until all of it was done. Points are single plays whose traces are kept; each leads to "
                    "its trace.",
                    (Query(f"histogram_quantile(0.99, {_LATENCY}) >= 0", "{{kind}} {{stage}}", exemplars=True),),
                    unit="s",
                    limit=10,
                ),
                Panel(
                    "Lateness, half of them",
                    "From when a stage was due until all of it was done.",
                    queries((f"histogram_quantile(0.5, {_LATENCY}) >= 0", "{{kind}} {{stage}}")),
                    unit="s",
                ),
                Panel(
                    "Objects played",
                    "By kind, as far as they are this controller's.",
                    queries(('kind:kwok_controller_managed_objects:sum{kind=~"$kind"}', "{{kind}}")),
                ),
                Panel(
                    "Errors of stages and Metrics",
                    "In ten minutes, by what is at fault. Its status says what and where.",
                    queries(
                        (
                            f"sum by (stage, reason) (increase(kwok_controller_stage_errors_total[10m])) or on () 0 * {_THERE}",
                            "{{stage}} {{reason}}",
                        ),
                        (
                            "sum by (kind, namespace, name) (increase(kwok_controller_metric_evaluation_errors_total[10m])) "
                            f"or on () 0 * {_THERE}",
                            "{{kind}} {{namespace}} {{name}}",
                        ),
                    ),
                    limit=1,
                ),
            ),
        ),
        Row(
            "Queue and Leases",
            (
                Panel(
                    "Queue",
                    "Jobs by whether they are due, due again after an error, or wait for their time.",
                    queries(("priority:kwok_controller_queue_depth:sum", "{{priority}}")),
                ),
                Panel(
                    "Oldest job",
                    "How long the oldest job that is due has waited. From 30 s on an alert fires.",
                    queries(("max by (instance) (kwok_controller_queue_oldest_age_seconds)", "{{instance}}")),
                    unit="s",
                    limit=30,
                ),
                Panel(
                    "Leases",
                    "Leases of nodes that are held, by controller.",
                    queries(("sum by (instance) (kwok_controller_leases_held)", "{{instance}}")),
                ),
                Panel(
                    "Lease lag",
                    "Age of the stalest renewal as a part of how long a Lease lasts. Renewals are due at six tenths; at 1 a Lease is lost.",
                    queries(("instance:kwok_controller_lease_lag:ratio_of_duration", "{{instance}}")),
                    unit="percentunit",
                    limit=0.9,
                    width=12,
                ),
                Panel(
                    "Event loop",
                    "How late the event loop was when it was last asked: what blocks it, blocks everything.",
                    queries(("max by (instance) (kwok_controller_event_loop_lag_seconds)", "{{instance}}")),
                    unit="s",
                    width=12,
                ),
            ),
        ),
        Row(
            "Requests to the apiserver",
            (
                Panel(
                    "Requests",
                    "Per second, by verb and resource.",
                    queries((f"sum by (verb, resource) (rate({_REQUESTS}_count[$__rate_interval]))", "{{verb}} {{resource}}")),
                    unit="reqps",
                ),
                Panel(
                    "Answers",
                    "Per second, by status; 0 where none came.",
                    queries((f"sum by (code) (rate({_REQUESTS}_count[$__rate_interval]))", "{{code}}")),
                    unit="reqps",
                ),
                Panel(
                    "Latency, 99 of 100",
                    "Within which time the apiserver answers 99 of 100 requests.",
                    queries(
                        (
                            f"histogram_quantile(0.99, sum by (verb, resource, le) (rate({_REQUESTS}_bucket[$__rate_interval]))) >= 0",
                            "{{verb}} {{resource}}",
                        )
                    ),
                    unit="s",
                ),
                Panel(
                    "Watches begun again",
                    "In ten minutes, by resource and reason. That the apiserver ends one after some minutes is usual.",
                    queries(
                        (
                            "sum by (resource, reason) (increase(kwok_controller_watch_restarts_total[10m])) or on () 0 * " + _THERE,
                            "{{resource}} {{reason}}",
                        )
                    ),
                    width=12,
                ),
                Panel(
                    "Failed requests",
                    "Per second, those that were refused, failed, or met a newer version of the object (409).",
                    queries(
                        (
                            zero_unless(f'sum(rate({_REQUESTS}_count{{code!~"2..|409"}}[$__rate_interval]))', _THERE),
                            "refused or failed",
                        ),
                        (zero_unless(f'sum(rate({_REQUESTS}_count{{code="409"}}[$__rate_interval]))', _THERE), "conflicts"),
                    ),
                    unit="reqps",
                    width=12,
                ),
            ),
        ),
        Row(
            "Process",
            (
                Panel(
                    "Memory",
                    "Resident memory.",
                    queries(('process_resident_memory_bytes{job="kwok-controller"}', "{{instance}}")),
                    unit="bytes",
                ),
                Panel(
                    "CPU",
                    "In cores; one event loop uses one at most.",
                    queries(('rate(process_cpu_seconds_total{job="kwok-controller"}[$__rate_interval])', "{{instance}}")),
                    unit="cores",
                    limit=0.9,
                ),
                Panel(
                    "Open files",
                    "Connections for the most part, and how many there may be.",
                    queries(
                        ('process_open_fds{job="kwok-controller"}', "{{instance}}"),
                        ('process_max_fds{job="kwok-controller"}', "{{instance}}, at most"),
                    ),
                ),
            ),
        ),
    ),
)
