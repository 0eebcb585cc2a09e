# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Go's package `fmt` for values of templates: `Sprint`, `Sprintln`, `Sprintf`, with every verb and flag and its forms of errors.

What is printed is counted while it is made: neither a width nor a value that contains itself many times can make it grow past the limits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kwok_controller.expressions.gotemplate.errors import LimitExceeded
from kwok_controller.expressions.gotemplate.limits import Runtime
from kwok_controller.expressions.gotemplate.strconv import byte_len, format_float, from_bytes, quote, to_bytes
from kwok_controller.expressions.gotemplate.values import MISSING, SizedInt, Value, element, elements, items, kind_name, type_name, wrap

_BASES = {"b": 2, "o": 8, "O": 8, "d": 10, "v": 10, "x": 16, "X": 16}
_TOO_LARGE = 1_000_000
_BACKQUOTABLE = re.compile("[^\x00-\x08\x0a-\x1f\x7f`\ufeff\udc80-\udcff]*")
_NUMBER = re.compile(r"[0-9]+")


class Stringer:
    """A value of ours with a text form of its own (Go's `fmt.Stringer`)."""

    def go_string(self) -> str:
        """Go's `String()`."""
        raise NotImplementedError


class Printer:
    """One call of a print function: the flags of the verb at hand and what is written so far."""

    __slots__ = ("minus", "out", "plus", "plus_v", "precision", "runtime", "sharp", "sharp_v", "size", "space", "width", "zero")

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.out: list[str] = []
        self.size = 0
        self.clear()

    def clear(self) -> None:
        """Forgets the flags of the last verb."""
        self.minus = self.plus = self.sharp = self.space = self.zero = self.plus_v = self.sharp_v = False
        self.width: int | None = None
        self.precision: int | None = None

    def text(self) -> str:
        """What is written."""
        self.runtime.charge(self.size >> 6)
        return "".join(self.out)

    def write(self, text: str) -> None:
        """Appends to the output.

        Raises:
            LimitExceeded: the output is too large.
        """
        self.size += len(text)
        if self.size > self.runtime.limits.value:
            raise LimitExceeded(f"a value of more than {self.runtime.limits.value} characters or elements")
        self.out.append(text)

    def _fill(self, count: int) -> None:
        if count > 0:
            self.runtime.reserve(self.size + count)
            self.write(("0" if self.zero and not self.minus else " ") * count)

    def pad(self, text: str) -> None:
        """Writes in the width of the verb."""
        if not self.width:
            self.write(text)
        elif self.minus:
            self.write(text)
            self._fill(self.width - len(text))
        else:
            self._fill(self.width - len(text))
            self.write(text)

    def _pad_spaces(self, text: str) -> None:
        zero, self.zero = self.zero, False
        self.pad(text)
        self.zero = zero

    # One value.

    def value(self, value: Value, verb: str, depth: int = 0) -> None:
        """Writes a value by a verb and the flags that are set."""
        if value is None or value is MISSING:
            if depth:
                self.write("interface {}(nil)" if self.sharp_v else "<nil>")
            elif verb in "Tv":
                self.pad("<nil>")
            else:
                self.write(f"%!{verb}(<nil>)")
            return
        if verb == "T" and not depth:
            self._string(type_name(value), "s", value)
            return
        if verb == "p" and not depth:
            if isinstance(value, (dict, list, bytes)):
                raise LimitExceeded("%p: a value has no address here")
            self._bad(verb, value)
            return
        if isinstance(value, str):
            self._string(value, verb, value)
        elif isinstance(value, bool):
            if verb in "tv":
                self.pad("true" if value else "false")
            else:
                self._bad(verb, value)
        elif isinstance(value, Stringer):
            if verb in "vsxXq" and not self.sharp_v:
                self._string(value.go_string(), verb, value)
            elif isinstance(value, int):
                self._integer(value, verb, value)
            else:
                raise LimitExceeded(f"%{verb} of a {type_name(value)} is not supported")
        elif isinstance(value, int):
            self._integer(value, verb, value)
        elif isinstance(value, float):
            self._float(value, verb)
        elif isinstance(value, dict):
            self._map(value, verb, depth)
        elif isinstance(value, list):
            self._list(value, verb, depth)
        elif isinstance(value, complex):
            self._complex(value, verb)
        elif isinstance(value, bytes):
            self._bytes(value, verb)
        else:
            raise LimitExceeded(f"cannot print a {type_name(value)}")

    def _bad(self, verb: str, value: Value) -> None:
        self.write(f"%!{verb}({type_name(value)}=")
        self.value(value, "v")
        self.write(")")

    def _string(self, text: str, verb: str, value: Value) -> None:
        if verb == "v" and self.sharp_v:
            verb = "q"
        if verb in "vs":
            self.pad(text if self.precision is None else text[: self.precision])
        elif verb in "xX":
            self._hex(to_bytes(text), verb)
        elif verb == "q":
            text = text if self.precision is None else text[: self.precision]
            if self.sharp and _BACKQUOTABLE.fullmatch(text):
                self.pad(f"`{text}`")
            else:
                self.pad(quote(text, ascii_only=self.plus))
        else:
            self._bad(verb, value)

    def _hex(self, data: bytes, verb: str) -> None:
        data = data if self.precision is None else data[: self.precision]
        if not data:
            self._fill(self.width or 0)
            return
        self.runtime.reserve(self.size + 5 * len(data))
        prefix = "0" + verb if self.sharp else ""
        pairs = [f"{byte:02{verb}}" for byte in data]
        self.pad((" " + prefix).join([prefix + pairs[0], *pairs[1:]]) if self.space else prefix + "".join(pairs))

    def _integer(self, value: int, verb: str, shown: Value) -> None:
        signed = not isinstance(shown, SizedInt) or shown.signed
        if verb == "v" and self.sharp_v and not signed:
            self.pad(f"0x{int(value):x}")
        elif verb in _BASES:
            self._digits(int(value), verb)
        elif verb in ("c", "q"):
            code = wrap(int(value), 64, signed=False)
            char = chr(code) if code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else "\ufffd"
            self.pad(char if verb == "c" else quote(char, ascii_only=self.plus, mark="'"))
        elif verb == "U":
            code = wrap(int(value), 64, signed=False)
            precision = max(4, self.precision or 0)
            self.runtime.reserve(self.size + precision)
            text = f"U+{code:0{precision}X}"
            if self.sharp and code <= 0x10FFFF and chr(code).isprintable():
                text += f" '{chr(code)}'"
            self._pad_spaces(text)
        else:
            self._bad(verb, shown)

    def _digits(self, value: int, verb: str) -> None:
        negative = value < 0
        size = abs(value)
        digits = {2: f"{size:b}", 8: f"{size:o}", 10: str(size), 16: f"{size:X}" if verb == "X" else f"{size:x}"}[_BASES[verb]]
        precision = 0
        if self.precision is not None:
            precision = self.precision
            if precision == 0 and value == 0:
                zero, self.zero = self.zero, False
                self._fill(self.width or 0)
                self.zero = zero
                return
        elif self.zero and not self.minus and self.width is not None:
            precision = self.width - (1 if negative or self.plus or self.space else 0)
        self.runtime.reserve(self.size + precision)
        digits = digits.rjust(precision, "0")
        if self.sharp:
            base = _BASES[verb]
            if base == 2:
                digits = "0b" + digits
            elif base == 8 and digits[0] != "0":
                digits = "0" + digits
            elif base == 16:
                digits = ("0X" if verb == "X" else "0x") + digits
        if verb == "O":
            digits = "0o" + digits
        self._pad_spaces(("-" if negative else "+" if self.plus else " " if self.space else "") + digits)

    def _float(self, value: float, verb: str) -> None:
        default = {"v": -1, "b": -1, "g": -1, "G": -1, "x": -1, "X": -1, "e": 6, "E": 6, "f": 6, "F": 6}.get(verb)
        if default is None:
            self._bad(verb, value)
        else:
            self._float_digits(value, "g" if verb == "v" else verb, default)

    def _float_digits(self, value: float, verb: str, precision: int) -> None:
        precision = precision if self.precision is None else self.precision
        self.runtime.reserve(self.size + max(precision, 0))
        text = format_float(value, verb, precision)
        if text[0] not in "+-":
            text = "+" + text
        if self.space and text[0] == "+" and not self.plus:
            text = " " + text[1:]
        if text[1] in "IN":
            if text[1] == "N" and not self.space and not self.plus:
                text = text[1:]
            self._pad_spaces(text)
            return
        if self.sharp and verb != "b":
            text = self._keep_zeros(text, verb, precision)
        if self.plus or text[0] != "+":
            if self.zero and not self.minus and self.width is not None and self.width > len(text):
                self.write(text[0])
                self._fill(self.width - len(text))
                self.write(text[1:])
            else:
                self.pad(text)
        else:
            self.pad(text[1:])

    @staticmethod
    def _keep_zeros(text: str, verb: str, precision: int) -> str:
        # The flag #: always a point, and for g the zeros at the end.
        wanted = 0
        if verb in "gGx":
            wanted = 6 if precision == -1 else precision
        marks = "pP" if verb in "xX" else "pPeE"
        cut = next((i for i, c in enumerate(text) if i and c in marks), len(text))
        body, tail = text[:cut], text[cut:]
        seen = False
        for char in body[1:]:
            if char == ".":
                continue
            seen = seen or char != "0"
            wanted -= 1 if seen else 0
        if "." not in body:
            if body[1:] == "0":
                wanted -= 1
            body += "."
        return body + "0" * max(wanted, 0) + tail

    def _complex(self, value: complex, verb: str) -> None:
        if verb not in "vbgGxXfFeE":
            self._bad(verb, value)
            return
        plus = self.plus
        self.write("(")
        self._float(value.real, verb)
        self.plus = True
        self._float(value.imag, verb)
        self.write("i)")
        self.plus = plus

    def _bytes(self, value: bytes, verb: str) -> None:
        if verb in "vd" and self.sharp_v:
            self.write("[]byte{" + ", ".join(f"0x{byte:x}" for byte in value) + "}")
        elif verb in "sxXq":
            text = from_bytes(value)
            self._string(text, verb, value)
        else:
            self.write("[")
            for at, byte in enumerate(value):
                if at:
                    self.write(" ")
                self._integer(byte, verb, byte)
            self.write("]")

    def _map(self, value: dict[str, Value], verb: str, depth: int) -> None:
        self.runtime.deeper(depth)
        if self.sharp_v:
            self.write(type_name(value))
            if getattr(value, "nil", False):
                self.write("(nil)")
                return
        self.write("{" if self.sharp_v else "map[")
        first = True
        for key, item in items(value):
            if not first:
                self.write(", " if self.sharp_v else " ")
            first = False
            self.value(key, verb, depth + 1)
            self.write(":")
            self.value(item, verb, depth + 1)
        self.write("}" if self.sharp_v else "]")

    def _list(self, value: list[Value], verb: str, depth: int) -> None:
        self.runtime.deeper(depth)
        if self.sharp_v:
            self.write(type_name(value))
            if getattr(value, "nil", False):
                self.write("(nil)")
                return
        self.write("{" if self.sharp_v else "[")
        first = True
        for item in elements(value):
            if not first:
                self.write(", " if self.sharp_v else " ")
            first = False
            self.value(item, verb, depth + 1)
        self.write("}" if self.sharp_v else "]")

    # printf.

    def format(self, form: str, values: Sequence[Value]) -> None:
        """Go's `Fprintf`."""
        at, end = 0, len(form)
        index = 0
        reordered = False
        while at < end:
            percent = form.find("%", at)
            if percent < 0:
                self.write(form[at:])
                break
            if percent > at:
                self.write(form[at:percent])
            at = percent + 1
            self.clear()
            good = True
            while at < end and form[at] in "#0+- ":
                char = form[at]
                if char == "#":
                    self.sharp = True
                elif char == "0":
                    self.zero = True
                elif char == "+":
                    self.plus = True
                elif char == "-":
                    self.minus = True
                else:
                    self.space = True
                at += 1
            index, at, after, good, reordered = self._index(form, at, index, len(values), good, reordered)
            if at < end and form[at] == "*":
                at += 1
                self.width, index = self._star(values, index)
                if self.width is None:
                    self.write("%!(BADWIDTH)")
                elif self.width < 0:
                    self.width, self.minus, self.zero = -self.width, True, False
                after = False
            else:
                self.width, at = self._count(form, at)
                if after and self.width is not None:
                    good = False
            if at + 1 < end and form[at] == ".":
                at += 1
                if after:
                    good = False
                index, at, after, good, reordered = self._index(form, at, index, len(values), good, reordered)
                if at < end and form[at] == "*":
                    at += 1
                    self.precision, index = self._star(values, index)
                    if self.precision is not None and self.precision < 0:
                        self.precision = None
                    if self.precision is None:
                        self.write("%!(BADPREC)")
                    after = False
                else:
                    self.precision, at = self._count(form, at)
                    if self.precision is None:
                        self.precision = 0
            if not after:
                index, at, after, good, reordered = self._index(form, at, index, len(values), good, reordered)
            if at >= end:
                self.write("%!(NOVERB)")
                break
            verb = form[at]
            at += 1
            if verb == "%":
                self.write("%")
            elif not good:
                self.write(f"%!{verb}(BADINDEX)")
            elif index >= len(values):
                self.write(f"%!{verb}(MISSING)")
            else:
                if verb == "w":
                    # Only Errorf knows %w.
                    self._bad_or_nil(verb, values[index])
                else:
                    if verb == "v":
                        self.sharp_v, self.sharp = self.sharp, False
                        self.plus_v, self.plus = self.plus, False
                    self.value(values[index], verb)
                index += 1
        if not reordered and index < len(values):
            self.clear()
            self.write("%!(EXTRA ")
            for offset, value in enumerate(values[index:]):
                if offset:
                    self.write(", ")
                if value is None or value is MISSING:
                    self.write("<nil>")
                else:
                    self.write(type_name(value) + "=")
                    self.value(value, "v")
            self.write(")")

    def _bad_or_nil(self, verb: str, value: Value) -> None:
        if value is None or value is MISSING:
            self.write(f"%!{verb}(<nil>)")
        else:
            self.sharp_v, self.sharp = self.sharp, False
            self.plus_v, self.plus = self.plus, False
            self._bad(verb, value)

    @staticmethod
    def _count(form: str, at: int) -> tuple[int | None, int]:
        match = _NUMBER.match(form, at)
        if not match:
            return None, at
        value = 0
        for char in match[0]:
            if value > _TOO_LARGE:
                return None, len(form)
            value = value * 10 + int(char)
        return value, match.end()

    @staticmethod
    def _star(values: Sequence[Value], index: int) -> tuple[int | None, int]:
        if index >= len(values):
            return None, index
        value = values[index]
        if isinstance(value, int) and not isinstance(value, bool) and -_TOO_LARGE <= value <= _TOO_LARGE:
            return int(value), index + 1
        return None, index + 1

    @staticmethod
    def _index(form: str, at: int, index: int, count: int, good: bool, reordered: bool) -> tuple[int, int, bool, bool, bool]:
        # [n] before a verb, a width or a precision.
        if at >= len(form) or form[at] != "[":
            return index, at, False, good, reordered
        close = form.find("]", at) if len(form) - at >= 3 else -1
        if close < 0:
            return index, at + 1, False, False, True
        inner = form[at + 1 : close]
        if not inner.isascii() or not inner.isdigit() or len(inner) > 7:
            return index, close + 1, False, False, True
        wanted = int(inner) - 1
        if 0 <= wanted < count:
            return wanted, close + 1, True, good, True
        return index, close + 1, True, False, True


