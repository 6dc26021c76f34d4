"""The admin API: faults, closes, cuts, forgetting, the clock, and what is going on.

Paths are under ``/_emulator``, where Azure has none. Invariant: a request is done completely or
refused with nothing done; every answer says what was done.
"""

from aiohttp import web

from emulators.web_pubsub.admin_gate import PREFIX, read_json
from emulators.web_pubsub.admin_input import (
    AdminError,
    fault_as_json,
    read_advance,
    read_close,
    read_fault,
    read_target,
)
from emulators.web_pubsub.clock import ClockLimitError
from emulators.web_pubsub.emulator import Emulator
from emulators.web_pubsub.faults import MAX_FAULTS
from emulators.web_pubsub.rest_connections import CLOSED_BY_SERVER


class AdminOperations:
    """What a test or a developer can do to a running emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of this part."""
        return [
            web.get(f"{PREFIX}/faults", self.list_faults),
            web.post(f"{PREFIX}/faults", self.add_fault),
            web.delete(f"{PREFIX}/faults", self.clear_faults),
            web.delete(f"{PREFIX}/faults/{{id}}", self.clear_fault),
            web.post(f"{PREFIX}/close", self.close),
            web.post(f"{PREFIX}/cut", self.cut),
            web.post(f"{PREFIX}/forget", self.forget),
            web.get(f"{PREFIX}/clock", self.tell_time),
            web.post(f"{PREFIX}/clock", self.advance),
        ]

    async def list_faults(self, _: web.Request) -> web.Response:
        """Return the active faults and the latest ended ones."""
        faults = self._emulator.faults
        listed = [fault_as_json(fault, "active") for fault in faults.active]
        listed += [fault_as_json(fault, "ended") for fault in faults.ended]
        return web.json_response({"faults": listed})

    async def add_fault(self, request: web.Request) -> web.Response:
        """Let something go wrong from now on."""
        fault = read_fault(await read_json(request))
        faults = self._emulator.faults
        if len(faults.active) >= MAX_FAULTS:
            raise AdminError("faults", f"are {MAX_FAULTS} at most", 409)
        return web.json_response(fault_as_json(faults.add(fault), "active"), status=201)

    async def clear_faults(self, _: web.Request) -> web.Response:
        """End all faults."""
        return web.json_response({"cleared": self._emulator.faults.clear()})

    async def clear_fault(self, request: web.Request) -> web.Response:
        """End one fault."""
        if not self._emulator.faults.clear([request.match_info["id"]]):
            raise AdminError("the fault", "is not active", 404)
        return web.json_response({"cleared": 1})

    async def close(self, request: web.Request) -> web.Response:
        """Close connections with a code, for good or so that they can be recovered."""
        close = read_close(await read_json(request))
        connections = self._emulator.connections_of(close.target)
        message = f"{CLOSED_BY_SERVER} {close.reason}".strip()
        for connection in connections:
            if close.keep:
                connection.drop(close.code, close.reason)
            else:
                connection.close(close.code, message)
        return web.json_response({"closed": len(connections)})

    async def cut(self, request: web.Request) -> web.Response:
        """End sockets without a close frame, as a network does that fails."""
        connections = self._emulator.connections_of(read_target(await read_json(request)))
        transports = [each.transport for each in connections if each.transport is not None]
        for transport in transports:
            transport.abort()
        return web.json_response({"cut": len(transports)})

    async def forget(self, request: web.Request) -> web.Response:
        """Lose the buffers of reliable connections: their recovery fails."""
        connections = self._emulator.connections_of(read_target(await read_json(request)))
        reliable = [each for each in connections if each.buffer is not None]
        for connection in reliable:
            connection.forget()
        return web.json_response({"forgotten": len(reliable)})

    async def tell_time(self, _: web.Request) -> web.Response:
        """Return the emulator's time and by how much it has been advanced."""
        return web.json_response(self._clock())

    async def advance(self, request: web.Request) -> web.Response:
        """Let time pass; takes up to a second."""
        seconds = read_advance(await read_json(request))
        try:
            await self._emulator.clock.advance(seconds)
        except ClockLimitError as error:
            raise AdminError("advance", "must keep the clock within a century", 409) from error
        return web.json_response(self._clock())

    def _clock(self) -> dict[str, float]:
        clock = self._emulator.clock
        return {"now": round(clock.now(), 3), "advanced": clock.advanced}
