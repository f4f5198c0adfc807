"""``/ws/market/``: ticks, bars, indicators and the state of sources, as they come.

Channels: ``tick:<code>``, ``bar.<interval>:<code>``, ``indicator.<name>.<interval>:<code>?timeperiod=14`` and
``status``. After ``{"op": "subscribe", "channels": [...]}`` each channel sends one ``snapshot`` with the number that
it stands at, then ``update`` with the numbers that follow; a number left out was conflated, which happens to ticks
and forming bars of slow readers only. A channel that is refused sends one ``error``.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.urls import path
from django.utils.translation import gettext as _

from accounts.audit import record_refusal
from marketdata.broadcast import hub
from marketdata.hub import rows as hub_rows
from marketdata.hub.clients import Client, Wire
from marketdata.hub.messages import pack
from marketdata.hub.names import LONGEST, parse_channel
from quantsite.common.errors import RuleError
from quantsite.web.direct import DirectWriter
from quantsite.web.hub_sockets import HubConsumer
from quantsite.web.queued import QueueWriter
from quantsite.web.sockets import PROTOCOL
from quantsite.web.together import Together

PACKED_PROTOCOL = "quantsite.v1.msgpack"
"""The same messages as msgpack, in binary frames; what the client sends stays JSON."""

ROOM_SECONDS = 0.02

_listeners: Together[int, bool] = Together(hub_rows.who_sees_ticks)


class MarketConsumer(HubConsumer[Client]):
    """A socket that the hub sends market data to."""

    protocols = (PACKED_PROTOCOL, PROTOCOL)

    def join(self, writer: DirectWriter | QueueWriter, *, framed: bool) -> Client:
        """Join the hub of prices."""
        packed = self.protocol == PACKED_PROTOCOL
        framed_wire = Wire.BINARY_FRAME if packed else Wire.TEXT_FRAME
        wire = framed_wire if framed else Wire.BINARY if packed else Wire.TEXT
        client = Client(writer, wire, self.scope["user"].pk)
        hub().join(client)
        return client

    def part(self, member: Client) -> None:
        """Leave it."""
        hub().part(member)

    async def send_queued(self, message: bytes) -> None:
        """As msgpack where that was agreed on."""
        if self.protocol == PACKED_PROTOCOL:
            await self.send(bytes_data=message)
        else:
            await super().send_queued(message)

    async def ask_may_listen(self) -> bool:
        """Whether the user's role sees live prices."""
        return await _listeners.ask(self.scope["user"].pk)

    def refused(self) -> None:
        """A role without market data asked to listen: the audit trail has it."""
        record_refusal(self.scope["user"], "market.listen")

    async def send_body(self, body: Mapping[str, Any]) -> None:
        """In the form that was agreed on."""
        if self.protocol == PACKED_PROTOCOL:
            await self.send(bytes_data=pack(body))
        else:
            await super().send_body(body)

    async def op_subscribe(self, message: Mapping[str, Any]) -> None:
        """Acknowledge the channels that can be, then send a snapshot of each, or an error where there is nothing."""
        client, identifier = self.joined(), message.get("id")
        names, refused = _channels(message)
        hub().reserve(client, names)
        await self.send_message("ack", identifier=identifier, data={"channels": names})
        for name, error in refused.items():
            await self._refuse(name, error, identifier)
        for name in names:
            await self._open(client, name, identifier)

    async def op_unsubscribe(self, message: Mapping[str, Any]) -> None:
        """Forget channels; those not subscribed to are ignored."""
        names, _unknown = _channels(message)
        hub().leave(self.joined(), names)
        await self.send_message("ack", identifier=message.get("id"), data={"channels": names})

    async def _open(self, client: Client, name: str, identifier: Any) -> None:
        try:
            channel = await hub().shelf.open(name)
        except RuleError as error:
            hub().leave(client, [name])
            await self._refuse(name, error, identifier)
            return
        while not client.clear and not client.closed:  # many large snapshots at once would fill the queue
            await asyncio.sleep(ROOM_SECONDS)
        hub().listen(client, channel)

    async def _refuse(self, name: str, error: RuleError, identifier: Any) -> None:
        data = {"code": error.code, "detail": error.text, "fields": error.fields}
        await self.send_message("error", channel=name, data=data, identifier=identifier)


def _channels(message: Mapping[str, Any]) -> tuple[list[str], dict[str, RuleError]]:
    """The channels of a message in their one form, and those that can be none, with the reason."""
    given = message.get("channels")
    if not isinstance(given, list) or not given or not all(isinstance(name, str) for name in given):
        text = _('Give "channels", a list of names such as "tick:rb2501.SHFE" or "bar.1m:rb2501.SHFE".')
        raise RuleError("invalid_channels", text)
    if len(given) > settings.MARKET_CHANNELS:  # looking at ten thousand names would hold up everybody's prices
        told = _("Give at most %(limit)s channels at a time.") % {"limit": settings.MARKET_CHANNELS}
        raise RuleError("too_many_channels", told)
    names: dict[str, None] = {}
    refused: dict[str, RuleError] = {}
    for name in given:
        try:
            names[str(parse_channel(name))] = None
        except RuleError as error:
            refused[name[:LONGEST]] = error
    return list(names), refused


websocket_urlpatterns = [path("ws/market/", MarketConsumer.as_asgi())]
