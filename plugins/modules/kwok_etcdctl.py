#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kwok_etcdctl
short_description: Run etcdctl against a simulated cluster's etcd
version_added: 0.1.0
author:
  - the kwok.sim contributors (@kwok-sim)
description:
  - Runs C(etcdctl) in the version of the cluster's etcd, with a client certificate that etcd accepts.
  - Commands that only read, such as C(get), never report a change.
  - What is written here passes the apiserver by. It sees such a change as any other one, but checks nothing of it.
extends_documentation_fragment:
  - kwok.sim.attributes
  - kwok.sim.attributes.actiongroup
  - kwok.sim.cluster
attributes:
  check_mode:
    support: partial
    details:
      - Commands that only read are run. Others are not run and reported as a change, since C(etcdctl) has no dry run.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - As much as the command is. C(del) of what is not there changes nothing; C(put) makes a new revision each time.
options:
  cluster:
    description:
      - Name of the cluster.
    type: str
    default: kwok
  args:
    description:
      - The arguments, one by one.
      - C(--endpoints), C(--cacert), C(--cert), C(--key) and C(--discovery-srv) are refused, as they would lead to another etcd.
      - Exactly one of O(args) and O(command) is required.
    type: list
    elements: str
  command:
    description:
      - The arguments in one string, which is split into words as a POSIX shell would do; there is no shell, so no expansion either.
      - Exactly one of O(args) and O(command) is required.
    type: str
  stdin:
    description:
      - What the command reads from its standard input, such as the value of C(put KEY) or the steps of C(txn).
    type: str
  timeout:
    description:
      - Seconds after which the command is ended, and the task fails.
    type: int
    default: 120
  etcdctl:
    description:
      - Path of the executable.
      - If omitted, the one of the cluster's O(kwok.sim.kwok_cluster#module:etcd_version), which is got from the cluster's
        O(kwok.sim.kwok_cluster#module:artifact_sources) as needed.
    type: path
seealso:
  - module: kwok.sim.kwok_kubectl
"""

EXAMPLES = r"""
- name: Count the keys
  kwok.sim.kwok_etcdctl:
    command: get /registry/ --prefix --count-only --write-out=fields
  register: keys

- name: See how large the database is
  kwok.sim.kwok_etcdctl:
    args: [endpoint, status, --write-out=json]
  register: status

- name: Show it
  ansible.builtin.debug:
    msg: "{{ status.json[0].Status.dbSize }}"
"""

RETURN = r"""
cmd:
  description:
    - The executable and its arguments, as run, or in check mode as they would be run.
    - It names the files of the credentials, so that it can be typed into a terminal as it is.
  returned: success, and failure of the command
  type: list
  elements: str
  sample: [/home/me/.cache/kwok-sim/artifacts/etcdctl/v3.6.5/linux-amd64/etcdctl, "--endpoints=https://127.0.0.1:2379", member, list]
rc:
  description: Its exit status.
  returned: when it was run
  type: int
  sample: 0
stdout:
  description: Its standard output.
  returned: when it was run
  type: str
  sample: OK
stderr:
  description: Its standard error.
  returned: when it was run
  type: str
  sample: ""
json:
  description: Its standard output, decoded, if that is a JSON object or list; else V(null).
  returned: when it was run
  type: raw
  sample: {header: {revision: 4}}
msg:
  description: Why it was not run.
  returned: in check mode, when it was not run
  type: str
  sample: "not run in check mode: etcdctl put has no dry run"
"""

from ansible_collections.kwok.sim.plugins.module_utils._cluster.module import SimModule
from ansible_collections.kwok.sim.plugins.module_utils._cluster.place import layout_of
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import COMMON_ARGUMENTS, check_name
from ansible_collections.kwok.sim.plugins.module_utils._tools import run


def main() -> None:
    module = SimModule({**COMMON_ARGUMENTS, **run.TOOL_ARGUMENTS, "etcdctl": {"type": "path"}}, **run.TOOL_CONSTRAINTS)
    with module.errors():
        params = module.params
        layout = layout_of(params["base_dir"], check_name(params["cluster"], "cluster"))
        result = run.etcdctl(
            layout,
            run.load(layout),
            run.arguments(params["args"], params["command"]),
            executable_path=params["etcdctl"],
            stdin=params["stdin"],
            timeout_s=params["timeout"],
            check_mode=module.check_mode,
        )
        module.exit(**result.as_dict())


if __name__ == "__main__":
    main()
