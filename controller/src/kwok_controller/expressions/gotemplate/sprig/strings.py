# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""sprig's functions of strings. Where sprig counts, it counts bytes."""

from __future__ import annotations

import unicodedata
from typing import Final

from kwok_controller.expressions.gotemplate.errors import FunctionError
from kwok_controller.expressions.gotemplate.formatting import Stringer, to_text
from kwok_controller.expressions.gotemplate.functions import ANY, INT, STRING, Function, fn
from kwok_controller.expressions.gotemplate.limits import Runtime
from kwok_controller.expressions.gotemplate.strconv import byte_len, byte_slice, from_bytes, parse_int, quote, to_bytes
from kwok_controller.expressions.gotemplate.values import IntList, StringList, StringMap, Value, elements

_SPACES: Final = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


def text_of(runtime: Runtime, value: Value) -> str:
    """sprig's text of a value: strings and bytes as they are, all else by `%v`."""
    if isinstance(value, str):
        return value if type(value) is str else str.__str__(value)
    if isinstance(value, bytes):
        return from_bytes(value)
    if isinstance(value, Stringer):
        return value.go_string()
    return to_text(runtime, value)


def texts_of(runtime: Runtime, value: Value) -> StringList:
    """The texts of the elements of a list but for nil, or that of the one value."""
    if isinstance(value, StringList):
        return value
    if isinstance(value, list):
        runtime.charge(len(value) >> 4)
        return StringList(text_of(runtime, item) for item in elements(value) if item is not None)
    if isinstance(value, bytes):
        return StringList(str(byte) for byte in value)
    return StringList() if value is None else StringList([text_of(runtime, value)])


def _simple_case(char: str, other: str) -> str:
    # Go maps one character to one.
    return other if len(other) == 1 else char


def upper_char(char: str) -> str:
    """Go's `unicode.ToUpper`."""
    return _simple_case(char, char.upper())


def lower_char(char: str) -> str:
    """Go's `unicode.ToLower`."""
    return "i" if char == "\u0130" else _simple_case(char, char.lower())


def title_char(char: str) -> str:
    """Go's `unicode.ToTitle`."""
    return _simple_case(char, char.title())


def _upper(text: str) -> str:
    return text.upper() if text.isascii() else "".join(map(upper_char, text))


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else "".join(map(lower_char, text))


def _is_letter(char: str) -> bool:
    return unicodedata.category(char)[0] == "L"


def _is_upper(char: str) -> bool:
    return unicodedata.category(char) == "Lu"


def _is_space(char: str) -> bool:
    return char in _SPACES


def _title(text: str) -> str:
    out = []
    before = " "
    for char in text:
        if before.isascii():
            separates = not (before.isalnum() or before == "_")
        else:
            category = unicodedata.category(before)
            separates = category[0] != "L" and category != "Nd" and _is_space(before)
        out.append(title_char(char) if separates else char)
        before = char
    return "".join(out)


def _untitle(text: str) -> str:
    out = []
    start = True
    for char in text:
        if _is_space(char):
            start = True
        elif start:
            char, start = lower_char(char), False
        out.append(char)
    return "".join(out)


def _substr(start: int, end: int, text: str) -> str:
    size = byte_len(text)
    if start < 0:
        first, last = 0, end
    elif end < 0 or end > size:
        first, last = start, size
    else:
        first, last = start, end
    if not 0 <= first <= last <= size:
        raise FunctionError(f"slice bounds out of range [{first}:{last}] with length {size}")
    return byte_slice(text, first, last)


def _trunc(count: int, text: str) -> str:
    size = byte_len(text)
    if count < 0 and size + count > 0:
        return byte_slice(text, size + count, size)
    if 0 <= count < size:
        return byte_slice(text, 0, count)
    return text


def _repeat(runtime: Runtime, count: int, text: str) -> str:
    if count < 0:
        raise FunctionError("strings: negative Repeat count")
    runtime.reserve(count * len(text))
    return text * count


def _replace(runtime: Runtime, old: str, new: str, text: str) -> str:
    if not old:
        runtime.reserve((len(text) + 1) * len(new) + len(text))
    else:
        count = text.count(old)
        runtime.reserve(len(text) + count * max(len(new) - len(old), 0))
    return text.replace(old, new)


def _trim_all(cut: str, text: str) -> str:
    return text.strip(cut) if cut else text


