"""``/ws/trading/``: orders, fills, positions and funds of the accounts that one may see, as they change.

Channels: ``account:<code>``, ``accounts`` for all that one may see, and ``risk`` for the risk of all of them.

After a ``subscribe`` each account sends one ``snapshot`` whose ``seq`` is its last event, then every event as an
``update`` with the number that follows, none left out. With ``from_seq`` the events after it come in place of the
snapshot. A channel that is refused, or from some moment on, sends one ``error`` and is over.
"""

from collections.abc import Mapping
from typing import Any

from django.urls import path
from django.utils.translation import gettext as _

from accounts.audit import record_refusal
from quantsite.web.direct import DirectWriter
from quantsite.web.hub_sockets import HubConsumer
from quantsite.web.queued import QueueWriter
from quantsite.web.renderers import dumps
from quantsite.web.together import Together
from trading.broadcast import hub
from trading.hub import rows
from trading.hub.listener import Listener
from trading.hub.messages import Message, refusal
from trading.hub.names import parse_wish

_listeners: Together[int, bool] = Together(rows.who_listens)


class TradingConsumer(HubConsumer[Listener]):
    """A socket that the hub sends events of accounts to."""

    def join(self, writer: DirectWriter | QueueWriter, *, framed: bool) -> Listener:
        """Join the hub of accounts."""
        listener = Listener(writer, self.scope["user"].pk, framed=framed, room=hub().go_on)
        hub().join(listener)
        return listener

    def part(self, member: Listener) -> None:
        """Leave it."""
        hub().part(member)

    async def ask_may_listen(self) -> bool:
        """Whether the user's role includes trading accounts; which of them is asked with every event."""
        return await _listeners.ask(self.scope["user"].pk)

    def refused(self) -> None:
        """A role without trading accounts asked to listen: the audit trail has it."""
        record_refusal(self.scope["user"], "trading.listen")

    async def send_body(self, body: Mapping[str, Any]) -> None:
        """On the same way as the events, so that all arrives in the order in which it was said."""
        self.joined().send(Message(dumps(body)))

    async def op_subscribe(self, message: Mapping[str, Any]) -> None:
        """Acknowledge the channels that can be, then begin each of them, or send an error where there is nothing."""
        listener, wish = self.joined(), parse_wish(message)
        await self.send_message("ack", identifier=message.get("id"), data={"channels": wish.names})
        for name in wish.unknown:
            detail = _("There is no channel %(name)s: use account:<code>, accounts, or risk.") % {"name": repr(name)}
            listener.send(refusal(name, "unknown_channel", detail))
        hub().subscribe(listener, {code: wish.from_seq.get(code) for code in wish.codes})
        if wish.every:
            rest = {code: seq for code, seq in wish.from_seq.items() if code not in wish.codes}
            hub().subscribe_every(listener, rest)
        if wish.risk:
            hub().risk.join(listener)

    async def op_unsubscribe(self, message: Mapping[str, Any]) -> None:
        """Forget channels; those not subscribed to are ignored."""
        listener, wish = self.joined(), parse_wish(message)
        hub().leave(listener, wish.codes, every=wish.every)
        if wish.risk:
            hub().risk.leave(listener)
        await self.send_message("ack", identifier=message.get("id"), data={"channels": wish.names})


websocket_urlpatterns = [path("ws/trading/", TradingConsumer.as_asgi())]
