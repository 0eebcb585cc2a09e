# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The functions of gojq that are written in Python; they are registered when their modules are imported.

Left out are those that reach out of the query (`input`, `now`, modules). `env` is empty, as in the Go kwok.
"""

from kwok_controller.expressions.jq import collections, flow, numbers, texts
from kwok_controller.expressions.jq.registry import BUILTINS

__all__ = ["BUILTINS", "collections", "flow", "numbers", "texts"]
