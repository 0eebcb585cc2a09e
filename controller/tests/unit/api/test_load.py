# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kwok_controller.api import Stage, load
from kwok_controller.api.errors import InvalidFile
from kwok_controller.api.load import configuration_paths, expand, load_configuration, load_documents, split_documents

STAGE = """
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata:
  name: {name}
spec:
  resourceRef:
    kind: Pod
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(name: str, content: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory without anything in it."""
    path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(path))
    monkeypatch.delenv("KWOK_WORKDIR", raising=False)
    return path


def stdin(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def failure(*paths: str) -> InvalidFile:
    with pytest.raises(InvalidFile) as caught:
        load_configuration(paths)
    return caught.value


def test_documents_know_where_they_stand(write: Any) -> None:
    file = write("a.yaml", "# nothing\n---\na: 1\n---\n\n---\nkind: List\nitems:\n- b: 2\n- c: 3\n...\n---\nd: 4\n")

    documents = load_documents([file])

    assert [(document.obj, document.number, document.item) for document in documents] == [
        ({"a": 1}, 1, 0),
        ({"b": 2}, 2, 1),
        ({"c": 3}, 2, 2),
        ({"d": 4}, 3, 0),
    ]
    assert documents[2].where == f"{file}, document 2, item 2"


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("", []),
        ("---\n---\n", []),
        ("# only\n\n  # comments\n", []),
        ("%YAML 1.2\n---\na: 1\n", ["a: 1"]),
        ("a: 1", ["a: 1"]),
        ("--- {a: 1}\n--- # comment\nb: 2", ["{a: 1}", "# comment\nb: 2"]),
        ("a: |\n  ---\n  text\n---\nb: ---x\n", ["a: |\n  ---\n  text", "b: ---x"]),
        ("---x: 1\n", ["---x: 1"]),
        ("a: 1\r\n---\r\nb: 2\r\n", ["a: 1", "b: 2"]),
        ("a: 1\n...\n# end\n", ["a: 1"]),
        ("---\r\n\r\n---\r\na: 1", ["a: 1"]),
    ],
)
def test_streams_are_split_at_their_markers(text: str, documents: list[str]) -> None:
    assert [document.strip() for document in split_documents(text)] == documents


@given(
    st.lists(st.dictionaries(st.text("ab-: #'\n|", max_size=5), st.text("ab-: .#'\n|", max_size=20), min_size=1), max_size=4), st.booleans()
)
def test_streams_are_split_as_a_yaml_parser_does(objects: list[dict[str, str]], explicit_end: bool) -> None:
    text = yaml.safe_dump_all(objects, explicit_start=True, explicit_end=explicit_end)

    assert [yaml.safe_load(document) for document in split_documents(text)] == objects


def test_a_directory_is_read_in_the_order_of_names_and_not_below(write: Any, tmp_path: Path) -> None:
    for name in ("b.yml", "a.yaml", "c.json", "deeper/d.yaml"):
        write(name, f'{{"name": "{name}"}}')
    write("README.md", "# not YAML: [")

    assert [document.obj["name"] for document in load_documents([str(tmp_path)])] == ["a.yaml", "b.yml", "c.json"]


def test_a_directory_without_files_is_refused(tmp_path: Path) -> None:
    assert "no files named *.json, *.yaml, *.yml" in failure(str(tmp_path)).message


def test_a_kustomization_names_the_files(write: Any, tmp_path: Path) -> None:
    write("kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- b.yaml\n- more\n")
    write("b.yaml", "name: b")
    write("not-named.yaml", "name: x")
    write("more/kustomization.yaml", "resources: [c.yaml]")
    write("more/c.yaml", "name: c")

    assert [document.obj["name"] for document in load_documents([str(tmp_path)])] == ["b", "c"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("resources: [a.yaml]\nnamePrefix: x-\npatches: []", "namePrefix, patches: not supported here"),
        ("resources: [https://example.com/a.yaml]", "resources from elsewhere: not supported here"),
        ("resources: a.yaml", "resources: expected a list of paths"),
        ("[]", "resources: expected a list of paths"),
        ("resources: ['.']", "nested deeper than"),
    ],
)
def test_what_only_kustomize_can_do_is_refused(write: Any, tmp_path: Path, content: str, message: str) -> None:
    write("kustomization.yaml", content)

    assert message in str(failure(str(tmp_path)))


def test_the_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, STAGE.format(name="a"))

    assert [document.file for document in load_documents(["-"])] == ["-"]
    assert "once only" in failure("-", "-").message


@pytest.mark.parametrize(
    ("content", "where", "message"),
    [
        ("a: 1\n---\na: [", ", document 2", "is no valid YAML"),
        ("a: 1\n---\n- a\n", ", document 2", "expected an object, got list"),
        ("just text", ", document 1", "expected an object, got str"),
        ("kind: List\nitems: [{a: 1}, b]", ", document 1, item 2", "expected an object, got str"),
    ],
)
def test_what_cannot_be_read_is_located(write: Any, content: str, where: str, message: str) -> None:
    file = write("a.yaml", content)

    with pytest.raises(InvalidFile) as caught:
        load_documents([file])

    assert caught.value.where == file + where
    assert caught.value.message.startswith(message)


