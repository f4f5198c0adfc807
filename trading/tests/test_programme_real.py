"""The report on programmatic trading of recorded days: real gateway loops, an order program, and a count by hand.

Two accounts of one control group and one of another trade on the ticks of a file. The count by hand knows nothing but
the rows of events and the rules of DOMAIN.md 1: who controls the account, which exchange, which natural second.
"""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from django.db import connection

from marketdata import stream
from marketdata.domain.calendar import from_day_number
from marketdata.domain.ticks import Clock, Tick, encode
from marketdata.instruments import ensure_instrument
from marketdata.live_models import FeedState, InstrumentFeed
from marketdata.tests.domain.recorded import needs_data
from quantsite.common.errors import ConflictError
from quantsite.common.times import NS_PER_SECOND, ns_to_utc, utc_to_ns
from trading import services
from trading.account_models import TradingAccount
from trading.loop.account_loop import AccountLoop
from trading.order_models import Order
from trading.programme import programme_rows, reported_days
from trading.risk_models import AccountRisk
from trading.tests.loop_bench import WAIT_SECONDS, new_loop
from trading.tests.recorded_ticks import FILES, Recorded, ticks_of
from trading.verbs.new_order import NewOrder

pytestmark = [needs_data, pytest.mark.real_data, pytest.mark.embedded, pytest.mark.django_db(transaction=True)]

GROUPS = {"A1": "one", "A2": "one", "B1": "two"}
ACTS = 18
TICKS = 12
"""Of the file that are published between two acts: so many just before each."""
SHANGHAI = timezone(timedelta(hours=8))
EVENTS = """
    SELECT e.kind, e.market_time, e.body, i.code, m.exchange_id, g.code
    FROM trading_accountevent e
    JOIN trading_order o ON o.id = e.order_id
    JOIN marketdata_instrument i ON i.id = o.instrument_id
    JOIN marketdata_product m ON m.id = i.product_id
    JOIN trading_tradingaccount a ON a.id = e.account_id
    JOIN trading_controlgroup g ON g.id = a.control_group_id
    WHERE e.kind IN ('submitting', 'cancel_requested', 'cancelled')
"""


class Count(NamedTuple):
    """By hand: what one group sent to one exchange on one trading day, and what was withdrawn for it."""

    orders: int
    cancels: int
    bursts: dict[int, int]
    sliding: int
    most_withdrawn: int


@dataclass
class Day:
    """A recorded day, played to the loops of three accounts, on which a program trades."""

    recorded: Recorded
    drawn: random.Random
    source: str = field(default_factory=lambda: f"real-{uuid4().hex[:12]}")
    loops: list[AccountLoop] = field(default_factory=list)
    working: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.ticks = [tick for tick in ticks_of(self.recorded) if not tick.flags and tick.volume > 0]
        first = self.ticks[0]
        day = from_day_number(first.trading_day)
        row = ensure_instrument(self.recorded.code, day)
        InstrumentFeed.objects.create(instrument=row, source=self.source, epoch=1)
        told = ns_to_utc(first.time)
        FeedState.objects.create(source=self.source, kind="test", status="running", market_time=told)
        self.publisher = stream.publisher(self.source, 1)
        self._publish([first])

    def begin(self, stack: ExitStack) -> None:
        """The accounts' loops."""
        for code, group in GROUPS.items():
            account = services.add_account(None, code, capital=Decimal(10**9), control_group=group)
            self.loops.append(new_loop(account))
            stack.callback(self.loops[-1].__exit__)

    def play(self) -> None:
        """The day from its first tick to its last, with an act now and then."""
        marks = sorted(self.drawn.sample(range(TICKS, len(self.ticks)), ACTS))
        for mark in marks:
            self._publish(self.ticks[mark - TICKS : mark])
            self._turn()
            for loop in self.loops:
                self._act(loop.account, self.ticks[mark - 1])
            self._turn()
        for loop in self.loops:
            loop.commands.heed()  # what the others of the group have done since is read once a second
            loop.monitor.look()

    def _act(self, account: TradingAccount, tick: Tick) -> None:
        """Nothing, a few, or many at once: orders that rest, that fill, that the exchange ends, and cancels."""
        mine = self.working[account.code]
        for _each in range(self.drawn.choice([0, 1, 2, 5, 9, 12])):
            if mine and self.drawn.random() < 0.45:
                with suppress(ConflictError):  # filled meanwhile
                    services.cancel_order(None, mine.pop())
            else:
                mine.append(self._order(account, tick))

    def _order(self, account: TradingAccount, tick: Tick) -> int:
        """One or two lots bought: far below, or where somebody sells; a FAK far below is ended by the exchange."""
        far = self.drawn.random() < 0.8
        price = tick.lower_limit if far else min(tick.ask_price, tick.upper_limit)
        kind = "fak" if far and self.drawn.random() < 0.2 else "limit"
        volume = 1 + self.drawn.randrange(2)
        asked = NewOrder(self.recorded.code, "buy", "open", kind, volume, uuid4().hex, price)
        return services.create_order(None, account.code, asked)[0].pk

    def _publish(self, ticks: list[Tick]) -> None:
        for tick in ticks:
            self.publisher.send(encode(tick))
        last = ticks[-1]
        self.publisher.send(encode(Clock(self.source, last.time, last.trading_day, 0.0)))
        assert self.publisher.flush(WAIT_SECONDS)

    def _turn(self) -> None:
        wanted = stream.parse_id(stream.newest_id(self.source) or "0-0")
        for loop in self.loops:
            while stream.parse_id(loop.exchange.positions.get(self.source, "0-0")) < wanted:
                loop.turn(0.05)
            loop.market.look()
            loop.commands.heed()
            loop.commands.carry_out()


