# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell from a file's first bytes what it can run on, and say precisely why it cannot run here.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

# ``uname -m`` to Go's names for architectures, which the release sites use too.
_MACHINES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
    "armv7l": "arm",
    "armv6l": "arm",
    "i686": "386",
    "i386": "386",
}

SYSTEMS = ("linux", "darwin")
ARCHITECTURES = tuple(dict.fromkeys(_MACHINES.values()))

# (e_machine, EI_CLASS, EI_DATA) of the ELF header; numbers from the System V ABI's registry of e_machine values.
_ELF_ARCHITECTURES = {
    (62, 2, 1): "amd64",
    (183, 2, 1): "arm64",
    (21, 2, 1): "ppc64le",
    (21, 2, 2): "ppc64",
    (22, 2, 2): "s390x",
    (243, 2, 1): "riscv64",
    (40, 1, 1): "arm",
    (3, 1, 1): "386",
}
_ELF_HEADER_SIZES = {1: 52, 2: 64}
_ELF_EXECUTABLE_TYPES = (2, 3)  # ET_EXEC, and ET_DYN for position-independent executables
_ELF_SYSTEMS = {0: "linux", 3: "linux", 9: "freebsd"}  # EI_OSABI: System V, GNU, FreeBSD

# cputype of the Mach-O header (mach/machine.h).
_MACH_ARCHITECTURES = {0x01000007: "amd64", 0x0100000C: "arm64"}
_MACH_HEADER_SIZE = 32

_HEAD_SIZE = 4096  # bytes read: more than any header here, a universal binary's table of architectures included


@dataclass(frozen=True)
class Platform:
    """An operating system and an architecture, under Go's names; ``str()`` gives ``linux-amd64``."""

    os: str
    arch: str

    def __str__(self) -> str:
        return f"{self.os}-{self.arch}"

    @classmethod
    def host(cls) -> Platform:
        """This machine's platform."""
        uname = os.uname()
        return cls(uname.sysname.lower(), _MACHINES.get(uname.machine, uname.machine))


class NotExecutable(Exception):
    """Why a file cannot run on the wanted platform; ``str()`` completes the sentence "PATH ..."."""


def identify(head: bytes) -> frozenset[Platform] | None:
    """What a native executable that begins with ``head`` runs on.

    Returns:
        The platforms: several for a universal binary; empty for a native file that is no executable, or of an unknown
        architecture; ``None`` if this is no native format.
    """
    if head[:4] == b"\x7fELF":
        return _identify_elf(head)
    if head[:4] in (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"):
        return _identify_mach(head)
    return None


def _identify_elf(head: bytes) -> frozenset[Platform]:
    if len(head) < 20 or len(head) < _ELF_HEADER_SIZES.get(head[4], len(head) + 1):
        return frozenset()
    order = {1: "<", 2: ">"}.get(head[5])
    if order is None:
        return frozenset()
    kind, machine = struct.unpack_from(f"{order}HH", head, 16)
    system = _ELF_SYSTEMS.get(head[7])
    architecture = _ELF_ARCHITECTURES.get((machine, head[4], head[5]))
    if kind not in _ELF_EXECUTABLE_TYPES or system is None or architecture is None:
        return frozenset()
    return frozenset({Platform(system, architecture)})


def _identify_mach(head: bytes) -> frozenset[Platform]:
    if len(head) < _MACH_HEADER_SIZE:
        return frozenset()
    if head[:4] == b"\xcf\xfa\xed\xfe":
        types = [struct.unpack_from("<I", head, 4)[0]]
    else:
        # A universal binary: a count, then 20 bytes for each architecture, big-endian (mach-o/fat.h). Java class files
        # share the magic number, with a version above 40 in the place of the count.
        count = struct.unpack_from(">I", head, 4)[0]
        if count > 20 or len(head) < 8 + 20 * count:
            return frozenset()
        types = [struct.unpack_from(">I", head, 8 + 20 * index)[0] for index in range(count)]
    return frozenset(Platform("darwin", _MACH_ARCHITECTURES[value]) for value in types if value in _MACH_ARCHITECTURES)


def check(path: Path, platform: Platform, *, scripts: bool = False) -> os.stat_result:
    """Make sure that a file is an executable for a platform, from its status and its first bytes alone.

    Args:
        path: The file; symbolic links are followed.
        platform: What it must run on.
        scripts: Accept a script (``#!``), too.

    Returns:
        The file's status.

    Raises:
        NotExecutable: It is not, and why.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise NotExecutable("is a directory")
        if not stat.S_ISREG(status.st_mode):  # before it is opened: opening a named pipe would wait for a writer
            raise NotExecutable("is not a regular file")
        with path.open("rb") as file:
            head = file.read(_HEAD_SIZE)
    except FileNotFoundError:
        raise NotExecutable("does not exist") from None
    except OSError as error:
        raise NotExecutable(f"cannot be read: {error.strerror}") from None
    if not head:
        raise NotExecutable("is empty")
    found = identify(head)
    if found is None and not (scripts and head[:2] == b"#!"):
        raise NotExecutable("is a Windows program" if head[:2] == b"MZ" else "is not an executable")
    if found is not None and platform not in found:
        what = " and ".join(sorted(str(item) for item in found))
        raise NotExecutable(f"is an executable for {what}, not for {platform}" if what else f"is not an executable for {platform}")
    # As root, access(2) says yes as soon as any execute bit is set, which is what the kernel does at execve(2), too.
    if not os.access(path, os.X_OK):
        raise NotExecutable("may not be executed by this user")
    return status
