"""Strategies and a person on one account, over two trading days: what all hold and have made is what the account says.

Money goes in and out, the runner is killed, the day is settled and the next one begins with a gap.
"""

import random
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.db.models import Sum

from marketdata.domain.calendar import from_day_number
from marketdata.domain.ticks import Tick
from marketdata.tests.domain.recorded import needs_data
from strategies.domain.hosting.virtual import VirtualBook
from strategies.event_models import StrategyOrder
from strategies.instance_models import StrategyInstance
from strategies.state_models import StrategyDay, StrategyPosition
from strategies.tests.live_day import LiveDay, fills_of, live_day
from strategies.tests.running.cast import CODE, CROSSES, DAY, FAR, NEXT, Role, enter, two_contracts
from strategies.tests.user_files import using
from strategies.verbs.holdings import held_lots
from trading import services as trading
from trading.account_models import AccountState, TradingAccount
from trading.choices import CommandKind
from trading.ledger_models import BalanceSnapshot, CashEntry, Position
from trading.order_models import Fill
from trading.verbs.inbox import enqueue
from trading.verbs.new_order import NewOrder

pytestmark = [needs_data, pytest.mark.real_data, pytest.mark.django_db(transaction=True)]

LEGS = (CODE, FAR)
MULTIPLIERS = dict.fromkeys(LEGS, DAY.multiplier)
CHUNK = 40
CAST = (
    *(Role(f"turns-{number}", "flips", "shared", "tick", (LEGS[number % 2],), {
        "isolated": False, "unit": 1 + number, "parameters": {"every": 11 + 6 * number}}) for number in range(3)),
    Role("rests", "rests", "shared", legs=(FAR,), terms={"isolated": False}),
    Role("crosses", "double_ma", "shared", terms={"parameters": CROSSES, "unit": 2}),
    Role("grid", "grid", "shared", legs=(FAR,), terms={"parameters": {"spacing": 4, "levels": 3}}),
    Role("pair", "spread", "shared", legs=LEGS, terms={"parameters": {"length": 5, "entry": 0.8}, "unit": 2}),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _made() -> Iterator[None]:
    """The strategies of this folder are users' own."""
    with using(Path(__file__).parent / "made"):
        yield


@pytest.mark.parametrize(
    ("seed", "every", "last"),
    [(1, 24, 1_920), *(pytest.param(seed, 36, None, marks=pytest.mark.soak) for seed in (2, 3, 4))],
)
def test_lots_and_profits_of_all_are_the_accounts(seed: int, every: int, last: int | None) -> None:
    drawn = random.Random(seed)  # noqa: S311 - repeatable, not secret
    chosen = two_contracts(DAY, every, last) + two_contracts(NEXT, every, 1_200)  # the next day's night begins
    with live_day(LEGS, chosen[0]) as day:
        rows = enter(day, "s", CAST)
        day.begin()
        kills = set(drawn.sample(range(CHUNK, len(chosen), CHUNK), 3))
        for at in range(0, len(chosen), CHUNK):
            if at in kills:
                day.kill()
                day.begin()
            day.play(chosen[at : at + CHUNK])
            _somebody(day, chosen[at], f"hand-{at}", drawn)
            day.settle()
        day.play(chosen[-2:])
        for loop in day.accounts.values():
            loop.tend()
        day.settle()
    account = TradingAccount.objects.get(code="s-shared")
    prices = {tick.instrument: tick.last for tick in chosen[-2:]}
    _lots_add_up(account, list(rows.values()), prices)
    _days_add_up(account, list(rows.values()), prices, day.capital)
    assert sum(bool(fills_of(row)) for row in rows.values()) >= len(rows) - 1


def _somebody(day: LiveDay, tick: Tick, name: str, drawn: random.Random) -> None:
    """A person trades at the day's limit, as much as there is at once; or money goes in or out."""
    account = next(iter(day.accounts))
    amount = Decimal(drawn.randrange(1, 200_000_00)) / 100
    what = drawn.choice(["buy", "sell", "sell", "buy", "deposit", "withdraw"])
    if what in {"deposit", "withdraw"}:
        moved = CommandKind.DEPOSIT if what == "deposit" else CommandKind.WITHDRAW
        row = day.accounts[account].account
        enqueue(None, row, moved, payload={"amount": str(amount), "note": ""})  # the account's loop is the test's
    else:
        price = tick.upper_limit if what == "buy" else tick.lower_limit
        offset = drawn.choice(["open", "auto"])
        trading.create_order(
            None, account, NewOrder(tick.instrument, what, offset, "fak", drawn.randrange(1, 4), name, price)
        )


def _by_hand(account: TradingAccount, until: date | None = None) -> VirtualBook:
    """The book of all fills that are no strategy's, up to a trading day."""
    book = VirtualBook(MULTIPLIERS)
    fills = Fill.objects.filter(account=account, strategy_key="").select_related("instrument").order_by("seq", "part")
    for fill in fills if until is None else fills.filter(trading_day__lte=until):
        sign = 1 if fill.direction == "buy" else -1
        book.fill(fill.instrument.code, sign * fill.volume, float(fill.price), float(fill.commission))
    return book


def _lots_add_up(account: TradingAccount, rows: list[StrategyInstance], last: dict[str, float]) -> None:
    hand = _by_hand(account)
    assert any(hand.lots(code) for code in last)
    for code in last:
        net = sum(
            row.volume if row.side == "long" else -row.volume
            for row in Position.objects.filter(account=account, instrument__code=code)
        )
        virtual = StrategyPosition.objects.filter(instance__in=rows, instrument__code=code).aggregate(lots=Sum("lots"))
        assert (virtual["lots"] or 0) + hand.lots(code) == net, code
    for row in rows:
        held = {each.instrument.code: each.lots for each in StrategyPosition.objects.filter(instance=row) if each.lots}
        assert held_lots(row) == held, row.key
        days = StrategyDay.objects.filter(instance=row)
        assert sum(each.orders for each in days) == StrategyOrder.objects.filter(instance=row).count(), row.key
        assert sum(each.fills for each in days) <= len(fills_of(row))


def _days_add_up(
    account: TradingAccount, rows: list[StrategyInstance], last: dict[str, float], capital: Decimal
) -> None:
    """In total, and each day for itself: the first one at its settlement prices."""
    state = AccountState.objects.get(account=account)
    entries = CashEntry.objects.filter(account=account)
    assert set(entries.values_list("kind", flat=True)) == {"deposit", "withdraw"}
    moved = sum((each.amount if each.kind == "deposit" else -each.amount for each in entries), Decimal(0))
    assert moved != capital
    hand = _by_hand(account)
    for code, price in last.items():
        hand.mark(code, price)
    made = float(state.balance - moved)
    profits = StrategyPosition.objects.filter(instance__in=rows).aggregate(sum=Sum("profit"))["sum"]
    assert float(profits) + hand.profit == pytest.approx(made, abs=0.05)
    statement = BalanceSnapshot.objects.get(account=account)
    assert statement.trading_day == from_day_number(DAY_NUMBER)
    before = _by_hand(account, statement.trading_day)
    for code, price in statement.prices.items():
        before.mark(code, float(price["price"]))
    days = StrategyDay.objects.filter(instance__in=rows)
    first = float(statement.balance - statement.pre_balance - statement.deposit + statement.withdraw)
    told = days.filter(trading_day=statement.trading_day).aggregate(sum=Sum("profit"))["sum"]
    assert float(told) + before.profit == pytest.approx(first, abs=0.05)
    whole = days.aggregate(sum=Sum("profit"))["sum"]
    assert float(whole) + hand.profit == pytest.approx(made, abs=0.05)


DAY_NUMBER = 17_812
"""2018-10-08."""
