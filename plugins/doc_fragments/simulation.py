# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that put objects of ``kwok.x-k8s.io`` and ``kwok-sim.dev`` into a cluster."""

from __future__ import annotations


class ModuleDocFragment:
    """Texts shared by the modules for Stages, Metrics, usages and WorkloadTraces."""

    DOCUMENTATION = r"""
options:
  cluster:
    description: Name of the cluster.
    type: str
    default: kwok
  state:
    description:
      - V(present) - the objects are there as given.
      - V(absent) - the objects of these names are gone.
    type: str
    choices: [present, absent]
    default: present
  paths:
    description: Files on the host with such objects, in YAML, or directories of such files. What they hold beside is left out.
    type: list
    elements: path
    default: []
  purge:
    description:
      - With O(state=present), whether objects that this module applied before, for the same O(owner), and that are not given any more are
        deleted.
    type: bool
    default: false
  owner:
    description: Whose objects they are, where several playbooks look after a cluster. O(purge) leaves those of other owners alone.
    type: str
    default: ""
  strict:
    description: Whether the linter's warnings fail the task, too.
    type: bool
    default: false
  executable:
    description: The C(kwok-controller) to lint with; if omitted, that of the cluster's component C(kwok-controller), or the one on E(PATH).
    type: path
  wait:
    description:
      - Whether to wait until the controller has taken the objects.
      - The Go C(kwok) does not say so; set this to V(false) for it.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for it.
    type: int
    default: 60
requirements:
  - kubernetes (Python package)
"""
