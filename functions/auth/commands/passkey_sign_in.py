"""Signing in with a passkey: alone, or asked for as the second factor.

Invariants: alone it counts only when the authenticator has verified its user; the user is whom the
authenticator names, and the signature is checked with that user's key. Tries are counted by network alone:
a signature cannot be guessed, and a user's id is no secret, so a counter of his would let strangers keep
him out.
"""

from functions.auth import captcha, limits, passkeys, store
from functions.auth.commands.changing import changed
from functions.auth.commands.factors import request_passkey
from functions.auth.commands.sessions import start
from functions.auth.errors import InvalidFlow, InvalidTicket, PasskeyRefused
from functions.auth.models import PasskeyOptions, PasskeyOptionsAsked, PasskeySignIn, SignedIn
from functions.auth.store import Change, UserRecord
from shared_code.clock import utcnow
from shared_code.endpoint import Client


async def options(body: PasskeyOptionsAsked, client: Client) -> PasskeyOptions:
    """What a browser needs to sign in with a passkey; with a ticket, as the second factor.

    One round trip, three with a ticket, and one for the limit. Raises InvalidTicket, TooManyRequests,
    CaptchaRequired.
    """
    if body.ticket is None:
        await captcha.check(client)
        return await request_passkey(None, [], client)
    known = await store.read_flow("second_factor", body.ticket)
    record = await store.read_user(known["user_id"]) if known else None
    if record is None:
        raise InvalidTicket
    return await request_passkey(record.user_id, record.passkeys, client)


async def sign_in_alone(body: PasskeySignIn, client: Client) -> SignedIn:
    """Sign in with a passkey and nothing else. Four round trips, and those of the limit.

    Raises InvalidFlow, PasskeyRefused, TooManyRequests.
    """
    user_id = passkeys.owner_of(body.credential)
    tried = await limits.before_code(f"passkey {user_id}", client)
    known = await store.take_flow("passkey", body.flow)
    if known is None or known["user_id"] is not None:
        raise InvalidFlow
    record = await store.read_user(user_id)
    if record is None:
        raise PasskeyRefused

    async def attempt(found: UserRecord) -> SignedIn | None:
        passkey = found.passkey(body.credential.get("id"))
        if passkey is None:
            raise PasskeyRefused
        challenge = known["challenge"]
        used = passkeys.used(passkey, body.credential, challenge, utcnow(), alone=True)
        if used is None:
            raise PasskeyRefused
        change = Change(found)
        change.put(used)
        return await start(found, change, client, body.session, ("passkey",))

    signed_in = await changed(record.user_id, attempt, record)
    await limits.succeeded(tried)
    return signed_in
