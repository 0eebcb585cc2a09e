# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""``kwok-controller crds``: print the CustomResourceDefinitions."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, Final

from kwok_controller.cli.flags import HELP, Flag, UsageError, parse, usage

KINDS_FLAG: Final = Flag(
    "kinds",
    ("--kind",),
    "Only the definitions of these kinds, such as Stage; all when not given. May be given again, or separated by commas.",
    parse=lambda text: [name.strip() for name in text.split(",") if name.strip()],
    repeated=True,
    shown="strings",
)
OUTPUT_FLAG: Final = Flag("output", ("--output",), "yaml (a stream) or json (one List). Default: yaml.", parse=str, shown="string")
FLAGS: Final = (KINDS_FLAG, OUTPUT_FLAG, HELP)


def main(argv: Sequence[str]) -> int:
    """Print them so that ``kubectl apply -f -`` takes them.

    Raises:
        UsageError: `argv` names a kind that there is not, or is wrong otherwise.
    """
    parsed = parse(FLAGS, argv)
    if "help" in parsed.values:
        summary = "Print the CustomResourceDefinitions.\n\nUsage:\n  kwok-controller crds [--kind=KIND,…] | kubectl apply -f -"
        print(f"{summary}\n\n{usage(FLAGS)}", end="")
        return 0
    if parsed.arguments:
        raise UsageError(f"crds takes no argument {parsed.arguments[0]!r}: name kinds with --kind")
    output = parsed.values.get("output", "yaml")
    renderers = {"yaml": as_yaml, "json": as_json}
    if output not in renderers:
        raise UsageError(f"--output: {output!r} is no format: give yaml or json")
    sys.stdout.write(renderers[output](chosen(parsed.values.get("kinds", ()))))
    return 0


def chosen(kinds: Sequence[str]) -> list[dict[str, Any]]:
    """The definitions of `kinds`; all, when there are none.

    Raises:
        UsageError: there is no such kind.
    """
    from kwok_controller.api.crds import crds

    definitions: dict[str, dict[str, Any]] = {crd["spec"]["names"]["kind"]: crd for crd in crds()}
    unknown = sorted(set(kinds) - set(definitions))
    if unknown:
        raise UsageError(f"--kind: {unknown[0]!r} is no kind of the group: give some of {', '.join(sorted(definitions))}")

    return [crd for kind, crd in definitions.items() if not kinds or kind in kinds]


def as_json(definitions: Sequence[dict[str, Any]]) -> str:
    """One List with the definitions."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(definitions)}) + "\n"


def as_yaml(definitions: Sequence[dict[str, Any]]) -> str:
    """A stream with a document for each definition."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes what stands in two places twice: an alias is hard to read."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    return "".join(f"---\n{yaml.dump(crd, Dumper=Dumper, sort_keys=False, width=1000)}" for crd in definitions)
