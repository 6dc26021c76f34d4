"""Admin over HTTP. Invariant: every route takes an Admin, and holds no rule."""

import azure.functions as func

from functions.admin import commands, store
from functions.admin.errors import DeadLetterNotFound, QueueNotFound
from functions.admin.models import (
    AuditEntry,
    AuditQuery,
    DeadLetter,
    DeadLetterGroups,
    DeadLetterQuery,
    Number,
    Purge,
    QueueName,
    Queues,
    Redrive,
    Redriven,
)
from shared_code import messaging, tokens
from shared_code.actor import Admin
from shared_code.endpoint import Page, endpoint
from shared_code.readiness import depends_on

blueprint = func.Blueprint()
depends_on("admin_storage", store.reach)
depends_on("service_bus", messaging.reach)
depends_on("published_keys", tokens.reach)


@endpoint(blueprint, "GET", "admin/queues")
async def admin_queues(admin: Admin) -> Queues:
    """List the consumers' queues with their counts and the age of the oldest message."""
    return Queues(items=await commands.queues(admin.user_id))


@endpoint(blueprint, "GET", "admin/queues/{queue}/dead-letter-groups", errors=(QueueNotFound,))
async def admin_dead_letter_groups(admin: Admin, queue: QueueName) -> DeadLetterGroups:
    """Group a queue's dead letters by the reason why they are dead."""
    return DeadLetterGroups(items=await commands.groups(admin.user_id, queue))


@endpoint(blueprint, "GET", "admin/queues/{queue}/dead-letters", errors=(QueueNotFound,))
async def admin_dead_letters(
    admin: Admin, queue: QueueName, query: DeadLetterQuery
) -> Page[DeadLetter]:
    """List a queue's dead letters, oldest number first, of one reason or of all."""
    after = int(query.cursor or 0)
    found = await commands.letters(admin.user_id, queue, query.reason, after, query.limit + 1)
    page, more = found[: query.limit], found[query.limit :]
    return Page(items=page, next=str(page[-1].number) if more else None)


@endpoint(
    blueprint,
    "GET",
    "admin/queues/{queue}/dead-letters/{number}",
    errors=(QueueNotFound, DeadLetterNotFound),
)
async def admin_dead_letter(admin: Admin, queue: QueueName, number: Number) -> DeadLetter:
    """Read one dead letter."""
    return await commands.letter(admin.user_id, queue, int(number))


@endpoint(
    blueprint,
    "POST",
    "admin/queues/{queue}/dead-letters/{number}/redrive",
    errors=(QueueNotFound, DeadLetterNotFound),
)
async def admin_redrive_one(admin: Admin, queue: QueueName, number: Number) -> Redriven:
    """Send one dead letter to its queue again. The event keeps its id."""
    return await commands.redrive_one(admin.user_id, queue, int(number))


@endpoint(blueprint, "POST", "admin/queues/{queue}/redrive", errors=(QueueNotFound,))
async def admin_redrive(admin: Admin, queue: QueueName, body: Redrive) -> Redriven:
    """Send the dead letters of one reason, or all, to their queue again."""
    return await commands.redrive_many(admin.user_id, queue, body)


@endpoint(
    blueprint,
    "POST",
    "admin/queues/{queue}/dead-letters/{number}/purge",
    status=204,
    errors=(QueueNotFound, DeadLetterNotFound),
)
async def admin_purge(admin: Admin, queue: QueueName, number: Number, body: Purge) -> None:
    """Throw one dead letter away, with a reason. It cannot be had back."""
    await commands.purge_one(admin.user_id, queue, int(number), body)


@endpoint(blueprint, "GET", "admin/audit")
async def admin_audit(_: Admin, query: AuditQuery) -> Page[AuditEntry]:
    """List what was done here, newest first."""
    found = await commands.audit(query.cursor, query.limit + 1)
    page, more = found[: query.limit], found[query.limit :]
    return Page(items=page, next=page[-1].id if more else None)
