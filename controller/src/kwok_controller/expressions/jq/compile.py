# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Makes a parse tree into Python closures.

Each part of a query becomes a generator of its results; where a part always has exactly one, also a plain function, for that takes a
fraction of the time. Variables and the functions given as arguments stand in an environment of linked pairs, at places known when the query
is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from kwok_controller.expressions.jq import nodes as n
from kwok_controller.expressions.jq import values as v
from kwok_controller.expressions.jq.code import Batch, Code, Env, Gen, One, Paths, checked, lookup, outer, truthy
from kwok_controller.expressions.jq.errors import JqBreak, JqRuntimeError, JqSyntaxError
from kwok_controller.expressions.jq.formats import FORMATS
from kwok_controller.expressions.jq.limits import Run
from kwok_controller.expressions.jq.paths import Path, delete_paths, get_path, set_path
from kwok_controller.expressions.jq.simple import names_of, path_of_names

Operator: TypeAlias = Callable[[Any, Any, Run], Any]

_ARITHMETIC: Final[dict[str, Operator]] = {"+": v.add, "-": v.subtract, "*": v.multiply, "/": v.divide, "%": v.modulo}
_COMPARISONS: Final[dict[str, Operator]] = {
    "==": v.equal,
    "!=": lambda left, right, run: not v.equal(left, right, run),
    "<": lambda left, right, run: v.compare(left, right, run) < 0,
    "<=": lambda left, right, run: v.compare(left, right, run) <= 0,
    ">": lambda left, right, run: v.compare(left, right, run) > 0,
    ">=": lambda left, right, run: v.compare(left, right, run) >= 0,
}


class Scope:
    """What names mean at a place of the query.

    Attributes:
        depth: how many entries the environment has there.
        names: `$name` → depth of its entry; `name/arity` → a function; `*name` of a label → depth of its entry.
    """

    __slots__ = ("depth", "names")

    def __init__(self, depth: int = 0, names: dict[str, Any] | None = None) -> None:
        self.depth = depth
        self.names = names if names is not None else {}

    def bind(self, name: str) -> Scope:
        """With one more entry."""
        return Scope(self.depth + 1, {**self.names, name: self.depth + 1})

    def define(self, function: Function) -> Scope:
        """With a function."""
        return Scope(self.depth, {**self.names, f"{function.name}/{len(function.params)}": function})


class Parameter:
    """A function given as an argument: what stands in the environment is the code and where it was written."""

    __slots__ = ("depth",)

    def __init__(self, depth: int) -> None:
        self.depth = depth


class Function:
    """A function that a query defines; its body is compiled when it is called first, for it may call itself."""

    __slots__ = ("_compiler", "_definition", "_scope", "code", "name", "params")

    def __init__(self, compiler: Compiler, name: str, params: tuple[str, ...], body: n.Node, scope: Scope) -> None:
        self.name = name
        self.params = params
        self._compiler = compiler
        self._definition = body
        self._scope = scope
        self.code: Code | None = None

    @property
    def depth(self) -> int:
        """Entries in the environment where it is defined."""
        return self._scope.depth

    def compiled(self) -> Code:
        """Its body."""
        if self.code is None:
            scope = self._scope.define(self)
            for param in self.params:
                scope = Scope(scope.depth + 1, {**scope.names, f"{param.lstrip('$')}/0": Parameter(scope.depth + 1)})
                if param.startswith("$"):
                    scope = scope.bind(param)
            self.code = Code()  # what the body calls while it is compiled
            self.code.take(self._compiler.compile(self._definition, scope))
        return self.code


Special: TypeAlias = Callable[["Compiler", tuple[n.Node, ...], Scope], Code]
"""Compiles a call of a function that treats its arguments in a way of its own."""


