#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kwok_kubectl
short_description: Run kubectl against a simulated cluster
version_added: 0.1.0
author:
  - the kwok.sim contributors (@kwok-sim)
description:
  - Runs C(kubectl) in the version of the cluster and with the credentials of its administrator.
  - Commands that only read, such as C(get), never report a change. For those that write, C(kubectl)'s own words say whether anything
    changed.
extends_documentation_fragment:
  - kwok.sim.attributes
  - kwok.sim.attributes.actiongroup
  - kwok.sim.cluster
attributes:
  check_mode:
    support: partial
    details:
      - Commands that only read are run.
      - Commands that have a dry run are run with C(--dry-run=server), and say what would change. The server refuses objects in a
        namespace that does not exist yet, in check mode, too.
      - Other commands (C(exec), C(cp), C(edit), C(rollout restart), plugins) are not run and reported as a change.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - As much as the command is. C(apply) of the same objects a second time changes nothing; C(create) fails.
      - Where C(kubectl) does not say whether anything changed, a change is reported. This is so with C(apply --server-side),
        C(annotate), C(replace) and C(scale), and with an output format (C(-o)).
options:
  cluster:
    description:
      - Name of the cluster.
    type: str
    default: kwok
  args:
    description:
      - The arguments, one by one.
      - C(--kubeconfig), C(--context), C(--cluster) and C(--server) are refused, as they would lead to another cluster.
      - Exactly one of O(args) and O(command) is required.
    type: list
    elements: str
  command:
    description:
      - The arguments in one string, which is split into words as a POSIX shell would do; there is no shell, so no expansion either.
      - Exactly one of O(args) and O(command) is required.
    type: str
  namespace:
    description:
      - The namespace for what the command does not say another one for, in place of C(default).
    type: str
  stdin:
    description:
      - What the command reads from its standard input, such as the objects of C(apply -f -).
    type: str
  timeout:
    description:
      - Seconds after which the command is ended, and the task fails.
    type: int
    default: 120
  kubectl:
    description:
      - Path of the executable.
      - If omitted, the one of the cluster's O(kwok.sim.kwok_cluster#module:kube_version), which is got from the cluster's
        O(kwok.sim.kwok_cluster#module:artifact_sources) as needed.
    type: path
seealso:
  - module: kwok.sim.kwok_etcdctl
"""

EXAMPLES = r"""
- name: Read the nodes
  kwok.sim.kwok_kubectl:
    command: get nodes -o json
  register: nodes

- name: Show their names
  ansible.builtin.debug:
    msg: "{{ nodes.json['items'] | map(attribute='metadata.name') }}"

- name: Apply objects; kubectl says whether anything changed
  kwok.sim.kwok_kubectl:
    args: [apply, -f, "-"]
    stdin: |
      apiVersion: v1
      kind: Namespace
      metadata:
        name: shop

- name: Create one in a namespace
  kwok.sim.kwok_kubectl:
    namespace: shop
    command: create configmap prices --from-literal=tea=3

- name: Wait for a condition
  kwok.sim.kwok_kubectl:
    command: wait namespace/shop --for=jsonpath={.status.phase}=Active --timeout=60s
    timeout: 90
"""

RETURN = r"""
cmd:
  description: The executable and its arguments, as run, or in check mode as they would be run.
  returned: success, and failure of the command
  type: list
  elements: str
  sample: [/home/me/.cache/kwok-sim/artifacts/kubectl/v1.36.3/linux-amd64/kubectl, get, nodes]
rc:
  description: Its exit status. C(diff) and C(auth can-i) say "no" with V(1), which is no failure.
  returned: when it was run
  type: int
  sample: 0
stdout:
  description: Its standard output.
  returned: when it was run
  type: str
  sample: configmap/settings unchanged
stderr:
  description: Its standard error.
  returned: when it was run
  type: str
  sample: ""
json:
  description: Its standard output, decoded, if that is a JSON object or list; else V(null).
  returned: when it was run
  type: raw
  sample: {kind: List, items: []}
msg:
  description: Why it was not run.
  returned: in check mode, when it was not run
  type: str
  sample: "not run in check mode: kubectl exec has no dry run"
"""

from ansible_collections.kwok.sim.plugins.module_utils._cluster.module import SimModule
from ansible_collections.kwok.sim.plugins.module_utils._cluster.place import layout_of
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import COMMON_ARGUMENTS, check_name
from ansible_collections.kwok.sim.plugins.module_utils._tools import run


def main() -> None:
    module = SimModule(
        {**COMMON_ARGUMENTS, **run.TOOL_ARGUMENTS, "namespace": {"type": "str"}, "kubectl": {"type": "path"}}, **run.TOOL_CONSTRAINTS
    )
    with module.errors():
        params = module.params
        layout = layout_of(params["base_dir"], check_name(params["cluster"], "cluster"))
        result = run.kubectl(
            layout,
            run.load(layout),
            run.arguments(params["args"], params["command"]),
            executable_path=params["kubectl"],
            namespace=params["namespace"],
            stdin=params["stdin"],
            timeout_s=params["timeout"],
            check_mode=module.check_mode,
        )
        module.exit(**result.as_dict())


if __name__ == "__main__":
    main()
