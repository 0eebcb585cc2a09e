# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a release's files are. Pure.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from .._errors import SimError
from .request import SourceFailed, Wanted


def redact(url: str) -> str:
    """The URL without a user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def check_mirror(wanted: Wanted, mirror: str) -> None:
    """Raise a SimError if what is to replace the release site's prefix is no HTTP URL."""
    parts = urlsplit(mirror)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise SimError(
            f"{redact(mirror)!r} is no HTTP URL",
            option=wanted.options.mirror,
            remedy=f"Give what is to stand in the place of {wanted.artifact.release.prefix}",
        )


def urls(wanted: Wanted, mirror: str | None = None) -> tuple[str, str, str | None]:
    """URL of the file, URL of its checksum, and the executable's name in the archive (``None``: the file is it).

    Args:
        wanted: What.
        mirror: Replaces the release site's prefix; what follows it stays.

    Raises:
        SourceFailed: The project publishes nothing for the platform.
    """
    release = wanted.artifact.release
    if wanted.platform not in release.platforms:
        published = ", ".join(sorted(str(platform) for platform in release.platforms))
        raise SourceFailed(f"there is no release for {wanted.platform}, only for {published}", missing=True)
    prefix = release.prefix if mirror is None else mirror.rstrip("/")
    values = {
        "name": wanted.artifact.name,
        "os": wanted.platform.os,
        "arch": wanted.platform.arch,
        "suffix": dict(release.suffixes).get(wanted.platform.os, ""),
    }
    file = wanted.version.format(release.path, **values)
    checksum = wanted.version.format(release.checksum_path, **values)
    member = wanted.version.format(release.member, **values) if release.member else None
    return f"{prefix}/{file}", f"{prefix}/{checksum}", member
