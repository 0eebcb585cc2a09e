# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads and issues a cluster's certificates and keys. No error message ever carries anything of a private key.

Keys are ECDSA on P-256, which every Kubernetes component accepts (for service-account tokens as ES256): issuing the sixteen of a cluster
takes about 20 ms.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from .._errors import SimError
from .._files import as_sim_error
from .certificate import CLOCK_SKEW, CertificateSpec, ObservedCertificate, Usage

CRYPTOGRAPHY_IMPORT_ERROR: str | None = None
try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    CRYPTOGRAPHY_IMPORT_ERROR = traceback.format_exc()


class _UnusableError(Exception):
    """Why files on disk cannot be used, as a predicate for people."""


def observe(directory: Path, specs: Iterable[CertificateSpec]) -> dict[str, ObservedCertificate]:
    """What stands in ``directory`` under the names of ``specs``, by name; changes nothing.

    What is missing or of no use is told by ``ObservedCertificate.problem``.
    """
    return {spec.name: _observe(directory, spec) for spec in specs}


def _observe(directory: Path, spec: CertificateSpec) -> ObservedCertificate:
    try:
        key = _load_key(directory, spec.name)
        if spec.kind == "key_pair":
            return _observe_key_pair(directory, spec, key)
        certificate = _load_certificate(directory, spec.name)
        if _public_der(key.public_key()) != certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ):
            raise _UnusableError("has the key of another certificate")
        return _describe(directory, spec, certificate)
    except _UnusableError as error:
        return ObservedCertificate(kind=spec.kind, problem=str(error))


def _observe_key_pair(directory: Path, spec: CertificateSpec, key: ec.EllipticCurvePrivateKey) -> ObservedCertificate:
    try:
        public = serialization.load_pem_public_key(_read(directory / f"{spec.name}.pub"))
    except ValueError as error:
        raise _UnusableError("holds no PEM public key") from error
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if der != _public_der(key.public_key()):
        raise _UnusableError("has a public key that belongs to another private key")
    return ObservedCertificate(kind="key_pair", fingerprint=_sha256(der))


def _describe(directory: Path, spec: CertificateSpec, certificate: x509.Certificate) -> ObservedCertificate:
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    try:
        extensions = certificate.extensions
        names: tuple[str, ...] = ()
        addresses: tuple[str, ...] = ()
        usages: list[Usage] = []
        authority = False
        for extension in extensions:
            value = extension.value
            if isinstance(value, x509.SubjectAlternativeName):
                names = tuple(value.get_values_for_type(x509.DNSName))
                addresses = tuple(str(address) for address in value.get_values_for_type(x509.IPAddress))
            elif isinstance(value, x509.ExtendedKeyUsage):
                usages += ["server"] if ExtendedKeyUsageOID.SERVER_AUTH in value else []
                usages += ["client"] if ExtendedKeyUsageOID.CLIENT_AUTH in value else []
            elif isinstance(value, x509.BasicConstraints):
                authority = value.ca
        common_names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        organizations = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        return ObservedCertificate(
            fingerprint=fingerprint,
            kind="authority" if authority else "leaf",
            authority_fingerprint=_signer(directory, spec, certificate),
            common_name=str(common_names[0].value) if common_names else "",
            organizations=tuple(str(attribute.value) for attribute in organizations),
            names=names,
            addresses=addresses,
            usages=tuple(usages),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
        )
    except (ValueError, x509.DuplicateExtension) as error:
        raise _UnusableError("holds a certificate that cannot be read") from error


def _signer(directory: Path, spec: CertificateSpec, certificate: x509.Certificate) -> str | None:
    """Fingerprint of the authority on disk, if it is the one that signed ``certificate``."""
    try:
        authority = certificate if spec.kind == "authority" else _load_certificate(directory, spec.authority)
        certificate.verify_directly_issued_by(authority)
    except (_UnusableError, InvalidSignature, ValueError, TypeError):
        return None
    return authority.fingerprint(hashes.SHA256()).hex()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise _UnusableError("is missing") from error
    except OSError as error:
        raise _UnusableError(f"cannot be read: {error.strerror}") from error


def _load_certificate(directory: Path, name: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_read(directory / f"{name}.crt"))
    except ValueError as error:
        raise _UnusableError("holds no PEM certificate") from error


