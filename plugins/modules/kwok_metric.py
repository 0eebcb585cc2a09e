#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kwok_metric
short_description: Make the Metrics of a cluster be as wanted
version_added: 0.1.0
author:
  - the kwok.sim contributors (@kwok-sim)
description:
  - A Metric says what the simulated kubelets answer when they are scraped - a path, and the gauges, counters and histograms that are there,
    one for each node, pod or container, with labels and values in CEL.
  - Takes Metrics inline, from files and directories, and from the sets that ship with C(kwok-controller), and makes the cluster have them.
  - All are linted together before anything is sent, by the C(kwok-controller) that will serve them - schema, paths, expressions and their
    types, labels, the order of buckets, series that are there twice, units. An error fails the task and names the field, as in
    C(spec.metrics[2].labels[0].value); warnings are told.
  - Then they are applied server-side, after the server's dry run of all of them.
  - At last it waits until the controller says in the Metrics' status that it has taken them.
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
  metrics:
    description:
      - Metrics as they are written in YAML; C(apiVersion) and C(kind) may be left out.
      - With O(state=absent), their names are enough.
    type: list
    elements: dict
    default: []
  sets:
    description:
      - Sets that ship with C(kwok-controller), with the names and labels that a kubelet exposes - V(kubelet-metrics-resource),
        V(kubelet-metrics-cadvisor), V(kubelet-metrics), V(kubelet-metrics-probes).
      - C(kwok-controller metric sets) lists them.
    type: list
    elements: str
    default: []
seealso:
  - module: kwok.sim.kwok_resource_usage
  - module: kwok.sim.kwok_stage
  - module: kwok.sim.kwok_crd
  - module: kwok.sim.kwok_trace
"""

EXAMPLES = r"""
- name: Kubelets show what metrics-server and most dashboards ask for
  kwok.sim.kwok_metric:
    sets: [kubelet-metrics-resource, kubelet-metrics-cadvisor]
    purge: true

- name: Every node has a thermometer, too
  kwok.sim.kwok_metric:
    metrics:
      - metadata:
          name: thermometer
        spec:
          path: /metrics/nodes/{nodeName}/metrics/thermometer
          metrics:
            - name: node_temperature_celsius
              help: Temperature of the node.
              kind: gauge
              dimension: node
              labels:
                - name: node
                  value: node.metadata.name
              value: 40.0 + 20.0 * Rand()

- name: No longer
  kwok.sim.kwok_metric:
    state: absent
    metrics:
      - metadata:
          name: thermometer
"""

RETURN = r"""
metrics:
  description: The Metrics, and what became of each - in check mode, what would.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      returned: always
      sample: kubelet-metrics-resource
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
    metric:
      description: The Metric.
      type: str
      returned: always
      sample: thermometer
    field:
      description: The field.
      type: str
      returned: always
      sample: spec.metrics[0].name
    message:
      description: What is wrong, and what would be right.
      type: str
      returned: always
      sample: a counter's name ends in _total
executable:
  description: The program that linted.
  returned: with O(state=present)
  type: str
  sample: /home/me/.local/share/kwok-sim/controller/0123456789abcdef/bin/kwok-controller
"""

from ansible_collections.kwok.sim.plugins.module_utils._simulation.kinds import METRICS
from ansible_collections.kwok.sim.plugins.module_utils._simulation.running import run


def main() -> None:
    run(METRICS)


if __name__ == "__main__":
    main()
