# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubeconfigs: rendered, merged into a user's own, and taken out of it again.

The functions on texts are pure. They work on YAML nodes rather than on Python values, so that what is not ours comes out as it went in
(a plain C(0123) stays plain, a quoted C("true") quoted); comments are lost, as they are with C(kubectl config).

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._errors import SimError

YAML_IMPORT_ERROR: str | None = None
try:
    import yaml
except ImportError:
    YAML_IMPORT_ERROR = traceback.format_exc()

LOCK_TIMEOUT_S = 10.0
"""How long to wait for another program that holds the lock; kubectl holds it for milliseconds."""

_LISTS = ("clusters", "contexts", "users")
_REMEDY = "Correct the file, or name another one"
# What this module's own lock files hold. Each is also locked by the kernel for as long as its maker lives: one that is not was left
# behind by a run that was killed, and is removed by the next one. client-go's lock files are empty, and do not tell.
_LOCK_MARK = b"kwok.sim\n"


@dataclass(frozen=True)
class Names:
    """What the three entries of one cluster are called in a kubeconfig."""

    context: str
    cluster: str
    user: str


@dataclass(frozen=True)
class Entries:
    """The entries that one context is made of, as plain values; ``None`` where the kubeconfig lacks one."""

    context: dict[str, Any] | None
    cluster: dict[str, Any] | None
    user: dict[str, Any] | None
    current: bool


def render(
    names: Names,
    server: str,
    *,
    authority: bytes | Path,
    certificate: bytes | Path,
    key: bytes | Path,
    namespace: str | None = None,
) -> str:
    """A kubeconfig of one context, which is its current one, as YAML.

    Args:
        server: URL of the apiserver.
        authority: Certificate of the authority that the server is verified with: PEM to embed, or the path of a file to refer to.
        certificate: The client's certificate, likewise.
        key: The client's private key, likewise.
        namespace: The context's default namespace.
    """
    context = {"cluster": names.cluster, "user": names.user}
    if namespace:
        context["namespace"] = namespace
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": names.cluster, "cluster": {"server": server, **_material("certificate-authority", authority)}}],
        "contexts": [{"name": names.context, "context": context}],
        "current-context": names.context,
        "preferences": {},
        "users": [{"name": names.user, "user": {**_material("client-certificate", certificate), **_material("client-key", key)}}],
    }
    return str(yaml.safe_dump(document, sort_keys=False, width=_WIDTH))


# libyaml takes the width as a C int: long enough that no base64 text is ever folded.
_WIDTH = 1 << 30


def _material(field: str, value: bytes | Path) -> dict[str, str]:
    if isinstance(value, bytes):
        return {f"{field}-data": base64.b64encode(value).decode()}
    return {field: str(value)}


def merge(existing: str, addition: str, set_current_context: bool) -> str:
    """``existing`` with the clusters, contexts and users of ``addition`` put in, or in the place of those of the same names.

    Everything else stays as it is, in its order. Where nothing would change, the very same text comes back.

    Args:
        existing: The user's kubeconfig; may be empty.
        addition: A kubeconfig that ``render`` made.
        set_current_context: Whether the current context becomes that of ``addition``.

    Raises:
        SimError: ``existing`` is no kubeconfig.
    """
    document = _compose(existing)
    added = _compose(addition)
    changed = False
    for field in _LISTS:
        for item in _items(added, field):
            changed |= _put(document, field, item)
    current = _get(added, "current-context")
    if set_current_context and current is not None and _text(_get(document, "current-context")) != _text(current):
        _set(document, "current-context", current)
        changed = True
    if not changed:
        return existing
    for field, value in (("apiVersion", "v1"), ("kind", "Config")):
        if _get(document, field) is None:
            _set(document, field, _scalar(value))
    return _serialize(document)


def remove(existing: str, context_name: str, cluster_name: str | None = None, user_name: str | None = None) -> str:
    """``existing`` without a context, nor the cluster and user that it alone refers to; the very same text if there is nothing to remove.

    A current context that pointed to it is unset.

    Args:
        cluster_name: Also remove this cluster, though the context should be missing or refer to another one.
        user_name: Likewise for a user.

    Raises:
        SimError: ``existing`` is no kubeconfig.
    """
    document = _compose(existing)
    clusters = {cluster_name} if cluster_name else set()
    users = {user_name} if user_name else set()
    kept_clusters: set[str] = set()
    kept_users: set[str] = set()
    for item in _items(document, "contexts"):
        context = _get(item, "context")
        gone = _text(_get(item, "name")) == context_name
        for field, going, kept in (("cluster", clusters, kept_clusters), ("user", users, kept_users)):
            name = _text(_get(context, field)) if isinstance(context, yaml.MappingNode) else None
            if name:
                (going if gone else kept).add(name)
    changed = _drop(document, "contexts", {context_name})
    changed |= _drop(document, "clusters", clusters - kept_clusters)
    changed |= _drop(document, "users", users - kept_users)
    if _text(_get(document, "current-context")) == context_name:
        _set(document, "current-context", _scalar("", style='"'))
        changed = True
    return _serialize(document) if changed else existing


