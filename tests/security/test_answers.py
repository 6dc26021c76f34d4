"""What answers and frames hold: never a hash, a secret that is kept, or another's e-mail address.

Two users, who share rooms, go every way that auth has; everything that comes back is looked at, and so is
what each route of OpenAPI that can be read answers to either of them, with the ids of both.
"""

import base64
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest
from pyotp import TOTP

from functions.auth.keys import KeyRing
from tests.harness.api import Answer, Api, User
from tests.harness.authenticator import Authenticator
from tests.harness.mails import mail_to
from tests.harness.stack import Stack

NEW_PASSWORD = "another-fine-word 7"
KEPT = re.compile(
    r"passw|hash|sealed|digest|salt|private|secret|token_version|generation|counter|public_key"
    r"|partition|row_?key|etag|^(d|k|p|q|key|mac|tries)$",
    re.IGNORECASE,
)
"""What a row of ours has and no answer may, by the name of its field."""
NEVER = re.compile(r"\$argon2|argon2id|BEGIN [A-Z ]*KEY|AccountKey=|SharedAccessKey=|AccessKey=")

# The secret of an authenticator app is given once, to be typed into it.
GIVEN_ONCE = {("POST", "auth/factors/totp"): {"secret"}}


@dataclass(frozen=True)
class Heard:
    """An answer, who asked, and what for."""

    user: User | None
    method: str
    path: str
    answer: Answer

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.answer}"

    @property
    def text(self) -> str:
        """All of it, as it can be searched."""
        body = self.answer.body
        whole = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        return f"{self.answer.headers} {whole}"


class Recorder(Api):
    """The API, with an ear for every answer."""

    def __init__(self, of: Api) -> None:
        super().__init__(of.session, of.url)
        self.heard: list[Heard] = []

    async def call(
        self, method: str, path: str, user: User | None = None, **options: Any
    ) -> Answer:
        """As Api.call; a redirect is not followed."""
        answer = await super().call(method, path, user, allow_redirects=False, **options)
        self.heard.append(Heard(user, method, path, answer))
        return answer


@dataclass(frozen=True)
class Person:
    """A user after all that he did, and what he had to keep for himself."""

    user: User
    emails: tuple[str, ...]
    secrets: tuple[str, ...]
    session_id: str
    passkey_id: str


@dataclass(frozen=True)
class Scene:
    """What was heard, and of whom."""

    api: Recorder
    ada: Person
    bob: Person
    rooms: tuple[str, str]
    frames: tuple[Any, ...]


@pytest.fixture
async def scene(api: Api, stack: Stack) -> Scene:
    recorder = Recorder(api)
    ada, bob = await person(recorder, stack, "Ada"), await person(recorder, stack, "Bob")
    public, private, frames = await talk(recorder, ada.user, bob.user)
    return Scene(recorder, ada, bob, (public, private), frames)


async def person(api: Recorder, stack: Stack, name: str) -> Person:
    """A user who has gone every way that answers with himself."""
    user = await api.user(name)
    me = await api.good("PATCH", "auth/me", user, json={"display_name": f"{name} Q"})
    assert me["email"] == user.email
    mail = await mail_to(stack, user.email, "confirm your")
    await api.good("POST", "auth/email/verify", user, json={"digits": mail.code})
    signed_in = await by_mail(api, stack, user)
    refresh = {"refresh_token": signed_in["refresh_token"]}
    signed_in = await api.good("POST", "auth/refresh", json=refresh)
    body = {"current_password": user.password, "new_password": f"{NEW_PASSWORD} {name}"}
    here = replace(user, token=signed_in["access_token"])
    changed = await api.good("POST", "auth/password/change", here, json=body)
    here = replace(here, token=changed["access_token"], password=body["new_password"])
    moved = await another_address(api, stack, here)
    kept, passkey_id, here = await second_factors(api, stack, moved)
    [session, *_] = (await api.good("GET", "auth/sessions", here))["items"]
    emails = (user.email, moved.email)
    return Person(here, emails, (user.password, here.password, *kept), session["id"], passkey_id)


