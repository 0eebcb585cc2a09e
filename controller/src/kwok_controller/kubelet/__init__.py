# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The HTTP(S) server that plays every node's kubelet: metrics, usage and pods, for those who are allowed to see them."""
