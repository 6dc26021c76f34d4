"""Bad input gets the right 4xx problem with a stable code, never a 500, and nothing is stored."""

import json
import secrets
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.harness.api import Answer, Api

ROOM = "rm_00000000000000000000000000"


def _problem(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.body["status"] == status
    assert answer.body["title"]
    assert answer.body["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("raw", [b"", b"{", b"[1", b"\xff\xfe", b'{"text": "\\ud800"}', b"nul"])
async def test_a_body_that_is_not_json_is_400(api: Api, raw: bytes) -> None:
    ada = await api.user()
    room_id = await api.room(ada)
    headers = {"Content-Type": "application/json"}
    answer = await api.call("POST", f"rooms/{room_id}/messages", ada, data=raw, headers=headers)
    _problem(answer, 400, "malformed_json")
    assert (await api.good("GET", f"rooms/{room_id}/messages", ada))["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        True,
        {"text": 5},
        {"text": None},
        {"text": ""},
        {"text": "  \n"},
        {"text": "x" * 4001},
        {"text": "bell\u0007"},
        {"text": "nul\u0000"},
        {"text": "hi", "client_id": ""},
        {"text": "hi", "client_id": "with space"},
        {"text": "hi", "client_id": 7},
        {"text": "hi", "after_seq": -1},
        {"text": "hi", "after_seq": "2"},
        {"text": "hi", "after_seq": True},
        {"text": "hi", "after_seq": 10**30},
        {"text": "hi", "after_seq": 999},
        {"text": "hi", "reply_to": "nonsense"},
        {"text": "hi", "reply_to": "msg_00000000000000000000000000"},
        {"text": "hi", "author_id": "usr_somebody"},
        {"text": "", "files": ["fil_00000000000000000000000000"]},
        {"text": "hi", "files": ["fil_short"]},
        {"text": "hi", "files": ["fil_00000000000000000000000000"] * 2},
        {"text": "hi", "files": [f"fil_000000000000000000000000{n}" for n in range(10, 21)]},
    ],
)
async def test_a_message_with_a_bad_field_is_422_and_is_not_stored(api: Api, body: Any) -> None:
    ada = await api.user()
    room_id = await api.room(ada)
    answer = await api.call("POST", f"rooms/{room_id}/messages", ada, json=body)
    _problem(answer, 422, "validation_failed")
    assert answer.body["errors"][0]["field"]
    assert (await api.good("GET", f"rooms/{room_id}/messages", ada))["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x"},
        {"name": "", "kind": "public"},
        {"name": " \t ", "kind": "public"},
        {"name": "x" * 81, "kind": "public"},
        {"name": "two\nlines", "kind": "public"},
        {"name": "x", "kind": "secret"},
        {"name": ["x"], "kind": "public"},
        {"name": "x", "kind": "public", "created_by": "usr_other"},
    ],
)
async def test_a_room_with_a_bad_field_is_422_and_is_not_made(api: Api, body: Any) -> None:
    ada = await api.user()
    _problem(await api.call("POST", "rooms", ada, json=body), 422, "validation_failed")
    assert (await api.good("GET", "rooms", ada))["items"] == []


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "many"},
        {"cursor": "!"},
        {"cursor": "x" * 500},
        {"cursor": "bm9uc2Vuc2U"},
        {"after": "-1"},
        {"after": "1e3"},
    ],
)
async def test_a_bad_page_is_422(api: Api, params: dict[str, str]) -> None:
    ada = await api.user()
    room_id = await api.room(ada)
    answer = await api.call("GET", f"rooms/{room_id}/log", ada, params=params)
    _problem(answer, 422, "validation_failed")


@pytest.mark.parametrize("room_id", [ROOM, "rm_short", "%00", "..%2f..", "x" * 300, "'%20or%201=1"])
@pytest.mark.parametrize("action", ["join", "leave", "messages"])
async def test_an_unknown_room_is_404(api: Api, room_id: str, action: str) -> None:
    ada = await api.user()
    answer = await api.call("POST", f"rooms/{room_id}/{action}", ada, json={"text": "hi"})
    assert answer.status == 404
    if answer.body:  # the host itself answers, empty, for what matches no route
        assert answer.code in {"room_not_found", "not_found"}


