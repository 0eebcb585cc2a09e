# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What can be wrong with YAML."""

from __future__ import annotations


class YamlError(ValueError):
    """A text that is no YAML, or that has what JSON does not."""


class YamlLimitError(YamlError):
    """The text goes over one of the `Limits`."""
