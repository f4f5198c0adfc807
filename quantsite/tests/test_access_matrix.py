"""Deny by default: every address, socket and command of the platform, tried by everybody, against ``access_rules``.

A page, socket or command that is added without a rule fails here, and so does a rule that leads nowhere.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from http.cookies import SimpleCookie
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from axes.models import AccessAttempt
from channels.db import database_sync_to_async
from django.apps import apps
from django.contrib.admin import site
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from accounts import alarms
from accounts.audit import record
from accounts.commands import ActorCommand
from accounts.leases import take
from accounts.models import AuditEntry, User
from accounts.roles import RESEARCHER, TRADER
from backtests.optimise.requests import OptimizationRequest, WalkForwardRequest
from backtests.requests import CostOptions, RunRequest
from backtests.tests.optimisations import optimized, walked
from backtests.tests.runs import finished
from marketdata.daily_facts import ContractRoll, DailySettlement, MainContractDay
from marketdata.live_models import FeedState, InstrumentFeed, RecorderPosition, Subscription, TickGap
from marketdata.models import Instrument
from marketdata.quality.services import check_quality
from marketdata.services import store_simulated_bars
from marketdata.ticks.models import TickFile
from quantsite.asgi import CONSUMERS, application
from quantsite.common.errors import MissingError, RefusedError
from quantsite.testing.cast import make_user
from quantsite.tests.access_rules import ACTING, ANYONE, OPERATING, PUBLIC, RULES, SOCKETS
from trading.tests.desk import make_desk
from trading.tests.statements import settled_day

PEOPLE = sorted(ANYONE)
METHODS = ("get", "post", "put", "patch", "delete")
PAGE_METHODS = ("get", "post")  # Django's pages take every other method as a GET
ELSEWHERE = "203.0.113.7"  # not this machine
REFUSALS = {401, 403, 404, 405}
OUR_APPS = {"accounts", "marketdata", "trading", "strategies", "backtests", "quantsite"}
FIXED = {"app_label": "accounts", "url": "nothing/here", "content_type_id": "1"}
QUERIES = {
    "admin/autocomplete/": {
        "app_label": "accounts",
        "model_name": "alarm",
        "field_name": "acknowledged_by",
        "term": "",
    },
    "admin/search/": {"s": "canary", "extended": "1"},
}


# --- what there is -------------------------------------------------------------------------------------------


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    """Every route of the site, arguments as ``<name>``."""
    for entry in (resolver or get_resolver()).url_patterns:
        text = prefix + plain(str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from routes(entry, text)
        elif isinstance(entry, URLPattern):
            yield text


def plain(pattern: str) -> str:
    """A path or regular expression as text with ``<name>`` for its arguments."""
    pattern = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", pattern)
    return re.sub(r"<\w+:(\w+)>", r"<\1>", pattern).removeprefix("^").removesuffix("$")


def socket_routes() -> list[str]:
    """Every socket's path."""
    return [str(pattern.pattern) for name in CONSUMERS for pattern in import_module(name).websocket_urlpatterns]


def our_commands() -> dict[str, str]:
    """Name -> app of every management command of ours."""
    return {name: app for name, app in get_commands().items() if isinstance(app, str) and app in OUR_APPS}


def test_every_address_has_a_rule_and_every_rule_an_address() -> None:
    there = set(routes())
    assert (there - set(RULES), set(RULES) - there) == (set(), set())


def test_every_socket_has_a_rule() -> None:
    assert set(SOCKETS) == set(socket_routes())


def test_every_command_has_a_rule() -> None:
    assert set(ACTING) | OPERATING == set(our_commands())


def test_only_the_public_list_is_open_to_strangers() -> None:
    opened = {route for route, rule in RULES.items() if any("stranger" in rule.of(method) for method in METHODS)}
    assert opened == set(PUBLIC)


# --- the people and what they must not see --------------------------------------------------------------------