async def by_mail(api: Recorder, stack: Stack, user: User) -> Any:
    asked = await api.good("POST", "auth/sign-in-link", json={"email": user.email})
    token = (await mail_to(stack, user.email, "sign in")).token
    body = {"token": token, "browser": asked["browser"]}
    return await api.good("POST", "auth/sign-in-link/confirm", json=body)


async def another_address(api: Recorder, stack: Stack, user: User) -> User:
    email = f"new-{user.email}"
    await api.good("POST", "auth/email/change", user, json={"email": email})
    for side, to in (("new", email), ("old", user.email)):
        digits = (await mail_to(stack, to, "new" if side == "new" else "change")).code
        body = {"side": side, "digits": digits}
        me = await api.good("POST", "auth/email/change/confirm", user, json=body)
    assert me["email"] == email
    return replace(user, email=email)


async def second_factors(
    api: Recorder, stack: Stack, user: User
) -> tuple[tuple[str, ...], str, User]:
    """The secrets of an app and of the recovery codes, a passkey's id, and the user after a second factor."""
    begun = await api.good("POST", "auth/factors/totp", user)
    digits = {"digits": TOTP(begun["secret"]).now()}
    added = await api.good("POST", "auth/factors/totp/confirm", user, json=digits)
    asked = await api.good("POST", "auth/factors/passkeys/options", user)
    credential = Authenticator(stack.settings["AUTH_ISSUER"]).create(asked["options"])
    body = {"flow": asked["flow"], "credential": credential, "name": "x"}
    await api.good("POST", "auth/factors/passkeys", user, json=body)
    has = await api.good("GET", "auth/factors", user)
    login = {"email": user.email, "password": user.password}
    ticket = (await api.good("POST", "auth/login", json=login))["ticket"]
    codes = added["recovery_codes"]
    body = {"ticket": ticket, "recovery_code": codes[0]}
    signed_in = await api.good("POST", "auth/login/second-factor", json=body)
    here = replace(user, token=signed_in["access_token"])
    await api.call("POST", "auth/step-up", here, json={"recovery_code": codes[1]})
    return (begun["secret"], *codes), has["passkeys"][0]["id"], user


async def talk(api: Recorder, ada: User, bob: User) -> tuple[str, str, tuple[Any, ...]]:
    """Both speak in a room; what either hears of it."""
    public, private = await api.room(ada, bob), await api.room(ada, kind="private")
    async with api.listening(ada) as one, api.listening(bob) as other:
        await api.send(ada, private, "Only me")
        last = 0
        for speaker in (ada, bob):
            last = (await api.send(speaker, public, "Hello"))["seq"]
        for ear in (one, other):
            await ear.frame(public, last)
        await api.good("POST", f"rooms/{public}/leave", bob)
        await one.frame(public, last + 1)
        await api.good("POST", f"rooms/{public}/join", bob)
        await one.frame(public, last + 2)
        return public, private, (*one.frames, *other.frames)


async def read_everything(scene: Scene) -> list[str]:
    """Call every route that can be read, in OpenAPI's list, as each of both and as nobody, by all ids."""
    document = (await scene.api.call("GET", "openapi.json")).body
    paths = [path for path, operations in document["paths"].items() if "get" in operations]
    paths = [path.removeprefix("/api").lstrip("/") for path in paths]
    for path, about in product(paths, (scene.ada, scene.bob)):
        for named in by_ids(scene, path, about):
            for who in (scene.ada.user, scene.bob.user, None):
                answer = await scene.api.call("GET", named, who)
                assert answer.status < 500, answer
    return paths


def by_ids(scene: Scene, path: str, about: Person) -> set[str]:
    """The path with the ids of somebody, and of either room."""
    known = {"session_id": about.session_id, "passkey_id": about.passkey_id, "page": "verify_email"}
    return {path.format_map(defaultdict(lambda: "x", known, room_id=room)) for room in scene.rooms}


