#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks for the keys and certificates of a cluster in texts and files, however they were quoted, folded or encoded."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

_BLANK = re.compile(r"\s+|\\+n")


def needles(directory: Path) -> dict[str, str]:
    """A piece of each file's base64 text, and of the base64 of the whole file, which is how a kubeconfig has it."""
    found = {}
    for path in sorted([*directory.glob("*.key"), *directory.glob("*.crt")]):
        lines = [line for line in path.read_text(encoding="ascii").splitlines() if not line.startswith("-----")]
        body = "".join(lines)
        # The first bytes say which algorithm and which issuer it is; the last ones are a signature or a point on a curve.
        found[body[-60:-8]] = path.name
        encoded = base64.b64encode(path.read_bytes()).decode()
        found[encoded[-120:-60]] = f"{path.name} as base64"
    return found


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "pki": {"type": "path", "required": True},
            "texts": {"type": "dict", "default": {}},
            "paths": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    wanted = needles(Path(module.params["pki"]))
    texts = {name: str(text) for name, text in module.params["texts"].items()}
    for top in map(Path, module.params["paths"]):
        for path in [top] if top.is_file() else [item for item in top.rglob("*") if item.is_file()]:
            texts[str(path)] = path.read_text(encoding="utf-8", errors="replace")
    found = []
    for name, text in texts.items():
        plain = _BLANK.sub("", text)
        found += [f"{name} holds {what}" for needle, what in wanted.items() if needle in plain]
        found += [f"{name} holds a private key"] if "PRIVATEKEY-----" in plain else []
    module.exit_json(changed=False, found=found, searched=sorted(texts), needles=len(wanted))


if __name__ == "__main__":
    main()
