# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Cutting a source into tokens and reading them: what the corpus does not show, which is places, bounds and the tree."""

from __future__ import annotations

import pytest

from kwok_controller.expressions.gotemplate import Limits, TemplateSyntaxError, compile_template
from kwok_controller.expressions.gotemplate import nodes as tree
from kwok_controller.expressions.gotemplate.lexer import Kind, Lexer, place
from kwok_controller.expressions.gotemplate.parser import Parser


def kinds(source: str) -> list[tuple[str, str]]:
    return [(token.kind.name, token.text) for token in Lexer(source, "_").run()]


def test_text_and_action() -> None:
    assert kinds("a{{ .b }}") == [
        ("TEXT", "a"),
        ("LEFT", "{{"),
        ("SPACE", " "),
        ("FIELD", ".b"),
        ("SPACE", " "),
        ("RIGHT", "}}"),
        ("EOF", ""),
    ]


def test_trim_markers_take_the_space_around_them() -> None:
    assert kinds("a \n{{- 1 -}} \n b") == [("TEXT", "a"), ("LEFT", "{{"), ("NUMBER", "1"), ("RIGHT", "}}"), ("TEXT", "b"), ("EOF", "")]


def test_a_comment_is_no_token() -> None:
    assert kinds("a{{/* }} */}}b") == [("TEXT", "a"), ("TEXT", "b"), ("EOF", "")]


def test_keywords_and_operators() -> None:
    found = [token.kind for token in Lexer("{{if $x := 'a'|f}}", "_").run() if token.kind is not Kind.SPACE]
    assert found == [
        *(Kind.LEFT, Kind.KEYWORD, Kind.VARIABLE, Kind.DECLARE, Kind.CHARACTER, Kind.PIPE, Kind.IDENTIFIER, Kind.RIGHT),
        Kind.EOF,
    ]


def test_only_the_span_is_read() -> None:
    assert [token.text for token in Lexer("xx{{.a}}yy", "_", 2, 8).run()] == ["{{", ".a", "}}", ""]


def test_place() -> None:
    assert place("ab\ncd", 0) == (1, 1)
    assert place("ab\ncd", 4) == (2, 2)


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("{{", 1, 1),
        ("\n\n  {{ $x }}", 3, 6),
        ("a\n{{ nosuch }}", 2, 4),
        ("{{ if .a }}\n", 2, 1),
        ('{{ "x }}', 1, 4),
        ("x\n{{ .a | | .b }}", 2, 9),
        ("{{ range .a }}{{ else }}{{ break }}{{ end }}", 1, 28),
        ("{{ (1 }}", 1, 7),
    ],
)
def test_errors_have_a_place(source: str, line: int, column: int) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        compile_template(source)
    assert (caught.value.line, caught.value.column) == (line, column), str(caught.value)
    assert str(caught.value).startswith(f"template: _:{line}:{column}: ")


def test_places_count_what_is_trimmed() -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        compile_template("\n\n {{ nosuch }}\n", trim=True)
    assert (caught.value.line, caught.value.column) == (3, 5)


def test_tree() -> None:
    trees = Parser('{{ if eq .a 1 }}x{{ else }}{{ $.b }}{{ end }}{{ define "t" }}y{{ end }}', lambda name: True).parse()
    assert set(trees) == {"_", "t"}
    node = trees["_"].nodes[0]
    assert isinstance(node, tree.If)
    assert str(node.pipe) == "eq .a 1"
    assert node.orelse is not None
    inner = node.orelse.nodes[0]
    assert isinstance(inner, tree.Action)
    assert str(inner.pipe) == "$.b"


def test_pipelines_are_shown_as_written() -> None:
    source = "$x := (index .l 0).name | printf \"%s\" (print nil true) . 'a'"
    [node] = Parser("{{" + source + "}}", lambda name: True).parse()["_"].nodes
    assert isinstance(node, tree.Action)
    assert str(node.pipe) == source


def test_source_too_long() -> None:
    with pytest.raises(TemplateSyntaxError, match="more than 5"):
        compile_template("123456", limits=Limits(source=5))


@pytest.mark.parametrize(
    "source",
    ["{{" + "(" * 100 + "1" + ")" * 100 + "}}", "{{if 1}}" * 100 + "{{end}}" * 100, "{{if 1}}" + "{{else if 1}}" * 100 + "{{end}}"],
)
def test_source_nested_too_deep(source: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="nested more than 64 deep"):
        compile_template(source)
