#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kwok_stage
short_description: Make the Stages of a cluster be as wanted
version_added: 0.1.0
author:
  - the kwok.sim contributors (@kwok-sim)
description:
  - Takes Stages inline, from files and directories, and from the sets that ship with C(kwok-controller), and makes the cluster have them.
  - All are linted together before anything is sent, by the C(kwok-controller) that will play them - schema, templates, jq and CEL,
    selectors that can never match, stages that shadow each other, loops without delay. An error fails the task; warnings are told.
  - Then they are applied server-side, after the server's dry run of all of them.
  - At last it waits until the controller says in the Stages' status that it has taken them.
extends_documentation_fragment:
  - kwok.sim.attributes
  - kwok.sim.attributes.actiongroup
  - kwok.sim.cluster
  - kwok.sim.simulation
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  stages:
    description:
      - Stages as they are written in YAML; C(apiVersion) and C(kind) may be left out.
      - With O(state=absent), their names are enough.
    type: list
    elements: dict
    default: []
  sets:
    description:
      - Sets that ship with C(kwok-controller), such as V(node-fast), V(node-heartbeat), V(node-chaos), V(pod-fast), V(pod-general),
        V(pod-chaos), V(volume-fast).
      - C(kwok-controller stage sets) lists them.
    type: list
    elements: str
    default: []
seealso:
  - module: kwok.sim.kwok_crd
  - module: kwok.sim.kwok_metric
  - module: kwok.sim.kwok_resource_usage
  - module: kwok.sim.kwok_trace
"""

EXAMPLES = r"""
- name: Nodes get ready and pods run at once
  kwok.sim.kwok_stage:
    sets: [node-fast, pod-fast]
    purge: true

- name: Every fifth pod of the shop fails after a while
  kwok.sim.kwok_stage:
    stages:
      - metadata:
          name: shop-fails
        spec:
          resourceRef:
            apiGroup: v1
            kind: Pod
          selector:
            matchLabels:
              app: shop
            matchExpressions:
              - key: .status.phase
                operator: In
                values: [Running]
              - key: .metadata.deletionTimestamp
                operator: DoesNotExist
          weight: 1
          delay:
            durationMilliseconds: 60000
            jitterDurationMilliseconds: 120000
          next:
            statusTemplate: |
              phase: Failed
              reason: Error

- name: No longer
  kwok.sim.kwok_stage:
    state: absent
    stages:
      - metadata:
          name: shop-fails
"""

RETURN = r"""
stages:
  description: The Stages, and what became of each - in check mode, what would.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      returned: always
      sample: node-initialize
    action:
      description: C(created), C(updated), C(deleted) or C(unchanged).
      type: str
      returned: always
      sample: created
findings:
  description: The linter's warnings.
  returned: success
  type: list
  elements: dict
  contains:
    severity:
      description: C(warning).
      type: str
      returned: always
      sample: warning
    stage:
      description: The stage.
      type: str
      returned: always
      sample: shop-fails
    field:
      description: The field.
      type: str
      returned: always
      sample: spec.selector
    message:
      description: What is wrong, and what would be right.
      type: str
      returned: always
      sample: it can never match together with Stage pod-ready
executable:
  description: The program that linted.
  returned: with O(state=present)
  type: str
  sample: /home/me/.local/share/kwok-sim/controller/0123456789abcdef/bin/kwok-controller
"""

from ansible_collections.kwok.sim.plugins.module_utils._simulation.kinds import STAGES
from ansible_collections.kwok.sim.plugins.module_utils._simulation.running import run


def main() -> None:
    run(STAGES)


if __name__ == "__main__":
    main()
