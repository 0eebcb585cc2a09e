# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""YAML, read as the Go kwok reads it: `sigs.k8s.io/yaml`, whose values are those of JSON.

Booleans are YAML 1.1's (`yes`, `on`, `y`), a number that begins with 0 is octal, keys are strings, and of a key that is given twice the
last counts. What templates come to is mostly plain enough for a reader of our own; everything else is read by libyaml, of which Go's reader
is a translation.
"""

from __future__ import annotations

from typing import Any

from kwok_controller.expressions.yaml.errors import YamlError, YamlLimitError
from kwok_controller.expressions.yaml.limits import DEFAULT_LIMITS, Limits
from kwok_controller.expressions.yaml.plain import NOT_PLAIN, read_plain

__all__ = ["Limits", "YamlError", "YamlLimitError", "load_yaml"]


def load_yaml(text: str, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The first document of a text, None where there is none.

    Raises:
        YamlError: it is no YAML, or cannot be had as JSON.
        YamlLimitError: it is too large, or nested too deeply.
    """
    if len(text) > limits.size:
        raise YamlLimitError(f"more than {limits.size} characters of YAML")
    value = read_plain(text, limits.depth)
    if value is not NOT_PLAIN:
        return value
    # Imported where it is needed: it costs memory, and many controllers never need it.
    from kwok_controller.expressions.yaml.whole import read_whole

    return read_whole(text, limits)
