# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What a run of the controller is given: its flags, made from the table of options, and what they and the files say."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from kwok_controller.api.configuration import OPTIONS, Options, apply_flags, validate, validate_sources
from kwok_controller.api.errors import InvalidFile, InvalidOption
from kwok_controller.api.kinds import SHOWN, TRACED, Shown
from kwok_controller.cli.flags import HELP, CommandError, Flag, Parsed, UsageError

if TYPE_CHECKING:
    from kwok_controller.api.load import Configuration
    from kwok_controller.api.stage import Stage
    from kwok_controller.api.workload_trace import WorkloadTrace
    from kwok_controller.kube.connection import ConnectionConfig
    from kwok_controller.telemetry.logs import LogFormat
    from kwok_controller.usage.traces import Trace

PLAYED: Final = "Stage"

_SHOWN: Final = {bool: "", int: "int", str: "string", list: "strings"}
_GROUPS: Final = {
    "Configuration": ("config", "kubeconfig", "master", "service_account", "enable_crds"),
    "Nodes": (
        "manage_all_nodes",
        "manage_nodes_with_annotation_selector",
        "manage_nodes_with_label_selector",
        "manage_single_node",
        "node_lease_duration_seconds",
    ),
    "Addresses": ("cidr", "node_ip", "node_name", "node_port"),
    "Server": ("server_address", "tls_cert_file", "tls_private_key_file", "client_ca_file", "insecure", "usage_traces"),
    "Logs and traces": ("verbosity", "log_format", "tracing_endpoint", "tracing_sampling_rate_per_million"),
}
_OTHER_GROUP: Final = "Simulation"

