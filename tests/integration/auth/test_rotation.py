"""Rotation of the signing keys on real tables: unnoticed, once, and made good where it died half-way."""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import jwt
import pytest
from azure.core.exceptions import ServiceRequestError

from functions.auth import keys, policy, sealing, signing, store
from functions.auth.commands import rotating
from functions.auth.errors import ForeignSecret, KeysChanged, RotationTooSoon
from functions.auth.signing import RingCache
from functions.auth.store import keys as stored_keys
from shared_code import published, tokens
from shared_code.clock import utcnow
from shared_code.ids import new_id
from shared_code.published import PublishedDocument
from tests.harness.key_rotation import rotate_keys
from tests.harness.waiting import until_async
from tests.integration.auth.conftest import SETTINGS, Answer, Call, forget

CLIENTS = 6
RING_SECONDS = 0.3

type SetClock = Callable[[datetime], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """What time it is for the rules of rotation."""
    return lambda moment: monkeypatch.setattr(rotating, "utcnow", lambda: moment)


@pytest.fixture
def allowed(set_clock: SetClock) -> None:
    """The keys there are may be rotated; those that a rotation makes may not."""
    set_clock(utcnow() + policy.ROTATION_PAUSE)


async def kids() -> dict[str, str]:
    return {role: key.kid for role, key in (await store.read_keys()).items()}


async def published_kids() -> list[str]:
    document = await PublishedDocument(tokens.JWKS_DOCUMENT, json.loads, 60).get()
    return [key["kid"] for key in document["keys"]]


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def registered(call: Call) -> Any:
    body = {
        "email": f"{new_id('t')}@example.com",
        "password": "correct horse battery",
        "display_name": "Ann",
    }
    answer = await call("auth_register", body)
    assert answer.status == 201, answer
    return answer.body


def let_nothing_be_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on nothing can be published."""

    async def fails(*_: object, **__: object) -> None:
        raise ServiceRequestError("no route")

    monkeypatch.setattr(published, "publish", fails)


class TestNobodyNotices:
    """Clients go on while a command rotates the keys."""

    async def test_no_request_fails_and_new_tokens_carry_the_new_key(
        self, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        short = cache(lambda: RingCache(store.load_ring, RING_SECONDS))
        monkeypatch.setattr(signing, "_cache", short)
        # Another service that has its copy from before, and does not look again.
        elsewhere = await PublishedDocument(tokens.JWKS_DOCUMENT, tokens.parse_jwks, 3600).get()
        newest: dict[int, str] = {}
        bad: list[Answer] = []
        stop = asyncio.Event()

        async def client(number: int) -> None:
            body = await registered(call)
            oldest = body["access_token"]
            while not stop.is_set():
                answer = await call("auth_refresh", {"refresh_token": body["refresh_token"]})
                seen = [answer, await call("auth_me", token=oldest)]
                if answer.status == 200:
                    body = answer.body
                    seen.append(await call("auth_me", token=body["access_token"]))
                    tokens.verify(body["access_token"], elsewhere[kid_of(body["access_token"])])
                    newest[number] = kid_of(body["access_token"])
                bad.extend(each for each in seen if each.status != 200)

        clients = [asyncio.create_task(client(number)) for number in range(CLIENTS)]
        before = await kids()

        async def all_sign_with(kid: str) -> bool:
            assert not any(each.done() for each in clients)
            return list(newest.values()).count(kid) == CLIENTS

        await until_async(lambda: all_sign_with(before[keys.CURRENT]), "every client has a token")
        ended = await rotate_keys(minutes_ahead=60)
        assert ended.kid == before[keys.NEXT]
        await until_async(lambda: all_sign_with(ended.kid), "every client has the new key")
        stop.set()
        await asyncio.gather(*clients)
        assert bad == []

    @pytest.mark.usefixtures("allowed")
    async def test_each_key_moves_on_in_what_is_published(self) -> None:
        before = await kids()
        assert await rotating.rotate() == before[keys.NEXT]
        after = await kids()
        assert after[keys.PREVIOUS] == before[keys.CURRENT]
        assert await published_kids() == [after[role] for role in keys.ROLES]

    @pytest.mark.usefixtures("allowed")
    async def test_the_private_half_of_the_previous_key_is_erased(self) -> None:
        private = (await store.load_ring()).current.private.private_bytes_raw()
        await rotating.rotate()
        kept = (await store.read_keys())[keys.PREVIOUS]
        assert sealing.unseal(kept.sealed, f"{kept.kid}/public") != private
        with pytest.raises(ForeignSecret):
            sealing.unseal(kept.sealed, kept.kid)

    async def test_a_token_of_a_key_that_has_left_is_refused(
        self, call: Call, set_clock: SetClock
    ) -> None:
        token = (await registered(call))["access_token"]
        for _ in range(2):
            assert (await call("auth_me", token=token)).status == 200
            set_clock(utcnow() + policy.ROTATION_PAUSE)
            await rotating.rotate()
            forget()
        answer = await call("auth_me", token=token)
        assert (answer.status, answer.body["code"]) == (401, "unauthenticated")


class TestTooSoon:
    """A rotation that would drop a key whose tokens are still good, or let an unknown one sign."""

    @pytest.mark.usefixtures("allowed")
    async def test_a_second_rotation_has_to_wait(self) -> None:
        await rotating.rotate()
        after = await kids()
        with pytest.raises(RotationTooSoon, match=after[keys.CURRENT]):
            await rotating.rotate()
        assert await kids() == after

    async def test_the_command_says_who_signs_and_until_when_to_wait(self) -> None:
        first = await rotate_keys(minutes_ahead=60)
        second = await rotate_keys()
        assert (second.code, second.output) == (1, "")
        assert f"{first.kid} signs now" in second.errors
        assert "--force" in second.errors

    async def test_a_next_key_that_was_published_only_now_does_not_sign_yet(
        self, set_clock: SetClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_clock(utcnow() + policy.ROTATION_PAUSE)
        with monkeypatch.context() as away:
            let_nothing_be_published(away)
            with pytest.raises(ServiceRequestError):
                await rotating.rotate()
        after = await kids()
        # Long after the keys changed, but what was not published then is published by this call.
        blob_only = await _published_a_second_later()
        set_clock(blob_only + policy.ROTATION_PAUSE)
        with pytest.raises(RotationTooSoon):
            await rotating.rotate()
        assert await kids() == after
        assert await published_kids() == [after[role] for role in keys.ROLES]


async def _published_a_second_later() -> datetime:
    """When the rows were changed, once the store's clock, which counts seconds, shows a later one."""
    changed_at = keys.rotated_at(await store.read_keys())
    await until_async(
        lambda: asyncio.sleep(0, (utcnow() - changed_at).total_seconds() >= 1.5), "a second passes"
    )
    return changed_at


class TestRaces:
    """Many at once."""

    @pytest.mark.usefixtures("allowed")
    async def test_of_eight_rotations_at_once_one_happens(self) -> None:
        before = await kids()
        answers = await asyncio.gather(
            *(rotating.rotate() for _ in range(8)), return_exceptions=True
        )
        assert [each for each in answers if isinstance(each, str)] == [before[keys.NEXT]]
        others = {type(each) for each in answers if not isinstance(each, str)}
        assert others <= {KeysChanged, RotationTooSoon}
        assert (await kids())[keys.PREVIOUS] == before[keys.CURRENT]

    async def test_a_timer_on_eight_instances_rotates_once_a_month(
        self, set_clock: SetClock
    ) -> None:
        before = await kids()
        set_clock(utcnow() + policy.SIGNING_KEY_LIFE)
        await asyncio.gather(*(rotating.keep() for _ in range(8)))
        await rotating.keep()
        after = await kids()
        assert after[keys.CURRENT] == before[keys.NEXT]
        assert await published_kids() == [after[role] for role in keys.ROLES]

    async def test_a_young_key_stays(self, set_clock: SetClock) -> None:
        before = await kids()
        set_clock(utcnow() + policy.SIGNING_KEY_LIFE / 2)
        await rotating.keep()
        assert await kids() == before

    @pytest.mark.usefixtures("allowed")
    async def test_a_slow_publisher_does_not_bring_back_what_was_before(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish, outcomes = published.publish, Counter[str]()

        async def slowly(*arguments: Any, **options: Any) -> None:
            if not outcomes:
                outcomes["rotated meanwhile"] += 1
                await rotating.rotate()
            await publish(*arguments, **options)

        await publish(tokens.JWKS_DOCUMENT, b'{"keys":[]}', "application/jwk-set+json")
        monkeypatch.setattr(published, "publish", slowly)
        await stored_keys.publish_jwks()
        after = await kids()
        assert await published_kids() == [after[role] for role in keys.ROLES]


class TestHalfWay:
    """A rotation whose process dies between its transaction and the publishing."""

    @pytest.mark.usefixtures("allowed")
    async def test_what_it_signs_is_known_and_the_next_tick_publishes_the_rest(
        self, call: Call, monkeypatch: pytest.MonkeyPatch, set_clock: SetClock
    ) -> None:
        with monkeypatch.context() as away:
            let_nothing_be_published(away)
            with pytest.raises(ServiceRequestError):
                await rotating.rotate()
        forget()
        after = await kids()
        body = await registered(call)
        assert kid_of(body["access_token"]) == after[keys.CURRENT]
        assert (await call("auth_me", token=body["access_token"])).status == 200
        assert after[keys.NEXT] not in await published_kids()
        set_clock(utcnow())
        await rotating.keep()
        assert await published_kids() == [after[role] for role in keys.ROLES]

    @pytest.mark.usefixtures("allowed")
    async def test_a_lost_answer_to_a_transaction_that_succeeded_is_a_success(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read = stored_keys._read_rows
        before = await kids()

        async def stale() -> dict[str, Any]:
            """As the SDK sees it that repeats its transaction: the versions are those from before."""
            monkeypatch.setattr(stored_keys, "_read_rows", read)
            rows = await read()
            stored = {role: stored_keys._key(row) for role, row in rows.items()}
            await stored_keys.change_keys(stored, after)
            return rows

        stored = await store.read_keys()
        after = keys.rotated(stored)
        monkeypatch.setattr(stored_keys, "_read_rows", stale)
        await stored_keys.change_keys(stored, after)
        assert (await kids())[keys.CURRENT] == before[keys.NEXT]

    async def test_a_document_that_somebody_else_wrote_is_replaced(
        self,
    ) -> None:
        x = base64.urlsafe_b64encode(b"k" * 32).rstrip(b"=").decode()
        planted = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "key_mine", "alg": "EdDSA"}
        document = json.dumps({"keys": [planted]}).encode()
        await published.publish(tokens.JWKS_DOCUMENT, document, "application/jwk-set+json")
        await rotating.keep()
        assert "key_mine" not in await published_kids()


class TestLeakedKeys:
    """`rotate-keys --force`."""

    async def test_old_tokens_are_refused_and_nobody_is_signed_out(self, call: Call) -> None:
        body = await registered(call)
        before = await kids()
        ended = await rotate_keys("--force")
        assert ended.kid not in before.values()
        assert "refused" in ended.output
        forget()
        assert set(await published_kids()).isdisjoint(before.values())
        assert (await call("auth_me", token=body["access_token"])).status == 401
        again = await call("auth_refresh", {"refresh_token": body["refresh_token"]})
        assert kid_of(again.body["access_token"]) == ended.kid
        assert (await call("auth_me", token=again.body["access_token"])).status == 200

    async def test_a_verifier_with_a_copy_from_before_takes_new_tokens_within_a_second(
        self, call: Call
    ) -> None:
        body = await registered(call)
        assert (await call("auth_me", token=body["access_token"])).status == 200
        await rotating.replace_all()
        signing._cache.cache_clear()  # another process signs; the copy of the JWKS stays
        again = await call("auth_refresh", {"refresh_token": body["refresh_token"]})

        async def is_taken() -> bool:
            return (await call("auth_me", token=again.body["access_token"])).status == 200

        await until_async(is_taken, "the copy is read again", 3)

    async def test_the_new_key_is_published_before_it_signs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change, signing_then = stored_keys.change_keys, []

        async def watched(before: keys.StoredKeys, after: keys.StoredKeys) -> None:
            signing_then.append(after[keys.CURRENT].kid in await published_kids())
            await change(before, after)

        monkeypatch.setattr(stored_keys, "change_keys", watched)
        await rotating.replace_all()
        assert signing_then == [True, True]

    @pytest.mark.usefixtures("allowed")
    async def test_when_a_rotation_comes_between_it_says_so_and_a_repeat_does_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change, leaked = stored_keys.change_keys, await kids()

        async def late(before: keys.StoredKeys, after: keys.StoredKeys) -> None:
            monkeypatch.setattr(stored_keys, "change_keys", change)
            await rotating.rotate()
            await change(before, after)

        monkeypatch.setattr(stored_keys, "change_keys", late)
        with pytest.raises(KeysChanged):
            await rotating.replace_all()
        await rotating.replace_all()
        assert set((await kids()).values()).isdisjoint(leaked.values())

    async def test_what_died_half_way_leaves_keys_that_work_and_a_repeat_does_it(
        self, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        body, leaked = await registered(call), await kids()
        publish = stored_keys.publish_jwks

        async def dies() -> datetime:
            await publish()
            raise ServiceRequestError("killed")

        with monkeypatch.context() as dying:
            dying.setattr(stored_keys, "publish_jwks", dies)
            with pytest.raises(ServiceRequestError):
                await rotating.replace_all()
        forget()
        assert (await call("auth_me", token=body["access_token"])).status == 200
        await rotating.replace_all()
        forget()
        assert (await call("auth_me", token=body["access_token"])).status == 401
        assert set((await kids()).values()).isdisjoint(leaked.values())


async def test_a_tick_seals_the_keys_with_a_new_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secret, another = SETTINGS[sealing.SETTING], "another secret that is long enough by far"
    before = await published_kids()
    # And back again, for the tests that share these tables.
    for old, new in ((secret, another), (another, secret)):
        monkeypatch.setenv(sealing.SETTING, new)
        monkeypatch.setenv(sealing.PREVIOUS_SETTING, old)
        await asyncio.gather(*(rotating.keep() for _ in range(4)))
        monkeypatch.delenv(sealing.PREVIOUS_SETTING)
        await store.load_ring()
        assert await published_kids() == before
