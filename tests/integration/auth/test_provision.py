"""Provisioning, and the keys that it makes: published once, readable by every service."""

import asyncio
import json

import pytest
from azure.core.exceptions import ResourceNotFoundError

from functions.auth import keys, policy, signing, store
from functions.auth.errors import ForeignSecret, NoSigningKeys
from shared_code import published, tokens
from shared_code.published import PublishedDocument
from shared_code.storage import blob_service, table
from tests.integration.auth.conftest import Call, forget


async def kids() -> list[str]:
    stored = await store.read_keys()
    return [stored[role].kid for role in keys.ROLES if role in stored]


async def blob_etag() -> str:
    blob = blob_service(published.SETTING).get_blob_client(published.CONTAINER, "jwks.json")
    return str((await blob.get_blob_properties()).etag)


async def remove_keys() -> None:
    rows = table(store.SETTING, store.KEYS)
    for role in await store.read_keys():
        await rows.delete_entity("signing", role)
    forget()


async def test_running_it_twice_changes_nothing() -> None:
    before = await kids(), await blob_etag()
    await store.provision()
    assert (await kids(), await blob_etag()) == before


async def test_of_two_at_once_one_makes_the_keys() -> None:
    await remove_keys()
    await asyncio.gather(*(store.provision() for _ in range(4)))
    document = await PublishedDocument(tokens.JWKS_DOCUMENT, json.loads, 60).get()
    assert [key["kid"] for key in document["keys"]] == await kids()


async def test_a_missing_document_is_published_again() -> None:
    blob = blob_service(published.SETTING).get_blob_client(published.CONTAINER, "jwks.json")
    await blob.delete_blob()
    await store.provision()
    assert [*await tokens.jwks().get()] == await kids()


async def test_the_route_gives_what_is_published(call: Call) -> None:
    answer = await call("auth_jwks")
    document = await PublishedDocument(tokens.JWKS_DOCUMENT, json.loads, 60).get()
    assert (answer.status, answer.body) == (200, document)
    max_age = int(policy.JWKS_MAX_AGE.total_seconds())
    assert answer.headers["Cache-Control"] == f"public, max-age={max_age}"
    assert answer.headers["Content-Type"] == "application/jwk-set+json"


async def test_the_stored_keys_are_sealed() -> None:
    ring = await store.load_ring()
    stored = await store.read_keys()
    for role, key in ((keys.CURRENT, ring.current), (keys.NEXT, ring.next)):
        assert key.private.private_bytes_raw() not in stored[role].sealed


async def test_an_unchanged_document_is_refreshed_without_being_sent(
    round_trips: list[str],
) -> None:
    document = PublishedDocument(tokens.JWKS_DOCUMENT, tokens.parse_jwks, 60)
    first = await document.get()
    assert await document.get(max_age=0) is first
    assert len(round_trips) == 2


async def test_another_secret_is_noticed_when_provisioning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY", "another secret that is long enough by far")
    with pytest.raises(ForeignSecret, match="AUTH_KEY_ENCRYPTION_KEY"):
        await store.provision()


async def test_without_keys_nobody_is_signed_in_and_the_log_says_what_to_do(
    call: Call, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    await remove_keys()
    body = {"email": address, "password": "correct horse", "display_name": "Ann"}
    answer = await call("auth_register", body)
    assert (answer.status, answer.body["code"]) == (503, "not_configured")
    assert "python -m functions.provision" in caplog.text
    assert "provision" not in answer.text


async def test_ready_is_what_has_tables_and_keys() -> None:
    await store.reach()
    await signing.reach()
    await remove_keys()
    with pytest.raises(NoSigningKeys):
        await signing.reach()


async def test_tables_that_are_missing_are_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "USERS", "authnosuchtable")
    with pytest.raises(ResourceNotFoundError):
        await store.reach()
