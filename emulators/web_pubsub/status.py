"""What is going on: hubs, connections, groups, faults, the clock and the settings, as JSON.

Invariant: no secret leaves here (keys are named, never shown), and a hub of any size makes an
answer of bounded size: lists are cut, their totals are not.
"""

from collections.abc import Iterable

from emulators.web_pubsub.admin_input import fault_as_json
from emulators.web_pubsub.connection import Connection
from emulators.web_pubsub.emulator import Emulator
from emulators.web_pubsub.hub import Hub
from emulators.web_pubsub.settings import WELL_KNOWN_KEY

MAX_LISTED = 200
MAX_GROUPS_OF_CLIENT = 20


def status_of(emulator: Emulator) -> dict[str, object]:
    """Return the whole state."""
    hubs = {hub.name: hub for hub in emulator.hubs()}
    names = sorted({*hubs, *emulator.settings.hubs})
    faults = emulator.faults
    return {
        "endpoint": emulator.endpoint,
        "key": _key_name(emulator),
        "clock": {"now": round(emulator.clock.now(), 3), "advanced": emulator.clock.advanced},
        "settings": _settings(emulator),
        "watchers": emulator.trace.watchers,
        "hubs": [_hub(emulator, hubs.get(name) or Hub(name)) for name in names],
        "faults": [fault_as_json(fault, "active") for fault in faults.active],
        "ended": [fault_as_json(fault, "ended") for fault in faults.ended[-5:]],
    }


def _key_name(emulator: Emulator) -> str:
    name = "well-known" if emulator.settings.access_key == WELL_KNOWN_KEY else "own"
    return f"{name}, and a secondary one" if emulator.settings.secondary_access_key else name


def _settings(emulator: Emulator) -> dict[str, object] | None:
    watcher = emulator.settings_watcher
    if watcher is None:
        return None
    return {"file": str(watcher.path), "reloads": watcher.reloads, "problem": watcher.problem}


def _hub(emulator: Emulator, hub: Hub) -> dict[str, object]:
    groups = sorted(hub.groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return {
        "name": hub.name,
        "eventHandlers": len(emulator.settings.hub(hub.name).event_handlers),
        "connectionCount": len(hub.connections),
        "userCount": len(hub.users),
        "groupCount": len(groups),
        "connections": _clients(hub.connections.values()),
        "groups": [
            {"name": name, "connections": len(members)} for name, members in groups[:MAX_LISTED]
        ],
    }


def _clients(connections: Iterable[Connection]) -> list[dict[str, object]]:
    listed = [each for each, _ in zip(connections, range(MAX_LISTED), strict=False)]
    return [
        {
            "connectionId": each.id,
            "userId": each.user_id,
            "protocol": each.subprotocol or "raw",
            "state": "attached" if each.transport is not None else "detached",
            "recoverable": each.recoverable,
            "buffered": None if each.buffer is None else len(each.buffer),
            "lastSequenceId": None if each.buffer is None else each.buffer.last_sequence_id,
            "groups": sorted(each.groups)[:MAX_GROUPS_OF_CLIENT],
            "groupCount": len(each.groups),
        }
        for each in listed
    ]
