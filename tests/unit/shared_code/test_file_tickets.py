"""File tickets: what one proves, and each known way of forging one or of using it for something else."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from shared_code import file_tickets
from shared_code.errors import InvalidSetting, NotConfigured
from shared_code.file_tickets import FileTicket, InvalidFileTicket
from shared_code.ids import new_id

SECRET = "unit-tests-have-no-secrets-to-keep"
OTHER = "this-secret-is-another-and-long-enough"
READER, AUTHOR = new_id("usr"), new_id("usr")
FILE, ROOM = new_id("fil"), new_id("rm")
PROVEN = FileTicket(reader_id=READER, file_id=FILE, room_id=ROOM, author_id=AUTHOR)

type Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILE_TICKET_SECRET", SECRET)
    monkeypatch.delenv("FILE_TICKET_SECRET_PREVIOUS", raising=False)


def issued() -> str:
    ticket, _ = file_tickets.issue(reader_id=READER, file_id=FILE, room_id=ROOM, author_id=AUTHOR)
    return ticket


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_hand(header: Json, claims: Json, secret: str = SECRET, digest: Any = hashlib.sha256) -> str:
    """A signed ticket of any content: a library would refuse to make some."""
    signed = ".".join(b64(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{b64(hmac.digest(secret.encode(), signed.encode(), digest))}"


def forged(claims: Json | None = None, header: Json | None = None, secret: str = SECRET) -> str:
    """A ticket like a good one, but for these changes; None removes."""
    now = int(time.time())
    good_claims = {
        "iss": "chat",
        "aud": "files",
        "sub": READER,
        "fil": FILE,
        "rid": ROOM,
        "aut": AUTHOR,
        "iat": now,
        "exp": now + 60,
        "jti": "tkt_1",
    }
    good_header = {"alg": "HS256", "typ": "file-ticket+jwt"}
    return by_hand(changed(good_header, header), changed(good_claims, claims), secret)


def changed(good: Json, changes: Json | None) -> Json:
    merged = {**good, **(changes or {})}
    return {name: value for name, value in merged.items() if value is not None}


def verified(ticket: str) -> FileTicket:
    return file_tickets.verify(ticket, FILE, READER)


def refused(ticket: str) -> InvalidFileTicket:
    with pytest.raises(InvalidFileTicket) as caught:
        verified(ticket)
    return caught.value


def test_a_ticket_proves_who_may_have_which_file_of_whom_in_which_room() -> None:
    assert verified(issued()) == PROVEN
    assert verified(forged()) == PROVEN


def test_a_ticket_holds_for_sixty_seconds_and_says_so() -> None:
    before = int(time.time())
    ticket, expires_at = file_tickets.issue(
        reader_id=READER, file_id=FILE, room_id=ROOM, author_id=AUTHOR
    )
    claims = jwt.decode(ticket, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 60
    assert expires_at == datetime.fromtimestamp(claims["exp"], UTC)
    assert before <= claims["iat"] <= time.time()


def test_a_ticket_has_exactly_the_documented_header_and_claims() -> None:
    ticket = issued()
    assert jwt.get_unverified_header(ticket) == {"alg": "HS256", "typ": "file-ticket+jwt"}
    claims = jwt.decode(ticket, options={"verify_signature": False})
    assert set(claims) == set(file_tickets.REQUIRED_CLAIMS)
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("chat", "files", READER)
    assert (claims["fil"], claims["rid"], claims["aut"]) == (FILE, ROOM, AUTHOR)


def test_two_tickets_are_never_the_same() -> None:
    assert issued() != issued()


def test_a_ticket_is_for_its_file_and_its_reader_alone() -> None:
    ticket = issued()
    for file_id, reader_id in ((new_id("fil"), READER), (FILE, new_id("usr")), (READER, FILE)):
        with pytest.raises(InvalidFileTicket):
            file_tickets.verify(ticket, file_id, reader_id)


def test_a_refusal_is_a_403_that_tells_neither_ticket_nor_secret() -> None:
    ticket = forged({"aud": "another"})
    error = refused(ticket)
    assert (error.status, error.code) == (403, "invalid_file_ticket")
    for text in (str(error), repr(error), repr(error.__cause__)):
        assert ticket not in text
        assert SECRET not in text


def test_a_ticket_signed_with_another_secret_is_refused() -> None:
    refused(forged(secret=OTHER))
    refused(forged(secret=""))


def test_a_changed_claim_breaks_the_signature() -> None:
    header, _, signature = issued().split(".")
    claims = forged({"fil": FILE, "aut": new_id("usr")}).split(".")[1]
    refused(f"{header}.{claims}.{signature}")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
def test_an_unsigned_ticket_is_refused(algorithm: str) -> None:
    unsigned = forged(header={"alg": algorithm}).rpartition(".")[0]
    refused(f"{unsigned}.")
    refused(forged(header={"alg": algorithm}))


@pytest.mark.parametrize(
    ("algorithm", "digest"), [("HS384", hashlib.sha384), ("HS512", hashlib.sha512)]
)
def test_another_algorithm_is_refused_also_with_our_secret(algorithm: str, digest: Any) -> None:
    claims = jwt.decode(forged(), options={"verify_signature": False})
    refused(by_hand({"alg": algorithm, "typ": "file-ticket+jwt"}, claims, digest=digest))
    assert verified(by_hand({"alg": "HS256", "typ": "file-ticket+jwt"}, claims)) == PROVEN


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256", "hs256", "", 7])
def test_a_header_that_lies_about_its_algorithm_is_refused(algorithm: Any) -> None:
    refused(forged(header={"alg": algorithm}))


@pytest.mark.parametrize(
    "typ", ["JWT", "", "at+jwt", "FILE-TICKET+JWT", "application/file-ticket+jwt", 7, [], None]
)
def test_a_token_of_another_type_is_refused(typ: Any) -> None:
    refused(forged(header={"typ": typ}))


@pytest.mark.parametrize("claim", file_tickets.REQUIRED_CLAIMS)
def test_a_ticket_without_a_required_claim_is_refused(claim: str) -> None:
    refused(forged({claim: None}))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "auth"},
        {"iss": "chat.evil.example"},
        {"iss": ["chat"]},
        {"aud": "atrium"},
        {"aud": ["files"]},
        {"aud": ["files", "another"]},
        {"aud": []},
        {"sub": 7},
        {"sub": ""},
        {"fil": ""},
        {"fil": [FILE]},
        {"fil": {"id": FILE}},
        {"rid": 7},
        {"rid": ""},
        {"aut": True},
        {"aut": ""},
        {"jti": 7},
        {"iat": "now"},
        {"iat": True},
        {"iat": str(int(time.time()))},
        {"exp": "soon"},
        {"exp": 10**30},
        {"exp": 1e308},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": str(int(time.time()) + 60)},
        {"exp": time.time() + 60},
        {"nbf": int(time.time()) + 3600},
    ],
)
def test_a_ticket_with_a_wrong_claim_is_refused(claims: Json) -> None:
    refused(forged(claims))


def test_an_expired_ticket_is_refused_but_for_the_difference_of_two_clocks() -> None:
    now = int(time.time())
    refused(forged({"iat": now - 66, "exp": now - 6}))
    refused(forged({"iat": now - 3660, "exp": now - 3600}))
    assert verified(forged({"iat": now - 62, "exp": now - 2})) == PROVEN


def test_a_ticket_from_the_future_is_refused_but_for_the_difference_of_two_clocks() -> None:
    now = int(time.time())
    refused(forged({"iat": now + 20, "exp": now + 80}))
    assert verified(forged({"iat": now + 2, "exp": now + 62})) == PROVEN


@pytest.mark.parametrize("lifetime", [66, 600, 86_400])
def test_a_ticket_that_would_hold_longer_than_chat_issues_is_refused(lifetime: int) -> None:
    now = int(time.time())
    refused(forged({"exp": now + lifetime}))
    refused(forged({"iat": now - lifetime, "exp": now + 1}))


def test_a_ticket_that_is_longer_than_any_of_ours_is_refused_unread() -> None:
    ticket = forged({"more": "x" * 2_000})
    assert len(ticket) > 2_048
    refused(ticket)
    assert verified(forged({"more": "x" * 500})) == PROVEN
    assert len(issued()) < 1_024


@pytest.mark.parametrize(
    "ticket",
    ["", ".", "..", "...", "a", "a.b", "a.b.c", "a.b.c.d", "é.é.é", "\x00", "\ud800", "Bearer x",
     "bnVsbA.e30.e30", "W10.e30.e30", "eyJ0eXAiOltdLCJhbGciOnt9fQ.e30.e30", "W1tb" * 500,
     "eyJhbGciOiJIUzI1NiJ9.e30.", "a" * 100_000,
     b64(b"[" * 1_400) + ".e30.e30", b64(b'{"alg":' * 190) + ".e30.e30"],
    ids=lambda each: ascii(each)[:20],
)  # fmt: skip
def test_garbage_is_refused(ticket: str) -> None:
    refused(ticket)


@pytest.mark.parametrize("payload", [b"null", b"[]", b"7", b'"x"', b"{", b"\xff", b"[" * 1_000])
def test_a_signed_ticket_that_holds_no_claims_is_refused(payload: bytes) -> None:
    signed = f"{b64(b'{"alg":"HS256","typ":"file-ticket+jwt"}')}.{b64(payload)}"
    refused(f"{signed}.{b64(hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256))}")


def test_keys_that_the_ticket_brings_along_are_ignored() -> None:
    brought = {"jwk": {"kty": "oct", "k": b64(OTHER.encode())}, "kid": "../../dev/null"}
    refused(forged(header=brought, secret=OTHER))


class TestRotation:
    def test_what_the_previous_secret_signed_is_accepted_and_new_is_the_present_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = issued()
        monkeypatch.setenv("FILE_TICKET_SECRET", OTHER)
        refused(before)
        monkeypatch.setenv("FILE_TICKET_SECRET_PREVIOUS", SECRET)
        assert verified(before) == PROVEN
        monkeypatch.delenv("FILE_TICKET_SECRET_PREVIOUS")
        assert verified(forged(secret=OTHER)) == PROVEN

    def test_a_new_ticket_is_signed_with_the_present_secret(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FILE_TICKET_SECRET_PREVIOUS", OTHER)
        ticket = issued()
        monkeypatch.delenv("FILE_TICKET_SECRET_PREVIOUS")
        assert verified(ticket) == PROVEN

    def test_what_the_previous_secret_signed_is_checked_as_all_else(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FILE_TICKET_SECRET_PREVIOUS", OTHER)
        refused(forged({"aud": "another"}, secret=OTHER))
        refused(forged(header={"typ": "JWT"}, secret=OTHER))
        refused(forged(secret=f"{OTHER}!"))


type Use = Callable[[], object]


@pytest.mark.parametrize("use", [issued, lambda: verified("a.b.c")], ids=["issue", "verify"])
class TestSecrets:
    @pytest.mark.parametrize("secret", ["hunter2", "generate:32", "x" * 31])
    def test_a_short_secret_is_refused_by_name(
        self, monkeypatch: pytest.MonkeyPatch, use: Use, secret: str
    ) -> None:
        monkeypatch.setenv("FILE_TICKET_SECRET", secret)
        with pytest.raises(InvalidSetting, match="FILE_TICKET_SECRET ") as caught:
            use()
        assert secret not in str(caught.value)

    def test_a_missing_secret_is_not_configured(
        self, monkeypatch: pytest.MonkeyPatch, use: Use
    ) -> None:
        monkeypatch.setenv("FILE_TICKET_SECRET", "")
        with pytest.raises(NotConfigured, match="FILE_TICKET_SECRET"):
            use()


def test_a_short_previous_secret_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILE_TICKET_SECRET_PREVIOUS", "hunter2")
    with pytest.raises(InvalidSetting, match="FILE_TICKET_SECRET_PREVIOUS"):
        verified(issued())


@pytest.mark.parametrize("secret", ["x" * 32, "any words will do, if there are enough", "ü" * 99])
def test_a_secret_of_any_form_works(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("FILE_TICKET_SECRET", secret)
    assert verified(issued()) == PROVEN