def _abbrev(width: int, text: str) -> str:
    return text if width < 4 else _abbreviate(text, 0, width)


def _abbrev_both(left: int, right: int, text: str) -> str:
    if right < 4 or (left > 0 and right < 7):
        return text
    return _abbreviate(text, left, right)


def _abbreviate(text: str, offset: int, width: int) -> str:
    size = byte_len(text)
    if size <= width:
        return text
    offset = min(offset, size)
    if size - offset < width - 3:
        offset = size - (width - 3)
    if offset <= 4:
        return byte_slice(text, 0, width - 3) + "..."
    if width < 7:
        return ""
    if offset + width - 3 < size:
        rest = byte_slice(text, offset, size)
        return "..." + ("" if width - 3 < 4 else _abbreviate(rest, 0, width - 3))
    return "..." + byte_slice(text, size - (width - 3), size)


def _initials(text: str) -> str:
    # Byte by byte, each taken for a character.
    out = []
    gap = True
    for char in to_bytes(text).decode("latin-1"):
        if char in _SPACES:
            gap = True
        elif gap:
            out.append(char)
            gap = False
    return "".join(out)


def _nospace(text: str) -> str:
    data = to_bytes(text).decode("latin-1")
    kept = "".join(char for char in data if char not in _SPACES)
    return text if len(kept) == len(data) else kept


def _swapcase(text: str) -> str:
    out = []
    space = True
    for char in text:
        category = unicodedata.category(char)
        if category in ("Lu", "Lt"):
            out.append(lower_char(char))
            space = False
        elif category == "Ll":
            out.append(title_char(char) if space else upper_char(char))
            space = False
        else:
            out.append(char)
            space = _is_space(char)
    return "".join(out)


def _wrap(runtime: Runtime, width: int, text: str) -> str:
    return _wrapped(runtime, text, width, "\n", False)


def _wrap_with(runtime: Runtime, width: int, separator: str, text: str) -> str:
    return _wrapped(runtime, text, width, separator or "\n", True)


