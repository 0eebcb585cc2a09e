# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Release downloads, verified against the checksum that the release site publishes.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError

from . import executable
from .executable import NotExecutable
from .request import Fetched, OptionNames, Progress, SourceFailed, Wanted
from .storage import require_space
from .urls import redact, urls

_TRIES = 3
_PAUSE = 1.0  # seconds before the second try; doubled before the third
_CHUNK = 256 * 1024  # bytes
_CHECKSUM_LIMIT = 1024 * 1024  # bytes: a checksum file is a few kilobytes
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")
_RETRIED_STATUSES = (408, 429, 500, 502, 503, 504)
_MISSING_STATUSES = (404, 410)


class _Interrupted(Exception):
    """The transfer failed in a way that another try may mend."""


class _NotThere(Exception):
    """The server says that there is no such file."""


def find_digest(text: str, file_name: str, *, alone: bool = False) -> str | None:
    """The SHA-256 that a checksum file gives for a file: the only word in it, or the first word of the file's line. Pure.

    Args:
        text: Of the checksum file.
        file_name: Which file.
        alone: It is of this file alone, so that its only line is meant, whatever name stands there.
    """
    words = text.split()
    if (len(words) == 1 or (alone and len(words) == 2)) and _DIGEST.fullmatch(words[0]):
        return words[0].lower()
    for line in text.splitlines():
        fields = line.split()
        # sha256sum marks files that were read in binary mode by an asterisk.
        if len(fields) == 2 and fields[1].removeprefix("*").rpartition("/")[2] == file_name and _DIGEST.fullmatch(fields[0]):
            return fields[0].lower()
    return None


