"""Files of an app with an identity: its calls carry a token, its addresses are signed with Entra's key.

Azurite takes tokens over HTTPS only: one is started with a certificate of its own. Of what Entra's key signs
it knows the form before REST version 2026-04-06, in which the SDK signs: two lines are taken out, which are
empty here.
"""

import base64
import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from ssl import SSLContext, create_default_context
from typing import Any
from urllib.parse import parse_qs, urlsplit

import azure.identity.aio
import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.blob._shared import sign_string
from azure.storage.blob._shared_access_signature import _BlobSharedAccessHelper
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from functions.files import store
from functions.files.commands import arranging, reading, thumbnails, uploading
from functions.files.events import ImageAccepted
from functions.files.models import Copied, DownloadQuery, TicketQuery
from functions.files.store import CONTENT, QUARANTINE
from shared_code.clock import utcnow
from shared_code.outbox import OutboxRows
from shared_code.storage import close_all
from tests.harness.stack import REPOSITORY
from tests.harness.waiting import until
from tests.integration.files.conftest import SETTINGS, Clock, forget
from tests.integration.files.uploads import actor, ask, begin, blobs, checked, picture, row

AZURITE = REPOSITORY / "node_modules/azurite/dist/src/azurite.js"
ACCOUNT = "devstoreaccount1"
SERVICES = ("blob", "queue", "table")
HELLO = b"hello, world"


@dataclass(frozen=True)
class Secure:
    """An Azurite behind HTTPS: the ports of its services, and whom it proves to be."""

    ports: dict[str, int]
    certificate: Path

    def uri(self, service: str) -> str:
        return f"https://127.0.0.1:{self.ports[service]}/{ACCOUNT}"

    @property
    def trust(self) -> SSLContext:
        return create_default_context(cafile=str(self.certificate))


