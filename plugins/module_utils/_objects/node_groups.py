# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Groups of simulated nodes: from the options to the Node objects.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from .._errors import SimError
from .fields import RECORD_ANNOTATION, record_of
from .machines import DEFAULT_MACHINE, MACHINES
from .names import check_format, check_label_value, name_of
from .placeholders import Filler, compile_template
from .plan import Key, key_of
from .quantity import parse_quantity

GROUP_LABEL = "kwok.sim/node-group"
"""Names the group of a node that ``kwok_nodes`` made; others have no such label."""

_FAKE_ANNOTATION = "kwok.x-k8s.io/node"
"""With the value ``fake``, the Go kwok and kwok-controller take a node for theirs in their usual configuration."""

_ALWAYS_ANNOTATIONS = {
    _FAKE_ANNOTATION: "fake",
    # Where metrics-server asks for a node's usage: all nodes may have one address, and then the path has to tell which is meant.
    "metrics.k8s.io/resource-metrics-path": "/metrics/nodes/$(NAME)/metrics/resource",
}

_KNOWN = ("NAME", "INDEX", "GROUP", "ZONE", "REGION")
"""What ``$(…)`` may refer to in the template of a group."""

# References of our own, which stand for what is computed for each node.
_POD_CIDR = "_POD_CIDR"

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]  # noqa: UP007 - evaluated by a check that knows older versions

# The fields of a condition, with the values that are possible where they are few. Ansible keeps the name "message" for itself, so they are
# no suboptions.
_CONDITION_FIELDS: dict[str, tuple[str, ...]] = {"type": (), "status": ("True", "False", "Unknown"), "reason": (), "message": ()}

_EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"]

_TEMPLATE_ARGUMENTS: dict[str, dict[str, Any]] = {
    "labels": {"type": "dict", "default": {}},
    "annotations": {"type": "dict", "default": {}},
    "taints": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "key": {"type": "str", "required": True, "no_log": False},
            "value": {"type": "str"},
            "effect": {"type": "str", "choices": _EFFECTS, "default": "NoSchedule"},
        },
    },
    "capacity": {"type": "dict", "default": {}},
    "allocatable": {"type": "dict", "default": {}},
    "conditions": {"type": "list", "elements": "dict", "default": []},
    "addresses": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "type": {
                "type": "str",
                "choices": ["InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS"],
                "default": "InternalIP",
            },
            "address": {"type": "str", "required": True},
            "step": {"type": "int", "default": 0},
        },
    },
    "provider_id": {"type": "str"},
    "unschedulable": {"type": "bool"},
    "pod_cidr": {"type": "str"},
    "node_info": {"type": "dict", "default": {}},
}

GROUPS_ARGUMENT: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "name": {"type": "str", "required": True},
        "count": {"type": "int", "default": 1},
        "name_format": {"type": "str"},
        "preset": {"type": "str", "choices": sorted(MACHINES), "default": DEFAULT_MACHINE},
        "zones": {"type": "list", "elements": "str", "default": []},
        "regions": {"type": "list", "elements": "str", "default": []},
        "template": {"type": "dict", "options": _TEMPLATE_ARGUMENTS, "apply_defaults": True},
    },
}
"""The option ``groups``; documented in ``kwok_nodes``."""


@dataclass(frozen=True)
class Address:
    """One of ``addresses``: a text, or the IP address of the first node and how much it goes up from node to node."""

    type: str
    text: str
    first: ipaddress.IPv4Address | ipaddress.IPv6Address | None = None
    step: int = 0


@dataclass(frozen=True)
class NodeGroup:
    """A group as the options say, checked; ``fill`` makes a node of the values of its references."""

    name: str
    count: int
    name_format: str
    zones: tuple[str, ...]
    regions: tuple[str, ...]
    fill: Filler
    pod_cidr: Network | None
    addresses: tuple[Address, ...]

    def nodes(self) -> Iterator[dict[str, Any]]:
        """The Node objects, by index. They share what they have in common: nobody may change them."""
        for index in range(self.count):
            yield self.fill(self._values(index))

    def _values(self, index: int) -> dict[str, Any]:
        values: dict[str, Any] = {
            "NAME": name_of(self.name_format, index),
            "INDEX": str(index),
            "GROUP": self.name,
            "ZONE": self.zones[index % len(self.zones)] if self.zones else "",
            "REGION": self.regions[index % len(self.regions)] if self.regions else "",
        }
        for number, address in enumerate(self.addresses):
            if address.first is not None:
                values[_address_name(number)] = str(address.first + index * address.step)
        if self.pod_cidr is not None:
            values[_POD_CIDR] = str(_advance(self.pod_cidr, index))
        return values


