# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hypothesis, on a machine that does other things at the same time."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("kwok.sim-objects", deadline=None, max_examples=100)
settings.load_profile("kwok.sim-objects")
