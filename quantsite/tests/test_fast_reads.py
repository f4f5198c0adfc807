"""The fast road and Django's answer alike: status, JSON, paging and what is refused, for everybody and at once."""

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
import psycopg
import pytest
import structlog
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from rest_framework.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.models import User
from accounts.roles import ADMINISTRATOR, RESEARCHER, RISK_OFFICER, TRADER
from accounts.services import logout
from accounts.tokens import mark
from marketdata.services import store_simulated_bars
from quantsite.asgi import application
from quantsite.testing.cast import make_user
from quantsite.web import fast_link, fast_pool, metrics
from quantsite.web.fast_reads import FastReads
from trading import services
from trading.account_models import TRADE, VIEW
from trading.tests.desk import CODE, make_desk

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no fast road"),
]

BARS = "/api/v1/bars/?instrument=simrb88.SIM"
FAST = [
    "/api/v1/orders/",
    "/api/v1/orders/?limit=7",
    "/api/v1/orders/?limit=900",
    "/api/v1/orders/?account=bobs",
    "/api/v1/orders/?account=shared&limit=3",
    "/api/v1/orders/?account=nobodys",
    f"/api/v1/orders/?instrument={CODE}&limit=2",
    "/api/v1/orders/?instrument=zn9901.SHFE",
    "/api/v1/orders/?status=working",
    "/api/v1/orders/?status=filled&direction=sell",
    "/api/v1/orders/?trading_day=2024-12-02&account=bobs",
    "/api/v1/orders/?strategy_key=double_ma&limit=4",
    "/api/v1/positions/",
    "/api/v1/positions/?limit=1",
    "/api/v1/positions/?account=bobs&side=long",
    "/api/v1/positions/?side=short",
    "/api/v1/trading-accounts/",
    "/api/v1/trading-accounts/?limit=2",
    f"{BARS}&interval=5m&limit=50",
    f"{BARS}&interval=5m&limit=50&end=2024-01-10T01:00:00Z",
    f"{BARS}&interval=5m&limit=200&end=2024-01-19T01:00:00%2B08:00",
]
"""What the fast road answers for whoever may see anything at all."""
SLOW = [
    "/api/v1/orders/?limit=0",
    "/api/v1/orders/?limit=many",
    "/api/v1/orders/?status=lost",
    "/api/v1/orders/?status=filled&status=rejected",
    "/api/v1/orders/?trading_day=2024-13-40",
    "/api/v1/orders/?account=",
    "/api/v1/orders/?account=b%00bs",
    "/api/v1/orders/?account=%ff",
    "/api/v1/orders/?nothing=here",
    "/api/v1/orders/?cursor=garbage",
    *(f"/api/v1/{name}/?cursor=cD1hJTAwYmM%3D" for name in ("orders", "positions", "trading-accounts")),  # p=a%00bc
    *(f"/api/v1/{name}/?cursor=cD1hYmM%3D" for name in ("orders", "positions")),  # p=abc
    "/api/v1/orders/?cursor=cj0xJnA9Mw%3D%3D",  # backwards
    "/api/v1/orders/?format=json",
    "/api/v1/trading-accounts/?kind=simulated",
    f"{BARS}&interval=5m",
    f"{BARS}&interval=15m&limit=20",  # put together
    f"{BARS}&interval=5x&limit=20",
    f"{BARS}&interval=5m&limit=50&end=2019-01-10T01:00:00Z",
    "/api/v1/bars/?instrument=zn9901.SHFE&interval=5m&limit=20",
]
"""What it leaves to Django, whoever asks."""
PEOPLE = {"ada": ADMINISTRATOR, "rita": RISK_OFFICER, "bob": TRADER, "alice": RESEARCHER, "charlie": None}


