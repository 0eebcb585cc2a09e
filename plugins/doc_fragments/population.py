# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that fill a cluster with objects."""

from __future__ import annotations


class ModuleDocFragment:
    """Texts shared by the modules that fill a cluster with objects."""

    DOCUMENTATION = r"""
options:
  cluster:
    description: Name of the cluster, one that M(kwok.sim.kwok_cluster) made. Ignored with O(kubeconfig).
    type: str
    default: kwok
  kubeconfig:
    description: Path of a kubeconfig, for a cluster that the collection did not make. Needs O(allow_foreign_cluster).
    type: path
  context:
    description: Name of the context in O(kubeconfig). If omitted, its current context.
    type: str
  allow_foreign_cluster:
    description:
      - Confirms that simulated objects are meant for the cluster of O(kubeconfig), which the module cannot tell from a real one.
    type: bool
    default: false
  recreate:
    description:
      - Whether an object that the server refuses to change in place is deleted and created anew. If not, the task fails before anything
        is changed.
    type: bool
    default: false
  parallelism:
    description: Connections to the apiserver that are kept open, and the most requests at a time; from 1 to 256.
    type: int
    default: 32
  wait_timeout:
    description:
      - Seconds to wait.
      - Also for objects of the same name to be gone that are just being deleted.
    type: int
    default: 120
requirements:
  - kubernetes (Python package)
"""
