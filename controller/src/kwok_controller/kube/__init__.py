# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Speaking to the apiserver: connection, requests, discovery, watches. Knows nothing of what is simulated."""
