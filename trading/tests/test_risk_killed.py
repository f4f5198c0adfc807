"""What a gateway has counted when it is killed by SIGKILL is what its successor goes by: the next order shows it.

Each rule is asked twice by orders of strategies of its own: with a limit that is reached, which refuses, and with one
that leaves room for exactly one more, which does not.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from trading import services
from trading.account_models import AccountState
from trading.domain.risk.rules import Rule
from trading.domain.risk.switches import Strength
from trading.limit_models import RiskLimit, RiskRevision
from trading.order_models import Order
from trading.risk_models import AccountRisk
from trading.tests.loop_bench import HC, RB
from trading.tests.risk_table import changed, limit, release, stop
from trading.tests.street_desk import StreetDesk, street_desk

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

LARGE = 5
"""Lots of a large cancel, here."""
MINUTE = {"seconds": 60.0}
NEAR = {RB: 3890.0, HC: 2950.0}
"""Prices that rest at the end of the day's fall, a yuan apart downwards."""
COMMISSION = 20.0
"""Yuan, more than a lot costs."""


@dataclass
class Day:
    """What the account has done on its trading day, counted by hand."""

    desk: StreetDesk
    orders: Counter[str] = field(default_factory=Counter)
    cancels: Counter[str] = field(default_factory=Counter)
    large: Counter[str] = field(default_factory=Counter)
    same: int = 0
    used: Counter[str] = field(default_factory=Counter)

    def price(self, code: str) -> float:
        """One that no order had before, so that nothing is a duplicate but what is meant to be."""
        self.used[code] += 1
        return NEAR[code] - self.used[code]

    def sent(self, code: str, volume: int = 1, **given: object) -> Order:
        """One more order that rests."""
        self.orders[code] += 1
        return self.desk.placed("buy", "open", self.price(code), volume, instrument=code, **given)

    def withdrawn(self, order: Order) -> None:
        """One more cancel."""
        self.gone(order)
        assert self.desk.cancelled(order).status == "cancelled"

    def gone(self, order: Order) -> None:
        """Count a cancel that somebody has asked for."""
        code = order.instrument.code
        self.cancels[code] += 1
        self.large[code] += order.left >= LARGE

    def again(self) -> Order:
        """The one order that is sent again and again."""
        return self.desk.placed("buy", "open", 3700.0, instrument=RB, strategy="")


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    """An account whose gateway is a process, and a market of two instruments."""
    with street_desk(tmp_path, "T1") as desk:
        desk.street.tick(3000.0, code=HC, upper_limit=3300.0, lower_limit=2700.0, pre_settlement=3000.0)
        yield Day(desk)


def mix(day: Day) -> None:
    """Fills, cancels large and small, what the exchange ends by itself, what a stop withdraws, what is refused."""
    desk = day.desk
    day.orders[RB] += 2
    assert desk.placed("buy", "open", 4001.0, 6).status == "filled"
    assert desk.placed("buy", "open", 3995.0, 3, type="fak").status == "cancelled"  # by the exchange: no cancel
    resting = [day.sent(RB, volume) for volume in (1, LARGE, LARGE + 1, 2)]
    other = [day.sent(HC, volume) for volume in (1, LARGE)]
    for order in (*resting[:2], other[1]):
        day.withdrawn(order)
    assert desk.placed("buy", "open", 3990.0, 400).status == "rejected"  # no funds: never sent
    row = stop(Strength.CANCEL_ALL, "product", "hc.SHFE")
    day.gone(desk.ended(other[0]))
    assert desk.placed("buy", "open", 2990.0, instrument=HC).reason_code == "stopped"  # never sent
    release(row)
    day.withdrawn(resting[2])


def rise_and_fall(day: Day) -> None:
    """A peak of the balance, then a loss."""
    before = figures(day)["balance"]
    day.desk.street.tick(4050.0)
    day.desk.running.wait(lambda: figures(day)["balance"] > before + 1_000, "the profit is seen")
    day.desk.street.tick(3900.0)
    day.desk.running.wait(lambda: figures(day)["day_profit"] < -1_000, "the loss is seen")


def figures(day: Day) -> dict[str, float]:
    """The funds as the gateway told them last."""
    found: dict[str, float] = AccountRisk.objects.get(account=day.desk.accounts["T1"]).figures
    return found


