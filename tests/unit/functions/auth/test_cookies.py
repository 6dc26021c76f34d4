"""The refresh cookie: how it is set, and from where it counts."""

import pytest

from functions.auth import cookies
from functions.auth.errors import CsrfRefused
from shared_code.endpoint import Client

OURS = "https://atrium.example"


def client(**headers: str) -> Client:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Client(headers={"cookie": f"{cookies.NAME}=token", cookies.HEADER: "1"} | sent)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": OURS},
        {"origin": "https://app.example"},
        {"origin": OURS, "sec_fetch_site": "same-origin"},
        {"origin": "https://app.example", "sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-origin"},
        {},
    ],
)
def test_from_our_pages_and_from_programs_it_counts(
    headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_ORIGINS", "https://app.example, http://localhost:3000")
    assert cookies.refresh_of(client(**headers)) == "token"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://atrium.example"},
        {"origin": f"{OURS}:8443"},
        {"origin": "null"},
        {"origin": ""},
        {"sec_fetch_site": "cross-site"},
        {"x_atrium_csrf": "", "origin": OURS},
    ],
)
def test_from_anywhere_else_it_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(CsrfRefused):
        cookies.refresh_of(client(**headers))


def test_without_a_cookie_there_is_nothing_to_refuse() -> None:
    assert cookies.refresh_of(Client()) is None
    assert cookies.refresh_of(Client(headers={"cookie": "a=b; c"})) is None


def test_no_other_host_can_set_it_no_script_reads_it_and_it_ends_with_its_session() -> None:
    name, value = cookies.set_refresh("token")
    assert (name, value.split("; ")[0]) == ("Set-Cookie", "__Host-atrium_refresh=token")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Strict", "Max-Age=5184000"} <= set(
        value.split("; ")
    )
    assert "Domain" not in value
    assert "Max-Age=0" in cookies.clear_refresh()[1]
