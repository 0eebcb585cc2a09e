# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from kwok_controller.cli.flags import HELP, Flag, UsageError, parse, usage


def integer(text: str) -> int:
    if not text.removeprefix("-").isdecimal():
        raise ValueError(f"expected an integer, got {text!r}")
    return int(text)


FLAGS = [
    Flag("all", ("--manage-all-nodes",), "All.", parse=lambda text: {"true": True, "false": False}[text], boolean=True),
    Flag("verbosity", ("-v", "--v"), "Level.", shown="level"),
    Flag("config", ("-c", "--config"), "Files.", parse=lambda text: text.split(","), repeated=True, shown="strings", group="Files"),
    Flag("port", ("--node-port",), "Port.", parse=integer, shown="int"),
    Flag("old", ("--old",), "Old.", deprecated="use --new"),
    HELP,
]


@pytest.mark.parametrize(
    ("argv", "values"),
    [
        (["--node-port=10247"], {"port": 10247}),
        (["--node-port", "10247"], {"port": 10247}),
        (["--node-port", "-1"], {"port": -1}),
        (["--node-port=1", "--node-port=2"], {"port": 2}),
        (["--manage-all-nodes"], {"all": True}),
        (["--manage-all-nodes=true"], {"all": True}),
        (["--manage-all-nodes=false"], {"all": False}),
        (["-v", "-4"], {"verbosity": "-4"}),
        (["-v=-4"], {"verbosity": "-4"}),
        (["-v-4"], {"verbosity": "-4"}),
        (["-vdebug"], {"verbosity": "debug"}),
        (["--v=debug"], {"verbosity": "debug"}),
        (["--v", "--config"], {"verbosity": "--config"}),
        (["-c", "a", "--config=b,c", "-cd"], {"config": ["a", "b", "c", "d"]}),
        (["--config="], {"config": [""]}),
        (["-c=a=b"], {"config": ["a=b"]}),
        (["-hv4"], {"help": True, "verbosity": "4"}),
    ],
)
def test_flags_are_read_as_pflag_reads_them(argv: list[str], values: dict[str, object]) -> None:
    parsed = parse(FLAGS, argv)
    assert parsed.values == values
    assert parsed.arguments == []


def test_what_is_no_flag_is_an_argument() -> None:
    parsed = parse(FLAGS, ["a", "--manage-all-nodes", "false", "-", "--", "--v", "b"])
    assert parsed.values == {"all": True}
    assert parsed.arguments == ["a", "false", "-", "--v", "b"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--manage-all-node"], r"^unknown flag --manage-all-node: did you mean --manage-all-nodes\?$"),
        (["--zzz"], r"^unknown flag --zzz: see --help for those that there are$"),
        (["-x"], r"^unknown flag -x: "),
        (["-hx"], r"^unknown flag -x: "),
        (["--node-port"], r"^--node-port needs a value: --node-port=INT$"),
        (["-v"], r"^-v needs a value: -v=LEVEL$"),
        (["--node-port=http"], r"^--node-port: expected an integer, got 'http'$"),
    ],
)
def test_an_error_names_the_flag_and_the_remedy(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(FLAGS, argv)


def test_deprecated_flags_work_and_are_told_once() -> None:
    parsed = parse(FLAGS, ["--old=1", "--old=2"])
    assert parsed.values == {"old": "2"}
    assert [flag.name for flag in parsed.deprecated] == ["old"]


def test_the_usage_has_a_heading_for_each_group_and_no_deprecated_flags() -> None:
    text = usage(FLAGS)
    assert [line for line in text.splitlines() if line.endswith(":")] == ["Flags:", "Files:", "Help:"]
    assert "\n  -c, --config strings\n          Files.\n" in text
    assert "\n      --node-port int\n" in text
    assert "--old" not in text