@dataclass
class World:
    """One row of everything, and the words by which it would be recognised in an answer."""

    people: dict[str, User]
    keys: dict[str, str]
    words: dict[str, frozenset[str]] = field(default_factory=dict)

    def path(self, route: str) -> str:
        """The route's address, arguments filled with the rows of this world."""

        def value(match: re.Match[str]) -> str:
            return self.key(route, match[1])

        return "/" + re.sub(r"<(\w+)>", value, route)

    def key(self, route: str, name: str) -> str:
        """The value of one argument."""
        if route in self.keys:
            return self.keys[route]
        if name in FIXED or name in self.keys:
            return FIXED.get(name) or self.keys[name]
        subject = re.match(r"(?:admin/\w+|api/v1)/([\w-]+)/", route)
        assert subject, f"no row for {route}"
        if subject[1] in self.keys:
            return self.keys[subject[1]]
        row = apps.get_model("marketdata", subject[1].removesuffix("s")).objects.first()
        assert row is not None, f"no row for {route}"
        return str(row.pk)


def cast() -> dict[str, User]:
    """Everybody but the stranger."""
    roles = {"alice": RESEARCHER, "erin": RESEARCHER, "bob": TRADER, "rita": "risk officer", "ada": "administrator"}
    return {name: make_user(name, roles.get(name)) for name in PEOPLE if name != "stranger"}


def _daily_rows(sim: Instrument) -> None:
    """A roll, a settlement, a main contract, a file of ticks, judged days."""
    day = date(2024, 1, 8)
    names = {"from_contract": "simrb2405.SIM", "to_contract": "simrb2410.SIM"}
    ContractRoll.objects.create(
        instrument=sim, trading_day=day, closes_day=day, old_close=3_600.0, new_close=3_500.0, **names
    )
    DailySettlement.objects.create(instrument=sim, trading_day=day, settlement_price=3_500.5)
    why = {"ratio": 1.1, "volume_share": 0.5, "leave_days": 8, "main": None, "present": None, "rival": None}
    MainContractDay.objects.create(product=sim.product, trading_day=day, instrument=sim, rule="first", reason=why)
    file = {"path": "SIM/simrb88/20200108.parquet", "rows": 1, "bytes": 1, "checksum": "0" * 64}
    TickFile.objects.create(instrument=sim, trading_day=date(2020, 1, 8), **file)
    check_quality(None, sim.code)


def _live_rows(sim: Instrument) -> str:
    """A feed, what it publishes, who wants it, the recorder, a gap; gives the key of the feed's lease."""
    held = take("feed:one", "here")
    FeedState.objects.create(source="one", kind="generator", status="running", epoch=held.epoch)
    InstrumentFeed.objects.create(instrument=sim, source="one", epoch=held.epoch)
    Subscription.objects.create(owner="strategy:1", instrument=sim)
    RecorderPosition.objects.create(source="one", stream_id="1-1")
    gap = {"trading_day": date(2024, 1, 8), "first_seq": 2, "last_seq": 3}
    TickGap.objects.create(instrument=sim, source="one", **gap)
    return held.name


