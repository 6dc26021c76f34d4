"""Connection names in all their forms, and identities where there is no connection string."""

import time
from types import SimpleNamespace
from typing import Any

import azure.identity
import pytest

from emulators.functions_host.clients import account, connection, identity, web_pubsub
from emulators.functions_host.clients.identity import Identity, IdentityError, TokenSource
from emulators.functions_host.model import BindingError
from emulators.functions_host.settings import Settings


def find(name: str | None, **settings: str) -> connection.Connection:
    return connection.find(Settings(settings), name, "Storage")


def test_a_connection_is_looked_up_with_its_prefix_first() -> None:
    assert find("STORE", STORE="plain", AzureWebJobsSTORE="prefixed").text == "prefixed"
    assert find("STORE", STORE="plain").text == "plain"
    assert find("STORE", **{"ConnectionStrings:STORE": "listed"}).text == "listed"
    assert find("AzureWebJobsStorage", AzureWebJobsStorage="own").text == "own"


def test_no_connection_name_means_the_apps_own_storage() -> None:
    assert find(None, AzureWebJobsStorage="own").text == "own"


def test_a_connections_name_may_be_a_setting() -> None:
    assert find("%WHICH%", WHICH="STORE", STORE="text").text == "text"


def test_a_missing_connection_is_named() -> None:
    with pytest.raises(BindingError, match="'STORE' is not set"):
        find("STORE")


@pytest.mark.parametrize(
    ("member", "service", "endpoint"),
    [
        ("serviceUri", "blob", "https://x.blob.core.windows.net"),
        ("blobServiceUri", "blob", "https://x.blob.core.windows.net"),
        ("queueServiceUri", "queue", "https://x.queue.core.windows.net"),
        ("tableServiceUri", "table", "https://x.table.core.windows.net"),
    ],
)
@pytest.mark.parametrize("prefix", ["STORE__", "AzureWebJobsSTORE__", "STORE:"])
def test_a_group_of_settings_names_an_address_and_an_identity(
    prefix: str, member: str, service: str, endpoint: str
) -> None:
    found = account.of(find("STORE", **{f"{prefix}{member}": f"{endpoint}/"}), service)
    assert found.endpoint == endpoint
    assert found.tokens is not None


def test_an_accounts_name_is_enough_for_all_of_its_services() -> None:
    group = find("STORE", STORE__accountName="acme")
    assert account.of(group, "queue").endpoint == "https://acme.queue.core.windows.net"
    assert account.of(group, "table").endpoint == "https://acme.table.core.windows.net"


def test_a_group_may_hold_a_connection_string() -> None:
    assert find("STORE", STORE__connectionString="text").text == "text"


def test_a_group_without_the_services_address_says_which_setting_is_missing() -> None:
    group = find("STORE", STORE__blobServiceUri="https://x")
    with pytest.raises(BindingError, match="STORE__queueServiceUri or STORE__serviceUri"):
        account.of(group, "queue")


def test_identity_needs_https_so_it_cannot_be_used_with_an_emulator() -> None:
    group = find("STORE", STORE__blobServiceUri="http://127.0.0.1:10000/devstoreaccount1")
    with pytest.raises(BindingError, match=r"needs an https address.*to a connection string"):
        account.of(group, "blob")


def test_web_pubsub_may_be_reached_by_identity() -> None:
    access = web_pubsub.of(find("WPS", WPS__serviceUri="https://x.webpubsub.azure.com"))
    assert (access.endpoint, access.key) == ("https://x.webpubsub.azure.com", "")
    assert access.tokens is not None


async def test_a_token_is_asked_for_once_and_signs_the_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def get_token(scope: str) -> Any:
        asked.append(scope)
        return SimpleNamespace(token="secret", expires_on=time.time() + 3600)

    given = SimpleNamespace(get_token=get_token)
    monkeypatch.setattr(identity, "_credential", lambda _identity: given)
    found = account.of(find("STORE", STORE__accountName="acme"), "blob")
    for _ in range(2):
        headers = await found.headers("GET", found.url("c/b"), {})
        assert headers["authorization"] == "Bearer secret"
    assert asked == ["https://storage.azure.com/.default"]


async def test_without_any_identity_the_message_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def get_token(_scope: str) -> None:
        raise azure.identity.CredentialUnavailableError(message="nothing here\nand more")

    given = SimpleNamespace(get_token=get_token)
    monkeypatch.setattr(identity, "_credential", lambda _identity: given)
    with pytest.raises(IdentityError, match=r"az login.*connection string.*nothing here$"):
        await TokenSource(Identity(), "scope").token()


@pytest.mark.parametrize(
    ("who", "kind"),
    [
        (Identity(), azure.identity.DefaultAzureCredential),
        (Identity(client_id="c", managed=True), azure.identity.ManagedIdentityCredential),
        (Identity("c", "t", "s"), azure.identity.ClientSecretCredential),
    ],
)
def test_the_members_of_a_group_choose_the_credential(who: Identity, kind: type) -> None:
    assert isinstance(identity._credential(who), kind)
