# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Go templates, jq and CEL expressions generated from choices: all functions that there are, with whatever arguments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from fuzzing.choices import Choices
from fuzzing.values import KEYS, number, text, value
from kwok_controller.expressions.cel.functions import functions as cel_functions
from kwok_controller.expressions.gotemplate import Function, kwok_functions
from kwok_controller.expressions.jq.builtins import BUILTINS
from kwok_controller.expressions.jq.definitions import defined_names
from kwok_controller.lifecycle import Chance

_MAX_DEPTH: Final = 6

JQ_FUNCTIONS: Final = sorted({*BUILTINS, *defined_names()})
_JQ_BINARY: Final = ("|", ",", "+", "-", "*", "/", "%", "==", "<", ">=", "and", "or", "//", "=", "|=", "+=", "//=", "*=", "?//")
_JQ_FORMATS: Final = ("@text", "@json", "@csv", "@tsv", "@html", "@uri", "@sh", "@base64", "@base64d", "@urid", "@nosuch")


def _literal(choices: Choices) -> str:
    return json.dumps(text(choices), ensure_ascii=choices.chance(2))


def _name(choices: Choices) -> str:
    return choices.pick(KEYS)


def jq(choices: Choices, depth: int = 0) -> str:
    """A jq query; most are valid."""

    def sub() -> str:
        return jq(choices, depth + 1)

    kind = choices.below(26) if depth < _MAX_DEPTH else choices.below(6)
    match kind:
        case 0:
            return "."
        case 1:
            return f".{_name(choices)}"
        case 2:
            return json.dumps(number(choices))
        case 3:
            return _literal(choices)
        case 4:
            return choices.pick(
                ("null", "true", "empty", "..", "$x", "$__loc__", "$ENV", "input", "-1", "nan", "infinite", "error", "[]", "{}")
            )
        case 5:
            return f".metadata.{_name(choices)}[]?"
        case 6 | 7 | 8:
            return f"{sub()} | {sub()}"
        case 9 | 10:
            return f"({sub()} {choices.pick(_JQ_BINARY)} {sub()})"
        case 11 | 12 | 13 | 14:
            name, _, arity = choices.pick(JQ_FUNCTIONS).partition("/")
            count = int(arity)
            return f"{name}({'; '.join(sub() for _ in range(count))})" if count else name
        case 15:
            return f"[{sub()}]"
        case 16:
            return f'{{{_name(choices)}: {sub()}, ({sub()}): 1, $__loc__, "a\\({sub()})": 2}}' if choices.chance(2) else f"{{a: ({sub()})}}"
        case 17:
            return f".[{sub()}]{choices.pick(('', '?', '[1:]'))}"
        case 18:
            return f".[{sub()}:{sub()}]"
        case 19:
            return f"if {sub()} then {sub()} elif . then 1 else {sub()} end"
        case 20:
            return f"(try {sub()} catch {sub()})"
        case 21:
            return f"(reduce {sub()} as $x ({sub()}; {sub()}))"
        case 22:
            return f"[foreach {sub()} as [$x, {{a: $y}}] ({sub()}; {sub()}; {sub()})]"
        case 23:
            return f"({sub()} as $x | {sub()})"
        case 24:
            body = choices.pick(("g", "f(g)", "f(g | g)", ". + 1 | f(g)", "[g, g]"))
            return f"(def f(g): {body}; f({sub()}))" if choices.chance(2) else f"(label $out | {sub()} | break $out)"
        case _:
            return f'{choices.pick(_JQ_FORMATS)} "x\\({sub()})"' if choices.chance(2) else choices.pick(_JQ_FORMATS)


CEL_NAMES: Final = tuple(sorted({name for table in cel_functions(lambda: 0, lambda: 0.5) for name in table}))
_CEL_BINARY: Final = ("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in")
_CEL_MACROS: Final = ("all", "exists", "exists_one", "filter", "map")
_CEL_ATOMS: Final = (
    "x",
    "null",
    "true",
    "1u",
    "0x7fffffffffffffff",
    "9223372036854775807",
    "-9223372036854775808",
    "1e308",
    "b'\\xff'",
    "r'\\d+'",
    "'''\n'''",
    "[]",
    "{}",
    "[1, 'a', null]",
    "{1: 2, 'a': [x]}",
    "int",
    "type",
    "timestamp('2024-01-01T00:00:00Z')",
    "duration('1h')",
    "Quantity('1Gi')",
    "Now()",
    "Rand()",
    "[1,2,3,4,5,6,7,8,9,10]",
)


def cel(choices: Choices, depth: int = 0, variables: Sequence[str] = ("self",)) -> str:
    """A CEL expression of some variables; most are valid."""

    def sub() -> str:
        return cel(choices, depth + 1, variables)

    kind = choices.below(17) if depth < _MAX_DEPTH else choices.below(4)
    match kind:
        case 0:
            return choices.pick((*variables, *_CEL_ATOMS))
        case 1:
            return f"{choices.pick(variables)}.{_name(choices)}"
        case 2:
            return json.dumps(number(choices))
        case 3:
            return _literal(choices)
        case 4 | 5 | 6:
            return f"({sub()} {choices.pick(_CEL_BINARY)} {sub()})"
        case 7 | 8:
            name, arity = choices.pick(CEL_NAMES)
            return f"{name}({', '.join(sub() for _ in range(arity))})"
        case 9 | 10:
            name, arity = choices.pick(CEL_NAMES)
            return f"{sub()}.{name}({', '.join(sub() for _ in range(max(0, arity - 1)))})"
        case 11:
            return f"{sub()}.{choices.pick(_CEL_MACROS)}(x, {sub()})"
        case 12:
            return f"({sub()} ? {sub()} : {sub()})"
        case 13:
            return f"{sub()}[{sub()}]"
        case 14:
            return f"[{sub()}, {sub()}]"
        case 15:
            return f"{{{sub()}: {sub()}}}"
        case _:
            return f"has({sub()}.{_name(choices)})" if choices.chance(2) else f"{choices.pick(('!', '-'))}{sub()}"


