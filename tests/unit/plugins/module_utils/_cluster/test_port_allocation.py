# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which ports a cluster gets: those asked for, those it has, or free ones that no neighbour has."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import ObservedComponent
from ansible_collections.kwok.sim.plugins.module_utils._cluster.joined import declaration_of
from ansible_collections.kwok.sim.plugins.module_utils._cluster.layout import Layout
from ansible_collections.kwok.sim.plugins.module_utils._cluster.port_allocation import control_plane_ports, joined_ports
from ansible_collections.kwok.sim.plugins.module_utils._cluster.ports import choose
from ansible_collections.kwok.sim.plugins.module_utils._cluster.record import Record, save_record
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import PORT_OPTIONS
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._cluster.helpers import component_params, spec_of


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path, "kwok")


def running(*names: str) -> dict[str, ObservedComponent]:
    return {name: ObservedComponent(name, "running", pid=1) for name in names}


def control_plane(layout: Layout, record: Record | None = None, *run: str, **options: Any) -> dict[str, int]:
    return control_plane_ports(spec_of(**options), record or Record("kwok"), running(*run), layout)


def joined(layout: Layout, record: Record, *run: str, **options: Any) -> dict[str, int]:
    return joined_ports(declaration_of(component_params(**options)), record, running(*run), layout)


def free_port(*others: int) -> int:
    return choose({"": "127.0.0.1"}, others, "")[""]


def test_a_new_cluster_gets_a_port_for_everything(layout: Layout) -> None:
    chosen = control_plane(layout)
    assert set(chosen) == set(PORT_OPTIONS)
    assert len(set(chosen.values())) == len(chosen)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "::1"])
def test_on_any_address(layout: Layout, address: str) -> None:
    assert len(set(control_plane(layout, bind_address=address).values())) == len(PORT_OPTIONS)


def test_ports_are_kept(layout: Layout) -> None:
    chosen = control_plane(layout)
    record = Record("kwok", ports={**chosen, "web/http": 29999})
    assert control_plane(layout, record) == record.ports
    with socket.create_server(("127.0.0.1", chosen["etcd"])):
        # It is the cluster's own etcd that listens there.
        assert control_plane(layout, record, "etcd") == record.ports


def test_an_option_moves_its_port_alone(layout: Layout) -> None:
    chosen = control_plane(layout)
    free = free_port(*chosen.values())
    assert control_plane(layout, Record("kwok", ports=chosen), kube_apiserver_port=free) == {**chosen, "kube-apiserver": free}


def test_a_disabled_components_port_is_given_up(layout: Layout) -> None:
    record = Record("kwok", ports=control_plane(layout))
    assert "kube-scheduler" not in control_plane(layout, record, disable=["kube-scheduler"], kube_scheduler_port=10259)


