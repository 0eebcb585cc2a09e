# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of the objects of a group: a format with the object's index, and what Kubernetes allows.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import re

from .._errors import SimError

_INDEX = re.compile(r"%(0\d+)?d")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")

LABEL_VALUE_LENGTH = 63
"""Characters of a label's value, at most."""

SUBDOMAIN_LENGTH = 253
"""Characters of an object's name, at most."""


def check_format(text: str, count: int, option: str, where: str = "") -> None:
    """Raise a SimError unless ``text % index`` names ``count`` objects.

    Args:
        where: What precedes the message: the group that it is about.
    """
    rest = _INDEX.sub("", text)
    places = len(_INDEX.findall(text))
    if "%" in rest or places > 1:
        raise SimError(
            f"{where}{text!r} is no format of names: it may hold %d, or the likes of %04d, once, and no other %",
            option=option,
            remedy="Write it like pool-%d or pool-%04d",
        )
    if not places and count > 1:
        raise SimError(
            f"{where}{text!r} would give all {count} objects the same name", option=option, remedy="Put %d where the index shall be"
        )
    for index in (0, max(count - 1, 0)):
        check_object_name(name_of(text, index), option, where)


def name_of(text: str, index: int) -> str:
    """The name of the object with an index, from 0 on."""
    return _INDEX.sub(lambda match: match[0] % index, text)


def check_object_name(name: str, option: str, where: str = "") -> None:
    """Raise a SimError unless ``name`` is a DNS subdomain (RFC 1123), as the names of most objects must be."""
    if len(name) > SUBDOMAIN_LENGTH or not _SUBDOMAIN.fullmatch(name):
        raise SimError(
            f"{where}{name!r} cannot be an object's name",
            option=option,
            remedy=f"Use up to {SUBDOMAIN_LENGTH} lower-case letters, digits, - and . that begin and end with a letter or digit",
        )


def check_label_value(value: str, option: str, where: str = "") -> None:
    """Raise a SimError unless ``value`` can be a label's."""
    if len(value) > LABEL_VALUE_LENGTH or not _LABEL_VALUE.fullmatch(value):
        raise SimError(
            f"{where}{value!r} cannot be a label's value",
            option=option,
            remedy=f"Use up to {LABEL_VALUE_LENGTH} letters, digits and -_. that begin and end with a letter or digit",
        )
