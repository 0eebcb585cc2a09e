# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Templates give what Go gives: over the written corpus, and over generated templates and data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kwok_controller.expressions.gotemplate import TemplateError, TemplateLimitError, compile_template, kwok_functions

CORPUS = Path(__file__).parent / "gotemplate_corpus"
FUNCTIONS = kwok_functions(now=lambda: 0)


class Renders(Protocol):
    def render(self, template: str, data: Any) -> tuple[str | None, str]: ...


def cases() -> list[Any]:
    found = []
    for path in sorted(CORPUS.glob("*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for number, case in enumerate(document["cases"]):
            template, data = (case, document["data"]) if isinstance(case, str) else (case["template"], case["data"])
            found.append(pytest.param(template, data, id=f"{path.stem}-{number}"))
    return found


def ours(template: str, data: Any) -> tuple[str | None, str]:
    try:
        return compile_template(template, FUNCTIONS).render(data), ""
    except TemplateLimitError:
        raise
    except TemplateError as error:
        return None, str(error)


@pytest.mark.parametrize(("template", "data"), cases())
def test_corpus(oracle: Renders, template: str, data: Any) -> None:
    wanted, why = oracle.render(template, data)
    got, error = ours(template, data)
    assert got == wanted, f"Go: {why or wanted!r}, here: {error or got!r}"


# Generated templates. They need not make sense: where Go fails, it must fail here, too.

TEXT = st.text(st.sampled_from("abcXYZ019 .,-_/:<>&\"'\n\té✓日😀"), max_size=8)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 12), st.sampled_from([0.5, 2.25, 1e21, 1e-7, 100000.0, 12345678901]), TEXT)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)
DATA = st.fixed_dictionaries(
    {
        "s": TEXT,
        "n": st.integers(-3, 12),
        "r": st.sampled_from([0.5, 2.25, -1.5, 100000.0]),
        "t": st.booleans(),
        "l": st.lists(SCALARS, max_size=4),
        "m": st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=3),
        "x": VALUES,
    }
)


def literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


CONSTANTS = st.one_of(
    TEXT.map(literal),
    st.integers(-3, 12).map(str),
    st.sampled_from(["1.5", "0.0", "-2.25", "1e6", "true", "false", "nil", "'a'", "0x1f", '"a"', '"%v"', '"%05.1f|%q|%-6v|%T"', '","']),
)
NAMES = st.sampled_from([".", ".s", ".n", ".r", ".t", ".l", ".m", ".x", ".m.a", ".x.a", ".x.b.c", ".none", "$", "$.s", "$.l", "$v"])

# What functions take and give: any, string, int, number of any type, bool, list, map. Left out is what depends on the order of maps,
# the time of day or chance. A call whose types fit mostly works; one argument in twenty is of any type.
SIGNATURES = """
and aa a|or aa a|not a b|eq ss b|eq ii b|ne ss b|lt ii b|le ss b|gt ii b|ge ss b|len s i|len l i|index l a|index mS a|index li a
print aa s|println a s|printf s s|printf Ga s|html a s|js a s|urlquery a s
upper s s|lower s s|title s s|untitle s s|trim s s|trimAll ss s|trimSuffix ss s|trimPrefix ss s|trunc is s|substr iis s|nospace s s
initials s s|swapcase s s|snakecase s s|camelcase s s|kebabcase s s|contains ss b|hasPrefix ss b|hasSuffix ss b
quote aa s|squote a s|cat aa s|indent is s|nindent is s|replace sss s|plural ssi s|toString a s|toStrings l l|atoi s i
split ss m|splitList ss l|splitn sis m|join sl s|join sa s|abbrev is s|abbrevboth iis s|wrap is s|wrapWith iss s|sortAlpha l l
until i l|seq ii s|repeat is s|int n i|int64 n n|float64 n n|toDecimal n n|add nn n|add1 n n|sub nn n|div nn n|mod nn n|mul nn n
max nn n|min nn n|maxf nn n|minf nn n|addf nn n|subf nn n|mulf nn n|divf nn n|ceil n n|floor n n|round ni n
list aa l|list nn l|first l a|last l a|rest l l|initial l l|append la l|prepend la l|concat ll l|reverse l l|uniq l l|compact l l
without la l|has al b|slice li a|slice lii a|chunk il l|dict sa m|dict sasa m|get mS a|set mSa m|unset mS m|hasKey mS b|pick mS m|omit mS m
pluck Sm l|merge mm m|mergeOverwrite mm m|deepCopy a a|dig Sam a|dig SSam a
default aa a|empty a b|coalesce aa a|all aa b|any aa b|ternary aab a|typeOf a s|kindOf a s|typeIs sa b|kindIs sa b|deepEqual aa b
toJson a s|toPrettyJson a s
toRawJson a s|fromJson s a|fromJson J a|b64enc s s|b64dec s s|b32enc s s|sha1sum s s|sha256sum s s|adler32sum s s
base s s|dir s s|clean s s|ext s s|isAbs s b|regexMatch Rs b|regexFind Rs s
regexFindAll Rsi l|regexReplaceAll Rss s|regexSplit Rsi l
regexQuoteMeta s s|semverCompare CV b|duration n s|durationRound s s|Quote a s|YAML a s|YAML ai s
"""
BY_RESULT: dict[str, list[tuple[str, str]]] = {}
for _entry in SIGNATURES.replace("\n", "|").split("|"):
    if _entry:
        _name, _params, _result = _entry.split()
        BY_RESULT.setdefault(_result, []).append((_name, _params))