def set_edges(day: Day) -> None:
    """A limit that is reached, and one that leaves room for one more, of each rule for a strategy of its own."""
    RiskLimit.objects.all().delete()
    funds = figures(day)
    for code in (RB, HC):
        edge(Rule.ORDERS_INSTRUMENT, code, day.orders[code], day.orders[code] + 1)
        edge(Rule.CANCELS_INSTRUMENT, code, day.cancels[code], day.cancels[code] + 1)
        edge(Rule.LARGE_CANCELS, code, day.large[code], day.large[code] + 1, volume=LARGE)
    edge(Rule.DUPLICATES, RB, day.same, day.same + 1, **MINUTE)
    edge(Rule.DRAWDOWN, RB, funds["drawdown"] * 0.999999, funds["drawdown"] * 1.000001)
    edge(Rule.DAILY_LOSS, RB, -funds["day_profit"], COMMISSION - funds["day_profit"])
    changed()


def edge(rule: Rule, code: str, reached: float, left: float, **params: float) -> None:
    """The two limits of a rule in an instrument."""
    limit(rule, reached, "strategy", f"{rule}-{code}-reached", **params)
    limit(rule, left, "strategy", f"{rule}-{code}-left", **params)


def judge(day: Day) -> None:
    """Every limit that is reached refuses, and every other one lets one more order go."""
    for code in (RB, HC):
        for rule in (Rule.ORDERS_INSTRUMENT, Rule.CANCELS_INSTRUMENT, Rule.LARGE_CANCELS):
            refuses(day, rule, code, LARGE if rule is Rule.LARGE_CANCELS else 1)
    for rule in (Rule.DRAWDOWN, Rule.DAILY_LOSS):
        refuses(day, rule, RB)
    for code in (RB, HC):
        for rule in (Rule.ORDERS_INSTRUMENT, Rule.CANCELS_INSTRUMENT, Rule.LARGE_CANCELS):
            allows(day, rule, code, LARGE if rule is Rule.LARGE_CANCELS else 1)
    for rule in (Rule.DRAWDOWN, Rule.DAILY_LOSS):
        allows(day, rule, RB)


def refuses(day: Day, rule: Rule, code: str, volume: int = 1, price: float = 0.0) -> None:
    """An order beyond the limit that is reached is refused by that rule."""
    given = {"instrument": code, "strategy": f"{rule}-{code}-reached"}
    order = day.desk.placed("buy", "open", price or day.price(code), volume, **given)
    assert (order.status, order.reason_code) == ("rejected", rule.value), f"{order.reason_text} {day}"


def allows(day: Day, rule: Rule, code: str, volume: int = 1, price: float = 0.0) -> None:
    """There is room for one more."""
    given = {"instrument": code, "strategy": f"{rule}-{code}-left"}
    order = day.desk.placed("buy", "open", price or day.price(code), volume, **given)
    day.orders[code] += 1
    assert order.status == "accepted", f"{rule} {order.reason_text} {day}"


def test_counters_after_a_kill_are_those_before_it(day: Day) -> None:
    desk, account = day.desk, day.desk.accounts["T1"]
    mix(day)
    rise_and_fall(day)
    set_edges(day)
    newest = RiskRevision.objects.get(pk=1).number
    desk.running.wait(lambda: AccountRisk.objects.get(account=account).revision >= newest, "the limits are known")
    judge(day)

    for _time in range(3):
        day.again()
    day.same, day.orders[RB] = 3, day.orders[RB] + 3
    last = day.sent(RB)
    before = figures(day)
    services.cancel_order(None, last.pk)  # perhaps it is at that when it dies
    desk.kill("T1")
    day.gone(last)
    epoch = AccountState.objects.get(account=account).epoch
    set_edges(day)
    desk.begin("T1")
    assert desk.ended(last).status == "cancelled"
    refuses(day, Rule.DUPLICATES, RB, price=3700.0)
    allows(day, Rule.DUPLICATES, RB, price=3700.0)
    assert AccountState.objects.get(account=account).epoch > epoch
    set_edges(day)
    newest = RiskRevision.objects.get(pk=1).number
    desk.running.wait(lambda: AccountRisk.objects.get(account=account).revision >= newest, "the limits are known")
    judge(day)
    after = figures(day)
    assert [after[name] for name in ("balance", "drawdown", "day_profit")] == pytest.approx(
        [before[name] for name in ("balance", "drawdown", "day_profit")]
    )
