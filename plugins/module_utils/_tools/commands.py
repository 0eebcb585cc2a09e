# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a command line of kubectl or etcdctl does: reads or writes, whether it can be tried out, and whether it changed anything. Pure.

Verbs and flags are those of kubectl 1.36 and etcdctl 3.6. What is not known (a plugin, a verb of a later version) counts as writing.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .._errors import SimError


@dataclass(frozen=True)
class Command:
    """A classified command line.

    Attributes:
        verb: The words that say what it does, such as ``rollout undo``; empty if there are none.
        reads: It changes nothing.
        dry_run: The same command line as the server's dry run; ``None`` if there is no such thing.
    """

    verb: str
    reads: bool
    dry_run: tuple[str, ...] | None = None


# Flags without a value that may stand before the verb; any other one takes the next word, which is how cobra, the library
# beneath both tools, looks for the verb.
_KUBECTL_SWITCHES = frozenset(
    {"--disable-compression", "--insecure-skip-tls-verify", "--match-server-version", "--warnings-as-errors", "--help", "-h"}
)
_ETCDCTL_SWITCHES = frozenset(
    {"--debug", "--hex", "--insecure-discovery", "--insecure-skip-tls-verify", "--insecure-transport", "--help", "-h"}
)

# Each entry is a verb, or a verb and a sub-verb.
_KUBECTL_READS = frozenset(
    {
        "api-resources",
        "api-versions",
        "apply view-last-applied",
        "auth can-i",
        "auth whoami",
        "cluster-info",
        "completion",
        "config current-context",
        "config get-clusters",
        "config get-contexts",
        "config get-users",
        "config view",
        # Issues a token, which the server does not store.
        "create token",
        "describe",
        "diff",
        "events",
        "explain",
        "get",
        "help",
        "kuberc view",
        "kustomize",
        "logs",
        "options",
        "plugin",
        "port-forward",
        "proxy",
        "rollout history",
        "rollout status",
        "top",
        "version",
        "wait",
    }
)
_KUBECTL_DRY_RUNS = frozenset(
    {
        "annotate",
        "apply",
        "apply set-last-applied",
        "auth reconcile",
        "autoscale",
        "cordon",
        "create",
        "delete",
        "drain",
        "expose",
        "label",
        "patch",
        "replace",
        "rollout undo",
        "run",
        "scale",
        "set env",
        "set image",
        "set resources",
        "set selector",
        "set serviceaccount",
        "set subject",
        "taint",
        "uncordon",
    }
)
_KUBECTL_GROUPS = frozenset({"apply", "auth", "certificate", "config", "create", "kuberc", "rollout", "set"})
# Verbs that change objects without a dry run, but say what they did.
_KUBECTL_TELLS = _KUBECTL_DRY_RUNS | {"rollout restart", "rollout pause", "rollout resume", "certificate approve", "certificate deny"}
# Flags with which a verb only lists, or changes what is in a file and not on the server.
_KUBECTL_HARMLESS = {
    "annotate": ("--list", "--local"),
    "label": ("--list", "--local"),
    "patch": ("--local",),
    "set env": ("--list", "--local"),
    "set image": ("--local",),
    "set resources": ("--local",),
    "set selector": ("--local",),
    "set serviceaccount": ("--local",),
    "set subject": ("--local",),
    "taint": ("--list",),
}

_ETCDCTL_READS = frozenset(
    {
        "alarm list",
        "auth status",
        "completion",
        "downgrade validate",
        "endpoint",
        "get",
        "help",
        "lease list",
        "lease timetolive",
        "member list",
        "role get",
        "role list",
        "snapshot status",
        "user get",
        "user list",
        "version",
        "watch",
    }
)
_ETCDCTL_GROUPS = frozenset({"alarm", "auth", "check", "downgrade", "endpoint", "lease", "member", "role", "snapshot", "user"})

# These would make the tool act on something else than the cluster that the task names.
_KUBECTL_FOREIGN = frozenset({"--kubeconfig", "--context", "--cluster", "--server", "-s"})
_ETCDCTL_FOREIGN = frozenset({"--endpoints", "--cacert", "--cert", "--key", "--discovery-srv", "-d"})

# How kubectl says of one object that nothing changed, or sums up: the ends of the lines that its verbs print.
_UNCHANGED = re.compile(
    r"( unchanged| not labeled| patched \(no change\)| already (un)?cordoned| drained| skipped rollback .*)$|^No resources found"
)
_DRY_RUN_MARK = re.compile(r" \((server )?dry run\)$")
_OUTPUT_FLAG = re.compile(r"-o.*|--output(=.*)?|--template(=.*)?")