VERSION: Final = Flag("version", ("--version",), "Show the version.", boolean=True, parse=HELP.parse, group="Help")


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a run is told.

    Attributes:
        options: Checked.
        stages: Those to play; None: those of the cluster.
        shown: The Metrics and usages of files, for the kubelets' server.
        traces: Courses of usage, by name.
        log_level: As log/slog counts.
        log_format: How lines look.
        warnings: What is odd but no error.
        workload_traces: The WorkloadTraces of files.
    """

    options: Options
    stages: list[Stage] | None
    shown: list[Shown]
    traces: dict[str, Trace]
    log_level: int
    log_format: LogFormat
    warnings: list[str]
    workload_traces: list[WorkloadTrace] = field(default_factory=list)


def flags() -> list[Flag]:
    """The flags of the controller."""
    groups = {name: group for group, names in _GROUPS.items() for name in names}
    order = [*_GROUPS, _OTHER_GROUP]
    made = []
    for option in OPTIONS.values():
        if option.flags:
            default = f" Default: {option.default}." if option.default not in ("", None, False, 0, []) else ""
            made.append(
                Flag(
                    name=option.name,
                    spellings=option.flags,
                    help=option.help + default,
                    parse=option.parse,
                    boolean=option.type is bool,
                    repeated=option.type is list,
                    shown=_SHOWN[option.type],
                    group=groups.get(option.name, _OTHER_GROUP),
                    deprecated=option.deprecated,
                )
            )
    return [*sorted(made, key=lambda flag: order.index(flag.group)), HELP, VERSION]


def read(parsed: Parsed) -> Settings:
    """What the files say and, over it, the flags of `parsed`.

    Raises:
        UsageError: an option is wrong, wherever it stands.
        CommandError: a file is.
    """
    from kwok_controller.api.load import configuration_paths, load_configuration
    from kwok_controller.telemetry.logs import parse_level

    try:
        configuration = load_configuration(configuration_paths(parsed.values.get("config", ())))
        options = apply_flags(configuration.settings, parsed.values)
        validate(options)
        validate_sources(options, configuration.kinds())
        stages = _stages(options, configuration)
    except InvalidFile as err:
        raise CommandError(f"--config: {err}") from err
    except InvalidOption as err:
        raise UsageError(str(err)) from err
    _check_selectors(options)
    try:
        level = parse_level(options.verbosity)
    except ValueError as err:
        raise UsageError(f"{OPTIONS['verbosity'].title}: {err}") from err
    warnings = _warnings(options, configuration, stages, parsed)
    traces = _traces(options)
    return Settings(options, stages, _shown(configuration), traces, level, _log_format(options), warnings, _workload_traces(configuration))


def _stages(options: Options, configuration: Configuration) -> list[Stage] | None:
    from kwok_controller.api.stage import Stage

    if PLAYED in options.enable_crds:
        return None
    stages = [each for each in configuration.objects if isinstance(each, Stage)]
    if not stages:
        raise InvalidOption(
            "--config", "no stages are in the files: name files with some, or play those of the cluster with --enable-crds=Stage"
        )
    return stages


def _shown(configuration: Configuration) -> list[Shown]:
    return [each for each in configuration.objects if isinstance(each, Shown)]


def _workload_traces(configuration: Configuration) -> list[WorkloadTrace]:
    from kwok_controller.api.workload_trace import WorkloadTrace

    return [each for each in configuration.objects if isinstance(each, WorkloadTrace)]


def _traces(options: Options) -> dict[str, Trace]:
    if not options.usage_traces:
        return {}
    from kwok_controller.cli.traces import load_traces
    from kwok_controller.usage.traces import InvalidTrace

    try:
        return load_traces(options.usage_traces)
    except InvalidTrace as err:
        raise UsageError(f"{OPTIONS['usage_traces'].title}: {err}") from err


def _check_selectors(options: Options) -> None:
    from kwok_controller.kube.labels import SelectorError, parse_selector

    for name in (each for each in OPTIONS if each.endswith("_selector")):
        try:
            parse_selector(getattr(options, name), annotations="annotation" in name)
        except SelectorError as err:
            raise UsageError(f"{OPTIONS[name].title}: {err}") from err


def _log_format(options: Options) -> LogFormat:
    from kwok_controller.telemetry.logs import LogFormat

    formats: dict[str, LogFormat] = {each: each for each in get_args(LogFormat)}
    if options.log_format not in formats:
        raise UsageError(f"{OPTIONS['log_format'].title}: {options.log_format!r} is none of {', '.join(formats)}")
    return formats[options.log_format]


def _warnings(options: Options, configuration: Configuration, stages: list[Stage] | None, parsed: Parsed) -> list[str]:
    warnings = [f"Ignored: {warning}" for warning in configuration.warnings]
    warnings += [f"{flag.spellings[-1]} is deprecated: {flag.deprecated}" for flag in parsed.deprecated]
    kinds = configuration.kinds() | set(options.enable_crds)
    without_effect = sorted(kinds - {PLAYED, *SHOWN, TRACED})
    if without_effect:
        warnings.append(f"Objects of these kinds have no effect in this version: {', '.join(without_effect)}")
    shown = ", ".join(sorted(kinds.intersection(SHOWN)))
    if shown and not server_address(options):
        warnings.append(f"Objects of these kinds have no effect without {OPTIONS['server_address'].title}: {shown}")
    if TRACED in kinds and not options.tracing_endpoint:
        warnings.append(f"Objects of these kinds have no effect without {OPTIONS['tracing_endpoint'].title}: {TRACED}")
    if stages is not None:
        played = {(stage.spec.resource_ref.api_group, stage.spec.resource_ref.kind) for stage in stages}
        warnings += [f"There are no stages for {kind}s" for kind in ("Node", "Pod") if ("v1", kind) not in played]
    return warnings


def connection(options: Options) -> tuple[ConnectionConfig, str]:
    """Where the apiserver is and who asks; and a warning, or nothing.

    A kubeconfig that is not there is left out inside a pod, as the Go kwok leaves it out everywhere.

    Raises:
        ConnectionConfigError: nothing says where, or not well.
    """
    config, warning = _connection(options)
    if options.service_account:
        from kwok_controller.kube.service_account import acting_as

        config = acting_as(config, options.service_account, OPTIONS["service_account"].title)
    return config, warning


def _connection(options: Options) -> tuple[ConnectionConfig, str]:
    from kwok_controller.kube.connection import SERVICE_ACCOUNT, load

    path = options.kubeconfig
    if path:
        in_pod = os.environ.get("KUBERNETES_SERVICE_HOST") and (SERVICE_ACCOUNT / "token").exists()
        if in_pod and not Path(path).expanduser().is_file():
            return load(None, master=options.master), f"--kubeconfig: {path} is no file; going on with the service account of the pod"
        return load(path, master=options.master), ""
    candidates = [each for each in os.environ.get("KUBECONFIG", "").split(os.pathsep) if each] or ["~/.kube/config"]
    found = [each for each in candidates if Path(each).expanduser().is_file()]
    warning = f"Of $KUBECONFIG only {found[0]} is read: give another one with --kubeconfig" if len(found) > 1 else ""
    return load(found[0] if found else None, master=options.master), warning


def server_address(options: Options) -> str:
    """Where to serve: as given; else, with a node port, there on all interfaces, as in the Go kwok; else nowhere (empty)."""
    if options.server_address or not options.node_port:
        return options.server_address
    return f"0.0.0.0:{options.node_port}"
