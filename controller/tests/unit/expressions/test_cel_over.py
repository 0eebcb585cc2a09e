# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""CEL over declared variables, with functions from outside that have several forms."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Final

import pytest

from kwok_controller.expressions.cel import (
    CelEvaluationError,
    CelLimitError,
    CelRuntimeError,
    CelSyntaxError,
    Limits,
    Overload,
    ProgramOver,
    as_double,
    as_string,
    compile_cel_over,
)
from kwok_controller.expressions.cel.values import Duration, Timestamp, UInt
from kwok_controller.expressions.quantity import Quantity, parse_quantity

NOW: Final = 1_700_000_000_000_000_000
VARIABLES: Final = {"node": "Node", "pod": "Pod", "container": "Container", "extra": None}
CONTAINER: Final[dict[str, Any]] = {"name": "main", "resources": {"requests": {"cpu": "250m"}, "limits": {"cpu": "1", "memory": "1Gi"}}}
POD: Final[dict[str, Any]] = {
    "metadata": {
        "name": "p",
        "namespace": "default",
        "labels": {"app": "web", "odd": 3},
        "annotations": {"usage": "70m"},
        "creationTimestamp": "2023-11-14T22:13:10Z",
    },
    "spec": {"containers": [CONTAINER]},
}
NODE: Final[dict[str, Any]] = {"metadata": {"name": "n"}, "status": {"capacity": {"cpu": "4"}}}


def fails(pod: Any, why: str) -> float:
    raise CelRuntimeError(why)


FUNCTIONS: Final = {
    "Usage": [
        Overload(("Pod", "string"), lambda pod, resource: f"pod {pod['metadata']['name']} {resource}", "string"),
        Overload(("Pod", "string", "string"), lambda pod, resource, name: f"container {name} {resource}", "string"),
        Overload(("Node", "string"), lambda node, resource: f"node {node['metadata']['name']} {resource}", "string"),
    ],
    "ImageOf": [Overload(("Container",), lambda container: container.get("image", "none"))],
    "Total": [Overload(("string",), lambda name: 1), Overload(("Node",), lambda node: 2)],
    "Numbers": [Overload(("number", "amount", "duration", "time"), lambda *args: list(args), "list")],
    "Nothing": [Overload((), lambda: 7, "int")],
    "Fails": [Overload(("Pod", "string"), fails, "double")],
}


def compiled(source: str, limits: Limits | None = None) -> ProgramOver:
    return compile_cel_over(source, VARIABLES, FUNCTIONS, now=lambda: NOW, random=lambda: 0.25, limits=limits or Limits())


def evaluate(source: str, node: Any = NODE, pod: Any = POD, container: Any = CONTAINER, extra: Any = None) -> Any:
    return compiled(source)(node, pod, container, extra)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('pod.Usage("cpu")', "pod p cpu"),
        ('Usage(pod, "cpu")', "pod p cpu"),
        ('node.Usage("cpu")', "node n cpu"),
        ('Usage(node, "cpu")', "node n cpu"),
        ('pod.Usage("memory", container.name)', "container main memory"),
        ("pod.Usage(pod.metadata.name)", "pod p p"),
        ("node.Total()", 2),
        ("Total(node)", 2),
        ("Total(node.metadata.name)", 1),
        ("Total(extra.name)", 1),
        ("ImageOf(pod.spec.containers[0])", "none"),
        ("pod.spec.containers.map(c, c.ImageOf())", ["none"]),
        ("pod.spec.containers.map(c, pod.Usage('cpu', c.name))", ["container main cpu"]),
        ("Nothing()", 7),
        (
            "Numbers(1.5, '2m', duration('3s'), pod.metadata.creationTimestamp)",
            [1.5, parse_quantity("2m"), Duration(3 * 10**9), Timestamp(NOW - 10 * 10**9)],
        ),
        (
            "Numbers(1, Quantity('1'), '3s', '2023-11-14T22:13:10Z')",
            [1, parse_quantity("1"), Duration(3 * 10**9), Timestamp(NOW - 10 * 10**9)],
        ),
        ("Numbers(1, extra.name, extra.name, extra.name)", [1, "x", "x", "x"]),
    ],
)
def test_functions_have_forms_and_both_styles(source: str, value: Any) -> None:
    assert evaluate(source, extra={"name": "x"}) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("now() == Now()", True),
        ("Now() == timestamp('2023-11-14T22:13:20Z')", True),
        ("Rand()", 0.25),
        ("pod.SinceSecond()", 10.0),
        ("UnixSecond(pod.metadata.creationTimestamp)", NOW / 10**9 - 10),
        ("container.name + '/' + container.image", "main/"),
        ("container.resources.requests['cpu'] < container.resources.limits.cpu", True),
        ("container.resources.requests['memory'] == Quantity('0')", True),
        ("pod.spec.containers[0].resources.limits['memory']", parse_quantity("1Gi")),
        ("node.status.capacity['cpu'] * 0.5", parse_quantity("2")),
        ("pod.spec.containers.exists(c, c.name == container.name)", True),
        ('"usage" in pod.metadata.annotations ? Quantity(pod.metadata.annotations["usage"]) : Quantity("1m")', parse_quantity("70m")),
        ("extra == null", True),
        ("pod.apiVersion == 'v1' || true", True),
    ],
)
def test_variables_have_their_types(source: str, value: Any) -> None:
    assert evaluate(source) == value


