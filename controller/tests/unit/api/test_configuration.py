# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from kwok_controller.api import InvalidObject
from kwok_controller.api.configuration import (
    OPTIONS,
    Options,
    apply_flags,
    decode_configuration,
    unknown_configuration_fields,
    validate,
    validate_sources,
)
from kwok_controller.api.errors import InvalidOption


def configuration(**sections: Any) -> dict[str, Any]:
    return {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration", **sections}


def options(**flags: Any) -> Options:
    return apply_flags({"manage_all_nodes": True}, flags)


# kwok v0.8.0: `pkg/kwok/cmd/root.go`, `pkg/config/flags.go`, `pkg/log/flags.go`, `pkg/apis/config/v1alpha1/zz_generated.defaults.go`
FLAGS_OF_KWOK = {
    "--cidr": "10.0.0.0/24",
    "--config": [],
    "--disregard-status-with-annotation-selector": "",
    "--disregard-status-with-label-selector": "",
    "--enable-crds": [],
    "--kubeconfig": "",
    "--manage-all-nodes": False,
    "--manage-nodes-with-annotation-selector": "",
    "--manage-nodes-with-label-selector": "",
    "--manage-single-node": "",
    "--master": "",
    "--node-ip": "",
    "--node-lease-duration-seconds": 0,
    "--node-name": "",
    "--node-port": 0,
    "--server-address": "",
    "--tls-cert-file": "",
    "--tls-private-key-file": "",
    "--tracing-endpoint": "",
    "--tracing-sampling-rate-per-million": 0,
    "--v": "INFO",
}
FILE_OF_KWOK = {
    "cidr": "10.0.0.0/24",
    "disregardStatusWithAnnotationSelector": "",
    "disregardStatusWithLabelSelector": "",
    "enableCRDs": [],
    "enableContentionProfiling": False,
    "enableDebuggingHandlers": True,
    "enablePodsOnNodeSyncListPager": True,
    "enablePodsOnNodeSyncStreamWatch": False,
    "enableProfilingHandler": True,
    "manageAllNodes": False,
    "manageNodesWithAnnotationSelector": "",
    "manageNodesWithLabelSelector": "",
    "manageSingleNode": "",
    "nodeIP": "",
    "nodeLeaseDurationSeconds": 0,
    "nodeLeaseParallelism": 4,
    "nodeName": "",
    "nodePlayStageParallelism": 4,
    "nodePort": 0,
    "podPlayStageParallelism": 4,
    "podsOnNodeSyncParallelism": 1,
    "serverAddress": "",
    "tlsCertFile": "",
    "tlsPrivateKeyFile": "",
}


def test_flags_and_defaults_are_those_of_kwok() -> None:
    assert {option.flags[-1]: option.default for option in OPTIONS.values() if option.flags and not option.ours} == FLAGS_OF_KWOK


def test_options_in_files_and_their_defaults_are_those_of_kwok() -> None:
    files = {option.file: option.default for option in OPTIONS.values() if option.file and not option.ours}

    assert {name.removeprefix("options."): default for name, default in files.items() if name.startswith("options.")} == FILE_OF_KWOK
    assert files.keys() - {f"options.{name}" for name in FILE_OF_KWOK} == {"tracing.endpoint", "tracing.samplingRatePerMillion"}


def test_the_table_and_the_type_agree() -> None:
    defaults = Options()

    assert list(OPTIONS) == [each.name for each in msgspec.structs.fields(Options)]
    for option in OPTIONS.values():
        assert getattr(defaults, option.name) == option.default
        assert re.fullmatch(r"[A-Z].*\.", option.help), option.name
        assert option.default is None or isinstance(option.default, option.type)
    assert OPTIONS["config"].flags == ("-c", "--config")
    assert {option.name for option in OPTIONS.values() if option.deprecated} == {
        "disregard_status_with_annotation_selector",
        "disregard_status_with_label_selector",
    }


def test_a_configuration_yields_just_what_it_sets() -> None:
    obj = configuration(
        metadata={"name": "kwok"},
        options={"nodeIP": "10.0.0.1", "enableCRDs": ["Stage"], "manageAllNodes": False, "seed": 7, "cidr": None},
        tracing={"samplingRatePerMillion": 10},
    )

    assert decode_configuration(obj) == {
        "node_ip": "10.0.0.1",
        "enable_crds": ["Stage"],
        "manage_all_nodes": False,
        "seed": 7,
        "tracing_sampling_rate_per_million": 10,
    }
    assert decode_configuration(configuration()) == {}


@pytest.mark.parametrize(
    ("sections", "path", "message"),
    [
        ({"options": {"nodePort": 65536}}, "$.options.nodePort", "expected an integer <= 65535, got 65536"),
        ({"options": {"nodePort": "10247"}}, "$.options.nodePort", "expected an integer, got '10247'"),
        ({"options": {"enableCRDs": "Stage"}}, "$.options.enableCRDs", "expected a list, got 'Stage'"),
        ({"options": {"nodeLeaseDurationSeconds": -1}}, "$.options.nodeLeaseDurationSeconds", "expected an integer >= 0, got -1"),
        (
            {"tracing": {"samplingRatePerMillion": 1_000_001}},
            "$.tracing.samplingRatePerMillion",
            None,
        ),
        ({"options": []}, "$.options", "expected an object, got []"),
        ({"apiVersion": "config.kwok.x-k8s.io/v1"}, "$.apiVersion", None),
    ],
)
def test_what_is_wrong_in_a_configuration_is_located(sections: dict[str, Any], path: str, message: str | None) -> None:
    with pytest.raises(InvalidObject) as caught:
        decode_configuration(configuration(**sections))

    assert caught.value.path == path
    assert message is None or caught.value.message == message


def test_unknown_options_are_named() -> None:
    assert unknown_configuration_fields(configuration(options={"CIDR": "", "cidr": ""}, trace={})) == ["$.trace", "$.options.CIDR"]


def test_flags_win_over_files_and_files_over_defaults() -> None:
    result = apply_flags(
        {"cidr": "10.1.0.0/16", "node_port": 1, "manage_all_nodes": True}, {"node_port": 2, "manage_all_nodes": False, "cidr": None}
    )

    assert (result.cidr, result.node_port, result.manage_all_nodes, result.parallelism) == ("10.1.0.0/16", 2, False, 32)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"node_port": 65536}, "--node-port / options.nodePort: expected an integer <= 65535, got 65536"),
        ({"parallelism": 0}, "--parallelism / options.parallelism: expected an integer >= 1, got 0"),
        ({"seed": 2**63}, "--seed / options.seed: expected an integer <= 9223372036854775807, got 9223372036854775808"),
        ({"master": 1}, "--master: expected a string, got 1"),
    ],
)
def test_a_flag_out_of_bounds_is_named_as_in_the_file_too(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        apply_flags({}, flags)

    assert str(caught.value) == message


def test_a_name_that_is_no_option_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="nodeport"):
        apply_flags({}, {"nodeport": 1})