def extract(text: str, context_name: str) -> Entries:
    """The entries of one context, to compare or to show; all ``None`` if there is no such context.

    Raises:
        SimError: ``text`` is no kubeconfig.
    """
    document = _compose(text)
    context = _named(document, "contexts", context_name, "context")
    current = _text(_get(document, "current-context")) == context_name
    if context is None:
        return Entries(context=None, cluster=None, user=None, current=current)
    return Entries(
        context=context,
        cluster=_named(document, "clusters", str(context.get("cluster")), "cluster"),
        user=_named(document, "users", str(context.get("user")), "user"),
        current=current,
    )


def context_names(text: str) -> tuple[str, ...]:
    """Names of all contexts, in their order.

    Raises:
        SimError: ``text`` is no kubeconfig.
    """
    return tuple(_text(_get(item, "name")) or "" for item in _items(_compose(text), "contexts"))


def has_context(text: str, context_name: str) -> bool:
    """Whether there is a context of that name.

    Raises:
        SimError: ``text`` is no kubeconfig.
    """
    return any(_text(_get(item, "name")) == context_name for item in _items(_compose(text), "contexts"))


def _named(document: Any, field: str, name: str, inner: str) -> dict[str, Any] | None:
    for item in _items(document, field):
        if _text(_get(item, "name")) == name:
            # _loader() is one of the safe ones.
            value = yaml.load(_serialize(item), Loader=_loader()).get(inner)
            return value if isinstance(value, dict) else {}
    return None


def _loader() -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _compose(text: str) -> Any:
    """The text's mapping node, checked to be a kubeconfig's."""
    try:
        document = yaml.compose(text, Loader=_loader())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        # PyYAML's own message quotes the text around, which may be a key.
        place = f" near line {mark.line + 1}" if mark else ""
        raise SimError(f"the kubeconfig is not valid YAML{place}", option="kubeconfig", remedy=_REMEDY) from None
    if document is None or (isinstance(document, yaml.ScalarNode) and document.tag == "tag:yaml.org,2002:null"):
        return yaml.MappingNode("tag:yaml.org,2002:map", [], flow_style=False)
    if not isinstance(document, yaml.MappingNode):
        raise SimError("the file is no kubeconfig: it holds no mapping", option="kubeconfig", remedy=_REMEDY)
    for field, expected in (("apiVersion", "v1"), ("kind", "Config")):
        node = _get(document, field)
        if node is not None and _text(node) not in (expected, ""):
            raise SimError(f"the file is no kubeconfig: its {field} is not {expected}", option="kubeconfig", remedy=_REMEDY)
    for field in _LISTS:
        node = _get(document, field)
        if node is not None and not _is_null(node) and not isinstance(node, yaml.SequenceNode):
            raise SimError(f"the file is no kubeconfig: its {field} is no list", option="kubeconfig", remedy=_REMEDY)
        for item in _items(document, field):
            if not isinstance(item, yaml.MappingNode) or not isinstance(_get(item, "name"), yaml.ScalarNode):
                message = f"the file is no kubeconfig: an item of its {field} has no name"
                raise SimError(message, option="kubeconfig", remedy=_REMEDY)
    return document


def _serialize(document: Any) -> str:
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.serialize(document, Dumper=dumper, width=_WIDTH, allow_unicode=True))


def _scalar(value: str, style: str | None = None) -> Any:
    return yaml.ScalarNode("tag:yaml.org,2002:str", value, style=style)


def _is_null(node: Any) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _text(node: Any) -> str | None:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def _get(mapping: Any, field: str) -> Any:
    for name, value in mapping.value:
        if _text(name) == field:
            return value
    return None


def _set(mapping: Any, field: str, value: Any) -> None:
    for index, (name, _old) in enumerate(mapping.value):
        if _text(name) == field:
            mapping.value[index] = (name, value)
            return
    mapping.value.append((_scalar(field), value))


def _items(document: Any, field: str) -> list[Any]:
    node = _get(document, field)
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _put(document: Any, field: str, item: Any) -> bool:
    """Add ``item`` to a list, or replace the one of its name; whether that changed anything."""
    items = _get(document, field)
    if not isinstance(items, yaml.SequenceNode):
        items = yaml.SequenceNode("tag:yaml.org,2002:seq", [], flow_style=False)
        _set(document, field, items)
    if not items.value:
        # An empty list can only have been written as [], the style that would now put everything on one line.
        items.flow_style = document.flow_style
    for index, old in enumerate(items.value):
        if _text(_get(old, "name")) == _text(_get(item, "name")):
            if _plain(old) == _plain(item):
                return False
            items.value[index] = item
            return True
    items.value.append(item)
    return True


def _drop(document: Any, field: str, names: set[str]) -> bool:
    items = _get(document, field)
    if not isinstance(items, yaml.SequenceNode):
        return False
    kept = [item for item in items.value if _text(_get(item, "name")) not in names]
    changed = len(kept) < len(items.value)
    items.value = kept
    return changed


