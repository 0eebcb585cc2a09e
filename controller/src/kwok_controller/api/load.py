# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Options and objects from YAML files, directories and the standard input. Nothing else in the package reads a file.

Which files are read, and that later ones go over earlier ones, is as in kwok v0.8.0 (`pkg/config/flags.go`, `pkg/config/config.go`).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kwok_controller.api.configuration import CONFIG_API_VERSION, CONFIG_KIND, decode_configuration, unknown_configuration_fields
from kwok_controller.api.decode import decode, subject_of, unknown_fields
from kwok_controller.api.errors import InvalidFile, InvalidObject
from kwok_controller.api.kinds import GROUPS, KINDS, Resource
from kwok_controller.expressions.yaml import YamlError, load_yaml

STDIN = "-"

# All sources of one call together. The stages of a large simulation take some 100 KiB.
MAX_BYTES = 10 * 1024 * 1024
MAX_DOCUMENTS = 20_000
MAX_DIRECTORIES = 8

_SUFFIXES = (".json", ".yaml", ".yml")
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_MARKER = re.compile(r"^(?:---|\.\.\.)(?=\s|$)", re.MULTILINE)
_NOTHING = re.compile(r"(?:[ \t\r]*(?:#.*)?(?:\n|\Z)|%.*(?:\n|\Z))*\Z")

# They stand in files that kwokctl writes for both programs, and mean nothing to a controller.
_KWOKCTL_KINDS = frozenset({"KwokctlConfiguration", "KwokctlResource"})


class Document(NamedTuple):
    """An object and where it was found.

    Attributes:
        obj: The object, not checked.
        file: The file's path, or `-`.
        number: The place of its document in the file, from 1.
        item: Its place in a List, from 1; 0 outside of one.
    """

    obj: dict[str, Any]
    file: str
    number: int
    item: int = 0

    @property
    def where(self) -> str:
        """Its place for messages: `stages.yaml, document 2, item 3`."""
        return f"{self.file}, document {self.number}" + (f", item {self.item}" if self.item else "")


class Configuration(NamedTuple):
    """What files say.

    Attributes:
        settings: The options that they set, by their names in `Options`, for `apply_flags`.
        objects: The objects of our kinds, in their order, decoded.
        warnings: What has no effect: unknown fields, objects of other groups.
    """

    settings: dict[str, Any]
    objects: list[Resource]
    warnings: list[str]

    def kinds(self) -> set[str]:
        """The kinds of the objects."""
        return {type(obj).__name__ for obj in self.objects}


def configuration_paths(given: Sequence[str]) -> list[str]:
    """The files to read: those given, and before them the default one if it exists.

    The default is kwok.yaml in $KWOK_WORKDIR or ~/.kwok. Where it is among those given and does not exist, it is left out.
    """
    default = expand(str(Path(os.environ.get("KWOK_WORKDIR") or "~/.kwok") / "kwok.yaml"))
    paths = [path if path == STDIN else expand(path) for path in given]
    if not Path(default).exists():
        return [path for path in paths if path != default]
    return paths if default in paths else [default, *paths]


def expand(path: str) -> str:
    """A path with `~` replaced, absolute and without detours.

    Raises:
        InvalidFile: The path is empty.
    """
    if not path:
        raise InvalidFile("''", "a path is empty")
    return os.path.abspath(Path(path).expanduser())  # noqa: PTH100 - Path.absolute keeps `..`


def load_configuration(paths: Iterable[str]) -> Configuration:
    """The options and objects of our kinds in files, directories and streams.

    Raises:
        InvalidFile: One cannot be read, or is no YAML, or holds an object that is not valid.
    """
    settings: dict[str, Any] = {}
    objects: list[Resource] = []
    warnings: list[str] = []
    for document in load_documents(paths):
        try:
            unknown = _take(document.obj, settings, objects)
        except InvalidObject as error:
            raise InvalidFile(document.where, str(error)) from error
        subject = subject_of(document.obj)
        warnings += [f"{document.where}: {subject}: {what}" for what in unknown]
    return Configuration(settings, objects, warnings)


def _take(obj: dict[str, Any], settings: dict[str, Any], objects: list[Resource]) -> list[str]:
    """Add what an object says to settings or objects.

    Returns:
        What has no effect.
    """
    version, kind = obj.get("apiVersion"), obj.get("kind")
    group = version.partition("/")[0] if isinstance(version, str) else ""
    config_group = CONFIG_API_VERSION.partition("/")[0]
    if kind == CONFIG_KIND and group in ("", config_group):
        settings.update(decode_configuration(obj))
        return [f"{path} is no option" for path in unknown_configuration_fields(obj)]
    if kind in _KWOKCTL_KINDS and group in ("", config_group):
        return []
    if group in {*GROUPS, config_group} or (kind in KINDS and not group):
        objects.append(decode(obj))
        return [f"{path} is unknown" for path in unknown_fields(obj, str(kind))]
    return [f"objects of {version or 'no group'} are not read"]