@pytest.mark.parametrize(
    "flags",
    [
        {"manage_all_nodes": True},
        {"manage_single_node": "node-0"},
        {"manage_nodes_with_annotation_selector": "a=b"},
        {"manage_nodes_with_label_selector": "a=b"},
        {"manage_nodes_with_annotation_selector": "a=b", "manage_nodes_with_label_selector": "c=d"},
    ],
)
def test_one_way_of_managing_nodes_is_fine(flags: dict[str, Any]) -> None:
    validate(apply_flags({}, flags))


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({}, ["--manage-all-nodes"]),
        ({"manage_all_nodes": True, "manage_single_node": "n"}, ["--manage-single-node", "--manage-all-nodes"]),
        (
            {"manage_all_nodes": True, "manage_nodes_with_label_selector": "a=b"},
            ["--manage-all-nodes", "--manage-nodes-with-label-selector"],
        ),
        (
            {"manage_single_node": "n", "manage_nodes_with_annotation_selector": "a=b", "manage_nodes_with_label_selector": "a=b"},
            ["--manage-single-node", "--manage-nodes-with-annotation-selector", "--manage-nodes-with-label-selector"],
        ),
    ],
)
def test_no_way_or_several_are_refused_with_their_names(flags: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(InvalidOption) as caught:
        validate(apply_flags({}, flags))

    assert re.findall(r"--manage-[a-z]+-[a-z-]+", str(caught.value)) == named


@pytest.mark.parametrize(
    ("flags", "option"),
    [
        ({"cidr": "10.0.0.0"}, "cidr"),
        ({"cidr": ""}, "cidr"),
        ({"cidr": "10.0.0.0/33"}, "cidr"),
        ({"node_ip": "localhost"}, "node_ip"),
        ({"tls_cert_file": "cert.pem"}, "tls_private_key_file"),
        ({"tls_private_key_file": "key.pem"}, "tls_cert_file"),
        ({"server_address": "localhost"}, "server_address"),
        ({"server_address": "localhost:http"}, "server_address"),
        ({"server_address": "localhost:65536"}, "server_address"),
        ({"tracing_endpoint": "jaeger"}, "tracing_endpoint"),
        ({"enable_crds": ["Stage", "Pod"]}, "enable_crds"),
    ],
)
def test_values_without_meaning_are_refused(flags: dict[str, Any], option: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        validate(options(**flags))

    assert caught.value.option == OPTIONS[option].title


@pytest.mark.parametrize(
    "flags",
    [
        {"cidr": "10.0.0.1/24"},
        {"cidr": "fd00::/64"},
        {"node_ip": "::1"},
        {"server_address": ":10247"},
        {"server_address": "[::1]:10247"},
        {"tls_cert_file": "cert.pem", "tls_private_key_file": "key.pem"},
        {"enable_crds": ["Stage", "ClusterPortForward"]},
    ],
)
def test_values_with_meaning_are_taken(flags: dict[str, Any]) -> None:
    validate(options(**flags))


def test_a_kind_cannot_come_from_files_and_from_the_cluster() -> None:
    validate_sources(options(enable_crds=["Stage"]), {"Metric"})
    with pytest.raises(InvalidOption, match=r"Metric, Stage .*--config"):
        validate_sources(options(enable_crds=["Stage", "Metric"]), {"Metric", "Stage", "Logs"})


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("manage_all_nodes", "true", True),
        ("manage_all_nodes", "T", True),
        ("manage_all_nodes", "0", False),
        ("node_port", "10247", 10247),
        ("seed", "-3", -3),
        ("enable_crds", "Stage, Metric,", ["Stage", "Metric"]),
        ("master", " x", " x"),
    ],
)
def test_texts_of_flags_are_read_as_in_go(option: str, text: str, value: Any) -> None:
    assert OPTIONS[option].parse(text) == value


@pytest.mark.parametrize(("option", "text"), [("manage_all_nodes", "yes"), ("node_port", "1e3"), ("node_port", ""), ("seed", "9" * 5000)])
def test_texts_of_flags_that_mean_nothing_are_refused(option: str, text: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        OPTIONS[option].parse(text)
    assert caught.value.option == OPTIONS[option].title
