# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ipaddress
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwok_controller.simulation.ipam import IPAM, InvalidCIDR, PoolExhausted


def test_lowest_free_address_first() -> None:
    ipam = IPAM()
    assert [ipam.get("10.244.1.0/24", pod) for pod in "abc"] == ["10.244.1.1", "10.244.1.2", "10.244.1.3"]
    ipam.put("c")
    ipam.put("a")
    assert [ipam.get("10.244.1.0/24", pod) for pod in "def"] == ["10.244.1.1", "10.244.1.3", "10.244.1.4"]


def test_an_owner_keeps_its_address() -> None:
    ipam = IPAM()
    assert {ipam.get("10.0.0.0/24", "pod") for _ in range(3)} == {"10.0.0.1"}
    assert len(ipam) == 1


def test_counting_starts_behind_the_address_as_it_is_written() -> None:
    assert IPAM().get("10.0.0.1/24", "pod") == "10.0.0.2"


@pytest.mark.parametrize(
    ("cidr", "addresses"),
    [
        ("192.0.2.0/30", ["192.0.2.1", "192.0.2.2"]),
        ("192.0.2.4/31", ["192.0.2.4", "192.0.2.5"]),
        ("192.0.2.7/32", ["192.0.2.7"]),
        ("2001:db8::/126", ["2001:db8::1", "2001:db8::2", "2001:db8::3"]),
        ("2001:db8::8/128", ["2001:db8::8"]),
    ],
)
def test_gives_every_address_of_a_cidr_and_then_says_so(cidr: str, addresses: list[str]) -> None:
    ipam = IPAM(overflow_cidrs=())
    assert [ipam.get(cidr, str(pod)) for pod in range(len(addresses))] == addresses
    with pytest.raises(PoolExhausted, match=f"all {len(addresses)} pod addresses of {cidr} are taken") as raised:
        ipam.get(cidr, "one more")
    assert raised.value.cidr == cidr
    ipam.put("0")
    assert ipam.get(cidr, "one more") == addresses[0]


def test_an_exhausted_cidr_never_reaches_into_its_neighbour() -> None:
    exhausted: list[str] = []
    ipam = IPAM(on_exhausted=exhausted.append)
    addresses = [ipam.get("10.0.0.0/30", str(pod)) for pod in range(4)]
    assert addresses == ["10.0.0.1", "10.0.0.2", "100.64.0.1", "100.64.0.2"]
    assert exhausted == ["10.0.0.0/30", "10.0.0.0/30"]
    assert ipam.get("10.0.0.0/30", "2") == "100.64.0.1"
    ipam.put("2")
    assert ipam.get("10.0.0.0/30", "5") == "100.64.0.1"


def test_whoever_got_an_overflow_address_keeps_it_when_its_cidr_has_room_again() -> None:
    ipam = IPAM()
    for pod in "abc":
        ipam.get("10.0.0.0/30", pod)
    ipam.put("a")
    assert ipam.get("10.0.0.0/30", "c") == "100.64.0.1"


def test_dual_stack() -> None:
    ipam = IPAM()
    cidrs = ["10.244.0.0/24", "fd00:10:244::/64"]
    assert ipam.get_all(cidrs, "pod") == ["10.244.0.1", "fd00:10:244::1"]
    assert ipam.get_all(cidrs, "other") == ["10.244.0.2", "fd00:10:244::2"]
    ipam.put("pod")
    assert ipam.get_all(cidrs, "third") == ["10.244.0.1", "fd00:10:244::1"]


def test_an_address_in_use_is_not_given() -> None:
    ipam = IPAM()
    assert ipam.use("10.0.0.0/24", "10.0.0.2", "old")
    assert [ipam.get("10.0.0.0/24", pod) for pod in ("old", "a", "b")] == ["10.0.0.2", "10.0.0.1", "10.0.0.3"]


def test_a_freed_address_that_is_in_use_again_is_not_given() -> None:
    ipam = IPAM()
    for pod in "abc":
        ipam.get("10.0.0.0/24", pod)
    ipam.put("a")
    assert ipam.use("10.0.0.0/24", "10.0.0.1", "d")
    assert ipam.get("10.0.0.0/24", "e") == "10.0.0.4"


