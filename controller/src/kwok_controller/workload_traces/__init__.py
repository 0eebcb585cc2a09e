# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Traces of simulated workloads: from a WorkloadTrace to the spans of a second, given the pods that are ready.

`compile` checks an object and makes a `Profile` of it, `slots` makes the requests of a second, `walk` the spans of a request, `lint`
finds what is wrong or odd. There is no clock here and no chance: times are given, in nanoseconds since 1970, and what looks like chance is
a hash of the seed, the object, the second and the request.
"""
