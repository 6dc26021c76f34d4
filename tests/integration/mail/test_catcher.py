"""The catcher's page and API: what a developer and tests read, and what no other site may."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from emulators.mail.mailbox import Mailbox
from emulators.mail.site import build_app
from shared_code import mail
from shared_code.mail import Mail

HTML = '<html><head></head><body><script>alert(1)</script><a href="https://a.example/">x</a></body></html>'


@pytest.fixture
async def site(mailbox: Mailbox) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        TestServer(build_app(mailbox)) as server,
        aiohttp.ClientSession(server.make_url("/")) as session,
    ):
        yield session


@pytest.mark.usefixtures("catcher")
async def test_what_the_app_sends_is_listed_shown_and_forgotten(
    site: aiohttp.ClientSession, letter: Mail
) -> None:
    await mail.send(letter)
    listed = await (await site.get("/api/mails?to=ADA@example.com")).json()
    [item] = listed["items"]
    assert (item["to"], item["subject"]) == (["ada@example.com"], "Grüße")
    whole = await (await site.get(f"/api/mails/{item['id']}")).json()
    assert ["Auto-Submitted", "auto-generated"] in whole["headers"]
    assert b"Auto-Submitted" in await (await site.get(f"/api/mails/{item['id']}/raw")).read()
    assert (await (await site.get("/api/mails?to=eve@example.com")).json())["items"] == []
    assert (await (await site.get(f"/api/mails?after={item['id']}")).json())["items"] == []
    assert (await site.delete("/api/mails")).status == 204
    assert (await site.get(f"/api/mails/{item['id']}")).status == 404


async def test_a_mail_s_html_runs_no_script_and_its_links_leave_the_page(
    site: aiohttp.ClientSession, mailbox: Mailbox
) -> None:
    head = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    mailbox.add("a@example.com", ["b@example.com"], (head + HTML).encode())
    answer = await site.get("/api/mails/1/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert '<head><base target="_blank"></head>' in await answer.text()


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
async def test_no_other_site_reads_mails(
    site: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    for path in ("/", "/api/mails"):
        assert (await site.get(path, headers=headers)).status == 403


async def test_the_page_is_there_and_loads_nothing_from_elsewhere(
    site: aiohttp.ClientSession,
) -> None:
    page = await site.get("/")
    assert page.status == 200
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    for name in ("/page.css", "/page.js"):
        assert name in await page.text()
        assert (await site.get(name)).status == 200


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe", b"Content-Type: text/html; charset=nonsense\r\n\r\n\xff"]
)
async def test_whatever_came_can_be_shown(
    raw: bytes, site: aiohttp.ClientSession, mailbox: Mailbox
) -> None:
    mailbox.add("", ["b@example.com"], raw)
    for path in ("", "/html", "/raw"):
        assert (await site.get(f"/api/mails/1{path}")).status == 200


def test_it_holds_so_many_and_no_more() -> None:
    mailbox = Mailbox(most=3)
    for number in range(5):
        mailbox.add("", [f"{number}@example.com"], b"")
    assert [each.id for each in mailbox.find()] == [3, 4, 5]
