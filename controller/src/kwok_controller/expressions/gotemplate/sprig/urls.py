# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""sprig's functions of URLs, which Go's `net/url` reads and writes."""

from __future__ import annotations

import ipaddress
import re
import string
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from kwok_controller.expressions.gotemplate.errors import FunctionError
from kwok_controller.expressions.gotemplate.functions import MAP, STRING, Function, fn
from kwok_controller.expressions.gotemplate.strconv import from_bytes, to_bytes
from kwok_controller.expressions.gotemplate.values import MISSING, GoMap, Value, kind_name, lookup

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_PORT = re.compile(r"(:[0-9]*)?")
_USER = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_UNRESERVED: Final = string.ascii_letters + string.digits + "-_.~"
_HOST: Final = frozenset(_UNRESERVED + "!$&'()*+,;=:[]<>\"")
_PATH: Final = "-_.~$&+,/:;=@"
_FRAGMENT: Final = "-_.~$&+,/:;=?@!()*"
_USER_SAFE: Final = "-_.~$&+,;="


def _fail(reason: str) -> FunctionError:
    return FunctionError(f"unable to parse url: {reason}")


def _unescape(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise _fail("invalid URL escape")
    return from_bytes(unquote_to_bytes(to_bytes(text))) if "%" in text else text


def _escape(text: str, safe: str) -> str:
    return quote(to_bytes(text), safe=safe)


def _host_text(text: str) -> str:
    for match in re.finditer(r"%([0-9a-fA-F]{2})", text):
        if int(match[1], 16) < 0x80 and match[1] != "25":
            raise _fail("invalid URL escape")
    if any(char.isascii() and char not in _HOST and char != "%" for char in text):
        raise _fail("invalid character in host name")
    return _unescape(text)


def _host(scheme: str, host: str) -> str:
    bracket = host.rfind("[")
    if bracket > 0:
        raise _fail("invalid IP-literal")
    if bracket == 0:
        close = host.rfind("]")
        if close < 0:
            raise _fail("missing ']' in host")
        if not _PORT.fullmatch(host[close + 1 :]):
            raise _fail("invalid port after host")
        name = host[1:close]
        zone = name.find("%25")
        name = _host_text(name) if zone < 0 else _host_text(name[:zone]) + _unescape(name[zone:])
        try:
            ipaddress.IPv6Address(name)
        except ValueError:
            raise _fail("invalid host") from None
        return f"[{name}]{host[close + 1 :]}"
    colon = host.find(":")
    if colon >= 0:
        if scheme not in ("http", "https"):
            colon = host.rfind(":")
        if not _PORT.fullmatch(host[colon:]):
            raise _fail("invalid port after host")
    return _host_text(host)


def _user(text: str) -> str:
    if not _USER.fullmatch(text):
        raise _fail("invalid userinfo")
    name, colon, password = text.partition(":")
    return _escape(_unescape(name), _USER_SAFE) + (colon and ":" + _escape(_unescape(password), _USER_SAFE))


def _parse(text: str) -> GoMap:
    made = GoMap(dict.fromkeys(["scheme", "host", "hostname", "path", "query", "opaque", "fragment", "userinfo"], ""))
    rest, _, fragment = text.partition("#")
    if _CONTROL.search(rest):
        raise _fail("invalid control character in URL")
    made["fragment"] = _unescape(fragment)
    if rest == "*":
        made["path"] = "*"
        return made
    if rest.startswith(":"):
        raise _fail("missing protocol scheme")
    if match := _SCHEME.match(rest):
        made["scheme"] = match[0][:-1].lower()
        rest = rest[match.end() :]
    rest, _, made["query"] = rest.partition("?")
    if not rest.startswith("/"):
        if made["scheme"]:
            made["opaque"] = rest
            return made
        if ":" in rest.partition("/")[0]:
            raise _fail("first path segment in URL cannot contain colon")
    if rest.startswith("//") and (made["scheme"] or not rest.startswith("///")):
        slash = rest.find("/", 2)
        authority, rest = (rest[2:], "") if slash < 0 else (rest[2:slash], rest[slash:])
        user, at, host = authority.rpartition("@")
        made["host"] = _host(made["scheme"], host)
        if at:
            made["userinfo"] = _user(user)
    made["path"] = _unescape(rest)
    made["hostname"] = _hostname(made["host"])
    return made


def _hostname(host: str) -> str:
    colon = host.rfind(":")
    if colon >= 0 and _PORT.fullmatch(host[colon:]):
        host = host[:colon]
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _part(values: dict[str, Value], key: str) -> str:
    value = lookup(values, key)
    if value is MISSING:
        return ""
    if not isinstance(value, str):
        raise FunctionError(f"unable to parse {key} key, must be of type string, but {kind_name(value)} found")
    return str.__str__(value)


def _join(values: dict[str, Value]) -> str:
    scheme, host, path, query, opaque, fragment, userinfo = (
        _part(values, key) for key in ("scheme", "host", "path", "query", "opaque", "fragment", "userinfo")
    )
    user = ""
    if userinfo:
        parsed = _parse(f"proto://{userinfo}@host")
        user = parsed["userinfo"] + "@" if "@" in f"{userinfo}@host".partition("/")[0] else ""
    out = f"{scheme}:" if scheme else ""
    if opaque:
        out += opaque
    else:
        if scheme or host or user:
            if host or path or user:
                out += "//"
            out += user + "".join(char if char in _HOST else _escape(char, "") for char in host)
        escaped = "*" if path == "*" else _escape(path, _PATH)
        if escaped and escaped[0] != "/" and host:
            out += "/"
        if not out and ":" in escaped.partition("/")[0]:
            out += "./"
        out += escaped
    if query:
        out += "?" + query
    if fragment:
        out += "#" + _escape(fragment, _FRAGMENT)
    return out


FUNCTIONS: Final[dict[str, Function]] = {"urlParse": fn(_parse, STRING), "urlJoin": fn(_join, MAP)}
