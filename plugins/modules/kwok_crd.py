#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kwok_crd
short_description: Put the CRDs of kwok.x-k8s.io and kwok-sim.dev into a cluster
version_added: 0.1.0
author:
  - the kwok.sim contributors (@kwok-sim)
description:
  - Makes the CustomResourceDefinitions of C(kwok.x-k8s.io) and C(kwok-sim.dev) be in the cluster as the installed C(kwok-controller)
    has them, and waits until the apiserver serves them.
  - The Go C(kwok) reads the same kinds of C(kwok.x-k8s.io). Those of C(kwok-sim.dev), as WorkloadTrace, are extensions.
extends_documentation_fragment:
  - kwok.sim.attributes
  - kwok.sim.attributes.actiongroup
  - kwok.sim.cluster
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  cluster:
    description: Name of the cluster.
    type: str
    default: kwok
  state:
    description:
      - V(present) - the CRDs are there and served.
      - V(absent) - they are gone, and with them every object of these kinds.
    type: str
    choices: [present, absent]
    default: present
  kinds:
    description: The kinds; if omitted, all of them.
    type: list
    elements: str
    default: []
  executable:
    description: The C(kwok-controller) to ask; if omitted, that of the cluster's component C(kwok-controller), or the one on E(PATH).
    type: path
  wait_timeout:
    description: Seconds to wait until the apiserver serves them.
    type: int
    default: 60
seealso:
  - module: kwok.sim.kwok_stage
  - module: kwok.sim.kwok_metric
  - module: kwok.sim.kwok_resource_usage
  - module: kwok.sim.kwok_trace
"""

EXAMPLES = r"""
- name: Put the CRDs into the cluster
  kwok.sim.kwok_crd:
    cluster: kwok

- name: Only those of stages
  kwok.sim.kwok_crd:
    cluster: kwok
    kinds: [Stage]
"""

RETURN = r"""
kinds:
  description: The kinds, and whether the CRD of each was changed; in check mode, whether it would be.
  returned: success
  type: dict
  sample:
    Stage: true
executable:
  description: The program that was asked.
  returned: success
  type: str
  sample: /home/me/.local/share/kwok-sim/controller/0123456789abcdef/bin/kwok-controller
"""

from ansible_collections.kwok.sim.plugins.module_utils._cluster.module import SimModule
from ansible_collections.kwok.sim.plugins.module_utils._cluster.target import TARGET_ARGUMENTS, find_target
from ansible_collections.kwok.sim.plugins.module_utils._kube.apply import AppliedObject
from ansible_collections.kwok.sim.plugins.module_utils._simulation import program
from ansible_collections.kwok.sim.plugins.module_utils._simulation.definitions import reconcile_definitions


def main() -> None:
    module = SimModule(
        {
            **TARGET_ARGUMENTS,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "kinds": {"type": "list", "elements": "str", "default": []},
            "executable": {"type": "path"},
            "wait_timeout": {"type": "int", "default": 60},
        }
    )
    with module.errors():
        params = module.params
        target = find_target(params)
        executable = program.find_program(params["executable"], target.record)
        results = reconcile_definitions(
            target.kubeconfig,
            program.custom_resource_definitions(executable, params["kinds"]),
            present=params["state"] == "present",
            dry_run=module.check_mode,
            timeout_s=params["wait_timeout"],
        )
        module.exit_with_objects(
            results,
            kinds={_kind(each): each.changed for each in results if each.changed or each.after is not None},
            executable=executable,
        )


def _kind(definition: AppliedObject) -> str:
    return str((definition.after or definition.before or {})["spec"]["names"]["kind"])


if __name__ == "__main__":
    main()
