# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules for objects of C(kwok.x-k8s.io) and C(kwok-sim.dev) do: gather, lint, apply, wait.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import re
from typing import Any

from .._cluster.module import SimModule
from .._cluster.target import TARGET_ARGUMENTS, Target, find_target
from .._errors import SimError
from .._kube.apply import AppliedObject
from . import program
from .desired import wanted_objects
from .kinds import Family, Key, key_of
from .reconcile import reconcile, wait_until_taken

_OWNER = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]{0,62})?")
"""What becomes a part of a field manager's name, of which the server takes 128 characters."""


def arguments(family: Family) -> dict[str, dict[str, Any]]:
    """The argument specification of a family's module; shared options are documented in the fragment ``kwok.sim.simulation``."""
    return {
        **TARGET_ARGUMENTS,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        family.option: {"type": "list", "elements": "dict", "default": []},
        **({"namespace": {"type": "str", "default": "default"}} if family.namespaced else {}),
        "paths": {"type": "list", "elements": "path", "default": []},
        "sets": {"type": "list", "elements": "str", "default": []},
        "purge": {"type": "bool", "default": False},
        "owner": {"type": "str", "default": ""},
        "strict": {"type": "bool", "default": False},
        "executable": {"type": "path"},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 60},
    }


def run(family: Family) -> None:
    """Run a family's module."""
    module = SimModule(arguments(family))
    with module.errors():
        params = module.params
        _check_owner(params["owner"])
        target = find_target(params)
        if params["state"] == "present":
            _present(module, family, params, target)
        else:
            _absent(module, family, params, target)


def _present(module: SimModule, family: Family, params: dict[str, Any], target: Target) -> None:
    executable = program.find_program(params["executable"], target.record)
    wanted = _wanted(family, params, executable)
    findings = program.lint(executable, family, wanted) if wanted else []
    told = [_told_finding(family, finding) for finding in findings]
    failing = [finding for finding in findings if params["strict"] or finding.severity == "error"]
    if failing:
        raise SimError(
            "; ".join(str(finding) for finding in failing),
            remedy="Correct what the message names; nothing has been sent",
            details={"findings": told},
        )
    for finding in findings:
        module.warn(str(finding))
    results = reconcile(target.kubeconfig, family, wanted, purge=params["purge"], owner=params["owner"], dry_run=module.check_mode)
    if params["wait"] and not module.check_mode:
        for failure in wait_until_taken(target.kubeconfig, family, [key_of(obj) for obj in wanted], params["wait_timeout"]):
            module.warn(failure)
    _exit(module, family, results, findings=told, executable=executable)


def _absent(module: SimModule, family: Family, params: dict[str, Any], target: Target) -> None:
    # Only what is in a file or a set has to be read by the program; names alone need none.
    executable = program.find_program(params["executable"], target.record) if params["paths"] or params["sets"] else ""
    keys = [key_of(obj) for obj in _wanted(family, params, executable)]
    _exit(module, family, reconcile(target.kubeconfig, family, [], unwanted=keys, dry_run=module.check_mode), findings=[])


def _wanted(family: Family, params: dict[str, Any], executable: str) -> list[dict[str, Any]]:
    sources = [(f"{family.option}[{index}]", obj) for index, obj in enumerate(params[family.option])]
    for path in params["paths"]:
        sources += [(path, obj) for obj in program.read_objects(executable, family, path)]
    for name in params["sets"]:
        sources += [(f"the set {name}", obj) for obj in program.shipped_objects(executable, family, name)]
    return wanted_objects(family, sources, namespace=params.get("namespace", ""))


def _check_owner(owner: str) -> None:
    if not _OWNER.fullmatch(owner):
        raise SimError(
            f"{owner!r} cannot be an owner's name",
            option="owner",
            remedy="Use up to 63 letters, digits and -_. that begin with a letter or digit",
        )


def _exit(module: SimModule, family: Family, results: list[AppliedObject], **others: Any) -> None:
    module.exit_with_objects(results, **{family.option: [_told(family, each) for each in results]}, **others)


def _told(family: Family, each: AppliedObject) -> dict[str, str]:
    if not each.changed:
        action = "unchanged"
    elif each.after is None:
        action = "deleted"
    else:
        action = "updated" if each.before is not None else "created"
    return {**_identity(family, Key(each.kind, each.namespace or "", each.name), "name"), "action": action}


def _told_finding(family: Family, finding: program.Finding) -> dict[str, str]:
    identity = _identity(family, finding.subject, family.command)
    return {"severity": finding.severity, **identity, "field": finding.field, "message": finding.message}


def _identity(family: Family, key: Key, name: str) -> dict[str, str]:
    """Which object, in a result: of a single kind the name says it, under the title ``name``, with the namespace where there is one."""
    if len(family.kinds) > 1:
        return key._asdict()
    return {**({"namespace": key.namespace} if family.namespaced else {}), name: key.name}
