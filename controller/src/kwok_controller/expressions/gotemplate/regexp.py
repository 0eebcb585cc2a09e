# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

r"""Regular expressions in Go's (RE2's) syntax, matched in time linear in the text.

Python's `re` takes exponential time on some patterns, which here come from whoever writes a Stage. This matcher backtracks, but visits
each pair of instruction and position once, and every visit is counted against the rendering's limits. What matches is what Go finds:
the leftmost match, preferring what stands first. Classes of scripts (`\p{Greek}`) are not known, only general categories.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeAlias

from kwok_controller.expressions.gotemplate.limits import Runtime

Test: TypeAlias = Callable[[str], bool]
_MAX_PROGRAM: Final = 20_000
_MAX_REPEAT: Final = 1000
_MAX_DEPTH: Final = 100
_WORD: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")

_PERL: Final[dict[str, list[tuple[str, str]]]] = {
    "d": [("0", "9")],
    "s": [("\t", "\n"), ("\f", "\r"), (" ", " ")],
    "w": [("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")],
}
_POSIX: Final[dict[str, list[tuple[str, str]]]] = {
    "alnum": [("0", "9"), ("A", "Z"), ("a", "z")],
    "alpha": [("A", "Z"), ("a", "z")],
    "ascii": [("\0", "\x7f")],
    "blank": [("\t", "\t"), (" ", " ")],
    "cntrl": [("\0", "\x1f"), ("\x7f", "\x7f")],
    "digit": [("0", "9")],
    "graph": [("!", "~")],
    "lower": [("a", "z")],
    "print": [(" ", "~")],
    "punct": [("!", "/"), (":", "@"), ("[", "`"), ("{", "~")],
    "space": [("\t", "\r"), (" ", " ")],
    "upper": [("A", "Z")],
    "word": [("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")],
    "xdigit": [("0", "9"), ("A", "F"), ("a", "f")],
}
_ESCAPED: Final = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CATEGORIES: Final = frozenset(
    (
        *("Any", "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No"),
        *("P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs"),
    )
)


class RegexError(ValueError):
    """A pattern that Go would not take, or that is too large."""


@dataclass(slots=True)
class _Node:
    kind: str
    items: list[_Node] = field(default_factory=list)
    test: Test | None = None
    low: int = 0
    high: int = 0
    greedy: bool = True
    name: str = ""
    group: int = 0


def _case_variants(char: str) -> set[str]:
    variants = {char, char.lower(), char.upper(), char.casefold()}
    if char in "kK\u212a":
        variants |= set("kK\u212a")
    if char in "sS\u017f":
        variants |= set("sS\u017f")
    return {variant for variant in variants if len(variant) == 1}


def _literal_test(char: str, fold: bool) -> Test:
    if not fold or len(_case_variants(char)) == 1:
        return char.__eq__
    variants = frozenset(_case_variants(char))
    return variants.__contains__


def _category_test(name: str, negated: bool) -> Test:
    if name == "Any":
        return lambda char: not negated
    return lambda char: unicodedata.category("\ufffd" if "\udc80" <= char <= "\udcff" else char).startswith(name) is not negated


def _range_test(ranges: list[tuple[str, str]], others: list[Test], negated: bool, fold: bool) -> Test:
    known: dict[str, bool] = {}

    def one(char: str) -> bool:
        return any(low <= char <= high for low, high in ranges) or any(test(char) for test in others)

    def test(char: str) -> bool:
        found = known.get(char)
        if found is None:
            found = (any(one(variant) for variant in _case_variants(char)) if fold else one(char)) is not negated
            if len(known) < 4096:
                known[char] = found
        return found

    return test


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.text = pattern
        self.at = 0
        self.groups = 0
        self.names: dict[str, list[int]] = {}
        self.depth = 0
        self.fold = self.multiline = self.dotall = self.swapped = False

    def fail(self, reason: str) -> RegexError:
        return RegexError(f"error parsing regexp: {reason}")

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def parse(self) -> _Node:
        node = self.alternatives()
        if self.at < len(self.text):
            raise self.fail(f"unexpected ): `{self.text}`")
        return node

    def alternatives(self) -> _Node:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.fail("expression nests too deeply")
        branches = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            branches.append(self.sequence())
        self.depth -= 1
        return branches[0] if len(branches) == 1 else _Node("or", branches)

    def sequence(self) -> _Node:
        items: list[_Node] = []
        repeatable = repeated = False
        while self.at < len(self.text) and self.peek() not in ("|", ")"):
            char = self.peek()
            start = self.at
            if char in "*+?" or (char == "{" and self.repeat_count() is not None):
                if not repeatable:
                    reason = "invalid nested repetition operator" if repeated else "missing argument to repetition operator"
                    raise self.fail(f"{reason}: `{self.text[start : start + 2]}`")
                items[-1] = self.repetition(items[-1])
                repeatable, repeated = False, True
                continue
            node = self.atom()
            if node is None:
                # Flags.
                repeatable = repeated = False
                continue
            if node.kind == "quoted":
                items.extend(node.items)
                repeatable, repeated = bool(items), False
                continue
            items.append(node)
            repeatable, repeated = True, False
        return items[0] if len(items) == 1 else _Node("and", items)

    def repeat_count(self) -> tuple[int, int, int] | None:
        close = self.text.find("}", self.at)
        if close < 0:
            return None
        low, comma, high = self.text[self.at + 1 : close].partition(",")

        def good(part: str) -> bool:
            return part.isascii() and part.isdigit() and (part == "0" or part[0] != "0")

        if not good(low) or (high and not good(high)):
            return None
        if len(low) > 7 or len(high) > 7:
            raise self.fail("invalid repeat count")
        first = int(low)
        last = (int(high) if high else -1) if comma else first
        return first, last, close + 1

    def repetition(self, node: _Node) -> _Node:
        char = self.peek()
        if char == "{":
            counted = self.repeat_count()
            assert counted is not None
            low, high, self.at = counted
            if low > _MAX_REPEAT or high > _MAX_REPEAT or (high >= 0 and low > high):
                raise self.fail("invalid repeat count")
            if max(low, high) * _repeats(node) > _MAX_REPEAT:
                raise self.fail("invalid repeat count")
        else:
            low, high = {"*": (0, -1), "+": (1, -1), "?": (0, 1)}[char]
            self.at += 1
        greedy = not self.swapped
        if self.peek() == "?":
            self.at += 1
            greedy = not greedy
        return _Node("repeat", [node], low=low, high=high, greedy=greedy)

    def atom(self) -> _Node | None:
        char = self.peek()
        self.at += 1
        match char:
            case "(":
                return self.group()
            case "[":
                return _Node("char", test=self.char_class())
            case ".":
                return _Node("char", test=(lambda c: True) if self.dotall else "\n".__ne__)
            case "^":
                return _Node("line start" if self.multiline else "text start")
            case "$":
                return _Node("line end" if self.multiline else "text end")
            case "\\":
                return self.escape()
        return _Node("char", test=_literal_test(char, self.fold))

    def group(self) -> _Node | None:
        flags = (self.fold, self.multiline, self.dotall, self.swapped)
        name = ""
        capture = True
        if self.peek() == "?":
            self.at += 1
            if self.text.startswith(("P<", "<"), self.at):
                begin = self.text.index("<", self.at) + 1
                end = self.text.find(">", begin)
                name = self.text[begin:end] if end >= 0 else ""
                if not name or not all(c == "_" or (c.isascii() and c.isalnum()) for c in name):
                    raise self.fail("invalid named capture")
                self.at = end + 1
            else:
                capture = False
                if not self.flags():
                    return None
        number = 0
        if capture:
            self.groups += 1
            number = self.groups
            if name:
                self.names.setdefault(name, []).append(number)
        inner = self.alternatives()
        if self.peek() != ")":
            raise self.fail(f"missing closing ): `{self.text}`")
        self.at += 1
        self.fold, self.multiline, self.dotall, self.swapped = flags
        return _Node("group", [inner], group=number) if capture else _Node("and", [inner])

    def flags(self) -> bool:
        # (?flags) holds to the end of the group, (?flags:…) for one of its own, which is said by True.
        value = True
        seen = False
        while True:
            char = self.peek()
            self.at += 1
            if char == "i":
                self.fold, seen = value, True
            elif char == "m":
                self.multiline, seen = value, True
            elif char == "s":
                self.dotall, seen = value, True
            elif char == "U":
                self.swapped, seen = value, True
            elif char == "-" and value:
                value, seen = False, False
            elif char in (":", ")") and char and (seen or value):
                return char == ":"
            else:
                raise self.fail(f"invalid or unsupported Perl syntax: `{self.text[: self.at]}`")

    def category(self, negated: bool) -> Test:
        if self.peek() == "{":
            end = self.text.find("}", self.at)
            name = self.text[self.at + 1 : end] if end >= 0 else ""
            self.at = end + 1
        else:
            name = self.peek()
            self.at += 1
        if name.startswith("^"):
            name, negated = name[1:], not negated
        if name not in _CATEGORIES:
            raise self.fail(f"invalid character class range: `\\p{{{name}}}`")
        return _category_test(name, negated)

    def escape(self) -> _Node:
        char = self.peek()
        if char in ("A", "z", "b", "B"):
            self.at += 1
            return _Node({"A": "text start", "z": "text end", "b": "boundary", "B": "no boundary"}[char])
        if char == "C":
            raise self.fail("invalid escape sequence: `\\C`")
        if char == "Q":
            end = self.text.find("\\E", self.at)
            literal = self.text[self.at + 1 : end if end >= 0 else len(self.text)]
            self.at = end + 2 if end >= 0 else len(self.text)
            return _Node("quoted", [_Node("char", test=_literal_test(c, self.fold)) for c in literal])
        if char.lower() in _PERL and char:
            self.at += 1
            return _Node("char", test=_range_test(_PERL[char.lower()], [], char.isupper(), False))
        if char in ("p", "P"):
            self.at += 1
            test = self.category(char == "P")
            return _Node("char", test=_range_test([], [test], False, self.fold))
        return _Node("char", test=_literal_test(self.escaped(), self.fold))

    def escaped(self) -> str:
        char = self.peek()
        self.at += 1
        if not char:
            raise self.fail("trailing backslash at end of expression: ``")
        if char in _ESCAPED:
            return _ESCAPED[char]
        if char == "x":
            if self.peek() == "{":
                end = self.text.find("}", self.at)
                digits = self.text[self.at + 1 : end] if end >= 0 else ""
                self.at = end + 1
            else:
                digits = self.text[self.at : self.at + 2]
                digits = digits if len(digits) == 2 else ""
                self.at += 2
            if not digits or any(c not in "0123456789abcdefABCDEF" for c in digits) or int(digits, 16) > 0x10FFFF:
                raise self.fail("invalid escape sequence")
            return chr(int(digits, 16))
        if "0" <= char <= "7" and (char == "0" or self.peek() in tuple("01234567")):
            digits = char
            while len(digits) < 3 and self.peek() in tuple("01234567"):
                digits += self.peek()
                self.at += 1
            return chr(int(digits, 8))
        if char.isascii() and not char.isalnum():
            return char
        raise self.fail(f"invalid escape sequence: `\\{char}`")

    def char_class(self) -> Test:
        negated = self.peek() == "^"
        self.at += negated
        ranges: list[tuple[str, str]] = []
        tests: list[Test] = []
        first = True
        while first or self.peek() != "]":
            char = self.peek()
            if not char:
                raise self.fail(f"missing closing ]: `{self.text}`")
            if char == "-" and not first and self.text[self.at + 1 : self.at + 2] != "]":
                raise self.fail(f"invalid character class range: `{self.text[self.at :]}`")
            first = False
            if self.text.startswith("[:", self.at):
                end = self.text.find(":]", self.at + 2)
                if end >= 0:
                    name = self.text[self.at + 2 : end]
                    inverse = name.startswith("^")
                    if name.lstrip("^") not in _POSIX or name.count("^") > 1:
                        raise self.fail("invalid character class range")
                    tests.append(_range_test(_POSIX[name.lstrip("^")], [], inverse, False))
                    self.at = end + 2
                    continue
            following = self.text[self.at + 1 : self.at + 2]
            if char == "\\" and following in tuple("dDsSwW"):
                self.at += 2
                tests.append(_range_test(_PERL[following.lower()], [], following.isupper(), False))
                continue
            if char == "\\" and following in ("p", "P"):
                self.at += 2
                tests.append(self.category(following == "P"))
                continue
            low = self.class_char()
            high = low
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self.class_char()
                if high < low:
                    raise self.fail(f"invalid character class range: `{low}-{high}`")
            ranges.append((low, high))
        self.at += 1
        return _range_test(ranges, tests, negated, self.fold)

    def class_char(self) -> str:
        char = self.peek()
        self.at += 1
        if not char:
            raise self.fail(f"missing closing ]: `{self.text}`")
        return self.escaped() if char == "\\" else char


def _repeats(node: _Node) -> int:
    inner = max((_repeats(item) for item in node.items), default=1)
    return inner * max(node.low, node.high, 1) if node.kind == "repeat" else inner


def _may_be_empty(node: _Node) -> bool:
    if node.kind == "char":
        return False
    if node.kind == "or":
        return any(_may_be_empty(item) for item in node.items)
    if node.kind == "repeat":
        return node.low == 0 or _may_be_empty(node.items[0])
    return all(_may_be_empty(item) for item in node.items)


class Regex:
    """A compiled pattern. Positions are characters.

    Attributes:
        groups: how many groups it captures.
        names: their numbers, in order, by name.
    """

    def __init__(self, pattern: str) -> None:
        parser = _Parser(pattern)
        root = parser.parse()
        self.groups = parser.groups
        self.names = parser.names
        self._ops: list[str] = []
        self._tests: list[Test | None] = []
        self._x: list[int] = []
        self._y: list[int] = []
        self._emit(root)
        self._op("match")

    def _op(self, op: str, test: Test | None = None, x: int = 0, y: int = 0) -> int:
        if len(self._ops) >= _MAX_PROGRAM:
            raise RegexError("error parsing regexp: expression too large")
        self._ops.append(op)
        self._tests.append(test)
        self._x.append(x)
        self._y.append(y)
        return len(self._ops) - 1

    def _emit(self, node: _Node) -> None:
        if node.kind == "char":
            self._op("char", node.test)
        elif node.kind == "and":
            for item in node.items:
                self._emit(item)
        elif node.kind == "group":
            self._op("save", x=2 * node.group)
            self._emit(node.items[0])
            self._op("save", x=2 * node.group + 1)
        elif node.kind == "or":
            ends = []
            for item in node.items[:-1]:
                split = self._op("split")
                self._x[split] = split + 1
                self._emit(item)
                ends.append(self._op("jump"))
                self._y[split] = len(self._ops)
            self._emit(node.items[-1])
            for end in ends:
                self._x[end] = len(self._ops)
        elif node.kind == "repeat":
            self._repeat(node.items[0], node.low, node.high, node.greedy)
        else:
            self._op(node.kind)

    def _split(self, split: int, into: int, past: int, greedy: bool) -> None:
        self._x[split], self._y[split] = (into, past) if greedy else (past, into)

    def _repeat(self, node: _Node, low: int, high: int, greedy: bool) -> None:
        if high < 0 and low == 0:
            if _may_be_empty(node):
                # (x+)? finds what Go finds where x matches nothing.
                split = self._op("split")
                self._plus(node, greedy)
                self._split(split, split + 1, len(self._ops), greedy)
                return
            split = self._op("split")
            self._emit(node)
            self._op("jump", x=split)
            self._split(split, split + 1, len(self._ops), greedy)
            return
        if high < 0:
            for _ in range(low - 1):
                self._emit(node)
            self._plus(node, greedy)
            return
        for _ in range(low):
            self._emit(node)
        splits = []
        for _ in range(high - low):
            splits.append(self._op("split"))
            self._emit(node)
        for split in splits:
            self._split(split, split + 1, len(self._ops), greedy)

    def _plus(self, node: _Node, greedy: bool) -> None:
        begin = len(self._ops)
        self._emit(node)
        split = self._op("split")
        self._split(split, begin, split + 1, greedy)

    def match(self, runtime: Runtime, text: str, start: int = 0) -> list[int] | None:
        """The first match from a position on: begin and end of the whole and of each group, -1 where a group took no part.

        Raises:
            LimitExceeded: no steps are left.
        """
        ops, tests, xs, ys = self._ops, self._tests, self._x, self._y
        size = len(text)
        width = size + 1
        visited: set[int] = set()
        count = 2 * (self.groups + 1)
        budget = 0
        for begin in range(start, size + 1):
            saved = [-1] * count
            stack: list[tuple[int, int, int]] = [(0, begin, -1)]
            while stack:
                pc, at, old = stack.pop()
                if old != -1:
                    # Takes a group's position back: pc is its place, at what it was.
                    saved[pc] = at
                    continue
                while True:
                    key = pc * width + at
                    if key in visited:
                        break
                    visited.add(key)
                    budget += 1
                    if budget >= 256:
                        runtime.charge(budget >> 2)
                        budget = 0
                    op = ops[pc]
                    if op == "char":
                        test = tests[pc]
                        if at < size and test and test(text[at]):
                            pc += 1
                            at += 1
                            continue
                        break
                    if op == "split":
                        stack.append((ys[pc], at, -1))
                        pc = xs[pc]
                    elif op == "jump":
                        pc = xs[pc]
                    elif op == "save":
                        stack.append((xs[pc], saved[xs[pc]], 0))
                        saved[xs[pc]] = at
                        pc += 1
                    elif op == "match":
                        saved[0], saved[1] = begin, at
                        runtime.charge(budget >> 2)
                        return saved
                    elif _holds(op, text, at):
                        pc += 1
                    else:
                        break
        runtime.charge(budget >> 2)
        return None

    def find_all(self, runtime: Runtime, text: str, limit: int = -1) -> Iterator[list[int]]:
        """Matches one after the other, not overlapping; an empty one right after another match is none."""
        at = 0
        last = -1
        found = 0
        while at <= len(text) and (limit < 0 or found < limit):
            match = self.match(runtime, text, at)
            if match is None:
                return
            accepted = True
            if match[1] == at:
                accepted = match[0] != last
                at += 1
            else:
                at = match[1]
            last = match[1]
            if accepted:
                found += 1
                yield match

    def expand(self, template: str, text: str, match: list[int]) -> str:
        """A replacement with `$1`, `$name`, `${name}` and `$$` filled in."""
        out = []
        at = 0
        while True:
            dollar = template.find("$", at)
            if dollar < 0:
                out.append(template[at:])
                return "".join(out)
            out.append(template[at:dollar])
            at = dollar + 1
            if template[at : at + 1] == "$":
                out.append("$")
                at += 1
                continue
            braces = template[at : at + 1] == "{"
            end = begin = at + braces
            while end < len(template) and (template[end].isalnum() or template[end] == "_"):
                end += 1
            name = template[begin:end]
            if not name or (braces and template[end : end + 1] != "}"):
                out.append("$")
                continue
            at = end + braces
            numbered = name.isascii() and name.isdigit() and len(name) < 9
            for group in [int(name)] if numbered else self.names.get(name, []):
                if group <= self.groups and match[2 * group] >= 0:
                    out.append(text[match[2 * group] : match[2 * group + 1]])
                    break


def _holds(op: str, text: str, at: int) -> bool:
    if op == "text start":
        return at == 0
    if op == "text end":
        return at == len(text)
    if op == "line start":
        return at == 0 or text[at - 1] == "\n"
    if op == "line end":
        return at == len(text) or text[at] == "\n"
    here = (at > 0 and text[at - 1] in _WORD) != (at < len(text) and text[at] in _WORD)
    return here if op == "boundary" else not here


@lru_cache(maxsize=256)
def compile_regex(pattern: str) -> Regex:
    """A compiled pattern.

    Raises:
        RegexError: Go would not take it, or it is too large.
    """
    return Regex(pattern)