def _load_key(directory: Path, name: str) -> ec.EllipticCurvePrivateKey:
    path = directory / f"{name}.key"
    text = _read(path)
    mode = path.stat().st_mode & 0o7777
    if mode != 0o600:
        # Others may have read it meanwhile: tightening the mode would not make it a secret again.
        raise _UnusableError(f"has a key with the mode {mode:04o} instead of 0600")
    try:
        key = serialization.load_pem_private_key(text, password=None)
    except (ValueError, TypeError) as error:
        raise _UnusableError("holds no PEM private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _UnusableError("has a key of another algorithm than ECDSA")
    return key


def issue(directory: Path, spec: CertificateSpec, now: datetime) -> str:
    """Make a new key, and its certificate or public key, in ``directory`` (which exists), replacing older ones.

    Interrupted at any point, it leaves the old pair, the new one, or a pair that ``observe`` calls mismatched. The caller holds the
    cluster's lock.

    Args:
        now: The time, with its zone: the certificate is valid from five minutes before.

    Returns:
        The fingerprint, as ``ObservedCertificate.fingerprint``.

    Raises:
        SimError: The authority cannot be used, a name or address is malformed, or a file cannot be written.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    if spec.kind == "key_pair":
        public = key.public_key()
        fingerprint = _sha256(_public_der(public))
        text = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        suffix = "pub"
    else:
        certificate = _sign(directory, spec, key, now)
        fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
        text = certificate.public_bytes(serialization.Encoding.PEM)
        suffix = "crt"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _replace([(directory / f"{spec.name}.key", private), (directory / f"{spec.name}.{suffix}", text)])
    return fingerprint


def _sign(directory: Path, spec: CertificateSpec, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    not_before = now.replace(microsecond=0) - CLOCK_SKEW
    not_after = now.replace(microsecond=0) + timedelta(days=spec.validity_days)
    public = key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    try:
        subject = _subject(spec)
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in spec.names]
        alternatives += [x509.IPAddress(ip_address(address)) for address in spec.addresses]
    except ValueError as error:
        raise SimError(f"certificate {spec.name} cannot carry its names: {error}") from error
    builder = x509.CertificateBuilder().subject_name(subject).public_key(public).serial_number(x509.random_serial_number())
    builder = builder.add_extension(identifier, critical=False)
    if spec.kind == "authority":
        signing_key, issuer, issuer_identifier = key, subject, identifier
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
    else:
        try:
            signing_key = _load_key(directory, spec.authority)
            authority = _load_certificate(directory, spec.authority)
        except _UnusableError as error:
            raise SimError(f"certificate {spec.name} cannot be signed: authority {spec.authority} {error}") from error
        issuer = authority.subject
        issuer_identifier = x509.SubjectKeyIdentifier.from_public_key(signing_key.public_key())
        not_after = min(not_after, authority.not_valid_after_utc)
        if not_after <= not_before:
            raise SimError(f"certificate {spec.name} cannot be signed: authority {spec.authority} has expired")
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(digital_signature=True, key_encipherment=True), critical=True)
        if spec.usages:
            oids = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
            builder = builder.add_extension(x509.ExtendedKeyUsage([oids[usage] for usage in spec.usages]), critical=False)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_identifier), critical=False)
    builder = builder.issuer_name(issuer).not_valid_before(not_before).not_valid_after(not_after)
    return builder.sign(signing_key, hashes.SHA256())


def _subject(spec: CertificateSpec) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in spec.organizations]
    if spec.common_name:
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, spec.common_name))
    return x509.Name(attributes)


def _key_usage(
    *, digital_signature: bool = False, key_encipherment: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_encipherment=key_encipherment,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _replace(files: list[tuple[Path, bytes]]) -> None:
    """Write all of ``files`` (0600) beside their targets, then rename them in order."""
    temporary = [(path.with_name(f".{path.name}.new"), path) for path, _content in files]
    try:
        for (source, _target), (_path, content) in zip(temporary, files, strict=True):
            # What an interrupted run left behind, maybe with another mode.
            source.unlink(missing_ok=True)
            descriptor = os.open(source, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, 0o600)
                file.write(content)
        for source, target in temporary:
            source.replace(target)
    except OSError as error:
        raise as_sim_error(error, files[0][0].parent) from error
    finally:
        for source, _target in temporary:
            with contextlib.suppress(OSError):
                source.unlink(missing_ok=True)


def _public_der(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _sha256(der: bytes) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    return digest.finalize().hex()
