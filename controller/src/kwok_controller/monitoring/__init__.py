# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Metrics and usages that ship with the controller, and tools for those who write their own."""
