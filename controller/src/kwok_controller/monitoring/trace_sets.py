# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The sets of WorkloadTraces that ship with the controller, in `sets/trace/NAME.yaml`."""

from __future__ import annotations

from typing import Final

from kwok_controller.monitoring.set_files import SetFiles

SETS: Final = SetFiles(
    "trace",
    {
        "online-shop": "A shop of eleven services, busiest at 18:00 UTC, whose pods have the labels app.kubernetes.io/part-of: online-shop "
        "and app.kubernetes.io/name, their service.",
    },
)
"""All of them."""