def build() -> World:
    """Alice's finished run, an alarm, an audit entry, people who wait and work, a failed login."""
    people = cast()
    victor = make_user("victor", TRADER)
    wanda = User.objects.create(username="wanda", is_active=False, email="canary-wanda@example.com")
    User.objects.filter(pk=victor.pk).update(email="canary-victor@example.com")
    alarm = alarms.raise_alarm("margin", "canary-alarm", "80 %", "warning")
    with transaction.atomic():
        entry = record(None, "test.secret", "canary-audit")
    attempt = AccessAttempt.objects.create(
        username="canary-login", ip_address="10.0.0.1", failures_since_start=1, attempt_time=timezone.now()
    )
    sim = store_simulated_bars(None, interval="5m", first=date(2024, 1, 2), last=date(2024, 1, 19), seed=7).instrument
    _daily_rows(sim)
    lease = _live_rows(sim)
    costs = CostOptions(multiplier=10.0, price_tick=1.0, commission_rate=0.0001, margin_rate=0.1)
    asked = RunRequest("double_ma", sim.code, "5m", parameters={"fast": 3, "slow": 8}, costs=costs)
    run = finished(people["alice"], asked)
    search = OptimizationRequest(replace(asked, parameters={"slow": 8}), {"fast": "3:4:1"})
    optimization = optimized(people["alice"], search)
    walk = walked(people["alice"], WalkForwardRequest(search, in_sample=8, out_of_sample=5))
    desk = make_desk("bobs", people["bob"])
    keys = {
        "order": str(desk.order.pk),
        "fill": str(desk.fill.pk),
        "position": str(desk.position.pk),
        "tradingaccount": str(desk.account.pk),
        "accountcommand": str(desk.command.pk),
        "cashentry": str(desk.command.cash_entry.pk),
        "balancesnapshot": str(settled_day(desk).pk),
        "desk": str(desk.account.desk_id),
        "controlgroup": str(desk.account.control_group_id),
        "orders": str(desk.order.pk),
        "fills": str(desk.fill.pk),
        "trading-accounts": desk.account.code,
        "number": str(desk.command.pk),
        "admin/r/<content_type_id>/<object_id>/": "1",
        "user": str(victor.pk),
        "users": str(victor.pk),
        "admin/accounts/user/<object_id>/approve/": str(wanda.pk),
        "api/v1/users/<pk>/approve/": str(wanda.pk),
        "api/v1/instruments/<code>/": sim.code,
        "api/v1/instruments/<code>/hours/": sim.code,
        "api/v1/watchlist/<code>/": sim.code,
        "group": str(Group.objects.get(name=RESEARCHER).pk),
        "auditentry": str(entry.seq),
        "alarm": str(alarm.pk),
        "alarms": str(alarm.pk),
        "accessattempt": str(attempt.pk),
        "lease": quote(lease),
        "backtestrun": str(run.pk),
        "backtests": str(run.pk),
        "optimizationrun": str(optimization.pk),
        "optimizations": str(optimization.pk),
        "walkforwardrun": str(walk.pk),
        "walk-forwards": str(walk.pk),
    }
    secrets = {"canary-wanda", "canary-victor", "canary-alarm", "canary-audit", "canary-login"}
    own = {run.result_hash, optimization.best["result_hash"], optimization.trials.earliest("number").result_hash}
    secrets |= own
    secrets.add(desk.account.name)
    watched = {"canary-alarm", "canary-audit", "canary-login", desk.account.name}
    seen = {"ada": secrets, "rita": watched, "alice": own, "bob": {desk.account.name}}
    return World(people, keys, {name: frozenset(secrets - seen.get(name, set())) for name in PEOPLE})


@pytest.fixture
def world(db: None) -> World:
    """A world in the test's transaction."""
    return build()


# --- addresses ------------------------------------------------------------------------------------------------


def tries(who: str) -> Iterator[tuple[str, str, bool]]:
    """Every address, method and whether ``who`` is to be let in."""
    for route, rule in RULES.items():
        for method in METHODS if route.startswith("api/") else PAGE_METHODS:
            allowed = who in rule.of(method)
            if method == "get" or not (rule.reading and allowed):
                yield route, method, allowed


