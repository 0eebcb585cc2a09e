# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A compiled template: what it does to data, where its errors are, and that nothing makes it run without bound."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest

from kwok_controller.expressions.gotemplate import (
    FunctionError,
    LeftOut,
    Limits,
    TemplateExecutionError,
    TemplateLimitError,
    TemplateSyntaxError,
    compile_template,
    fn,
    kwok_functions,
)

FUNCTIONS = kwok_functions(now=lambda: 0)
DATA: dict[str, Any] = {
    "big": "x" * 100_000,
    "list": ["a"] * 100_000,
    "numbers": list(range(50_000)),
    "map": {f"k{number}": number for number in range(20_000)},
}
DOUBLE = '{{ $x := "aaaaaaaa" }}{{ range until 60 }}{{ $x = %s }}{{ end }}'
NESTED = "{{ $x := list 1 }}{{ range until 60 }}{{ $x = list $x $x }}{{ end }}{{ %s }}"
CYCLE = '{{ $x := dict }}{{ $_ := set $x "a" $x }}{{ %s }}'
OFTEN = "{{ range 100000 }}{{ $x := %s }}{{ end }}"


def render(source: str, data: Any = None, **options: Any) -> str:
    return compile_template(source, {**FUNCTIONS, **options}).render(data if data is not None else {})


def test_one_template_serves_many_objects() -> None:
    template = compile_template("{{ .a }}")
    assert [template.render({"a": value}) for value in ("x", 1, None)] == ["x", "1", "<no value>"]


def test_numbers_of_the_data_are_text() -> None:
    assert render("{{ typeOf .a }} {{ .a }} {{ if .a }}set{{ end }}", {"a": 0}) == "json.Number 0 set"
    assert render("{{ .a }}", {"a": 1.0}) == "1"
    assert render("{{ range .a }}{{ kindOf . }} {{ end }}", {"a": [1, 1.5, True]}) == "string string bool "


@pytest.mark.parametrize(
    "source",
    [
        '{{ set .m "a" 1 }}',
        '{{ unset .m "k" }}',
        '{{ mergeOverwrite .m (dict "k" 1) }}',
        '{{ merge .m (dict "z" 1) }}',
        '{{ $m := .m }}{{ $_ := set $m.n "deep" 1 }}',
        "{{ append .l 1 }}{{ reverse .l }}{{ sortAlpha .l }}{{ uniq .l }}",
    ],
)
def test_the_data_stay_as_they_are(source: str) -> None:
    data = {"m": {"k": 2, "n": {}}, "l": ["b", "a"]}
    before = copy.deepcopy(data)
    render(source, data)
    assert data == before


def test_place_of_an_error() -> None:
    with pytest.raises(TemplateExecutionError) as caught:
        render("a: 1\nb: {{ upper .n }}", {"n": 1})
    error = caught.value
    assert (error.line, error.column) == (2, 13)
    assert str(error) == "template: _:2:13: at <.n>: wrong type for value; expected string; got json.Number"


def test_place_of_an_error_in_a_template_of_its_own() -> None:
    with pytest.raises(TemplateExecutionError) as caught:
        render('{{ define "part" }}\n{{ .a.b }}{{ end }}{{ template "part" . }}', {"a": None})
    assert (caught.value.name, caught.value.line) == ("part", 2)
    assert "nil pointer" in caught.value.reason


def test_a_function_that_fails() -> None:
    def broken() -> None:
        raise FunctionError("no luck")

    with pytest.raises(TemplateExecutionError, match=r"1:4: at <broken>: error calling broken: no luck"):
        render("{{ broken }}", broken=fn(broken))


