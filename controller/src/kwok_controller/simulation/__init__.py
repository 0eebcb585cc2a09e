# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The simulation itself: watch the objects, match stages, wait, play. Everything lives in one event loop."""
