"""``/ws/tasks/``: how backtests, optimisations, walk-forwards and strategies get on.

Channels: ``backtests`` (own and shared runs) and ``backtest:<id>``, ``optimizations`` and ``optimization:<id>``,
``walk-forwards`` and ``walk-forward:<id>``, ``strategies`` and ``strategy:<id>``. After
``{"op": "subscribe", "channels": [...]}`` each channel sends one ``snapshot`` (seq 0), then an ``update`` for every
change, seq 1, 2, 3 ...; a channel that is refused, or is refused from some moment on, sends one ``error`` and is over.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from channels.db import database_sync_to_async
from django.urls import path

from accounts.audit import record_refusal
from accounts.models import User
from backtests.broadcast import hub
from backtests.topics import TOPICS, State, Topic, topic_of
from quantsite.common.errors import MissingError, RuleError
from quantsite.web.sockets import ConsoleConsumer

MAX_CHANNELS = 50
SNAPSHOT_RUNS = 50
RECHECK_SECONDS = 5.0
"""A share that was taken back ends a silent channel this soon; one with news at once."""


@dataclass(slots=True)
class _Channel:
    """What one subscription has told so far: row -> the state last sent."""

    topic: Topic
    run_id: int | None
    seq: int = 0
    sent: dict[int, State] = field(default_factory=dict)

    def news(self, states: Mapping[int, State]) -> dict[int, State]:
        """The states that differ from what was sent, of the runs that this channel is about."""
        chosen = states if self.run_id is None else {self.run_id: states[self.run_id]} if self.run_id in states else {}
        return {run_id: state for run_id, state in chosen.items() if self.sent.get(run_id) != state}


class TasksConsumer(ConsoleConsumer):
    """A socket that tells the states of runs to those who may see them."""

    async def opened(self) -> None:
        """Nothing is told before a subscription."""
        self.channels: dict[str, _Channel] = {}
        self.recheck_at = 0.0

    async def closed(self) -> None:
        """Stop listening."""
        hub().remove(self)

    def may_listen(self) -> bool:
        """Whether the user's role includes any of the topics; each channel asks for its own."""
        return any(self.scope["user"].has_perm(topic.permission) for topic in TOPICS)

    def topics(self) -> set[Topic]:
        """What its channels are about."""
        return {channel.topic for channel in self.channels.values()}

    def refused(self) -> None:
        """A role without any of the topics asked to listen: the audit trail has it."""
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

    async def deliver(self, states: Mapping[str, list[State]]) -> None:
        """Send what is new on each channel, after asking again who may see it."""
        by_id = {topic: {state[topic.key]: state for state in states.get(topic.every, ())} for topic in self.topics()}
        news = {name: channel.news(by_id[channel.topic]) for name, channel in self.channels.items()}
        asked = self._asked(news)
        if time.monotonic() >= self.recheck_at:
            self.recheck_at = time.monotonic() + RECHECK_SECONDS
            for channel in self.channels.values():
                if channel.run_id is not None:
                    asked.setdefault(channel.topic, set()).add(channel.run_id)
        if not asked:
            return
        allowed = await database_sync_to_async(self._visible)(asked)
        for name, fresh in news.items():
            found = self.channels.get(name)
            if found is None:
                continue
            seen = allowed.get(found.topic, set())
            if found.run_id in asked.get(found.topic, set()) and found.run_id not in seen:
                await self._drop(name)
            else:
                await self._tell(name, [state for number, state in fresh.items() if number in seen])

    def _asked(self, news: Mapping[str, Mapping[int, State]]) -> dict[Topic, set[int]]:
        """The rows, by topic, of which there is something new to tell."""
        asked: dict[Topic, set[int]] = {}
        for name, fresh in news.items():
            if fresh:
                asked.setdefault(self.channels[name].topic, set()).update(fresh)
        return asked

    async def _open(self, name: str, identifier: Any) -> None:
        try:
            channel = _Channel(*topic_of(name))
            states, more = await database_sync_to_async(self._snapshot)(channel.topic, channel.run_id)
        except RuleError as error:
            data = {"code": error.code, "detail": error.text, "fields": error.fields}
            await self.send_message("error", channel=name, data=data, identifier=identifier)
            return
        channel.sent = {state[channel.topic.key]: state for state in states}
        self.channels[name] = channel
        data = states if channel.run_id is None else {**states[0], **more}
        await self.send_message("snapshot", channel=name, seq=0, data=data)

    async def _drop(self, name: str) -> None:
        """The run is no longer the user's to see: say so once and forget the channel."""
        self.channels.pop(name, None)
        data = {"code": "unknown_channel", "detail": f"There is no channel {name!r} for you any more", "fields": {}}
        await self.send_message("error", channel=name, data=data)

    async def _tell(self, name: str, states: list[State]) -> None:
        channel = self.channels.get(name)
        if channel is None:
            return
        if channel.topic.together and channel.run_id is None and len(states) > 1:
            channel.seq += 1
            channel.sent.update({state[channel.topic.key]: state for state in states})
            await self.send_message("update", channel=name, seq=channel.seq, data=states)
            return
        for state in states:
            number, more = state[channel.topic.key], {}
            if channel.run_id is not None:
                more = await database_sync_to_async(channel.topic.more)(state, channel.sent.get(number))
            channel.seq += 1
            channel.sent[number] = state
            await self.send_message("update", channel=name, seq=channel.seq, data={**state, **more})

    def _snapshot(self, topic: Topic, run_id: int | None) -> tuple[list[State], State]:
        """The newest visible rows, or the one and what its channel tells besides.

        Raises ``MissingError`` for a row that is not visible, and for a topic that the role does not include.
        """
        user = _user(self.scope)
        rows = topic.visible(user)
        if run_id is None:
            if not user.has_perm(topic.permission):
                raise MissingError("unknown_channel", f"There is no channel {topic.every} for you")
            return topic.states(rows.filter(pk__in=rows.order_by("-pk").values("pk")[:SNAPSHOT_RUNS])), {}
        states = topic.states(rows.filter(pk=run_id))
        if not states:
            raise MissingError("unknown_channel", f"There is no channel {topic.one}{run_id} for you")
        return states, topic.more(states[0], None)

    def _visible(self, asked: Mapping[Topic, set[int]]) -> dict[Topic, set[int]]:
        """Which of the rows the user may see at this moment."""
        try:
            user = _user(self.scope)
        except MissingError:
            return {}
        return {
            topic: set(topic.visible(user).filter(pk__in=ids).values_list("pk", flat=True))
            for topic, ids in asked.items()
        }


def _names(message: Mapping[str, Any]) -> list[str]:
    names = message.get("channels")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise RuleError("invalid_channels", 'Give "channels", a list of names such as "backtests" or "backtest:1"')
    return list(dict.fromkeys(names))


def _user(scope: Mapping[str, Any]) -> User:
    """The user as the database knows it now: roles may have changed since the socket was opened."""
    user = User.objects.filter(pk=scope["user"].pk, is_active=True).first()
    if user is None:
        raise MissingError("unknown_user", "Your account is not active any more")
    return user


websocket_urlpatterns = [path("ws/tasks/", TasksConsumer.as_asgi())]
