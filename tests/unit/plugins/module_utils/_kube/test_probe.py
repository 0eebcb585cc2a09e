# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking components whether they are ready, over real connections."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster import pki
from ansible_collections.kwok.sim.plugins.module_utils._cluster.certificate import CertificateSpec
from ansible_collections.kwok.sim.plugins.module_utils._cluster.component import Endpoint
from ansible_collections.kwok.sim.plugins.module_utils._kube import probe

SPECS = (
    CertificateSpec(name="ca", kind="authority", authority="ca", common_name="ca"),
    CertificateSpec(name="other-ca", kind="authority", authority="other-ca", common_name="ca"),
    CertificateSpec(name="server", authority="ca", addresses=("127.0.0.1",), names=("localhost",), usages=("server",)),
    CertificateSpec(name="client", authority="ca", common_name="probe", usages=("client",)),
)


class _Handler(BaseHTTPRequestHandler):
    answers: ClassVar[list[tuple[int, bytes]]] = []

    def do_GET(self) -> None:
        status, body = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Handshakes that fail are what is tested."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pki")
    for spec in SPECS:
        pki.issue(directory, spec, datetime.now(UTC))
    return directory


@contextlib.contextmanager
def serving(answers: list[tuple[int, bytes]], directory: Path | None = None, host: str = "127.0.0.1") -> Iterator[int]:
    """A server on loopback that gives ``answers`` in turn, the last one for ever; over TLS with client certificates if given some."""
    server = _Server((host, 0), type("Handler", (_Handler,), {"answers": list(answers)}))
    if directory is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "server.crt", directory / "server.key")
        context.load_verify_locations(directory / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def https(port: int, directory: Path, *, ca: str = "ca", client: bool = True, host: str = "127.0.0.1") -> Endpoint:
    return Endpoint(
        "https",
        host,
        port,
        "/readyz",
        str(directory / f"{ca}.crt"),
        str(directory / "client.crt") if client else None,
        str(directory / "client.key") if client else None,
    )


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_ready_over_mutual_tls(certificates: Path) -> None:
    with serving([(200, b"ok")], certificates) as port:
        assert probe.ready(https(port, certificates)) == (True, "answers 200")
        assert probe.ready(https(port, certificates, host="localhost"))[0]


def test_server_of_another_authority(certificates: Path) -> None:
    with serving([(200, b"ok")], certificates) as port:
        done, reason = probe.ready(https(port, certificates, ca="other-ca"))
    assert not done
    assert "does not verify" in reason


def test_server_under_another_name(certificates: Path) -> None:
    with serving([(200, b"ok")], certificates, "127.0.0.2") as port:
        done, reason = probe.ready(https(port, certificates, host="127.0.0.2"))
    assert not done
    assert "does not verify" in reason and "127.0.0.2" in reason


def test_client_without_a_certificate(certificates: Path) -> None:
    with serving([(200, b"ok")], certificates) as port:
        done, reason = probe.ready(https(port, certificates, client=False))
    assert not done
    assert reason.startswith(("refuses the TLS connection", "cannot be reached", "does not speak HTTP"))


def test_unverified_where_no_authority_is_named(certificates: Path) -> None:
    with serving([(200, b"ok")], certificates) as port:
        endpoint = Endpoint("https", "127.0.0.1", port, "/", None, str(certificates / "client.crt"), str(certificates / "client.key"))
        assert probe.ready(endpoint)[0]


def test_a_renewed_certificate_is_read_again(certificates: Path, tmp_path: Path) -> None:
    for name in ("ca.crt", "client.crt", "client.key"):
        (tmp_path / name).write_bytes((certificates / name).read_bytes())
    with serving([(200, b"ok")], certificates) as port:
        assert probe.ready(https(port, tmp_path))[0]
        (tmp_path / "ca.crt").write_bytes((certificates / "other-ca.crt").read_bytes())
        assert not probe.ready(https(port, tmp_path))[0]


def test_certificates_that_are_not_there(certificates: Path, tmp_path: Path) -> None:
    assert probe.ready(https(1, tmp_path)) == (False, "the probe's certificates cannot be used: No such file or directory")
    (tmp_path / "ca.crt").write_text("no PEM")
    done, reason = probe.ready(https(1, tmp_path, client=False))
    assert not done
    assert reason.startswith("the probe's certificates cannot be used")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (204, b"", (True, "answers 204")),
        (302, b"", (True, "answers 302")),
        (404, b"404 page not found\n", (False, "answers 404: 404 page not found")),
        (
            500,
            b"[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/rbac/bootstrap-roles failed\nreadyz check failed\n",
            (False, "answers 500: waits for etcd, poststarthook/rbac/bootstrap-roles"),
        ),
        (503, b"", (False, "answers 503")),
    ],
)
def test_statuses(status: int, body: bytes, expected: tuple[bool, str]) -> None:
    with serving([(status, body)]) as port:
        assert probe.ready(Endpoint("http", "127.0.0.1", port, "/")) == expected


def test_nothing_listens() -> None:
    assert probe.ready(Endpoint("http", "127.0.0.1", free_port(), "/")) == (False, "does not listen yet")


def test_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = Endpoint("http", "127.0.0.1", listener.getsockname()[1], "/")
        assert probe.ready(endpoint, 0.1) == (False, "does not answer within 0.1 s")


def test_no_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _address = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert probe.ready(Endpoint("http", "127.0.0.1", listener.getsockname()[1], "/")) == (False, "does not speak HTTP: BadStatusLine")
        thread.join()


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_wait_until_ready() -> None:
    clock = _Clock()
    with serving([(503, b""), (500, b""), (200, b"")]) as port:
        endpoint = Endpoint("http", "127.0.0.1", port, "/")
        done, _reason = probe.wait_ready(endpoint, timeout_s=10, clock=clock, sleep=clock.sleep)
    assert done
    assert clock.now == pytest.approx(100.1)


def test_wait_ends_with_the_last_reason() -> None:
    clock = _Clock()
    with serving([(503, b""), (500, b"[-]etcd failed\n")]) as port:
        endpoint = Endpoint("http", "127.0.0.1", port, "/")
        result = probe.wait_ready(endpoint, timeout_s=1, interval_s=0.4, clock=clock, sleep=clock.sleep)
    assert result == (False, "answers 500: waits for etcd")
    assert clock.now <= 101


def test_wait_asks_at_least_once() -> None:
    with serving([(200, b"")]) as port:
        assert probe.wait_ready(Endpoint("http", "127.0.0.1", port, "/"), timeout_s=0)[0]


def test_wait_ends_with_the_process() -> None:
    clock = _Clock()
    endpoint = Endpoint("http", "127.0.0.1", free_port(), "/")
    result = probe.wait_ready(endpoint, timeout_s=100, alive=lambda: "it ended with status 1", clock=clock, sleep=clock.sleep)
    assert result == (False, "it ended with status 1")
    assert clock.now == 100.0
