# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The Python counterpart of the Go `kwok`."""

__version__ = "0.1.0"
