#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kwok_cluster_info
short_description: Tell what simulated clusters there are and how they are
version_added: 0.1.0
author:
  - the kwok.sim contributors (@kwok-sim)
description:
  - Returns what is known of one simulated cluster or of all of them - addresses, paths, components and whether these run.
  - Where the engine of a cluster's containers does not answer, the run warns, and C(status) of its components is C(absent).
extends_documentation_fragment:
  - kwok.sim.attributes
  - kwok.sim.attributes.actiongroup
  - kwok.sim.cluster
attributes:
  check_mode:
    support: full
    details: Reads only.
  diff_mode:
    support: N/A
    details: Reads only.
  idempotent:
    support: N/A
    details: Reads only.
options:
  name:
    description:
      - The cluster to tell about. If omitted, all clusters in O(base_dir).
      - A cluster that is not there is no error; RV(clusters) is then empty.
    type: str
"""

EXAMPLES = r"""
- name: See which clusters there are
  kwok.sim.kwok_cluster_info:
  register: info

- name: Name the components of each that do not run
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.components | rejectattr('status', 'equalto', 'running') | map(attribute='name') | join(', ') }}"
  loop: "{{ info.clusters }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
clusters:
  description: The clusters, by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      returned: always
      sample: kwok
    runtime:
      description: What runs it.
      type: str
      returned: always
      sample: binary
    state:
      description: The state last asked for - C(present), C(started) or C(stopped).
      type: str
      returned: always
      sample: started
    directory:
      description: Where all of it is kept.
      type: str
      returned: always
      sample: /home/me/.local/share/kwok-sim/clusters/kwok
    kubeconfig:
      description: Path of the administrator's kubeconfig.
      type: str
      returned: always
      sample: /home/me/.local/share/kwok-sim/clusters/kwok/kubeconfig.yaml
    context:
      description: Name of its context there.
      type: str
      returned: always
      sample: kwok-sim-kwok
    server:
      description: URL of the apiserver on its host.
      type: str
      returned: always
      sample: https://127.0.0.1:32764
    ca_file:
      description: Path of the certificate of the authority that signed the apiserver's certificate.
      type: str
      returned: always
      sample: /home/me/.local/share/kwok-sim/clusters/kwok/pki/ca.crt
    kube_version:
      description: Version of Kubernetes.
      type: str
      returned: always
      sample: v1.36.3
    etcd_version:
      description: Version of etcd.
      type: str
      returned: always
      sample: v3.6.5
    tracing_endpoint:
      description: Where the control plane sends its traces, C(HOST:PORT); empty if it sends none.
      type: str
      returned: always
      sample: 127.0.0.1:32765
    components:
      description: The components in start order, the joined ones last; as M(kwok.sim.kwok_cluster) returns them.
      type: list
      elements: dict
      returned: always
"""

from typing import Any

from ansible_collections.kwok.sim.plugins.module_utils._cluster.description import describe
from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout
from ansible_collections.kwok.sim.plugins.module_utils._cluster.module import SimModule
from ansible_collections.kwok.sim.plugins.module_utils._cluster.place import layout_of
from ansible_collections.kwok.sim.plugins.module_utils._cluster.record import Record, list_clusters, load_record
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import COMMON_ARGUMENTS, check_name
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError


def _described(module: SimModule, layout: Layout, record: Record) -> dict[str, Any]:
    """A cluster; where its runtime does not answer, what is known of it all the same."""
    try:
        return describe(layout, record)
    except SimError as error:
        module.warn(f"Whether cluster {record.name} runs cannot be told: {error}")
        return describe(layout, record, seen={})


def main() -> None:
    """Run the module."""
    module = SimModule({"name": {"type": "str"}, **COMMON_ARGUMENTS})
    with module.errors():
        name, base_dir = module.params["name"], module.params["base_dir"]
        names = [check_name(name)] if name else list_clusters(layout_of(base_dir, "").base_dir)
        layouts = [layout_of(base_dir, item) for item in names]
        found = [(layout, load_record(layout)) for layout in layouts]
        module.exit(changed=False, clusters=[_described(module, layout, record) for layout, record in found if record])


if __name__ == "__main__":
    main()
