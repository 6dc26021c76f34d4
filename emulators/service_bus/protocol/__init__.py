"""AMQP as Service Bus speaks it: between the wire and the broker.

| module | holds |
|---|---|
| connection.py | one socket: headers, SASL, frames, the end |
| channel.py | one AMQP session: windows, transfers, dispositions |
| attaching.py | which link an attach asks for, and whether it may |
| producers.py, consumers.py | links to and from entities |
| requests.py, claims.py, management.py, operations.py | `$cbs` and `$management` |
| hub.py | the turn: what arrived is applied, handed out, committed, and only then told |
"""
