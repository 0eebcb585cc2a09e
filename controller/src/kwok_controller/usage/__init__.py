# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What simulated containers, pods and nodes use: at a moment, and since they were started.

`selection` says which entry of which ResourceUsage or ClusterResourceUsage counts for a container, `evaluate` what it gives at a moment,
`cumulative` what it comes to over time; `patterns` and `traces` are courses of usage that expressions can name, `presets` are objects
that name them, `check` finds what is wrong with an object before it is sent. There is no clock here and no chance: times are given, in
nanoseconds since 1970, and what looks like chance is a hash.
"""
