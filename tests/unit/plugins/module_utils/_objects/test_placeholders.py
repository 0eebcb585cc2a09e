# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""References in templates."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._objects.placeholders import compile_template

VALUES: dict[str, Any] = {"NAME": "web-3", "INDEX": "3", "ports": [80, 443], "replicas": 5}


def filled(template: Any) -> Any:
    return compile_template(template, VALUES.keys(), "template")(VALUES)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("$(NAME)", "web-3"),
        ("a-$(NAME)-$(INDEX)-b", "a-web-3-3-b"),
        ("$$(NAME)", "$(NAME)"),
        ("$$(POD_IP) $(INDEX)", "$(POD_IP) 3"),
        ("costs $5", "costs $5"),
        ("$(not a name)", "$(not a name)"),
        ("$(replicas)", 5),
        ("has $(replicas)", "has 5"),
        ("$(ports)", [80, 443]),
        (["x", "$(INDEX)", {"a": ["$(NAME)"]}], ["x", "3", {"a": ["web-3"]}]),
        ({"$(NAME)/x": 1, "k": "$(INDEX)"}, {"web-3/x": 1, "k": "3"}),
        (7, 7),
        (None, None),
    ],
)
def test_references(template: Any, expected: Any) -> None:
    assert filled(template) == expected


def test_what_has_no_reference_is_shared() -> None:
    template = {"constant": {"a": [1, 2]}, "moving": "$(NAME)"}
    fill = compile_template(template, VALUES.keys(), "template")
    assert fill(VALUES)["constant"] is template["constant"]
    assert template["moving"] == "$(NAME)"


def test_an_unknown_reference_is_refused() -> None:
    with pytest.raises(SimError, match=r"\$\(POD_IP\) is not known here") as caught:
        compile_template({"args": ["$(POD_IP)"]}, ["NAME", "_HIDDEN"], "template")
    assert caught.value.option == "template"
    assert caught.value.remedy == "Known are NAME; write $$(POD_IP) to mean the text"
