"""The live hub: its names, and calls that do not mind who is not there."""

from collections.abc import AsyncIterator
from typing import Any

import azure.identity.aio
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from shared_code import live
from shared_code.errors import NotConfigured

HUB = "Endpoint=http://localhost:8080;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;"


@pytest.fixture(autouse=True)
async def _no_client_left() -> AsyncIterator[None]:
    live.service.cache_clear()
    yield
    live.service.cache_clear()


class Service:
    """A hub that records its calls and fails as told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[tuple[str, ...]] = []
        self._error = error

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: str) -> None:
            self.calls.append((name, *arguments))
            if self._error:
                raise self._error

        return call


def use(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(live, "service", lambda: service)
    return service


def test_groups_of_rooms_and_of_sessions_never_meet() -> None:
    assert live.room_group("x") == "room:x"
    assert live.session_group("x") == "session:x"


async def test_each_call_names_the_group_and_who_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        service = use(Service(), patch)
        await live.let_hear("ann", "rm_1")
        await live.let_connection_hear("conn", "rm_1")
        await live.stop_hearing("ann", "rm_1")
        await live.reach()
    assert service.calls == [
        ("add_user_to_group", "room:rm_1", "ann"),
        ("add_connection_to_group", "room:rm_1", "conn"),
        ("remove_user_from_group", "room:rm_1", "ann"),
        ("group_exists", "ready"),
    ]


async def test_who_is_not_connected_needs_nothing_done(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        use(Service(ResourceNotFoundError("not connected")), patch)
        await live.let_hear("ann", "rm_1")
        await live.let_connection_hear("conn", "rm_1")


@pytest.mark.parametrize("call", [live.let_hear, live.let_connection_hear, live.stop_hearing])
async def test_a_hub_that_fails_is_the_caller_s_error(
    call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        use(Service(HttpResponseError("busy")), patch)
        with pytest.raises(HttpResponseError):
            await call("ann", "rm_1")


async def test_the_client_is_made_once_from_the_connection_string(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(live.SETTING, HUB)
    assert live.service() is live.service()
    token = await live.service().get_client_access_token(user_id="ann", groups=["session:s"])
    assert token["url"].startswith("ws://localhost:8080/client/hubs/live?access_token=")
    await live.service().close()


async def test_a_hub_for_identities_is_named_by_its_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    class Credential:
        async def get_token(self, *_scopes: str, **_options: Any) -> None:
            raise AssertionError

    monkeypatch.setattr(azure.identity.aio, "DefaultAzureCredential", Credential)
    monkeypatch.setenv(f"{live.SETTING}__serviceUri", "https://one.webpubsub.azure.com")
    assert live.service()._config.endpoint == "https://one.webpubsub.azure.com"
    await live.service().close()


def test_a_setting_that_is_missing_is_told_by_its_name() -> None:
    with pytest.raises(NotConfigured, match=live.SETTING):
        live.service()