async def test_an_oversize_body_is_413(api: Api) -> None:
    ada = await api.user()
    room_id = await api.room(ada)
    answer = await api.call("POST", f"rooms/{room_id}/messages", ada, json={"text": "x" * 10**6})
    _problem(answer, 413, "payload_too_large")


async def test_a_form_is_415(api: Api) -> None:
    ada = await api.user()
    answer = await api.call("POST", "rooms", ada, data={"name": "x", "kind": "public"})
    _problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer nonsense", "Bearer a.b.c", "Basic YTpi", "bearer \u00ff"],
)
async def test_a_missing_or_malformed_token_is_401(api: Api, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    for method, path in (("GET", "auth/me"), ("GET", "rooms"), ("POST", "realtime/negotiate")):
        answer = await api.call(method, path, headers=headers)
        _problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_token_signed_by_another_key_is_401(api: Api) -> None:
    ada = await api.user()
    header = jwt.get_unverified_header(ada.token)
    claims = jwt.decode(ada.token, options={"verify_signature": False})
    forged = jwt.encode(claims, Ed25519PrivateKey.generate(), "EdDSA", headers=header)
    answer = await api.call("GET", "rooms", headers={"Authorization": f"Bearer {forged}"})
    _problem(answer, 401, "unauthenticated")


async def test_a_token_whose_claims_were_changed_is_401(api: Api) -> None:
    ada, eve = await api.user(), await api.user("Eve")
    _, claims, _ = ada.token.split(".")
    header, _, signature = eve.token.split(".")
    answer = await api.call(
        "GET", "auth/me", headers={"Authorization": f"Bearer {header}.{claims}.{signature}"}
    )
    _problem(answer, 401, "unauthenticated")


async def test_a_stranger_to_a_room_is_403(api: Api) -> None:
    ada, eve = await api.user(), await api.user("Eve")
    room_id = await api.room(ada)
    send = await api.call("POST", f"rooms/{room_id}/messages", eve, json={"text": "let me in"})
    _problem(send, 403, "not_a_member")
    for path in ("messages", "log"):
        _problem(await api.call("GET", f"rooms/{room_id}/{path}", eve), 403, "not_a_member")
    assert all(entry["type"] != "message.sent" for entry in await api.log(ada, room_id))


async def test_deep_and_strange_json_is_refused_without_harm(api: Api) -> None:
    ada = await api.user()
    headers = {"Content-Type": "application/json"}
    for raw in ("[" * 20_000, '{"name": ' + "9" * 5_000 + "}", '{"name": NaN}', '{"a":1,"a":2}'):
        answer = await api.call("POST", "rooms", ada, data=raw, headers=headers)
        assert answer.status in {400, 422}, answer


@pytest.mark.parametrize(
    "change",
    [
        {"email": "not-an-address"},
        {"email": 5},
        {"password": "short"},
        {"password": "x" * 2000},
        {"display_name": ""},
        {"display_name": "x" * 81},
        {"role": "admin"},
    ],
)
async def test_a_bad_registration_is_422_and_makes_no_account(
    api: Api, change: dict[str, Any]
) -> None:
    email = f"bad-{secrets.token_hex(6)}@example.com"
    good = {"email": email, "password": "correct horse battery", "display_name": "Bad"}
    answer = await api.call("POST", "auth/register", json={**good, **change})
    _problem(answer, 422, "validation_failed")
    assert json.dumps(change.get("password", "\0")) not in json.dumps(answer.body)
    login = {"email": email, "password": good["password"]}
    _problem(await api.call("POST", "auth/login", json=login), 401, "invalid_credentials")


async def test_wrong_password_and_unknown_address_get_the_same_answer(api: Api) -> None:
    ada = await api.user()
    wrong = await api.call("POST", "auth/login", json={"email": ada.email, "password": "wrong one"})
    nobody = {"email": f"{secrets.token_hex(6)}@example.com", "password": "wrong one"}
    unknown = await api.call("POST", "auth/login", json=nobody)
    for answer in (wrong, unknown):
        _problem(answer, 401, "invalid_credentials")
        del answer.body["request_id"]
    assert wrong.body == unknown.body
