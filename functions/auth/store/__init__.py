"""Auth's tables, and every query on them: tables.py lists them.

Invariant: rows are inserted, or replaced on the condition that they are as they were read.
"""

from functions.auth.emails import reservation_key
from functions.auth.store.changes import Change
from functions.auth.store.erasures import due_erasures, forget_erasure, plan_erasure
from functions.auth.store.flows import FlowKind, begin_flow, read_flow, sweep_flows, take_flow
from functions.auth.store.keys import load_ring, provision_keys, read_keys
from functions.auth.store.outboxes import activity, ledger, outbox, walker
from functions.auth.store.reservations import (
    find_reservation,
    give_up,
    identity_key,
    release,
    reserve,
    take_over,
)
from functions.auth.store.tables import (
    ACTIVITY,
    EMAILS,
    ERASURES,
    FLOWS,
    IDENTITIES,
    KEYS,
    LIMITS,
    SETTING,
    USERS,
    WORKSPACES,
)
from functions.auth.store.users import (
    UserRecord,
    erase_user,
    read_audit,
    read_user,
    users_with_totp,
)
from functions.auth.store.workspaces import (
    WorkspaceRecord,
    add_members,
    erase_workspace,
    read_rows,
    read_workspace,
    read_workspace_audit,
)
from shared_code import published, revocations
from shared_code.revocations import Revocations
from shared_code.storage import create_container, create_tables, reach_table

__all__ = [
    "ACTIVITY",
    "EMAILS",
    "ERASURES",
    "FLOWS",
    "IDENTITIES",
    "KEYS",
    "LIMITS",
    "SETTING",
    "USERS",
    "WORKSPACES",
    "Change",
    "FlowKind",
    "UserRecord",
    "WorkspaceRecord",
    "activity",
    "add_members",
    "begin_flow",
    "due_erasures",
    "erase_user",
    "erase_workspace",
    "find_reservation",
    "forget_erasure",
    "give_up",
    "identity_key",
    "ledger",
    "load_ring",
    "outbox",
    "plan_erasure",
    "provision",
    "reach",
    "read_audit",
    "read_flow",
    "read_keys",
    "read_rows",
    "read_user",
    "read_user_by_email",
    "read_workspace",
    "read_workspace_audit",
    "release",
    "reserve",
    "sweep_flows",
    "take_flow",
    "take_over",
    "users_with_totp",
    "walker",
]


async def reach() -> None:
    """Raise AzureError unless the tables answer. One round trip."""
    await reach_table(SETTING, USERS)


async def read_user_by_email(address: str) -> UserRecord | None:
    """What is kept of the user whom the address is reserved for, or None. Two round trips in any case.

    The account may carry another address by now: `policy.owns` tells.
    """
    held = await find_reservation(reservation_key(address))
    return await read_user(held.user_id if held else None)


async def provision() -> None:
    """Make the tables, the first keys and what is published. What exists stays.

    Raises NotConfigured when the keys that exist were sealed with another secret.
    """
    await create_tables(
        SETTING, USERS, EMAILS, ERASURES, FLOWS, IDENTITIES, KEYS, LIMITS, WORKSPACES, ACTIVITY
    )
    await create_container(published.SETTING, published.CONTAINER)
    await provision_keys()
    await published.publish_first(
        revocations.DOCUMENT, Revocations().document(), "application/json"
    )
