"""Mail servers in the test's own process: the stack's catcher, and others with TLS and logins."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from emulators.mail.mailbox import Mailbox
from emulators.mail.server import Catcher, listening
from shared_code import mail
from shared_code.mail import Mail

type Serve = Callable[..., Awaitable[int]]


@pytest.fixture(autouse=True)
def _sender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(mail.SENDER, "Atrium <no-reply@example.com>")


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def catcher(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """The catcher as in `make run`, and the app told of it; gives its port."""
    async with listening(mailbox, "127.0.0.1", 0) as port:
        monkeypatch.setenv(mail.SERVER, f"smtp://localhost:{port}")
        yield port


@dataclass
class Provider:
    """A mail provider with TLS and logins, and what it has heard."""

    port: int
    mailbox: Mailbox
    logins: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture
async def provider(mailbox: Mailbox, certificate: ssl.SSLContext) -> AsyncIterator[Provider]:
    """It offers STARTTLS, and takes mail after a login only."""
    found = Provider(0, mailbox)

    def login(
        _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        found.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"p/ss", handled=False)

    def made() -> SMTP:
        return SMTP(
            Catcher(mailbox),
            hostname="localhost",
            tls_context=certificate,
            require_starttls=True,
            auth_required=True,
            authenticator=login,
            auth_exclude_mechanism=["LOGIN"],  # it asks again for a name that came with the command
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()
    server.close_clients()


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """A server's certificate for localhost, of an authority that nobody knows."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(private)
    (tmp_path / "certificate.pem").write_bytes(made.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    return context


@pytest.fixture
def trusted(
    certificate: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ssl.SSLContext:
    """The certificate, of an authority that this machine knows."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    return certificate


@pytest.fixture
def letter() -> Mail:
    return Mail("ada@example.com", "Grüße", "Text: ü\n.\n", "<p>HTML: ü</p>", "evt_1")
