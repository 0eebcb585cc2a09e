# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What certificates a cluster wants, and what is wrong with those it has. Pure; ``pki`` reads and writes them.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Literal

CLOCK_SKEW = timedelta(minutes=5)
"""A certificate is valid from this long before its issue, for hosts whose clocks are behind; kube-controller-manager's signer, too,
backdates by five minutes."""

MAXIMUM_COMMON_NAME_BYTES = 64
"""What X.509 allows a subject's CN and O (RFC 5280, appendix A.1: ub-common-name, ub-organization-name)."""

Usage = Literal["server", "client"]


@dataclass(frozen=True)
class CertificateSpec:
    """A wanted certificate, or (``kind="key_pair"``) a bare key pair such as the service-account key.

    Attributes:
        name: Stem of its files: ``NAME.crt`` and ``NAME.key``, or ``NAME.pub`` and ``NAME.key`` for a key pair.
        kind: ``authority`` signs others, ``leaf`` is signed by ``authority``, ``key_pair`` has no certificate.
        authority: Name of the authority that signs it; its own name for an authority.
        common_name: Subject CN: for clients of the apiserver, the user name.
        organizations: Subject O: for clients of the apiserver, the groups.
        names: DNS names that it serves.
        addresses: IP addresses that it serves.
        usages: Extended key usages.
        validity_days: Days from issue to expiry.
    """

    name: str
    kind: Literal["authority", "leaf", "key_pair"] = "leaf"
    authority: str = ""
    common_name: str = ""
    organizations: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    usages: tuple[Usage, ...] = ()
    validity_days: int = 365


@dataclass(frozen=True)
class ObservedCertificate:
    """What stands on disk under a certificate's name.

    Attributes:
        fingerprint: SHA-256 of the certificate's DER (of the public key's, for a key pair), hex.
        authority_fingerprint: Fingerprint of the authority's certificate on disk, if that one did sign this one; else ``None``.
        problem: Why the files cannot be used at all: missing, unreadable, no PEM, key of another certificate,
            readable by others; ``None`` if they can.
    """

    fingerprint: str = ""
    kind: Literal["authority", "leaf", "key_pair"] = "leaf"
    authority_fingerprint: str | None = None
    common_name: str = ""
    organizations: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    usages: tuple[Usage, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None
    problem: str | None = None


def certificate_problem(
    spec: CertificateSpec, observed: ObservedCertificate | None, now: datetime, authority_fingerprint: str | None
) -> str | None:
    """Why a new one must be issued, as a predicate for people ("lacks the address 10.0.0.1"); ``None`` if it serves.

    A certificate is renewed when less than a third of its lifetime is left, which is cert-manager's default
    (``RenewalTime`` in its pkg/util/pki/renewaltime.go). A leaf that lives shorter than
    wanted serves all the same: its authority's end may have cut it short.

    Args:
        observed: What ``pki.observe`` found under the name of ``spec``.
        now: The time, with its zone.
        authority_fingerprint: Of the authority that is to have signed a leaf; ``None`` if that one is about to be issued
            anew. Without meaning for authorities and key pairs.
    """
    if observed is None:
        return "is missing"
    if observed.problem is not None:
        return observed.problem
    if observed.kind != spec.kind:
        return f"is of the kind {observed.kind}, not {spec.kind}"
    if spec.kind == "key_pair":
        return None
    return (
        _signature_problem(spec, observed, authority_fingerprint)
        or _content_problem(spec, observed)
        or _validity_problem(spec, observed, now)
    )


def _signature_problem(spec: CertificateSpec, observed: ObservedCertificate, authority_fingerprint: str | None) -> str | None:
    if spec.kind == "authority":
        return None if observed.authority_fingerprint == observed.fingerprint else "is not signed by itself"
    if authority_fingerprint is None:
        return f"is signed by {spec.authority}, which is issued anew"
    return None if observed.authority_fingerprint == authority_fingerprint else "is signed by another authority"


def _content_problem(spec: CertificateSpec, observed: ObservedCertificate) -> str | None:
    if observed.common_name != spec.common_name:
        return f"is for {observed.common_name or 'nobody'}, not for {spec.common_name or 'nobody'}"
    pairs: tuple[tuple[str, set[str], set[str]], ...] = (
        ("group", set(spec.organizations), set(observed.organizations)),
        ("name", {name.lower() for name in spec.names}, {name.lower() for name in observed.names}),
        ("address", _addresses(spec.addresses), _addresses(observed.addresses)),
        ("usage", set(spec.usages), set(observed.usages)),
    )
    for noun, wanted, found in pairs:
        if wanted - found:
            return f"lacks the {noun} {', '.join(sorted(wanted - found))}"
    for noun, wanted, found in pairs:
        if found - wanted:
            return f"carries the {noun} {', '.join(sorted(found - wanted))}, which is not wanted"
    return None


def _addresses(addresses: tuple[str, ...]) -> set[str]:
    """One spelling for each address: ``::1`` and ``0:0:0:0:0:0:0:1`` are the same."""
    return {str(ip_address(address)) for address in addresses}


def _validity_problem(spec: CertificateSpec, observed: ObservedCertificate, now: datetime) -> str | None:
    if observed.not_before is None or observed.not_after is None:
        return "does not say how long it is valid"
    if now < observed.not_before:
        return f"is not valid before {observed.not_before:%Y-%m-%d %H:%M} UTC"
    if now >= observed.not_after:
        return f"expired on {observed.not_after:%Y-%m-%d}"
    lifetime = observed.not_after - observed.not_before
    wanted = timedelta(days=spec.validity_days) + CLOCK_SKEW
    if lifetime > wanted or (spec.kind == "authority" and lifetime < wanted):
        return f"is valid for {lifetime.days} days, not for {spec.validity_days}"
    if observed.not_after - now < lifetime / 3:
        return f"expires on {observed.not_after:%Y-%m-%d}, within a third of its lifetime"
    return None
