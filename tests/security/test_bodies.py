"""Bodies that no client sends, to the routes that anybody may call.

Reference 1.4: malformed, oversized and deeply nested JSON, NUL and lone surrogates, other types. Each
is a 4xx with its code, before a password is hashed; never a 500.
"""

import json
import secrets
from typing import Any

import pytest

from tests.harness.api import Answer, Api

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def account() -> dict[str, Any]:
    """The body of a registration that is good."""
    email = f"body-{secrets.token_hex(6)}@example.com"
    return {"email": email, "password": "correct horse battery", "display_name": "Q"}


def not_valid(answer: Answer) -> None:
    assert (answer.status, answer.code) == (422, "validation_failed"), answer


@pytest.mark.parametrize("path", ["auth/register", "auth/login"])
@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"nul", b"{]", b"\x00", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"'a'", b"{'a': 1}",
     b'{"email": "\xff"}', b'{"email": "\\ud800"}', b'{"\\udfff": 1}', b'{"email": "a\nb"}',
     b"[" * 30_000, b'{"email":' * 6_000, b'{"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
     b"9" * 60_000, b'{"email": NaN}', b"{}{}", b'{"email": "x@example.com",}', b"{} //",
     '{"email": "x@example.com"}'.encode("utf-16"), b"1e999999999"],
    ids=lambda raw: repr(raw[:16]),
)  # fmt: skip
async def test_what_is_no_json(api: Api, path: str, raw: bytes) -> None:
    answer = await api.call("POST", path, data=raw, headers=JSON)
    assert answer.status in {400, 422}, answer
    assert answer.code in {"malformed_json", "validation_failed"}


@pytest.mark.parametrize("path", ["auth/register", "auth/login"])
@pytest.mark.parametrize(
    "body",
    [None, [], "x", 7, True, {}, [{}], {"email": {}, "password": []}, {"email": {"$ne": None}},
     {"EMAIL": "x@example.com"}, {"email": ["x@example.com"], "password": ["secret word"]}],
)  # fmt: skip
async def test_json_of_another_shape(api: Api, path: str, body: Any) -> None:
    not_valid(await api.call("POST", path, data=json.dumps(body), headers=JSON))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "\0"),
        ("email", "x" * 300 + "@example.com"),
        ("email", f"{'x' * 60_000}@example.com"),
        ("email", "@" * 10_000),
        ("email", "a@" + "a." * 10_000 + "com"),
        ("password", ""),
        ("password", "x" * 129),
        ("password", "\N{PILE OF POO}" * 129),
        ("password", 12345678),
        ("password", None),
        ("display_name", "a\0b"),
        ("display_name", "\N{RIGHT-TO-LEFT OVERRIDE}nimda"),
        ("display_name", "x" * 10_000),
        ("session", "everything"),
        ("session", ["body"]),
    ],
    ids=lambda each: str(each)[:12].encode("unicode_escape").decode(),
)
async def test_values_that_no_field_has(
    api: Api, account: dict[str, Any], field: str, value: Any
) -> None:
    body = {**account, field: value}
    not_valid(await api.call("POST", "auth/register", json=body))
    del body["display_name"]
    if field != "display_name":
        not_valid(await api.call("POST", "auth/login", json=body))


@pytest.mark.parametrize("path", ["auth/register", "auth/login", "auth/refresh"])
async def test_too_much_of_it(api: Api, path: str) -> None:
    for raw in (b"x" * 70_000, b" " * 200_000 + b"{}", json.dumps(["x" * 70_000]).encode()):
        answer = await api.call("POST", path, data=raw, headers=JSON)
        assert (answer.status, answer.code) == (413, "payload_too_large"), answer


async def test_many_fields_are_not_all_told(api: Api) -> None:
    body = {f"field{i}": i for i in range(3000)}
    answer = await api.call("POST", "auth/login", json=body)
    not_valid(answer)
    assert len(answer.body["errors"]) <= 20


async def test_a_password_does_not_end_at_a_nul(api: Api, account: dict[str, Any]) -> None:
    body = {**account, "password": "long enough\0and more"}
    await api.good("POST", "auth/register", json=body)
    for wrong in ("long enough", "long enough\0", "long enough\0and less"):
        login = {"email": body["email"], "password": wrong}
        answer = await api.call("POST", "auth/login", json=login)
        assert answer.code == "invalid_credentials", wrong
    login = {"email": body["email"], "password": body["password"]}
    assert (await api.call("POST", "auth/login", json=login)).status == 200


async def test_of_a_field_twice_one_counts_everywhere(api: Api) -> None:
    """No two parts of the program see two different addresses."""
    ada, eve = await api.user(), await api.user("Eve")
    raw = json.dumps({"email": ada.email, "password": eve.password})
    raw = raw[:-1] + f', "email": {json.dumps(eve.email)}}}'
    answer = await api.call("POST", "auth/login", data=raw, headers=JSON)
    assert answer.status == 422 or answer.body["user"]["id"] == eve.id, answer


async def test_what_was_sent_is_not_in_the_answer(api: Api) -> None:
    """A password in the wrong place would stand in logs and on screens."""
    secret = secrets.token_urlsafe(12)
    for body in ({"email": secret, "password": secret}, {"password": [secret]}, [secret]):
        answer = await api.call("POST", "auth/login", json=body)
        not_valid(answer)
        assert secret not in str(answer.body)


@pytest.mark.parametrize(
    "path", ["email/verify-link", "email/change/confirm-link", "password/reset"]
)
@pytest.mark.parametrize(
    "token",
    ["x", ".", "..", "...", "usr_1.verify_email.x", "' or PartitionKey ne '.verify_email.x",
     "usr_00000000000000000000000000' or '1' eq '1.reset_password.x", "a/b#c?d\\e.verify_email.x",
     "\0.verify_email.\0", "\n.\r\n.\n", "\N{PILE OF POO}.\N{PILE OF POO}.x", "%27.reset_password.%27",
     "." * 200, "usr_00000000000000000000000000", "../authemails.reset_password.x"],
    ids=ascii,
)  # fmt: skip
async def test_a_link_s_token_that_we_never_sent(api: Api, path: str, token: str) -> None:
    """It names its user: what stands there reaches the tables, and must be a name and nothing else."""
    body = {"token": token}
    if path == "password/reset":
        body["new_password"] = "correct horse battery"
    answer = await api.call("POST", f"auth/{path}", json=body)
    assert (answer.status, answer.code) == (400, "invalid_code"), answer
