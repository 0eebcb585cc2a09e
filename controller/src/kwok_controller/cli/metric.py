# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""``kwok-controller metric``: list and print the Metrics and usages that ship with it; check and preview any."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kwok_controller.cli.commands import SOURCES, Command, Group, choice, counted, note, print_json, run_command
from kwok_controller.cli.flags import CommandError, Flag, Parsed, UsageError

if TYPE_CHECKING:
    from kwok_controller.api.kinds import Shown
    from kwok_controller.api.load import Document
    from kwok_controller.api.sets import ShippedSet
    from kwok_controller.api.sources import Found
    from kwok_controller.monitoring.findings import Finding
    from kwok_controller.monitoring.preview import Preview

_OF_RANGE: Final = ("from", "to", "step")
_DRAWN: Final = ("plot", "png")
# In characters, and in pixels; of a picture, the least height is that for each metric.
_LARGEST: Final = {"plot": (1_000, 1_000), "png": (5_000, 5_000)}
_SMALLEST: Final = {"plot": (40, 10), "png": (200, 120)}


def _pair(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,6})x([0-9]{1,6})", text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is no size such as 1200x800")
    return int(match[1]), int(match[2])


def _seed(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,20}", text):
        raise ValueError(f"{text[:40]!r} is no whole number")
    return int(text)


def _several(name: str, shown: str, about: str, group: str) -> Flag:
    return Flag(name, (f"--{name}",), about, parse=lambda text: [text], repeated=True, shown=shown, group=group)


_SCRAPED: Final = "What is scraped"
_SHOWN: Final = "What is shown of it"

PREVIEW: Final = (
    Flag("node", ("--node",), "The node, as YAML. Default: a plain one, node-0.", shown="FILE", group=_SCRAPED),
    _several(
        "pod",
        "FILE",
        "The pods, as YAML; those of other nodes are left out. May be given again. Default: one, pod-0, with one container.",
        _SCRAPED,
    ),
    Flag("seed", ("--seed",), "The seed of all chance, as that of the controller. Default: 0.", parse=_seed, shown="int", group=_SCRAPED),
    Flag(
        "at", ("--at",), "The one moment: a time (2026-01-01T09:00:00Z), now, or a duration from now on (-1h).", shown="TIME", group="When"
    ),
    Flag("from", ("--from",), "The start of a range, in the same way. Default: now.", shown="TIME", group="When"),
    Flag("to", ("--to",), "The end of the range: a time, or a duration from the start on. Default: 1h.", shown="TIME", group="When"),
    Flag("step", ("--step",), "How far apart the moments of the range are. Default: a sixtieth of it.", shown="DURATION", group="When"),
    _several(
        "usage-trace", "NAME=FILE", "A trace for usages, as for the controller: CSV, or NAME:hold=FILE. May be given again.", _SCRAPED
    ),
    _several("metric", "NAME", "A metric that is shown. May be given again. Default: all.", _SHOWN),
    Flag(
        "path",
        ("--path",),
        "The endpoint that is asked: the path of a Metric, or a kubelet's, such as /metrics/resource. Default: all.",
        shown="PATH",
        group=_SHOWN,
    ),
    choice(
        "output",
        "What comes out: text is the exposition of one moment, all others are of a range (json and csv of one moment, too); "
        "plot is drawn as text, png to --file; for both, pip install 'kwok-controller[plot]'.",
        *("text", "json", "csv", "plot", "png"),
    ),
    Flag("file", ("--file",), "Where the picture of --output png goes.", shown="FILE"),
    Flag(
        "size",
        ("--size",),
        "Of a picture in pixels (default: 1200 wide, 400 high for each metric), or of each plot in characters (default: as wide as "
        "the terminal, 20 high).",
        parse=_pair,
        shown="WIDTHxHEIGHT",
    ),
)


def main(argv: Sequence[str]) -> int:
    """Run one of the commands.

    Raises:
        UsageError: The command line is wrong.
        CommandError: What it names is wrong.
    """
    return run_command("metric", "Check, preview and list metrics and usages.", COMMANDS, argv)


def _list_sets() -> list[ShippedSet]:
    from kwok_controller.monitoring.sets import list_sets

    return list_sets()


def _read(sources: Sequence[str]) -> Found:
    from kwok_controller.monitoring.sources import read

    return read(sources)


def _lint(documents: Sequence[Document], strict: bool) -> list[Finding]:
    from kwok_controller.monitoring.lint import lint

    return lint(documents)


def _preview(parsed: Parsed) -> int:
    from kwok_controller.api.errors import InvalidFile, InvalidOption
    from kwok_controller.monitoring.preview import PreviewError
    from kwok_controller.usage.traces import InvalidTrace

    output = parsed.values.get("output", "text")
    _check_flags(parsed.values, output)
    objects = _GROUP.find("preview", parsed.arguments)
    try:
        moments = _moments(parsed.values, output)
        made = _prepare(parsed.values, objects, moments)
        _OUTPUTS[output](made, moments, parsed.values)
    except InvalidTrace as error:
        raise UsageError(f"--usage-trace: {error}") from error
    except InvalidOption as error:
        raise UsageError(str(error)) from error
    except (InvalidFile, PreviewError) as error:
        raise CommandError(str(error)) from error
    for where, what in made.notes.items():
        note(f"{where}: {what}")
    return 0


