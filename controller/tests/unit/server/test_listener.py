# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from kwok_controller.server.listener import AddressError, Certificate, CertificateError, listen, parse_address

MakeCertificate = Callable[[str], tuple[Path, Path]]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:10247", ("127.0.0.1", 10247)),
        (":10247", ("", 10247)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:443", ("::1", 443)),
        ("[::]:65535", ("::", 65535)),
    ],
)
def test_addresses_are_those_of_go(address: str, expected: tuple[str, int]) -> None:
    assert parse_address(address) == expected


@pytest.mark.parametrize("address", ["", "10247", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "::1:443", "h:65536", "h:-1", "h:\u0661"])
def test_what_is_no_address_is_refused_with_what_may_stand_there(address: str) -> None:
    with pytest.raises(AddressError, match=r"is no address to listen on: give HOST:PORT, :PORT or \[IPV6\]:PORT"):
        parse_address(address)


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(AddressError, match=r"cannot listen on 127.0.0.1:\d+: .*in use"):
        listen(f"127.0.0.1:{taken.getsockname()[1]}")


def test_no_host_means_all_interfaces_and_both_protocols() -> None:
    sockets = listen(":0")
    try:
        port = sockets[0].getsockname()[1]
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            if family == socket.AF_INET6 and not socket.has_dualstack_ipv6():
                continue
            with socket.socket(family) as client:
                client.connect((host, port))
    finally:
        for sock in sockets:
            sock.close()


def test_a_changed_certificate_is_taken_and_a_broken_one_is_not(
    make_certificate: MakeCertificate, caplog: pytest.LogCaptureFixture
) -> None:
    now = 100.0
    certificate_file, key_file = make_certificate("first")
    certificate = Certificate(certificate_file, key_file, clock=lambda: now)
    first = certificate.context()
    now += 5
    assert certificate.context() is first

    certificate_file.write_text("half a file")
    now += 5
    assert certificate.context() is first
    assert "The changed certificate is of no use" in caplog.text

    make_certificate("second")
    now += 5
    assert certificate.context() is not first


def test_files_are_not_looked_at_for_every_connection(make_certificate: MakeCertificate) -> None:
    now = 100.0
    certificate_file, key_file = make_certificate("first")
    certificate = Certificate(certificate_file, key_file, clock=lambda: now)
    first = certificate.context()
    make_certificate("second")
    now += 0.5
    assert certificate.context() is first


def test_versions_before_tls_1_2_are_not_spoken(make_certificate: MakeCertificate) -> None:
    assert Certificate(*make_certificate("x")).context().minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_missing_file_is_named(make_certificate: MakeCertificate) -> None:
    certificate_file, key_file = make_certificate("x")
    with pytest.raises(CertificateError, match=r"cannot read /none/such: No such file"):
        Certificate(certificate_file, Path("/none/such"))
    key_file.unlink()
    with pytest.raises(CertificateError, match=f"cannot read {key_file}: No such file"):
        Certificate(certificate_file, key_file)


def test_a_key_of_another_certificate_is_refused(make_certificate: MakeCertificate, tmp_path: Path) -> None:
    certificate_file, key_file = make_certificate("one")
    other = tmp_path / "other.key"
    key_file.rename(other)
    make_certificate("two")
    with pytest.raises(CertificateError, match=r"no PEM certificate with its unencrypted private key: .*MISMATCH"):
        Certificate(certificate_file, other)
