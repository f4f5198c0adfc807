"""Orders placed on the fast road and on Django's: the same answer and rows, and nothing that Django would refuse."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
import structlog
from django.contrib.auth.models import Group, Permission
from django.db import connection, connections
from django.db.models import QuerySet
from django.test import Client
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.models import AuditEntry, User
from accounts.services import logout
from accounts.tokens import mark
from marketdata.live_models import FeedState, InstrumentFeed
from marketdata.models import Instrument
from quantsite.asgi import application
from quantsite.testing.cast import make_user
from quantsite.tests.test_fast_reads import PEOPLE, scope_of, token_of
from quantsite.web import fast_pool, metrics
from quantsite.web.fast_reads import FastReads
from quantsite.web.fast_writes import FastWrites
from trading import fast_orders, services
from trading.account_models import TRADE, VIEW, AccountState, TradingAccount
from trading.api import OrderViewSet
from trading.order_models import AccountCommand, AccountEvent, Order
from trading.tests.desk import CODE, NOON, make_desk

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no fast road"),
]

ADDRESS = "/api/v1/orders/"
BODY = {
    "account": "bobs", "instrument": CODE, "direction": "buy", "offset": "open", "type": "limit", "price": 3312,
    "volume": 2, "client_order_id": "mine",
}  # fmt: skip
FAST: list[dict[str, Any]] = [
    {},
    {"price": 3312.0, "stop_price": None},
    {"client_order_id": "~\"!\\'%s"},
    {"direction": "sell", "offset": "auto", "type": "fak"},
    {"direction": "sell", "offset": "close_today", "type": "fok", "volume": 500},
    {"type": "stop", "price": None, "stop_price": 3400},
    {"type": "stop", "price": 3401, "stop_price": 3400.0},
]
"""Changes of the body that change nothing about its being placed at once."""
SLOW: list[dict[str, Any]] = [
    {"volume": 2.0},
    {"volume": "2"},
    {"price": "3312"},
    {"client_order_id": "a\n"},
    {"account": " bobs "},
    {"instrument": f" {CODE}"},
]
"""What Django takes though no program says it so."""
REFUSED: list[dict[str, Any]] = [
    {"price": 3312.3},
    {"price": -3312},
    {"price": None},
    {"price": "nan"},
    {"price": 1e300},
    {"stop_price": 3400},
    {"volume": 0},
    {"volume": 2.5},
    {"volume": 501},
    {"volume": 10**10},
    {"type": "best"},
    {"type": "market", "price": None},
    {"type": "later"},
    {"direction": "up"},
    {"offset": None},
    {"client_order_id": "a b"},
    {"volume": True},
    {"client_order_id": "x" * 65},
    {"leverage": 10},
    {"instrument": "xx9999.SHFE"},
    {"instrument": "rb88.SHFE"},
    {"instrument": "rb2401.SHFE"},
    {"account": "nobodys"},
    {"account": "closed"},
]
"""What Django refuses."""


class Road:
    """The fast road alone: what it hands on is kept."""

    def __init__(self) -> None:
        front: Any = application.application_mapping["http"]
        assert isinstance(front, FastReads)
        assert isinstance(front.inner, FastWrites)
        self.front = FastWrites(self._hand_on, front.inner.writes.values(), front.inner._claims.__wrapped__)
        self.runner = asyncio.Runner()
        self.handed_on: list[bytes] = []

    def place(self, token: str, body: Any, **headers: str) -> Any:
        """The status, headers and JSON; None where it is handed on."""
        return self.runner.run(self.post(token, orjson.dumps(body), headers))

    def close(self) -> None:
        """Let go of the connections."""
        self.runner.run(fast_pool.close())
        self.runner.close()

    async def post(self, token: str, body: bytes, headers: dict[str, str], parts: int = 1, **scope: Any) -> Any:
        """The same with the body as bytes, which come in so many parts."""
        given = {"content-type": "application/json", "content-length": str(len(body)), **headers}
        asked = {**scope_of(ADDRESS, token, given), "method": "POST", **scope}
        size = -(-len(body) // parts)
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        coming = iter(
            [{"type": "http.request", "body": piece, "more_body": piece is not pieces[-1]} for piece in pieces]
        )
        sent: list[dict[str, Any]] = []

        async def receive() -> Any:
            return next(coming)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.front(asked, receive, send)
        return (sent[0]["status"], dict(sent[0]["headers"]), orjson.loads(sent[1]["body"])) if sent else None

    async def _hand_on(self, _scope: Any, receive: Any, _send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        self.handed_on.append(body)


@pytest.fixture
def road() -> Iterator[Road]:
    """The road with connections of its own."""
    made = Road()
    yield made
    made.close()


@pytest.fixture
def people() -> dict[str, User]:
    """The cast; ``bobs`` is Bob's, and the instrument is subscribed for it by a first order. It is noon."""
    cast = {name: make_user(name, role) for name, role in PEOPLE.items()}
    for code in ("bobs", "closed"):
        instrument = make_desk(code, cast["bob"]).order.instrument
    FeedState.objects.create(source="one", kind="replay", status="running", epoch=1, market_time=NOON)
    Instrument.objects.filter(code=CODE).update(max_limit_volume=500)
    InstrumentFeed.objects.create(instrument=instrument, source="one", epoch=1)
    for code in ("bobs", "closed"):
        assert slowly(token_of(cast["bob"]), {**BODY, "account": code, "client_order_id": "first"}).status_code == 201
    TradingAccount.objects.filter(code="closed").update(is_active=False)
    return cast