def _check_flags(values: dict[str, Any], output: str) -> None:
    ranged = [f"--{name}" for name in _OF_RANGE if name in values]
    if ranged and "at" in values:
        raise UsageError(f"{ranged[0]} is for a range, and --at for one moment: leave out one of the two")
    if ranged and output == "text":
        raise UsageError(f"{ranged[0]} is for a range, and --output text shows one moment: take --at, or another output")
    if output in _DRAWN and "at" in values:
        raise UsageError(f"--output {output} draws a range: take --from and --to instead of --at")
    if (output == "png") != ("file" in values):
        raise UsageError("--output png needs --file: say where the picture goes" if output == "png" else "--file is for --output png")
    if "size" in values:
        if output not in _DRAWN:
            raise UsageError("--size is for --output plot and --output png")
        _check_size(output, values["size"])


def _check_size(output: str, size: tuple[int, int], panels: int = 1) -> None:
    width, height = _SMALLEST[output]
    least, most = (width, height * panels), _LARGEST[output]
    if not all(low <= given <= high for low, given, high in zip(least, size, most, strict=True)):
        shown = " to ".join(f"{width}x{height}" for width, height in (least, most))
        raise UsageError(f"--size: from {shown} can be drawn")


def _moments(values: dict[str, Any], output: str) -> list[int]:
    import time

    from kwok_controller.monitoring.times import SECOND, parse_moment, parse_range

    now_ns = time.time_ns() // SECOND * SECOND
    if output == "text" or "at" in values:
        return [parse_moment("--at", values.get("at", "now"), now_ns, "now")]
    return parse_range(now_ns, values.get("from"), values.get("to"), values.get("step"))


def _prepare(values: dict[str, Any], documents: Sequence[Document], moments: Sequence[int]) -> Preview:
    from kwok_controller.api.metric import Metric
    from kwok_controller.cli.traces import load_traces
    from kwok_controller.monitoring.preview import Preview
    from kwok_controller.monitoring.scraped import default_node, default_pod, read_node, read_pods
    from kwok_controller.monitoring.times import HOUR, format_time

    shown = [_decode(document) for document in documents]
    # What is shown at one moment has run for a while, so that there is something to be seen.
    created = format_time(moments[0] if len(moments) > 1 else max(0, moments[0] - HOUR))
    node = read_node(values["node"], created) if "node" in values else default_node(created)
    name = node["metadata"]["name"]
    if "pod" in values:
        pods, elsewhere = read_pods(values["pod"], name, created)
        if elsewhere:
            note(f"--pod: {counted(elsewhere, 'pod')} on other nodes than {name} left out")
    else:
        pods = [default_pod(name, created)]
    return Preview(
        [each for each in shown if isinstance(each, Metric)],
        [each for each in shown if not isinstance(each, Metric)],
        node,
        pods,
        seed=values.get("seed", 0),
        traces=load_traces(values.get("usage-trace", ())),
        chosen=values.get("metric", ()),
        path=values.get("path", ""),
    )


def _decode(document: Document) -> Shown:
    from kwok_controller.api.decode import decode
    from kwok_controller.api.errors import InvalidObject
    from kwok_controller.api.kinds import Shown

    try:
        decoded = decode(document.obj)
    except InvalidObject as error:
        raise CommandError(f"{document.where}: {error}; metric lint tells more") from error
    assert isinstance(decoded, Shown)
    return decoded


def _as_text(made: Preview, moments: Sequence[int], values: dict[str, Any]) -> None:
    expositions = made.exposition(moments[0])
    for path, text in expositions.items():
        if len(expositions) > 1:
            print(f"# {path}")
        sys.stdout.write(text)


def _as_json(made: Preview, moments: Sequence[int], values: dict[str, Any]) -> None:
    from kwok_controller.monitoring.tables import as_json

    print_json(as_json(made.series(moments)))


def _as_csv(made: Preview, moments: Sequence[int], values: dict[str, Any]) -> None:
    from kwok_controller.monitoring.tables import as_csv

    sys.stdout.write(as_csv(made.series(moments), moments))


def _as_plot(made: Preview, moments: Sequence[int], values: dict[str, Any]) -> None:
    from kwok_controller.monitoring import plots
    from kwok_controller.monitoring.panels import panels

    shown = panels(made.series(moments), moments)
    width, height = values.get("size") or (max(_SMALLEST["plot"][0], shutil.get_terminal_size((100, 0)).columns), plots.LINES)
    try:
        print(plots.as_text(shown, moments, width=width, height=height, colors=sys.stdout.isatty()))
    except plots.MissingExtra as error:
        raise CommandError(f"--output plot: {error}") from error


def _as_png(made: Preview, moments: Sequence[int], values: dict[str, Any]) -> None:
    from kwok_controller.monitoring import plots
    from kwok_controller.monitoring.panels import panels

    shown = panels(made.series(moments), moments)
    width, height = values.get("size") or (plots.PIXELS[0], plots.PIXELS[1] * len(shown))
    _check_size("png", (width, height), len(shown))
    try:
        picture = plots.as_png(shown, moments, width=width, height=height)
        Path(values["file"]).write_bytes(picture)
    except plots.MissingExtra as error:
        raise CommandError(f"--output png: {error}") from error
    except OSError as error:
        raise CommandError(f"--file: {values['file']} cannot be written: {error.strerror}") from error


_OUTPUTS: Final[dict[str, Callable[[Preview, Sequence[int], dict[str, Any]], None]]] = {
    "text": _as_text,
    "json": _as_json,
    "csv": _as_csv,
    "plot": _as_plot,
    "png": _as_png,
}


_GROUP: Final = Group("metric", "metrics or usages", "object", "Metric, ResourceUsage or ClusterResourceUsage", _list_sets, _read, _lint)

COMMANDS: Final = {
    **_GROUP.commands(),
    "preview": Command(
        f"[FLAGS] {SOURCES}",
        "Show what scrapes of a node and its pods would show, at a moment or over time, without a cluster. Usages alone are shown as "
        "container_usage_…, pod_usage_… and node_usage_….",
        PREVIEW,
        _preview,
    ),
}
"""By name."""
