#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kwok_scale
short_description: Have a number of like objects of any kind in a cluster
version_added: 0.1.0
author:
  - the kwok.sim contributors (@kwok-sim)
description:
  - Makes a set of objects from one template - Deployments, bare pods, namespaces, custom resources - be as many as wanted, and as the
    template says. Creates those that are missing, changes those that differ, removes those that are too many.
  - Only fields of the template, or of that of an earlier run, are compared and changed. What the server fills in, and what others have
    added, is left alone. V(null) in a template says that a field must not be there.
  - The objects of a set have the label C(kwok.sim/scale) with its name. Others of the same kind are never touched.
extends_documentation_fragment:
  - kwok.sim.attributes
  - kwok.sim.attributes.actiongroup
  - kwok.sim.cluster
  - kwok.sim.population
attributes:
  check_mode:
    support: full
    details:
      - Updates are judged by the server's own dry run, creations by that of the first object. Objects for a namespace that is not there
        are reported as created without that.
  diff_mode:
    support: full
    details: Of the objects that are created or removed the first stands for all; of those that change ten are shown.
  idempotent:
    support: full
options:
  name:
    description: Name of the set, unique among those of the same kind of object.
    type: str
    required: true
  template:
    description:
      - A whole object with C(apiVersion) and C(kind); its name comes from O(name_format), its namespace from O(namespaces).
      - In all texts, C($(NAME)), C($(INDEX)), C($(NAMESPACE)) and C($(SET)) stand for those of the object, and each name in O(cycle) for
        the value whose turn it is. C($$(NAME)) stands for the text C($(NAME)), as Kubernetes itself wants it in arguments of containers.
      - A field C(status) is written as well, where objects of the kind have one.
      - Exactly one of O(template) and O(src) is required; with O(state=absent), C(apiVersion) and C(kind) are enough.
    type: dict
  src:
    description: Path of a YAML file on the host that holds the template.
    type: path
  count:
    description: How many objects in each namespace. With fewer than before, those with the highest indexes go.
    type: int
    default: 1
  name_format:
    description:
      - Name of each object, with C(%d), or the likes of C(%06d), where its index shall be, from 0 on.
      - If omitted, the set's name, a hyphen and the index.
    type: str
  namespaces:
    description:
      - Namespaces that are there, each of which gets O(count) objects. Objects of the set in others are removed.
      - If omitted, V(default); of kinds without namespaces, it must be omitted.
    type: list
    elements: str
    default: []
  cycle:
    description:
      - Lists of values that take turns from object to object, by the name that the template refers to them with.
      - A text of the template that is nothing but the reference becomes the value itself, be it a number, a list or a map.
    type: dict
    default: {}
  state:
    description:
      - V(present) - the set is there as described.
      - V(absent) - its objects are gone, whatever namespaces they are in.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description: Whether to return only when all objects are as O(wait_for) says, and those that go are gone.
    type: bool
    default: true
  wait_for:
    description:
      - V(ready) - pods have the condition Ready, Deployments, StatefulSets, ReplicaSets and DaemonSets all of their pods, Jobs are
        complete, namespaces active, claims bound; other kinds have the condition Ready, if they have conditions at all.
      - V(running) - their phase is C(Running).
      - V(available) - Deployments have all of their pods, other kinds the condition Available.
      - V(exists) - they are there.
      - The likes of V(condition=Complete) and V(condition=Ready=False) - a condition is C(True), or as said.
      - The likes of V(.status.phase=Bound) and V('.spec.containers[0].image=busybox') - a field has a value.
    type: str
    default: ready
seealso:
  - module: kwok.sim.kwok_nodes
  - module: kwok.sim.kwok_kubectl
"""

EXAMPLES = r"""
- name: Three namespaces
  kwok.sim.kwok_scale:
    name: team
    count: 3
    template:
      apiVersion: v1
      kind: Namespace
      metadata:
        labels:
          purpose: load

- name: Ten Deployments in each, of two sizes in turn
  kwok.sim.kwok_scale:
    name: web
    count: 10
    namespaces: [team-0, team-1, team-2]
    cycle:
      replicas: [5, 20]
    template:
      apiVersion: apps/v1
      kind: Deployment
      spec:
        replicas: $(replicas)
        selector:
          matchLabels:
            app: $(NAME)
        template:
          metadata:
            labels:
              app: $(NAME)
          spec:
            containers:
              - name: web
                image: registry.example.org/web:1
                resources:
                  requests:
                    cpu: 100m
    wait: false  # Without nodes nothing runs.

- name: A hundred settings
  kwok.sim.kwok_scale:
    name: settings
    count: 100
    name_format: settings-%03d
    template:
      apiVersion: v1
      kind: ConfigMap
      data:
        number: $(INDEX)

- name: None of them
  kwok.sim.kwok_scale:
    name: settings
    state: absent
    template:
      apiVersion: v1
      kind: ConfigMap
"""

RETURN = r"""
count:
  description: Objects that the set should have, in all namespaces.
  returned: success
  type: int
  sample: 30
created:
  description: Objects that were created; in check mode, that would be.
  returned: success
  type: int
  sample: 30
updated:
  description: Objects that were changed, or created anew as they could not be changed.
  returned: success
  type: int
  sample: 0
deleted:
  description: Objects that were removed.
  returned: success
  type: int
  sample: 0
ready:
  description: Objects that are as O(wait_for) says, as last seen.
  returned: success
  type: int
  sample: 30
changes:
  description: What was done, one entry for each action; in check mode, what would be done.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: C(create), C(update) or C(remove).
      type: str
      returned: always
      sample: create
    kind:
      description: The resource.
      type: str
      returned: always
      sample: deployments
    name:
      description: The set.
      type: str
      returned: always
      sample: web
    count:
      description: How many.
      type: int
      returned: always
      sample: 30
    reason:
      description: Why; the first of them by name.
      type: str
      returned: always
      sample: "are missing: team-0/web-0, team-0/web-1, team-0/web-2, team-0/web-3, team-0/web-4 and 25 more"
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
      sample: 0.4
    wait:
      description: Seconds to wait after that.
      type: float
      returned: always
      sample: 2.2
    total:
      description: Seconds in all.
      type: float
      returned: always
      sample: 3.2
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
    team-0/web-1: 3 of 20 availableReplicas
failures:
  description: What could not be written, and why.
  returned: when something could not be written
  type: list
  elements: str
  sample: ["create team-0/web-7: exceeded quota: small"]
"""

from ansible_collections.kwok.sim.plugins.module_utils._cluster.module import SimModule
from ansible_collections.kwok.sim.plugins.module_utils._population.scale import SCALE_ARGUMENTS, SCALE_CONSTRAINTS, ensure


def main() -> None:
    module = SimModule(SCALE_ARGUMENTS, **SCALE_CONSTRAINTS)
    with module.errors():
        done = ensure(module.params, module.mode)
        module.exit_with_diff(done.diff, changed=done.changed, changes=done.changes(), seconds=done.seconds, **done.results)


if __name__ == "__main__":
    main()
