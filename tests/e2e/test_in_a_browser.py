"""In Chromium: a session in a cookie, and the page that a mail's link opens."""

import json
from pathlib import Path
from typing import Any

from tests.harness.api import Api
from tests.harness.browser import Page, needs_chromium, opened
from tests.harness.mails import mail_to
from tests.harness.stack import Stack

_POST = """
fetch('/api/auth/%s', {method: 'POST', body: JSON.stringify(%s),
  headers: {'Content-Type': 'application/json', %s}}).then(async (answer) =>
    ({status: answer.status, body: await answer.json()}))
"""
_OURS = "'X-Atrium-CSRF': '1'"


async def post(page: Page, route: str, body: dict[str, str], headers: str = _OURS) -> Any:
    """What a page of ours gets for a request."""
    return await page.ask(_POST % (route, json.dumps(body), headers))


@needs_chromium
async def test_a_browser_keeps_the_session_where_no_script_can_read_it(
    api: Api, stack: Stack, tmp_path: Path
) -> None:
    ada = await api.user()
    body = {"email": ada.email, "password": ada.password, "session": "cookie"}
    async with opened(f"{stack.functions}/api/auth/links/verify_email", tmp_path) as page:
        assert await page.ask("document.title") == "Confirm your address"
        assert (await post(page, "login", body, headers=""))["status"] == 403
        signed_in = await post(page, "login", body)
        assert (signed_in["status"], signed_in["body"]["refresh_token"]) == (200, None)
        assert await page.ask("document.cookie") == ""
        for _ in range(3):
            refreshed = await post(page, "refresh", {})
            assert (refreshed["status"], refreshed["body"]["user"]["id"]) == (200, ada.id)
        assert (await post(page, "refresh", {}, headers=""))["body"]["code"] == "csrf_refused"
        token = refreshed["body"]["access_token"]
        out = f"fetch('/api/auth/logout', {{method: 'POST', headers: {{Authorization: 'Bearer {token}'}}}})"
        assert await page.ask(f"{out}.then((answer) => answer.status)") == 204
        assert (await post(page, "refresh", {}))["body"]["code"] == "invalid_refresh_token"


@needs_chromium
async def test_a_mails_link_confirms_the_address_when_its_button_is_pressed(
    api: Api, stack: Stack, tmp_path: Path
) -> None:
    ada = await api.user()
    mail = await mail_to(stack, ada.email)
    async with opened(mail.link, tmp_path) as page:
        assert await page.ask("document.title") == "Confirm your address"
        assert not (await api.good("GET", "auth/me", ada))["email_verified"], (
            "opening spends nothing"
        )
        await page.ask("document.querySelector('button').click()")
        await page.until("document.getElementById('said').textContent === 'Done.'", "it is done")
        assert [each for each in page.complaints if "'verbose'" not in each] == []
    assert (await api.good("GET", "auth/me", ada))["email_verified"]


@needs_chromium
async def test_a_forgotten_password_is_set_anew_on_the_page_of_the_link(
    api: Api, stack: Stack, tmp_path: Path
) -> None:
    ada = await api.user()
    await api.good("POST", "auth/password/forgot", json={"email": ada.email})
    mail = await mail_to(stack, ada.email, "password")
    async with opened(mail.link, tmp_path) as page:
        assert await page.ask("document.title") == "Set a new password"
        await page.ask("document.getElementById('password').value = 'an entirely new horse'")
        await page.ask("document.querySelector('button').click()")
        await page.until("document.getElementById('said').textContent === 'Done.'", "it is done")
    body = {"email": ada.email, "password": "an entirely new horse"}
    assert (await api.call("POST", "auth/login", json=body)).status == 200
