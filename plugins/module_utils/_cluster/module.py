# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules that act on a cluster have in common: their checks, their errors, their results.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .._errors import SimError
from .._kube.apply import AppliedObject
from . import kubeconfig, pki
from .diff import as_diff, objects_as_diff, titled_as_diff
from .engine import Mode, Outcome


class SimModule:
    """An Ansible module that ends every way it can end with a result that says what to do.

    Args:
        arguments: The argument specification.
    """

    def __init__(self, arguments: Mapping[str, Any], **options: Any) -> None:
        self._module = AnsibleModule(argument_spec=dict(arguments), supports_check_mode=True, **options)
        self._progress: list[str] = []
        for library, trace in (("cryptography", pki.CRYPTOGRAPHY_IMPORT_ERROR), ("PyYAML", kubeconfig.YAML_IMPORT_ERROR)):
            if trace:
                self._module.fail_json(msg=missing_required_lib(library), exception=trace)

    @property
    def params(self) -> dict[str, Any]:
        """The checked parameters."""
        return dict(self._module.params)

    @property
    def check_mode(self) -> bool:
        """Whether nothing may be changed."""
        return bool(self._module.check_mode)

    @property
    def mode(self) -> Mode:
        """How the run goes about its work."""
        params = self._module.params
        return Mode(self.check_mode, params["wait"], params["wait_timeout"], self._note, self._module.warn)

    def _note(self, text: str) -> None:
        """Note what is being done: it goes into the host's log, and into the result of a run that fails."""
        self._progress.append(text)
        self._module.debug(text)

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turn a ``SimError`` of the block into the module's failure."""
        try:
            yield
        except SimError as error:
            self._module.fail_json(msg=str(error), option=error.option, remedy=error.remedy, progress=self._progress, **error.details)

    def exit_with(self, outcome: Outcome, **results: Any) -> None:
        """End with what a run did."""
        if outcome.cluster is not None and "component" not in results:
            results["cluster"] = outcome.cluster
        if self._module._diff:
            results["diff"] = as_diff(outcome.changes)
        self._module.exit_json(changed=outcome.changed, changes=[change.as_dict() for change in outcome.changes], **results)

    def exit_with_objects(self, objects: Sequence[AppliedObject], **results: Any) -> None:
        """End with what became of objects in the apiserver."""
        if self._module._diff:
            results["diff"] = objects_as_diff(objects)
        self._module.exit_json(changed=any(each.changed for each in objects), **results)

    def exit_with_diff(self, diff: Callable[[], tuple[dict[str, Any], dict[str, Any]]], **results: Any) -> None:
        """End with results of the module's own, and in diff mode with what is there and what will be, each by its title."""
        if self._module._diff:
            results["diff"] = titled_as_diff(*diff())
        self._module.exit_json(**results)

    def warn(self, text: str) -> None:
        """Tell the user of something that does not keep the run from its work."""
        self._module.warn(text)

    def exit(self, **results: Any) -> None:
        """End with results of the module's own."""
        self._module.exit_json(**results)
