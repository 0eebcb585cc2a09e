#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kwok_nodes
short_description: Have groups of simulated nodes in a cluster
version_added: 0.1.0
author:
  - the kwok.sim contributors (@kwok-sim)
description:
  - Makes the nodes of a cluster be as listed - creates those that are missing, changes those that differ, removes those that are too many.
  - Only fields that the options speak of, or spoke of in an earlier run, are compared and changed. What others have added - labels, taints,
    conditions - is left alone. A node that was cordoned stays so unless O(groups[].template.unschedulable) says otherwise.
  - Nodes that the module did not make are never touched. Its own have the label C(kwok.sim/node-group).
  - A controller with Stages for nodes makes them Ready, such as C(kwok-controller).
extends_documentation_fragment:
  - kwok.sim.attributes
  - kwok.sim.attributes.actiongroup
  - kwok.sim.cluster
  - kwok.sim.population
attributes:
  check_mode:
    support: full
    details: Updates are judged by the server's own dry run, creations by that of the first node of each group.
  diff_mode:
    support: full
    details: Of the nodes that are created or removed in a group the first stands for all; of those that change ten are shown.
  idempotent:
    support: full
options:
  groups:
    description: The groups of nodes.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the group, which the label C(kwok.sim/node-group) of its nodes holds.
        type: str
        required: true
      count:
        description: How many nodes. With fewer than before, those with the highest indexes go.
        type: int
        default: 1
      name_format:
        description:
          - Name of each node, with C(%d), or the likes of C(%04d), where its index shall be, from 0 on.
          - If omitted, the group's name, a hyphen and the index.
        type: str
      preset:
        description:
          - The shape of the machine - V(small) has 2 CPUs and 8 GiB, V(medium) 8 and 32, V(large) 32 and 128, V(xlarge) 96 and 384,
            V(gpu) 96 and 768 and eight C(nvidia.com/gpu); V(arm) is V(medium) with the architecture C(arm64). All run 110 pods.
          - The system has a share of each, as on a machine of Google Kubernetes Engine; the rest is allocatable.
        type: str
        choices: [arm, gpu, large, medium, small, xlarge]
        default: medium
      zones:
        description: Zones that the nodes are in, in turns, by their index - the label C(topology.kubernetes.io/zone).
        type: list
        elements: str
        default: []
      regions:
        description: The region of all zones, or one for each of O(groups[].zones) - the label C(topology.kubernetes.io/region).
        type: list
        elements: str
        default: []
      template:
        description:
          - What the nodes have beyond, or instead of, what the module gives them.
          - In all texts, C($(NAME)), C($(INDEX)), C($(GROUP)), C($(ZONE)) and C($(REGION)) stand for those of the node, and C($$(NAME))
            for the text.
        type: dict
        suboptions:
          labels:
            description:
              - Labels. With V(null), one that the module would give is left out.
              - It gives C(kubernetes.io/hostname), C(kubernetes.io/os), C(kubernetes.io/arch), C(node-role.kubernetes.io/agent),
                C(node.kubernetes.io/instance-type) and C(type=kwok).
            type: dict
            default: {}
          annotations:
            description:
              - Annotations. With V(null), one that the module would give is left out.
              - It gives C(kwok.x-k8s.io/node=fake), by which controllers know a node as theirs, and
                C(metrics.k8s.io/resource-metrics-path=/metrics/nodes/$(NAME)/metrics/resource), where metrics-server asks for what the
                node uses.
            type: dict
            default: {}
          taints:
            description: Taints.
            type: list
            elements: dict
            default: []
            suboptions:
              key:
                description: Key of the taint.
                type: str
                required: true
              value:
                description: Its value.
                type: str
              effect:
                description: What it does to pods that do not tolerate it.
                type: str
                choices: [NoSchedule, PreferNoSchedule, NoExecute]
                default: NoSchedule
          capacity:
            description: Amounts that the machine has, beyond or instead of those of the preset, such as C(cpu) and C(memory).
            type: dict
            default: {}
          allocatable:
            description: Amounts for pods. Those in O(groups[].template.capacity) that are not given here are allocatable in full.
            type: dict
            default: {}
          conditions:
            description:
              - Conditions, of types that no Stage sets - the module and a Stage that set the same one would undo each other's work.
              - Each has a C(type), and may have a C(status), V('True') if it is left out, a C(reason) and a C(message).
            type: list
            elements: dict
            default: []
          addresses:
            description:
              - Addresses. If there are any, C(Hostname) is the node's name unless given; a missing C(InternalIP) the controller adds.
            type: list
            elements: dict
            default: []
            suboptions:
              type:
                description: Type of the address.
                type: str
                choices: [InternalIP, ExternalIP, Hostname, InternalDNS, ExternalDNS]
                default: InternalIP
              address:
                description: The address; with O(groups[].template.addresses[].step), that of the first node.
                type: str
                required: true
              step:
                description: How much the IP address goes up from node to node.
                type: int
                default: 0
          provider_id:
            description: The provider's name for the machine, such as C(kwok://$(ZONE)/$(NAME)).
            type: str
          unschedulable:
            description: Whether the node is cordoned. If omitted, that is left to others.
            type: bool
          pod_cidr:
            description: The network of the first node's pods, such as V(10.64.0.0/24). The other nodes get those that follow.
            type: str
          node_info:
            description: Fields of C(status.nodeInfo), such as C(kubeletVersion).
            type: dict
            default: {}
  state:
    description:
      - V(present) - the groups are there as listed.
      - V(absent) - the nodes of the groups are gone; their names are enough.
    type: str
    choices: [present, absent]
    default: present
  purge:
    description: Whether the nodes of groups that are not listed are removed, too, as far as this module made them.
    type: bool
    default: false
  wait:
    description: Whether to return only when all listed nodes are Ready, and those that go are gone.
    type: bool
    default: true