def fetch(
    wanted: Wanted,
    work: Path,
    *,
    mirror: str | None,
    timeout: float,
    progress: Progress,
    sleep: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Download, verify and unpack the executable into ``work``.

    Args:
        wanted: What.
        work: An empty directory.
        mirror: Replaces the release site's prefix.
        timeout: Seconds that the server may be silent.
        progress: Told what happens.
        sleep: Waits between two tries, in seconds.

    Raises:
        SourceFailed: The release site has no such thing, cannot be reached, or what it sent is wrong.
        OSError: The disk is full or cannot be written.
    """
    url, checksum_url, member = urls(wanted, mirror)
    # The checksum first: it is small, and without it nothing that is downloaded would be used.
    digest = _fetch_checksum(wanted, url, checksum_url, timeout, sleep)
    target = work / "download"
    progress(f"downloading {redact(url)}")
    try:
        _retry(lambda: _transfer(url, target, digest, timeout, progress, wanted.options), sleep)
    except _NotThere:
        raise SourceFailed(f"{redact(checksum_url)} is published, but {redact(url)} is not", missing=True) from None
    tree = work / wanted.artifact.name if wanted.artifact.release.whole else None
    if member is not None:
        archive, target = target, work / wanted.artifact.name
        if tree is None:
            progress(f"unpacking {member}")
            _extract(archive, url, member, target)
        else:
            progress("unpacking all of it")
            _extract_tree(archive, url, tree)
            target = tree / member
            if not target.is_file():
                raise SourceFailed(f"{redact(url)} holds no {member}")
        archive.unlink()
    target.chmod(0o755)
    try:
        executable.check(target, wanted.platform, scripts=tree is not None)
    except NotExecutable as error:
        raise SourceFailed(f"what {redact(url)} holds {error}") from None
    return Fetched(target, _hash(target) if member else digest, redact(url), tree)


def _fetch_checksum(wanted: Wanted, url: str, checksum_url: str, timeout: float, sleep: Callable[[float], None]) -> str:
    try:
        text = _retry(lambda: _read_small(checksum_url, timeout), sleep)
    except _NotThere:
        if _retry(lambda: _exists(url, timeout), sleep):
            raise SourceFailed(f"no checksum is published at {redact(checksum_url)}, so the download is refused") from None
        raise SourceFailed(
            f"the release site has no {wanted} ({redact(url)})",
            option=wanted.options.version,
            remedy="Choose a version that has been released",
            missing=True,
        ) from None
    digest = find_digest(text, url.rpartition("/")[2], alone=wanted.artifact.release.checksum_alone)
    if digest is None:
        raise SourceFailed(f"{redact(checksum_url)} gives no SHA-256 for {url.rpartition('/')[2]}, so the download is refused")
    return digest


def _retry(transfer: Callable[[], Any], sleep: Callable[[float], None]) -> Any:
    for number in range(1, _TRIES + 1):
        try:
            return transfer()
        except _Interrupted as error:
            if number == _TRIES:
                raise SourceFailed(f"{error} ({_TRIES} tries)") from error
            sleep(_PAUSE * 2 ** (number - 1))
    raise AssertionError("unreachable: the last try returns or raises")


def _read_small(url: str, timeout: float) -> str:
    with _opened(url, timeout) as response, _transferring(url):
        return str(response.read(_CHECKSUM_LIMIT).decode("utf-8", "replace"))


def _exists(url: str, timeout: float) -> bool:
    try:
        with _opened(url, timeout, method="HEAD"):
            return True
    except _NotThere:
        return False


def _transfer(url: str, target: Path, digest: str, timeout: float, progress: Progress, options: OptionNames) -> None:
    """Stream the file to ``target``; check its length and digest."""
    sha256 = hashlib.sha256()
    with _opened(url, timeout) as response:
        length = _content_length(response)
        if length is not None:
            target.unlink(missing_ok=True)  # an interrupted try's part must not count as used space
            require_space(target.parent, length)
        received = reported = 0
        with target.open("wb") as file:
            while True:
                with _transferring(url):
                    chunk = response.read(_CHUNK)
                if not chunk:
                    break
                file.write(chunk)
                sha256.update(chunk)
                received += len(chunk)
                if length and received * 10 // length > reported:
                    reported = received * 10 // length
                    progress(f"downloaded {reported * 10} % of {length / 1e6:.1f} MB")
    if length is not None and received != length:
        raise _Interrupted(f"the connection for {redact(url)} was cut after {received} of {length} bytes")
    if sha256.hexdigest() != digest:
        raise SourceFailed(
            f"{redact(url)} does not match its checksum: SHA-256 {sha256.hexdigest()} instead of the published {digest}",
            option=options.mirror,
            remedy="Name a mirror that has what was released, or leave the option out",
        )


def _content_length(response: Any) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


@contextmanager
def _opened(url: str, timeout: float, method: str = "GET") -> Iterator[Any]:
    """Open a URL; tell what another try may mend from what it cannot."""
    # Takes 0.1 s to import, which a cache hit need not wait for.
    from ansible.module_utils.urls import ConnectionError as AnsibleConnectionError
    from ansible.module_utils.urls import open_url

    shown = redact(url)
    try:
        # Decompression off: the archive's own compression is the archive's affair, and lengths are those sent.
        response = open_url(url, method=method, timeout=timeout, http_agent="kwok.sim", decompress=False)
    except HTTPError as error:
        error.close()
        if error.code in _MISSING_STATUSES:
            raise _NotThere from None
        if error.code in _RETRIED_STATUSES:
            raise _Interrupted(f"{shown} answers HTTP {error.code}") from None
        raise SourceFailed(f"{shown} answers HTTP {error.code} {error.reason}") from None
    except (URLError, AnsibleConnectionError, HTTPException, OSError, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, socket.gaierror):
            raise SourceFailed(f"the host name of {shown} cannot be resolved: {reason.strerror}") from None
        if isinstance(reason, (ConnectionResetError, HTTPException)):
            raise _Interrupted(f"the connection to {shown} was cut: {reason or type(reason).__name__}") from None
        # A refused or timed-out connection is told at once: where a network is closed, each try would wait in vain.
        raise SourceFailed(f"{shown} cannot be reached: {reason}") from None
    with response:
        yield response


@contextmanager
def _transferring(url: str) -> Iterator[None]:
    """Tell errors of the network from those of the disk, which are OSErrors, too."""
    try:
        yield
    except TimeoutError:
        raise _Interrupted(f"{redact(url)} went silent") from None
    except (OSError, HTTPException) as error:
        raise _Interrupted(f"the connection for {redact(url)} was cut: {error or type(error).__name__}") from None


def _extract(archive: Path, url: str, member: str, target: Path) -> None:
    """Write one file of a tar or zip archive to ``target``."""
    try:
        if url.endswith(".zip"):
            with zipfile.ZipFile(archive) as bundle:
                info = bundle.getinfo(member)
                with bundle.open(info) as source:
                    _copy(source, info.file_size, target)
            return
        with tarfile.open(archive) as tar:
            entry = tar.getmember(member)
            file = tar.extractfile(entry) if entry.isfile() else None
            if file is None:
                raise KeyError(member)
            with file:
                _copy(file, entry.size, target)
    except KeyError:
        raise SourceFailed(f"{redact(url)} holds no {member}") from None
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise SourceFailed(f"{redact(url)} cannot be unpacked: {error}") from None


def _extract_tree(archive: Path, url: str, tree: Path) -> None:
    """Unpack a tar archive to ``tree``, without the one directory that holds all of it. What would leave the tree is refused."""
    try:
        with tarfile.open(archive) as tar:
            entries = [entry for entry in tar if (parts := _parts(entry.name)) and (len(parts) > 1 or not entry.isdir())]
            if len({_parts(entry.name)[0] for entry in entries}) != 1:
                raise SourceFailed(f"{redact(url)} does not hold one directory with everything in it")
            require_space(tree.parent, sum(entry.size for entry in entries))
            tree.mkdir()
            for entry in entries:
                _extract_entry(tar, entry, tree, url)
    except (tarfile.TarError, EOFError, zlib.error, FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise SourceFailed(f"{redact(url)} cannot be unpacked: {error}") from None


def _extract_entry(tar: tarfile.TarFile, entry: tarfile.TarInfo, tree: Path, url: str) -> None:
    parts = _parts(entry.name)[1:]
    target = tree.joinpath(*parts)
    # Owners, times and special bits are those of whoever unpacks; not every Python 3.11 has tarfile's own filter for that.
    # Nor does anything go through a link that was unpacked before.
    inside = parts and ".." not in parts and not entry.name.startswith("/") and target.parent.resolve().is_relative_to(tree.resolve())
    if not inside or target.is_symlink():
        raise SourceFailed(f"{redact(url)} holds {entry.name!r}, which is outside of its directory")
    target.parent.mkdir(parents=True, exist_ok=True)
    if entry.isdir():
        target.mkdir(exist_ok=True)
    elif entry.issym():
        leads = os.path.normpath(target.parent / entry.linkname)
        if entry.linkname.startswith("/") or not Path(leads).is_relative_to(tree):
            raise SourceFailed(f"{redact(url)} holds the link {entry.name!r}, which leads out of its directory")
        target.symlink_to(entry.linkname)
    elif (file := tar.extractfile(entry)) is not None:
        with file, target.open("wb") as made:
            shutil.copyfileobj(file, made, _CHUNK)
        target.chmod(0o755 if entry.mode & 0o111 else 0o644)


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part not in ("", ".")]


def _copy(source: IO[bytes], size: int, target: Path) -> None:
    require_space(target.parent, size)
    with target.open("wb") as file:
        shutil.copyfileobj(source, file, _CHUNK)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
