"""Rotation of the signing keys, by a timer or by who runs the platform.

Invariant: a key is published long before it signs, and until the last token that it signed has ended;
only keys that somebody else may have are given up at once. What died half-way is made good by the next
call: the stored keys are the truth, and what is published follows them.
"""

import logging

from functions.auth import keys, policy
from functions.auth.errors import KeysChanged, RotationTooSoon
from functions.auth.store import keys as stored_keys
from shared_code.clock import utcnow

_log = logging.getLogger("atrium.auth")


async def rotate() -> str:
    """Let the next key sign, and make another next one; the id of the key that signs now.

    Eight round trips. Raises RotationTooSoon, KeysChanged and NotConfigured; then the published keys are
    in order all the same.
    """
    stored = await stored_keys.read_complete_keys()
    published_at = await stored_keys.publish_jwks()
    ready_at = policy.may_rotate_at(keys.rotated_at(stored), published_at)
    if utcnow() < ready_at:
        raise RotationTooSoon(stored[keys.CURRENT].kid, ready_at)
    rotated = keys.rotated(stored)
    await stored_keys.change_keys(stored, rotated)
    await stored_keys.publish_jwks()
    return rotated[keys.CURRENT].kid


async def replace_all() -> str:
    """Give up every key at once, because somebody else may have them; the id of the key that signs now.

    Everything that was signed before is refused, in every service within a minute. The key that is to
    sign is new, since the next one lay beside the one that leaked, and is published before it signs.
    Thirteen round trips. Raises KeysChanged: then the old keys may still be there.
    """
    stored = await stored_keys.read_complete_keys()
    announced = keys.with_another_next(stored)
    await stored_keys.change_keys(stored, announced)
    await stored_keys.publish_jwks()
    replaced = keys.without_the_past(announced)
    await stored_keys.change_keys(announced, replaced)
    await stored_keys.publish_jwks()
    return replaced[keys.CURRENT].kid


async def keep() -> None:
    """Publish what is not published, seal anew what an older secret sealed, rotate when it is time.

    Four round trips when there is nothing to do. Raises NotConfigured.
    """
    stored = await stored_keys.read_complete_keys()
    try:
        if (resealed := keys.resealed(stored)) != stored:
            await stored_keys.change_keys(stored, resealed)
        if policy.rotation_is_due(keys.rotated_at(stored), utcnow()):
            _log.info("%s signs from now on", await rotate())
        else:
            await stored_keys.publish_jwks()
    except (KeysChanged, RotationTooSoon) as error:
        # Another instance was faster, or the keys were published only now: the next hour finds it done.
        _log.info("keys are left as they are: %s", error)
