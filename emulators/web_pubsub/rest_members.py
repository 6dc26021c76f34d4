"""REST: the members of a group, page by page.

Pages follow the connection id, so that members who come and go between two pages shift nobody.
Invariant: a continuation token is good only for the hub and group that it was made for.
"""

import secrets

from aiohttp import web
from yarl import URL

from emulators.web_pubsub.emulator import Emulator
from emulators.web_pubsub.rest_access import API_VERSIONS
from emulators.web_pubsub.rest_errors import BadRequestError
from emulators.web_pubsub.rest_input import bounded_int, group_segment, single
from emulators.web_pubsub.tokens import InvalidTokenError, read_token, write_token

MAX_PAGE = 200
_MAX_TOP = 2**31 - 1
_TOKEN_SECONDS = 24 * 3600


class MemberOperations:
    """Listing the members of a group."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._key = secrets.token_bytes(32)

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of this part."""
        path = "/api/hubs/{hub}/groups/{group}/connections"
        return [web.get(path, self.list_members, allow_head=False)]

    async def list_members(self, request: web.Request) -> web.Response:
        """Return one page, and where the next one is."""
        group = group_segment(request)
        size = bounded_int(request, "maxpagesize", MAX_PAGE, 1, MAX_PAGE)
        top = bounded_int(request, "top", _MAX_TOP, 1, _MAX_TOP)
        hub = self._emulator.hub(request.match_info["hub"])
        after = self._read_continuation(request, f"{hub.name}/{group}")
        members = sorted(hub.of_group(group), key=lambda each: each.id)
        rest = [member for member in members if member.id > after]
        page = rest[: min(size, top)]
        next_link = None
        if len(page) < min(len(rest), top):
            token = self._continuation(f"{hub.name}/{group}", page[-1].id)
            next_link = _next_link(request, token, size, top - len(page))
        value = [{"connectionId": each.id, "userId": each.user_id} for each in page]
        return web.json_response({"value": value, "nextLink": next_link})

    def _continuation(self, scope: str, after: str) -> str:
        claims = {"scope": scope, "after": after}
        return write_token(claims, self._key, lifetime_seconds=_TOKEN_SECONDS)

    def _read_continuation(self, request: web.Request, scope: str) -> str:
        token = single(request, "continuationToken")
        if token is None:
            return ""
        try:
            claims = read_token(token, [self._key], self._emulator.clock)
        except InvalidTokenError as error:
            raise BadRequestError("The continuationToken is invalid.") from error
        if claims["scope"] != scope:
            raise BadRequestError("The continuationToken belongs to another request.")
        return str(claims["after"])


def _next_link(request: web.Request, token: str, size: int, top: int) -> str:
    url = URL(f"http://{request.host}{request.raw_path}", encoded=True)
    changes = {"api-version": API_VERSIONS[-1], "maxpagesize": str(size)}
    if "top" in request.query:
        changes["top"] = str(top)
    return str(url.update_query({**changes, "continuationToken": token}))
