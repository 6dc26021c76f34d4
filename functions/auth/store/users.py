"""A user's partition: all that is kept of him, read with one query and changed with one transaction.

| RowKey | |
|---|---|
| `account` | the account |
| `s:<session id>` | a session |
| `c:<purpose>` | a code that was sent by mail |
| `f:totp`, `f:recovery`, `k:<credential>` | second factors and passkeys |
| `i:<provider>` | an identity elsewhere |
| `a:<reversed id>` | the audit log, newest first; not read with the rest |
| `out:<event id>` | an event that may not have been told (shared_code/outbox) |

Invariants: every change holds the account as it was read, so that of two at once one has to look again
(a refresh alone holds its session only); a change that tells or ends something has an audit entry, by
whose random id a transaction whose answer was lost is recognised as ours.
"""

import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from azure.core import MatchConditions

from functions.auth.models import (
    Account,
    AuditEntry,
    Code,
    CodePurpose,
    Identity,
    Passkey,
    RecoveryCodes,
    Session,
    Stored,
    Totp,
)
from functions.auth.store.tables import ACTIVITY, SETTING, USERS
from shared_code.ids import reversed_id
from shared_code.messaging import Event, EventData
from shared_code.outbox import Ledger, OutboxRows, Walker
from shared_code.storage import find, table

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables.aio import TableClient

_log = logging.getLogger("atrium.auth.audit")
_NOBODY = "usr_nobody"
_KINDS: tuple[type[Stored], ...] = (
    Account,
    Session,
    Code,
    Totp,
    RecoveryCodes,
    Passkey,
    Identity,
)
# Behind the audit log (`a:`), and up to the last of the kinds; the events that wait are among them.
_FIRST, _END = Account.PREFIX, "s;"
_LOST_RACE = {404, 409, 412}


@dataclass
class UserRecord:
    """What is kept of a user, as it was read. `versions` are the store's, by RowKey."""

    user_id: str
    rows: dict[str, Stored] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

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
    async for row in _rows(record.user_id, _FIRST, _END):
        if kind := _kind_of(row["RowKey"]):
            record.rows[row["RowKey"]] = kind.model_validate_json(row["value"])
            record.versions[row["RowKey"]] = row.metadata["etag"]
    return record if Account.PREFIX in record.rows else None


def _kind_of(row_key: str) -> type[Stored] | None:
    return next((kind for kind in _KINDS if row_key.startswith(kind.PREFIX)), None)


async def read_audit(user_id: str, after: str | None, limit: int) -> list[AuditEntry]:
    """Up to `limit` entries older than the id `after`, newest first. One query."""
    start = f"{AuditEntry.PREFIX}{reversed_id(after)}" if after else AuditEntry.PREFIX
    found: list[AuditEntry] = []
    async for row in _rows(user_id, start, "a;", limit + 1):
        if row["RowKey"] > start:
            found.append(AuditEntry.model_validate_json(row["value"]))
        if len(found) == limit:
            break
    return found


async def users_with_totp() -> AsyncIterator[str]:
    """The ids of all users who have an authenticator app. One query over the whole table."""
    async for row in _users().query_entities(
        "RowKey eq @row", parameters={"row": Totp.PREFIX}, select=["PartitionKey"]
    ):
        yield row["PartitionKey"]


def _rows(user_id: str, first: str, end: str, page: int = 1000) -> AsyncIterator[Any]:
    rows: AsyncIterator[Any] = _users().query_entities(
        "PartitionKey eq @user and RowKey ge @first and RowKey lt @end",
        parameters={"user": user_id, "first": first, "end": end},
        results_per_page=min(page, 1000),
    )
    return rows


