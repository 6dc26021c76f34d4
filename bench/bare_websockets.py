"""What a fan-out costs with aiohttp alone: a server that sends a text to its first N sockets.

`python -m bench.bare_websockets PORT`. A socket that says `N:text` has the text sent to the first N
others, one `await send_str` after the other, as anybody would write it. One that says a Web PubSub
frame has it read and a new one written first: that shows what of a small fan-out is JSON.
"""

import json
import sys

from aiohttp import WSMsgType, web

from bench.sockets import new_event_loop


class Server:
    """The sockets in the order in which they came."""

    def __init__(self) -> None:
        self._sockets: list[web.WebSocketResponse] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Keep a socket, and do what it says."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        if "sender" not in request.query:
            self._sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                count, text = _read(str(message.data))
                for each in self._sockets[:count]:
                    await each.send_str(text)
        return socket


def _read(said: str) -> tuple[int, str]:
    if not said.startswith("{"):
        count, _, text = said.partition(":")
        return int(count), text
    frame = json.loads(said)
    group, data_type, data = frame["group"], frame["dataType"], frame["data"]
    answer = {"type": "message", "from": "group", "fromUserId": None, "group": group}
    text = json.dumps(answer | {"dataType": data_type, "data": data}, separators=(",", ":"))
    return int(group.removeprefix("first")), text


def main() -> None:
    """Serve until killed."""
    app = web.Application()
    app.router.add_get("/", Server().serve)
    port = int(sys.argv[1])
    web.run_app(
        app,
        host="127.0.0.1",
        port=port,
        print=None,
        access_log=None,
        loop=new_event_loop(),
        backlog=1024,
    )


if __name__ == "__main__":
    main()
