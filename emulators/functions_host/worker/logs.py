"""Sends the app's log records to the host, each with the invocation it belongs to.

Invariant: logging never fails and never blocks the app; a record may come from any thread.
"""

import asyncio
import logging
import threading

from emulators.functions_host.worker import runtime, wire


class HostHandler(logging.Handler):
    """Forwards each record over the wire."""

    def __init__(self, channel: wire.Channel) -> None:
        super().__init__()
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; the id is read here, in the context that logged."""
        try:
            text = self.format(record)
            message = (runtime.current_invocation(), record.levelname, record.name, text)
            if threading.get_ident() == self._thread:
                # At once, so that a log never arrives after its invocation's result.
                self._channel.send(wire.LOG, *message)
            else:
                self._loop.call_soon_threadsafe(self._channel.send, wire.LOG, *message)
        except Exception:  # noqa: BLE001 - logging must not break the app that logs
            self.handleError(record)


def install(channel: wire.Channel, *, debug: bool) -> None:
    """Make the root logger forward, at the level that Azure's worker uses."""
    root = logging.getLogger()
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    root.addHandler(HostHandler(channel))
    runtime.quieten(debug=debug)
