"""``/ws/tasks/``: how backtests get on.

Channels: ``backtests`` (own and shared runs) and ``backtest:<id>``. After ``{"op": "subscribe", "channels": [...]}``
each channel sends one ``snapshot`` (seq 0), then an ``update`` for every change, seq 1, 2, 3 ...; a channel
that is refused, or is refused from some moment on, sends one ``error`` and is over.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from channels.db import database_sync_to_async
from django.urls import path

from accounts.audit import record_refusal
from accounts.models import User
from backtests.broadcast import RunState, hub, states_of
from backtests.models import VIEW
from backtests.permissions import visible_runs
from quantsite.common.errors import MissingError, RuleError
from quantsite.web.sockets import ConsoleConsumer

ALL_RUNS = "backtests"
ONE_RUN = "backtest:"
MAX_CHANNELS = 50
SNAPSHOT_RUNS = 50
RECHECK_SECONDS = 5.0
"""A share that was taken back ends a silent channel this soon; one with news at once."""


@dataclass(slots=True)
class _Channel:
    """What one subscription has told so far: run -> the state last sent."""

    run_id: int | None
    seq: int = 0
    sent: dict[int, RunState] = field(default_factory=dict)

    def news(self, states: Mapping[int, RunState]) -> dict[int, RunState]:
        """The states that differ from what was sent, of the runs that this channel is about."""
        chosen = states if self.run_id is None else {self.run_id: states[self.run_id]} if self.run_id in states else {}
        return {run_id: state for run_id, state in chosen.items() if self.sent.get(run_id) != state}


class TasksConsumer(ConsoleConsumer):
    """A socket that tells the states of runs to those who may see them."""

    channel_layer_alias = None  # rows are the only source: no message bus to depend on

    async def opened(self) -> None:
        """Nothing is told before a subscription."""
        self.channels: dict[str, _Channel] = {}
        self.recheck_at = 0.0

    async def closed(self) -> None:
        """Stop listening."""
        hub().remove(self)

    def may_listen(self) -> bool:
        """Whether the user's role includes backtests."""
        return bool(self.scope["user"].has_perm(f"backtests.{VIEW}"))

    def refused(self) -> None:
        """A role without backtests asked to listen: the audit trail has it."""
        record_refusal(self.scope["user"], "tasks.listen")

    async def op_subscribe(self, message: Mapping[str, Any]) -> None:
        """Acknowledge, then send a snapshot of each channel, or an error where there is nothing to see."""
        names = _names(message)
        if len(self.channels | dict.fromkeys(names)) > MAX_CHANNELS:
            raise RuleError("too_many_channels", f"A socket may listen to {MAX_CHANNELS} channels")
        await self.send_message("ack", identifier=message.get("id"), data={"channels": names})
        for name in names:
            await self._open(name, message.get("id"))
        if self.channels:
            hub().add(self)

    async def op_unsubscribe(self, message: Mapping[str, Any]) -> None:
        """Forget channels; those not subscribed to are ignored."""
        names = _names(message)
        for name in names:
            self.channels.pop(name, None)
        if not self.channels:
            hub().remove(self)
        await self.send_message("ack", identifier=message.get("id"), data={"channels": names})

    async def deliver(self, states: list[RunState]) -> None:
        """Send what is new on each channel, after asking again who may see it."""
        by_id = {state["run"]: state for state in states}
        news = {name: channel.news(by_id) for name, channel in self.channels.items()}
        asked = {run_id for fresh in news.values() for run_id in fresh}
        if time.monotonic() >= self.recheck_at:
            self.recheck_at = time.monotonic() + RECHECK_SECONDS
            asked |= {channel.run_id for channel in self.channels.values() if channel.run_id is not None}
        if not asked:
            return
        allowed = await database_sync_to_async(self._visible)(asked)
        for name, fresh in news.items():
            run_id = self.channels[name].run_id if name in self.channels else None
            if run_id in asked and run_id not in allowed:
                await self._drop(name)
            else:
                await self._tell(name, [state for number, state in fresh.items() if number in allowed])

    async def _open(self, name: str, identifier: Any) -> None:
        try:
            channel = _Channel(_run_id(name))
            states = await database_sync_to_async(self._snapshot)(channel.run_id)
        except RuleError as error:
            data = {"code": error.code, "detail": error.text, "fields": error.fields}
            await self.send_message("error", channel=name, data=data, identifier=identifier)
            return
        channel.sent = {state["run"]: state for state in states}
        self.channels[name] = channel
        data = states if channel.run_id is None else states[0]
        await self.send_message("snapshot", channel=name, seq=0, data=data)

    async def _drop(self, name: str) -> None:
        """The run is no longer the user's to see: say so once and forget the channel."""
        self.channels.pop(name, None)
        data = {"code": "unknown_channel", "detail": f"There is no channel {name!r} for you any more", "fields": {}}
        await self.send_message("error", channel=name, data=data)

    async def _tell(self, name: str, states: list[RunState]) -> None:
        channel = self.channels.get(name)
        if channel is None:
            return
        for state in states:
            channel.seq += 1
            channel.sent[state["run"]] = state
            await self.send_message("update", channel=name, seq=channel.seq, data=state)

    def _snapshot(self, run_id: int | None) -> list[RunState]:
        """The newest visible runs, or the one run. Raises ``MissingError`` for a run that is not visible."""
        runs = visible_runs(_user(self.scope))
        if run_id is None:
            return states_of(runs.filter(pk__in=runs.order_by("-pk").values("pk")[:SNAPSHOT_RUNS]))
        states = states_of(runs.filter(pk=run_id))
        if not states:
            raise MissingError("unknown_channel", f"There is no backtest run {run_id}")
        return states

    def _visible(self, run_ids: set[int]) -> set[int]:
        """Which of the runs the user may see at this moment."""
        try:
            return set(visible_runs(_user(self.scope)).filter(pk__in=run_ids).values_list("pk", flat=True))
        except MissingError:
            return set()


def _names(message: Mapping[str, Any]) -> list[str]:
    names = message.get("channels")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise RuleError("invalid_channels", 'Give "channels", a list of names such as "backtests" or "backtest:1"')
    return list(dict.fromkeys(names))


def _run_id(name: str) -> int | None:
    """The run of a channel, ``None`` for the channel of all. Raises ``MissingError`` for another name."""
    if name == ALL_RUNS:
        return None
    number = name.removeprefix(ONE_RUN)
    if number != name and number.isascii() and number.isdigit() and len(number) <= 18:
        return int(number)
    raise MissingError("unknown_channel", f"There is no channel {name!r} on this socket")


def _user(scope: Mapping[str, Any]) -> User:
    """The user as the database knows it now: roles may have changed since the socket was opened."""
    user = User.objects.filter(pk=scope["user"].pk, is_active=True).first()
    if user is None:
        raise MissingError("unknown_user", "Your account is not active any more")
    return user


websocket_urlpatterns = [path("ws/tasks/", TasksConsumer.as_asgi())]