@pytest.mark.parametrize(
    ("source", "column", "message"),
    [
        ("self.metadata.name", 1, "'self' is not declared: there are node, pod, container, extra"),
        ("pod.CumulativeUsage('cpu')", 5, "there is no method CumulativeUsage"),
        (
            "container.Usage('cpu')",
            11,
            "Usage takes (Pod, string) or (Pod, string, string) or (Node, string), not (Container, string)",
        ),
        ("pod.Usage(1)", 5, "not (Pod, int)"),
        ("pod.Usage()", 5, "not (Pod)"),
        ("pod.Usage(pod.metadata.generation)", 5, "not (Pod, int)"),
        ("extra.Usage('cpu')", 7, "not (dyn, string)"),
        ("Numbers(1, true, '1s', '')", 1, "Numbers takes (number, amount, duration, time), not (int, bool, string, string)"),
        ("pod.metadata.nam", 14, "there is no field nam: did you mean name?"),
        ("pod.xyz", 5, "there is no field xyz"),
        ("1 + 1.0", 3, "no such overload: + of int and double"),
        ("pod.metadata.name * 2", 19, "no such overload: * of string and int"),
        ("Quantity('1') + 1.0", 15, "no such overload: + of kubernetes.Quantity and double"),
        ("Quantity('1') == 1", 15, "no such overload: == of kubernetes.Quantity and int"),
        ("Now() < 5", 7, "no such overload: < of google.protobuf.Timestamp and int"),
        ("'a' in 'abc'", 5, "no such overload: in of string and string"),
        ("Numbers(1, '1 m', '1s', '')", 12, "'1 m' is no quantity: a number such as 1.5, or with a suffix, as 500m, 2Gi or 1e3"),
        ("Numbers(1, '1m', '1d', '')", 18, "'1d' cannot be converted to a duration"),
        ("Numbers(1, '1m', '1s', 'today')", 24, "'today' is no RFC 3339 time"),
        (
            "pod.metadata.name == string(Quantity('1x'))",
            38,
            "'1x' is no quantity: a number such as 1.5, or with a suffix, as 500m, 2Gi or 1e3",
        ),
        ("'1x'.Quantity()", 1, "'1x' is no quantity: a number such as 1.5, or with a suffix, as 500m, 2Gi or 1e3"),
        ("!1", 1, "no such overload: ! of int"),
        ("-'1'", 1, "no such overload: - of string"),
        ("true && 'a'", 6, "no such overload: && of string"),
        ("1 ? 2 : 3", 3, "no such overload: ?: of int"),
    ],
)
def test_what_cannot_be_is_refused_before_there_are_values(source: str, column: int, message: str) -> None:
    with pytest.raises(CelSyntaxError) as caught:
        compiled(source)
    assert caught.value.message.endswith(message)
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("Usage(pod, extra.number)", "no such overload: Usage of int"),
        ("Usage(pod, pod.metadata.labels['odd'])", "no such overload: Usage of int"),
        ("Fails(pod, 'because of this')", "because of this"),
        ("1 / extra.zero", "division by zero"),
        ("extra.missing", "no such key: missing"),
    ],
)
def test_what_values_are_wrong_for_is_found_when_they_are_there(source: str, message: str) -> None:
    with pytest.raises(CelEvaluationError, match=message):
        evaluate(source, extra={"number": 1, "zero": 0})


def test_a_variable_without_a_value() -> None:
    assert evaluate("pod.metadata.name", pod=None) == ""
    with pytest.raises(CelEvaluationError, match="Usage: there is no pod here"):
        evaluate("pod.Usage('cpu')", pod=None)
    assert evaluate("true || pod.Usage('cpu') == ''", pod=None) is True


