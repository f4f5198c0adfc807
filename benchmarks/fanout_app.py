"""The platform's ASGI application, and beside it the same fan-out by Channels' groups, for comparison."""

from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from quantsite.asgi import application as platform
from quantsite.web.direct import writer_of

GROUP = "fanout"
STOCK_PATH = "/ws/stock/"


class StockConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """As Channels' tutorial has it: join a group, send what comes."""

    async def connect(self) -> None:
        """Join, and let the client know."""
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()
        await self.send(text_data='{"type":"snapshot"}')
        writer = writer_of(self.scope)
        if writer is not None:
            writer.admitted()

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - Channels' signature
        """Leave."""
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def tick(self, event: dict[str, Any]) -> None:
        """One message of the group."""
        await self.send(text_data=event["text"])


stock = StockConsumer.as_asgi()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Two doors in one server."""
    door = stock if scope.get("path") == STOCK_PATH else platform
    await door(scope, receive, send)
