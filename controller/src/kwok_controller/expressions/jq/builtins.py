# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The functions of gojq that are written in Python.

Left out are those that reach out of the query (`input`, `now`, modules) and the Bessel functions. `env` is empty, as in the Go kwok.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias, TypeVar

from kwok_controller.expressions.gotemplate.strconv import byte_len
from kwok_controller.expressions.jq import dates, matching
from kwok_controller.expressions.jq import nodes as n
from kwok_controller.expressions.jq import values as v
from kwok_controller.expressions.jq.compile import Code, Compiler, Env, One, Paths, Scope, Special, checked, select_equal, truthy
from kwok_controller.expressions.jq.definitions import defined_names
from kwok_controller.expressions.jq.errors import JqLimitError, JqRuntimeError
from kwok_controller.expressions.jq.formats import FORMATS
from kwok_controller.expressions.jq.limits import Run
from kwok_controller.expressions.jq.paths import Path, delete_paths, get_path, set_path

Native: TypeAlias = Callable[..., Any]
"""`(run, input, *arguments) -> result`."""

N = TypeVar("N", bound=Native)

BUILTINS: Final[dict[str, Special]] = {}

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPACE: Final = " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


def _special(name: str) -> Callable[[Special], Special]:
    def register(special: Special) -> Special:
        BUILTINS[name] = special
        return special

    return register


def _native(name: str) -> Callable[[N], N]:
    """Registers a function of the input and of the values of its arguments."""

    def register(native: N) -> N:
        BUILTINS[name] = lambda compiler, args, scope: _call(native, [compiler.compile(arg, scope) for arg in args])
        return native

    return register


def _call(native: Native, args: list[Code]) -> Code:
    if all(arg.one for arg in args):
        ones: list[Any] = [arg.one for arg in args]
        if not ones:
            return Code(one=lambda run, env, value: native(run, value))
        if len(ones) == 1:
            only = ones[0]
            return Code(one=lambda run, env, value: native(run, value, only(run, env, value)))
        return Code(one=lambda run, env, value: native(run, value, *[one(run, env, value) for one in ones]))

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for given in _arguments(run, env, value, args, len(args) - 1):
            yield native(run, value, *given)

    return Code(gen=gen)


def _arguments(run: Run, env: Env, value: Any, args: list[Code], last: int) -> Iterator[list[Any]]:
    # The last argument varies slowest.
    if last < 0:
        yield []
        return
    for result in args[last].gen(run, env, value):
        for before in _arguments(run, env, value, args, last - 1):
            run.charge()
            yield [*before, result]


def _not_for(name: str, value: Any) -> JqRuntimeError:
    return v.failure(f"{name} cannot be applied to: {v.preview(value)}")


# What treats its arguments in a way of its own


