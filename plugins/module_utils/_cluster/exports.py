# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kubeconfigs for people: the cluster's own, and the file that the user wants its context in.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from pathlib import Path

from .._errors import SimError
from .._files import write_atomically
from . import kubeconfig
from .components import ADMIN, CA
from .layout import Layout
from .spec import ClusterSpec

_USER = "kubernetes-admin"


def names(context: str) -> kubeconfig.Names:
    """What the cluster's entries are called in a kubeconfig."""
    return kubeconfig.Names(context=context, cluster=context, user=f"{context}-{_USER}")


def administrator(spec: ClusterSpec, layout: Layout, server: str) -> str | None:
    """The administrator's kubeconfig with its certificates inside, so that it serves anywhere; ``None`` while these are missing."""
    try:
        return kubeconfig.render(
            names(spec.context),
            server,
            authority=layout.certificate(CA).read_bytes(),
            certificate=layout.certificate(ADMIN).read_bytes(),
            key=layout.key(ADMIN).read_bytes(),
        )
    except OSError:
        return None


def problems(spec: ClusterSpec, layout: Layout, server: str) -> dict[str, str | None]:
    """Path of each kubeconfig for people that is wanted, to what is wrong with it.

    Raises:
        SimError: The user's file cannot take the cluster's context.
    """
    wanted = administrator(spec, layout, server)
    found = {str(layout.kubeconfig): own_problem(layout, wanted)}
    if spec.kubeconfig:
        found[spec.kubeconfig] = export_problem(spec, spec.kubeconfig, wanted)
    return found


def write(path: str, spec: ClusterSpec, layout: Layout, server: str) -> None:
    """Make one of the wanted kubeconfigs as it should be.

    Raises:
        SimError: It cannot be written.
    """
    wanted = administrator(spec, layout, server)
    if wanted is None:
        raise SimError("the administrator's certificate cannot be read", option="base_dir", remedy="Run again; it is then issued anew")
    if path == str(layout.kubeconfig):
        write_atomically(layout.kubeconfig, wanted, 0o600)
    else:
        export(spec, path, wanted)


def own_problem(layout: Layout, wanted: str | None) -> str | None:
    """What is wrong with the cluster's own kubeconfig."""
    try:
        text = layout.kubeconfig.read_text(encoding="utf-8")
        mode = layout.kubeconfig.stat().st_mode & 0o7777
    except (OSError, UnicodeDecodeError):
        return "is missing"
    if text != wanted:
        return "is not as wanted"
    return None if mode == 0o600 else f"has mode {mode:04o}"


def export_problem(spec: ClusterSpec, target: str, wanted: str | None) -> str | None:
    """What is wrong with the cluster's entries in the user's kubeconfig.

    Raises:
        SimError: The file is no kubeconfig, may not be written, or holds other contexts and ``kubeconfig_merge`` is off.
    """
    path = Path(target)
    kubeconfig.check_writable(path)
    text = kubeconfig.read(path)
    if not text:
        return "is missing"
    if not spec.kubeconfig_merge and set(kubeconfig.context_names(text)) - {spec.context}:
        raise SimError(
            f"{path} holds contexts of other clusters",
            option="kubeconfig",
            remedy="Set kubeconfig_merge: true to add this cluster's context to them, or name another file",
        )
    if not kubeconfig.has_context(text, spec.context):
        return f"lacks the context {spec.context}"
    if wanted is None or kubeconfig.merge(text, wanted, _sets_current_context(spec)) != text:
        return f"has another context {spec.context}"
    return None


def _sets_current_context(spec: ClusterSpec) -> bool:
    # A file of its own has no other context that could be the current one.
    return spec.kubeconfig_set_current_context or not spec.kubeconfig_merge


def export(spec: ClusterSpec, target: str, wanted: str) -> None:
    """Put the cluster's entries into the user's kubeconfig; everything else in it stays."""
    current = _sets_current_context(spec)
    kubeconfig.update_file(Path(target), lambda text: kubeconfig.merge(text, wanted, current))


def withdraw(path: str, context: str) -> None:
    """Take the cluster's entries out of a user's kubeconfig, and the file with them where nothing else is in it."""
    target = Path(path)
    if not target.exists():
        return
    entries = names(context)
    kubeconfig.update_file(target, lambda text: kubeconfig.remove(text, context, entries.cluster, entries.user))
    if _is_empty(kubeconfig.read(target)):
        target.resolve().unlink(missing_ok=True)


def _is_empty(text: str) -> bool:
    """Whether a kubeconfig holds no entry at all; a user without a context is worth keeping, too."""
    # Imported where a kubeconfig is withdrawn, and nowhere else; its absence has been told by then.
    import yaml

    document = yaml.safe_load(text) or {}
    return not any(document.get(field) for field in ("clusters", "contexts", "users"))
