# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Free ports are found, and taken ones are told."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster import ports
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_distinct_free_ports_below_those_of_outgoing_connections() -> None:
    chosen = ports.choose({str(index): "127.0.0.1" for index in range(20)}, [], "a")
    assert list(chosen) == [str(index) for index in range(20)]
    assert len(set(chosen.values())) == 20
    for port in chosen.values():
        assert ports.LOWEST_PORT <= port <= ports.HIGHEST_PORT < 32768
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_the_choice_is_repeatable_and_skips_what_is_taken() -> None:
    first = ports.choose({"a": "127.0.0.1"}, [], "seed")["a"]
    assert ports.choose({"a": "127.0.0.1"}, [], "seed")["a"] == first
    assert ports.choose({"a": "127.0.0.1"}, [first], "seed")["a"] != first
    with socket.create_server(("127.0.0.1", first)):
        assert ports.choose({"a": "127.0.0.1"}, [], "seed")["a"] != first


def test_two_clusters_made_at_once_look_in_different_places() -> None:
    wanted = dict.fromkeys("abcdef", "127.0.0.1")
    chosen = [set(ports.choose(wanted, [], f"/home/me/clusters/{name}").values()) for name in ("one", "two", "three")]
    assert len(set().union(*chosen)) == 18


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1", "127.0.0.2"])
def test_other_addresses(host: str) -> None:
    if ports.bind_problem(host, 0):
        pytest.skip(f"this host has no {host}")
    chosen = ports.choose({"a": host, "b": "127.0.0.1", "c": host}, [], "x")
    assert len(set(chosen.values())) == 3
    assert ports.is_free(host, chosen["a"])


def test_a_wildcard_does_not_get_what_is_taken_on_loopback() -> None:
    first = ports.choose({"a": "0.0.0.0"}, [], "y")["a"]
    with socket.create_server(("127.0.0.1", first)):
        assert ports.choose({"a": "0.0.0.0"}, [], "y")["a"] != first


def test_none_left() -> None:
    with pytest.raises(SimError) as caught:
        ports.choose({"a": "127.0.0.1"}, range(65536), "z")
    assert "no free port from 20000 to 32767" in caught.value.message
    assert caught.value.remedy


def test_a_taken_port(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert not ports.is_free("127.0.0.1", port)
    assert ports.bind_problem("127.0.0.1", port) == "is taken by another program"
    assert ports.bind_problem("0.0.0.0", port) == "is taken by another program"
    listener.close()
    assert ports.bind_problem("127.0.0.1", port) is None


def test_a_port_that_just_served_is_free(listener: socket.socket) -> None:
    """Connections in TIME_WAIT do not keep a server from starting again."""
    port = listener.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    peer, _address = listener.accept()
    peer.close()
    client.close()
    listener.close()
    assert ports.is_free("127.0.0.1", port)


def test_an_address_of_another_host() -> None:
    # TEST-NET-1 of RFC 5737: no host's.
    problem = ports.bind_problem("192.0.2.1", 0)
    assert problem is not None
    assert "has no address 192.0.2.1" in problem


def test_who_listens_and_who_can_be_found(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert ports.listens("127.0.0.1", port)
    listener.close()
    assert not ports.listens("127.0.0.1", port)
    assert ports.is_known("localhost")
    assert ports.is_known("::1")
    assert not ports.is_known("nowhere.invalid")


def test_what_is_loopback() -> None:
    assert [host for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost") if not ports.is_loopback(host)] == []
    assert [host for host in ("0.0.0.0", "192.0.2.1", "::", "jaeger", "localhost.example.org", "") if ports.is_loopback(host)] == []
