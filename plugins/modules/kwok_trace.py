#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kwok_trace
short_description: Make the traces of simulated workloads be as wanted
version_added: 0.1.0
author:
  - the kwok.sim contributors (@kwok-sim)
description:
  - A WorkloadTrace says what the programs in simulated pods would do if they ran - services, the labels of their pods, their operations,
    who calls whom, how long that takes, how often it fails, and how many requests come. C(kwok-controller) sends the spans by OTLP, for the
    pods of the same namespace that are ready. It is an extension, of the group C(kwok-sim.dev); the Go C(kwok) does not have it.
  - Takes WorkloadTraces inline, from files and directories, and from the sets that ship with C(kwok-controller), and makes the cluster have
    them.
  - All are linted together before anything is sent, by the C(kwok-controller) that will play them - schema, services and operations that
    are not there, calls in a circle, latencies, rates and their bounds. An error fails the task and names the field, as in
    C(spec.services[1].operations[0].calls[2].service); warnings are told.
  - Then they are applied server-side, after the server's dry run of all of them.
  - At last it waits until the controller says in their status that it has taken them. For that it has to read them and to have somewhere to
    send spans to, see O(kwok.sim.controller#role:main:controller_tracing_endpoint).
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
  traces:
    description:
      - WorkloadTraces as they are written in YAML; C(apiVersion) and C(kind) may be left out.
      - With O(state=absent), their names are enough.
    type: list
    elements: dict
    default: []
  namespace:
    description:
      - The namespace of WorkloadTraces that do not say one, as those of O(sets). It is that of their pods, too, and has to be there.
    type: str
    default: default
  sets:
    description:
      - Sets that ship with C(kwok-controller) - V(online-shop), a shop of eleven services, whose pods have the labels
        C(app.kubernetes.io/part-of=online-shop) and C(app.kubernetes.io/name), their service. The playbook
        C(kwok.sim.online_shop) has such pods.
      - C(kwok-controller trace sets) lists them.
    type: list
    elements: str
    default: []
seealso:
  - module: kwok.sim.kwok_resource_usage
  - module: kwok.sim.kwok_stage
  - module: kwok.sim.kwok_crd
"""

EXAMPLES = r"""
- name: The shop that ships is traced
  kwok.sim.kwok_trace:
    sets: [online-shop]
    purge: true
    wait: false  # Nobody takes it in a cluster whose controller sends no traces.

- name: So is another one, of two services
  kwok.sim.kwok_trace:
    namespace: default
    traces:
      - metadata:
          name: books
        spec:
          services:
            - name: web
              selector:
                matchLabels:
                  app: web
              operations:
                - name: book
                  http:
                    method: GET
                    route: /books/{id}
                  latency:
                    median: 10ms
                    p99: 80ms
                  calls:
                    - service: store
                      operation: read
            - name: store
              selector:
                matchLabels:
                  app: store
              operations:
                - name: read
                  latency:
                    median: 4ms
                    p99: 40ms
                  errors:
                    rate: 0.002
                    type: timeout
          traffic:
            - service: web
              operation: book
              rate:
                value: 5
                per: replica
    wait: false

- name: No longer
  kwok.sim.kwok_trace:
    state: absent
    traces:
      - metadata:
          name: books
"""

RETURN = r"""
traces:
  description: The WorkloadTraces, and what became of each - in check mode, what would.
  returned: success
  type: list
  elements: dict
  contains:
    namespace:
      description: Its namespace.
      type: str
      returned: always
      sample: shop
    name:
      description: Its name.
      type: str
      returned: always
      sample: online-shop
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
    namespace:
      description: The namespace of the WorkloadTrace.
      type: str
      returned: always
      sample: shop
    trace:
      description: Its name.
      type: str
      returned: always
      sample: books
    field:
      description: The field.
      type: str
      returned: always
      sample: spec.services[1].operations[0]
    message:
      description: What is wrong, and what would be right.
      type: str
      returned: always
      sample: "nobody calls store read: call it, give it traffic, or leave it out"
executable:
  description: The program that linted.
  returned: with O(state=present)
  type: str
  sample: /home/me/.local/share/kwok-sim/controller/0123456789abcdef/bin/kwok-controller
"""

from ansible_collections.kwok.sim.plugins.module_utils._simulation.kinds import TRACES
from ansible_collections.kwok.sim.plugins.module_utils._simulation.running import run


def main() -> None:
    run(TRACES)


if __name__ == "__main__":
    main()
