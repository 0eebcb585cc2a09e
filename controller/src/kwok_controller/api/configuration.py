# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The controller's options: what they are called as flags and in the file, their defaults, checks and help.

`Options` is the one place where an option is described; the command line, the configuration file
(`KwokConfiguration` of config.kwok.x-k8s.io/v1alpha1) and the documentation come from it. Names and defaults are those of kwok
v0.8.0 (`pkg/apis/config/v1alpha1/kwok_configuration_types.go`, `pkg/kwok/cmd/root.go`, `pkg/config/flags.go`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field, inspect

from kwok_controller.api.decode import decode_as, in_words, unknown_fields_of
from kwok_controller.api.errors import InvalidOption
from kwok_controller.api.kinds import KINDS
from kwok_controller.api.meta import INT64_MAX, ObjectMeta, doc

CONFIG_API_VERSION = "config.kwok.x-k8s.io/v1alpha1"
CONFIG_KIND = "KwokConfiguration"

UInt = Annotated[int, Meta(ge=0, le=2**32 - 1)]
PositiveInt = Annotated[int, Meta(ge=1, le=65536)]


def _place(file: str = "", flag: str = "", *, deprecated: str = "", ours: bool = False) -> Meta:
    """Where an option is given: its path in a KwokConfiguration, its flags, what to use instead, whether the Go kwok has it not."""
    return Meta(extra={"file": file, "flag": flag, "deprecated": deprecated, "ours": ours})


class Options(Struct, frozen=True, kw_only=True):
    """How the controller runs."""

    config: Annotated[
        list[str],
        _place(flag="-c,--config"),
        doc("Files or directories with options and objects, - for the standard input. ~/.kwok/kwok.yaml is read before."),
    ] = field(default_factory=list)
    kubeconfig: Annotated[
        str,
        _place(flag="--kubeconfig"),
        doc("The kubeconfig file. $KUBECONFIG or ~/.kube/config when not set; the Pod's service account if there is none."),
    ] = ""
    master: Annotated[str, _place(flag="--master"), doc("The address of the apiserver, instead of the kubeconfig's.")] = ""
    verbosity: Annotated[
        str, _place(flag="-v,--v"), doc("What is logged: DEBUG, INFO, WARN or ERROR, or as a number -4, 0, 4 or 8; lower numbers say more.")
    ] = "INFO"

    log_format: Annotated[
        str,
        _place("options.logFormat", "--log-format", ours=True),
        doc("How lines of the log look: text, json, or auto: text on a terminal, else one JSON object a line."),
    ] = "auto"

    manage_all_nodes: Annotated[
        bool, _place("options.manageAllNodes", "--manage-all-nodes"), doc("Manages all nodes. Excludes the other --manage-… options.")
    ] = False
    manage_nodes_with_annotation_selector: Annotated[
        str,
        _place("options.manageNodesWithAnnotationSelector", "--manage-nodes-with-annotation-selector"),
        doc("Manages the nodes whose annotations match, as kwok.x-k8s.io/node=fake, and whose labels do, where both are given."),
    ] = ""
    manage_nodes_with_label_selector: Annotated[
        str,
        _place("options.manageNodesWithLabelSelector", "--manage-nodes-with-label-selector"),
        doc("Manages the nodes whose labels match, as type=kwok, and whose annotations do, where both are given."),
    ] = ""
    manage_single_node: Annotated[
        str,
        _place("options.manageSingleNode", "--manage-single-node"),
        doc("Manages the node of this name. Excludes the other --manage-… options."),
    ] = ""
    disregard_status_with_annotation_selector: Annotated[
        str,
        _place(
            "options.disregardStatusWithAnnotationSelector",
            "--disregard-status-with-annotation-selector",
            deprecated="give the stages selectors that leave these objects out",
        ),
        doc("Nodes and pods whose annotations match are left alone."),
    ] = ""
    disregard_status_with_label_selector: Annotated[
        str,
        _place(
            "options.disregardStatusWithLabelSelector",
            "--disregard-status-with-label-selector",
            deprecated="give the stages selectors that leave these objects out",
        ),
        doc("Nodes and pods whose labels match are left alone."),
    ] = ""

    cidr: Annotated[str, _place("options.cidr", "--cidr"), doc("The addresses of pods on nodes that have no podCIDR.")] = "10.0.0.0/24"
    node_ip: Annotated[str, _place("options.nodeIP", "--node-ip"), doc("The address of all managed nodes.")] = ""
    node_name: Annotated[str, _place("options.nodeName", "--node-name"), doc("The host name of all managed nodes.")] = ""
    node_port: Annotated[
        int, Meta(ge=0, le=65535), _place("options.nodePort", "--node-port"), doc("The kubelet's port of all managed nodes; 0 for none.")
    ] = 0
    node_lease_duration_seconds: Annotated[
        UInt,
        _place("options.nodeLeaseDurationSeconds", "--node-lease-duration-seconds"),
        doc("How long a node's Lease is valid, in seconds; 0 for no Leases, with a single controller."),
    ] = 0
    enable_crds: Annotated[
        list[str],
        _place("options.enableCRDs", "--enable-crds"),
        doc("The kinds whose objects are read from the cluster and not from files, separated by commas, such as Stage."),
    ] = field(default_factory=list)

    server_address: Annotated[
        str,
        _place("options.serverAddress", "--server-address"),
        doc("Where to serve health, metrics and the kubelet's API, as host:port. 0.0.0.0 and the node port when not set."),
    ] = ""
    tls_cert_file: Annotated[
        str, _place("options.tlsCertFile", "--tls-cert-file"), doc("The certificate with which HTTPS is served. Plain HTTP without one.")
    ] = ""
    tls_private_key_file: Annotated[
        str, _place("options.tlsPrivateKeyFile", "--tls-private-key-file"), doc("The private key of the certificate.")
    ] = ""
    client_ca_file: Annotated[
        str,
        _place("options.clientCAFile", "--client-ca-file", ours=True),
        doc("The authorities of client certificates, by which the kubelets' server knows who asks, beside bearer tokens."),
    ] = ""
    insecure: Annotated[
        bool,
        _place("options.insecure", "--insecure", ours=True),
        doc("Shows nodes' metrics, usage and pods to whoever asks, as the Go kwok; else to those who may see them on a kubelet."),
    ] = False
    usage_traces: Annotated[
        list[str],
        _place("options.usageTraces", "--usage-trace", ours=True),
        doc(
            "Recorded courses of usage, for the function Trace of usages: NAME=FILE, a CSV file of times and values that begins again "
            "after its last time, or NAME:hold=FILE for one whose last value holds."
        ),
    ] = field(default_factory=list)
    enable_debugging_handlers: Annotated[
        bool, _place("options.enableDebuggingHandlers"), doc("Whether logs, exec, attach and port-forward are served.")
    ] = True
    enable_contention_profiling: Annotated[
        bool, _place("options.enableContentionProfiling"), doc("Profiling of locks, which this controller has none of: without effect.")
    ] = False
    enable_profiling_handler: Annotated[
        bool, _place("options.enableProfilingHandler"), doc("Profiling of a Go program, which this is not: without effect.")
    ] = True

    tracing_endpoint: Annotated[
        str,
        _place("tracing.endpoint", "--tracing-endpoint"),
        doc("Where traces are sent by OTLP over gRPC, as host:port. Nowhere when not set."),
    ] = ""
    tracing_sampling_rate_per_million: Annotated[
        int,
        Meta(ge=0, le=1_000_000),
        _place("tracing.samplingRatePerMillion", "--tracing-sampling-rate-per-million"),
        doc("How many of a million traces are sent."),
    ] = 0

    pod_play_stage_parallelism: Annotated[
        UInt, _place("options.podPlayStageParallelism"), doc("Requests for pods in flight in the Go kwok; see parallelism here.")
    ] = 4
    node_play_stage_parallelism: Annotated[
        UInt,
        _place("options.nodePlayStageParallelism"),
        doc("Requests for nodes in flight in the Go kwok; see parallelism here."),
    ] = 4
    node_lease_parallelism: Annotated[
        UInt, _place("options.nodeLeaseParallelism"), doc("Renewals of Leases in flight in the Go kwok; see parallelism here.")
    ] = 4
    pods_on_node_sync_parallelism: Annotated[
        UInt,
        _place("options.podsOnNodeSyncParallelism"),
        doc("Lists of nodes' pods in flight in the Go kwok; without effect."),
    ] = 1
    enable_pods_on_node_sync_list_pager: Annotated[
        bool,
        _place("options.enablePodsOnNodeSyncListPager"),
        doc("Whether nodes' pods are listed in pages in the Go kwok; without effect."),
    ] = True
    enable_pods_on_node_sync_stream_watch: Annotated[
        bool,
        _place("options.enablePodsOnNodeSyncStreamWatch"),
        doc("Whether nodes' pods are listed by watch in the Go kwok; without effect."),
    ] = False

    service_account: Annotated[
        str,
        _place("options.serviceAccount", "--service-account", ours=True),
        doc(
            "Acts as this ServiceAccount, NAMESPACE/NAME, with tokens that it asks for as the kubeconfig's user: the apiserver "
            "verifies a client certificate with every request, and remembers a token."
        ),
    ] = ""
    parallelism: Annotated[
        PositiveInt, _place("options.parallelism", "--parallelism", ours=True), doc("How many requests that play stages may be in flight.")
    ] = 32
    seed: Annotated[
        Annotated[int, Meta(ge=-INT64_MAX - 1, le=INT64_MAX)] | None,
        _place("options.seed", "--seed", ours=True),
        doc("Makes weights, delays and jitter the same in every run, object by object. Drawn anew in each run when not set."),
    ] = None


@dataclass(frozen=True, slots=True)
class Option:
    """One option, for the command line and the documentation.

    Attributes:
        name: The attribute of `Options`, which is also what `apply_flags` calls it.
        flags: Its flags, such as `-c` and `--config`; none for an option of files only.
        file: Its path in a KwokConfiguration, such as `options.cidr`; empty for a flag only.
        type: What it holds: bool, int, str or list (of strings, given repeatedly or separated by commas).
        default: Its default.
        help: What it is for.
        deprecated: What to do instead; empty when it is not deprecated.
        ours: Whether the Go kwok doesn't have it.
    """

    name: str
    flags: tuple[str, ...]
    file: str
    type: type[bool] | type[int] | type[str] | type[list[str]]
    default: Any
    help: str
    deprecated: str
    ours: bool

    @property
    def title(self) -> str:
        """How messages name the option: by its flag and by its place in the file."""
        return " / ".join(filter(None, (self.flags[-1] if self.flags else "", self.file)))

    def parse(self, text: str) -> Any:
        """The value that a flag's text means, as in Go's pflag: booleans as true, t, 1, false, …; lists with commas.

        Raises:
            InvalidOption: It means none.
        """
        if self.type is bool:
            # https://pkg.go.dev/strconv#ParseBool
            if text in {"1", "t", "T", "TRUE", "true", "True"}:
                return True
            if text in {"0", "f", "F", "FALSE", "false", "False"}:
                return False
            raise InvalidOption(self.title, f"expected true or false, got {text!r}")
        if self.type is int:
            if not re.fullmatch(r"[+-]?[0-9]{1,20}", text.strip()):
                raise InvalidOption(self.title, f"expected an integer, got {text!r}")
            return int(text)
        if self.type is list:
            return [item.strip() for item in text.split(",") if item.strip()]
        return text


def _options() -> Iterable[Option]:
    types: dict[type, Any] = {inspect.BoolType: bool, inspect.IntType: int, inspect.StrType: str, inspect.ListType: list}
    for each in msgspec.structs.fields(Options):
        place: dict[str, Any] = {}
        help_text = ""
        for meta in each.type.__metadata__:
            place.update(meta.extra or {})
            help_text = meta.description or help_text
        kind = inspect.type_info(each.type)
        while isinstance(kind, inspect.Metadata | inspect.UnionType):
            kind = kind.type if isinstance(kind, inspect.Metadata) else kind.types[0]
        yield Option(
            name=each.name,
            flags=tuple(place["flag"].split(",")) if place["flag"] else (),
            file=place["file"],
            type=types[type(kind)],
            default=[] if each.default is msgspec.NODEFAULT else each.default,
            help=help_text,
            deprecated=place["deprecated"],
            ours=place["ours"],
        )


OPTIONS: dict[str, Option] = {option.name: option for option in _options()}


def decode_configuration(obj: Any) -> dict[str, Any]:
    """The options that a KwokConfiguration sets, by their names in `Options`.

    Raises:
        InvalidObject: The object is no KwokConfiguration; the error says where and why.
    """
    decoded: Any = decode_as(obj, CONFIG_KIND, _Configuration, CONFIG_API_VERSION)
    settings = {}
    for option in OPTIONS.values():
        if option.file:
            section, _, name = option.file.partition(".")
            value = getattr(getattr(decoded, section), name)
            if value is not None:
                settings[option.name] = value
    return settings


def unknown_configuration_fields(obj: Any) -> list[str]:
    """The JSON paths of the fields that a KwokConfiguration doesn't have."""
    return unknown_fields_of(obj, _Configuration)


def apply_flags(settings: Mapping[str, Any], flags: Mapping[str, Any]) -> Options:
    """The options from the settings of files and, over them, those flags that are not None.

    Raises:
        InvalidOption: A value is out of its bounds or of the wrong type.
        TypeError: A name is no option's.
    """
    values = {**settings, **{name: value for name, value in flags.items() if value is not None}}
    if unknown := values.keys() - OPTIONS.keys():
        raise TypeError(f"no options: {', '.join(sorted(unknown))}")
    for name, value in values.items():
        try:
            msgspec.convert(value, _TYPES[name])
        except msgspec.ValidationError as error:
            raise InvalidOption(OPTIONS[name].title, in_words(error, value)) from None
    return Options(**values)


def validate(options: Options) -> None:
    """Check what a type cannot say.

    Raises:
        InvalidOption: Options exclude each other, or one has no meaning.
    """
    _validate_management(options)
    _validate_addresses(options)
    if bool(options.tls_cert_file) != bool(options.tls_private_key_file):
        missing = "tls_private_key_file" if options.tls_cert_file else "tls_cert_file"
        raise InvalidOption(OPTIONS[missing].title, "HTTPS needs the certificate and its private key: give both, or none for plain HTTP")
    if options.client_ca_file and not options.tls_cert_file:
        raise InvalidOption(OPTIONS["client_ca_file"].title, f"client certificates need HTTPS: give {OPTIONS['tls_cert_file'].title}, too")
    if options.client_ca_file and options.insecure:
        raise InvalidOption(OPTIONS["insecure"].title, f"excludes {OPTIONS['client_ca_file'].title}: nobody is asked who they are")
    for kind in options.enable_crds:
        if kind not in KINDS:
            raise InvalidOption(OPTIONS["enable_crds"].title, f"{kind!r} is no kind of the group: give some of {', '.join(sorted(KINDS))}")


def validate_sources(options: Options, local: Iterable[str]) -> None:
    """Check that a kind's objects come from files or from the cluster, and not from both.

    Args:
        options: The options.
        local: The kinds of the objects in files.

    Raises:
        InvalidOption: A kind is in both.
    """
    if both := sorted(set(local) & set(options.enable_crds)):
        raise InvalidOption(
            OPTIONS["enable_crds"].title,
            f"there are objects of {', '.join(both)} in the files of --config, too: take them out there, or the kind out here",
        )


def _validate_management(options: Options) -> None:
    """As `Config.validate` of kwok v0.8.0's `pkg/kwok/controllers/controller.go`: exactly one way; the two selectors are one."""
    selectors = ["manage_nodes_with_annotation_selector", "manage_nodes_with_label_selector"]
    ways = [names for names in (["manage_single_node"], ["manage_all_nodes"], selectors) if any(getattr(options, name) for name in names)]
    if not ways:
        raise InvalidOption(OPTIONS["manage_all_nodes"].title, "no nodes are managed: give this or another --manage-… option")
    if len(ways) > 1:
        given = [OPTIONS[name].title for names in ways for name in names if getattr(options, name)]
        raise InvalidOption(given[0], f"excludes {' and '.join(given[1:])}: give one of them only")


def _validate_addresses(options: Options) -> None:
    try:
        ipaddress.ip_interface(options.cidr)
    except ValueError:
        raise InvalidOption(OPTIONS["cidr"].title, f"expected a network such as 10.0.0.0/24, got {options.cidr!r}") from None
    if "/" not in options.cidr:
        raise InvalidOption(OPTIONS["cidr"].title, f"expected a network such as 10.0.0.0/24, got {options.cidr!r} without a prefix length")
    if options.node_ip:
        try:
            ipaddress.ip_address(options.node_ip)
        except ValueError:
            raise InvalidOption(OPTIONS["node_ip"].title, f"expected an IP address, got {options.node_ip!r}") from None
    for name in ("server_address", "tracing_endpoint"):
        address = getattr(options, name)
        _, colon, port = address.rpartition(":")
        if address and not (colon and re.fullmatch(r"[0-9]{1,5}", port) and int(port) <= 65535):
            raise InvalidOption(OPTIONS[name].title, f"expected host:port, such as 127.0.0.1:10247, got {address!r}")


def _section(name: str) -> type:
    """The type of a section of the file: its options, all of which may be missing."""
    options = [option for option in OPTIONS.values() if option.file.startswith(f"{name}.")]
    fields = [(option.file.removeprefix(f"{name}."), _TYPES[option.name] | None, None) for option in options]
    return msgspec.defstruct(name.capitalize(), fields, frozen=True, kw_only=True)


_TYPES: dict[str, Any] = {each.name: each.type for each in msgspec.structs.fields(Options)}
_Options = _section("options")
_Tracing = _section("tracing")
_Configuration = msgspec.defstruct(
    CONFIG_KIND,
    [
        ("metadata", ObjectMeta, field(default_factory=ObjectMeta)),
        ("options", _Options, field(default_factory=_Options)),
        ("tracing", _Tracing, field(default_factory=_Tracing)),
    ],
    frozen=True,
    kw_only=True,
)
