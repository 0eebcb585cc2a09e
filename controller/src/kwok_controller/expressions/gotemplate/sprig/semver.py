# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""sprig's semantic versions: `semver` and `semverCompare`, with the constraints of the library that sprig uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from kwok_controller.expressions.gotemplate.errors import FunctionError
from kwok_controller.expressions.gotemplate.formatting import Stringer
from kwok_controller.expressions.gotemplate.functions import METHODS, STRING, VERSION, Function, fn
from kwok_controller.expressions.gotemplate.values import Uint64

_TAIL: Final = r"(-[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*)?(\+[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*)?"
_VERSION = re.compile(r"v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?" + _TAIL)
# Bounded, so that no pattern can take long here.
_PART: Final = r"[0-9xX*|]{1,40}"
_CONSTRAINED: Final = rf"v?({_PART})(\.{_PART})?(\.{_PART})?" + _TAIL
_OPS: Final = r"(!=|>=|=>|<=|=<|~>|=|>|<|~|\^|)"
_CONSTRAINT = re.compile(rf"\s*{_OPS}\s*({_CONSTRAINED})\s*")
_RANGE = re.compile(rf"\s*({_CONSTRAINED})\s+-\s+({_CONSTRAINED})\s*")
_SPACE = re.compile(r"\s*")
_BETWEEN = re.compile(r",\s*")
_MAX_LENGTH: Final = 256


@dataclass(frozen=True)
class Version(Stringer):
    """A semantic version."""

    major: int
    minor: int
    patch: int
    pre: str
    metadata: str
    original: str

    go_type: ClassVar[str] = VERSION
    go_kind: ClassVar[str] = "ptr"

    def go_string(self) -> str:
        """In full, without what the text it was read from leaves out or has before it."""
        text = f"{self.major}.{self.minor}.{self.patch}"
        return text + (f"-{self.pre}" if self.pre else "") + (f"+{self.metadata}" if self.metadata else "")

    def go_json(self) -> str:
        """What JSON has for it."""
        return self.go_string()

    def compare(self, other: Version) -> int:
        """-1, 0 or 1, as it is before, equal to or after another. Metadata do not count."""
        left, right = (self.major, self.minor, self.patch), (other.major, other.minor, other.patch)
        if left != right:
            return -1 if left < right else 1
        return _compare_pre(self.pre, other.pre)


class VersionValue(Version):
    """A version that is no pointer in Go: what `IncPatch` and its like give."""

    go_type = "semver.Version"
    go_kind = "struct"


def _compare_pre(left: str, right: str) -> int:
    if left == right:
        return 0
    if not left or not right:
        return 1 if not left else -1
    ours, theirs = left.split("."), right.split(".")
    for at in range(max(len(ours), len(theirs))):
        a = ours[at] if at < len(ours) else ""
        b = theirs[at] if at < len(theirs) else ""
        if a != b:
            return _compare_part(a, b)
    return 0


def _compare_part(left: str, right: str) -> int:
    if not left or not right:
        return -1 if not left else 1
    numbers = left.isdigit() and int(left) < 1 << 64, right.isdigit() and int(right) < 1 << 64
    if all(numbers):
        return 1 if int(left) > int(right) else -1
    if any(numbers):
        return 1 if numbers[1] else -1
    return 1 if left > right else -1


def _number(text: str | None) -> int:
    value = int((text or "0").lstrip("."))
    if value >= 1 << 64:
        raise FunctionError("error parsing version segment: value out of range")
    return value


def parse_version(text: str) -> Version:
    """A version, loosely: with a `v` before it, or without its last parts.

    Raises:
        FunctionError: no version.
    """
    match = _VERSION.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if not match or text.endswith("\n"):
        raise FunctionError("invalid semantic version")
    major, minor, patch = _number(match[1]), _number(match[2]), _number(match[3])
    pre, metadata = (match[4] or "-")[1:], (match[5] or "+")[1:]
    for part in pre.split("."):
        if part.isdigit() and len(part) > 1 and part[0] == "0":
            raise FunctionError("version segment starts with 0")
    return Version(major, minor, patch, pre, metadata, text)