def parse_groups(groups: Sequence[Mapping[str, Any]]) -> tuple[NodeGroup, ...]:
    """The groups that the option ``groups`` describes.

    Raises:
        SimError: The option is at fault: the message says in which group, and how.
    """
    parsed: list[NodeGroup] = []
    owner: dict[str, str] = {}
    for options in groups:
        group = _parse(options)
        if group.name in {each.name for each in parsed}:
            raise SimError(f"group {group.name} is there twice", option="groups", remedy="Give each group a name of its own")
        parsed.append(group)
        for index in range(group.count):
            name = name_of(group.name_format, index)
            other = owner.setdefault(name, group.name)
            if other != group.name:
                raise SimError(
                    f"the groups {other} and {group.name} would both have a node {name}",
                    option="groups",
                    remedy="Choose another name_format for one of them",
                )
    return tuple(parsed)


def foreign_nodes(
    wanted: Mapping[Key, str], live: Mapping[Key, Mapping[str, Any]], *, removable: frozenset[str]
) -> list[tuple[Key, str | None]]:
    """Nodes that have the name of a wanted one, and are not the module's to change, each with the group that it belongs to, if any.

    Args:
        wanted: Keys of the wanted nodes with their groups.
        removable: Groups, not wanted themselves, whose nodes may be taken over.
    """
    found: list[tuple[Key, str | None]] = []
    for key, group in wanted.items():
        if key not in live:
            continue
        owner = group_of(live[key])
        if owner is None and RECORD_ANNOTATION in (live[key]["metadata"].get("annotations") or {}):
            # It was made by the module, and its label has been taken off.
            continue
        if owner != group and owner not in removable:
            found.append((key, owner))
    return found


def group_of(node: Mapping[str, Any]) -> str | None:
    """The group of a node; ``None`` for one that the module did not make."""
    owner: str | None = (node["metadata"].get("labels") or {}).get(GROUP_LABEL)
    return owner


def by_key(nodes: Sequence[Mapping[str, Any]]) -> dict[Key, Mapping[str, Any]]:
    """Nodes by their keys."""
    return {key_of(node): node for node in nodes}


def _parse(options: Mapping[str, Any]) -> NodeGroup:
    name, count = options["name"], options["count"]
    where = f"group {name}: "
    if not name:
        raise SimError("a group has an empty name", option="groups", remedy="Name every group")
    check_label_value(name, "groups", "name: ")
    if count < 0:
        raise SimError(f"{where}count is {count}", option="groups", remedy="Give 0 or more")
    name_format = options["name_format"] or f"{name}-%d"
    check_format(name_format, count, "groups", where)
    # The label kubernetes.io/hostname holds it.
    check_label_value(name_of(name_format, max(count - 1, 0)), "groups", f"{where}name_format: ")
    zones, regions = tuple(options["zones"]), tuple(options["regions"])
    if len(regions) > 1 and len(regions) != len(zones):
        raise SimError(
            f"{where}there are {len(zones)} zones and {len(regions)} regions",
            option="groups",
            remedy="Give one region for all zones, or one for each zone",
        )
    for value in (*zones, *regions):
        check_label_value(value, "groups", f"{where}zones and regions: ")
    template = options["template"]
    addresses = tuple(_parse_address(item, count, where) for item in template["addresses"])
    if addresses and all(address.type != "Hostname" for address in addresses):
        # As kubelets have it. The Go kwok's own Stage drops all addresses where it is missing.
        addresses += (Address("Hostname", "$(NAME)"),)
    pod_cidr = _parse_pod_cidr(template["pod_cidr"], count, where)
    pattern = _pattern(name, options, addresses, pod_cidr is not None, where)
    known = {*_KNOWN, _POD_CIDR, *(_address_name(number) for number in range(len(addresses)))}
    fill = compile_template(pattern, known, "groups")
    return NodeGroup(name, count, name_format, zones, regions, fill, pod_cidr, addresses)


def _parse_address(item: Mapping[str, Any], count: int, where: str) -> Address:
    text, step = item["address"], item["step"]
    if not step:
        return Address(item["type"], text)
    try:
        first = ipaddress.ip_address(text)
        first + max(count - 1, 0) * step
    except ValueError:
        raise SimError(
            f"{where}addresses: {text!r} with step {step} does not give {count} IP addresses",
            option="groups",
            remedy="Give the IP address of the group's first node, or leave step out",
        ) from None
    return Address(item["type"], text, first, step)


def _parse_pod_cidr(text: str | None, count: int, where: str) -> Network | None:
    if text is None:
        return None
    try:
        first = ipaddress.ip_network(text)
        _advance(first, max(count - 1, 0))
    except ValueError as error:
        raise SimError(
            f"{where}pod_cidr {text!r} does not give {count} networks: {error}",
            option="groups",
            remedy="Give the network of the group's first node, as 10.64.0.0/24; the others get those that follow",
        ) from None
    return first