@_special("empty/0")
def _empty(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    def nothing(*_: Any) -> Iterator[Any]:
        return iter(())

    return Code(gen=nothing, paths=lambda: nothing)


@_special("error/0")
def _error(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    def one(run: Run, env: Env, value: Any) -> Any:
        raise JqRuntimeError(value)

    return Code(one=one, paths=lambda: _raising(one))


@_special("error/1")
def _error_of(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    message = compiler.compile(args[0], scope)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for result in message.gen(run, env, value):
            raise JqRuntimeError(result)
        return iter(())

    return Code(gen=gen)


def _raising(one: One) -> Paths:
    def paths(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
        one(run, env, value)
        return iter(())

    return paths


@_special("not/0")
def _not(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return Code(one=lambda run, env, value: value is None or value is False)


@_special("select/1")
def _select(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    condition = compiler.compile(args[0], scope)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for result in condition.gen(run, env, value):
            run.charge()
            if truthy(result):
                yield value

    def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
        for result in condition.gen(run, env, value):
            run.charge()
            if truthy(result):
                yield path, value

    simple = select_equal(args[0])
    if simple:
        return Code(gen=gen, paths=lambda: go, batch=simple)
    if condition.one and not scope.depth:
        one = condition.one

        def batch(run: Run, values: list[Any]) -> list[Any]:
            run.charge(len(values))
            return [value for value in values if truthy(one(run, None, value))]

        return Code(gen=gen, paths=lambda: go, batch=batch)
    return Code(gen=gen, paths=lambda: go)


@_special("map/1")
def _map(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return compiler.compile(n.Array(n.Pipe(n.Iterate(n.Identity()), args[0])), scope)


@_special("recurse/0")
def _recurse_default(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _recurse(compiler, (n.Try(n.Iterate(n.Identity()), None),), scope)


@_special("recurse/1")
def _recurse(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    body = compiler.compile(args[0], scope)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        yield value
        stack = [body.gen(run, env, value)]
        while stack:
            for result in stack[-1]:
                run.charge()
                yield result
                stack.append(body.gen(run, env, result))
                break
            else:
                stack.pop()

    def paths() -> Paths:
        body_paths = body.paths()

        def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
            yield path, value
            stack = [body_paths(run, env, path, value)]
            while stack:
                for at, result in stack[-1]:
                    run.charge()
                    yield at, result
                    stack.append(body_paths(run, env, at, result))
                    break
                else:
                    stack.pop()

        return go

    return Code(gen=gen, paths=paths)


@_special("repeat/1")
def _repeat(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    body = compiler.compile(args[0], scope)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        while True:
            run.charge()
            for result in body.gen(run, env, value):
                run.charge()
                yield result

    return Code(gen=gen)


@_special("while/2")
def _while(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    condition, update = compiler.compile(args[0], scope), compiler.compile(args[1], scope)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        stack: list[Iterator[Any]] = [iter((value,))]
        while stack:
            for result in stack[-1]:
                run.charge()
                if truthy(next(condition.gen(run, env, result), None)):
                    yield result
                    stack.append(update.gen(run, env, result))
                    break
            else:
                stack.pop()

    return Code(gen=gen)


@_special("until/2")
def _until(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    condition, update = compiler.compile(args[0], scope), compiler.compile(args[1], scope)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        stack: list[Iterator[Any]] = [iter((value,))]
        while stack:
            for result in stack[-1]:
                run.charge()
                if truthy(next(condition.gen(run, env, result), None)):
                    yield result
                else:
                    stack.append(update.gen(run, env, result))
                    break
            else:
                stack.pop()

    return Code(gen=gen)


def _count(name: str, count: Any) -> float:
    if not v.is_number(count):
        raise _not_for(name, count)
    if count < 0:
        raise v.failure(f"{name} doesn't support negative count")
    number: float = count
    return number


@_special("limit/2")
def _limit(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _cut(compiler, args, scope, _take)


@_special("skip/2")
def _skip(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _cut(compiler, args, scope, _drop)


@_special("first/1")
def _first(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _cut(compiler, (n.Literal(1), args[0]), scope, _take)


@_special("nth/2")
def _nth(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _cut(compiler, args, scope, lambda run, count, results: _take(run, 1, _drop(run, _count("nth", count), results)))


def _take(run: Run, count: Any, results: Iterator[Any]) -> Iterator[Any]:
    left = _count("limit", count)
    if left <= 0:
        return
    for result in results:
        run.charge()
        left -= 1
        yield result
        if left <= 0:
            return


def _drop(run: Run, count: Any, results: Iterator[Any]) -> Iterator[Any]:
    left = _count("skip", count)
    for result in results:
        run.charge()
        if left > 0:
            left -= 1
        else:
            yield result


def _cut(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope, cut: Callable[[Run, Any, Iterator[Any]], Iterator[Any]]) -> Code:
    count, body = compiler.compile(args[0], scope), compiler.compile(args[1], scope)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for number in count.gen(run, env, value):
            yield from cut(run, number, body.gen(run, env, value))

    def paths() -> Paths:
        body_paths = body.paths()

        def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
            for number in count.gen(run, env, value):
                yield from cut(run, number, body_paths(run, env, path, value))

        return go

    return Code(gen=gen, paths=paths)


@_special("last/1")
def _last(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    body = compiler.compile(args[0], scope)

    def last(results: Iterator[Any], run: Run) -> Iterator[Any]:
        found = []
        for result in results:
            run.charge()
            found = [result]
        return iter(found)

    def paths() -> Paths:
        body_paths = body.paths()
        return lambda run, env, path, value: last(body_paths(run, env, path, value), run)

    return Code(gen=lambda run, env, value: last(body.gen(run, env, value), run), paths=paths)


@_special("any/2")
def _any(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _quantified(compiler, args, scope, True)


@_special("all/2")
def _all(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _quantified(compiler, args, scope, False)


def _quantified(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope, decisive: bool) -> Code:
    source, condition = compiler.compile(args[0], scope), compiler.compile(args[1], scope)

    def one(run: Run, env: Env, value: Any) -> bool:
        for item in source.gen(run, env, value):
            for result in condition.gen(run, env, item):
                run.charge()
                if truthy(result) is decisive:
                    return decisive
        return not decisive

    return Code(one=one)


@_special("add/1")
def _add(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    body = compiler.compile(args[0], scope)

    def one(run: Run, env: Env, value: Any) -> Any:
        total: Any = None
        for result in body.gen(run, env, value):
            total = v.add(total, result, run)
        return total

    return Code(one=one)


@_special("range/1")
def _range_to(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _range(compiler, (n.Literal(0), args[0], n.Literal(1)), scope)


@_special("range/2")
def _range_between(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _range(compiler, (*args, n.Literal(1)), scope)


@_special("range/3")
def _range(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    start, stop, step = (compiler.compile(arg, scope) for arg in args)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for first in start.gen(run, env, value):
            for last in stop.gen(run, env, value):
                for by in step.gen(run, env, value):
                    for bound in (first, last, by):
                        if not v.is_number(bound):
                            raise _not_for("range", bound)
                    yield from _counted(run, first, last, by)

    return Code(gen=gen)


def _counted(run: Run, at: Any, stop: Any, step: Any) -> Iterator[Any]:
    if step == 0:
        return
    while at < stop if step > 0 else at > stop:
        run.charge()
        yield at
        at = v.add(at, step, run)


@_special("path/1")
def _path(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    body_paths = compiler.compile(args[0], scope).paths()

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for at, found in body_paths(run, env, (), value):
            run.charge()
            yield list(checked(at, found))

    return Code(gen=gen)


@_special("getpath/1")
def _getpath(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    path_code = compiler.compile(args[0], scope)

    def get(run: Run, value: Any, path: Any) -> Any:
        if not isinstance(path, list):
            raise _not_for("getpath", path)
        return get_path(value, tuple(path), run)

    def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
        for result in path_code.gen(run, env, value):
            found = get(run, value, result)
            yield (*checked(path, value), *result), found

    code = _call(get, [path_code])
    return Code(one=code.one, gen=code.gen, paths=lambda: go)


@_special("sub/3")
def _sub(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    pattern, replacement, flags = (compiler.compile(arg, scope) for arg in args)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for given in _arguments(run, env, value, [pattern, flags], 1):
            yield from _substitute(run, env, value, list(matching.matches(value, given[0], given[1], run)), replacement)

    return Code(gen=gen)


def _substitute(run: Run, env: Env, value: str, found: list[dict[str, Any]], replacement: Code) -> Iterator[str]:
    """The text with each match replaced; with several results for each match, a text for each of them."""
    results: list[list[str]] = []
    at = 0
    before: list[str] = []
    for match in found:
        before.append(value[at : match["offset"]])
        at = match["offset"] + match["length"]
        results.append([_string(run, result) for result in replacement.gen(run, env, matching.named(match))])
    rest = value[at:]
    for number in range(max(map(len, results), default=1)):
        text = ""
        for part, replaced in zip(before, results, strict=True):
            if number >= len(replaced):
                break
            text += part + replaced[number]
            run.reserve(len(text))
        else:
            run.reserve(len(text) + len(rest))
            yield text + rest


def _string(run: Run, value: Any) -> str:
    if not isinstance(value, str):
        raise v.failure(f'cannot add: string ("") and {v.preview(value)}')
    run.charge()
    return value


@_special("now/0")
def _now(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    raise compiler.fail("now/0 is not available here: what is evaluated must depend on nothing but the object")


def _unavailable(name: str) -> None:
    @_special(name)
    def refuse(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
        raise compiler.fail(f"{name} is not allowed: there is one input, the object")


_unavailable("input/0")
_unavailable("inputs/0")


# Values


@_native("type/0")
def _type(run: Run, value: Any) -> str:
    return v.type_name(value)


@_native("length/0")
def _length(run: Run, value: Any) -> Any:
    if value is None:
        return 0
    if isinstance(value, (str, list, dict)):
        return len(value)
    if not v.is_number(value):
        raise _not_for("length", value)
    return abs(value)


@_native("utf8bytelength/0")
def _utf8bytelength(run: Run, value: Any) -> int:
    return byte_len(_text("utf8bytelength", value))


@_native("keys/0")
def _keys(run: Run, value: Any) -> list[Any]:
    found = v.keys(value)
    run.charge(len(found))
    return found


@_native("has/1")
def _has(run: Run, value: Any, key: Any) -> bool:
    if value is None and (isinstance(key, str) or v.is_number(key)):
        return False
    if isinstance(value, dict) and isinstance(key, str):
        return key in value
    if isinstance(value, list) and v.is_number(key):
        return bool(0 <= key < len(value))
    raise v.failure(f"has({v.preview(key)}) cannot be applied to: {v.preview(value)}")


@_native("contains/1")
def _contains(run: Run, value: Any, wanted: Any) -> bool:
    if v.type_name(value) != v.type_name(wanted) or (isinstance(value, bool) and value is not wanted):
        raise v.failure(f"contains({v.preview(wanted)}) cannot be applied to: {v.preview(value)}")
    return _contained(run, value, wanted, 0)


def _contained(run: Run, value: Any, wanted: Any, depth: int) -> bool:
    run.charge()
    if depth > v.MAX_DEPTH:
        raise JqLimitError(f"values nested more than {v.MAX_DEPTH} deep")
    if isinstance(value, dict) and isinstance(wanted, dict):
        return all(key in value and _contained(run, value[key], item, depth + 1) for key, item in wanted.items())
    if isinstance(value, list) and isinstance(wanted, list):
        return all(any(_contained(run, item, other, depth + 1) for item in value) for other in wanted)
    if isinstance(value, str) and isinstance(wanted, str):
        run.reserve(len(value))
        return wanted in value
    return v.equal(value, wanted, run)


@_native("tojson/0")
def _tojson(run: Run, value: Any) -> str:
    return v.json_text(value, run)


@_native("fromjson/0")
def _fromjson(run: Run, value: Any) -> Any:
    if not isinstance(value, str):
        raise _not_for("fromjson", value)
    run.reserve(len(value) * 8)

    def refuse(name: str) -> Any:
        raise ValueError(name)

    try:
        return json.loads(value, parse_constant=refuse, parse_int=lambda digits: v.whole(int(digits[: run.limits.bits]), run))
    except (ValueError, RecursionError) as error:
        raise v.failure(f"fromjson cannot be applied to {v.preview(value)}: {error}") from error


@_native("tostring/0")
def _tostring(run: Run, value: Any) -> str:
    return v.text(value, run)


@_native("tonumber/0")
def _tonumber(run: Run, value: Any) -> Any:
    if v.is_number(value):
        return value
    if not isinstance(value, str):
        raise _not_for("tonumber", value)
    if not _NUMBER.fullmatch(value) or len(value) > run.limits.bits // 4:
        raise v.failure(f"tonumber cannot be applied to {v.preview(value)}: invalid number")
    try:
        return int(value)
    except ValueError:
        return float(value)


@_native("toboolean/0")
def _toboolean(run: Run, value: Any) -> bool:
    if value is True or value == "true":
        return True
    if value is False or value == "false":
        return False
    raise _not_for("toboolean", value)


@_native("format/1")
def _format(run: Run, value: Any, name: Any) -> str:
    if not isinstance(name, str):
        raise v.failure(f"format({v.preview(name)}) cannot be applied to: {v.preview(value)}")
    if name not in FORMATS:
        raise v.failure(f"format not defined: {v.preview(name)}")
    return FORMATS[name](value, run)


@_native("setpath/2")
def _setpath(run: Run, value: Any, path: Any, new: Any) -> Any:
    if not isinstance(path, list):
        raise _not_for("setpath", path)
    return set_path(value, tuple(path), new, run)


@_native("delpaths/1")
def _delpaths(run: Run, value: Any, paths: Any) -> Any:
    if not isinstance(paths, list) or not all(isinstance(path, list) for path in paths):
        raise _not_for("delpaths", paths)
    return delete_paths(value, [tuple(path) for path in paths], run)


@_native("from_entries/0")
def _from_entries(run: Run, value: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for entry in v.elements(value):
        run.charge()
        if not isinstance(entry, dict):
            raise v.failure(f"expected an object but got: {v.preview(entry)}")
        key = next((entry[name] for name in ("key", "Key", "name", "Name") if truthy(entry.get(name))), None)
        if not isinstance(key, str):
            raise v.failure(f"expected a string for object key but got: {v.preview(key)}")
        made[key] = entry["value"] if "value" in entry else entry.get("Value")
    return made


@_native("builtins/0")
def _builtins(run: Run, value: Any) -> list[str]:
    names = {*BUILTINS, *defined_names()}
    return run.made(sorted(name for name in names if not name.startswith("_")))  # type: ignore[no-any-return]


# Arrays


def _array(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _not_for(name, value)
    return value


@_native("sort/0")
def _sort(run: Run, value: Any) -> list[Any]:
    return sorted(_array("sort", value), key=v.sort_key(run))


@_native("unique/0")
def _unique(run: Run, value: Any) -> list[Any]:
    made: list[Any] = []
    for item in sorted(_array("unique", value), key=v.sort_key(run)):
        if not made or v.compare(made[-1], item, run):
            made.append(item)
    return made


@_native("min/0")
def _min(run: Run, value: Any) -> Any:
    return min(_array("min", value), key=v.sort_key(run), default=None)


@_native("max/0")
def _max(run: Run, value: Any) -> Any:
    return max(reversed(_array("max", value)), key=v.sort_key(run), default=None)


def _keyed(name: str, value: Any, keys: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(keys, _array(name, value), strict=True))


def _by_key(run: Run) -> Callable[[tuple[Any, Any]], Any]:
    wrap = v.sort_key(run)
    return lambda pair: wrap(pair[0])


@_native("_sort_by/1")
def _sort_by(run: Run, value: Any, keys: list[Any]) -> list[Any]:
    return [item for _, item in sorted(_keyed("sort_by", value, keys), key=_by_key(run))]


@_native("_group_by/1")
def _group_by(run: Run, value: Any, keys: list[Any]) -> list[Any]:
    groups: list[list[Any]] = []
    last: Any = None
    for key, item in sorted(_keyed("group_by", value, keys), key=_by_key(run)):
        if groups and v.compare(last, key, run) == 0:
            groups[-1].append(item)
        else:
            groups.append([item])
        last = key
    return groups


@_native("_unique_by/1")
def _unique_by(run: Run, value: Any, keys: list[Any]) -> list[Any]:
    return [group[0] for group in _group_by(run, value, keys)]


@_native("_min_by/1")
def _min_by(run: Run, value: Any, keys: list[Any]) -> Any:
    return min(_keyed("min_by", value, keys), key=_by_key(run), default=(None, None))[1]


@_native("_max_by/1")
def _max_by(run: Run, value: Any, keys: list[Any]) -> Any:
    return max(reversed(_keyed("max_by", value, keys)), key=_by_key(run), default=(None, None))[1]


@_native("reverse/0")
def _reverse(run: Run, value: Any) -> list[Any]:
    items = _array("reverse", value)
    run.reserve(len(items))
    return list(reversed(items))


@_native("flatten/0")
def _flatten_all(run: Run, value: Any) -> list[Any]:
    return _flatten(run, value, v.MAX_DEPTH)


@_native("flatten/1")
def _flatten(run: Run, value: Any, depth: Any) -> list[Any]:
    if not v.is_number(depth):
        raise _not_for("flatten", depth)
    if depth < 0:
        raise v.failure(f"flatten depth should not be negative: {v.number_text(depth)}")
    items = v.elements(value)
    for _ in range(int(min(depth, v.MAX_DEPTH))):
        if not any(isinstance(item, list) for item in items):
            break
        flat: list[Any] = []
        for item in items:
            run.charge()
            if isinstance(item, list):
                run.charge(len(item))
                flat.extend(item)
            else:
                flat.append(item)
        items = flat
    run.reserve(len(items))
    return list(items)


@_native("indices/1")
def _indices(run: Run, value: Any, wanted: Any) -> list[int] | None:
    if value is None:
        return None
    if isinstance(value, list):
        found = v.occurrences(value, wanted if isinstance(wanted, list) else [wanted], run)
        return [] if found is None else found
    if not isinstance(value, str) or not isinstance(wanted, str):
        raise v.failure(f"indices({v.preview(wanted)}) cannot be applied to: {v.preview(value)}")
    places: list[int] = []
    if not wanted:
        return places
    at = value.find(wanted)
    while at >= 0:
        run.charge(1 + (len(wanted) >> 6))
        places.append(at)
        at = value.find(wanted, at + 1)
    run.reserve(len(value))
    return places


@_native("index/1")
def _index(run: Run, value: Any, wanted: Any) -> int | None:
    found = _indices(run, value, wanted)
    return found[0] if found else None


@_native("rindex/1")
def _rindex(run: Run, value: Any, wanted: Any) -> int | None:
    found = _indices(run, value, wanted)
    return found[-1] if found else None


@_native("bsearch/1")
def _bsearch(run: Run, value: Any, wanted: Any) -> int:
    items = _array("bsearch", value)
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if v.compare(items[middle], wanted, run) < 0:
            low = middle + 1
        else:
            high = middle
    return low if low < len(items) and v.compare(items[low], wanted, run) == 0 else -low - 1


# Strings


def _texts(name: str, value: Any, other: Any) -> tuple[str, str]:
    if not isinstance(value, str) or not isinstance(other, str):
        raise v.failure(f"{name}({v.preview(other)}) cannot be applied to: {v.preview(value)}")
    return value, other


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _not_for(name, value)
    return value


@_native("startswith/1")
def _startswith(run: Run, value: Any, prefix: Any) -> bool:
    text, start = _texts("startswith", value, prefix)
    return text.startswith(start)


@_native("endswith/1")
def _endswith(run: Run, value: Any, suffix: Any) -> bool:
    text, end = _texts("endswith", value, suffix)
    return text.endswith(end)


@_native("ltrimstr/1")
def _ltrimstr(run: Run, value: Any, prefix: Any) -> str:
    text, start = _texts("ltrimstr", value, prefix)
    return text.removeprefix(start)


@_native("rtrimstr/1")
def _rtrimstr(run: Run, value: Any, suffix: Any) -> str:
    text, end = _texts("rtrimstr", value, suffix)
    return text.removesuffix(end)


@_native("trimstr/1")
def _trimstr(run: Run, value: Any, around: Any) -> str:
    text, other = _texts("trimstr", value, around)
    return text.removeprefix(other).removesuffix(other)


@_native("trim/0")
def _trim(run: Run, value: Any) -> str:
    return _text("trim", value).strip(_SPACE)


@_native("ltrim/0")
def _ltrim(run: Run, value: Any) -> str:
    return _text("ltrim", value).lstrip(_SPACE)


@_native("rtrim/0")
def _rtrim(run: Run, value: Any) -> str:
    return _text("rtrim", value).rstrip(_SPACE)


_LOWER: Final = {code: code + 32 for code in range(65, 91)}
_UPPER: Final = {code: code - 32 for code in range(97, 123)}


@_native("ascii_downcase/0")
def _ascii_downcase(run: Run, value: Any) -> str:
    return run.made(_text("ascii_downcase", value)).translate(_LOWER)  # type: ignore[no-any-return]


@_native("ascii_upcase/0")
def _ascii_upcase(run: Run, value: Any) -> str:
    return run.made(_text("ascii_upcase", value)).translate(_UPPER)  # type: ignore[no-any-return]


@_native("explode/0")
def _explode(run: Run, value: Any) -> list[int]:
    run.charge(len(_text("explode", value)))
    return [ord(char) for char in value]


@_native("implode/0")
def _implode(run: Run, value: Any) -> str:
    codes = _array("implode", value)
    run.reserve(len(codes))
    if not all(v.is_number(code) for code in codes):
        raise _not_for("implode", value)
    return "".join(map(_char, codes))


def _char(code: float) -> str:
    number = v.to_int(code) if code == code else -1
    return chr(number) if 0 <= number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\ufffd"


@_native("split/1")
def _split(run: Run, value: Any, separator: Any) -> list[str]:
    text, by = _texts("split", value, separator)
    if not text and by:
        return [""]
    return v.split(text, by, run)


@_native("split/2")
def _split_regex(run: Run, value: Any, pattern: Any, flags: Any) -> list[str]:
    parts = []
    at = 0
    for match in matching.matches(value, pattern, flags, run, all_of_them=True):
        parts.append(value[at : match["offset"]])
        at = match["offset"] + match["length"]
    return [*parts, value[at:]]


@_special("match/2")
def _match(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    codes = [compiler.compile(arg, scope) for arg in args]

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for given in _arguments(run, env, value, codes, len(codes) - 1):
            yield from matching.matches(value, given[0], given[1], run)

    return Code(gen=gen)


@_special("capture/2")
def _capture(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    found = _match(compiler, args, scope)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for match in found.gen(run, env, value):
            yield matching.named(match)

    return Code(gen=gen)


@_native("test/2")
def _test(run: Run, value: Any, pattern: Any, flags: Any) -> bool:
    return next(matching.matches(value, pattern, flags, run), None) is not None


# Dates


@_native("gmtime/0")
def _gmtime(run: Run, value: Any) -> list[Any]:
    return dates.broken_down(value, "gmtime")


@_native("mktime/0")
def _mktime(run: Run, value: Any) -> float:
    return dates.seconds_of(value, "mktime")


@_native("strftime/1")
def _strftime(run: Run, value: Any, form: Any) -> str:
    return run.made(dates.strftime(value, form))  # type: ignore[no-any-return]


@_native("strptime/1")
def _strptime(run: Run, value: Any, form: Any) -> list[Any]:
    if isinstance(form, str):
        run.reserve(len(form) * 16)
    return dates.strptime(value, form)


@_native("fromdate/0")
def _fromdate(run: Run, value: Any) -> float:
    return dates.from_iso(value)


# Numbers


def _number(name: str, value: Any) -> float:
    if not v.is_number(value):
        raise _not_for(name, value)
    number: float = value
    return number


@_native("infinite/0")
def _infinite(run: Run, value: Any) -> float:
    return math.inf


@_native("nan/0")
def _nan(run: Run, value: Any) -> float:
    return math.nan


@_native("isnan/0")
def _isnan(run: Run, value: Any) -> bool:
    return math.isnan(v.real(_number("isnan", value)))


@_native("isinfinite/0")
def _isinfinite(run: Run, value: Any) -> bool:
    return v.is_number(value) and math.isinf(v.real(value))


@_native("isfinite/0")
def _isfinite(run: Run, value: Any) -> bool:
    return v.is_number(value) and not math.isinf(v.real(value))


@_native("isnormal/0")
def _isnormal(run: Run, value: Any) -> bool:
    return v.is_number(value) and math.isfinite(v.real(value)) and abs(value) >= 2.2250738585072014e-308


@_native("abs/0")
def _abs(run: Run, value: Any) -> float:
    return abs(_number("abs", value))


def _half_even(value: float) -> float:
    return float(round(value)) if math.isfinite(value) else value


def _half_away(value: float) -> float:
    if not math.isfinite(value):
        return value
    return math.copysign(math.floor(abs(value) + 0.5) if abs(value) < 2**52 else abs(value), value)


def _rounded(name: str, function: Callable[[float], float]) -> None:
    @_native(f"{name}/0")
    def rounded(run: Run, value: Any) -> float:
        number = _number(name, value)
        return number if type(number) is int or not math.isfinite(number) else int(function(number))


_WHOLE: Final[dict[str, Callable[[float], float]]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "round": _half_away,
    "nearbyint": _half_even,
    "rint": _half_even,
}
for _name, _function in _WHOLE.items():
    _rounded(_name, _function)


def _math(name: str, arity: int, function: Callable[..., float]) -> None:
    """Registers a function of floats; where Python raises, C gives infinity or NaN."""

    def apply(numbers: list[float]) -> float:
        try:
            return float(function(*numbers))
        except OverflowError:
            return math.inf
        except (ValueError, ZeroDivisionError):
            return math.nan

    if arity == 0:

        @_native(f"{name}/0")
        def of_input(run: Run, value: Any) -> float:
            return apply([v.real(_number(name, value))])
    else:

        @_native(f"{name}/{arity}")
        def of_arguments(run: Run, value: Any, *args: Any) -> float:
            return apply([v.real(_number(name, arg)) for arg in args])


def _logarithm(function: Callable[[float], float], pole: float = 0.0) -> Callable[[float], float]:
    return lambda x: -math.inf if x == pole else function(x)


def _pow(base: float, exponent: float) -> float:
    if base == 0 and exponent < 0:
        return math.inf
    return math.pow(base, exponent)


def _tgamma(x: float) -> float:
    return math.copysign(math.inf, x) if x == 0 else math.gamma(x)


def _scaled(x: float, exponent: float) -> float:
    return math.ldexp(x, int(max(-5000.0, min(5000.0, exponent))))


def _significand(x: float) -> float:
    return x if x == 0 or not math.isfinite(x) else math.frexp(x)[0] * 2


def _logb(x: float) -> float:
    if x == 0:
        return -math.inf
    return math.frexp(x)[1] - 1 if math.isfinite(x) else abs(x)


def _fmax(x: float, y: float) -> float:
    return y if x != x else x if y != y else max(x, y)


def _fmin(x: float, y: float) -> float:
    return y if x != x else x if y != y else min(x, y)


_OF_ONE: Final[dict[str, Callable[[float], float]]] = {
    "fabs": abs,
    "sqrt": math.sqrt,
    "cbrt": math.cbrt,
    "exp": math.exp,
    "exp2": math.exp2,
    "exp10": lambda x: math.pow(10, x),
    "expm1": math.expm1,
    "log": _logarithm(math.log),
    "log2": _logarithm(math.log2),
    "log10": _logarithm(math.log10),
    "log1p": _logarithm(math.log1p, -1.0),
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": math.acosh,
    "atanh": math.atanh,
    "gamma": _tgamma,
    "tgamma": _tgamma,
    "lgamma": math.lgamma,
    "erf": math.erf,
    "erfc": math.erfc,
    "significand": _significand,
    "logb": _logb,
}
for _name, _function in _OF_ONE.items():
    _math(_name, 0, _function)

_OF_TWO: Final[dict[str, Callable[[float, float], float]]] = {
    "pow": _pow,
    "atan2": math.atan2,
    "fmod": math.fmod,
    "copysign": math.copysign,
    "hypot": math.hypot,
    "fdim": lambda x, y: max(x - y, 0.0),
    "fmax": _fmax,
    "fmin": _fmin,
    "nextafter": math.nextafter,
    "nexttoward": math.nextafter,
    "drem": math.remainder,
    "remainder": math.remainder,
    "ldexp": _scaled,
    "scalb": _scaled,
    "scalbln": _scaled,
}
for _name, _both in _OF_TWO.items():
    _math(_name, 2, _both)

_math("fma", 3, lambda x, y, z: x * y + z)


@_native("frexp/0")
def _frexp(run: Run, value: Any) -> list[float]:
    fraction, exponent = math.frexp(v.real(_number("frexp", value)))
    return [fraction, exponent]


@_native("modf/0")
def _modf(run: Run, value: Any) -> list[float]:
    return list(math.modf(v.real(_number("modf", value))))
