# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print the go.mod from which a version of kubectl would be built; build nothing.

Usage: staging.py VERSION, with the collection's root on PYTHONPATH and go on PATH, or it is installed to a temporary directory.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from ansible_collections.kwok.sim.plugins.module_utils._artifacts import gobuild
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.request import ArtifactRequest
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.resolve import look_up
from ansible_collections.kwok.sim.plugins.module_utils._artifacts.toolchain import Toolchain


def main() -> None:
    wanted, _entry = look_up(ArtifactRequest("kubectl", version=sys.argv[1]))
    deadline = time.monotonic() + 600
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        environment = gobuild.environment_for(wanted.platform, work, os.environ)
        go = Toolchain(wanted, None, work / "toolchains", environment, deadline, lambda _message: None).find()
        sys.stdout.write(gobuild.module_for(wanted, go, work, environment, deadline).text)


if __name__ == "__main__":
    main()
