# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from kwok_controller.api.configuration import OPTIONS
from kwok_controller.cli import settings
from kwok_controller.cli.flags import CommandError, UsageError, parse
from kwok_controller.cli.settings import Settings, connection, flags, read, server_address
from kwok_controller.kube.errors import ConnectionConfigError

STAGE = """\
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata:
  name: pod-ready
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
  next:
    statusTemplate: |
      phase: Running
"""

# Such a stream kwokctl writes for a cluster and hands to its controller: its own configuration, the controller's, then the objects.
KWOKCTL_FILE = f"""\
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokctlConfiguration
metadata:
  creationTimestamp: null
  name: kwok
options:
  runtime: binary
  kubeVersion: v1.33.0
components:
- name: etcd
  args: [--name=node0]
status:
  version: v0.8.0
---
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
metadata:
  creationTimestamp: null
options:
  cidr: 10.42.0.0/16
  manageAllNodes: false
  manageNodesWithAnnotationSelector: kwok.x-k8s.io/node=fake
  enableDebuggingHandlers: true
  enableContentionProfiling: false
  enableProfilingHandler: true
  podPlayStageParallelism: 4
  nodePlayStageParallelism: 4
  nodeLeaseDurationSeconds: 200
  nodeLeaseParallelism: 4
  podsOnNodeSyncParallelism: 1
  enablePodsOnNodeSyncListPager: true
  enablePodsOnNodeSyncStreamWatch: false
tracing: {{}}
---
{STAGE}"""


@pytest.fixture(autouse=True)
def _nothing_of_this_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("KUBECONFIG", "KWOK_WORKDIR", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)


def given(*argv: str) -> Settings:
    return read(parse(flags(), argv))


@pytest.fixture
def stages(tmp_path: Path) -> str:
    file = tmp_path / "stages.yaml"
    file.write_text(STAGE)
    return f"--config={file}"


def native(directory: Path) -> Sequence[str]:
    """The arguments of the controller in a cluster of processes, as `BuildKwokControllerComponent` of kwok v0.8.0 makes them."""
    return [
        "--manage-all-nodes=true",
        f"--kubeconfig={directory}/kubeconfig.yaml",
        f"--config={directory}/kwok.yaml",
        f"--tls-cert-file={directory}/pki/admin.crt",
        f"--tls-private-key-file={directory}/pki/admin.key",
        "--node-ip=127.0.0.1",
        "--node-name=localhost",
        "--node-port=10247",
        "--server-address=127.0.0.1:10247",
        "--node-lease-duration-seconds=40",
    ]


def test_the_command_line_of_kwokctl_for_processes_means_the_same_here(tmp_path: Path) -> None:
    (tmp_path / "kwok.yaml").write_text(KWOKCTL_FILE.replace("manageNodesWithAnnotationSelector: kwok.x-k8s.io/node=fake", ""))
    got = given(*native(tmp_path))
    options = got.options
    assert options.manage_all_nodes is True
    assert options.kubeconfig == f"{tmp_path}/kubeconfig.yaml"
    assert (options.tls_cert_file, options.tls_private_key_file) == (f"{tmp_path}/pki/admin.crt", f"{tmp_path}/pki/admin.key")
    assert (options.node_ip, options.node_name, options.node_port) == ("127.0.0.1", "localhost", 10247)
    assert server_address(options) == "127.0.0.1:10247"
    assert options.node_lease_duration_seconds == 40  # the flag, not the 200 of the file
    assert options.cidr == "10.42.0.0/16"
    assert got.stages is not None
    assert [stage.metadata.name for stage in got.stages] == ["pod-ready"]
    assert got.log_level == 0


def test_the_command_line_of_kwokctl_for_containers_means_the_same_here(tmp_path: Path) -> None:
    (tmp_path / "kwok.yaml").write_text(KWOKCTL_FILE.split(STAGE, maxsplit=1)[0].rstrip("-\n"))
    got = given(
        "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--kubeconfig=/etc/kubernetes/kubeconfig",
        f"--config={tmp_path}/kwok.yaml",
        "--tls-cert-file=/etc/kubernetes/pki/admin.crt",
        "--tls-private-key-file=/etc/kubernetes/pki/admin.key",
        "--node-ip=",
        "--node-name=kwok-kwok-controller",
        "--node-port=10247",
        "--server-address=0.0.0.0:10247",
        "--node-lease-duration-seconds=200",
        "--v=DEBUG",
        "--enable-crds=Stage,Metric,ClusterLogs,Logs",
        "--tracing-endpoint=kwok-kwok-jaeger:4317",
        "--tracing-sampling-rate-per-million=1000000",
    )
    options = got.options
    assert options.manage_all_nodes is False
    assert options.manage_nodes_with_annotation_selector == "kwok.x-k8s.io/node=fake"
    assert (options.node_ip, options.node_name) == ("", "kwok-kwok-controller")
    assert options.enable_crds == ["Stage", "Metric", "ClusterLogs", "Logs"]
    assert (options.tracing_endpoint, options.tracing_sampling_rate_per_million) == ("kwok-kwok-jaeger:4317", 1_000_000)
    assert got.log_level == -4
    assert got.stages is None
    assert [warning for warning in got.warnings if "no effect" in warning] == [
        "Objects of these kinds have no effect in this version: ClusterLogs, Logs"
    ]