def certify(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(utcnow() - timedelta(days=1))
        .not_valid_after(utcnow() + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    certificate, private = folder / "cert.pem", folder / "key.pem"
    signed = builder.sign(key, hashes.SHA256())
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    folder = tmp_path_factory.mktemp("secure")
    certificate, private = certify(folder)
    ports = {each: free_port() for each in SERVICES}
    where = [
        word
        for name, port in ports.items()
        for word in (f"--{name}Host", "127.0.0.1", f"--{name}Port", str(port))
    ]
    command = [
        *("node", str(AZURITE), "--skipApiVersionCheck", "--disableTelemetry", "--silent"),
        *("--inMemoryPersistence", "--oauth", "basic", "--cert", str(certificate)),
        *("--key", str(private), *where),
    ]
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": str(certificate)}
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
    try:
        until(
            lambda: process.poll() is not None or all(map(answers, ports.values())),
            "Azurite listens",
            60,
        )
        assert process.poll() is None, log.read_text()
        yield Secure(ports, certificate)
    finally:
        process.terminate()
        process.wait(20)


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


class Credential:
    """An identity that Entra knows; Azurite looks at what a token says, not at who signed it."""

    def __init__(self, **_: Any) -> None:
        now = int(utcnow().timestamp())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
            "iat": now - 60,
            "nbf": now - 60,
            "exp": now + 3600,
            "oid": "23657296-5cd5-45b0-a809-d972a7f4dfe1",
            "tid": "ab1f708d-50f6-404c-a006-d71b2ac7a606",
            "sub": "23657296-5cd5-45b0-a809-d972a7f4dfe1",
            "ver": "1.0",
        }
        self._token = f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"
        self._until = now + 3600

    async def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken(self._token, self._until)

    async def get_token_info(self, *_: str, **__: Any) -> AccessTokenInfo:
        return AccessTokenInfo(self._token, self._until)

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(autouse=True)
async def _with_an_identity(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.delenv("FILES_STORAGE", raising=False)
    for each in SERVICES:
        monkeypatch.setenv(f"FILES_STORAGE__{each}ServiceUri", secure.uri(each))
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(azure.identity.aio, "DefaultAzureCredential", Credential)
    monkeypatch.setattr(OutboxRows, "tell_soon", lambda *_: None)
    _trust(monkeypatch, secure.certificate)
    _sign_as_azurite_reads(monkeypatch)
    forget()
    await store.provision()
    yield
    forget()
    await close_all()


def _trust(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    send = AioHttpTransport.send

    async def trusting(self: Any, request: Any, **options: Any) -> Any:
        return await send(self, request, **{**options, "connection_verify": str(certificate)})

    monkeypatch.setattr(AioHttpTransport, "send", trusting)


def _sign_as_azurite_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without signed headers (line 21) and parameters (line 22)."""
    sign: Any = _BlobSharedAccessHelper.add_resource_signature

    def signed(self: Any, *words: Any, user_delegation_key: Any, **more: Any) -> None:
        sign(self, *words, user_delegation_key=user_delegation_key, **more)
        lines = self.string_to_sign.split("\n")
        assert lines[21:23] == ["", ""]
        shorter = "\n".join(lines[:21] + lines[23:])
        self._add_query("sig", sign_string(user_delegation_key.value, shorter))

    monkeypatch.setattr(_BlobSharedAccessHelper, "add_resource_signature", signed)


def said(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def keys_asked(sent: list[str]) -> int:
    """How often Entra's key was asked for."""
    return len([each for each in sent if "comp=userdelegationkey" in each])


async def test_a_file_goes_its_whole_way_without_an_account_key(
    secure: Secure, sent: list[str]
) -> None:
    user, content = actor(), picture(60, 40)
    made = await begin(user, content, content_type="image/png")
    assert made.upload
    signed = said(made.upload.url)
    assert (signed["sr"], signed["sp"], signed["spr"]) == ("b", "cw", "https")
    assert signed["skoid"] == "23657296-5cd5-45b0-a809-d972a7f4dfe1"
    assert {"sktid", "skt", "ske", "sks", "skv"} <= set(signed)
    headers = made.upload.headers
    put = await ask("PUT", made.upload.url, data=content, headers=headers, ssl=secure.trust)
    assert put.status == 201, put
    await uploading.complete(user, made.file.id)
    file = await checked(await row(user.user_id, made.file.id))
    assert file.state == "available", file.upload
    await thumbnails.make(ImageAccepted(drive_id=file.drive_id, file_id=file.item_id, version=1))
    given = await reading.download(user, file.item_id, DownloadQuery(disposition="inline"))
    small = await reading.thumbnail(user, file.item_id, 256, TicketQuery())
    for each in (given, small):
        signed = said(each.url)
        assert (signed["sr"], signed["sp"], signed["spr"]) == ("b", "r", "https")
        assert "skoid" in signed
        assert signed["rsct"] == each.content_type
        assert signed["rscd"].startswith("inline;")
    got = await ask("GET", given.url, ssl=secure.trust)
    assert (got.status, got.body) == (200, content)
    assert (await ask("GET", small.url, ssl=secure.trust)).status == 200
    assert sum((await blobs(QUARANTINE, user.user_id)).values()) == 0
    assert keys_asked(sent) == 1


async def test_a_copy_by_the_store_is_signed_with_entras_key_as_well(secure: Secure) -> None:
    user = actor()
    made = await begin(user, HELLO)
    assert made.upload
    headers = made.upload.headers
    await ask("PUT", made.upload.url, data=HELLO, headers=headers, ssl=secure.trust)
    await uploading.complete(user, made.file.id)
    await checked(await row(user.user_id, made.file.id))
    copy = await arranging.copy(user, made.file.id, Copied(), None)
    assert (await checked(await row(user.user_id, copy.file.id))).state == "available"
    given = await reading.download(user, copy.file.id, DownloadQuery())
    assert (await ask("GET", given.url, ssl=secure.trust)).body == HELLO
    assert list((await blobs(CONTENT, user.user_id)).values()) == [len(HELLO)] * 2


async def test_entras_key_is_asked_for_once_an_hour(sent: list[str], clock: Clock) -> None:
    user = actor()
    for _ in range(3):
        await begin(user, HELLO)
    assert keys_asked(sent) == 1
    start = utcnow()
    clock(start + timedelta(minutes=59))
    await begin(user, HELLO)
    assert keys_asked(sent) == 1
    clock(start + timedelta(minutes=61))
    made = await begin(user, HELLO)
    await begin(user, HELLO)
    assert keys_asked(sent) == 2
    assert made.upload
    # The key outlives what it signs.
    assert said(made.upload.url)["ske"] > said(made.upload.url)["se"]


async def test_an_address_by_entras_key_opens_no_other_blob(secure: Secure) -> None:
    user = actor()
    made, other = await begin(user, HELLO), await begin(user, HELLO)
    assert made.upload
    assert other.upload
    path = urlsplit(other.upload.url).path
    turned = urlsplit(made.upload.url)._replace(path=path).geturl()
    headers = made.upload.headers
    refused = await ask("PUT", turned, data=HELLO, headers=headers, ssl=secure.trust)
    assert refused.status == 403
