# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Service discovery for Prometheus over HTTP (kwok v0.8.0, `pkg/kwok/server/service_discovery.go`)."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from kwok_controller.kubelet.endpoints import NODE_NAME, Served


def targets(served: Iterable[Served], nodes: Iterable[str], *, host: str, scheme: str) -> bytes:
    """What is to be scraped: every Metric, of every node where its path has one, as `http_sd_config` takes it.

    A Metric without a node in its path is for the node of its own name. Where there is none it is left out, other than in the Go kwok: it
    would be a target that is always down.

    Args:
        served: the Metrics.
        nodes: all nodes.
        host: whom the client asked, with the port.
        scheme: in which the client asked.
    """
    names = dict.fromkeys(nodes)
    hosts = [host]
    found = []
    for metric in served:
        if NODE_NAME in metric.path:
            paths = [metric.path.replace(NODE_NAME, name) for name in names]
        else:
            paths = [metric.path] if metric.name in names else []
        for path in paths:
            labels = {"__metrics_path__": path, "__scheme__": scheme, "metrics_name": metric.name}
            found.append({"targets": hosts, "labels": labels})
    return orjson.dumps(found, option=orjson.OPT_APPEND_NEWLINE)