def test_traces_are_read_by_name(tmp_path: Path) -> None:
    (tmp_path / "day.csv").write_text("time,cores\n0,100m\n10,1\n20,100m\n")
    got = given("--manage-all-nodes", "--enable-crds=Stage", f"--usage-trace=day={tmp_path}/day.csv,once:hold={tmp_path}/day.csv")
    assert {name: trace.repeats for name, trace in got.traces.items()} == {"day": True, "once": False}
    assert got.traces["day"].value(30 * 10**9) == 1.0


@pytest.mark.parametrize(
    ("trace", "said"),
    [
        ("day", "'day' is neither NAME=FILE nor NAME:hold=FILE"),
        ("={}", "is neither NAME=FILE"),
        ("day={},day={}", "'day' is given twice"),
        ("day=/nowhere.csv", "/nowhere.csv: cannot be read: No such file or directory"),
        ("day={}", "day.csv: line 2: "),
    ],
)
def test_a_trace_that_is_none_is_refused_with_its_place(tmp_path: Path, trace: str, said: str) -> None:
    file = tmp_path / "day.csv"
    file.write_text("0,1\n1,2\n" if "day={},day" in trace else "0,1\n1,much\n")
    with pytest.raises(UsageError, match="--usage-trace") as refused:
        given("--manage-all-nodes", "--enable-crds=Stage", f"--usage-trace={trace.replace('{}', str(file))}")
    assert said in str(refused.value)


def test_metrics_without_a_server_have_no_effect(tmp_path: Path) -> None:
    (tmp_path / "metric.yaml").write_text(
        "apiVersion: kwok.x-k8s.io/v1alpha1\nkind: Metric\nmetadata: {name: m}\nspec: {path: /metrics/x, metrics: []}\n"
    )
    argv = ("--manage-all-nodes", "--enable-crds=Stage", f"--config={tmp_path}/metric.yaml")
    quiet, told = given(*argv, "--server-address=127.0.0.1:10247"), given(*argv)
    assert [metric.metadata.name for metric in quiet.shown] == ["m"]
    assert quiet.warnings == []
    assert told.warnings == ["Objects of these kinds have no effect without --server-address / options.serverAddress: Metric"]


def test_workload_traces_without_a_receiver_have_no_effect(tmp_path: Path) -> None:
    (tmp_path / "trace.yaml").write_text(
        "apiVersion: kwok-sim.dev/v1alpha1\nkind: WorkloadTrace\nmetadata: {name: shop}\nspec: {services: []}\n"
    )
    argv = ("--manage-all-nodes", "--enable-crds=Stage", f"--config={tmp_path}/trace.yaml")
    quiet, told = given(*argv, "--tracing-endpoint=127.0.0.1:4317"), given(*argv)
    assert [each.metadata.name for each in quiet.workload_traces] == ["shop"]
    assert quiet.shown == []
    assert quiet.warnings == []
    assert told.warnings == ["Objects of these kinds have no effect without --tracing-endpoint / tracing.endpoint: WorkloadTrace"]
    with pytest.raises(UsageError, match="there are objects of WorkloadTrace in the files of --config, too"):
        given(*argv, "--enable-crds=WorkloadTrace")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--client-ca-file=ca.crt"], "--client-ca-file / options.clientCAFile: client certificates need HTTPS"),
        (
            ["--client-ca-file=ca.crt", "--insecure", "--tls-cert-file=c", "--tls-private-key-file=k"],
            "--insecure / options.insecure",
        ),
    ],
)
def test_clients_without_certificates_cannot_be_known_by_them(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        given("--manage-all-nodes", "--enable-crds=Stage", *argv)


def test_the_deployment_of_the_go_kwok_means_the_same_here(tmp_path: Path) -> None:
    """Its arguments, and options as its ConfigMap has them (kustomize/kwok of v0.8.0): most stand in the file."""
    (tmp_path / "kwok.yaml").write_text("""\
kind: KwokConfiguration
apiVersion: config.kwok.x-k8s.io/v1alpha1
options:
  manageAllNodes: false
  manageNodesWithAnnotationSelector: kwok.x-k8s.io/node=fake
  nodePort: 10247
  nodeLeaseDurationSeconds: 40
  enableCRDs: [Stage, Metric]
""")
    options = given(f"--config={tmp_path}/kwok.yaml", "--node-ip=10.1.2.3").options
    assert server_address(options) == "0.0.0.0:10247"
    assert (options.node_ip, options.cidr) == ("10.1.2.3", "10.0.0.0/24")
    assert options.enable_crds == ["Stage", "Metric"]


def test_every_option_with_a_flag_is_offered_and_none_twice() -> None:
    made = flags()
    spellings = [spelling for flag in made for spelling in flag.spellings]
    assert len(spellings) == len(set(spellings))
    assert {flag.name for flag in made} == {option.name for option in OPTIONS.values() if option.flags} | {"help", "version"}
    assert {name for names in settings._GROUPS.values() for name in names} <= set(OPTIONS)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--manage-all-nodes=maybe"], r"--manage-all-nodes / options.manageAllNodes: expected true or false"),
        (["--manage-all-nodes", "--node-port=70000"], r"--node-port / options.nodePort: .*65535"),
        (["--manage-all-nodes", "--manage-single-node=a"], r"--manage-all-nodes"),
        (["--manage-nodes-with-label-selector=a in"], r"^--manage-nodes-with-label-selector / options.manageNodesWithLabelSelector: "),
        (["--manage-all-nodes", "-v", "loud"], r"^--v: 'loud' is no log level: give "),
        (["--manage-all-nodes", "--log-format=xml"], r"^--log-format / options.logFormat: 'xml' is none of auto, text, json$"),
        (["--manage-all-nodes", "--enable-crds=Stage"], r"--enable-crds.*Stage.*take them out"),
        ([], r"no nodes are managed"),
    ],
)
def test_wrong_options_are_refused_by_name(stages: str, argv: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        given(stages, *argv)


def test_without_stages_there_is_nothing_to_play() -> None:
    with pytest.raises(UsageError, match=r"^--config: no stages are in the files: name files with some, or .*--enable-crds=Stage$"):
        given("--manage-all-nodes")


def test_a_wrong_file_is_a_failure_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"^--config: .*none.yaml: "):
        given("--manage-all-nodes", f"--config={tmp_path}/none.yaml")


