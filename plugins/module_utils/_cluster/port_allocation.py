# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which ports a cluster and its joined components get: those asked for, those they have, or free ones.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import SimError
from . import components, joined, ports
from .component import ObservedComponent
from .layout import Layout
from .record import Record, list_clusters, load_record
from .spec import ETCD, PORT_OPTIONS, TRACING_PORT, ClusterSpec

Seen = Mapping[str, ObservedComponent]


def control_plane_ports(spec: ClusterSpec, record: Record, seen: Seen, layout: Layout) -> dict[str, int]:
    """Name of a port to its number, those of joined components included.

    Raises:
        SimError: A port is taken; names its option.
    """
    address = components.local_address(spec)
    hosts = {name: "127.0.0.1" if name == "etcd-metrics" else address for name in PORT_OPTIONS if _owner(name) in spec.components}
    hosts["kube-apiserver"] = spec.bind_address
    if spec.tracing is not None and not spec.tracing["endpoint"]:
        hosts[TRACING_PORT] = "127.0.0.1"
    kept = {name: number for name, number in record.ports.items() if name in hosts or "/" in name}
    asked = {name: number for name, number in spec.ports.items() if name in hosts}
    for name, number in asked.items():
        for other, held in kept.items():
            if held == number and other != name and other not in asked:
                option = PORT_OPTIONS[name]
                raise SimError(f"{number} is the port {other} of this cluster", option=option, remedy="Give another number, or 0")
    wanted = {**kept, **asked}
    # Asked for any port: those of the cluster may be held by the very components that are about to move to this address.
    problem = ports.bind_problem(spec.bind_address, 0)
    if problem:
        raise SimError(f"{spec.bind_address} {problem}", option="bind_address", remedy="Give an address of this host")
    for name, host in hosts.items():
        # Whoever takes the traces may be there already.
        if name in wanted and name != TRACING_PORT and not _is_ours(wanted[name], record, seen):
            _check(wanted[name], host, PORT_OPTIONS[name])
    missing = {name: host for name, host in hosts.items() if name not in wanted}
    return {**wanted, **_choose(missing, wanted.values(), layout, "bind_address")}


def joined_ports(declaration: Mapping[str, Any], record: Record, seen: Seen, layout: Layout) -> dict[str, int]:
    """``record.ports`` with those of one joined component as it wants them now.

    Raises:
        SimError: A port is taken.
    """
    name = declaration["name"]
    others = {key: number for key, number in record.ports.items() if not key.startswith(f"{name}/")}
    own: dict[str, int] = {}
    choose: dict[str, str] = {}
    for port in declaration["ports"]:
        key = joined.port_key(name, port["name"])
        number = port["number"] or record.ports.get(key)
        if not number:
            choose[key] = port["host"]
            continue
        for other, taken in {**others, **own}.items():
            # That of the receiver of traces is for whoever is one.
            if taken == number and other != TRACING_PORT:
                raise SimError(f"{number} is the port {other} of this cluster", option="ports", remedy="Give another number, or 0")
        own[key] = number
        if not _is_ours(number, record, seen):
            _check(number, port["host"], "ports")
    return {**others, **own, **_choose(choose, {**others, **own}.values(), layout, "ports")}


def _is_ours(number: int, record: Record, seen: Seen) -> bool:
    """Whether a component of this cluster that runs holds the port now."""
    holders = (seen.get(_owner(name)) for name, held in record.ports.items() if held == number)
    return any(holder is not None and holder.pid is not None for holder in holders)


def _check(number: int, host: str, option: str) -> None:
    problem = ports.bind_problem(host, number)
    if problem:
        raise SimError(f"port {number} on {host} {problem}", option=option, remedy=f"End what uses it, or give another port by {option}")


def _choose(wanted: Mapping[str, str], own: Iterable[int], layout: Layout, option: str) -> dict[str, int]:
    """Free ports; ``option`` is the one that gives the addresses."""
    if not wanted:
        return {}
    for host in set(wanted.values()):
        # Port 0 is any free one: what cannot be used then is the address.
        problem = ports.bind_problem(host, 0)
        if problem:
            raise SimError(f"{host} {problem}", option=option, remedy="Give an address of this host")
    taken = set(own)
    for name in list_clusters(layout.base_dir):
        # A damaged neighbour must not stop this cluster; its running components hold their ports by themselves.
        with contextlib.suppress(SimError):
            other = load_record(Layout(layout.base_dir, name))
            taken.update(other.ports.values() if other else ())
    return ports.choose(wanted, taken, str(layout.root))


def _owner(port: str) -> str:
    return ETCD if "/" not in port and port.startswith("etcd") else port.partition("/")[0]
