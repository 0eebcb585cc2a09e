# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""gojq's functions that treat their arguments in a way of their own: how often they are asked, on what, with which paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kwok_controller.expressions.jq import matching
from kwok_controller.expressions.jq import nodes as n
from kwok_controller.expressions.jq import values as v
from kwok_controller.expressions.jq.code import Code, Env, One, Paths, checked, truthy
from kwok_controller.expressions.jq.compile import Compiler, Scope
from kwok_controller.expressions.jq.errors import JqRuntimeError
from kwok_controller.expressions.jq.limits import Run
from kwok_controller.expressions.jq.paths import Path, get_path
from kwok_controller.expressions.jq.registry import arguments, call, not_for, special
from kwok_controller.expressions.jq.simple import select_equal


@special("empty/0")
def _empty(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    def nothing(*_: Any) -> Iterator[Any]:
        return iter(())

    return Code(gen=nothing, paths=lambda: nothing)


@special("error/0")
def _error(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    def one(run: Run, env: Env, value: Any) -> Any:
        raise JqRuntimeError(value)

    return Code(one=one, paths=lambda: _raising(one))


@special("error/1")
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


@special("not/0")
def _not(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return Code(one=lambda run, env, value: value is None or value is False)


@special("select/1")
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


@special("map/1")
def _map(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return compiler.compile(n.Array(n.Pipe(n.Iterate(n.Identity()), args[0])), scope)


@special("recurse/0")
def _recurse_default(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _recurse(compiler, (n.Try(n.Iterate(n.Identity()), None),), scope)


@special("recurse/1")
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


@special("repeat/1")
def _repeat(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    body = compiler.compile(args[0], scope)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        while True:
            run.charge()
            for result in body.gen(run, env, value):
                run.charge()
                yield result

    return Code(gen=gen)


@special("while/2")
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


@special("until/2")
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
        raise not_for(name, count)
    if count < 0:
        raise v.failure(f"{name} doesn't support negative count")
    number: float = count
    return number


@special("limit/2")
def _limit(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _cut(compiler, args, scope, _take)


@special("skip/2")
def _skip(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _cut(compiler, args, scope, _drop)


@special("first/1")
def _first(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _cut(compiler, (n.Literal(1), args[0]), scope, _take)


@special("nth/2")
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


@special("last/1")
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


@special("any/2")
def _any(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _quantified(compiler, args, scope, True)


@special("all/2")
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


@special("add/1")
def _add(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    body = compiler.compile(args[0], scope)

    def one(run: Run, env: Env, value: Any) -> Any:
        total: Any = None
        for result in body.gen(run, env, value):
            total = v.add(total, result, run)
        return total

    return Code(one=one)


@special("range/1")
def _range_to(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _range(compiler, (n.Literal(0), args[0], n.Literal(1)), scope)


@special("range/2")
def _range_between(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    return _range(compiler, (*args, n.Literal(1)), scope)


@special("range/3")
def _range(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    start, stop, step = (compiler.compile(arg, scope) for arg in args)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for first in start.gen(run, env, value):
            for last in stop.gen(run, env, value):
                for by in step.gen(run, env, value):
                    for bound in (first, last, by):
                        if not v.is_number(bound):
                            raise not_for("range", bound)
                    yield from _counted(run, first, last, by)

    return Code(gen=gen)


def _counted(run: Run, at: Any, stop: Any, step: Any) -> Iterator[Any]:
    if step == 0:
        return
    while at < stop if step > 0 else at > stop:
        run.charge()
        yield at
        at = v.add(at, step, run)


@special("path/1")
def _path(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    body_paths = compiler.compile(args[0], scope).paths()

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for at, found in body_paths(run, env, (), value):
            run.charge()
            yield list(checked(at, found))

    return Code(gen=gen)


@special("getpath/1")
def _getpath(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    path_code = compiler.compile(args[0], scope)

    def get(run: Run, value: Any, path: Any) -> Any:
        if not isinstance(path, list):
            raise not_for("getpath", path)
        return get_path(value, tuple(path), run)

    def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
        for result in path_code.gen(run, env, value):
            found = get(run, value, result)
            yield (*checked(path, value), *result), found

    code = call(get, [path_code])
    return Code(one=code.one, gen=code.gen, paths=lambda: go)


@special("sub/3")
def _sub(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    pattern, replacement, flags = (compiler.compile(arg, scope) for arg in args)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for given in arguments(run, env, value, [pattern, flags], 1):
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


@special("now/0")
def _now(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
    raise compiler.fail("now/0 is not available here: what is evaluated must depend on nothing but the object")


def _unavailable(name: str) -> None:
    @special(name)
    def refuse(compiler: Compiler, args: tuple[n.Node, ...], scope: Scope) -> Code:
        raise compiler.fail(f"{name} is not allowed: there is one input, the object")


_unavailable("input/0")
_unavailable("inputs/0")
