"""A local Azure Service Bus: the AMQP 1.0 dialect that the official SDKs speak, durable in SQLite.

| package | holds |
|---|---|
| (emulators.amqp) | the wire: types, frames, performatives, messages; knows no broker |
| protocol | connections, sessions, links, claims and management: between the wire and the broker |
| broker | queues, topics, sessions, locks, timers; knows no wire but the encoded message |
| filters | what a subscription lets through, and what its rule changes |
| config | the official emulator's config.json |
| storage | SQLite |

Invariant: nothing is acknowledged before it is committed.
"""
