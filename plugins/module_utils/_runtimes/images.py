# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images of one executable and nothing else, for programs that need no libraries: those of Go, as a control plane's are.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import struct
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .._cluster.component import Component
from .._errors import SimError

REPOSITORY = "localhost/kwok-sim"
"""Of the images that are made here. A name with this host in front is never looked for at a registry."""

SHA256_LABEL = "kwok.sim/executable-sha256"
VERSION_LABEL = "org.opencontainers.image.version"

_DIRECTORY = "usr/local/bin"
_NOT_IN_A_TAG = re.compile(r"[^A-Za-z0-9_.-]")

# Of the ELF header and its program headers (System V ABI): where the table is, its entry that names an interpreter.
_ELF_64 = 2
_PT_INTERP = 3


@dataclass(frozen=True)
class ExecutableImage:
    """An image to be made of an executable.

    Attributes:
        reference: Its name: the same executable has the same one, another has another.
        program: Path of the executable on this host.
        changes: Instructions as in a Containerfile.
    """

    reference: str
    program: Path
    changes: tuple[str, ...]


def image_of(component: Component) -> ExecutableImage:
    """The image of a component's executable. Reads all of the file.

    Raises:
        SimError: It cannot be read, or needs libraries that such an image has not.
    """
    path = Path(component.executable.path) if component.executable else None
    if path is None:
        raise SimError(f"{component.name} has neither an executable nor an image", option="image", remedy="Give one of them")
    option = "executable" if component.owner == "component" else "executables"
    try:
        with path.open("rb") as stream:
            if needs_libraries(stream):
                raise SimError(
                    f"{path} needs libraries, and an image that is made of it alone has none",
                    option=option,
                    remedy="Give a program that is linked statically, or an image",
                )
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SimError(f"{path} cannot be read: {error.strerror}", option=option, remedy="Correct the path or restore the file") from error
    version = _NOT_IN_A_TAG.sub("-", component.version) or "v0"
    return ExecutableImage(
        reference=f"{REPOSITORY}/{component.name}:{version}-{digest[:12]}",
        program=path,
        changes=(
            f"ENTRYPOINT {json.dumps([f'/{_DIRECTORY}/{path.name}'])}",
            f"LABEL {SHA256_LABEL}={digest}",
            f"LABEL {VERSION_LABEL}={json.dumps(component.version)}",
            f"LABEL org.opencontainers.image.title={component.name}",
        ),
    )


def needs_libraries(stream: IO[bytes]) -> bool:
    """Whether a program names an interpreter that loads its libraries; a script, too, needs more than itself."""
    head = stream.read(64).ljust(64, b"\0")
    if head[:4] != b"\x7fELF":
        return True
    order = "<" if head[5] == 1 else ">"
    if head[4] == _ELF_64:
        (offset,) = struct.unpack_from(f"{order}Q", head, 32)
        size, count = struct.unpack_from(f"{order}HH", head, 54)
    else:
        (offset,) = struct.unpack_from(f"{order}I", head, 28)
        size, count = struct.unpack_from(f"{order}HH", head, 42)
    stream.seek(offset)
    table = stream.read(size * count)
    return any(struct.unpack_from(f"{order}I", table, index * size)[0] == _PT_INTERP for index in range(len(table) // max(size, 1)))


@contextlib.contextmanager
def layer(program: Path) -> Iterator[IO[bytes]]:
    """A tar archive with the program, root's and executable by all, and with the directories above it."""
    with tempfile.TemporaryFile(prefix="kwok-sim-") as stream:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            above = ""
            for part in _DIRECTORY.split("/"):
                above = f"{above}/{part}" if above else part
                directory = tarfile.TarInfo(above)
                directory.type, directory.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(directory)
            entry = tarfile.TarInfo(f"{_DIRECTORY}/{program.name}")
            entry.size, entry.mode = program.stat().st_size, 0o755
            with program.open("rb") as content:
                archive.addfile(entry, content)
        stream.seek(0)
        yield stream
