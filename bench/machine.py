# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""On what was measured."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")

_MODEL = re.compile(r"^model name\s*:\s*(\S.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Machine:
    """The machine, and how busy it was at the beginning."""

    cpu: str
    cpus: int
    memory_gib: float
    kernel: str
    load: tuple[float, float, float]

    def __str__(self) -> str:
        load = ", ".join(f"{each:.1f}" for each in self.load)
        return f"{self.cpu}, {self.cpus} CPUs, {self.memory_gib:g} GiB, kernel {self.kernel}, load {load}"


def this_machine(cpuinfo: Path = CPUINFO) -> Machine:
    """The one that this runs on. Where the kernel does not name the model of the CPU, its architecture."""
    found = _MODEL.search(cpuinfo.read_text(encoding="utf-8")) if cpuinfo.exists() else None
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        found[1] if found else platform.machine(), os.cpu_count() or 1, round(memory / 2**30, 1), platform.release(), os.getloadavg()
    )