TEMPLATE_FUNCTIONS: Final = tuple(
    sorted(
        (name, len(function.params), function.variadic is not None)
        for name, function in kwok_functions(now=lambda: 0, start=0, version="v", random=Chance()).items()
        if isinstance(function, Function)
    )
)
_BUILTINS: Final = (
    "and",
    "or",
    "not",
    "len",
    "index",
    "slice",
    "print",
    "printf",
    "println",
    "html",
    "js",
    "urlquery",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "call",
)
_TEMPLATE_ATOMS: Final = (
    ".",
    "$",
    "nil",
    "true",
    "1",
    "-1",
    "0x1p-2",
    "'a'",
    "1i",
    "`raw`",
    ".metadata.name",
    ".status.conditions",
    "Now",
    "(now)",
    "dict",
    "(list 1 2 3)",
)


def _argument(choices: Choices, depth: int) -> str:
    kind = choices.below(6 if depth < _MAX_DEPTH else 4)
    if kind == 0:
        return choices.pick(_TEMPLATE_ATOMS)
    if kind == 1:
        return f".{_name(choices)}"
    if kind == 2:
        return _literal(choices)
    if kind == 3:
        return json.dumps(number(choices))
    return f"({_pipeline(choices, depth + 1)})"


def _pipeline(choices: Choices, depth: int) -> str:
    kind = choices.below(5 if depth < _MAX_DEPTH else 1)
    if kind == 0:
        return _argument(choices, depth)
    if kind == 1:
        return f"{_pipeline(choices, depth + 1)} | {_call(choices, depth + 1, piped=True)}"
    return _call(choices, depth, piped=False)


def _call(choices: Choices, depth: int, *, piped: bool) -> str:
    if choices.chance(6):
        name, count, more = choices.pick(_BUILTINS), 2, True
    else:
        name, count, more = choices.pick(TEMPLATE_FUNCTIONS)
    count += (choices.below(3) if more else 0) - piped + choices.chance(12)
    return " ".join([name, *(_argument(choices, depth + 1) for _ in range(count))])


def template(choices: Choices, depth: int = 0) -> str:
    """A Go template; most are valid."""

    def pipeline() -> str:
        return _pipeline(choices, depth + 1)

    kind = choices.below(12) if depth < _MAX_DEPTH else choices.below(3)
    match kind:
        case 0:
            return text(choices).replace("{{", "")
        case 1 | 2 | 3 | 4:
            return f"{{{{{choices.pick(('', '- '))} {pipeline()} {choices.pick(('', ' -'))}}}}}"
        case 5 | 6:
            return template(choices, depth + 1) + template(choices, depth + 1)
        case 7:
            return f"{{{{ if {pipeline()} }}}}{template(choices, depth + 1)}{{{{ else }}}}{template(choices, depth + 1)}{{{{ end }}}}"
        case 8:
            head = choices.pick(("", "$v := ", "$k, $v := "))
            last = choices.pick(("", "{{ break }}", "{{ continue }}", "{{ else }}x"))
            return f"{{{{ range {head}{pipeline()} }}}}{template(choices, depth + 1)}{last}{{{{ end }}}}"
        case 9:
            return f"{{{{ with {pipeline()} }}}}{template(choices, depth + 1)}{{{{ end }}}}"
        case 10:
            return f"{{{{ $x := {pipeline()} }}}}{{{{ $x = {pipeline()} }}}}{{{{ $x }}}}"
        case _:
            return f'{{{{ define "t" }}}}{template(choices, depth + 1)}{{{{ end }}}}{{{{ template "t" {pipeline()} }}}}'


_YAML_MARKS: Final = ("!!int", "!!float", "!!binary", "!!timestamp", "!!null", "!x", "&a", "|", ">-", "?", "*a")


def yaml(choices: Choices, depth: int = 0) -> str:
    """A text of YAML: JSON, blocks, anchors, tags, and what is none."""
    kind = choices.below(9) if depth < 3 else choices.below(3)
    match kind:
        case 0:
            return text(choices)
        case 1:
            return json.dumps(value(choices, 3), ensure_ascii=choices.chance(2))
        case 2:
            return f"{choices.pick(_YAML_MARKS)} {text(choices)}"
        case 3 | 4:
            return "\n".join(
                f"{key}: {yaml(choices, depth + 1)}" for key in (_name(choices), *(text(choices)[:20] for _ in choices.times(3)))
            )
        case 5:
            return "\n".join(f"- {yaml(choices, depth + 1)}" for _ in range(1 + choices.below(4)))
        case 6:
            below = yaml(choices, depth + 1).replace("\n", "\n  ")
            return f"{_name(choices)}:\n  {below}\n"
        case 7:
            return f"a: &a {yaml(choices, depth + 1)}\nb: *a\n<<: *a\n"
        case _:
            return f"{choices.pick(('---', '...', '%YAML 1.1', '# c', '[', '{', ']'))}\n{yaml(choices, depth + 1)}"