def sprint(runtime: Runtime, values: Sequence[Value]) -> str:
    """Go's `fmt.Sprint`: a space between two values of which neither is a string."""
    printer = Printer(runtime)
    was_string = False
    for at, value in enumerate(values):
        is_string = isinstance(value, str)
        if at and not is_string and not was_string:
            printer.write(" ")
        printer.value(value, "v")
        was_string = is_string
    return printer.text()


def sprintln(runtime: Runtime, values: Sequence[Value]) -> str:
    """Go's `fmt.Sprintln`."""
    printer = Printer(runtime)
    for at, value in enumerate(values):
        if at:
            printer.write(" ")
        printer.value(value, "v")
    printer.write("\n")
    return printer.text()


def sprintf(runtime: Runtime, form: str, values: Sequence[Value]) -> str:
    """Go's `fmt.Sprintf`."""
    printer = Printer(runtime)
    printer.format(form, values)
    return printer.text()


def to_text(runtime: Runtime, value: Value) -> str:
    """Go's `%v` of one value."""
    if isinstance(value, str):
        return value if type(value) is str else str.__str__(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if type(value) is int:
        return str(value)
    printer = Printer(runtime)
    printer.value(value, "v")
    return printer.text()


def length(value: Value) -> int:
    """Go's `len` of a string (bytes), list or map; -1 where it has none."""
    if isinstance(value, str):
        return byte_len(value)
    if isinstance(value, (list, dict, bytes)):
        return len(value)
    return -1


def at_index(value: Value, index: int) -> Value:
    """The element of a list, or the byte of a string."""
    return element(value, value[index])


__all__ = ["Printer", "Stringer", "at_index", "kind_name", "length", "sprint", "sprintf", "sprintln", "to_text"]
