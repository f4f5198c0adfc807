"""Trading sockets for tests, through the whole ASGI application."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

from channels.db import database_sync_to_async
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from quantsite.tests.socket_link import SocketLink

PATH = "/ws/trading/"


async def token_of(user: User) -> str:
    """An access token."""
    return str(await database_sync_to_async(AccessToken.for_user)(user))


@asynccontextmanager
async def socket_of(user: User) -> AsyncIterator[SocketLink]:
    """An open socket."""
    application = import_module("quantsite.asgi").application
    link = SocketLink(application, PATH, [], ["quantsite.v1", f"bearer.{await token_of(user)}"])
    assert await link.open() == "quantsite.v1"
    yield link
    await link.hang_up()


async def ask(link: SocketLink, op: str, *channels: str, **more: Any) -> dict[str, Any]:
    """Say something to the socket; the answer."""
    await link.say(json.dumps({"op": op, "id": 7, "channels": list(channels), **more}))
    answer: dict[str, Any] = await link.hear()
    assert answer.get("id") == 7, answer
    return answer


async def begun(link: SocketLink, *channels: str, **more: Any) -> dict[str, Any]:
    """Subscribe; what comes behind the acknowledgement."""
    assert (await ask(link, "subscribe", *channels, **more))["type"] == "ack"
    message: dict[str, Any] = await link.hear()
    return message


async def is_refused(link: SocketLink, channel: str) -> bool:
    """Whether the next word is that there is no such channel."""
    message = await link.hear()
    return (message["type"], message["channel"], message["data"]["code"]) == ("error", channel, "unknown_channel")