def slowly(token: str, body: Any) -> Any:
    """Django's answer."""
    return Client().post(ADDRESS, orjson.dumps(body), "application/json", headers={"authorization": f"Bearer {token}"})


def rows_of(order: int, client_order_id: str) -> list[dict[str, Any]]:
    """All that is stored of an order, but what no other can have the same."""
    found: list[dict[str, Any]] = []
    each: tuple[QuerySet[Any], ...] = (
        Order.objects.filter(pk=order),
        AccountEvent.objects.filter(order_id=order),
        AccountCommand.objects.filter(order_id=order),
    )
    for rows in each:
        [row] = rows.values()
        found.append(row)
    own = {"id", "order_id", "seq", "created_at", "client_order_id", "request_id"}
    told = found[1]["body"]["order"]
    assert (told.pop("id"), told.pop("client_order_id")) == (order, client_order_id)
    assert told.pop("created_at").endswith("Z")
    return [{name: value for name, value in row.items() if name not in own} for row in found]


def counts() -> tuple[int, ...]:
    """How much is stored."""
    return tuple(model.objects.count() for model in (Order, AccountEvent, AccountCommand, AuditEntry))


@pytest.mark.parametrize("change", FAST, ids=str)
def test_what_is_placed_is_what_django_would_place(road: Road, people: dict[str, User], change: dict[str, Any]) -> None:
    token, body = token_of(people["bob"]), {**BODY, **change}
    before = AccountState.objects.get(account__code="bobs").last_seq
    status, headers, told = road.place(token, body)
    assert status == 201
    again = slowly(token, body)
    assert (again.status_code, again.json()) == (200, told)
    assert headers[b"location"].decode() == again.headers["Location"]
    assert Client().get(headers[b"location"].decode(), headers={"authorization": f"Bearer {token}"}).json() == told
    twin = slowly(token, {**body, "client_order_id": "twin"})
    assert twin.status_code == 201
    assert rows_of(told["id"], body["client_order_id"]) == rows_of(twin.json()["id"], "twin")
    seqs = AccountEvent.objects.filter(order_id=told["id"]).values_list("seq", flat=True)
    assert list(seqs) == [before + 1]
    assert AccountState.objects.get(account__code="bobs").last_seq == before + 2


@pytest.mark.parametrize("change", [*SLOW, *REFUSED], ids=str)
def test_what_is_said_otherwise_is_left_to_django(road: Road, people: dict[str, User], change: dict[str, Any]) -> None:
    token, body = token_of(people["bob"]), {**BODY, **change}
    before = counts()
    assert road.place(token, body) is None
    assert counts() == before
    assert road.handed_on == [orjson.dumps(body)]
    answer = slowly(token, body)
    assert answer.status_code == 201 if change in SLOW else answer.status_code in {400, 404, 409}