def test_a_file_that_is_missing_or_binary_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "a.yaml"
    binary.write_bytes(b"a: \xff")

    assert str(failure("/nowhere/a.yaml")) == "/nowhere/a.yaml: cannot be read: No such file or directory"
    assert "no text in UTF-8 (at byte 3)" in str(failure(str(binary)))


def test_sources_are_bounded_together(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MAX_BYTES", 30)
    files = [write("a.yaml", "a: " + 20 * "x"), write("b.yaml", "b: " + 20 * "x")]

    load_documents(files[:1])
    assert failure(*files).where == files[1]
    assert failure("/dev/zero").where == "/dev/zero"


def test_the_number_of_objects_is_bounded(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MAX_DOCUMENTS", 3)

    assert "more than 3 objects" in failure(write("a.yaml", "{kind: List, items: [{}, {}, {}, {}]}")).message


def test_options_and_objects_come_from_one_stream(write: Any) -> None:
    configuration = "apiVersion: config.kwok.x-k8s.io/v1alpha1\nkind: KwokConfiguration\noptions:\n  cidr: 10.{}.0.0/16\n  {}\n"
    first = write("a.yaml", configuration.format(1, "nodePort: 1") + "---" + STAGE.format(name="a") + "---" + STAGE.format(name="b"))
    second = write("b.yaml", configuration.format(2, "seed: 7"))

    result = load_configuration([first, second])

    assert result.settings == {"cidr": "10.2.0.0/16", "node_port": 1, "seed": 7}
    assert all(isinstance(obj, Stage) for obj in result.objects)
    assert [obj.metadata.name for obj in result.objects] == ["a", "b"]
    assert result.kinds() == {"Stage"}
    assert result.warnings == []


def test_what_has_no_effect_is_told(write: Any) -> None:
    file = write(
        "a.yaml",
        STAGE.format(name="a")
        + "  wieght: 1\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\n---\n"
        + "apiVersion: config.kwok.x-k8s.io/v1alpha1\nkind: KwokConfiguration\noptions: {sede: 1}\n---\n"
        + "apiVersion: config.kwok.x-k8s.io/v1alpha1\nkind: KwokctlConfiguration\noptions: {}\n",
    )

    result = load_configuration([file])

    assert result.warnings == [
        f'{file}, document 1: Stage "a": $.spec.wieght is unknown',
        f'{file}, document 2: Pod "p": objects of v1 are not read',
        f"{file}, document 3: KwokConfiguration: $.options.sede is no option",
    ]
    assert len(result.objects) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("apiVersion: kwok.x-k8s.io/v1alpha1\nkind: Stag\nmetadata: {name: x}", 'Stag "x": $.kind: expected one of Attach'),
        ("apiVersion: kwok.x-k8s.io/v1\nkind: Stage", "Stage: $.apiVersion: expected kwok.x-k8s.io/v1alpha1, got 'kwok.x-k8s.io/v1'"),
        ("apiVersion: config.kwok.x-k8s.io/v1alpha1\nkind: Options", "Options: $.kind: expected one of"),
        ("apiVersion: config.kwok.x-k8s.io/v1\nkind: KwokConfiguration", "KwokConfiguration: $.apiVersion: expected"),
        (STAGE.format(name="x") + "  weight: -1", 'Stage "x": $.spec.weight: expected an integer >= 0, got -1'),
    ],
)
def test_an_object_of_the_group_that_is_wrong_is_located(write: Any, content: str, message: str) -> None:
    file = write("a.yaml", "a: b\n---\n" + content)

    error = failure(file)

    assert error.where == f"{file}, document 2"
    assert error.message.startswith(message)


def test_the_default_file_is_read_before_others_if_it_exists(home: Path) -> None:
    default = home / ".kwok" / "kwok.yaml"

    assert configuration_paths([]) == []
    assert configuration_paths(["/a.yaml", "~/.kwok/kwok.yaml", "-"]) == ["/a.yaml", "-"]
    default.parent.mkdir()
    default.touch()
    assert configuration_paths([]) == [str(default)]
    assert configuration_paths(["/a.yaml", "-"]) == [str(default), "/a.yaml", "-"]
    assert configuration_paths(["/a.yaml", "~/.kwok/kwok.yaml"]) == ["/a.yaml", str(default)]


def test_the_default_file_may_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KWOK_WORKDIR", str(tmp_path))
    (tmp_path / "kwok.yaml").touch()

    assert configuration_paths([]) == [str(tmp_path / "kwok.yaml")]


def test_paths_are_made_absolute(home: Path) -> None:
    assert expand("~") == str(home)
    assert expand("~/a/../b") == str(home / "b")
    assert expand("a") == str(Path.cwd() / "a")
    with pytest.raises(InvalidFile):
        expand("")
