# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What Stages are written in: Go templates, jq, CEL and quantities. Pure: no I/O, no clock, no randomness of its own."""