def test_what_is_odd_but_no_error_is_told(tmp_path: Path, stages: str) -> None:
    (tmp_path / "more.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    got = given(stages, f"--config={tmp_path}/more.yaml", "--manage-all-nodes", "--disregard-status-with-label-selector=a=b")
    assert any("more.yaml" in warning for warning in got.warnings)
    assert any(warning.startswith("--disregard-status-with-label-selector is deprecated: ") for warning in got.warnings)
    assert "There are no stages for Nodes" in got.warnings
    assert "There are no stages for Pods" not in got.warnings


def test_nothing_is_served_unless_asked_for(stages: str) -> None:
    assert server_address(given(stages, "--manage-all-nodes").options) == ""


KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:%d"}}]
contexts: [{name: x, context: {cluster: c}}]
current-context: x
"""


def kubeconfig(path: Path, port: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(KUBECONFIG % port)
    return path


def test_the_kubeconfig_is_found_where_kubectl_finds_it(stages: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeconfig(tmp_path / "home" / ".kube" / "config", 1)
    assert connection(given(stages, "--manage-all-nodes").options)[0].server == "http://127.0.0.1:1"

    first, second = kubeconfig(tmp_path / "first", 2), kubeconfig(tmp_path / "second", 3)
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}:{first}:{second}")
    config, warning = connection(given(stages, "--manage-all-nodes").options)
    assert config.server == "http://127.0.0.1:2"
    assert warning == f"Of $KUBECONFIG only {first} is read: give another one with --kubeconfig"

    config, warning = connection(given(stages, "--manage-all-nodes", f"--kubeconfig={second}").options)
    assert (config.server, warning) == ("http://127.0.0.1:3", "")

    assert connection(given(stages, "--manage-all-nodes", "--master=http://127.0.0.1:4").options)[0].server == "http://127.0.0.1:4"


def test_without_any_way_to_the_apiserver_the_remedy_is_told(stages: str) -> None:
    with pytest.raises(ConnectionConfigError, match=r"Give --kubeconfig FILE or --master URL"):
        connection(given(stages, "--manage-all-nodes").options)


def test_a_kubeconfig_that_is_not_there_is_an_error(stages: str, tmp_path: Path) -> None:
    with pytest.raises(ConnectionConfigError, match=r"none\.yaml"):
        connection(given(stages, "--manage-all-nodes", f"--kubeconfig={tmp_path}/none.yaml").options)


def test_a_kubeconfig_that_is_not_there_is_left_out_inside_a_pod(stages: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kwok_controller.kube import connection as module

    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("t")
    (account / "ca.crt").write_text("")
    monkeypatch.setattr(module, "SERVICE_ACCOUNT", account)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    config, warning = connection(given(stages, "--manage-all-nodes", f"--kubeconfig={tmp_path}/none.yaml").options)
    assert config.server == "https://10.96.0.1:443"
    assert "none.yaml is no file; going on with the service account" in warning
