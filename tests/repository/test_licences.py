# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every Python file says which licence it is under; REUSE.toml says it of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

HEADER = """\
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""
# REUSE-IgnoreStart
CONTROLLER_LICENCE = "# SPDX-License-Identifier: Apache-2.0"
# REUSE-IgnoreEnd


def test_every_python_file_has_the_header(root: Path, files: list[Path]) -> None:
    python = [path for path in files if path.suffix == ".py"]
    assert python
    for path in python:
        text = (root / path).read_text()
        if path.parts[0] == "controller":
            assert CONTROLLER_LICENCE in text.splitlines()[:4], path
        # Ansible wants __init__.py of module_utils to be empty, so that it need not be sent.
        elif text:
            assert text.removeprefix("#!/usr/bin/python\n").startswith(HEADER), path


@pytest.mark.parametrize(("name", "title"), [("LICENSE", "GNU GENERAL PUBLIC LICENSE"), ("controller/LICENSE", "Apache License")])
def test_licence_texts(root: Path, name: str, title: str) -> None:
    assert title in (root / name).read_text()[:200]
