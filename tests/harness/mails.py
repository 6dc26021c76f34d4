"""The mails that a stack's catcher has, as a person would read them.

Invariant: waits until the mail is there, and says what came instead when it does not come.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import aiohttp

from tests.harness.stack import Stack
from tests.harness.waiting import until_async

_LINK = re.compile(r"https?://\S+")
_DIGITS = re.compile(r"(?<![\w.#/=-])\d{6}(?![\w-])")


class _Links(HTMLParser):
    """Where the links of a page lead."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


@dataclass(frozen=True)
class CaughtMail:
    """One mail."""

    to: tuple[str, ...]
    sender: str
    subject: str
    text: str
    html: str
    message_id: str
    headers: dict[str, str]

    @property
    def links(self) -> list[str]:
        """The links of its text, which are those of its HTML."""
        parser = _Links()
        parser.feed(self.html)
        found = list(dict.fromkeys(_LINK.findall(self.text)))
        assert set(found) == set(parser.found), "text and HTML lead to different places"
        return found

    @property
    def link(self) -> str:
        """The only link."""
        [found] = self.links
        return found

    @property
    def token(self) -> str:
        """What the only link proves, behind `#token=`."""
        return self.link.partition("#token=")[2]

    @property
    def code(self) -> str:
        """The six digits, which stand in both parts."""
        [found] = _DIGITS.findall(self.text)
        assert isinstance(found, str)
        assert found in self.html
        return found


async def mails_to(stack: Stack, address: str) -> list[CaughtMail]:
    """All mails to the address that have arrived, oldest first."""
    async with aiohttp.ClientSession() as session:
        items = (await _get(session, f"{stack.mail}/api/mails?to={quote(address)}"))["items"]
        whole = [await _get(session, f"{stack.mail}/api/mails/{each['id']}") for each in items]
    return [_caught(each) for each in whole]


async def mail_to(
    stack: Stack, address: str, subject_part: str | None = None, limit: float = 30
) -> CaughtMail:
    """The newest mail to the address, with these words in its subject; waits until there is one."""
    seen: Sequence[CaughtMail] = ()

    async def newest() -> CaughtMail | None:
        nonlocal seen
        seen = await mails_to(stack, address)
        found = [each for each in seen if (subject_part or "").lower() in each.subject.lower()]
        return found[-1] if found else None

    try:
        caught = await until_async(newest, f"a mail to {address}: {subject_part or 'any'}", limit)
    except AssertionError as error:
        raise AssertionError(f"{error}; there are {[each.subject for each in seen]}") from None
    assert caught
    return caught


async def _get(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(url) as answer:
        assert answer.status == 200, await answer.text()
        return json.loads(await answer.text())


def _caught(found: dict[str, Any]) -> CaughtMail:
    return CaughtMail(
        to=tuple(found["to"]),
        sender=found["from"],
        subject=found["subject"],
        text=found["text"],
        html=found["html"],
        message_id=found["message_id"],
        headers=dict(found["headers"]),
    )
