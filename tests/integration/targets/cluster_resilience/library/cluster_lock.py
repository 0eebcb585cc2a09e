#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes a cluster's lock and, while it is held, waits for it as a run does; returns what that run would say."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kwok.sim.plugins.module_utils._cluster.lock import exclusive
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "timeout": {"type": "int", "required": True},
        },
    )
    path = Path(module.params["path"])
    name = path.name.removeprefix(".").removesuffix(".lock")
    try:
        with exclusive(path, 60, f"cluster {name}"), exclusive(path, module.params["timeout"], f"cluster {name}"):
            module.fail_json(msg="the lock was had twice")
    except SimError as error:
        module.exit_json(changed=False, holder=os.getpid(), message=str(error), option=error.option)


if __name__ == "__main__":
    main()
