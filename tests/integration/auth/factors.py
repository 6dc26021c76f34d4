"""What the tests of second factors share: users who have them, and the digits of their apps."""

from typing import Any

from pyotp import TOTP

from functions.auth import store
from tests.harness.authenticator import Authenticator
from tests.integration.auth.conftest import SETTINGS, Answer, Call
from tests.integration.auth.test_sessions import login

ORIGIN = SETTINGS["AUTH_ISSUER"]


async def forget_step(user_id: str) -> None:
    """Let the app's present digits count again, so that no test waits for the next 30 seconds."""
    record = await store.read_user(user_id)
    assert record
    assert record.totp
    change = store.Change(record)
    change.put(record.totp.model_copy(update={"last_step": 0}))
    assert await change.commit()


async def with_totp(call: Call, user: dict[str, Any]) -> tuple[TOTP, list[str]]:
    """Add an authenticator app; it, and the recovery codes that came with it."""
    token = user["access_token"]
    begun = await call("auth_add_totp", token=token)
    assert begun.status == 201, begun
    app = TOTP(begun.body["secret"])
    added = await call("auth_confirm_totp", {"digits": app.now()}, token=token)
    assert added.status == 200, added
    await forget_step(user["user"]["id"])
    return app, added.body["recovery_codes"]


async def with_passkey(
    call: Call, user: dict[str, Any], device: Authenticator | None = None
) -> tuple[Authenticator, Answer]:
    """Add a passkey; its device, and the answer."""
    device, token = device or Authenticator(ORIGIN), user["access_token"]
    asked = await call("auth_new_passkey_options", token=token)
    assert asked.status == 200, asked
    body = {
        "flow": asked.body["flow"],
        "credential": device.create(asked.body["options"]),
        "name": "Laptop",
    }
    return device, await call("auth_add_passkey", body, token=token)


async def ticket(call: Call, address: str) -> str:
    """Sign in with the password, as far as it goes."""
    body = await login(call, address)
    assert body["second_factor"] == "needed", body
    return str(body["ticket"])


async def second(call: Call, with_ticket: str, **proof: Any) -> Answer:
    """Finish a sign-in."""
    return await call("auth_second_factor", {"ticket": with_ticket, **proof})


async def signature(
    call: Call, device: Authenticator, with_ticket: str | None = None
) -> dict[str, Any]:
    """What the device signs for a sign-in: `flow` and `credential`."""
    asked = await call("auth_passkey_options", {"ticket": with_ticket} if with_ticket else {})
    assert asked.status == 200, asked
    return {"flow": asked.body["flow"], "credential": device.get(asked.body["options"])}
