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
      - V(present) - the Stages are there as given.
      - V(absent) - the Stages of these names are gone. Of O(stages), the names are enough.
    type: str
    choices: [present, absent]
    default: present
  stages:
    description: Stages as they are written in YAML; C(apiVersion) and C(kind) may be left out.
    type: list
    elements: dict
    default: []
  paths:
    description: Files on the host with Stages, in YAML, or directories of such files.
    type: list
    elements: path
    default: []
  sets:
    description:
      - Sets that ship with C(kwok-controller), such as V(node-fast), V(node-heartbeat), V(node-chaos), V(pod-fast), V(pod-general),
        V(pod-chaos), V(volume-fast).
      - C(kwok-controller stage sets) lists them.
    type: list
    elements: str
    default: []
  purge:
    description: With O(state=present), whether Stages that this module applied before and that are not given any more are deleted.
    type: bool
    default: false
  strict:
    description: Whether the linter's warnings fail the task, too.
    type: bool
    default: false
  executable:
    description: The C(kwok-controller) to lint with; if omitted, that of the cluster's component C(kwok-controller), or the one on E(PATH).
    type: path
  wait:
    description:
      - Whether to wait until the controller has taken the Stages.
      - The Go C(kwok) does not say so; set this to V(false) for it.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for it.
    type: int
    default: 60
seealso:
  - module: kwok.sim.kwok_crd
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

from dataclasses import asdict
from typing import Any

from ansible_collections.kwok.sim.plugins.module_utils._cluster.module import SimModule
from ansible_collections.kwok.sim.plugins.module_utils._cluster.target import TARGET_ARGUMENTS, Target, find_target
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._kube.apply import AppliedObject
from ansible_collections.kwok.sim.plugins.module_utils._stages import program
from ansible_collections.kwok.sim.plugins.module_utils._stages.desired import wanted_stages
from ansible_collections.kwok.sim.plugins.module_utils._stages.reconcile import reconcile, wait_until_taken


def main() -> None:
    module = SimModule(
        {
            **TARGET_ARGUMENTS,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "stages": {"type": "list", "elements": "dict", "default": []},
            "paths": {"type": "list", "elements": "path", "default": []},
            "sets": {"type": "list", "elements": "str", "default": []},
            "purge": {"type": "bool", "default": False},
            "strict": {"type": "bool", "default": False},
            "executable": {"type": "path"},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 60},
        }
    )
    with module.errors():
        params = module.params
        target = find_target(params)
        if params["state"] == "present":
            _present(module, params, target)
        else:
            _absent(module, params, target)


def _present(module: SimModule, params: dict[str, Any], target: Target) -> None:
    executable = program.find_program(params["executable"], target.record)
    wanted = _wanted(params, executable)
    findings = program.lint(executable, wanted) if wanted else []
    failing = [finding for finding in findings if params["strict"] or finding.severity == "error"]
    if failing:
        raise SimError(
            "; ".join(str(finding) for finding in failing),
            remedy="Correct what the message names; nothing has been sent",
            details={"findings": [asdict(finding) for finding in findings]},
        )
    for finding in findings:
        module.warn(str(finding))
    results = reconcile(target.kubeconfig, wanted, purge=params["purge"], dry_run=module.check_mode)
    if params["wait"] and not module.check_mode:
        wait_until_taken(target.kubeconfig, [stage["metadata"]["name"] for stage in wanted], params["wait_timeout"])
    module.exit_with_objects(
        results, stages=[_told(each) for each in results], findings=[asdict(finding) for finding in findings], executable=executable
    )


def _absent(module: SimModule, params: dict[str, Any], target: Target) -> None:
    # Only what is in a file or a set has to be read by the program; names alone need none.
    executable = program.find_program(params["executable"], target.record) if params["paths"] or params["sets"] else ""
    names = [stage["metadata"]["name"] for stage in _wanted(params, executable)]
    results = reconcile(target.kubeconfig, [], unwanted=names, dry_run=module.check_mode)
    module.exit_with_objects(results, stages=[_told(each) for each in results], findings=[])


def _wanted(params: dict[str, Any], executable: str) -> list[dict[str, Any]]:
    sources = [(f"stages[{index}]", stage) for index, stage in enumerate(params["stages"])]
    for path in params["paths"]:
        sources += [(path, stage) for stage in program.read_stages(executable, path)]
    for name in params["sets"]:
        sources += [(f"the set {name}", stage) for stage in program.shipped_stages(executable, [name])]
    return wanted_stages(sources)


def _told(each: AppliedObject) -> dict[str, str]:
    if not each.changed:
        return {"name": each.name, "action": "unchanged"}
    if each.after is None:
        return {"name": each.name, "action": "deleted"}
    return {"name": each.name, "action": "updated" if each.before is not None else "created"}


if __name__ == "__main__":
    main()
