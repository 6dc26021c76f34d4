"""The HTTP trigger: a route, a level, and the way from a request to an answer.

Invariant: the answer is written only after the invocation, outputs included, has ended.
"""

from emulators.functions_host.http.endpoint import Endpoint
from emulators.functions_host.http.request import Request
from emulators.functions_host.http.response import Response, from_outcome
from emulators.functions_host.model import BindingError, Outcome, TriggerInput, Typed
from emulators.functions_host.services import Services
from emulators.functions_host.strict import Trap
from emulators.functions_host.triggers.base import Wiring

_LEVELS = {"anonymous", "function", "admin"}


class HttpTrigger:
    """One HTTP function."""

    def __init__(self, wiring: Wiring, services: Services) -> None:
        binding = wiring.binding
        self._wiring = wiring
        self._services = services
        self._answer_name = _answer_name(wiring)
        self._warned = False
        route = binding.text("route") or wiring.function.name
        methods = frozenset(str(m).upper() for m in binding.raw.get("methods") or ())
        level = (binding.text("authLevel") or "function").lower()
        if level not in _LEVELS:
            raise BindingError(f"authLevel is anonymous, function or admin, not {level!r}")
        self._describe = f"{_verbs(methods)} {_address(services, route)}"
        endpoint = Endpoint(wiring.function.name, level, self.handle)
        services.routes.add(wiring.function.name, route, methods, endpoint)

    def describe(self) -> str:
        """Say the methods and the address."""
        return self._describe

    async def start(self) -> None:
        """Nothing: the route is known since the trigger was made."""

    async def stop(self) -> None:
        """Nothing: the web server stops."""

    async def manual(self, text: str) -> TriggerInput | None:
        """Return nothing: an HTTP function is run by calling its route."""
        del text
        return None

    async def handle(self, request: Request, values: dict[str, str]) -> Response:
        """Run the function for a request."""
        if request.is_chunked:
            self._warn_of_chunks()
        body = await request.body(self._services.body_limit)
        outcome = await self._wiring.run(
            TriggerInput(
                request.typed(values, body), trace_parent=request.headers.get("traceparent")
            )
        )
        returned = self._returned(outcome)
        if returned is not None and returned[0] != "http":
            self._note(Trap.PLAIN_TEXT, "returned a plain value and not an HttpResponse")
        return from_outcome(outcome, returned)

    def _returned(self, outcome: Outcome) -> Typed | None:
        if self._answer_name == "$return":
            return outcome.return_value
        return outcome.outputs.get(self._answer_name)

    def _note(self, trap: Trap, detail: str) -> None:
        self._services.note(trap, self._wiring.function.name, detail)

    def _warn_of_chunks(self) -> None:
        self._note(Trap.CHUNKED, "got a chunked body")
        if not self._warned:
            self._warned = True
            self._services.console.warn(
                f"{self._wiring.function.name} got a body without Content-Length (chunked). It is "
                "passed on here; the real host gives the function an empty body"
            )


def _answer_name(wiring: Wiring) -> str:
    answers = [b.name for b in wiring.function.outputs if b.type.lower() == "http"]
    return answers[0] if answers else "$return"


def _verbs(methods: frozenset[str]) -> str:
    return f"[{','.join(sorted(methods)) or 'any method'}]"


def _address(services: Services, route: str) -> str:
    prefix = services.routes.prefix
    return f"{services.address}/{prefix}/{route}" if prefix else f"{services.address}/{route}"