@dataclass(frozen=True, slots=True)
class _Constraint:
    op: str
    version: Version
    # Whether parts are left out, or stand as x.
    dirty: bool
    minor_dirty: bool
    patch_dirty: bool

    def allows(self, version: Version, with_pre: bool) -> bool:
        if version.pre and not with_pre:
            return False
        own = self.version
        order = version.compare(own)
        match self.op:
            case "!=":
                return self.differs(version)
            case ">":
                if not self.dirty or version.major != own.major:
                    return order > 0 if not self.dirty else version.major > own.major
                if self.minor_dirty:
                    return False
                return version.minor > own.minor if self.patch_dirty else order > 0
            case "<":
                return order < 0
            case ">=" | "=>":
                return order >= 0
            case "<=" | "=<":
                if not self.dirty:
                    return order <= 0
                if version.major != own.major:
                    return version.major < own.major
                return version.minor <= own.minor or self.minor_dirty
            case "^":
                return order >= 0 and self.caret(version)
            case "~" | "~>":
                return order >= 0 and self.tilde(version)
        return order >= 0 and self.tilde(version) if self.dirty else order == 0

    def differs(self, version: Version) -> bool:
        own = self.version
        if self.dirty:
            if own.major != version.major:
                return True
            if own.minor != version.minor and not self.minor_dirty:
                return True
            if self.minor_dirty:
                return False
            if own.patch != version.patch and not self.patch_dirty:
                return True
            if self.patch_dirty:
                return bool(version.pre or own.pre) and _compare_pre(version.pre, own.pre) != 0
        return version.compare(own) != 0

    def tilde(self, version: Version) -> bool:
        own = self.version
        if (own.major, own.minor, own.patch) == (0, 0, 0) and not self.minor_dirty and not self.patch_dirty:
            return True
        return version.major == own.major and (version.minor == own.minor or self.minor_dirty)

    def caret(self, version: Version) -> bool:
        own = self.version
        if own.major > 0 or self.minor_dirty:
            return version.major == own.major
        if version.major > 0:
            return False
        if own.minor > 0 or self.patch_dirty:
            return version.minor == own.minor
        return version.minor == 0 and version.patch == own.patch


def _constraint(op: str, major: str, minor: str | None, patch: str | None, pre: str | None) -> _Constraint:
    def is_x(part: str | None) -> bool:
        return not part or part.lstrip(".") in ("x", "X", "*")

    dirty = minor_dirty = patch_dirty = False
    if is_x(major):
        text, dirty = f"0.0.0{pre or ''}", True
    elif is_x(minor):
        text, dirty, minor_dirty = f"{major}.0.0{pre or ''}", True, True
    elif is_x(patch):
        text, dirty, patch_dirty = f"{major}{minor}.0{pre or ''}", True, True
    else:
        text = f"{major}{minor}{patch}{pre or ''}"
    try:
        version = parse_version(text)
    except FunctionError:
        raise FunctionError("constraint parser error") from None
    return _Constraint(op, version, dirty, minor_dirty, patch_dirty)


@lru_cache(maxsize=256)
def _constraints(text: str) -> tuple[tuple[_Constraint, ...], ...]:
    if len(text) > _MAX_LENGTH:
        raise FunctionError("improper constraint: too long")

    def as_bounds(match: re.Match[str]) -> str:
        return f">= {match[1]}, <= {match[7]} "

    text = _RANGE.sub(as_bounds, text)
    alternatives = []
    for part in text.split("||"):
        found: list[_Constraint] = []
        at = 0
        while True:
            match = _CONSTRAINT.match(part, at)
            if not match:
                raise FunctionError(f"improper constraint: {part}")
            found.append(_constraint(match[1], match[3], match[4], match[5], match[6]))
            at = match.end()
            if at == len(part):
                break
            # Between two there is a space or a comma.
            if between := _BETWEEN.match(part, at):
                at = between.end()
            elif not part[at - 1].isspace():
                raise FunctionError(f"improper constraint: {part}")
        alternatives.append(tuple(found))
    return tuple(alternatives)


def _compare(constraint: str, version: str) -> bool:
    alternatives = _constraints(constraint)
    parsed = parse_version(version)
    return any(all(one.allows(parsed, any(other.version.pre for other in group)) for one in group) for group in alternatives)


def _next(version: Version, part: str) -> VersionValue:
    prefix = "v" if version.original.startswith("v") else ""
    major, minor, patch = version.major, version.minor, version.patch
    if part == "major":
        major, minor, patch = major + 1, 0, 0
    elif part == "minor":
        minor, patch = minor + 1, 0
    elif not version.pre:
        patch += 1
    return VersionValue(major, minor, patch, "", "", f"{prefix}{major}.{minor}.{patch}")


_VALUE_METHODS: Final = {
    "Major": fn(lambda version: Uint64(version.major)),
    "Minor": fn(lambda version: Uint64(version.minor)),
    "Patch": fn(lambda version: Uint64(version.patch)),
    "Prerelease": fn(lambda version: version.pre),
    "Metadata": fn(lambda version: version.metadata),
    "String": fn(lambda version: version.go_string()),
    "IncMajor": fn(lambda version: _next(version, "major")),
    "IncMinor": fn(lambda version: _next(version, "minor")),
    "IncPatch": fn(lambda version: _next(version, "patch")),
}
METHODS[VersionValue] = _VALUE_METHODS
METHODS[Version] = {
    **_VALUE_METHODS,
    "Original": fn(lambda version: version.original),
    "Compare": fn(lambda version, other: version.compare(other), VERSION),
    "LessThan": fn(lambda version, other: version.compare(other) < 0, VERSION),
    "GreaterThan": fn(lambda version, other: version.compare(other) > 0, VERSION),
    "Equal": fn(lambda version, other: version.compare(other) == 0, VERSION),
}

FUNCTIONS: Final[dict[str, Function]] = {
    "semver": fn(parse_version, STRING),
    "semverCompare": fn(_compare, STRING, STRING),
}