class Road:
    """The fast road alone: what it hands on is None."""

    def __init__(self) -> None:
        front: Any = application.application_mapping["http"]
        assert isinstance(front, FastReads)
        self.front = FastReads(self._hand_on, front.reads.values(), front._claims.__wrapped__)
        self.runner = asyncio.Runner()

    def ask(self, address: str, token: str, **headers: str) -> Any:
        """The headers and the JSON of a GET; None where it is handed on."""
        return self.runner.run(self._ask(address, token, headers))

    def backend(self) -> int:
        """The server's process behind the connection that is next."""
        row = self.runner.run(_asked_of_the_database("SELECT pg_backend_pid()"))
        return int(row[0])

    def close(self) -> None:
        """Let go of the connections."""
        self.runner.run(fast_pool.close())
        self.runner.close()

    async def _ask(self, address: str, token: str, headers: dict[str, str]) -> Any:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.front(scope_of(address, token, headers), None, send)
        if not sent:
            return None
        assert sent[0]["status"] == 200
        return dict(sent[0]["headers"]), orjson.loads(sent[1]["body"])

    async def _hand_on(self, scope: Any, receive: Any, send: Any) -> None:
        """Django is asked apart."""


def scope_of(address: str, token: str, headers: dict[str, str]) -> dict[str, Any]:
    """A request as uvicorn hands it over."""
    parts = urlsplit(address)
    given = {"host": "testserver", "authorization": f"Bearer {token}", **headers}
    return {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": parts.path,
        "query_string": parts.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }


@pytest.fixture
def road() -> Iterator[Road]:
    """The road with connections of its own."""
    made = Road()
    yield made
    made.close()


@pytest.fixture
def people() -> dict[str, User]:
    """The cast, three accounts, and bars: ``bobs`` is Bob's, ``shared`` that of all researchers, ``third`` nobody's."""
    cast = {name: make_user(name, role) for name, role in PEOPLE.items()}
    make_desk("bobs", cast["bob"], orders=60)
    make_desk("shared", orders=9)
    make_desk("third", orders=3)
    services.grant_account(None, "shared", Group.objects.get(name=RESEARCHER), VIEW)
    store_simulated_bars(None, interval="5m", first=date(2024, 1, 2), last=date(2024, 1, 19), seed=7)
    return cast


def token_of(user: User) -> str:
    """An access token as a login gives it."""
    token = RefreshToken.for_user(user)
    mark(token, user)
    return str(token.access_token)


def slowly(address: str, token: str) -> Any:
    """Django's answer."""
    return Client().get(address, headers={"authorization": f"Bearer {token}"})


def compare(road: Road, address: str, token: str) -> Any:
    """The fast answer, which is Django's; None where the road leaves it to Django."""
    found = road.ask(address, token)
    if found is None:
        return None
    told = slowly(address, token)
    assert told.status_code == 200, address
    assert found[1] == orjson.loads(told.content), address
    assert found[0].get(b"link", b"").decode() == told.headers.get("Link", "")
    return found[1]


def test_everybody_gets_what_django_would_answer(road: Road, people: dict[str, User]) -> None:
    people["eve"] = User.objects.create_superuser("eve", password=None)
    people["dora"] = make_user("dora")  # may see orders, but no account
    people["dora"].user_permissions.add(Permission.objects.get(codename="view_order"))
    fast: dict[str, set[str]] = {}
    for name, user in people.items():
        token = token_of(user)
        fast[name] = {address for address in (*FAST, *SLOW) if compare(road, address, token) is not None}
    for name in ("ada", "rita", "bob", "alice", "eve"):
        assert fast[name] == set(FAST), name
    assert fast["charlie"] == set()
    assert fast["dora"] == {address for address in FAST if address.startswith("/api/v1/orders/")}


@pytest.mark.parametrize("name", ["bob", "rita"])
@pytest.mark.parametrize(
    "first", ["orders/?limit=9", "trading-accounts/?limit=1", "bars/?instrument=simrb88.SIM&interval=5m&limit=300"]
)
def test_pages_lead_on_to_the_same_pages(road: Road, people: dict[str, User], name: str, first: str) -> None:
    token, address, pages = token_of(people[name]), f"/api/v1/{first}", 0
    while address:
        body = compare(road, address, token)
        if body is None:  # the last page of bars: whether there are older ones of another kind is Django's to say
            body = slowly(address, token).json()
        pages += 1
        address = (body["next"] or "").removeprefix("http://testserver")
    assert pages > 1 or name == "bob"


