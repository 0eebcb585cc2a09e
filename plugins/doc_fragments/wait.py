# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of every module that can wait for readiness."""

from __future__ import annotations


class ModuleDocFragment:
    """Texts shared by the modules that wait."""

    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Whether to return only when everything that should run is ready by its own readiness endpoint.
      - What others are started on is waited for in any case.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait for readiness.
      - Another run that is at work on the same cluster is waited for, too, for this long or ten minutes, whichever is longer.
    type: int
    default: 120
"""
