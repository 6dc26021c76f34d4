"""AMQP 1.0 on the wire (docs.oasis-open.org/amqp/core/v1.0). Invariant: pure; bytes in, bytes out."""
