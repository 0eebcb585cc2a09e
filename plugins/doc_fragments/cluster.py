# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of every module that acts on a cluster."""

from __future__ import annotations


class ModuleDocFragment:
    """Texts shared by the modules that act on a cluster."""

    DOCUMENTATION = r"""
options:
  base_dir:
    description:
      - Directory below which clusters are kept, each in C(clusters/NAME).
      - If omitted, C(kwok-sim) in the user's data directory, which is E(XDG_DATA_HOME) or C(~/.local/share).
    type: path
requirements:
  - Python 3.11 or newer
  - cryptography
  - PyYAML
  - supervisor (for clusters of the runtime V(binary))
seealso:
  - module: kwok.sim.kwok_cluster
  - module: kwok.sim.kwok_cluster_info
  - module: kwok.sim.kwok_component
"""
