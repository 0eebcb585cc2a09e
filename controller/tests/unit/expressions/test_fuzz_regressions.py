# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What fuzzing found in expressions."""

from __future__ import annotations

import time

import pytest

from kwok_controller.expressions.cel import CelEvaluationError, compile_cel
from kwok_controller.expressions.gotemplate import TemplateLimitError, compile_template, kwok_functions
from kwok_controller.expressions.jq import compile_jq
from kwok_controller.lifecycle import Chance

NAMES = ("sort", "group", "unique", "min", "max")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("keys", ["5", "null", '"ab"', "[1]", "[]", "{}"])
def test_the_functions_behind_sort_by_and_others_refuse_keys_that_do_not_fit(name: str, keys: str) -> None:
    # They zipped whatever they were given: a ValueError or TypeError, or items that were sorted by the letters of a text.
    message = compile_jq(f"try _{name}_by({keys}) catch .")([1, 2])
    assert message is not None
    assert str(message[0]).startswith(f"{'group' if name == 'unique' else name}_by cannot be applied to")
    assert compile_jq(f"_{name}_by([[2], [1]])")(["a", "b"]) is not None


@pytest.mark.parametrize(
    "source",
    [
        "{{ randAlphaNum 1000000 }}",
        "{{ randAscii 1000000 }}",
        "{{ range until 50 }}{{ randNumeric 60000 }}{{ end }}",
        "{{ range until 8 }}{{ randBytes 300000 }}{{ end }}",
        "{{ shuffle (randAlpha 90000) }}",
    ],
)
def test_chance_is_paid_for_in_steps(source: str) -> None:
    # A million characters took 3 s, 300,000 bytes as long, and the limit of steps let many of them pass.
    template = compile_template(source, kwok_functions(random=Chance()))
    began = time.process_time()
    with pytest.raises(TemplateLimitError, match="steps"):
        template.render({})
    assert time.process_time() - began < 5


@pytest.mark.parametrize("source", ["{'a': 1}[self]", "[1][self]", "self[self]"])
def test_a_key_that_is_not_there_is_not_shown_whole(source: str) -> None:
    # An object in place of a key stood in the message with all that it has.
    with pytest.raises(CelEvaluationError) as caught:
        compile_cel(source, now=lambda: 0, random=lambda: 0.5)({"metadata": {"annotations": {"a": "x" * 100_000}}})
    assert len(str(caught.value)) < 300