@pytest.fixture(params=FILES, ids=lambda recorded: recorded.file)
def day(request: pytest.FixtureRequest) -> Iterator[Day]:
    """One of the recorded days, traded."""
    with ExitStack() as stack:
        made = Day(request.param, random.Random(request.param.file))  # noqa: S311 - repeatable, not secret
        stack.callback(made.publisher.close)
        made.begin(stack)
        made.play()
        yield made


def trading_day(at: datetime) -> date:
    """The evening belongs to the next weekday: none of the recorded nights lies before a holiday."""
    wall = at.astimezone(SHANGHAI)
    day = wall.date() + timedelta(days=1 if wall.hour >= 18 else 0)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return day


def counted() -> dict[tuple[date, str, str], Count]:
    """By trading day, control group and exchange, from the rows of events alone."""
    with connection.cursor() as cursor:
        cursor.execute(EVENTS)
        rows = cursor.fetchall()
    sent: dict[Any, list[tuple[int, str]]] = defaultdict(list)
    withdrawn: dict[Any, Counter[str]] = defaultdict(Counter)
    for kind, at, body, code, exchange, group in rows:
        told = datetime.fromisoformat(at) if isinstance(at, str) else at
        moment = told if told.tzinfo else told.replace(tzinfo=UTC)  # SQLite keeps UTC without saying so
        key = trading_day(moment), group, exchange
        if kind != "cancelled":
            sent[key].append((utc_to_ns(moment), kind))
        elif not (json.loads(body) if isinstance(body, str) else body)["order"]["reason_code"]:
            withdrawn[key][code] += 1
    return {key: _count(actions, withdrawn[key]) for key, actions in sent.items()}


def _count(actions: list[tuple[int, str]], withdrawn: Counter[str]) -> Count:
    times = sorted(at for at, _kind in actions)
    orders = sum(kind == "submitting" for _at, kind in actions)
    seconds = Counter(at // NS_PER_SECOND for at in times)
    bursts = {second * NS_PER_SECOND: number for second, number in seconds.items() if number >= 10}
    windows, left = 0, times
    while any(left[n] - left[n - 9] < NS_PER_SECOND for n in range(9, len(left))):
        end = next(n for n in range(9, len(left)) if left[n] - left[n - 9] < NS_PER_SECOND)
        windows, left = windows + 1, left[end + 1 :]
    return Count(orders, len(actions) - orders, bursts, windows, max(withdrawn.values(), default=0))


def test_report_monitor_and_a_count_by_hand_agree(day: Day) -> None:
    found = counted()
    told = {
        (row.trading_day, row.group.code, row.counts.exchange): Count(
            row.counts.orders,
            row.counts.cancels,
            {burst.second: burst.actions for burst in row.counts.bursts},
            row.counts.sliding,
            row.most_cancels,
        )
        for row in programme_rows(reported_days(None, None, 10))
    }
    assert told == found
    today = from_day_number(day.ticks[0].trading_day)
    assert {key[0] for key in found} == {today}
    assert {key[1:] for key in found} == {(group, day.recorded.exchange) for group in ("one", "two")}
    one = found[today, "one", day.recorded.exchange]
    assert one.bursts
    assert one.orders > 40 < 10 * one.most_withdrawn
    ended = Order.objects.filter(status="cancelled", account__control_group__code="one").exclude(reason_code="")
    assert ended.exists(), "what the exchange has withdrawn by itself counts nowhere"
    _check_pictures(found, today, day)


def _check_pictures(found: dict[tuple[date, str, str], Count], today: date, day: Day) -> None:
    """What the monitors have stored, of every account for its whole group."""
    for risk in AccountRisk.objects.select_related("account"):
        ours = found[today, GROUPS[risk.account.code], day.recorded.exchange]
        [seen] = risk.figures["bursts"]
        assert (seen["orders"], seen["cancels"]) == (ours.orders, ours.cancels), risk.account.code
        assert (seen["bursts"], seen["sliding"]) == (len(ours.bursts), ours.sliding)
        [budget] = risk.figures["cancel_budget"]
        assert budget["used"] == ours.most_withdrawn
