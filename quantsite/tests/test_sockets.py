"""Sockets: who may open one, and what happens to the others."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.models import User
from quantsite.asgi import application
from quantsite.tests.socket_link import SocketLink
from quantsite.web import sockets
from quantsite.web.sockets import origin_is_ours

pytestmark = pytest.mark.django_db(transaction=True)

OURS = b"http://testserver"
PATH = "/ws/tasks/"


def link(path: str = PATH, token: str = "", cookie: str = "", origin: bytes = b"") -> SocketLink:
    """A socket to the whole application, as a program (token) or a page (cookie, origin) opens it."""
    headers = [(b"host", b"testserver")]
    headers += [(b"cookie", cookie.encode())] if cookie else []
    headers += [(b"origin", origin)] if origin else []
    protocols = ["quantsite.v1", *([f"bearer.{token}"] if token else [])]
    return SocketLink(application, path, headers=headers, subprotocols=protocols)


async def close_code(socket: SocketLink) -> int:
    """The code that the socket is closed with."""
    await socket.open()
    code = await socket.close_code()
    await socket.hang_up()
    return code


async def is_let_in(socket: SocketLink) -> bool:
    """Whether the socket answers a ping, with our subprotocol."""
    protocol = await socket.open()
    await socket.say(json.dumps({"op": "ping", "id": 7}))
    answer = await socket.hear()
    await socket.hang_up()
    return protocol == "quantsite.v1" and answer == {"type": "ack", "channel": None, "seq": None, "data": None, "id": 7}


def session_of(user: User) -> str:
    """The cookie of a logged-in browser."""
    client = Client()
    client.force_login(user)
    return f"{django_settings.SESSION_COOKIE_NAME}={client.cookies[django_settings.SESSION_COOKIE_NAME].value}"


@pytest.fixture(autouse=True)
def our_host(settings: Any) -> None:
    """The tests' host is ours; nothing else is."""
    settings.ALLOWED_HOSTS = ["testserver"]


async def test_a_program_with_its_token(alice: User) -> None:
    assert await is_let_in(link(token=str(AccessToken.for_user(alice))))


async def test_a_stranger() -> None:
    assert await close_code(link()) == 4401


async def test_an_unknown_address() -> None:
    assert await close_code(link("/ws/nothing/")) == 4401


async def test_an_unknown_address_for_somebody_known(alice: User) -> None:
    assert await close_code(link("/ws/nothing/", token=str(AccessToken.for_user(alice)))) == 4404


async def test_tokens_that_do_not_count(alice: User) -> None:
    old = AccessToken.for_user(alice)
    old.set_exp(lifetime=-timedelta(seconds=1))
    refresh = str(await database_sync_to_async(RefreshToken.for_user)(alice))
    for token in (
        str(old),
        refresh,
        "nonsense",
        str(AccessToken.for_user(alice))[:-3] + "abc",
    ):
        assert await close_code(link(token=token)) == 4401


async def test_a_token_in_the_address_is_ignored(alice: User) -> None:
    token = AccessToken.for_user(alice)
    for name in ("token", "access", "access_token", "bearer", "jwt"):
        assert await close_code(link(f"{PATH}?{name}={token}")) == 4401


async def test_somebody_deactivated(alice: User) -> None:
    token = str(AccessToken.for_user(alice))
    await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
    assert await close_code(link(token=token)) == 4401


async def test_a_token_of_a_login_that_has_ended(alice: User) -> None:
    token = str(AccessToken.for_user(alice))
    await User.objects.filter(pk=alice.pk).aupdate(login_epoch=1)
    assert await close_code(link(token=token)) == 4401


async def test_somebody_without_the_role(charlie: User) -> None:
    assert await close_code(link(token=str(AccessToken.for_user(charlie)))) == 4403


@pytest.fixture
def cookie(alice: User) -> str:
    """The cookie of Alice's browser."""
    return session_of(alice)


async def test_our_own_page_with_its_cookie(cookie: str) -> None:
    assert await is_let_in(link(cookie=cookie, origin=OURS))


@pytest.mark.parametrize(
    "origin", [b"", b"null", b"https://evil.example", b"http://testserver.evil.example", b"http://testserver:81"]
)
async def test_a_cookie_from_a_foreign_page(cookie: str, origin: bytes) -> None:
    assert await close_code(link(cookie=cookie, origin=origin)) == 4401


async def test_a_bad_token_is_not_saved_by_the_cookie(cookie: str) -> None:
    assert await close_code(link(token="nonsense", cookie=cookie, origin=OURS)) == 4401


@pytest.mark.parametrize(
    ("origin", "host", "ours"),
    [
        ("https://desk.example", "desk.example", True),
        ("https://desk.example:443", "desk.example", True),
        ("https://DESK.example", "desk.example", True),
        ("http://desk.example:8000", "desk.example:8000", True),
        ("http://desk.example:8001", "desk.example:8000", False),
        ("https://trusted.example", "desk.example", True),
        ("https://evil.example", "evil.example", False),
        ("file://desk.example", "desk.example", False),
        ("", "desk.example", False),
    ],
)
def test_whose_page_it_is(settings: Any, origin: str, host: str, ours: bool) -> None:
    settings.ALLOWED_HOSTS = ["desk.example"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://trusted.example"]
    headers = [(b"host", host.encode()), *([(b"origin", origin.encode())] if origin else [])]
    assert origin_is_ours({"headers": headers}) is ours


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("no json", "invalid_json"),
        ("[]", "invalid_message"),
        ('{"op": 1}', "invalid_message"),
        ('{"op": "dance"}', "unknown_op"),
        ('{"op": "ping", "pad": "' + "x" * 70_000 + '"}', "message_too_large"),
    ],
)
async def test_messages_that_are_none(alice: User, raw: str, code: str) -> None:
    socket = link(token=str(AccessToken.for_user(alice)))
    await socket.open()
    await socket.say(raw)
    answer = await socket.hear()
    await socket.hang_up()
    assert (answer["type"], answer["data"]["code"]) == ("error", code)


async def test_the_socket_ends_with_the_token(alice: User) -> None:
    token = AccessToken.for_user(alice)
    token.set_exp(lifetime=timedelta(seconds=2))
    assert await close_code(link(token=str(token))) == 4401


def deactivate(user: User) -> None:
    """Shut the person out, as an administrator does."""
    User.objects.filter(pk=user.pk).update(is_active=False)


def log_out(_user: User) -> None:
    """End every session."""
    Session.objects.all().delete()


def new_password(user: User) -> None:
    """Change the password: sessions and tokens made before count no more."""
    user.set_password("another battery staple")
    user.save()


def lose_the_role(user: User) -> None:
    """Take the right to listen away."""
    user.groups.clear()


@pytest.mark.parametrize(
    ("by", "what", "code"),
    [
        ("cookie", deactivate, 4401),
        ("cookie", log_out, 4401),
        ("cookie", new_password, 4401),
        ("cookie", lose_the_role, 4403),
        ("token", deactivate, 4401),
        ("token", new_password, 4401),
        ("token", lose_the_role, 4403),
    ],
)
async def test_the_socket_ends_with_the_right(
    alice: User, cookie: str, monkeypatch: pytest.MonkeyPatch, by: str, what: Callable[[User], None], code: int
) -> None:
    monkeypatch.setattr(sockets, "RECHECK_SECONDS", 0.05)
    token = str(AccessToken.for_user(alice)) if by == "token" else ""
    socket = link(token=token, cookie=cookie, origin=OURS)
    await socket.open()
    await database_sync_to_async(what)(alice)
    assert await socket.close_code() == code
    await socket.hang_up()
