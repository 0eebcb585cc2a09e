# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes a certificate be issued anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.certificate import (
    CLOCK_SKEW,
    CertificateSpec,
    ObservedCertificate,
    certificate_problem,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SPEC = CertificateSpec(
    name="kube-apiserver",
    authority="ca",
    common_name="kube-apiserver",
    organizations=("a", "b"),
    names=("localhost", "kubernetes.default"),
    addresses=("127.0.0.1", "::1"),
    usages=("server",),
    validity_days=90,
)
GOOD = ObservedCertificate(
    fingerprint="leaf",
    authority_fingerprint="ca",
    common_name="kube-apiserver",
    organizations=("b", "a"),
    names=("kubernetes.default", "LOCALHOST"),
    addresses=("0:0:0:0:0:0:0:1", "127.0.0.1"),
    usages=("server",),
    not_before=NOW - CLOCK_SKEW,
    not_after=NOW + timedelta(days=90),
)
AUTHORITY = CertificateSpec(name="ca", kind="authority", authority="ca", common_name="ca", validity_days=90)
GOOD_AUTHORITY = ObservedCertificate(
    fingerprint="ca", kind="authority", authority_fingerprint="ca", common_name="ca", not_before=GOOD.not_before, not_after=GOOD.not_after
)


def test_serves() -> None:
    assert certificate_problem(SPEC, GOOD, NOW, "ca") is None
    assert certificate_problem(AUTHORITY, GOOD_AUTHORITY, NOW, None) is None
    key_pair = CertificateSpec(name="sa", kind="key_pair")
    assert certificate_problem(key_pair, ObservedCertificate(fingerprint="x", kind="key_pair"), NOW, None) is None


@pytest.mark.parametrize(
    ("observed", "problem"),
    [
        (None, "is missing"),
        (ObservedCertificate(problem="holds no PEM certificate"), "holds no PEM certificate"),
        (replace(GOOD, kind="authority"), "is of the kind authority, not leaf"),
        (replace(GOOD, authority_fingerprint="other"), "is signed by another authority"),
        (replace(GOOD, authority_fingerprint=None), "is signed by another authority"),
        (replace(GOOD, common_name="x"), "is for x, not for kube-apiserver"),
        (replace(GOOD, organizations=("a",)), "lacks the group b"),
        (replace(GOOD, organizations=("a", "b", "system:masters")), "carries the group system:masters, which is not wanted"),
        (replace(GOOD, names=()), "lacks the name kubernetes.default, localhost"),
        (replace(GOOD, addresses=("127.0.0.1",)), "lacks the address ::1"),
        (replace(GOOD, addresses=("127.0.0.1", "::1", "10.0.0.1")), "carries the address 10.0.0.1, which is not wanted"),
        (replace(GOOD, usages=("client",)), "lacks the usage server"),
        (replace(GOOD, not_before=None), "does not say how long it is valid"),
        (replace(GOOD, not_before=NOW + timedelta(hours=1)), "is not valid before 2026-06-01 13:00 UTC"),
        (replace(GOOD, not_after=NOW), "expired on 2026-06-01"),
        (replace(GOOD, not_after=NOW + timedelta(days=91)), "is valid for 91 days, not for 90"),
    ],
)
def test_problem(observed: ObservedCertificate | None, problem: str) -> None:
    assert certificate_problem(SPEC, observed, NOW, "ca") == problem


def test_authority_issued_anew() -> None:
    assert certificate_problem(SPEC, GOOD, NOW, None) == "is signed by ca, which is issued anew"


def test_authority_problem() -> None:
    assert certificate_problem(AUTHORITY, replace(GOOD_AUTHORITY, authority_fingerprint=None), NOW, None) == "is not signed by itself"
    shorter = replace(GOOD_AUTHORITY, not_after=NOW + timedelta(days=80))
    assert certificate_problem(AUTHORITY, shorter, NOW, None) == "is valid for 80 days, not for 90"


def test_leaf_cut_short_by_its_authority_serves() -> None:
    assert certificate_problem(SPEC, replace(GOOD, not_after=NOW + timedelta(days=20)), NOW, "ca") is None


@pytest.mark.parametrize(("spec", "observed"), [(SPEC, GOOD), (AUTHORITY, GOOD_AUTHORITY)])
def test_renewal_begins_with_the_last_third(spec: CertificateSpec, observed: ObservedCertificate) -> None:
    assert observed.not_before is not None and observed.not_after is not None
    last_third = observed.not_after - (observed.not_after - observed.not_before) / 3
    assert certificate_problem(spec, observed, last_third, "ca") is None
    assert (
        certificate_problem(spec, observed, last_third + timedelta(seconds=1), "ca")
        == "expires on 2026-08-30, within a third of its lifetime"
    )
