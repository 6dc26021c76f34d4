"""A user's partition: all that is kept of him, read with one query and changed with one transaction.

| RowKey | |
|---|---|
| `account` | the account |
| `s:<session id>` | a session |
| `c:<purpose>` | a code that was sent by mail |
| `f:totp`, `f:recovery`, `k:<credential>` | second factors and passkeys |
| `i:<provider>` | an identity elsewhere |
| `m:<workspace id>` | a membership, also one that has ended (workspaces.py has the truth) |
| `a:<reversed id>` | the audit log, newest first; not read with the rest |
| `out:<event id>` | an event that may not have been told (shared_code/outbox) |

Invariant: a row is of one kind, which its key's prefix tells; changes go by changes.py.
"""

from collections.abc import AsyncIterator
from typing import ClassVar, cast

from functions.auth.models import (
    Account,
    AuditEntry,
    Code,
    CodePurpose,
    Identity,
    Membership,
    Passkey,
    RecoveryCodes,
    Session,
    Totp,
)
from functions.auth.store.tables import SETTING, USERS
from shared_code.partition import Partition
from shared_code.records import Record, Stored, read_entries
from shared_code.storage import table

_NOBODY = "usr_nobody"
_KINDS: tuple[type[Stored], ...] = (
    Account,
    Session,
    Code,
    Totp,
    RecoveryCodes,
    Passkey,
    Identity,
    Membership,
)
# Behind the audit log (`a:`), and up to the last of the kinds; the events that wait are among them.
_FIRST, _END = Account.PREFIX, "s;"


class UserRecord(Record):
    """What is kept of a user, as it was read."""

    ROOT: ClassVar[str] = Account.PREFIX

    @property
    def user_id(self) -> str:
        """The user."""
        return self.key

    @property
    def partition(self) -> Partition:
        """The user's partition."""
        return _partition(self.key)

    @property
    def memberships(self) -> list[Membership]:
        """The workspaces that the user is in, or was."""
        return self._all(Membership)

    def membership(self, workspace_id: str) -> Membership | None:
        """What is known of his membership of a workspace."""
        return next((m for m in self.memberships if m.workspace_id == workspace_id), None)

    @property
    def account(self) -> Account:
        """The account."""
        return cast("Account", self.rows[Account.PREFIX])

    @property
    def sessions(self) -> list[Session]:
        """All sessions, also those that have ended by time or generation."""
        return self._all(Session)

    @property
    def passkeys(self) -> list[Passkey]:
        """The passkeys."""
        return self._all(Passkey)

    @property
    def identities(self) -> list[Identity]:
        """The identities elsewhere."""
        return self._all(Identity)

    @property
    def totp(self) -> Totp | None:
        """The authenticator app, confirmed or not."""
        return next(iter(self._all(Totp)), None)

    @property
    def recovery_codes(self) -> RecoveryCodes | None:
        """The recovery codes."""
        return next(iter(self._all(RecoveryCodes)), None)

    def passkey(self, credential_id: object) -> Passkey | None:
        """The passkey of this id."""
        return next((each for each in self.passkeys if each.credential_id == credential_id), None)

    @property
    def has_second_factor(self) -> bool:
        """Whether more is asked of him than one proof: an app that was confirmed, or a passkey."""
        return bool(self.passkeys) or (self.totp is not None and self.totp.confirmed_at is not None)

    def session(self, session_id: str) -> Session | None:
        """The session of this id."""
        return next((each for each in self.sessions if each.session_id == session_id), None)

    def code(self, purpose: CodePurpose) -> Code | None:
        """The newest code that was sent for the purpose."""
        return next((each for each in self._all(Code) if each.purpose == purpose), None)

    def _all[Kind: Stored](self, kind: type[Kind]) -> list[Kind]:
        return [each for each in self.rows.values() if isinstance(each, kind)]


async def read_user(user_id: str | None) -> UserRecord | None:
    """What is kept of the user, or None. One query, also for None: whoever asks cannot tell by the time."""
    record = UserRecord(user_id or _NOBODY)
    async for row in record.partition.rows(_FIRST, _END):
        if kind := _kind_of(row["RowKey"]):
            record.add(row, kind)
    return record if Account.PREFIX in record.rows else None


def _kind_of(row_key: str) -> type[Stored] | None:
    return next((kind for kind in _KINDS if row_key.startswith(kind.PREFIX)), None)


async def read_audit(user_id: str, after: str | None, limit: int) -> list[AuditEntry]:
    """Up to `limit` entries older than the id `after`, newest first. One query."""
    return await read_entries(AuditEntry, _partition(user_id), after, limit)


async def users_with_totp() -> AsyncIterator[str]:
    """The ids of all users who have an authenticator app. One query over the whole table."""
    async for row in table(SETTING, USERS).query_entities(
        "RowKey eq @row", parameters={"row": Totp.PREFIX}, select=["PartitionKey"]
    ):
        yield row["PartitionKey"]


async def erase_user(user_id: str) -> None:
    """Delete everything in the user's partition, the account last. A query, and a call for each 100 rows."""
    await _partition(user_id).erase(last=Account.PREFIX)


def _partition(user_id: str) -> Partition:
    return Partition(SETTING, USERS, user_id)
