# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Let ansible-test make its virtual environments from what this machine already has.

For each sanity test with requirements ansible-test makes an environment without pip, and puts pip into it with a script
which it downloads once from a server of its project and keeps at ``~/.ansible/test/cache/get_pip_<version>.py``. That
server cannot be reached from everywhere (a proxy, a build machine that only sees a package index), and nothing but pip is
fetched that Python does not bring along. So where the script is missing, one is put there that installs the pip of
Python's own ``ensurepip``, or, where the distribution has taken ``ensurepip`` out, asks the base interpreter's pip to
install one. A script that is there already is left as it is.

Usage: ``pip_bootstrap.py``, with the Python that ansible-test runs on.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

SCRIPT = '''\
"""Install pip into the running environment, without a download. Written by the tests of the collection kwok.sim."""

import os
import subprocess
import sys

# ansible-test names this file to its wrapper of pip by this variable; the pip that is called from here must not see it.
os.environ.pop("GET_PIP", None)
try:
    import ensurepip
except ImportError:
    subprocess.check_call([sys._base_executable, "-m", "pip", "--python", sys.executable, "install", "--quiet", "pip"])
else:
    ensurepip.bootstrap(default_pip=True)
'''


def pip_version() -> str:
    """The version of pip that the installed ansible-test asks for, which is part of the script's name."""
    requirements = importlib.import_module("ansible_test._internal.python_requirements")
    version: str = requirements.get_venv_packages(SimpleNamespace(version=f"{sys.version_info[0]}.{sys.version_info[1]}"))["pip"]
    return version


def main() -> None:
    """Write the script unless there is one."""
    path = Path.home() / ".ansible/test/cache" / f"get_pip_{pip_version().replace('.', '_')}.py"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        temporary.write_text(SCRIPT)
        temporary.replace(path)
        print(f"Wrote {path}")


if __name__ == "__main__":
    main()
