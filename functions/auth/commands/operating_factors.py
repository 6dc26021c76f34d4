"""Second factors, for those who run the platform: taking them from who has lost them, and sealing them anew.

Invariant: taking factors away is audited and told to the owner like anything else that happens to them.
"""

from typing import Literal

from functions.auth import store, totp
from functions.auth.commands.changing import NO_CLIENT, changed, entry
from functions.auth.commands.mailing import tell_notice
from functions.auth.commands.sessions import owner_of
from functions.auth.errors import NoSuchAccount
from functions.auth.store import Change, UserRecord
from shared_code.records import Stored


async def remove_factors(email: str) -> bool:
    """Take all second factors from the account of an address; False when it has none.

    Make sure first who asks for it. Five round trips. Raises NoSuchAccount.
    """
    found = await owner_of(email)
    if found is None:
        raise NoSuchAccount(email)

    async def attempt(record: UserRecord) -> bool | None:
        kept = [record.totp, record.recovery_codes, *record.passkeys]
        gone: list[Stored] = [each for each in kept if each]
        if not gone:
            return False
        change, to = Change(record), record.account.email
        change.remove(gone)
        if record.totp:
            change.note(entry("factor.totp_removed", NO_CLIENT))
            tell_notice(change, to, "second_factor_changed", factor="totp", change="removed")
        if record.passkeys:
            change.note(entry("factor.passkey_removed", NO_CLIENT))
            tell_notice(change, to, "second_factor_changed", factor="passkey", change="removed")
        return True if await change.commit() else None

    return await changed(found.user_id, attempt, found)


async def reseal() -> int:
    """Seal the secrets of all authenticator apps with the present key; how many had an older one.

    A query over all users, and two round trips for each app. Raises ForeignSecret at the first one that
    neither the present nor the previous key opens.
    """
    count = 0
    async for user_id in store.users_with_totp():
        count += await changed(user_id, _resealed) == "resealed"
    return count


async def _resealed(record: UserRecord) -> Literal["resealed", "same"] | None:
    app = record.totp
    if app is None or (newer := totp.resealed(record.user_id, app)) == app:
        return "same"
    change = Change(record)
    change.put(newer)
    return "resealed" if await change.commit() else None