@pytest.mark.parametrize("option", ["etcd_port", "etcd_metrics_port", "kube_apiserver_port"])
def test_a_taken_port_is_refused(layout: Layout, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(SimError) as caught:
            control_plane(layout, **{option: port})
    assert caught.value.option == option
    assert f"port {port} on 127.0.0.1 is taken" in caught.value.message
    assert caught.value.remedy


def test_a_stopped_cluster_whose_port_was_taken_meanwhile_says_so(layout: Layout) -> None:
    chosen = control_plane(layout)
    with socket.create_server(("127.0.0.1", chosen["etcd"])), pytest.raises(SimError) as caught:
        control_plane(layout, Record("kwok", ports=chosen), "kube-apiserver")
    assert caught.value.option == "etcd_port"


@pytest.mark.parametrize("other", ["kube-scheduler", "web/http"])
def test_a_port_that_the_cluster_uses_already_is_refused(layout: Layout, other: str) -> None:
    chosen = {**control_plane(layout), "web/http": 29999}
    with pytest.raises(SimError) as caught:
        control_plane(layout, Record("kwok", ports=chosen), "kube-scheduler", "web", etcd_port=chosen[other])
    assert caught.value.option == "etcd_port"
    assert f"is the port {other} of this cluster" in caught.value.message


def test_ports_can_be_exchanged_by_asking_for_both(layout: Layout) -> None:
    chosen = control_plane(layout)
    swapped = control_plane(layout, Record("kwok", ports=chosen), etcd_port=chosen["kube-apiserver"], kube_apiserver_port=chosen["etcd"])
    assert (swapped["etcd"], swapped["kube-apiserver"]) == (chosen["kube-apiserver"], chosen["etcd"])


def test_an_address_of_another_host_is_refused(layout: Layout) -> None:
    with pytest.raises(SimError) as caught:
        control_plane(layout, bind_address="192.0.2.1")
    assert caught.value.option == "bind_address"
    assert "192.0.2.1" in caught.value.message
    assert caught.value.remedy


def test_a_stopped_neighbour_keeps_its_ports(layout: Layout) -> None:
    chosen = control_plane(layout)
    save_record(Layout(layout.base_dir, "other"), Record("other", ports=chosen))
    assert not set(control_plane(layout).values()) & set(chosen.values())


def test_a_damaged_neighbour_is_in_nobodys_way(layout: Layout) -> None:
    other = Layout(layout.base_dir, "other")
    save_record(other, Record("other"))
    other.record.write_text("{")
    assert len(control_plane(layout)) == len(PORT_OPTIONS)


def test_joined_ports_are_chosen_kept_and_given_up(layout: Layout) -> None:
    record = Record("kwok", ports={"etcd": 29990})
    number = free_port(29990)
    first = joined(layout, record, ports=[{"name": "a"}, {"name": "b", "number": number}])
    assert first["etcd"] == 29990
    assert first["web/b"] == number
    assert len(set(first.values())) == 3
    record.ports = first
    assert joined(layout, record, ports=[{"name": "a"}, {"name": "b", "number": number}]) == first
    assert joined(layout, record, ports=[{"name": "a"}]) == {"etcd": 29990, "web/a": first["web/a"]}
    assert joined(layout, record, name="web2", ports=[{"name": "a"}])["web/a"] == first["web/a"]


def test_a_joined_port_of_this_cluster_is_refused(layout: Layout) -> None:
    record = Record("kwok", ports={"etcd": 29990})
    with pytest.raises(SimError) as caught:
        joined(layout, record, "etcd", ports=[{"name": "a", "number": 29990}])
    assert caught.value.option == "ports"
    assert "the port etcd of this cluster" in caught.value.message
    with pytest.raises(SimError, match="the port web/a of this cluster"):
        joined(layout, Record("kwok"), ports=[{"name": name, "number": free_port()} for name in "ab"])


@pytest.mark.parametrize("name", ["web", "etcd-browser"])
def test_a_taken_joined_port_is_refused_unless_it_is_its_own(layout: Layout, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        record = Record("kwok", ports={f"{name}/a": port})
        with pytest.raises(SimError) as caught:
            # Another component that runs has nothing to do with it, however its name begins.
            joined(layout, record, "etcd", name=name, ports=[{"name": "a"}])
        assert caught.value.option == "ports"
        assert joined(layout, record, name, name=name, ports=[{"name": "a"}]) == record.ports


def test_a_joined_host_that_this_machine_has_not_is_refused(layout: Layout) -> None:
    with pytest.raises(SimError) as caught:
        joined(layout, Record("kwok"), ports=[{"name": "a", "host": "192.0.2.1"}])
    assert caught.value.option == "ports"


def test_a_port_is_kept_for_who_takes_the_traces(layout: Layout) -> None:
    chosen = control_plane(layout, tracing={})
    assert set(chosen) == {*PORT_OPTIONS, "tracing"}
    record = Record("kwok", ports=chosen)
    with socket.create_server(("127.0.0.1", chosen["tracing"])):
        # Somebody else may be the one.
        assert control_plane(layout, record, tracing={}) == chosen
    with_jaeger = joined(layout, record, name="jaeger", ports=[{"name": "otlp", "number": chosen["tracing"]}, {"name": "query"}])
    assert with_jaeger["jaeger/otlp"] == chosen["tracing"]
    assert with_jaeger["jaeger/query"] not in chosen.values()
    assert joined(layout, Record("kwok", ports=with_jaeger), name="web", ports=[{"name": "http"}])["web/http"] not in with_jaeger.values()
    assert control_plane(layout, Record("kwok", ports=with_jaeger), tracing={}) == with_jaeger


def test_it_is_given_up_with_tracing_or_for_an_endpoint(layout: Layout) -> None:
    record = Record("kwok", ports=control_plane(layout, tracing={}))
    assert "tracing" not in control_plane(layout, record)
    assert "tracing" not in control_plane(layout, record, tracing={"endpoint": "localhost:4317"})
    with pytest.raises(SimError, match="is the port tracing of this cluster"):
        control_plane(layout, record, tracing={}, etcd_port=record.ports["tracing"])
