"""What ``maestro doctor`` says of a machine, and which certificates uv trusts in the stack that it speaks of."""

import datetime as dt
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from maestro_cli.main import app
from maestro_cli.stack import StateFolder, ministack
from typer.testing import CliRunner


class _Empty(BaseHTTPRequestHandler):
    """An index without a single package."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, as this network's own authority would; with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "server.pem").write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    file = tmp_path / "ca.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def index(authority: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package index behind that authority, which is the operator's; no certificate is set."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.parent / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for name in ("UV_SYSTEM_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT", "PIP_INDEX_URL", "UV_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    url = f"https://127.0.0.1:{server.server_port}/simple"
    monkeypatch.setenv("UV_DEFAULT_INDEX", url)
    yield url
    server.shutdown()
    thread.join()
    server.server_close()


def _checks() -> dict[str, dict[str, str]]:
    found = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    assert found["healthy"]  # no network is a warning
    return {check["name"]: check for check in found["checks"]}


@pytest.mark.usefixtures("index")
def test_doctor_reports_every_check_and_the_index_as_uv_sees_it(
    authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an index behind an authority that the system does not know
    refused = _checks()

    # then a run could not use it, and doctor says so
    assert {"python", "git", "uv", "valkey", "ministack", "ports", "state", "cache", "disk", "interpreters"} <= set(
        refused
    )
    assert refused["network"]["level"] == "warning"
    assert "certificate" in refused["network"]["detail"]

    # and once uv is told the authority, in its own way or in pip's, it answers
    monkeypatch.setenv("PIP_CERT", str(authority))
    assert _checks()["network"]["level"] == "ok"


def test_doctor_says_when_nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")

    assert "refused" in _checks()["network"]["detail"]


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ({}, "1"),
        ({"SSL_CERT_FILE": ""}, "1"),
        ({"UV_SYSTEM_CERTS": "0"}, "0"),
        ({"SSL_CERT_FILE": "/ca.pem"}, None),
        ({"PIP_CERT": "/ca.pem"}, None),
    ],
)
def test_runs_trust_the_systems_certificates_unless_told_otherwise(
    tmp_path: Path, operator: dict[str, str], expected: str | None
) -> None:
    made = ministack.environment(StateFolder(tmp_path), 1, operator, auth=False)

    assert made.get("UV_SYSTEM_CERTS") == expected