class Compiler:
    """Compiles the parts of one query.

    Args:
        source: the query, for messages.
        builtins: the functions that a query can call, by `name/arity`.
        definitions: gives a function that is itself written in jq.
    """

    def __init__(self, source: str, builtins: dict[str, Special], definitions: Callable[[str], n.Define | None]) -> None:
        self._source = source
        self._builtins = builtins
        self._definitions = definitions
        self._defined: dict[str, Function] = {}

    def fail(self, message: str) -> JqSyntaxError:
        """What is wrong with the query."""
        return JqSyntaxError(self._source, message)

    def compile(self, node: n.Node, scope: Scope) -> Code:
        """The code of a part.

        Raises:
            JqSyntaxError: a name is not defined.
        """
        code: Code = getattr(self, "_" + type(node).__name__.lower())(node, scope)
        return code

    # Values

    def _identity(self, node: n.Identity, scope: Scope) -> Code:
        def paths(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
            yield path, value

        return Code(one=lambda run, env, value: value, paths=lambda: paths, batch=lambda run, values: values)

    def _literal(self, node: n.Literal, scope: Scope) -> Code:
        return self.constant(node.value)

    def constant(self, result: Any) -> Code:
        """What always gives the same."""
        code = Code(one=lambda run, env, value: result)
        code.constant = [result]
        return code

    def _text(self, node: n.Text, scope: Scope) -> Code:
        form = FORMATS.get(node.format or "text")
        if form is None:
            return self._undefined_format(node.format or "")
        parts: list[str | Code] = [part if isinstance(part, str) else self.compile(part, scope) for part in node.parts]

        def joined(run: Run, texts: list[str]) -> str:
            run.reserve(sum(map(len, texts)))
            return "".join(texts)

        if all(isinstance(part, str) or part.one for part in parts):
            ones: list[Any] = [part if isinstance(part, str) else part.one for part in parts]

            def one(run: Run, env: Env, value: Any) -> str:
                return joined(run, [item if isinstance(item, str) else form(item(run, env, value), run) for item in ones])

            return Code(one=one)

        def rest(run: Run, env: Env, value: Any, last: int) -> Iterator[list[str]]:
            # The last part varies slowest.
            if last < 0:
                yield []
                return
            part = parts[last]
            for text in [part] if isinstance(part, str) else part.gen(run, env, value):
                formatted = text if isinstance(part, str) else form(text, run)
                for before in rest(run, env, value, last - 1):
                    run.charge()
                    yield [*before, formatted]

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            for texts in rest(run, env, value, len(parts) - 1):
                yield joined(run, texts)

        return Code(gen=gen)

    def _format(self, node: n.Format, scope: Scope) -> Code:
        form = FORMATS.get(node.name)
        if form is None:
            return self._undefined_format(node.name)
        return Code(one=lambda run, env, value: form(value, run))

    def _undefined_format(self, name: str) -> Code:
        def one(run: Run, env: Env, value: Any) -> Any:
            raise v.failure(f"format not defined: @{name}")

        return Code(one=one)

    def _array(self, node: n.Array, scope: Scope) -> Code:
        if node.body is None:
            return Code(one=lambda run, env, value: [])
        gen = self.compile(node.body, scope).gen

        def one(run: Run, env: Env, value: Any) -> list[Any]:
            results = []
            for result in gen(run, env, value):
                run.charge()
                results.append(result)
            return results

        return Code(one=one)

    def _object(self, node: n.Object, scope: Scope) -> Code:
        entries = [(self.compile(key, scope), self.compile(value, scope)) for key, value in node.entries]
        if all(key.one and item.one for key, item in entries):
            ones: list[tuple[Any, Any]] = [(key.one, item.one) for key, item in entries]

            def one(run: Run, env: Env, value: Any) -> dict[str, Any]:
                run.charge(len(ones))
                return {_key(key(run, env, value)): item(run, env, value) for key, item in ones}

            return Code(one=one)

        def rest(run: Run, env: Env, value: Any, at: int, made: dict[str, Any]) -> Iterator[dict[str, Any]]:
            if at == len(entries):
                yield made
                return
            key_code, item_code = entries[at]
            for key in key_code.gen(run, env, value):
                for item in item_code.gen(run, env, value):
                    run.charge(1 + len(made))
                    yield from rest(run, env, value, at + 1, {**made, _key(key): item})

        return Code(gen=lambda run, env, value: rest(run, env, value, 0, {}))

    def _variable(self, node: n.Variable, scope: Scope) -> Code:
        if node.name == "$ENV" and "$ENV" not in scope.names:
            return Code(one=lambda run, env, value: {})  # as in the Go kwok: nothing of the environment
        depth = scope.names.get(node.name)
        if depth is None:
            raise self.fail(f"variable not defined: {node.name}")
        up = scope.depth - depth
        if up == 0:
            return Code(one=lambda run, env, value: env[0])
        return Code(one=lambda run, env, value: lookup(env, up))

    # Paths

    def _index(self, node: n.Index, scope: Scope) -> Code:
        names = names_of(node)
        if names is not None:
            return path_of_names(names)
        target, index = self.compile(node.target, scope), self.compile(node.index, scope)

        def paths() -> Paths:
            target_paths = target.paths()

            def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
                for key in index.gen(run, env, value):
                    for at, found in target_paths(run, env, path, value):
                        run.charge()
                        yield (*checked(at, found), key), v.index(found, key, run)

            return go

        if target.one and index.one:
            target_one, index_one = target.one, index.one
            one: One = lambda run, env, value: v.index(target_one(run, env, value), index_one(run, env, value), run)  # noqa: E731
            return Code(one=one, paths=paths, batch=_batch(one) if target.batch and index.constant else None)

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            for key in index.gen(run, env, value):
                for found in target.gen(run, env, value):
                    run.charge()
                    yield v.index(found, key, run)

        return Code(gen=gen, paths=paths, batch=_then(target.batch, index) if target.batch and index.constant else None)

    def _slice(self, node: n.Slice, scope: Scope) -> Code:
        target = self.compile(node.target, scope)
        start = self.compile(node.start or n.Literal(None), scope)
        stop = self.compile(node.stop or n.Literal(None), scope)

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            for first in start.gen(run, env, value):
                for last in stop.gen(run, env, value):
                    for found in target.gen(run, env, value):
                        yield _sliced(found, first, last, run)

        def paths() -> Paths:
            target_paths = target.paths()

            def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
                for first in start.gen(run, env, value):
                    for last in stop.gen(run, env, value):
                        for at, found in target_paths(run, env, path, value):
                            key = {"start": first, "end": last}
                            yield (*checked(at, found), key), _sliced(found, first, last, run)

            return go

        if target.one and start.one and stop.one:
            target_one, start_one, stop_one = target.one, start.one, stop.one
            return Code(
                one=lambda run, env, value: _sliced(
                    target_one(run, env, value), start_one(run, env, value), stop_one(run, env, value), run
                ),
                paths=paths,
            )
        return Code(gen=gen, paths=paths)

    def _iterate(self, node: n.Iterate, scope: Scope) -> Code:
        target = self.compile(node.target, scope)

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            for found in target.gen(run, env, value):
                for item in v.elements(found):
                    run.charge()
                    yield item

        def paths() -> Paths:
            target_paths = target.paths()

            def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
                for at, found in target_paths(run, env, path, value):
                    base = checked(at, found)
                    if isinstance(found, dict):
                        for key in sorted(found):
                            run.charge()
                            yield (*base, key), found[key]
                    else:
                        for place, item in enumerate(v.elements(found)):
                            run.charge()
                            yield (*base, place), item

            return go

        before = target.batch
        if before is None:
            return Code(gen=gen, paths=paths)

        def batch(run: Run, values: list[Any]) -> list[Any]:
            found = before(run, values)
            results = v.elements(found[0]) if len(found) == 1 else [item for value in found for item in v.elements(value)]
            run.charge(len(results))
            return results

        return Code(gen=gen, paths=paths, batch=batch)

    def _recursedefault(self, node: n.RecurseDefault, scope: Scope) -> Code:
        return self.compile(n.Call("recurse", ()), scope)

    # Composition

    def _pipe(self, node: n.Pipe, scope: Scope) -> Code:
        left, right = self.compile(node.left, scope), self.compile(node.right, scope)
        left_gen, right_gen = left.gen, right.gen

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            for result in left_gen(run, env, value):
                run.charge()
                yield from right_gen(run, env, result)

        def paths() -> Paths:
            left_paths, right_paths = left.paths(), right.paths()

            def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
                for at, found in left_paths(run, env, path, value):
                    run.charge()
                    yield from right_paths(run, env, at, found)

            return go

        before, after = left.batch, right.batch
        batch: Batch | None = (lambda run, values: after(run, before(run, values))) if before and after else None
        if left.one and right.one:
            left_one, right_one = left.one, right.one
            return Code(one=lambda run, env, value: right_one(run, env, left_one(run, env, value)), paths=paths, batch=batch)
        return Code(gen=gen, paths=paths, batch=batch)

    def _comma(self, node: n.Comma, scope: Scope) -> Code:
        left, right = self.compile(node.left, scope), self.compile(node.right, scope)

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            run.charge()
            yield from left.gen(run, env, value)
            yield from right.gen(run, env, value)

        def paths() -> Paths:
            left_paths, right_paths = left.paths(), right.paths()

            def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
                run.charge()
                yield from left_paths(run, env, path, value)
                yield from right_paths(run, env, path, value)

            return go

        return Code(gen=gen, paths=paths)

    def _try(self, node: n.Try, scope: Scope) -> Code:
        body = self.compile(node.body, scope)
        handler = self.compile(node.handler, scope) if node.handler else None

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            try:
                yield from body.gen(run, env, value)
            except JqRuntimeError as error:
                caught = error.value
            else:
                return
            if handler:
                yield from handler.gen(run, env, caught)

        def paths() -> Paths:
            body_paths = body.paths()
            handler_paths = handler.paths() if handler else None

            def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
                try:
                    yield from body_paths(run, env, path, value)
                except JqRuntimeError as error:
                    caught = error.value
                else:
                    return
                if handler_paths:
                    yield from handler_paths(run, env, None, caught)

            return go

        if body.one and handler and handler.one:
            body_one, handler_one = body.one, handler.one

            def one(run: Run, env: Env, value: Any) -> Any:
                try:
                    return body_one(run, env, value)
                except JqRuntimeError as error:
                    caught = error.value
                return handler_one(run, env, caught)

            return Code(one=one, paths=paths)
        return Code(gen=gen, paths=paths)

    def _if(self, node: n.If, scope: Scope) -> Code:
        condition, yes = self.compile(node.condition, scope), self.compile(node.yes, scope)
        no = self.compile(node.no or n.Identity(), scope)

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            for result in condition.gen(run, env, value):
                run.charge()
                yield from (yes if truthy(result) else no).gen(run, env, value)

        def paths() -> Paths:
            yes_paths, no_paths = yes.paths(), no.paths()

            def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
                for result in condition.gen(run, env, value):
                    run.charge()
                    yield from (yes_paths if truthy(result) else no_paths)(run, env, path, value)

            return go

        if condition.one and yes.one and no.one:
            condition_one, yes_one, no_one = condition.one, yes.one, no.one
            return Code(
                one=lambda run, env, value: (yes_one if truthy(condition_one(run, env, value)) else no_one)(run, env, value), paths=paths
            )
        return Code(gen=gen, paths=paths)

    # Operators

    def _negate(self, node: n.Negate, scope: Scope) -> Code:
        body = self.compile(node.body, scope)

        def negated(value: Any) -> Any:
            if not v.is_number(value):
                raise v.failure(f"cannot negate: {v.preview(value)}")
            return -value

        if body.constant and v.is_number(body.constant[0]):
            return self.constant(-body.constant[0])
        if body.one:
            body_one = body.one
            return Code(one=lambda run, env, value: negated(body_one(run, env, value)))

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            for result in body.gen(run, env, value):
                yield negated(result)

        return Code(gen=gen)

    def _binary(self, node: n.Binary, scope: Scope) -> Code:
        if node.op == "//":
            return self._alternative(node, scope)
        left, right = self.compile(node.left, scope), self.compile(node.right, scope)
        if node.op in ("and", "or"):
            return _logic(node.op == "or", left, right)
        operate = _ARITHMETIC.get(node.op) or _COMPARISONS[node.op]
        if left.one and right.one:
            return Code(one=_fast_equality(node.op, left.one, right) or _operation(operate, left.one, right.one))

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            # The right side varies slower.
            for second in right.gen(run, env, value):
                for first in left.gen(run, env, value):
                    run.charge()
                    yield operate(first, second, run)

        return Code(gen=gen)

    def _alternative(self, node: n.Binary, scope: Scope) -> Code:
        left, right = self.compile(node.left, scope), self.compile(node.right, scope)

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            found = False
            for result in left.gen(run, env, value):
                run.charge()
                if truthy(result):
                    found = True
                    yield result
            if not found:
                yield from right.gen(run, env, value)

        def paths() -> Paths:
            left_paths, right_paths = left.paths(), right.paths()

            def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
                found = False
                for at, result in left_paths(run, env, path, value):
                    run.charge()
                    if truthy(result):
                        found = True
                        yield at, result
                if not found:
                    yield from right_paths(run, env, path, value)

            return go

        if left.one and right.one:
            left_one, right_one = left.one, right.one

            def one(run: Run, env: Env, value: Any) -> Any:
                result = left_one(run, env, value)
                return result if truthy(result) else right_one(run, env, value)

            return Code(one=one, paths=paths, batch=_batch(one) if left.batch and (right.batch or right.constant) else None)
        return Code(gen=gen, paths=paths)

    def _update(self, node: n.Update, scope: Scope) -> Code:
        left_paths = self.compile(node.left, scope).paths()
        right = self.compile(node.right, scope)
        if node.op == "|=":
            return Code(one=lambda run, env, value: modify(left_paths, right.gen, run, env, value))
        if node.op == "=":
            change: Operator = lambda old, new, run: new  # noqa: E731
        elif node.op == "//=":
            change = lambda old, new, run: old if truthy(old) else new  # noqa: E731
        else:
            change = _ARITHMETIC[node.op[0]]

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            for new in right.gen(run, env, value):
                changed = value
                for at, found in left_paths(run, env, (), value):
                    path = checked(at, found)
                    run.charge()
                    changed = set_path(changed, path, change(get_path(changed, path, run), new, run), run)
                yield changed

        return Code(gen=gen)

    # Names

    def _bind(self, node: n.Bind, scope: Scope) -> Code:
        source = self.compile(node.source, scope)
        names = list(dict.fromkeys(name for pattern in node.patterns for name in _pattern_names(pattern)))
        inner = scope
        for name in names:
            inner = inner.bind(name)
        body = self.compile(node.body, inner)
        binders = [self._destructure(pattern, scope, names) for pattern in node.patterns]
        simple = len(binders) == 1 and isinstance(node.patterns[0], n.VariablePattern)

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            if simple:
                for result in source.gen(run, env, value):
                    run.charge()
                    yield from body.gen(run, (result, env), value)
                return
            for result in source.gen(run, env, value):
                run.charge()
                for number, binder in enumerate(binders):
                    try:
                        for bound in binder(run, env, result):
                            yield from body.gen(run, bound, value)
                    except JqRuntimeError:
                        if number == len(binders) - 1:
                            raise
                        continue
                    break

        def paths() -> Paths:
            body_paths = body.paths()

            def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
                for result in source.gen(run, env, value):
                    run.charge()
                    for number, binder in enumerate(binders):
                        try:
                            for bound in binder(run, env, result):
                                yield from body_paths(run, bound, path, value)
                        except JqRuntimeError:
                            if number == len(binders) - 1:
                                raise
                            continue
                        break

            return go

        if simple and source.one and body.one:
            source_one, body_one = source.one, body.one
            return Code(one=lambda run, env, value: body_one(run, (source_one(run, env, value), env), value), paths=paths)
        return Code(gen=gen, paths=paths)

    def _destructure(self, pattern: n.Pattern, scope: Scope, names: list[str]) -> Callable[[Run, Env, Any], Iterator[Env]]:
        """What gives the environments in which a pattern's variables are bound; all `names` are, to null where the pattern lacks them."""
        # Keys of patterns are computed where the variables to their left are bound already.
        inner = scope
        for name in names:
            inner = inner.bind(name)
        place = {name: at for at, name in enumerate(names)}
        step = self._pattern(pattern, inner, place)
        size = len(names)

        def environment(slots: tuple[Any, ...], env: Env) -> Env:
            for slot in slots:
                env = (slot, env)
            return env

        def bind(run: Run, env: Env, value: Any) -> Iterator[Env]:
            for slots in step(run, lambda slots: environment(slots, env), (None,) * size, value):
                yield environment(slots, env)

        return bind

    def _pattern(self, pattern: n.Pattern, scope: Scope, place: dict[str, int]) -> _Step:
        if isinstance(pattern, n.VariablePattern):
            at = place[pattern.name]

            def variable(run: Run, env: _ToEnv, slots: tuple[Any, ...], value: Any) -> Iterator[tuple[Any, ...]]:
                yield (*slots[:at], value, *slots[at + 1 :])

            return variable
        if isinstance(pattern, n.ArrayPattern):
            items = [self._pattern(item, scope, place) for item in pattern.items]

            def array(run: Run, env: _ToEnv, slots: tuple[Any, ...], value: Any) -> Iterator[tuple[Any, ...]]:
                if value is not None and not isinstance(value, list):
                    raise v.failure(f"expected an array but got: {v.preview(value)}")
                parts = [value[at] if value is not None and at < len(value) else None for at in range(len(items))]
                yield from _each(run, env, items, parts, slots, 0)

            return array
        entries = [
            (
                self.compile(key, scope),
                place[variable] if variable else None,
                self._pattern(inner, scope, place) if inner else None,
            )
            for key, variable, inner in pattern.entries
        ]

        def obj(run: Run, env: _ToEnv, slots: tuple[Any, ...], value: Any, at: int = 0) -> Iterator[tuple[Any, ...]]:
            if at == len(entries):
                yield slots
                return
            key_code, variable, inner = entries[at]
            for key in key_code.gen(run, env(slots), value):
                run.charge()
                if not isinstance(key, str):
                    raise v.failure(f"expected a string for object key but got: {v.preview(key)}")
                if value is not None and not isinstance(value, dict):
                    raise v.failure(f"expected an object but got: {v.preview(value)}")
                part = value.get(key) if value is not None else None
                filled = slots if variable is None else (*slots[:variable], part, *slots[variable + 1 :])
                for bound in inner(run, env, filled, part) if inner else (filled,):
                    yield from obj(run, env, bound, value, at + 1)

        return obj

    def _reduce(self, node: n.Reduce, scope: Scope) -> Code:
        source, start = self.compile(node.source, scope), self.compile(node.start, scope)
        names = list(dict.fromkeys(_pattern_names(node.pattern)))
        binder = self._destructure(node.pattern, scope, names)
        inner = scope
        for name in names:
            inner = inner.bind(name)
        update = self.compile(node.update, inner)

        def fold(run: Run, env: Env, value: Any, state: Any) -> Any:
            for item in source.gen(run, env, value):
                for bound in binder(run, env, item):
                    for result in update.gen(run, bound, state):
                        run.charge()
                        state = result
            return state

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            for state in start.gen(run, env, value):
                yield fold(run, env, value, state)

        if start.one:
            start_one = start.one
            return Code(one=lambda run, env, value: fold(run, env, value, start_one(run, env, value)))
        return Code(gen=gen)

    def _foreach(self, node: n.Foreach, scope: Scope) -> Code:
        source, start = self.compile(node.source, scope), self.compile(node.start, scope)
        names = list(dict.fromkeys(_pattern_names(node.pattern)))
        binder = self._destructure(node.pattern, scope, names)
        inner = scope
        for name in names:
            inner = inner.bind(name)
        update = self.compile(node.update, inner)
        extract = self.compile(node.extract or n.Identity(), inner)

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            for state in start.gen(run, env, value):
                for item in source.gen(run, env, value):
                    for bound in binder(run, env, item):
                        for result in update.gen(run, bound, state):
                            run.charge()
                            state = result
                            yield from extract.gen(run, bound, result)

        return Code(gen=gen)

    def _label(self, node: n.Label, scope: Scope) -> Code:
        body = self.compile(node.body, scope.bind("*" + node.name))

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            token = object()
            try:
                yield from body.gen(run, (token, env), value)
            except JqBreak as stop:
                if stop.token is not token:
                    raise

        def paths() -> Paths:
            body_paths = body.paths()

            def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
                token = object()
                try:
                    yield from body_paths(run, (token, env), path, value)
                except JqBreak as stop:
                    if stop.token is not token:
                        raise

            return go

        return Code(gen=gen, paths=paths)

    def _break(self, node: n.Break, scope: Scope) -> Code:
        depth = scope.names.get("*" + node.name)
        if depth is None:
            raise self.fail(f"label not defined: {node.name}")
        up = scope.depth - depth

        def one(run: Run, env: Env, value: Any) -> Any:
            raise JqBreak(lookup(env, up))

        return Code(one=one)

    # Functions

    def _define(self, node: n.Define, scope: Scope) -> Code:
        function = Function(self, node.name, node.params, node.body, scope)
        function.compiled()
        return self.compile(node.rest, scope.define(function))

    def _call(self, node: n.Call, scope: Scope) -> Code:
        name = f"{node.name}/{len(node.args)}"
        known = scope.names.get(name)
        if isinstance(known, Parameter):
            return _parameter_call(scope.depth - known.depth)
        if isinstance(known, Function):
            return self._function_call(known, node.args, scope)
        special = self._builtins.get(name)
        if special is not None:
            return special(self, node.args, scope)
        function = self._defined.get(name)
        if function is None:
            definition = self._definitions(name)
            if definition is None:
                raise self.fail(f"function not defined: {name}")
            function = self._defined[name] = Function(self, definition.name, definition.params, definition.body, Scope())
            function.compiled()
        return self._function_call(function, node.args, scope)

    def _function_call(self, function: Function, args: tuple[n.Node, ...], scope: Scope) -> Code:
        codes = [self.compile(arg, scope) for arg in args]
        up = scope.depth - function.depth
        body = function.compiled()
        dollars = [param.startswith("$") for param in function.params]

        def environments(run: Run, env: Env, inner: Env, value: Any, at: int) -> Iterator[Env]:
            if at == len(codes):
                yield inner
                return
            if not dollars[at]:
                yield from environments(run, env, ((codes[at], env), inner), value, at + 1)
                return
            for result in codes[at].gen(run, env, value):
                run.charge()
                entry = (_bound, (result, None))
                yield from environments(run, env, (result, (entry, inner)), value, at + 1)

        def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
            for inner in environments(run, env, outer(env, up), value, 0):
                run.charge()
                yield from body.gen(run, inner, value)

        def paths() -> Paths:
            def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
                body_paths = body.paths()
                for inner in environments(run, env, outer(env, up), value, 0):
                    run.charge()
                    yield from body_paths(run, inner, path, value)

            return go

        return Code(gen=gen, paths=paths)


_ToEnv: TypeAlias = Callable[[tuple[Any, ...]], Env]
_Step: TypeAlias = Callable[[Run, _ToEnv, tuple[Any, ...], Any], Iterator[tuple[Any, ...]]]
# The code of an argument whose value is known: what stands beside it in the environment.
_bound: Final = Code(one=lambda run, env, value: env[0])


def _parameter_call(up: int) -> Code:
    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        code, where = lookup(env, up)
        run.charge()
        yield from code.gen(run, where, value)

    def paths() -> Paths:
        def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
            code, where = lookup(env, up)
            run.charge()
            yield from code.paths()(run, where, path, value)

        return go

    return Code(gen=gen, paths=paths)


def _each(run: Run, env: _ToEnv, steps: list[_Step], parts: list[Any], slots: tuple[Any, ...], at: int) -> Iterator[tuple[Any, ...]]:
    if at == len(steps):
        yield slots
        return
    for bound in steps[at](run, env, slots, parts[at]):
        run.charge()
        yield from _each(run, env, steps, parts, bound, at + 1)


def modify(left_paths: Paths, right: Gen, run: Run, env: Env, value: Any) -> Any:
    """`|=`: the first result takes the place of what was there; where there is none, it goes."""
    changed = value
    gone: list[Path] = []
    for at, found in left_paths(run, env, (), value):
        path = checked(at, found)
        run.charge()
        for result in right(run, env, get_path(changed, path, run)):
            changed = set_path(changed, path, result, run)
            break
        else:
            gone.append(path)
    return delete_paths(changed, gone, run) if gone else changed


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise v.failure(f"expected a string for object key but got: {v.preview(key)}")
    return key


def _sliced(value: Any, start: Any, stop: Any, run: Run) -> Any:
    part = v.slice_of(value, start, stop)
    if part is not None:
        run.charge(1 + (len(part) >> 6))
    return part


def _batch(one: One) -> Batch:
    return lambda run, values: [one(run, None, value) for value in values]


def _then(before: Batch, index: Code) -> Batch:
    key = index.constant[0] if index.constant else None
    return lambda run, values: [v.index(found, key, run) for found in before(run, values)]


def _operation(operate: Operator, left: One, right: One) -> One:
    return lambda run, env, value: operate(left(run, env, value), right(run, env, value), run)


def _fast_equality(op: str, left: One, right: Code) -> One | None:
    """`==` and `!=` with a string: the comparison that selectors are made of."""
    if op not in ("==", "!=") or not right.constant or type(right.constant[0]) is not str:
        return None
    wanted = right.constant[0]
    if op == "==":
        return lambda run, env, value: left(run, env, value) == wanted
    return lambda run, env, value: left(run, env, value) != wanted


def _logic(stop_at: bool, left: Code, right: Code) -> Code:
    if left.one and right.one:
        left_one, right_one = left.one, right.one

        def one(run: Run, env: Env, value: Any) -> bool:
            if truthy(left_one(run, env, value)) is stop_at:
                return stop_at
            return truthy(right_one(run, env, value))

        return Code(one=one)

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for first in left.gen(run, env, value):
            run.charge()
            if truthy(first) is stop_at:
                yield stop_at
                continue
            for second in right.gen(run, env, value):
                run.charge()
                yield truthy(second)

    return Code(gen=gen)


def _pattern_names(pattern: n.Pattern) -> Iterator[str]:
    if isinstance(pattern, n.VariablePattern):
        yield pattern.name
    elif isinstance(pattern, n.ArrayPattern):
        for item in pattern.items:
            yield from _pattern_names(item)
    else:
        for _, variable, inner in pattern.entries:
            if variable:
                yield variable
            if inner:
                yield from _pattern_names(inner)
