# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a module behaves: check mode, diff mode, idempotence, platform."""

from __future__ import annotations


class ModuleDocFragment:
    """Texts shared by all modules."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and tell what it would change, without changing it.
  diff_mode:
    description: Returns what it changes, or in check mode would change, in C(diff_mode).
  idempotent:
    description: Run twice with the same options, it changes nothing the second time.
  platform:
    description: The operating systems of hosts that it can act on.
    platforms: posix
    support: full
"""

    ACTIONGROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/kwok.sim.kwok) in C(module_defaults) to set defaults for all modules of the collection.
    support: full
    membership:
      - kwok.sim.kwok
"""