@pytest.mark.parametrize("who", PEOPLE)
def test_every_address_lets_in_who_may_and_nobody_else(who: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every method of every address; each try is undone, so that none sees what another did."""
    for page in site._registry.values():
        monkeypatch.setattr(page, "list_per_page", 5)  # who may see them is the question, not how many there are
    wrong = []
    caller = Caller(who, world.people.get(who))
    for route, method, allowed in tries(who):
        entries = deeds()
        with transaction.atomic():
            answer = caller.ask(method, world.path(route), QUERIES.get(route))
            wrong += complaints(answer, allowed, world.words[who], changed=deeds() != entries)
            transaction.set_rollback(True)
    assert wrong == []


class Caller:
    """Somebody with a browser for pages and a token for the API."""

    def __init__(self, who: str, user: User | None) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers: dict[str, Any] = {"REMOTE_ADDR": ELSEWHERE}
        if user:
            self.client.force_login(user)
            self.headers["HTTP_AUTHORIZATION"] = f"Bearer {AccessToken.for_user(user)}"
        self.cookies = self.client.cookies.output(header="", sep=";")

    def ask(self, method: str, path: str, query: dict[str, str] | None) -> Any:
        """One request, with the cookies as they were after the login."""
        self.client.cookies = SimpleCookie(self.cookies)
        if path.startswith("/api/"):
            body = {} if method == "get" else {"data": "{}", "content_type": "application/json"}
            self.client.cookies.clear()
            return getattr(self.client, method)(path, **body, **self.headers)
        return getattr(self.client, method)(path, query or {}, **self.headers)


def complaints(answer: Any, allowed: bool, secrets: frozenset[str], *, changed: bool) -> list[str]:
    """What is wrong with an answer, as lines for the report."""
    request = f"{answer.request['REQUEST_METHOD']} {answer.request['PATH_INFO']}: {answer.status_code}"
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    found = [f"{request} shows {word}" for word in secrets if word.encode() in content]
    if answer.status_code >= 500:
        return [*found, f"{request} is a crash"]
    if is_refusal(answer) == allowed:
        found.append(f"{request}: {'should be let in' if allowed else 'should be refused'}")
    if changed and not allowed:
        found.append(f"{request} did something")
    return found


def is_refusal(answer: Any) -> bool:
    """Whether the caller was turned away; a redirect to the console's front door is that too."""
    target = answer.headers.get("Location", "").split("?")[0]
    return answer.status_code in REFUSALS or target in ("/admin/login/", "/admin/")


def deeds() -> int:
    """How many entries of the audit trail tell of something done; refusals and failed logins are not deeds."""
    return AuditEntry.objects.exclude(verb__in=["refused", "login.failed"]).count()


# --- sockets --------------------------------------------------------------------------------------------------


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
    """The code with which a socket is closed at once; None where it stays open, silent."""
    protocols = ["quantsite.v1", *([f"bearer.{await in_thread(AccessToken.for_user, user)}"] if user else [])]
    socket: Any = ApplicationCommunicator(application, scope_of(f"/{path}", protocols))  # type: ignore[no-untyped-call]
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(10))["type"] == "websocket.accept"
    silent = await socket.receive_nothing(timeout=0.5)
    closed = None if silent else await socket.receive_output(10)
    socket.stop(exceptions=False)
    assert closed is None or closed["type"] == "websocket.close"
    return int(closed["code"]) if closed else None


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


# --- commands -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTING)
def test_every_acting_command_obeys_who_may(name: str, world: World, tmp_path: Path) -> None:
    audience, words = ACTING[name]
    csv = tmp_path / "empty.csv"
    csv.write_text("datetime,open,high,low,close,volume\n")
    words = tuple(word.format(csv=csv) for word in words)
    command = load_command_class(our_commands()[name], name)
    assert isinstance(command, ActorCommand)
    for who in world.people:
        entries = deeds()
        with transaction.atomic():
            refused = is_refused(name, *words, "--user", who)
            assert refused is (who not in audience), who
            assert not refused or deeds() == entries, who
            transaction.set_rollback(True)


@pytest.mark.parametrize("name", sorted(OPERATING))
def test_an_operators_command_acts_for_nobody(name: str) -> None:
    assert not isinstance(load_command_class(our_commands()[name], name), ActorCommand)


def is_refused(name: str, *words: str) -> bool:
    """Whether a command ends because the person may not, or may not know; other errors are another test's business."""
    try:
        call_command(name, *words, stdout=StringIO(), stderr=StringIO())
    except CommandError as error:
        cause = error.__cause__
        return isinstance(cause, RefusedError) or (isinstance(cause, MissingError) and cause.code == "unknown_account")
    return False
