"""Deny by default: every socket of the platform, tried by everybody, against ``access_rules``."""

import asyncio
import json
from importlib import import_module
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from quantsite.asgi import CONSUMERS, application
from quantsite.testing.patience import SOON
from quantsite.tests.access_rules import SOCKETS
from quantsite.tests.access_world import PEOPLE, cast


def socket_routes() -> list[str]:
    """Every socket's path."""
    return [str(pattern.pattern) for name in CONSUMERS for pattern in import_module(name).websocket_urlpatterns]


def test_every_socket_has_a_rule() -> None:
    assert set(SOCKETS) == set(socket_routes())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", [*SOCKETS, "ws/nothing/"])
async def test_every_socket_lets_in_who_may_and_nobody_else(path: str) -> None:
    people = await in_thread(cast)
    codes = await asyncio.gather(*(end_of(path, people.get(who)) for who in PEOPLE))
    ends = dict(zip(PEOPLE, codes, strict=True))
    known = 4403 if path in SOCKETS else 4404
    audience = SOCKETS.get(path, frozenset())
    assert ends == {who: None if who in audience else 4401 if who == "stranger" else known for who in PEOPLE}


async def end_of(path: str, user: User | None) -> int | None:
    """The code with which a socket is closed at once; None where it stays open and answers."""
    protocols = ["quantsite.v1", *([f"bearer.{await in_thread(AccessToken.for_user, user)}"] if user else [])]
    socket: Any = ApplicationCommunicator(application, scope_of(f"/{path}", protocols))  # type: ignore[no-untyped-call]
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(SOON))["type"] == "websocket.accept"
    await socket.send_input({"type": "websocket.receive", "text": '{"op": "ping", "id": 1}'})
    word = await socket.receive_output(SOON)
    socket.stop(exceptions=False)
    if word["type"] == "websocket.close":
        return int(word["code"])
    assert json.loads(word["text"])["type"] == "ack"
    return None


def scope_of(path: str, protocols: list[str]) -> dict[str, Any]:
    """The ASGI scope of a handshake."""
    return {
        "type": "websocket",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "subprotocols": protocols,
    }


async def in_thread(function: Any, *arguments: Any) -> Any:
    """The result of a function that asks the database."""
    return await database_sync_to_async(function)(*arguments)