seealso:
  - module: kwok.sim.kwok_scale
  - module: kwok.sim.kwok_cluster
"""

EXAMPLES = r"""
- name: A thousand nodes in three zones, and eight with GPUs that only what tolerates it runs on
  kwok.sim.kwok_nodes:
    groups:
      - name: worker
        count: 1000
        zones: [eu-1a, eu-1b, eu-1c]
        regions: [eu-1]
      - name: gpu
        count: 8
        preset: gpu
        template:
          taints:
            - key: nvidia.com/gpu
              value: present
    purge: true
    wait: false  # Without a controller nothing makes them Ready.

- name: Machines of another shape, with addresses and networks of their own
  kwok.sim.kwok_nodes:
    groups:
      - name: edge
        count: 10
        name_format: edge-%03d
        template:
          labels:
            rack: r$(INDEX)
          capacity:
            cpu: 4
            memory: 16Gi
          addresses:
            - address: 10.1.0.1
              step: 1
          pod_cidr: 10.64.0.0/24
          provider_id: kwok://edge/$(NAME)
    wait: false

- name: Fewer of them
  kwok.sim.kwok_nodes:
    groups:
      - name: worker
        count: 20
    wait: false

- name: None of a group
  kwok.sim.kwok_nodes:
    groups:
      - name: edge
    state: absent
"""

RETURN = r"""
groups:
  description: The groups that are listed, and those that lost nodes; in check mode with what would be done.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the group.
      type: str
      returned: always
      sample: worker
    count:
      description: Nodes that it should have.
      type: int
      returned: always
      sample: 1000
    created:
      description: Nodes that were created.
      type: int
      returned: always
      sample: 1000
    updated:
      description: Nodes that were changed, or created anew as they could not be changed.
      type: int
      returned: always
      sample: 0
    deleted:
      description: Nodes that were removed.
      type: int
      returned: always
      sample: 0
    ready:
      description: Wanted nodes that are Ready, as last seen.
      type: int
      returned: always
      sample: 1000
nodes:
  description: Nodes of this module in the cluster, those of groups that are not listed included.
  returned: success
  type: int
  sample: 1008
ready:
  description: Wanted nodes that are Ready, as last seen.
  returned: success
  type: int
  sample: 1008
changes:
  description: What was done, one entry for each group and action; in check mode, what would be done.
  returned: success
  type: list
  elements: dict
  contains: &changes
    action:
      description: C(create), C(update) or C(remove).
      type: str
      returned: always
      sample: create
    kind:
      description: The resource.
      type: str
      returned: always
      sample: nodes
    name:
      description: The group.
      type: str
      returned: always
      sample: worker
    count:
      description: How many.
      type: int
      returned: always
      sample: 1000
    reason:
      description: Why; the first of them by name.
      type: str
      returned: always
      sample: "are missing: worker-0, worker-1, worker-2, worker-3, worker-4 and 995 more"
seconds:
  description: How long it took.
  returned: success
  type: dict
  contains:
    read:
      description: Seconds to connect, read what is there and compare.
      type: float
      returned: always
      sample: 0.6
    change:
      description: Seconds to carry the changes out.
      type: float
      returned: always
      sample: 3.1
    wait:
      description: Seconds to wait after that.
      type: float
      returned: always
      sample: 2.2
    total:
      description: Seconds in all.
      type: float
      returned: always
      sample: 5.9
pending:
  description: How many objects were waited for in vain.
  returned: when the time is over
  type: int
  sample: 3
pending_reasons:
  description: Why, for the first twenty, by name.
  returned: when the time is over
  type: dict
  sample:
    worker-7: it has no condition Ready
failures:
  description: What could not be written, and why.
  returned: when something could not be written
  type: list
  elements: str
  sample: ["create worker-7: etcdserver: request timed out"]
"""

from ansible_collections.kwok.sim.plugins.module_utils._cluster.module import SimModule
from ansible_collections.kwok.sim.plugins.module_utils._population.nodes import NODES_ARGUMENTS, ensure
from ansible_collections.kwok.sim.plugins.module_utils._population.target import POPULATION_CONSTRAINTS


def main() -> None:
    module = SimModule(NODES_ARGUMENTS, **POPULATION_CONSTRAINTS)
    with module.errors():
        done = ensure(module.params, module.mode)
        module.exit_with_diff(done.diff, changed=done.changed, changes=done.changes(), seconds=done.seconds, **done.results)


if __name__ == "__main__":
    main()
