# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates and keys on disk."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from ansible_collections.kwok.sim.plugins.module_utils._cluster import pki
from ansible_collections.kwok.sim.plugins.module_utils._cluster.certificate import CLOCK_SKEW, CertificateSpec, certificate_problem
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError

NOW = datetime(2026, 6, 1, 12, 30, 15, 999, tzinfo=UTC)
CA = CertificateSpec(name="ca", kind="authority", authority="ca", common_name="kwok-sim-ca", validity_days=3650)
LEAF = CertificateSpec(
    name="server",
    authority="ca",
    common_name="kube-apiserver",
    organizations=("system:masters", "b"),
    names=("localhost", "kubernetes.default.svc"),
    addresses=("127.0.0.1", "::1"),
    usages=("server", "client"),
)
KEY_PAIR = CertificateSpec(name="sa", kind="key_pair")
ALL = (CA, LEAF, KEY_PAIR)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for spec in ALL:
        pki.issue(tmp_path, spec, NOW)
    return tmp_path


def problem(directory: Path, spec: CertificateSpec) -> str | None:
    return pki.observe(directory, [spec])[spec.name].problem


def test_what_is_issued_is_what_is_wanted(tmp_path: Path) -> None:
    fingerprints = {spec.name: pki.issue(tmp_path, spec, NOW) for spec in ALL}
    observed = pki.observe(tmp_path, ALL)
    assert {name: found.fingerprint for name, found in observed.items()} == fingerprints
    assert observed["server"].authority_fingerprint == fingerprints["ca"]
    for spec in ALL:
        assert certificate_problem(spec, observed[spec.name], NOW, fingerprints["ca"]) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.crt", "ca.key", "sa.key", "sa.pub", "server.crt", "server.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_validity(directory: Path) -> None:
    observed = pki.observe(directory, [LEAF])["server"]
    assert observed.not_before == NOW.replace(microsecond=0) - CLOCK_SKEW
    assert observed.not_after == NOW.replace(microsecond=0) + timedelta(days=365)


def test_leaf_ends_with_its_authority(directory: Path) -> None:
    later = NOW + timedelta(days=3600)
    pki.issue(directory, LEAF, later)
    observed = pki.observe(directory, ALL)
    assert observed["server"].not_after == observed["ca"].not_after
    assert certificate_problem(LEAF, observed["server"], later, observed["ca"].fingerprint) is None


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_strict_verification_by_another_implementation(directory: Path) -> None:
    command = ["openssl", "verify", "-x509_strict", "-attime", str(int(NOW.timestamp())), "-CAfile", "ca.crt", "server.crt"]
    assert subprocess.run(command, cwd=directory, capture_output=True, check=False).returncode == 0


def test_extensions(directory: Path) -> None:
    authority = x509.load_pem_x509_certificate((directory / "ca.crt").read_bytes())
    leaf = x509.load_pem_x509_certificate((directory / "server.crt").read_bytes())
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and constraints.value.ca and constraints.value.path_length == 0
    usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_cert_sign and usage.crl_sign and not usage.digital_signature
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and usage.key_encipherment and not usage.key_cert_sign
    issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert issuer == authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert authority.serial_number != leaf.serial_number


def test_missing(tmp_path: Path) -> None:
    assert {found.problem for found in pki.observe(tmp_path, ALL).values()} == {"is missing"}


@pytest.mark.parametrize("suffix", ["key", "crt"])
def test_half_missing(directory: Path, suffix: str) -> None:
    (directory / f"server.{suffix}").unlink()
    assert problem(directory, LEAF) == "is missing"


def test_key_that_others_can_read(directory: Path) -> None:
    (directory / "server.key").chmod(0o640)
    assert problem(directory, LEAF) == "has a key with the mode 0640 instead of 0600"


def test_interrupted_between_key_and_certificate(directory: Path) -> None:
    old = (directory / "server.crt").read_bytes()
    pki.issue(directory, LEAF, NOW)
    (directory / "server.crt").write_bytes(old)
    assert problem(directory, LEAF) == "has the key of another certificate"


def test_public_key_of_another_pair(directory: Path) -> None:
    old = (directory / "sa.pub").read_bytes()
    pki.issue(directory, KEY_PAIR, NOW)
    (directory / "sa.pub").write_bytes(old)
    assert problem(directory, KEY_PAIR) == "has a public key that belongs to another private key"


@pytest.mark.parametrize(
    ("name", "spec", "expected"),
    [
        ("server.crt", LEAF, "holds no PEM certificate"),
        ("server.key", LEAF, "holds no PEM private key"),
        ("sa.pub", KEY_PAIR, "holds no PEM public key"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_damaged(directory: Path, name: str, spec: CertificateSpec, expected: str, content: bytes) -> None:
    (directory / name).write_bytes(content)
    assert problem(directory, spec) == expected


def test_authority_replaced(directory: Path) -> None:
    fingerprint = pki.issue(directory, CA, NOW)
    observed = pki.observe(directory, ALL)
    assert observed["server"].authority_fingerprint is None
    assert certificate_problem(LEAF, observed["server"], NOW, fingerprint) == "is signed by another authority"


def test_issue_replaces_what_an_interrupted_run_left(directory: Path) -> None:
    left = directory / ".server.key.new"
    left.write_bytes(b"half")
    left.chmod(0o666)
    pki.issue(directory, LEAF, NOW)
    assert not left.exists()
    assert problem(directory, LEAF) is None


def test_authority_that_cannot_sign(tmp_path: Path) -> None:
    with pytest.raises(SimError, match="certificate server cannot be signed: authority ca is missing"):
        pki.issue(tmp_path, LEAF, NOW)
    pki.issue(tmp_path, CA, NOW)
    with pytest.raises(SimError, match="authority ca has expired"):
        pki.issue(tmp_path, LEAF, NOW + timedelta(days=4000))


def test_malformed_address(directory: Path) -> None:
    spec = CertificateSpec(name="x", authority="ca", addresses=("300.1.1.1",))
    with pytest.raises(SimError, match="certificate x cannot carry its names"):
        pki.issue(directory, spec, NOW)


def test_unwritable_directory_leaves_the_old_pair(directory: Path) -> None:
    # A directory in the way of the temporary file: works for root as well, whom no permission stops.
    (directory / ".server.crt.new").mkdir()
    before = (directory / "server.key").read_bytes()
    with pytest.raises(SimError, match="cannot be written") as caught:
        pki.issue(directory, LEAF, NOW)
    assert caught.value.option == "base_dir"
    assert (directory / "server.key").read_bytes() == before
    assert "PRIVATE" not in str(caught.value)


def test_umask_does_not_widen(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        pki.issue(tmp_path, CA, NOW)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600
