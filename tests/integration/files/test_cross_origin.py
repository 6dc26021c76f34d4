"""Browsers of a deployment's own origins may upload and read by an address; others may not."""

from http import HTTPStatus

import aiohttp
import pytest

from functions.files import store
from functions.files.store import QUARANTINE, SETTING
from shared_code.storage import allow_origins, blob_service

pytestmark = pytest.mark.usefixtures("provisioned")

OURS, OTHERS = "https://app.example.com", "https://elsewhere.example.com"


async def preflight(origin: str, method: str = "PUT") -> tuple[int, str | None]:
    """Status and allowed origin of what a browser asks before it uploads."""
    url = blob_service(SETTING).get_blob_client(QUARANTINE, "some/blob").url
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "x-ms-blob-type,content-type",
    }
    async with aiohttp.ClientSession() as session, session.options(url, headers=asked) as answer:
        return answer.status, answer.headers.get("Access-Control-Allow-Origin")


@pytest.mark.parametrize("origins", [OURS, f"https://a.example.com, {OURS}"])
async def test_a_browser_of_ours_may_upload_and_read(origins: str) -> None:
    await allow_origins(SETTING, origins)
    for method in ("PUT", "GET", "HEAD"):
        assert await preflight(OURS, method) == (HTTPStatus.OK, OURS)


async def test_another_origin_or_method_may_not() -> None:
    await allow_origins(SETTING, OURS)
    assert (await preflight(OTHERS))[0] == HTTPStatus.FORBIDDEN
    assert (await preflight(OURS, "DELETE"))[0] == HTTPStatus.FORBIDDEN


async def test_rules_are_replaced_and_not_added_to() -> None:
    await allow_origins(SETTING, OTHERS)
    await allow_origins(SETTING, OURS)
    assert (await preflight(OTHERS))[0] == HTTPStatus.FORBIDDEN


async def test_provisioning_lets_in_whom_the_setting_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILES_CORS_ORIGINS", OTHERS)
    await store.provision()
    assert await preflight(OTHERS) == (HTTPStatus.OK, OTHERS)
    monkeypatch.delenv("FILES_CORS_ORIGINS")
    await store.provision()
    assert (await preflight(OTHERS))[0] == HTTPStatus.OK, "without it an account stays as it is"