def test_an_address_that_two_have_is_free_when_both_are_gone() -> None:
    ipam = IPAM()
    assert ipam.use("10.0.0.0/24", "10.0.0.1", "a")
    assert ipam.use("10.0.0.0/24", "10.0.0.1", "b")
    ipam.put("a")
    assert ipam.get("10.0.0.0/24", "c") == "10.0.0.2"
    ipam.put("b")
    assert ipam.get("10.0.0.0/24", "d") == "10.0.0.1"


def test_an_owner_that_has_another_address_than_it_was_given_frees_the_one_given() -> None:
    ipam = IPAM()
    ipam.get("10.0.0.0/24", "pod")
    assert ipam.use("10.0.0.0/24", "10.0.0.9", "pod")
    assert ipam.get("10.0.0.0/24", "other") == "10.0.0.1"
    assert ipam.get("10.0.0.0/24", "pod") == "10.0.0.9"


@pytest.mark.parametrize("address", ["10.0.1.1", "fd00::1", "", "nonsense"])
def test_addresses_of_others_are_left_alone(address: str) -> None:
    ipam = IPAM()
    assert not ipam.use("10.0.0.0/24", address, "pod")
    assert len(ipam) == 0


def test_an_overflow_address_in_use_is_known_again_after_a_restart() -> None:
    ipam = IPAM()
    assert ipam.use("10.0.0.0/30", "100.64.0.1", "old")
    for pod in "ab":
        ipam.get("10.0.0.0/30", pod)
    assert ipam.get("10.0.0.0/30", "c") == "100.64.0.2"


@pytest.mark.parametrize("cidr", ["10.0.0.1", "10.0.0.0/33", "", "nonsense/24", "10.0.0.0/x"])
def test_what_is_no_cidr_is_named(cidr: str) -> None:
    with pytest.raises(InvalidCIDR, match="must be an address and a prefix length"):
        IPAM([cidr])


def test_cidrs_of_a_node() -> None:
    ipam = IPAM(["10.0.0.1/24", "fd00::/64"])
    assert ipam.cidrs_of({"spec": {"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24", "fd01::/64"]}}) == ("10.1.0.0/24", "fd01::/64")
    assert ipam.cidrs_of({"spec": {"podCIDR": "10.1.0.0/24"}}) == ("10.1.0.0/24",)
    assert ipam.cidrs_of({"spec": {}}) == ipam.cidrs_of(None) == ("10.0.0.1/24", "fd00::/64")


@given(st.lists(st.tuples(st.sampled_from(["get", "put", "use"]), st.integers(0, 9), st.integers(0, 20)), max_size=80))
def test_no_address_is_given_twice(actions: list[tuple[str, int, int]]) -> None:
    """Whatever happens, an owner gets the lowest address that nobody has; the model is a plain dict."""
    ipam = IPAM()
    network = ipaddress.ip_network("10.0.0.0/28")
    has: dict[str, str] = {}
    for action, pod, number in actions:
        owner = str(pod)
        if action == "put":
            ipam.put(owner)
            has.pop(owner, None)
        elif action == "use":
            address = str(network.network_address + number)
            if ipam.use(str(network), address, owner):
                has[owner] = address
        elif owner not in has:
            taken = set(has.values())
            has[owner] = next(str(host) for host in network.hosts() if str(host) not in taken)
            assert ipam.get(str(network), owner) == has[owner]
        else:
            assert ipam.get(str(network), owner) == has[owner]


def test_memory_of_50_000_pods() -> None:
    uids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(50_000)]
    tracemalloc.start()
    try:
        ipam = IPAM()
        for uid in uids:
            ipam.get("10.0.0.0/8", uid)
        held, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 12 * 2**20
    for uid in uids:
        ipam.put(uid)
    assert len(ipam) == 0
    assert ipam.get("10.0.0.0/8", "next") == "10.0.0.1"
