#!/usr/bin/python
# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What there is of a cluster, read past the collection: its processes, their sockets, its files.

Only Linux's /proc and the file system are asked, and none of the collection's code, so that it cannot agree with its own mistakes.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import os
import stat
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

MARKER = "KWOK_SIM_CLUSTER_DIR"


def environment(pid: int) -> dict[str, str]:
    """The environment of a process; empty if it has gone."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    return dict(item.partition("=")[::2] for item in os.fsdecode(raw).split("\0") if "=" in item)


def marked(directory: str) -> list[dict[str, Any]]:
    """Processes of the cluster in a directory, or of any cluster below it."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal():
            continue
        environ = environment(int(entry.name))
        place = environ.get(MARKER)
        if place is None or not (place == directory or place.startswith(f"{directory}/")):
            continue
        with contextlib.suppress(OSError):
            state = Path(f"/proc/{entry.name}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
            arguments = os.fsdecode(Path(f"/proc/{entry.name}/cmdline").read_bytes()).rstrip("\0").split("\0")
            if state not in "ZX":
                name = environ.get("KWOK_SIM_COMPONENT", "supervisord")
                found.append({"pid": int(entry.name), "name": name, "arguments": arguments, "environment": sorted(environ)})
    return sorted(found, key=lambda item: (item["name"], item["pid"]))


def inodes(pid: int) -> set[str]:
    """The sockets that a process has open."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(entry.readlink())
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def address(text: str) -> tuple[str, int]:
    """An address as /proc/net/tcp writes it: groups of four bytes, each in the host's order."""
    host, _colon, port = text.partition(":")
    raw = bytes.fromhex(host)
    order = b"".join(raw[index : index + 4][::-1] for index in range(0, len(raw), 4))
    ip = ipaddress.ip_address(order)
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        return str(ip.ipv4_mapped), int(port, 16)
    return str(ip), int(port, 16)


def listeners(processes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The TCP ports on which processes listen, and all of their UDP ports."""
    owners = {inode: process["name"] for process in processes for inode in inodes(process["pid"])}
    found = []
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{protocol}").read_text(encoding="utf-8").splitlines()[1:]:
                fields = line.split()
                # 0A: TCP_LISTEN
                if fields[9] in owners and (protocol.startswith("udp") or fields[3] == "0A"):
                    host, port = address(fields[1])
                    loopback = ipaddress.ip_address(host).is_loopback
                    found.append({"name": owners[fields[9]], "protocol": protocol, "address": host, "port": port, "loopback": loopback})
    return sorted(found, key=lambda item: (item["name"], item["port"]))


def files(directory: Path, left_out: list[str]) -> dict[str, dict[str, Any]]:
    """All that is below a directory, itself included, without what is below the names in ``left_out``."""
    found: dict[str, dict[str, Any]] = {}
    pending = [directory]
    while pending:
        path = pending.pop()
        with contextlib.suppress(FileNotFoundError):
            status = path.lstat()
            name = str(path.relative_to(directory))
            kind = "directory" if stat.S_ISDIR(status.st_mode) else "file" if stat.S_ISREG(status.st_mode) else "other"
            found[name] = {"kind": kind, "mode": f"{stat.S_IMODE(status.st_mode):04o}", "owner": status.st_uid, "time": status.st_mtime_ns}
            if kind == "file":
                found[name]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
            elif kind == "directory" and path.name not in left_out:
                pending += path.iterdir()
    return dict(sorted(found.items()))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "left_out": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    directory = os.path.realpath(module.params["directory"])
    processes = marked(directory)
    module.exit_json(
        changed=False,
        processes=processes,
        pids={item["name"]: item["pid"] for item in processes},
        listeners=listeners(processes),
        files=files(Path(directory), module.params["left_out"]),
    )


if __name__ == "__main__":
    main()
