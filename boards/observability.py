# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What watches the cluster: cost of scrapes, series, ingestion, spans, storage."""

from __future__ import annotations

from .parts import Board, Number, Panel, Row, Variable, queries

_JOB = 'job=~"$job"'

BOARD = Board(
    uid="kwok-sim-observability",
    title="Observability stack",
    description=(
        "Prometheus and Jaeger of the cluster: what scrapes cost, how many series there are, what comes in, what is stored, and spans."
    ),
    variables=(Variable("job", "Job", "label_values(up, job)"),),
    rows=(
        Row(
            "Now",
            (
                Number(
                    "Targets up",
                    "Of everything that is scraped.",
                    queries((f"avg(up{{{_JOB}}})", "up")),
                    unit="percentunit",
                    limit=0.95,
                    low=True,
                ),
                Number(
                    "Series",
                    "That Prometheus holds in memory.",
                    queries(("sum(prometheus_tsdb_head_series)", "series")),
                ),
                Number(
                    "Samples",
                    "That come in per second.",
                    queries(("sum(instance:prometheus_tsdb_head_samples_appended:rate5m)", "samples")),
                    unit="cps",
                ),
                Number(
                    "Stored",
                    "Blocks, write-ahead log and memory-mapped chunks of Prometheus on disk.",
                    queries(
                        (
                            "sum(prometheus_tsdb_storage_blocks_bytes) + sum(prometheus_tsdb_wal_storage_size_bytes) "
                            "+ sum(prometheus_tsdb_head_chunks_storage_size_bytes)",
                            "on disk",
                        )
                    ),
                    unit="bytes",
                ),
                Number(
                    "Spans",
                    "That Jaeger receives per second.",
                    queries(("sum(rate(jaeger_collector_spans_received_total[$__rate_interval]))", "spans")),
                    unit="cps",
                ),
                Number(
                    "Rules that fail",
                    "Evaluations of rules in five minutes that failed.",
                    queries(("sum(increase(prometheus_rule_evaluation_failures_total[5m]))", "failures")),
                    limit=1,
                ),
            ),
        ),
        Row(
            "Scrapes",
            (
                Panel(
                    "Duration",
                    "Of the slowest scrape of each job; from ten seconds on a scrape is given up.",
                    queries((f"job:scrape_duration_seconds:max{{{_JOB}}}", "{{job}}")),
                    unit="s",
                    limit=5,
                ),
                Panel(
                    "Samples",
                    "In one scrape of all targets of a job.",
                    queries((f"job:scrape_samples_scraped:sum{{{_JOB}}}", "{{job}}")),
                ),
                Panel(
                    "New series",
                    "In five minutes, by job: what comes and goes, as pods do.",
                    queries((f"job:scrape_series_added:sum5m{{{_JOB}}}", "{{job}}")),
                ),
                Panel(
                    "Targets up",
                    "By job: 1 is all of them.",
                    queries((f"job:up:ratio{{{_JOB}}}", "{{job}}")),
                    unit="percentunit",
                    width=12,
                ),
                Panel(
                    "Targets",
                    "By job: how many there are.",
                    queries((f"count by (job) (up{{{_JOB}}})", "{{job}}")),
                    width=12,
                ),
            ),
        ),
        Row(
            "Prometheus",
            (
                Panel(
                    "Series",
                    "In memory, and how many come and go per second.",
                    queries(
                        ("sum by (instance) (prometheus_tsdb_head_series)", "in memory"),
                        ("sum by (instance) (rate(prometheus_tsdb_head_series_created_total[$__rate_interval]))", "new per second"),
                        ("sum by (instance) (rate(prometheus_tsdb_head_series_removed_total[$__rate_interval]))", "gone per second"),
                    ),
                ),
                Panel(
                    "Ingestion",
                    "Samples and exemplars that come in per second.",
                    queries(
                        ("instance:prometheus_tsdb_head_samples_appended:rate5m", "samples"),
                        ("sum by (instance) (rate(prometheus_tsdb_exemplar_exemplars_appended_total[$__rate_interval]))", "exemplars"),
                    ),
                    unit="cps",
                ),
                Panel(
                    "Storage",
                    "On disk: blocks, the write-ahead log, chunks of the block that is being written.",
                    queries(
                        ("sum by (instance) (prometheus_tsdb_storage_blocks_bytes)", "blocks"),
                        ("sum by (instance) (prometheus_tsdb_wal_storage_size_bytes)", "write-ahead log"),
                        ("sum by (instance) (prometheus_tsdb_head_chunks_storage_size_bytes)", "chunks"),
                    ),
                    unit="bytes",
                    stacked=True,
                ),
                Panel(
                    "Rules",
                    "How long the rules of all groups took when they were last evaluated.",
                    queries(("instance:prometheus_rule_group_last_duration_seconds:sum", "all groups")),
                    unit="s",
                ),
                Panel(
                    "Questions",
                    "Queries per second, those of rules included, and how many are being answered.",
                    queries(
                        ("sum by (slice) (rate(prometheus_engine_query_duration_seconds_count[$__rate_interval]))", "{{slice}} per second"),
                        ("sum(prometheus_engine_queries)", "being answered"),
                    ),
                ),
                Panel(
                    "CPU",
                    "Of what watches, in cores.",
                    queries(('job:process_cpu_seconds:rate5m{job=~"prometheus|jaeger|grafana|metrics-server"}', "{{job}}")),
                    unit="cores",
                ),
                Panel(
                    "Memory",
                    "Resident memory of what watches.",
                    queries(('job:process_resident_memory_bytes:sum{job=~"prometheus|jaeger|grafana|metrics-server"}', "{{job}}")),
                    unit="bytes",
                    width=24,
                ),
            ),
        ),
        Row(
            "Spans",
            (
                Panel(
                    "Received",
                    "Spans that Jaeger receives per second, by who sends them.",
                    queries(("sum by (svc) (rate(jaeger_collector_spans_received_total[$__rate_interval]))", "{{svc}}")),
                    unit="cps",
                ),
                Panel(
                    "Saved, dropped, rejected",
                    "Spans per second.",
                    queries(
                        ("sum(rate(jaeger_collector_spans_saved_by_svc_total[$__rate_interval]))", "saved"),
                        ("sum(rate(jaeger_collector_spans_dropped_total[$__rate_interval]))", "dropped"),
                        ("sum(rate(jaeger_collector_spans_rejected_total[$__rate_interval]))", "rejected"),
                    ),
                    unit="cps",
                ),
                Panel(
                    "Queue",
                    "Spans that wait to be saved, and how many may.",
                    queries(
                        ("sum(jaeger_collector_queue_length)", "waiting"),
                        ("sum(jaeger_collector_queue_capacity)", "at most"),
                    ),
                ),
                Panel(
                    "Saving, 99 of 100",
                    "How long it takes to save 99 of 100 spans at most.",
                    queries(
                        (
                            "histogram_quantile(0.99, sum by (le) (rate(jaeger_collector_save_latency_bucket[$__rate_interval]))) >= 0",
                            "p99",
                        )
                    ),
                    unit="s",
                    width=12,
                ),
                Panel(
                    "Of simulated workloads",
                    "Spans per second that kwok-controller sends for simulated applications, by what became of them.",
                    queries(("sum by (result) (rate(kwok_controller_workload_trace_spans_total[$__rate_interval]))", "{{result}}")),
                    unit="cps",
                    width=12,
                ),
            ),
        ),
    ),
)