def fields(value: Any) -> Iterator[str]:
    """The names of all fields, however deep."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield str(name)
            yield from fields(each)
    elif isinstance(value, list):
        for each in value:
            yield from fields(each)


def holds_nothing_kept(heard: Heard) -> None:
    assert not NEVER.search(heard.text), heard
    if heard.path == "openapi.json":  # it speaks of fields that are sent
        return
    allowed = GIVEN_ONCE.get((heard.method, heard.path), set())
    found = {each for each in fields(heard.answer.body) if KEPT.search(each)} - allowed
    assert not found, heard


async def test_no_answer_and_no_frame_tells_what_is_another_s_or_ours(
    scene: Scene, stack: Stack, ring: KeyRing
) -> None:
    paths = await read_everything(scene)
    assert {"auth/me", "auth/me/export", "auth/factors", "rooms/{room_id}/log"} <= set(paths)
    for each in (scene.ada, scene.bob):
        await scene.api.good("DELETE", "auth/me", each.user)
    assert len(scene.api.heard) > 100
    assert sum(each.answer.status < 300 for each in scene.api.heard) > 50
    ours = keys_of(stack, ring)
    for heard in scene.api.heard:
        holds_nothing_kept(heard)
        for secret in ours:
            assert secret not in heard.text, heard
        for one in (scene.ada, scene.bob):
            if heard.user and heard.user.id != one.user.id:
                assert not any(each in heard.text for each in one.emails), heard
        if heard.user is None or heard.path.startswith(("rooms", "realtime", "admin")):
            assert heard.path.startswith("auth/") or "@example.com" not in heard.text, heard
    frames = json.dumps(scene.frames)
    assert scene.bob.user.id in frames
    assert "@" not in frames
    assert not any(KEPT.search(each) for each in fields(list(scene.frames)))


async def test_what_a_user_keeps_for_himself_is_given_once_or_never(scene: Scene) -> None:
    """Passwords never; an app's secret and recovery codes when they are made."""
    await read_everything(scene)
    given = {
        ("POST", "auth/factors/totp"),
        ("POST", "auth/factors/totp/confirm"),
        ("POST", "auth/factors/recovery-codes"),
    }
    for one in (scene.ada, scene.bob):
        assert len(one.secrets) == 11  # two passwords, an app's secret, eight codes
        for heard in scene.api.heard:
            if (heard.method, heard.path) not in given:
                assert not any(each in heard.text for each in one.secrets), heard


async def test_the_published_keys_verify_and_do_not_sign(api: Api, ring: KeyRing) -> None:
    answer = await api.call("GET", "auth/jwks.json")
    document = answer.body if isinstance(answer.body, dict) else json.loads(answer.body)
    assert document["keys"]
    for key in document["keys"]:
        assert set(key) == {"kty", "crv", "x", "kid", "alg", "use"}
    whole = json.dumps(document)
    assert base64.urlsafe_b64encode(_public(ring)).rstrip(b"=").decode() in whole
    assert not any(each in whole for each in _spelled(ring.current.private.private_bytes_raw()))


async def test_the_log_of_the_host_holds_no_credential(scene: Scene, stack: Stack) -> None:
    """An operator reads it, and it is kept for long."""
    log = stack.log("functions_host")
    assert "auth_login" in log, "there is one"
    tokens = [
        each.answer.body[name]
        for each in scene.api.heard
        if isinstance(each.answer.body, dict)
        for name in ("access_token", "refresh_token", "device_token", "ticket", "browser")
        if each.answer.body.get(name)
    ]
    assert len(tokens) > 20
    for secret in (*tokens, *scene.ada.secrets, *scene.bob.secrets):
        assert secret not in log
    for one in (scene.ada, scene.bob):
        assert not any(each in log for each in one.emails)


def keys_of(stack: Stack, ring: KeyRing) -> list[str]:
    """What the deployment must keep, in each spelling that could slip out."""
    found = [stack.settings["AUTH_KEY_ENCRYPTION_KEY"]]
    for name in ("AUTH_STORAGE", "SERVICE_BUS", "WebPubSubConnectionString"):
        found += re.findall(r"Key=([^;]{20,})", stack.settings[name])
    for pair in (ring.current, ring.next):
        found += _spelled(pair.private.private_bytes_raw())
    return [each for each in found if each]


def _spelled(raw: bytes) -> list[str]:
    plain, url = base64.b64encode(raw), base64.urlsafe_b64encode(raw)
    return [raw.hex(), plain.rstrip(b"=").decode(), url.rstrip(b"=").decode()]


def _public(ring: KeyRing) -> bytes:
    return ring.current.private.public_key().public_bytes_raw()
