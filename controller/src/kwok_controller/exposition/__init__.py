# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What a Metric shows: compiled once, and written for a node and its pods as Prometheus and OpenMetrics have it.

Pure: no I/O, no clock, and no chance; the expressions that need them come from `compiler`, which is given both.
"""

from kwok_controller.exposition.compile import compile_endpoint
from kwok_controller.exposition.endpoint import Endpoint, Scrape
from kwok_controller.exposition.failures import Failure
from kwok_controller.exposition.formats import Format, negotiate
from kwok_controller.exposition.language import Compile, Expression, compiler
from kwok_controller.exposition.lint import lint, lint_metric, lint_together
from kwok_controller.exposition.problems import Problem

__all__ = [
    "Compile",
    "Endpoint",
    "Expression",
    "Failure",
    "Format",
    "Problem",
    "Scrape",
    "compile_endpoint",
    "compiler",
    "lint",
    "lint_metric",
    "lint_together",
    "negotiate",
]
