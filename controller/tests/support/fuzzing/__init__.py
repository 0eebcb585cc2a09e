# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Bytes are turned into stages, templates, expressions, patches, Metrics, usages and objects, and these are tried, within bounds of time
and memory.
"""
