"""`--strict`: says where an app leans on something that Azure does otherwise.

Each trap is told once for each function, with the reason as the reference gives it. Invariant: strict
mode only speaks; it changes no behaviour.
"""

from enum import StrEnum

from emulators.functions_host.console import Console


class Trap(StrEnum):
    """What an app can fall into; the value is why it is one."""

    ROUTES = (
        "Functions are tried in alphabetical order of their names and the first matching route "
        "wins; ASP.NET's precedence of literals does not apply (reference 4.1)"
    )
    PLAIN_TEXT = (
        "The host runs JsonConvert.DeserializeObject on a str that an HTTP function returns: JSON "
        "is indented, an object with `body` becomes the whole answer, dates may be rewritten; "
        "return func.HttpResponse (reference 4.3)"
    )
    SPLIT = (
        "A str output that looks like a JSON array is split into one message for each element; "
        "send bytes (reference 4.6)"
    )
    REWRITTEN = (
        "A str output that looks like a JSON object is parsed and serialised again, indented and "
        "with dates rewritten; send bytes (reference 4.6)"
    )
    CHUNKED = (
        "The host reads a body only if Content-Length is there, so a chunked request reaches the "
        "function empty (reference 4.2)"
    )
    NOT_BASE64 = (
        "With messageEncoding base64 a message that is not base64 fails to decode, is tried "
        "maxDequeueCount times and ends as poison without a useful log (reference 4.7)"
    )
    BLOCKING = (
        "async def functions share one event loop, so a blocking call stops all of them; await "
        "instead, or use def, which runs in the thread pool (reference 4.5)"
    )
    METADATA = (
        "A JSON body's top-level fields are laid over the trigger metadata, ignoring case, so what "
        "the function reads there is the sender's and not the queue's (reference 4.7)"
    )
    SESSIONS = (
        "A session is held for sessionIdleTimeout (60 s by default) after its last message, and at "
        "most maxConcurrentSessions (8) are held at once, so one more waits; for many short "
        "sessions set a short time and a high number (reference 4.8)"
    )
    GAPS = (
        "In a batch the host leaves absent and empty text out of the arrays of metadata, so the "
        "values of later messages move up to earlier ones (reference 4.8)"
    )
    QUEUE_RETRY = (
        "Retry policies are meant for timer, Cosmos DB, Event Hubs and Kafka; elsewhere they "
        "multiply the service's own tries, and support will end (reference 4.9)"
    )


class Strict:
    """Tells of traps when it is on, and nothing when it is off."""

    def __init__(self, console: Console, *, enabled: bool) -> None:
        self._console = console
        self.enabled = enabled
        self._told: set[tuple[Trap, str]] = set()

    def note(self, trap: Trap, function: str, detail: str) -> None:
        """Tell of a trap, once for each function."""
        if self.enabled and (trap, function) not in self._told:
            self._told.add((trap, function))
            self._console.warn(f"[strict] {function}: {detail}. {trap.value}")