def _advance(first: Network, index: int) -> Network:
    """The network of the same size that comes ``index`` networks later."""
    return type(first)((int(first.network_address) + index * first.num_addresses, first.prefixlen))


def _pattern(name: str, options: Mapping[str, Any], addresses: Sequence[Address], has_pod_cidr: bool, where: str) -> dict[str, Any]:
    """The Node object of every node of a group, with references in it."""
    template, machine = options["template"], MACHINES[options["preset"]]
    labels = _texts(template["labels"], f"{where}labels")
    # What the options bring in: recorded, so that it goes when the options no longer do.
    own: dict[str, Any] = {
        "metadata": {
            "labels": {
                "node.kubernetes.io/instance-type": f"kwok.{options['preset']}",
                **machine.labels,
                **({"topology.kubernetes.io/zone": "$(ZONE)"} if options["zones"] else {}),
                **({"topology.kubernetes.io/region": "$(REGION)"} if options["regions"] else {}),
                **labels,
            },
            "annotations": _texts(template["annotations"], f"{where}annotations"),
        },
        "spec": _spec(template, has_pod_cidr),
        "status": {
            "capacity": {**machine.capacity, **_amounts(template["capacity"], f"{where}capacity")},
            # Who changes the machine's size leaves nothing of the preset's share for the system.
            "allocatable": {
                **machine.allocatable,
                **_amounts(template["capacity"], f"{where}capacity"),
                **_amounts(template["allocatable"], f"{where}allocatable"),
            },
        },
    }
    if template["conditions"]:
        own["status"]["conditions"] = [_condition(condition, where) for condition in template["conditions"]]
    if addresses:
        own["status"]["addresses"] = [
            {"type": address.type, "address": address.text if address.first is None else f"$({_address_name(number)})"}
            for number, address in enumerate(addresses)
        ]
    # What every node has.
    always = {
        "kubernetes.io/hostname": "$(NAME)",
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine.architecture,
        "node-role.kubernetes.io/agent": "",
        "type": "kwok",
    }
    all_labels = {**always, **own["metadata"]["labels"], GROUP_LABEL: name}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": "$(NAME)",
            "labels": all_labels,
            "annotations": {**_ALWAYS_ANNOTATIONS, **own["metadata"]["annotations"], RECORD_ANNOTATION: record_of(own)},
        },
        "spec": own["spec"],
        "status": {
            **own["status"],
            "nodeInfo": {
                "architecture": all_labels["kubernetes.io/arch"],
                "operatingSystem": all_labels["kubernetes.io/os"],
                **_texts(template["node_info"], f"{where}node_info"),
            },
        },
    }


def _spec(template: Mapping[str, Any], has_pod_cidr: bool) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if template["taints"]:
        spec["taints"] = [_given(taint) for taint in template["taints"]]
    if template["unschedulable"] is not None:
        spec["unschedulable"] = template["unschedulable"]
    if template["provider_id"] is not None:
        spec["providerID"] = template["provider_id"]
    if has_pod_cidr:
        spec |= {"podCIDR": f"$({_POD_CIDR})", "podCIDRs": [f"$({_POD_CIDR})"]}
    return spec


def _address_name(number: int) -> str:
    return f"_ADDRESS_{number}"


def _condition(options: Mapping[str, Any], where: str) -> dict[str, str]:
    texts = {key: str(value) for key, value in options.items() if value is not None}
    if not texts.get("type") or not texts.keys() <= _CONDITION_FIELDS.keys():
        raise SimError(
            f"{where}a condition has the fields {', '.join(sorted(texts)) or 'none'}",
            option="groups",
            remedy=f"Give type, and if need be {', '.join(sorted(_CONDITION_FIELDS.keys() - {'type'}))}",
        )
    status = texts.get("status", "True")
    if status not in _CONDITION_FIELDS["status"]:
        raise SimError(f"{where}the status of a condition is {status}", option="groups", remedy="Give True, False or Unknown, in quotes")
    return {**texts, "status": status}


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


def _amounts(values: Mapping[str, Any], where: str) -> dict[str, str | None]:
    texts = _texts(values, where)
    for key, text in texts.items():
        if text is not None and parse_quantity(text) is None:
            raise SimError(f"{where}: {text!r} is no amount of {key}", option="groups", remedy="Write it like 4, 500m or 16Gi")
    return texts


def _texts(values: Mapping[str, Any], where: str) -> dict[str, str | None]:
    """Values as the texts that Kubernetes wants; ``None`` stays, which takes a default out."""
    texts: dict[str, str | None] = {}
    for key, value in values.items():
        if isinstance(value, bool):
            texts[key] = "true" if value else "false"
        elif value is None or isinstance(value, str):
            texts[key] = value
        elif isinstance(value, (int, float)):
            texts[key] = str(value)
        else:
            raise SimError(f"{where}: the value of {key} is a {type(value).__name__}", option="groups", remedy="Give a text or a number")
    return texts