def test_what_ends_a_login_ends_it_here_at_once(road: Road, people: dict[str, User]) -> None:
    bob, address = people["bob"], "/api/v1/orders/"
    assert compare(road, address, token_of(bob)) is not None
    for end in (_logged_out, _logged_out_everywhere, _new_password, _deactivated):
        refresh = RefreshToken.for_user(bob)
        mark(refresh, bob)
        token = str(refresh.access_token)
        assert road.ask(address, token) is not None
        end(bob, refresh)
        assert road.ask(address, token) is None, end.__name__
        assert slowly(address, token).status_code == 401, end.__name__
        bob.refresh_from_db()


def _logged_out(user: User, refresh: RefreshToken) -> None:
    logout(user, str(refresh))


def _logged_out_everywhere(user: User, _refresh: RefreshToken) -> None:
    logout(user, "")


def _new_password(user: User, _refresh: RefreshToken) -> None:
    user.set_password("another horse battery staple")
    user.save()


def _deactivated(user: User, _refresh: RefreshToken) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def test_no_other_token_opens_the_road(road: Road, people: dict[str, User]) -> None:
    expired = AccessToken.for_user(people["bob"])
    expired.set_exp(lifetime=-timedelta(seconds=1))
    forged = token_of(people["bob"])[:-4] + "AAAA"
    gone = make_user("gone", TRADER)
    orphan = token_of(gone)
    gone.delete()
    for token in (str(expired), forged, orphan, str(RefreshToken.for_user(people["bob"])), "", "nonsense"):
        assert road.ask("/api/v1/orders/", token) is None
        assert slowly("/api/v1/orders/", token).status_code == 401


def test_a_token_that_ends_while_it_is_remembered_is_refused(road: Road, people: dict[str, User]) -> None:
    token = AccessToken.for_user(people["bob"])
    token.set_exp(lifetime=timedelta(seconds=2))
    assert road.ask("/api/v1/positions/", str(token)) is not None
    road.runner.run(asyncio.sleep(2.1))
    assert road.ask("/api/v1/positions/", str(token)) is None


def test_a_grant_given_and_taken_counts_from_the_next_request(road: Road, people: dict[str, User]) -> None:
    alice, address = people["alice"], "/api/v1/orders/?account=bobs"
    token = token_of(alice)
    for verb, seen in ((None, 0), (services.grant_account, 50), (services.revoke_account, 0)):
        if verb is not None:
            verb(None, "bobs", alice, TRADE)
        body = compare(road, address, token)
        assert len(body["results"]) == seen
    alice.groups.clear()
    assert road.ask(address, token) is None
    assert slowly(address, token).status_code == 403


def test_bars_that_come_much_later_are_not_missed(road: Road, people: dict[str, User]) -> None:
    token, address = token_of(people["bob"]), f"{BARS}&interval=5m&limit=50"
    assert compare(road, address, token) is not None
    store_simulated_bars(None, interval="5m", first=date(2024, 1, 22), last=date(2024, 6, 28), seed=7)
    assert compare(road, address, token) is None  # they lie beyond the days looked through: Django's answer
    body = compare(road, address, token)
    assert body["results"][-1]["trading_day"] == "2024-06-28"


