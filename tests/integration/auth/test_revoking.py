"""Publishing what was revoked: by many at once, and only as long as it matters."""

import asyncio

import pytest

from functions.auth import revoking
from functions.auth.revoking import Revoker
from shared_code import published, revocations
from shared_code.ids import new_id
from shared_code.revocations import Revocations


async def now_published() -> Revocations:
    return await published.PublishedDocument(revocations.DOCUMENT, revocations.parse, 0).get()


async def test_what_many_processes_revoke_at_once_is_all_published() -> None:
    processes = [Revoker() for _ in range(4)]
    ids = [new_id("ses") for _ in range(40)]
    user = new_id("usr")
    await asyncio.gather(
        *(processes[number % 4].revoke([each], {user: number}) for number, each in enumerate(ids))
    )
    found = await now_published()
    assert set(ids) <= set(found.sessions)
    assert found.users[user][0] == 39


async def test_what_comes_together_shares_a_write(round_trips: list[str]) -> None:
    revoker = Revoker()
    await asyncio.gather(*(revoker.revoke([new_id("ses")], {}) for _ in range(50)))
    assert len([each for each in round_trips if each.startswith("PUT")]) == 1


async def test_what_can_no_longer_be_used_leaves_the_document() -> None:
    old, new, workspace = new_id("ses"), new_id("ses"), new_id("ws")
    gone = Revocations({old: 1}, {new_id("usr"): (3, 1)}, {new_id("ws"): 1})
    await published.publish(revocations.DOCUMENT, gone.document(), "application/json")
    await revoking.revoke([new], workspaces=[workspace])
    found = await now_published()
    assert found == Revocations({new: found.sessions[new]}, {}, {workspace: found.sessions[new]})


async def test_who_waits_hears_that_it_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise ConnectionError

    revoker = Revoker()
    with monkeypatch.context() as away:
        away.setattr(published, "update", fails)
        answers = await asyncio.gather(
            *(revoker.revoke([new_id("ses")], {}) for _ in range(3)), return_exceptions=True
        )
        assert [type(each) for each in answers] == [ConnectionError] * 3
    await revoker.revoke([new_id("ses")], {})
