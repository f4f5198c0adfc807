"""``/ws/trading/``: orders, fills, positions and funds of the accounts that one may see, as they change.

Channels: ``account:<code>``, and ``accounts`` for all that one may see. After a ``subscribe`` each account sends one
``snapshot`` whose ``seq`` is its last event, then every event as an ``update`` with the number that follows, none left
out. With ``from_seq`` the events after it come in place of the snapshot. A channel that is refused, or from some moment
on, sends one ``error`` and is over.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from channels.exceptions import StopConsumer
from django.urls import path
from django.utils.translation import gettext as _

from accounts.audit import record_refusal
from marketdata.hub.queue import QueueWriter
from quantsite.web.direct import writer_of
from quantsite.web.renderers import dumps
from quantsite.web.sockets import ConsoleConsumer
from quantsite.web.together import Together
from trading.broadcast import hub
from trading.hub import rows
from trading.hub.listener import Listener
from trading.hub.messages import Message, refusal
from trading.hub.names import parse_wish

_listeners: Together[int, bool] = Together(rows.who_listens)


class TradingConsumer(ConsoleConsumer):
    """A socket that the hub sends events of accounts to."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """However the connection ends, the hub lets go of it."""
        self.listener: Listener | None = None
        self.queue: QueueWriter | None = None
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.closed()
            watch: asyncio.Task[None] | None = getattr(self, "watch", None)
            if watch is not None:
                watch.cancel()

    async def opened(self) -> None:
        """Join the hub; nothing is told before a subscription."""
        make = partial(Listener, user_id=self.scope["user"].pk, room=hub().go_on)
        direct = writer_of(self.scope)
        if direct is not None:
            self.listener = make(direct, framed=True)
        else:
            self.queue = QueueWriter(self._send_text, self._end)
            self.listener = make(self.queue, framed=False)
        hub().join(self.listener)

    async def closed(self) -> None:
        """Leave the hub."""
        if self.listener is not None:
            hub().part(self.listener)
            self.listener = None
        if self.queue is not None:
            await self.queue.stop()
            self.queue = None

    async def ask_may_listen(self) -> bool:
        """Whether the user's role includes trading accounts; which of them is asked with every event."""
        return await _listeners.ask(self.scope["user"].pk)

    def refused(self) -> None:
        """A role without trading accounts asked to listen: the audit trail has it."""
        record_refusal(self.scope["user"], "trading.listen")

    async def send_body(self, body: Mapping[str, Any]) -> None:
        """On the same way as the events, so that all arrives in the order in which it was said."""
        self._joined().send(Message(dumps(body)))

    async def op_subscribe(self, message: Mapping[str, Any]) -> None:
        """Acknowledge the channels that can be, then begin each of them, or send an error where there is nothing."""
        listener, wish = self._joined(), parse_wish(message)
        await self.send_message("ack", identifier=message.get("id"), data={"channels": wish.names})
        for name in wish.unknown:
            detail = _("There is no channel %(name)s: use account:<code>, or accounts.") % {"name": repr(name)}
            listener.send(refusal(name, "unknown_channel", detail))
        hub().subscribe(listener, {code: wish.from_seq.get(code) for code in wish.codes})
        if wish.every:
            rest = {code: seq for code, seq in wish.from_seq.items() if code not in wish.codes}
            hub().subscribe_every(listener, rest)

    async def op_unsubscribe(self, message: Mapping[str, Any]) -> None:
        """Forget channels; those not subscribed to are ignored."""
        listener, wish = self._joined(), parse_wish(message)
        hub().leave(listener, wish.codes, every=wish.every)
        await self.send_message("ack", identifier=message.get("id"), data={"channels": wish.names})

    def _joined(self) -> Listener:
        if self.listener is None:
            raise StopConsumer
        return self.listener

    async def _send_text(self, message: bytes) -> None:
        await self.send(text_data=message.decode())

    async def _end(self, code: int, reason: str) -> None:
        await self.close(code, reason)


websocket_urlpatterns = [path("ws/trading/", TradingConsumer.as_asgi())]