def test_an_object_that_is_not_as_its_type_says() -> None:
    with pytest.raises(CelEvaluationError, match="no such overload: Usage of map"):
        evaluate("pod.Usage(pod.metadata.name)", pod={"metadata": {"name": {}}})


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("1", "int"),
        ("pod.metadata.name", "string"),
        ("pod.metadata.creationTimestamp", "google.protobuf.Timestamp"),
        ("pod.metadata.creationTimestamp - Now()", "google.protobuf.Duration"),
        ("pod.metadata.labels['a']", ""),
        ("pod.metadata.labels", "map"),
        ("pod.spec.priority", ""),
        ("node.status.capacity['cpu'] / 2", "kubernetes.Quantity"),
        ("pod.Usage('cpu')", "string"),
        ("ImageOf(container)", ""),
        ("true ? 'a' : 'b'", "string"),
        ("true ? 'a' : 1", ""),
        ("-Nothing()", "int"),
        ("pod.spec.containers.all(c, true)", "bool"),
        ("has(pod.spec)", "bool"),
        ("'a'.matches('b')", "bool"),
        ("int", "type"),
        ("[1]", "list"),
        ("{'a': 1}", "map"),
        ("container.resources.limits.cpu", "kubernetes.Quantity"),
    ],
)
def test_the_type_of_the_value_is_known_before(source: str, kind: str) -> None:
    assert compiled(source).kind == kind


def test_what_an_expression_uses() -> None:
    program = compiled("pod.Usage('cpu') + string(Now()) + node.metadata.name + ['a'].map(x, x)[0]")
    assert program.names == {"pod", "node"}
    assert program.calls == {"Usage", "string", "Now"}
    assert program.source.startswith("pod.Usage")


@pytest.mark.parametrize("call", ["pod.Usage({})", "pod.Usage({}, container.name)", "node.Usage({})", "pod.Fails({})"])
@pytest.mark.parametrize("container", [CONTAINER, {}, {"name": 3}, {"name": None}, None, []])
@pytest.mark.parametrize("pod", [POD, None, []])
def test_a_call_of_variables_and_texts_gives_what_it_gives_in_another_form(call: str, container: Any, pod: Any) -> None:
    def outcome(source: str) -> Any:
        try:
            return compiled(source)(NODE, pod, container, None)
        except CelEvaluationError as error:
            return str(error)

    # An argument that is the result of something is evaluated as any expression is.
    assert outcome(call.format('"cpu"')) == outcome(call.format('"c" + "pu"'))


def test_a_variable_of_a_macro_hides_the_one_that_is_declared() -> None:
    assert evaluate("pod.spec.containers.map(container, container.ImageOf())", container={"image": "other"}) == ["none"]


def test_limits_hold() -> None:
    with pytest.raises(CelLimitError):
        compiled("extra.all(x, extra.all(y, x >= 0))", Limits(steps=1000))(None, None, None, list(range(100)))
    with pytest.raises(CelSyntaxError, match="nested"):
        compiled("(" * 2000 + "1" + ")" * 2000)


@pytest.mark.parametrize(
    ("parameters", "result", "message"), [(("Service",), "", "'Service' is no kind"), ((), "float", "'float' is no type of CEL")]
)
def test_forms_that_cannot_be(parameters: tuple[str, ...], result: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Overload(parameters, lambda *args: None, result)


def test_values_become_numbers_and_labels() -> None:
    values = (True, False, 7, UInt(7), 7.5, Duration(5), Quantity.from_milli(1500))
    assert [as_double(value) for value in values] == [1.0, 0.0, 7.0, 7.0, 7.5, 5.0, 1.5]
    assert {type(as_double(value)) for value in values} == {float}
    assert as_string("a") == "a"


@pytest.mark.parametrize("value", [None, "1", [], {}, Timestamp(0), b"1"])
def test_values_that_are_no_numbers(value: Any) -> None:
    with pytest.raises(CelEvaluationError, match="not a number or a quantity"):
        as_double(value)


@pytest.mark.parametrize("value", [None, 1, True, [], b"1", Timestamp(0), Quantity(1)])
def test_values_that_are_no_labels(value: Any) -> None:
    with pytest.raises(CelEvaluationError, match="not string"):
        as_string(value)


def test_the_compiler_is_imported_when_it_is_needed() -> None:
    program = (
        "import sys, kwok_controller.expressions.cel as cel\n"
        "late = ['kwok_controller.expressions.cel.' + name for name in ('compile', 'parser', 'lexer', 'functions', 'macros')]\n"
        "assert not [name for name in late if name in sys.modules]\n"
        "cel.compile_cel_over('1', {}, {}, now=int, random=float)\n"
        "assert all(name in sys.modules for name in late)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)})
