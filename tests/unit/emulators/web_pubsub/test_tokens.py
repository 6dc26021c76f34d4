"""Tokens and audiences: what is believed, and for which place."""

import time
from typing import Any

import jwt
import pytest

from emulators.web_pubsub.audience import audience_covers
from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.reconnection import ReconnectionTokens
from emulators.web_pubsub.tokens import (
    Identity,
    InvalidClaimError,
    InvalidTokenError,
    identity_of,
    read_token,
    write_token,
)

KEY = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
HOSTS = ["localhost:8080"]
HUB = "/api/hubs/chat"
SEND = "/api/hubs/chat/groups/a%2Fb/:send?api-version=2024-12-01&excluded=x"


def signed(**claims: Any) -> str:
    return jwt.encode(claims, KEY, algorithm="HS256")


def covers(audience: str, target: str = SEND) -> bool:
    return audience_covers([audience], HOSTS, target, scope=HUB)


@pytest.mark.parametrize(
    "audience",
    [
        "http://localhost:8080" + SEND,
        "http://localhost:8080" + SEND + "&more=1",
        "HTTP://LOCALHOST:8080" + SEND.upper(),
        "https://localhost:8080" + SEND,
        "ws://localhost:8080" + SEND,
        "wss://localhost:8080" + SEND,
        "http://localhost:8080/api/hubs/chat/groups/a%2Fb/:send",
        "http://localhost:8080/api/hubs/chat/groups/a/b/:send",
        "http://localhost:8080/api/hubs/chat/groups",
        "http://localhost:8080/api/hubs/chat",
    ],
)
def test_an_audience_that_names_the_request_covers_it(audience: str) -> None:
    assert covers(audience)


@pytest.mark.parametrize(
    "audience",
    [
        "",
        "http://localhost:8080",
        "http://localhost:8080/",
        "http://localhost:8080/api/hubs",
        "http://localhost:8080/api/hubs/cha",
        "http://localhost:8080/api/hubs/chat2",
        "http://localhost:8080/api/hubs/chat/group",
        "http://localhost:8080/api/hubs/chat/groups/a%2Fb/:sen",
        "http://localhost:8081" + SEND,
        "http://localhost" + SEND,
        "http://elsewhere:8080" + SEND,
        "ftp://localhost:8080" + SEND,
        "http://[" + SEND,
        "http://localhost:8080/client/hubs/chat",
    ],
)
def test_an_audience_for_another_place_does_not(audience: str) -> None:
    assert not covers(audience)


def test_an_audience_may_be_encoded_where_the_request_is_not() -> None:
    def reaches(audience: str, target: str, scope: str) -> bool:
        return audience_covers(["http://localhost:8080" + audience], HOSTS, target, scope=scope)

    sent = HUB + "/groups/room:1/:send"
    assert reaches(HUB + "/groups/room%3A1/:send", sent, HUB)
    assert not reaches(HUB + "/groups/room%3A2/:send", sent, HUB)
    assert reaches("/api/hubs/a%5Bb%5D/:send", "/api/hubs/a[b]/:send", "/api/hubs/a[b]")
    assert reaches("/api/hubs/a[b]/:send", "/api/hubs/a%5Bb%5D/:send", "/api/hubs/a%5Bb%5D")


def test_a_default_port_may_be_left_out() -> None:
    def reaches(audience: str, host: str) -> bool:
        return audience_covers([audience], [host], HUB, scope=HUB)

    assert reaches("http://h" + HUB, "h:80")
    assert reaches("https://h:443" + HUB, "h")
    assert not reaches("https://h:80" + HUB, "h")


def test_an_expired_token_is_believed_for_the_clock_skew_only() -> None:
    assert read_token(signed(exp=time.time() - 290), [KEY], Clock())
    with pytest.raises(InvalidTokenError):
        read_token(signed(exp=time.time() - 310), [KEY], Clock())


def test_a_token_without_an_end_is_refused() -> None:
    with pytest.raises(InvalidTokenError):
        read_token(signed(sub="u"), [KEY], Clock())


@pytest.mark.parametrize("exp", ["soon", float("inf"), float("nan"), None, [], {}, True])
def test_an_expiry_of_the_wrong_type_never_gives_an_error_of_another_kind(exp: Any) -> None:
    with pytest.raises(InvalidTokenError):
        read_token(signed(exp=exp), [KEY], Clock())


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 10_000, "..", "ü.ü.ü"])
def test_garbage_is_no_token(token: str) -> None:
    with pytest.raises(InvalidTokenError):
        read_token(token, [KEY], Clock())


def test_another_key_or_algorithm_is_refused() -> None:
    claims = {"exp": time.time() + 60}
    for token in (
        jwt.encode(claims, b"another key of at least 32 bytes.", algorithm="HS256"),
        jwt.encode(claims, KEY * 2, algorithm="HS512"),
        jwt.encode(claims, "", algorithm="none"),
    ):
        with pytest.raises(InvalidTokenError):
            read_token(token, [KEY], Clock())


def test_roles_and_groups_are_a_string_or_an_array() -> None:
    one = identity_of({"sub": "u", "role": "r", "webpubsub.group": "g"})
    assert one == Identity("u", ("r",), ("g",))
    many = identity_of({"role": ["r", "s"], "webpubsub.group": ["g", "h"]})
    assert many == Identity(None, ("r", "s"), ("g", "h"))


def test_the_user_id_falls_back_to_the_name_identifier() -> None:
    claim = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"
    assert identity_of({claim: "n"}).user_id == "n"
    assert identity_of({claim: "n", "sub": "s"}).user_id == "s"
    assert identity_of({}).user_id is None


@pytest.mark.parametrize("claims", [{"webpubsub.group": " "}, {"sub": "a\r\nb"}, {"sub": 5}])
def test_claims_that_ask_for_the_impossible_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidClaimError):
        identity_of(claims)


def test_a_reconnection_token_is_scoped_to_hub_connection_and_process() -> None:
    tokens = ReconnectionTokens(Clock())
    token = tokens.issue("h", "c")
    assert tokens.verify(token, "h", "c")
    assert not tokens.verify(token, "h", "d")
    assert not tokens.verify(token, "i", "c")
    assert not tokens.verify("", "h", "c")
    assert not ReconnectionTokens(Clock()).verify(token, "h", "c")
    assert not tokens.verify(write_token({"hub": "h"}, KEY, lifetime_seconds=60), "h", "c")