def _plain(node: Any) -> Any:
    """A node as comparable values, whatever its styles and the order of its mappings."""
    if isinstance(node, yaml.MappingNode):
        return {(_text(name) or ""): _plain(value) for name, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    return node.tag, node.value


def read(path: Path) -> str:
    """The kubeconfig's text; empty if there is no such file.

    Raises:
        SimError: It cannot be read.
    """
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise SimError(f"{path} is no kubeconfig: it is not UTF-8", option="kubeconfig", remedy=_REMEDY) from None
    except OSError as error:
        raise _io_error(f"{path} cannot be read: {error.strerror}") from error


def check_writable(path: Path) -> None:
    """Raise a SimError if ``update_file`` could not replace the file, or create it; change nothing."""
    target = _target(path)
    if target.exists():
        if not target.is_file():
            raise _io_error(f"{path} is not a regular file")
        if not _may(target, os.R_OK | os.W_OK):
            raise _io_error(f"{path} may not be read and written by this user")
        status = target.stat()
        if os.geteuid() not in (0, status.st_uid):
            raise _io_error(f"{path} belongs to the user with the id {status.st_uid}, who would lose it")
    directory = target.parent
    while not directory.exists():
        directory = directory.parent
    if not directory.is_dir():
        raise _io_error(f"{directory}, on the way to {path}, is not a directory")
    if not _may(directory, os.W_OK | os.X_OK):
        raise _io_error(f"{directory}, where {path} goes, may not be written by this user")


def update_file(path: Path, transform: Callable[[str], str], lock_timeout_s: float = LOCK_TIMEOUT_S) -> bool:
    """Replace the file's text by ``transform`` of it, atomically, under the lock that kubectl and every client-go program take.

    The file's mode and owner stay; a new one is 0600. A symbolic link stays, and the file that it points to is replaced.

    Returns:
        Whether anything changed. What is already right is not written.

    Raises:
        SimError: The file cannot be read or written, ``transform`` refuses its text, or another program holds the lock.
    """
    check_writable(path)
    target = _target(path)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _io_error(f"{target.parent} cannot be made: {error.strerror}") from error
    with _locked(path.expanduser(), target, lock_timeout_s):
        before = read(target)
        after = transform(before)
        if after == before:
            return False
        try:
            _replace(target, after)
        except OSError as error:
            raise _io_error(f"{path} cannot be written: {error.strerror}") from error
    return True


def _target(path: Path) -> Path:
    try:
        return path.expanduser().resolve()
    except (OSError, RuntimeError) as error:
        raise _io_error(f"{path} cannot be resolved: {error}") from error


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _io_error(message: str) -> SimError:
    return SimError(message, option="kubeconfig", remedy="Correct its permissions, or name another file")


@contextlib.contextmanager
def _locked(path: Path, target: Path, timeout_s: float) -> Iterator[None]:
    """Hold client-go's lock: a file NAME.lock that only its maker removes.

    Programs reach the file through the link or directly, so both names are locked.
    """
    deadline = time.monotonic() + timeout_s
    with contextlib.ExitStack() as stack:
        for name in dict.fromkeys((path, target)):
            lock = name.with_name(name.name + ".lock")
            stack.callback(os.close, _acquire(lock, deadline))
            stack.callback(lock.unlink, missing_ok=True)
        yield


def _acquire(lock: Path, deadline: float) -> int:
    """Make the lock file; returns its descriptor, which is to be kept open until the file is removed."""
    while True:
        try:
            descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                os.write(descriptor, _LOCK_MARK)
            except OSError:
                lock.unlink(missing_ok=True)
                os.close(descriptor)
                raise
            return descriptor
        except FileExistsError:
            if _remove_stale(lock):
                continue
            if time.monotonic() >= deadline:
                age = ""
                with contextlib.suppress(OSError):
                    age = f", made {max(0, int(time.time() - lock.stat().st_mtime))} s ago,"
                # client-go writes nothing into its lock, so that no one can tell whether its maker is still alive.
                raise SimError(
                    f"the lock {lock}{age} is held by another program, or left behind by one that was killed",
                    option="kubeconfig",
                    remedy="Let that program end; if none is running (kubectl config, kubectx, a cloud's login), remove the lock",
                ) from None
            time.sleep(0.05)
        except OSError as error:
            raise _io_error(f"the lock {lock} cannot be made: {error.strerror}") from error


def _remove_stale(lock: Path) -> bool:
    """Remove a lock file of this module's whose maker has ended; whether there was one."""
    with contextlib.suppress(OSError), lock.open("rb") as file:
        if file.read() == _LOCK_MARK:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another run may have removed it, and made its own, since it was opened.
            if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                lock.unlink()
                return True
    return False


def _replace(target: Path, text: str) -> None:
    temporary = target.with_name(f".{target.name}.kwok-sim")
    temporary.unlink(missing_ok=True)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if target.exists():
                status = target.stat()
                own = os.fstat(descriptor)
                if (status.st_uid, status.st_gid) != (own.st_uid, own.st_gid):
                    os.fchown(descriptor, status.st_uid, status.st_gid)
                os.fchmod(descriptor, status.st_mode & 0o7777)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
