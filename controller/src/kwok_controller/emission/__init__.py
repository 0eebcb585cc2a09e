# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Sends the traces of simulated workloads: follows WorkloadTraces and the pods that are ready, and exports what `workload_traces` makes."""
