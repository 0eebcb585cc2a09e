#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Issues certificates of a cluster anew, as they were, but some days ago."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kwok.sim.plugins.module_utils._cluster import components, pki
from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import ClusterSpec


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "base_dir": {"type": "path", "required": True},
            "cluster": {"type": "str", "required": True},
            "certificates": {"type": "list", "elements": "str", "required": True},
            "days_ago": {"type": "int", "required": True},
        },
    )
    layout = Layout(Path(module.params["base_dir"]), module.params["cluster"])
    spec = ClusterSpec.from_dict(json.loads(layout.record.read_text(encoding="utf-8"))["spec"])
    moment = datetime.now(UTC) - timedelta(days=module.params["days_ago"])
    for certificate in components.certificates(spec):
        if certificate.name in module.params["certificates"]:
            pki.issue(layout.pki, certificate, moment)
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