_ATOMS = {
    "a": CONSTANTS | NAMES,
    "s": TEXT.map(literal) | st.sampled_from([".s", "$.s", '"a,b,c"', '"Some Words"']),
    "S": st.sampled_from(['"a"', '"b"', '"c"', '"_0"']),
    "i": st.integers(-3, 12).map(str) | st.just("(int .n)"),
    "n": st.sampled_from([".n", ".r", "1.5", '"12"', "7", "-2", "0"]),
    "b": st.sampled_from([".t", "true", "false"]),
    "l": st.sampled_from([".l", "$.l", "(list 1 2 1)", '(list "b" "a" nil)', "(until 4)", "list"]),
    "m": st.sampled_from([".m", "$.m", "$", '(dict "a" 1 "b" (dict "c" 2))', "dict"]),
    "G": st.sampled_from(['"%v"', '"%05.1f"', '"%q|%s"', '"%-6v|%+v"', '"%T"', '"%d %x"', '"%#v"']),
    "J": st.sampled_from(['`{"a": [1, 2.5, null], "b": {"c": "x"}}`', "`[1, true]`", "`{`"]),
    "R": st.sampled_from(['"a|b"', '"[a-z]+"', '"(.)(.)"', '"x*"', '"^.*$"', '"(?i)S."', '"\\\\w+\\\\b"', '"("']),
    "C": st.sampled_from(['"^1.2"', '">=1.0, <2"', '"~2.1.0"', '"1.x || 3"', '"!=1.2.3"']),
    "V": st.sampled_from(['"1.2.3"', '"v2.1"', '"3.0.0-rc.1"', '"x"']),
}


@st.composite
def expression(draw: st.DrawFn, kind: str, depth: int) -> str:
    if draw(st.integers(0, 19)) == 0:
        kind = "a"
    wanted = kind if kind != "a" else draw(st.sampled_from("asinblm"))
    if depth == 0 or wanted not in BY_RESULT or draw(st.integers(0, 2)) == 0:
        return draw(_ATOMS[kind])
    name, params = draw(st.sampled_from(BY_RESULT[wanted]))
    args = [draw(expression(param, depth - 1)) for param in params]
    if draw(st.integers(0, 3)) == 0:
        piped = args.pop()
        return f"({piped.removeprefix('(').removesuffix(')') if piped[0] == '(' else piped} | {' '.join([name, *args])})"
    return f"({' '.join([name, *args])})"


EXPRESSIONS = st.one_of(expression("a", 3), expression("s", 2))


def statements(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{{{{ if {} }}}}{}{{{{ else }}}}{}{{{{ end }}}}".format, EXPRESSIONS, inner, inner),
        st.builds("{{{{- with {} -}}}} {} {{{{- else }}}}{}{{{{ end }}}}".format, EXPRESSIONS, inner, inner),
        st.builds("{{{{ range {} }}}}{}{{{{ else }}}}{}{{{{ end }}}}".format, EXPRESSIONS, inner, inner),
        st.builds("{{{{ range $k, $v := {} }}}}{{{{ $k }}}}{}{{{{ end }}}}".format, EXPRESSIONS, inner),
        st.builds("{{{{ $v := {} }}}}{}".format, EXPRESSIONS, inner),
        st.builds("{{{{ $v = {} }}}}{}".format, EXPRESSIONS, inner),
        st.builds("{}{{{{ if $.t }}}}{{{{ break }}}}{{{{ end }}}}{}".format, inner, inner),
        st.builds("{}{}".format, inner, inner),
    )


ACTIONS = EXPRESSIONS.map(lambda text: "{{ " + text + " }}")
TEMPLATES = st.recursive(ACTIONS | st.sampled_from(["", " text\n", "{{/* c */ -}} "]), statements, max_leaves=4)


@settings(
    max_examples=int(os.environ.get("GOTEMPLATE_EXAMPLES", "300")),
    derandomize=bool(os.environ.get("CI")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(template=TEMPLATES, data=DATA)
def test_generated(oracle: Renders, template: str, data: Any) -> None:
    template = "{{ $v := .x }}" + template
    try:
        got, error = ours(template, data)
    except TemplateLimitError:
        assume(False)
    wanted, why = oracle.render(template, data)
    assert got == wanted, f"Go: {why or wanted!r}, here: {error or got!r}"


FORMATS = st.lists(
    st.one_of(
        st.builds(
            "%{}{}{}{}".format,
            st.text("#0+- ", max_size=2),
            st.sampled_from(["", "1", "7", "12", "*", "[1]", "[2]"]),
            st.sampled_from(["", ".", ".0", ".3", ".*"]),
            st.sampled_from("vTtdbcoOqxXUeEfFgGsz%"),
        ),
        st.sampled_from(["a", "%", "%%", "é"]),
    ),
    max_size=3,
).map("".join)


@settings(
    max_examples=int(os.environ.get("GOTEMPLATE_EXAMPLES", "300")),
    derandomize=bool(os.environ.get("CI")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(form=FORMATS, args=st.lists(CONSTANTS | NAMES, max_size=3), data=DATA)
def test_generated_printf(oracle: Renders, form: str, args: list[str], data: Any) -> None:
    template = "{{ $v := .x }}{{ printf " + " ".join([literal(form), *args]) + " }}"
    wanted, why = oracle.render(template, data)
    got, error = ours(template, data)
    assert got == wanted, f"Go: {why or wanted!r}, here: {error or got!r}"
