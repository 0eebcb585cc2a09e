# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest
from kubelet_objects import node

from kwok_controller.kubelet.addresses import NOWHERE, Addresses, Place, place_of


def test_a_place_is_what_the_node_says() -> None:
    assert place_of(node(ip="192.0.2.7", port=10300)) == Place(("192.0.2.7",), 10300)
    assert place_of({"metadata": {"name": "n"}}) == NOWHERE
    assert place_of({"status": {"addresses": [{"type": "ExternalIP", "address": "192.0.2.1"}, {"type": "InternalIP"}]}}) == NOWHERE
    several = [{"type": "InternalIP", "address": ip} for ip in ("192.0.2.1", "2001:DB8:0::1", "no address", "192.0.2.1")]
    assert place_of({"status": {"addresses": several}}) == Place(("192.0.2.1", "2001:db8::1"), 0)


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (("192.0.2.1", 10250), "a"),
        (("::ffff:192.0.2.1", 10250), "a"),
        (("192.0.2.1", 10251), "b"),
        (("192.0.2.1", 10252), None),
        (("192.0.2.2", 4), "c"),
        (("192.0.2.3", 10250), None),
        (("/run/some.sock", 0), None),
        (None, None),
    ],
)
def test_an_address_and_port_mean_one_node(server: tuple[str, int] | None, expected: str | None) -> None:
    addresses = Addresses()
    addresses.put("a", Place(("192.0.2.1",), 10250))
    addresses.put("b", Place(("192.0.2.1",), 10251))
    addresses.put("c", Place(("192.0.2.2",), 0))
    assert addresses.node_at(server) == expected
    assert addresses.node_at(server) == expected


def test_nodes_with_one_address_are_not_told_apart() -> None:
    addresses = Addresses()
    for name in ("a", "b"):
        addresses.put(name, Place(("192.0.2.1",), 10250))
    assert addresses.node_at(("192.0.2.1", 10250)) is None
    assert addresses.nodes_at(("192.0.2.1", 10250)) == ["a", "b"]
    addresses.put("b", Place(("192.0.2.2",), 10250))
    assert addresses.node_at(("192.0.2.1", 10250)) == "a"
    addresses.remove("a")
    addresses.remove("a")
    assert addresses.node_at(("192.0.2.1", 10250)) is None
    assert addresses.node_at(("192.0.2.2", 10250)) == "b"
