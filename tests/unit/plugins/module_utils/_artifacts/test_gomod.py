# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.kwok.sim.plugins.module_utils._artifacts import gomod

TEXT = """\
// a comment ( with a parenthesis
module k8s.io/kubernetes

go 1.30.2 // and why

godebug default=go1.30
godebug (
        madvdontneed=1
)

require k8s.io/alone v0.0.0
require (
        example.com/other v0.0.0
        k8s.io/released v1.2.3
        k8s.io/staged v0.0.0
        k8s.io/staged-indirectly v0.0.0 // indirect
        k8s.io/nested/module v0.0.0
        k8s.io/pseudo v0.0.0-20260317180543-43fb72c5454a
        "k8s.io/quoted" v0.0.0
        k8s.io/prerelease v0.0.0-alpha.1 // v0.0.0
)

require (
        k8s.io/staged v0.0.0
)

replace (
        k8s.io/elsewhere => k8s.io/fork v0.0.0
)

exclude k8s.io/excluded v0.0.0
retract v0.0.0
tool k8s.io/tool
"""


def test_what_a_build_takes() -> None:
    parsed = gomod.parse(TEXT)
    assert parsed.go == "1.30.2"
    assert parsed.godebug == ("default=go1.30", "madvdontneed=1")
    assert parsed.staging("k8s.io/") == (
        "k8s.io/alone",
        "k8s.io/nested/module",
        "k8s.io/quoted",
        "k8s.io/staged",
        "k8s.io/staged-indirectly",
    )


def test_a_file_without_anything() -> None:
    assert gomod.parse("module x\n") == gomod.GoMod("", (), ())


def test_rendered_module_reads_back() -> None:
    source = gomod.parse(TEXT)
    text = gomod.render("k8s.io/kubernetes", "v1.99.1", source, ("k8s.io/a", "k8s.io/b"), "v0.99.1")
    parsed = gomod.parse(text)
    assert (parsed.go, parsed.godebug, parsed.requires) == (source.go, source.godebug, (("k8s.io/kubernetes", "v1.99.1"),))
    assert "replace k8s.io/a => k8s.io/a v0.99.1\nreplace k8s.io/b => k8s.io/b v0.99.1\n" in text
    assert text.startswith("module kwok.sim/build\n")