class Change:
    """What is to be written in one user's partition, together or not at all."""

    def __init__(self, record: UserRecord, *, holds_account: bool = True) -> None:
        """A change of what was read. Without `holds_account` it holds only the rows that it names."""
        self._record = record
        self._holds_account = holds_account
        self._operations: dict[str, tuple[Any, ...]] = {}
        self._entries: list[AuditEntry] = []
        self._tells = False

    def put(self, row: Stored) -> None:
        """Write a row: a new one, or in the place of the one that was read."""
        entity = self._entity(row.row_key, value=row.model_dump_json())
        version = self._record.versions.get(row.row_key)
        if version is None:
            self._operations[row.row_key] = ("create", entity)
        else:
            self._operations[row.row_key] = ("update", entity, _unchanged(version, mode="replace"))

    def remove(self, rows: Iterable[Stored]) -> None:
        """Delete rows that were read, whatever they hold by now."""
        for row in rows:
            self._operations[row.row_key] = ("delete", self._entity(row.row_key))

    def note(self, entry: AuditEntry) -> None:
        """Write an audit entry."""
        self._entries.append(entry)
        row_key = f"{AuditEntry.PREFIX}{reversed_id(entry.id)}"
        self._operations[row_key] = ("create", self._entity(row_key, value=entry.model_dump_json()))

    def tell[Data: EventData](self, event: Event[Data], session_id: str | None = None) -> None:
        """Publish an event once the change is durable."""
        self._tells = True
        operation = OutboxRows.operation(self._record.user_id, event, session_id)
        self._operations[operation[1]["RowKey"]] = operation

    def _entity(self, row_key: str, **columns: str) -> dict[str, str]:
        return {"PartitionKey": self._record.user_id, "RowKey": row_key, **columns}

    async def commit(self) -> bool:
        """Write it; False when somebody else was faster, and nothing was written.

        One round trip, and one more when it tells something and the user has not been active in the last
        half minute. Raises what the store raises.
        """
        from azure.data.tables import TableTransactionError

        if self._holds_account and Account.PREFIX not in self._operations:
            version = self._record.versions[Account.PREFIX]
            held = ("update", self._entity(Account.PREFIX), _unchanged(version, mode="merge"))
            self._operations[Account.PREFIX] = held
        if self._tells:
            await ledger().ensure(self._record.user_id)
        try:
            await _users().submit_transaction(list(self._operations.values()))
        except TableTransactionError as error:
            if error.status_code in _LOST_RACE:
                return await self._is_ours()
            raise
        for entry in self._entries:  # a copy in a system apart: ASVS 16.4.3
            _log.info("%s %s %s", self._record.user_id, entry.type, entry.session_id or "")
        if self._tells:
            outbox().tell_soon(self._record.user_id)
        return True

    async def _is_ours(self) -> bool:
        """Whether the SDK has repeated a transaction that had succeeded: our entry is there then."""
        if not self._entries:
            return False
        row_key = f"{AuditEntry.PREFIX}{reversed_id(self._entries[0].id)}"
        return await find(_users(), self._record.user_id, row_key) is not None


def _unchanged(version: str, mode: str) -> dict[str, Any]:
    return {"mode": mode, "etag": version, "match_condition": MatchConditions.IfNotModified}


async def erase_user(user_id: str) -> None:
    """Delete everything in the user's partition, the account last. A query, and a call for each 100 rows."""
    rows = [row["RowKey"] async for row in _rows(user_id, "", "~")]
    rows.sort(key=lambda row_key: row_key == Account.PREFIX)
    for start in range(0, len(rows), 100):
        operations = [
            ("delete", {"PartitionKey": user_id, "RowKey": row_key})
            for row_key in rows[start : start + 100]
        ]
        await _users().submit_transaction(operations)


def _users() -> "TableClient":
    return table(SETTING, USERS)


def activity() -> "TableClient":
    """The table of auth's activity ledger."""
    return table(SETTING, ACTIVITY)


@cache
def ledger() -> Ledger:
    """The marks of this process, one per process."""
    return Ledger(activity)


@cache
def walker() -> Walker:
    """The walker of auth's ledger, one per process."""
    return Walker(activity, outbox())


@cache
def outbox() -> OutboxRows:
    """The events of users' partitions that wait to be told, one per process."""
    return OutboxRows(_users)