def test_a_function_that_crashes() -> None:
    with pytest.raises(TemplateExecutionError, match="ZeroDivisionError"):
        render("{{ broken }}", broken=fn(lambda: 1 // 0))


def test_functions_hide_those_that_are_built_in() -> None:
    assert render("{{ len 3 }}", len=fn(lambda value: f"<{value}>", "int")) == "<3>"


def test_types_of_arguments() -> None:
    functions = {"f": fn(lambda *args: len(args), "string", "int", variadic="bool")}
    assert render('{{ f "a" 1 }}{{ f "a" 1 true false }}', {}, **functions) == "24"
    for source in ('{{ f "a" }}', '{{ f 1 "a" }}', '{{ f "a" 1 2 }}', '{{ f "a" 1.5 }}', '{{ f "a" nil }}', "{{ f .none 1 }}"):
        with pytest.raises(TemplateExecutionError):
            render(source, {}, **functions)


def test_a_function_that_is_left_out() -> None:
    with pytest.raises(TemplateSyntaxError, match="function 'gone' is not available: it is gone"):
        render("{{ gone }}", gone=LeftOut("it is gone"))
    for source in ('{{ env "HOME" }}', "{{ uuidv4 }}", '{{ getHostByName "x" }}', '{{ genCA "x" 1 }}'):
        with pytest.raises(TemplateSyntaxError, match="is not available"):
            render(source)


def test_space_at_the_ends() -> None:
    assert compile_template("  \n a {{ 1 }} \n").render({}) == "  \n a 1 \n"
    assert compile_template("  \n a {{ 1 }} \n", trim=True).render({}) == "a 1"
    assert compile_template("  \n ", trim=True).render({}) == ""


def test_bytes_that_are_no_text() -> None:
    assert render('{{ trunc 1 "é" }}') == "\ufffd"
    assert render('{{ print (trunc 1 "é") (trunc -1 "é") }}') == "é"


@pytest.mark.parametrize(
    "source",
    [
        '{{ define "t" }}{{ template "t" }}{{ end }}{{ template "t" }}',
        '{{ define "t" }}{{ template "t" }}{{ template "t" }}{{ end }}{{ template "t" }}',
        "{{ range 1000000000 }}{{ end }}",
        "{{ range 10000 }}{{ range 10000 }}{{ end }}{{ end }}",
        "{{ until 1000000000 }}",
        "{{ untilStep 0 -1000000000 -1 }}",
        "{{ seq 1000000000 }}",
        '{{ repeat 1000000000 "x" }}',
        "{{ range 100000 }}{{ $.big }}{{ end }}",
        '{{ indent 100000 (join "\\n" .list) }}',
        "{{ wrapWith 1 .big .big }}",
        '{{ printf "%1000000v" .list }}',
        '{{ regexMatch "(x+x+)+y" .big }}',
        '{{ regexReplaceAll "x" .big .big }}',
        "{{ uniq .numbers }}",
        *(
            DOUBLE % grown
            for grown in ("print $x $x", "cat $x $x", 'printf "%s%s" $x $x', "join $x (list $x $x)", 'replace "a" $x $x', "quote $x $x")
        ),
        *(NESTED % used for used in ("$x", "toJson $x", "toPrettyJson $x", "YAML $x", "deepCopy $x", "quote $x", "concat $x $x | html")),
        "{{ $x := list 1 }}{{ $y := list 1 }}{{ range until 60 }}{{ $x = list $x $x }}{{ $y = list $y $y }}{{ end }}{{ deepEqual $x $y }}",
        *(CYCLE % used for used in ("$x", "toJson $x", "YAML $x", "deepCopy $x", "deepEqual $x $x", "merge $x $x")),
        *(
            OFTEN % used
            for used in ("title $.big", "sha512sum $.big", "first $.list", "sortAlpha $.list", "keys $.map", 'regexMatch "x*y" $.big')
        ),
        "{{ range 100000 }}{{ range $.numbers }}{{ break }}{{ end }}{{ end }}",
        "{{ range 100000 }}{{ range $.map }}{{ break }}{{ end }}{{ end }}",
    ],
)
def test_nothing_runs_without_bound(source: str) -> None:
    begin = time.process_time()
    with pytest.raises(TemplateLimitError):
        render(source, DATA)
    assert time.process_time() - begin < 20


def test_limits_are_the_callers() -> None:
    assert compile_template("{{ range 3 }}ab{{ end }}", limits=Limits(output=6)).render({}) == "ababab"
    with pytest.raises(TemplateLimitError, match=r"1:14: .*more than 5 characters of output"):
        compile_template("{{ range 3 }}ab{{ end }}", limits=Limits(output=5)).render({})
    with pytest.raises(TemplateLimitError, match="more than 10 steps"):
        compile_template("{{ range 100 }}{{ end }}", limits=Limits(steps=10)).render({})
    with pytest.raises(TemplateLimitError, match="templates nested more than 2 deep"):
        compile_template(
            '{{ define "t" }}{{ if . }}{{ template "t" slice . 1 }}{{ end }}{{ end }}{{ template "t" "abc" }}', limits=Limits(templates=2)
        ).render({})
