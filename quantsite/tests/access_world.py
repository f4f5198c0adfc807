"""The people of the access tests, one row of everything, and the words that each of them must not see."""

import re
from dataclasses import dataclass, field, replace
from datetime import date

from axes.models import AccessAttempt
from django.apps import apps
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from accounts import alarms
from accounts.audit import record
from accounts.leases import take
from accounts.models import User
from accounts.roles import RESEARCHER, TRADER
from backtests.drift.models import DriftReport
from backtests.optimise.requests import OptimizationRequest, WalkForwardRequest
from backtests.requests import CostOptions, RunRequest
from backtests.tests.optimisations import optimized, walked
from backtests.tests.runs import finished
from marketdata.daily_facts import ContractRoll, DailySettlement, MainContractDay
from marketdata.live_models import FeedLogin, FeedState, InstrumentFeed, RecorderPosition, Subscription, TickGap
from marketdata.models import Instrument
from marketdata.quality.services import check_quality
from marketdata.services import store_simulated_bars
from marketdata.ticks.models import TickFile
from quantsite.testing.cast import make_user
from quantsite.tests.access_rules import ANYONE
from strategies.tests.instances import everything_of, make_instance
from trading import services
from trading.broker_models import BrokerLogin
from trading.tests.desk import make_desk
from trading.tests.risk_rows import risk_keys
from trading.tests.statements import settled_day

PEOPLE = sorted(ANYONE)
FIXED = {"app_label": "accounts", "url": "nothing/here", "content_type_id": "1"}


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
    feed = FeedLogin.objects.create(source="canary-feed", fronts="tcp://127.0.0.1:1", broker_id="9999", user_id="1")
    away = services.add_account(None, "away", kind="ctp")
    login = BrokerLogin.objects.create(account=away, fronts="tcp://127.0.0.1:1", broker_id="9999", user_id="1")
    instance = make_instance(
        "trend", people["alice"], desk.account, stage="paper", title="canary-strategy", note="canary-strategy"
    )
    drift = DriftReport.objects.create(instance=instance, trading_day=date(2024, 12, 2))
    keys = {
        "instance": str(instance.pk),
        "trading_day": str(drift.trading_day),
        "feedlogin": feed.source,
        "brokerlogin": str(login.pk),
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
        **risk_keys(desk, people, victor),
        **everything_of(instance, operator=people["bob"]),
        "admin/strategies/strategyinstance/do/<verb>/": "stop",
        "chart": "price",
        "part": "drift",
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
    secrets |= {desk.account.name, instance.title}
    watched = {"canary-alarm", "canary-audit", "canary-login", desk.account.name, instance.title}
    watched.add(run.result_hash)  # as evidence of the strategy, on which she may have to decide
    seen = {
        "ada": secrets,
        "rita": watched,
        "alice": own | {instance.title},
        "bob": {desk.account.name, instance.title},
    }
    return World(people, keys, {name: frozenset(secrets - seen.get(name, set())) for name in PEOPLE})