def kubectl(args: Sequence[str]) -> Command:
    """Classify the arguments of kubectl.

    Raises:
        SimError: They point kubectl at another server than the cluster's.
    """
    words = _positionals(args, _KUBECTL_SWITCHES)
    flags = _flags(args)
    verb = _verb(words, _KUBECTL_GROUPS, _KUBECTL_READS | _KUBECTL_TELLS)
    # `kubectl config set-context --cluster=X` has a flag of its own by that name.
    _refuse(flags, _KUBECTL_FOREIGN - {"--cluster"} if verb.startswith("config") else _KUBECTL_FOREIGN)
    if not verb or verb in _KUBECTL_READS or _asks_for_help(flags) or any(_is_on(flags, flag) for flag in _KUBECTL_HARMLESS.get(verb, ())):
        return Command(verb, reads=True)
    tries = [flag for flag in flags if flag == "--dry-run" or flag.startswith("--dry-run=")]
    # A bare --dry-run is the client's.
    if verb in _KUBECTL_DRY_RUNS and tries and tries[-1] != "--dry-run=none":
        return Command(verb, reads=True)
    if verb not in _KUBECTL_DRY_RUNS or any(flag.startswith("--raw") for flag in flags):
        return Command(verb, reads=False)
    end = list(args).index("--") if "--" in args else len(args)
    return Command(verb, reads=False, dry_run=(*args[:end], "--dry-run=server", *args[end:]))


def etcdctl(args: Sequence[str]) -> Command:
    """Classify the arguments of etcdctl.

    Raises:
        SimError: They point etcdctl at another server than the cluster's, or give it other credentials.
    """
    flags = _flags(args)
    _refuse(flags, _ETCDCTL_FOREIGN)
    verb = _verb(_positionals(args, _ETCDCTL_SWITCHES), _ETCDCTL_GROUPS, _ETCDCTL_READS)
    return Command(verb, reads=not verb or verb in _ETCDCTL_READS or _asks_for_help(flags))


def kubectl_changed(command: Command, args: Sequence[str], stdout: str) -> bool:
    """Whether a command that ended well has changed anything (in a dry run: would have), as far as its output tells; else ``True``."""
    if command.reads:
        return False
    if command.verb not in _KUBECTL_TELLS or any(_OUTPUT_FLAG.fullmatch(flag) for flag in _flags(args)):
        return True
    lines = [_DRY_RUN_MARK.sub("", line.rstrip()) for line in stdout.splitlines() if line.strip()]
    return any(not _UNCHANGED.search(line) for line in lines)


def etcdctl_changed(command: Command, stdout: str) -> bool:
    """Likewise for etcdctl: only ``del`` tells how many keys are gone."""
    if command.reads:
        return False
    if command.verb != "del":
        return True
    answer = parse_json(stdout)
    # JSON leaves a zero out.
    return bool(answer.get("deleted", 0)) if isinstance(answer, dict) else stdout.strip() != "0"


def parse_json(stdout: str) -> Any:
    """The object or list that an output is, as a whole; ``None`` where it is anything else, numbers and strings included."""
    text = stdout.strip()
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def failed(command: Command, rc: int, stdout: str) -> bool:
    """Whether a command's exit status means that it failed, rather than that its answer is "no"."""
    if rc == 1 and command.verb == "diff":
        return False
    if rc == 1 and command.verb == "auth can-i" and stdout.strip().startswith("no"):
        return False
    return rc != 0


def _positionals(args: Sequence[str], switches: frozenset[str]) -> list[str]:
    """The words that are neither flags nor, as far as it can be known, their values."""
    words: list[str] = []
    iterator = iter(args)
    for arg in iterator:
        if arg == "--":
            break
        if not arg.startswith("-") or arg == "-":
            words.append(arg)
        elif arg not in switches and "=" not in arg and (arg.startswith("--") or len(arg) == 2):
            next(iterator, None)
    return words


def _verb(words: list[str], groups: frozenset[str], known: frozenset[str]) -> str:
    if len(words) > 1 and words[0] in groups:
        pair = f"{words[0]} {words[1]}"
        # `create configmap` is `create`; `rollout pause` is itself, known or not.
        return pair if pair in known or words[0] not in known else words[0]
    return words[0] if words else ""


def _flags(args: Sequence[str]) -> list[str]:
    """The words that begin with a hyphen, up to ``--``."""
    end = list(args).index("--") if "--" in args else len(args)
    return [arg for arg in args[:end] if arg.startswith("-") and arg != "-"]


def _refuse(flags: list[str], foreign: frozenset[str]) -> None:
    for flag in flags:
        name = flag.split("=", 1)[0] if flag.startswith("--") else flag[:2]
        if name in foreign:
            raise SimError(
                f"{name} would make it act on something else than the named cluster",
                option="args",
                remedy="Leave it out: the module connects to the cluster itself; name another one with the option cluster",
            )


def _is_on(flags: list[str], switch: str) -> bool:
    return any(flag == switch or (flag.startswith(f"{switch}=") and flag != f"{switch}=false") for flag in flags)


def _asks_for_help(flags: list[str]) -> bool:
    return "--help" in flags or "-h" in flags
