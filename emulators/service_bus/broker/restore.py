"""Putting back what was kept. Invariant: locks are not: after a restart every message waits again."""

from emulators.service_bus.broker.build import Entities
from emulators.service_bus.broker.entity import Entity
from emulators.service_bus.broker.entry import Entry, State
from emulators.service_bus.broker.queue import Queue
from emulators.service_bus.storage import Saved


def restore(entities: Entities, saved: Saved) -> None:
    """Put messages, states and histories back into their entities.

    What belongs to an entity that is not configured any more stays in the file, for when it is again.
    """
    by_key: dict[int, Entity] = {entity.key: entity for entity in entities.values()}
    for row in saved.messages:
        entity = by_key.get(row.entity)
        if entity is not None:
            _put_back(entity, Entry.restored(row))
    for key, session_id, state in saved.sessions:
        queue = by_key.get(key)
        if isinstance(queue, Queue):
            queue.sessions.restore(session_id, state)
    for key, message_id, until_ms in saved.history:
        if key in by_key:
            by_key[key].remember(message_id, until_ms)


def _put_back(entity: Entity, entry: Entry) -> None:
    if entry.state is State.SCHEDULED:
        entity.add_scheduled(entry)
    elif isinstance(entity, Queue):
        entity.add(entry)
