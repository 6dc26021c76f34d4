"""In Chromium, with its own virtual authenticator: a passkey is made, signs in alone, and as second factor.

The browser's WebAuthn code is what talks to the API here, not the software authenticator of the other tests.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.harness.api import Api
from tests.harness.browser import Page, needs_chromium, opened
from tests.harness.stack import Stack

_SCRIPT = """
window.post = async (route, body, token) => {
  const headers = {'Content-Type': 'application/json'}
  if (token) headers.Authorization = `Bearer ${token}`
  const answer = await fetch(`/api/auth/${route}`, {method: 'POST', headers, body: JSON.stringify(body)})
  return {status: answer.status, body: await answer.json()}
}
window.make = async (token) => {
  const asked = await post('factors/passkeys/options', {}, token)
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked.body.options)
  const credential = (await navigator.credentials.create({publicKey})).toJSON()
  return post('factors/passkeys', {flow: asked.body.flow, credential, name: 'Chromium'}, token)
}
window.sign = async (ticket) => {
  const asked = await post('passkeys/options', ticket ? {ticket} : {})
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.body.options)
  const credential = (await navigator.credentials.get({publicKey})).toJSON()
  return {flow: asked.body.flow, credential}
}
true
"""


@asynccontextmanager
async def with_authenticator(stack: Stack, profile: Path) -> AsyncIterator[Page]:
    """A page of ours, in a browser whose device has a fingerprint reader, so to speak."""
    url = f"{stack.settings['AUTH_ISSUER']}/api/auth/links/verify_email"
    async with opened(url, profile) as page:
        await page.call("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        await page.call("WebAuthn.addVirtualAuthenticator", options=options)
        await page.ask(_SCRIPT)
        yield page


async def ask(page: Page, function: str, *arguments: Any) -> Any:
    return await page.ask(f"{function}({', '.join(json.dumps(each) for each in arguments)})")


@needs_chromium
async def test_a_passkey_signs_in_alone_and_beside_the_password(
    api: Api, stack: Stack, tmp_path: Path
) -> None:
    ada = await api.user()
    async with with_authenticator(stack, tmp_path) as page:
        made = await ask(page, "make", ada.token)
        assert made["status"] == 201, made
        assert made["body"]["passkey"]["name"] == "Chromium"

        signed = await ask(page, "sign")
        alone = await ask(page, "post", "passkeys/sign-in", signed)
        assert (alone["status"], alone["body"]["user"]["id"]) == (200, ada.id)

        login = {"email": ada.email, "password": ada.password}
        first = await ask(page, "post", "login", login)
        assert first["body"]["factors"] == ["passkey", "recovery_code"]
        ticket = first["body"]["ticket"]
        proof = {"ticket": ticket, "passkey": await ask(page, "sign", ticket)}
        both = await ask(page, "post", "login/second-factor", proof)
        assert (both["status"], both["body"]["user"]["id"]) == (200, ada.id)
        again = await ask(page, "post", "login/second-factor", proof)
        assert again["status"] == 401
    sessions = await api.good("GET", "auth/sessions", ada)
    methods = sorted(each["methods"] for each in sessions["items"])
    assert methods == [["passkey"], ["password"], ["password", "passkey"]]
