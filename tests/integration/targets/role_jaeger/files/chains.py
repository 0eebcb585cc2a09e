# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what Jaeger's API answers to /api/traces: what each span of the service that is named goes back to.

Prints, as JSON, a list of ways from the first span of a trace down to that span, each a list of [service, operation].
"""

from __future__ import annotations

import json
import sys
from typing import Any


def way(span: dict[str, Any], spans: dict[str, dict[str, Any]], services: dict[str, str]) -> list[list[str]]:
    """Services and operations from the first span down to this one; nothing where one between them is missing."""
    steps: list[list[str]] = []
    while True:
        steps.insert(0, [services[span["processID"]], span["operationName"]])
        parents = [reference["spanID"] for reference in span["references"] if reference["refType"] == "CHILD_OF"]
        if not parents:
            return steps
        if parents[0] not in spans:
            return []
        span = spans[parents[0]]


def main() -> None:
    """Read from standard input."""
    ways = []
    for trace in json.load(sys.stdin)["data"]:
        spans = {span["spanID"]: span for span in trace["spans"]}
        services = {name: process["serviceName"] for name, process in trace["processes"].items()}
        ways += [way(span, spans, services) for span in trace["spans"] if services[span["processID"]] == sys.argv[1]]
    json.dump([steps for steps in ways if steps], sys.stdout)


if __name__ == "__main__":
    main()
