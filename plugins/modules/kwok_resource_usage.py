#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kwok_resource_usage
short_description: Make what simulated containers use be as wanted
version_added: 0.1.0
author:
  - the kwok.sim contributors (@kwok-sim)
description:
  - A ResourceUsage says what the containers of the pod of its own namespace and name use, a ClusterResourceUsage what those of all pods do
    that its selector takes. Both give CPU, memory and whatever else by value or by an expression in CEL. What pods and nodes use is the
    sum.
  - Takes both inline, from files and directories, and from the sets that ship with C(kwok-controller), and makes the cluster have them.
  - All are linted together before anything is sent, by the C(kwok-controller) that will evaluate them - schema, expressions and their
    types, amounts and their units. An error fails the task and names the field, as in C(spec.usages[0].usage.cpu.expression); warnings are
    told.
  - Then they are applied server-side, after the server's dry run of all of them.
  - At last it waits until the controller says in their status that it has taken them.
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
  usages:
    description:
      - ResourceUsages and ClusterResourceUsages as they are written in YAML; C(apiVersion) and C(kind) may be left out.
      - Without C(kind), one that has a C(metadata.namespace) is a ResourceUsage, and any other a ClusterResourceUsage.
      - The namespace of a ResourceUsage has to be there, its pod need not.
      - With O(state=absent), names and namespaces are enough.
    type: list
    elements: dict
    default: []
  sets:
    description:
      - Sets that ship with C(kwok-controller), each of one ClusterResourceUsage for all pods - V(usage-from-annotation) has the pods' own
        annotations C(kwok.x-k8s.io/usage-cpu) and C(kwok.x-k8s.io/usage-memory), V(usage-constant), V(usage-ramp), V(usage-daily-wave),
        V(usage-spike) and V(usage-noise) a pattern over time.
      - Where several take a pod, the first one by name counts.
      - C(kwok-controller metric sets) lists them.
    type: list
    elements: str
    default: []
seealso:
  - module: kwok.sim.kwok_metric
  - module: kwok.sim.kwok_stage
  - module: kwok.sim.kwok_crd
  - module: kwok.sim.kwok_trace
"""

EXAMPLES = r"""
- name: Pods use what their annotations say
  kwok.sim.kwok_resource_usage:
    sets: [usage-from-annotation]
    purge: true

- name: The pods of the shop use more and more CPU in their first ten minutes
  kwok.sim.kwok_resource_usage:
    usages:
      - metadata:
          name: shop
        spec:
          selector:
            matchNamespaces: [default]
            matchLabels:
              app: shop
          usages:
            - usage:
                cpu:
                  expression: Ramp("50m", "1", pod.metadata.creationTimestamp, "10m")
                memory:
                  value: 256Mi

- name: One pod of it uses twice as much memory
  kwok.sim.kwok_resource_usage:
    usages:
      - metadata:
          namespace: default
          name: shop-0
        spec:
          usages:
            - containers: [shop]
              usage:
                cpu:
                  value: 500m
                memory:
                  value: 512Mi

- name: No longer
  kwok.sim.kwok_resource_usage:
    state: absent
    usages:
      - metadata:
          namespace: default
          name: shop-0
"""

RETURN = r"""
usages:
  description: The usages, and what became of each - in check mode, what would.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: C(ClusterResourceUsage) or C(ResourceUsage).
      type: str
      returned: always
      sample: ResourceUsage
    namespace:
      description: Its namespace; empty for a ClusterResourceUsage.
      type: str
      returned: always
      sample: default
    name:
      description: Its name.
      type: str
      returned: always
      sample: shop-0
    action:
      description: C(created), C(updated), C(deleted) or C(unchanged).
      type: str
      returned: always
      sample: created
findings:
  description: The linter's warnings; if the task fails for what it found, everything.
  returned: success
  type: list
  elements: dict
  contains:
    severity:
      description: C(warning), or C(error).
      type: str
      returned: always
      sample: warning
    kind:
      description: C(ClusterResourceUsage) or C(ResourceUsage).
      type: str
      returned: always
      sample: ClusterResourceUsage
    namespace:
      description: The namespace; empty for a ClusterResourceUsage.
      type: str
      returned: always
      sample: ''
    name:
      description: The name.
      type: str
      returned: always
      sample: shop
    field:
      description: The field.
      type: str
      returned: always
      sample: spec.usages[0].usage.memory.value
    message:
      description: What is wrong, and what would be right.
      type: str
      returned: always
      sample: memory is counted in bytes, and 100m is no whole number of them
executable:
  description: The program that linted.
  returned: with O(state=present)
  type: str
  sample: /home/me/.local/share/kwok-sim/controller/0123456789abcdef/bin/kwok-controller
"""

from ansible_collections.kwok.sim.plugins.module_utils._simulation.kinds import USAGES
from ansible_collections.kwok.sim.plugins.module_utils._simulation.running import run


def main() -> None:
    run(USAGES)


if __name__ == "__main__":
    main()