def test_the_same_again_and_another_of_the_same_name_are_djangos(road: Road, people: dict[str, User]) -> None:
    token = token_of(people["bob"])
    assert road.place(token, BODY)[0] == 201
    before = counts()
    assert road.place(token, BODY) is None
    assert road.place(token, {**BODY, "volume": 3}) is None
    assert counts() == before
    assert slowly(token, {**BODY, "volume": 3}).json()["code"] == "client_order_id_used"


def test_whoever_may_place_it_there_may_place_it_here(road: Road, people: dict[str, User]) -> None:
    people["eve"] = User.objects.create_superuser("eve", password=None)
    people["dora"] = make_user("dora")
    services.grant_account(None, "bobs", Group.objects.get(name="researcher"), VIEW)
    placed = {name: _may(road, user) for name, user in people.items()}
    assert placed["bob"]
    assert placed["eve"]
    assert not placed["alice"]
    assert not placed["charlie"]
    services.grant_account(None, "bobs", Group.objects.get(name="trader"), TRADE)
    services.revoke_account(None, "bobs", people["bob"], TRADE)
    assert _may(road, people["bob"])
    dora = people["dora"]
    for codename in ("view_order", "view_tradingaccount", "trade_tradingaccount", "trade_every_tradingaccount"):
        assert not _may(road, dora), codename
        dora.user_permissions.add(Permission.objects.get(codename=codename))
    services.grant_account(None, "bobs", dora, VIEW)
    assert _may(road, dora)
    dora.user_permissions.remove(Permission.objects.get(codename="trade_every_tradingaccount"))
    assert not _may(road, dora)


def _may(road: Road, user: User) -> bool:
    """Whether the person may place an order on Bob's account, which both roads say alike."""
    name, token = f"o{Order.objects.count()}", token_of(user)
    before = counts()[:3]
    found = road.place(token, {**BODY, "client_order_id": name})
    assert found is not None or counts()[:3] == before
    told = slowly(token, {**BODY, "client_order_id": f"{name}-twin"})
    assert (found is not None) == (told.status_code == 201), (user.username, told.json())
    return found is not None


def test_a_login_that_ended_places_nothing(road: Road, people: dict[str, User]) -> None:
    bob = people["bob"]
    refresh = RefreshToken.for_user(bob)
    mark(refresh, bob)
    token = str(refresh.access_token)
    assert road.place(token, BODY) is not None
    logout(bob, str(refresh))
    assert road.place(token, {**BODY, "client_order_id": "later"}) is None
    assert slowly(token, {**BODY, "client_order_id": "later"}).status_code == 401
    token = token_of(bob)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert road.place(token, {**BODY, "client_order_id": "later"}) is None


def test_the_contract_is_asked_anew_every_time(road: Road, people: dict[str, User]) -> None:
    token = token_of(people["bob"])
    assert road.place(token, BODY) is not None
    Instrument.objects.filter(code=CODE).update(price_tick=5)
    assert road.place(token, {**BODY, "client_order_id": "off-the-grid"}) is None
    assert road.place(token, {**BODY, "client_order_id": "on-it", "price": 3310}) is not None
    Instrument.objects.filter(code=CODE).update(expires=NOON.date())
    assert road.place(token, {**BODY, "client_order_id": "the-last-day", "price": 3310}) is None
    assert slowly(token, {**BODY, "client_order_id": "the-last-day", "price": 3310}).status_code == 201