def _wrapped(runtime: Runtime, text: str, width: int, separator: str, break_words: bool) -> str:
    data = to_bytes(text)
    between = to_bytes(separator)
    width = max(width, 1)
    runtime.reserve(len(data) + (len(data) // width + 1) * len(between))
    out = bytearray()
    at = 0
    while len(data) - at > width:
        if data[at] == 0x20:
            at += 1
            continue
        space = data.rfind(b" ", at, at + width + 1)
        if space >= at:
            out += data[at:space] + between
            at = space + 1
        elif break_words:
            out += data[at : at + width] + between
            at += width
        else:
            space = data.find(b" ", at + width)
            if space < 0:
                out += data[at:]
                at = len(data)
            else:
                out += data[at:space] + between
                at = space + 1
    out += data[at:]
    return from_bytes(bytes(out))


def _quote(runtime: Runtime, *values: Value) -> str:
    out = []
    total = 0
    for value in values:
        if value is not None:
            out.append(quote(text_of(runtime, value)))
            total += len(out[-1]) + 1
            runtime.reserve(total)
    return " ".join(out)


def _squote(runtime: Runtime, *values: Value) -> str:
    out = []
    total = 0
    for value in values:
        if value is not None:
            out.append(f"'{to_text(runtime, value)}'")
            total += len(out[-1]) + 1
            runtime.reserve(total)
    return " ".join(out)


def _cat(runtime: Runtime, *values: Value) -> str:
    out = []
    total = 0
    for value in values:
        if value is not None:
            out.append(to_text(runtime, value))
            total += len(out[-1]) + 1
            runtime.reserve(total)
    return " ".join(out)


def _indent(runtime: Runtime, spaces: int, text: str) -> str:
    if spaces < 0:
        raise FunctionError("strings: negative Repeat count")
    runtime.reserve(len(text) + spaces * (text.count("\n") + 1))
    pad = " " * spaces
    return pad + text.replace("\n", "\n" + pad)


def _nindent(runtime: Runtime, spaces: int, text: str) -> str:
    return "\n" + _indent(runtime, spaces, text)


def _split(separator: str, text: str) -> list[str]:
    return text.split(separator) if separator else list(text)


def _split_map(separator: str, text: str) -> StringMap:
    return StringMap({f"_{at}": part for at, part in enumerate(_split(separator, text))})


def _splitn(separator: str, count: int, text: str) -> StringMap:
    if count == 0:
        parts: list[str] = []
    elif count < 0:
        parts = _split(separator, text)
    elif separator:
        parts = text.split(separator, count - 1)
    else:
        parts = [*text[: count - 1], text[count - 1 :]] if len(text) > count - 1 else list(text)
    return StringMap({f"_{at}": part for at, part in enumerate(parts)})


def _join(runtime: Runtime, separator: str, value: Value) -> str:
    parts = texts_of(runtime, value)
    runtime.reserve(sum(map(len, parts)) + len(separator) * max(len(parts) - 1, 0))
    return separator.join(parts)


def _atoi(text: str) -> int:
    try:
        return parse_int(text)
    except ValueError as error:
        # Go gives the nearest number to one that is out of range.
        if str(error) == "value out of range":
            return -(1 << 63) if text.startswith("-") else (1 << 63) - 1
        return 0


def _connects(char: str) -> bool:
    return char in "-_" or _is_space(char)


def _pascal_case(text: str) -> str:
    out: list[str] = []
    at = 0
    current = ""
    first_upper = False
    while at < len(text):
        current = text[at]
        at += 1
        if not _connects(current):
            first_upper = _is_upper(current)
            current = upper_char(current)
            break
        out.append(current)
    if at >= len(text):
        # The last character was a connector, or the text has only one besides connectors.
        return "".join(out) + current if text else ""
    while at < len(text):
        before, current = current, text[at]
        at += 1
        if _connects(current) and _connects(before):
            out.append(before)
            continue
        if _connects(before):
            first_upper = _is_upper(current)
            current = upper_char(current)
        else:
            if first_upper:
                if _is_upper(current):
                    current = lower_char(current)
                else:
                    first_upper = False
            out.append(before)
    out.append(current)
    return "".join(out)


def _is_alphabet(char: str) -> bool:
    code = ord(char)
    return _is_letter(char) and not (0x4E00 <= code <= 0x9FCC or 0x3400 <= code <= 0x4D85 or 0x20000 <= code <= 0x2B81D)


def _is_punct(char: str) -> bool:
    return unicodedata.category(char)[0] == "P"


def _is_number(char: str) -> bool:
    return unicodedata.category(char)[0] == "N"


def _word(text: str, at: int) -> tuple[str, int]:
    """The kind of the word that begins at a position (none, number, upper, letters, connector, punctuation, other), and its end."""
    size = len(text)
    if at >= size:
        return "none", at
    char = text[at]
    end = at + 1

    def run(test: object) -> int:
        stop = end
        while stop < size and test(text[stop]):  # type: ignore[operator]
            stop += 1
        return stop

    if _connects(char):
        return "connector", run(_connects)
    if _is_punct(char):
        return "punctuation", run(_is_punct)
    if _is_upper(char):
        if end < size and _is_upper(text[end]):
            stop = run(_is_upper)
            # The last capital belongs to the word after.
            return "upper", stop - 1 if stop < size and _is_alphabet(text[stop]) else stop
        if end < size and _is_alphabet(text[end]):
            return "upper", run(lambda c: _is_alphabet(c) and not _is_upper(c))
        return "upper", end
    if _is_alphabet(char):
        return "letters", run(lambda c: _is_alphabet(c) and not _is_upper(c))
    if _is_number(char):
        return "number", run(_is_number)
    return "other", run(lambda c: not (_connects(c) or _is_alphabet(c) or _is_number(c) or _is_punct(c)))


def _joined_case(text: str, connector: str) -> str:
    out: list[str] = []

    def write(kind: str, word: str) -> None:
        if kind not in ("upper", "connector"):
            out.append(word)
            return
        out.extend(connector if _connects(c) else lower_char(c) if _is_upper(c) else c for c in word)

    if not text:
        return ""
    kind, at = _word(text, 0)
    word = text[:at]

    def following() -> None:
        nonlocal kind, word, at
        begin = at
        kind, at = _word(text, begin)
        word = text[begin:at]

    def number_and_letters() -> None:
        while kind in ("letters", "number"):
            write(kind, word)
            following()

    while at < len(text):
        if kind != "connector":
            write(kind, word)
        before, last = kind, word
        following()
        if before == "number":
            number_and_letters()
            if kind not in ("none", "punctuation", "connector"):
                out.append(connector)
        elif before == "connector":
            write(before, last)
        elif before == "punctuation":
            pass
        elif kind != "number":
            if kind not in ("connector", "punctuation"):
                out.append(connector)
        elif at < len(text):
            last = word
            following()
            if kind != "letters":
                write("number", last)
                if kind not in ("connector", "punctuation"):
                    out.append(connector)
            else:
                # Small letters follow the number: it begins a word.
                out.append(connector)
                write("number", last)
                number_and_letters()
                if kind not in ("none", "connector", "punctuation"):
                    out.append(connector)
    write(kind, word)
    return "".join(out)


def _seq(runtime: Runtime, *params: int) -> str:
    if not 1 <= len(params) <= 3:
        return ""
    increment = 1
    start, end = (1, params[0]) if len(params) == 1 else (params[0], params[-1])
    step = params[1] if len(params) == 3 else 1
    if end < start:
        increment = -1
        if len(params) == 3:
            if step > 0:
                return ""
        else:
            step = -1
    return " ".join(str(value) for value in until_step(runtime, start, end + increment, step))


def until_step(runtime: Runtime, start: int, stop: int, step: int) -> IntList:
    """sprig's `untilStep`."""
    if (stop < start and step >= 0) or (stop >= start and step <= 0):
        return IntList()
    numbers = range(start, stop, step)
    runtime.reserve(max(0, -((start - stop) // step)) if step > 0 else max(0, -((stop - start) // -step)))
    return IntList(numbers)


def _until(runtime: Runtime, count: int) -> IntList:
    return until_step(runtime, 0, count, -1 if count < 0 else 1)


FUNCTIONS: Final[dict[str, Function]] = {
    "hello": fn(lambda: "Hello!"),
    "abbrev": fn(_abbrev, INT, STRING),
    "abbrevboth": fn(_abbrev_both, INT, INT, STRING),
    "trunc": fn(_trunc, INT, STRING),
    "trim": fn(lambda text: text.strip(_SPACES), STRING),
    "upper": fn(_upper, STRING),
    "lower": fn(_lower, STRING),
    "title": fn(_title, STRING),
    "untitle": fn(_untitle, STRING),
    "substr": fn(_substr, INT, INT, STRING),
    "repeat": fn(_repeat, INT, STRING, runtime=True),
    "trimall": fn(_trim_all, STRING, STRING),
    "trimAll": fn(_trim_all, STRING, STRING),
    "trimSuffix": fn(lambda end, text: text.removesuffix(end), STRING, STRING),
    "trimPrefix": fn(lambda start, text: text.removeprefix(start), STRING, STRING),
    "nospace": fn(_nospace, STRING),
    "initials": fn(_initials, STRING),
    "swapcase": fn(_swapcase, STRING),
    "snakecase": fn(lambda text: _joined_case(text, "_"), STRING),
    "kebabcase": fn(lambda text: _joined_case(text, "-"), STRING),
    "camelcase": fn(_pascal_case, STRING),
    "wrap": fn(_wrap, INT, STRING, runtime=True),
    "wrapWith": fn(_wrap_with, INT, STRING, STRING, runtime=True),
    "contains": fn(lambda part, text: part in text, STRING, STRING),
    "hasPrefix": fn(lambda start, text: text.startswith(start), STRING, STRING),
    "hasSuffix": fn(lambda end, text: text.endswith(end), STRING, STRING),
    "quote": fn(_quote, variadic=ANY, runtime=True),
    "squote": fn(_squote, variadic=ANY, runtime=True),
    "cat": fn(_cat, variadic=ANY, runtime=True),
    "indent": fn(_indent, INT, STRING, runtime=True),
    "nindent": fn(_nindent, INT, STRING, runtime=True),
    "replace": fn(_replace, STRING, STRING, STRING, runtime=True),
    "plural": fn(lambda one, many, count: one if count == 1 else many, STRING, STRING, INT),
    "toString": fn(text_of, ANY, runtime=True),
    "toStrings": fn(texts_of, ANY, runtime=True),
    "atoi": fn(_atoi, STRING),
    "split": fn(_split_map, STRING, STRING),
    "splitList": fn(lambda separator, text: StringList(_split(separator, text)), STRING, STRING),
    "splitn": fn(_splitn, STRING, INT, STRING),
    "join": fn(_join, STRING, ANY, runtime=True),
    "seq": fn(_seq, variadic=INT, runtime=True),
    "until": fn(_until, INT, runtime=True),
    "untilStep": fn(until_step, INT, INT, INT, runtime=True),
}