def test_a_request_that_is_unlike_a_programs_goes_to_django(road: Road, people: dict[str, User]) -> None:
    token, address = token_of(people["bob"]), "/api/v1/orders/"
    assert road.ask(address, token, accept="application/json") is not None
    for header in (
        {"cookie": "sessionid=1"},
        {"accept": "text/html"},
        {"host": "elsewhere.example"},
        {"content-length": "2"},
        {"authorization": f"Token {token}"},
        {"authorization": f"bearer {token}"},
    ):
        assert road.ask(address, token, **header) is None, header
    scope = {**scope_of(address, token, {}), "method": "POST"}
    assert road.runner.run(_answers(road, scope)) == []
    scope = scope_of(address, token, {})
    scope["headers"].append((b"authorization", b"Bearer other"))
    assert road.runner.run(_answers(road, scope)) == []


async def _answers(road: Road, scope: dict[str, Any]) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await road.front(scope, None, send)
    return sent


def test_an_answer_carries_the_headers_of_django_and_is_counted(road: Road, people: dict[str, User]) -> None:
    token, address = token_of(people["bob"]), "/api/v1/orders/"
    counter = metrics.REQUESTS.labels("GET", "order-list", "200")
    before = counter._value.get()
    with structlog.testing.capture_logs() as lines:
        found = road.ask(address, token, **{"x-request-id": "a-request-of-mine"})
    assert found is not None
    assert counter._value.get() == before + 1
    [line] = [line for line in lines if line["event"] == "request"]
    assert {name: line[name] for name in ("method", "path", "status", "user")} == {
        "method": "GET", "path": address, "status": 200, "user": "bob",
    }  # fmt: skip
    told = slowly(address, token)
    assert counter._value.get() == before + 2
    names = {"Vary", "Allow", "Content-Language", "X-Request-ID", "Content-Length"}
    expected = {name.lower().encode(): value.encode() for name, value in told.items() if name not in names}
    assert found[0].items() >= expected.items()
    assert found[0][b"x-request-id"] == b"a-request-of-mine"
    assert found[0][b"cache-control"] == b"no-store"


def test_no_fast_address_is_limited_in_its_rate_by_django(road: Road) -> None:
    """A limit would have to be counted here too."""
    resolved = {read.path: read.view for read in road.front.reads.values()}
    assert len(resolved) == 4
    assert set(api_settings.DEFAULT_THROTTLE_RATES) == {"login", "register"}
    assert settings.FAST_READS


def test_a_connection_that_the_server_ended_is_not_used_again(road: Road, people: dict[str, User]) -> None:
    token, address = token_of(people["bob"]), "/api/v1/orders/"
    first = road.backend()
    assert road.backend() == first  # the idle one is used again
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    road.runner.run(asyncio.sleep(0.1))  # a server that serves would have heard of it meanwhile
    assert road.ask(address, token) is not None
    assert road.backend() != first


def test_a_connection_full_of_plans_makes_room(road: Road, people: dict[str, User], monkeypatch: Any) -> None:
    monkeypatch.setattr(fast_link, "STATEMENTS", 3)
    token, first = token_of(people["bob"]), road.backend()
    for size in range(1, 8):
        assert compare(road, f"/api/v1/orders/?limit={size}", token) is not None
    assert road.backend() != first


def test_what_fails_or_is_given_up_leaves_nothing_behind(road: Road, people: dict[str, User]) -> None:
    token, address = token_of(people["bob"]), "/api/v1/orders/"
    with pytest.raises(psycopg.DatabaseError, match="nowhere"):
        road.runner.run(_asked_of_the_database("SELECT 1 FROM nowhere"))
    with pytest.raises(TimeoutError):
        road.runner.run(asyncio.wait_for(_asked_of_the_database("SELECT pg_sleep(1)"), 0.1))
    for _ in range(2 * fast_pool.MOST):
        assert compare(road, address, token) is not None


async def _asked_of_the_database(sql: str) -> Any:
    async with fast_pool.connection() as link:
        return await link.run(sql, {})


def test_a_database_that_is_away_is_djangos_to_tell(road: Road, people: dict[str, User], monkeypatch: Any) -> None:
    token = token_of(people["bob"])
    monkeypatch.setattr(fast_pool, "PATIENCE", 0.2)
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    assert road.ask("/api/v1/orders/", token) is None
