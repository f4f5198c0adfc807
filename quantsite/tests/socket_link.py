"""One end of a socket to an ASGI application, as a browser or program holds it.

Channels' own ``channels.testing`` loads daphne, which this project does not have.
"""

import json
from typing import Any

from asgiref import testing

from quantsite.testing.patience import SOON


class SocketLink:
    """Opens, talks JSON, and sees the close code."""

    def __init__(
        self, application: Any, path: str, headers: list[tuple[bytes, bytes]], subprotocols: list[str]
    ) -> None:
        path, _, query = path.partition("?")
        scope = {
            "type": "websocket",
            "path": path,
            "query_string": query.encode(),
            "headers": headers,
            "subprotocols": subprotocols,
            "client": ["127.0.0.1", 50_000],
            "server": ["testserver", 80],
        }
        communicator: Any = testing.ApplicationCommunicator
        self.wire = communicator(application, scope)

    async def open(self) -> str | None:
        """Shake hands; the subprotocol that the server chose."""
        await self.wire.send_input({"type": "websocket.connect"})
        message = await self._next("websocket.accept")
        subprotocol: str | None = message.get("subprotocol")
        return subprotocol

    async def say(self, text: str) -> None:
        """Send one text frame."""
        await self.wire.send_input({"type": "websocket.receive", "text": text})

    async def hear(self) -> Any:
        """The next frame, parsed."""
        return json.loads((await self._next("websocket.send"))["text"])

    async def close_code(self) -> int:
        """The code that the server closes with, as the next thing it says."""
        return int((await self._next("websocket.close"))["code"])

    async def hang_up(self) -> None:
        """Close this end and wait until the application has noticed."""
        await self.wire.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wire.wait(SOON)

    async def _next(self, kind: str) -> dict[str, Any]:
        message: dict[str, Any] = await self.wire.receive_output(SOON)
        assert message["type"] == kind, message
        return message