def load_documents(paths: Iterable[str]) -> list[Document]:
    """Every object in files, directories and the standard input (`-`), those in Lists one by one. Empty documents are left out.

    Of a directory, its files with YAML or JSON are read, sorted by name, or, where it has a kustomization, the resources in there.

    Raises:
        InvalidFile: One cannot be read, is too large, is no YAML, or holds something that is no object.
    """
    documents: list[Document] = []
    budget = MAX_BYTES
    for file in _files(paths):
        data = _read(file, budget)
        budget -= len(data)
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidFile(file, f"is no text in UTF-8 (at byte {error.start})") from None
        for index, source in enumerate(split_documents(text), 1):
            documents += _objects(_parse(source, file, index), file, index)
            if len(documents) > MAX_DOCUMENTS:
                raise InvalidFile(file, f"more than {MAX_DOCUMENTS} objects in all")
    return documents


def split_documents(text: str) -> Iterator[str]:
    """The documents of a YAML stream; those without content are left out.

    A marker at the start of a line ends a document wherever it is, so this needs no parser
    (https://yaml.org/spec/1.2.2/#rule-c-forbidden). What follows `---` on its line belongs to the next document.
    """
    start = 0
    for marker in _MARKER.finditer(text):
        if not _NOTHING.match(text, start, marker.start()):
            yield text[start : marker.start()]
        start = marker.end()
    if not _NOTHING.match(text, start):
        yield text[start:]


def _parse(source: str, file: str, index: int) -> Any:
    try:
        return load_yaml(source)
    except YamlError as error:
        raise InvalidFile(f"{file}, document {index}", f"is no valid YAML: {error}") from None


def _objects(value: Any, file: str, index: int) -> Iterator[Document]:
    if value is None or value == {}:
        return
    if not isinstance(value, dict):
        raise InvalidFile(f"{file}, document {index}", f"expected an object, got {type(value).__name__}")
    items = value.get("items")
    if not (isinstance(value.get("kind"), str) and value["kind"].endswith("List") and isinstance(items, list)):
        yield Document(value, file, index)
        return
    for position, item in enumerate(items, 1):
        if not isinstance(item, dict):
            raise InvalidFile(f"{file}, document {index}, item {position}", f"expected an object, got {type(item).__name__}")
        yield Document(item, file, index, position)


def _files(paths: Iterable[str]) -> Iterator[str]:
    stdin_read = False
    for path in paths:
        if path == STDIN:
            if stdin_read:
                raise InvalidFile(STDIN, "the standard input can be read once only")
            stdin_read = True
            yield path
        else:
            yield from _under(path, 0)


def _under(path: str, depth: int) -> Iterator[str]:
    directory = Path(path)
    if not directory.is_dir():
        yield path
        return
    if depth > MAX_DIRECTORIES:
        raise InvalidFile(path, f"kustomizations nested deeper than {MAX_DIRECTORIES}")
    kustomization = next((directory / name for name in _KUSTOMIZATIONS if (directory / name).is_file()), None)
    if kustomization is not None:
        for resource in _resources(kustomization):
            yield from _under(str(directory / resource), depth + 1)
        return
    try:
        files = sorted(str(file) for file in directory.iterdir() if file.suffix in _SUFFIXES and file.is_file())
    except OSError as error:
        raise InvalidFile(path, f"cannot be read: {error.strerror}") from None
    if not files:
        raise InvalidFile(path, f"the directory has no files named *{', *'.join(_SUFFIXES)}")
    yield from files


def _resources(kustomization: Path) -> list[str]:
    """The resources of a kustomization that has nothing else: what transforms them is for kustomize."""
    file = str(kustomization)
    content: Any = {}
    for index, source in enumerate(split_documents(_read(file, MAX_BYTES).decode("utf-8", "replace")), 1):
        content = _parse(source, file, index)
    resources = content.get("resources", []) if isinstance(content, dict) else None
    if not isinstance(resources, list) or not all(isinstance(resource, str) for resource in resources):
        raise InvalidFile(file, "resources: expected a list of paths")
    others = sorted(content.keys() - {"apiVersion", "kind", "resources"})
    if others or any("://" in resource for resource in resources):
        what = ", ".join(others) or "resources from elsewhere"
        raise InvalidFile(file, f"{what}: not supported here; give the output of `kubectl kustomize` instead (- reads the standard input)")
    return resources


def _read(file: str, limit: int) -> bytes:
    try:
        if file == STDIN:
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(file).open("rb") as stream:
                data = stream.read(limit + 1)
    except OSError as error:
        raise InvalidFile(file, f"cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise InvalidFile(file, f"more than {MAX_BYTES // 1024 // 1024} MiB in all")
    return data
