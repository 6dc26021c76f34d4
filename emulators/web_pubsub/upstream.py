"""Tells event handlers what happens on connections, and takes their answers.

Invariant: the first handler that wants an event gets it, and no other; a connection's state and
cookies change only by an answer that was accepted; notifications of one connection arrive in order.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

from yarl import URL

from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.connect_reply import ConnectReply, InvalidReplyError, read_connect_reply
from emulators.web_pubsub.events import STATE_HEADER, SYSTEM_PREFIX, USER_PREFIX, EventContext
from emulators.web_pubsub.messages import MEDIA_TYPES, Content, DataType, load_json
from emulators.web_pubsub.metadata import (
    InvalidMetadataError,
    metadata_from_headers,
    metadata_to_headers,
)
from emulators.web_pubsub.settings import EventHandler, Settings
from emulators.web_pubsub.webhook_client import Call, Reply, WebhookClient, WebhookError
from emulators.web_pubsub.webhook_validation import WebhookValidator

EVENT_SECONDS = 100.0
_JSON = "application/json; charset=utf-8"
_CONTENT_TYPES = {data_type: name for name, data_type in MEDIA_TYPES.items()}
_CONTENT_TYPES[DataType.TEXT] = "text/plain; charset=utf-8"
_CONTENT_TYPES[DataType.JSON] = _JSON
_NO_CONTENT = 204
_log = logging.getLogger(__name__)


class ConnectRefusedError(Exception):
    """The handler does not want the connection, or could not be asked."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the connect handler answered {status}")
        self.status = status


class EventFailedError(Exception):
    """A user event did not get through, or its answer cannot be used."""


class Upstream:
    """All traffic from the service to event handlers.

    ``settings`` may be replaced at any time: an event takes its route once, when it begins.
    """

    def __init__(self, settings: Settings, origin: str, clock: Clock) -> None:
        self.settings = settings
        self._client = WebhookClient(clock)
        self._validator = WebhookValidator(self._client, origin, clock)
        self._notifying: dict[str, asyncio.Task[None]] = {}
        self._silent = False

    async def connect(self, context: EventContext, body: Mapping[str, Any]) -> ConnectReply:
        """Ask whether a client may connect, and as whom; without a handler it may."""
        handler = self._system_handler(context.hub, "connect")
        if handler is None:
            return ConnectReply()
        headers = context.headers(SYSTEM_PREFIX, "connect") | {"Content-Type": _JSON}
        try:
            reply = await self._post(
                handler, context, "connect", headers, json.dumps(body).encode()
            )
            if not reply.ok:
                raise ConnectRefusedError(reply.status)
            answer = read_connect_reply(reply.body)
        except (WebhookError, InvalidReplyError) as error:
            _log.warning("connect handler of hub %s: %s", context.hub, error)
            raise ConnectRefusedError(500) from error
        _keep_state(context, reply)
        return answer

    def notify(self, context: EventContext, event: str, body: Mapping[str, Any]) -> None:
        """Send ``connected`` or ``disconnected``, without waiting for it."""
        handler = self._system_handler(context.hub, event)
        if handler is None or self._silent:
            return
        previous = self._notifying.get(context.connection_id)
        task = asyncio.create_task(self._notify(handler, context, event, body, previous))
        self._notifying[context.connection_id] = task
        task.add_done_callback(lambda done: self._forget(context.connection_id, done))

    async def user_event(
        self, context: EventContext, event: str, content: Content
    ) -> Content | None:
        """Return what the handler has for the sender, or None if nothing."""
        handlers = self.settings.hub(context.hub).event_handlers
        handler = next((each for each in handlers if each.takes_user_event(event)), None)
        if handler is None:
            raise EventFailedError(f"no event handler takes {event!r}")
        headers = context.headers(USER_PREFIX, event)
        headers["Content-Type"] = _CONTENT_TYPES[content.data_type]
        headers |= metadata_to_headers(content.metadata)
        try:
            reply = await self._post(handler, context, event, headers, content.payload)
        except WebhookError as error:
            raise EventFailedError(str(error)) from error
        if not reply.ok:
            raise EventFailedError(f"the event handler answered {reply.status}")
        answer = read_event_reply(reply)
        _keep_state(context, reply)
        return answer

    def silence(self) -> None:
        """Notify of nothing more: a service that goes away does not tell."""
        self._silent = True

    async def close(self) -> None:
        """Give up what is still under way."""
        tasks = list(self._notifying.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()

    def _system_handler(self, hub: str, event: str) -> EventHandler | None:
        handlers = self.settings.hub(hub).event_handlers
        return next((each for each in handlers if each.takes_system_event(event)), None)

    async def _post(
        self,
        handler: EventHandler,
        context: EventContext,
        event: str,
        headers: dict[str, str],
        body: bytes,
    ) -> Reply:
        if not await self._validator.is_valid(_resolve(handler, context.hub, "validate")):
            raise WebhookError("the event handler did not pass validation")
        url = _resolve(handler, context.hub, event)
        return await self._client.call(Call("POST", url, headers, EVENT_SECONDS, body, context))

    async def _notify(
        self,
        handler: EventHandler,
        context: EventContext,
        event: str,
        body: Mapping[str, Any],
        previous: asyncio.Task[None] | None,
    ) -> None:
        headers = context.headers(SYSTEM_PREFIX, event) | {"Content-Type": _JSON}
        if previous is not None:
            await asyncio.wait([previous])
        try:
            reply = await self._post(handler, context, event, headers, json.dumps(body).encode())
        except WebhookError as error:
            _log.warning("%s handler of hub %s: %s", event, context.hub, error)
            return
        if not reply.ok:
            _log.warning("%s handler of hub %s answered %s", event, context.hub, reply.status)

    def _forget(self, connection_id: str, task: asyncio.Task[None]) -> None:
        if self._notifying.get(connection_id) is task:
            del self._notifying[connection_id]


def read_event_reply(reply: Reply) -> Content | None:
    """Return the message for the sender that a successful reply holds."""
    try:
        metadata = metadata_from_headers(reply.headers.items())
    except InvalidMetadataError as error:
        raise EventFailedError(f"the event handler's reply: {error}") from error
    if reply.status == _NO_CONTENT or not reply.body:
        return Content(DataType.TEXT, b"", metadata) if metadata else None
    return Content(_reply_type(reply), reply.body, metadata)


def _reply_type(reply: Reply) -> DataType:
    content_type = reply.headers.get("Content-Type", "application/octet-stream")
    data_type = MEDIA_TYPES.get(content_type.partition(";")[0].strip().lower())
    if data_type is None:
        raise EventFailedError("the event handler's reply has an unsupported content type")
    try:
        if data_type is DataType.JSON:
            load_json(reply.body.decode())
        elif data_type is DataType.TEXT:
            reply.body.decode()
    except ValueError as error:
        raise EventFailedError("the event handler's reply is not what its type says") from error
    return data_type


def _resolve(handler: EventHandler, hub: str, event: str) -> URL:
    return URL(handler.url_template.replace("{hub}", hub).replace("{event}", event))


def _keep_state(context: EventContext, reply: Reply) -> None:
    state = reply.headers.get(STATE_HEADER)
    if state is not None:
        context.state = state