def test_a_request_that_is_unlike_a_programs_goes_to_django(road: Road, people: dict[str, User]) -> None:
    token, body = token_of(people["bob"]), orjson.dumps(BODY)
    before = counts()
    for header in (
        {"cookie": "sessionid=1"},
        {"accept": "text/html"},
        {"host": "elsewhere.example"},
        {"transfer-encoding": "chunked"},
        {"content-type": "text/plain"},
        {"content-type": "application/json; charset=gbk"},
        {"authorization": f"Token {token}"},
    ):
        assert road.runner.run(road.post(token, body, header)) is None, header
    for scope in ({"method": "PUT"}, {"query_string": b"format=json"}, {"root_path": "/desk"}):
        assert road.runner.run(road.post(token, body, {}, **scope)) is None, scope
    for odd in (b"{", b"[]", b"\xef\xbb\xbf" + body, body + b" " * 4_096, body[:-1] + b',"price":NaN}'):
        assert road.runner.run(road.post(token, odd, {}, parts=3)) is None, odd
        assert road.handed_on.pop() == odd
    assert counts() == before
    assert road.runner.run(road.post(token, body, {}, parts=3))[0] == 201


def test_many_at_once_are_numbered_without_a_gap_on_both_roads(road: Road, people: dict[str, User]) -> None:
    token = token_of(people["bob"])
    before = AccountState.objects.get(account__code="bobs").last_seq

    def place_slowly(number: int) -> int:  # each name twice
        try:
            return int(slowly(token, {**BODY, "client_order_id": f"slow-{number // 2}"}).status_code)
        finally:
            connections.close_all()

    async def together() -> list[Any]:
        names = [f"fast-{number // 2}" for number in range(40)]
        bodies = [orjson.dumps({**BODY, "client_order_id": name}) for name in names]
        return await asyncio.gather(*(road.post(token, body, {}) for body in bodies))

    with ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(place_slowly, number) for number in range(20)]
        fast = road.runner.run(together())
        statuses = sorted(task.result() for task in slow)
    assert statuses == [200] * 10 + [201] * 10
    assert len([found for found in fast if found is not None]) == 20
    seqs = (
        AccountEvent.objects.filter(account__code="bobs", seq__gt=before).order_by("seq").values_list("seq", flat=True)
    )
    assert list(seqs) == list(range(before + 1, before + 31))
    assert AccountState.objects.get(account__code="bobs").last_seq == before + 30


def test_an_answer_carries_the_headers_of_django_and_is_counted(road: Road, people: dict[str, User]) -> None:
    token = token_of(people["bob"])
    counter = metrics.REQUESTS.labels("POST", "order-list", "201")
    before = counter._value.get()
    with structlog.testing.capture_logs() as lines:
        _status, headers, told = road.place(token, BODY, **{"x-request-id": "a-request-of-mine"})
    assert counter._value.get() == before + 1
    [line] = [line for line in lines if line["event"] == "request"]
    assert {name: line[name] for name in ("method", "path", "status", "user")} == {
        "method": "POST", "path": ADDRESS, "status": 201, "user": "bob",
    }  # fmt: skip
    assert AccountCommand.objects.get(order_id=told["id"]).request_id == "a-request-of-mine"
    twin = slowly(token, {**BODY, "client_order_id": "twin"})
    assert counter._value.get() == before + 2
    names = {"Vary", "Allow", "Content-Language", "X-Request-ID", "Content-Length", "Location"}
    expected = {name.lower().encode(): value.encode() for name, value in twin.items() if name not in names}
    assert headers.items() >= expected.items()
    assert headers[b"x-request-id"] == b"a-request-of-mine"


def test_the_gateway_and_the_sockets_are_told(
    road: Road, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(fast_orders, "wake_soon", woken.append)
    road.place(token_of(people["bob"]), BODY)
    assert woken == [Order.objects.get(client_order_id="mine").account_id]
    road.place(token_of(people["bob"]), BODY)
    assert len(woken) == 1


def test_orders_are_not_limited_in_their_rate_by_django() -> None:
    """A limit would have to be counted here too."""
    assert not hasattr(OrderViewSet, "throttle_scope")


def test_a_database_that_is_away_is_djangos_to_tell(road: Road, people: dict[str, User], monkeypatch: Any) -> None:
    token = token_of(people["bob"])
    monkeypatch.setattr(fast_pool, "PATIENCE", 0.2)
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    assert road.place(token, BODY) is None
    assert road.handed_on == [orjson.dumps(BODY)]
