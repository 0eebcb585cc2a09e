#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signals processes by their ids: those that are given, or those of a run that is known by a variable in its environment."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def of_run(run: str) -> list[int]:
    """Processes whose environment has KWOK_SIM_TEST_RUN with that value, but for this one."""
    needle = f"\0KWOK_SIM_TEST_RUN={run}\0".encode()
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if needle in b"\0" + Path(entry.path, "environ").read_bytes():
                    found.append(int(entry.name))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "pids": {"type": "list", "elements": "int", "default": []},
            "run": {"type": "str"},
            "once_there": {"type": "path"},
            "once_gone": {"type": "path"},
            "signal": {"type": "str", "default": "SIGKILL"},
            "timeout": {"type": "int", "default": 120},
        },
    )
    params = module.params
    number = signal.Signals[params["signal"]]
    pids = list(params["pids"])
    deadline = time.monotonic() + params["timeout"]
    looked = 0.0
    while params["run"]:
        if time.monotonic() > looked + 0.05:
            pids = of_run(params["run"])
            looked = time.monotonic()
        there, gone = params["once_there"], params["once_gone"]
        if pids and (there is None or Path(there).exists()) and (gone is None or not Path(gone).exists()):
            break
        if looked > deadline:
            module.fail_json(msg=f"the moment did not come; processes of the run: {pids}")
        time.sleep(0.001)
    signalled = []
    # What a signalled process had started meanwhile is looked for once more.
    for pid in [*pids, *(of_run(params["run"]) if params["run"] else [])]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            signalled.append(pid)
    if number == signal.SIGKILL:
        while any(alive(pid) for pid in signalled):
            if time.monotonic() > deadline:
                module.fail_json(msg=f"these are still there: {[pid for pid in signalled if alive(pid)]}")
            time.sleep(0.01)
    module.exit_json(changed=bool(signalled), signalled=signalled)


if __name__ == "__main__":
    main()
