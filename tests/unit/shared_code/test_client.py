"""Which address is believed to be the client's, and what else a handler learns of its request."""

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_code.endpoint import ROUTES, Anonymous, Client, decorator, endpoint
from shared_code.endpoint.client import client_of
from shared_code.errors import NotConfigured
from shared_code.openapi.document import document


def address(forwarded: str) -> str | None:
    return client_of({"X-Forwarded-For": forwarded}).address


@pytest.mark.parametrize(
    ("forwarded", "found"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:567", "1.2.3.4"),
        ("[2001:db8::1]:567", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:0DB8:0:0::0001", "2001:db8::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("[::ffff:102:304]:9", "1.2.3.4"),
        ("fe80::1%eth0", "fe80::1"),
        ("  1.2.3.4 ", "1.2.3.4"),
        ("", None),
        ("unknown", None),
        ("1.2.3.4:", None),
        ("1.2.3.4:567:8", None),
        ("1.2.3", None),
        ("01.2.3.4", None),
        ("[1.2.3.4:567", None),
        ("[2001:db8::1]x", None),
        ("1.2.3.4,", None),
        ("16909060", None),
    ],
)
def test_an_address_is_told_in_one_form_or_not_at_all(forwarded: str, found: str | None) -> None:
    assert address(forwarded) == found


@pytest.mark.parametrize(
    ("hops", "found"),
    [("0", None), ("1", "3.3.3.3"), ("2", "2.2.2.2"), ("3", "6.6.6.6"), ("4", None)],
)
def test_as_many_entries_are_believed_as_there_are_proxies(
    monkeypatch: pytest.MonkeyPatch, hops: str, found: str | None
) -> None:
    monkeypatch.setenv("TRUSTED_PROXY_HOPS", hops)
    assert address("6.6.6.6, 2.2.2.2:80,3.3.3.3:4000") == found


@given(st.text(max_size=200))
def test_what_a_client_sends_itself_never_changes_its_address(spoofed: str) -> None:
    assert address(f"{spoofed},1.2.3.4:567") == "1.2.3.4"


@pytest.mark.parametrize(
    "value", ["-1", "one", "1.5", "11", "1" * 5000, "\N{ARABIC-INDIC DIGIT ONE}"]
)
def test_an_unusable_number_of_hops_is_no_zero(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TRUSTED_PROXY_HOPS", value)
    with pytest.raises(NotConfigured, match="TRUSTED_PROXY_HOPS"):
        address("1.2.3.4")


def test_ipv6_counts_by_the_64_that_one_customer_has() -> None:
    inside = [client_of({"x-forwarded-for": f"2001:db8:1:2:{tail}"}) for tail in ("3::4", "ff::1")]
    assert {each.network for each in inside} == {"2001:db8:1:2::/64"}
    assert client_of({"x-forwarded-for": "2001:db8:1:3::4"}).network == "2001:db8:1:3::/64"
    assert client_of({"x-forwarded-for": "::ffff:1.2.3.4"}).network == "1.2.3.4"
    assert client_of({}).network is None


def test_headers_and_cookies_are_read_whatever_surrounds_them() -> None:
    client = client_of(
        {
            "Origin": "https://app.example",
            "SEC-FETCH-SITE": "same-site",
            "Cookie": 'odd[]={"x; a=1; __Host-t = spaced; __Host-t=first=; __Host-t=second; flag',
        }
    )
    assert (client.origin, client.fetch_site) == ("https://app.example", "same-site")
    assert client.header("orIgin") == "https://app.example"
    assert client.cookie("__Host-t") == "first="
    assert client.cookie("a") == "1"
    assert client.cookie("flag") is None
    assert client_of({}).cookie("a") is None


def test_a_user_agent_is_cut_to_what_can_be_shown() -> None:
    assert client_of({"user-agent": "a\r\n\x00b" + "c" * 999}).user_agent == "ab" + "c" * 254
    assert client_of({"user-agent": "\x00"}).user_agent is None


def test_headers_do_not_show_in_what_is_logged_of_a_client() -> None:
    assert "secret" not in repr(client_of({"cookie": "t=secret", "authorization": "secret"}))


async def test_a_handler_gets_its_client_and_openapi_does_not_show_it() -> None:
    before = list(ROUTES)
    seen: list[Client] = []

    @endpoint(func.Blueprint(), "GET", "seen")
    async def see(_: Anonymous, client: Client) -> None:
        """See."""
        seen.append(client)

    route = ROUTES[-1]
    try:
        headers = {"x-forwarded-for": "9.9.9.9, 1.2.3.4:5", "user-agent": "tests"}
        sent = func.HttpRequest(
            method="GET", url="http://localhost/api/seen", headers=headers, body=b""
        )
        assert (await decorator.run(route, sent)).status_code == 200
        shown = document([route])["paths"]["/api/seen"]["get"]
    finally:
        ROUTES[:] = before
    assert (seen[0].address, seen[0].user_agent) == ("1.2.3.4", "tests")
    assert "parameters" not in shown
    assert "requestBody" not in shown
