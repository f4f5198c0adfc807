"""The books of an account at the fake front of a broker, through the loop: they agree whatever happens to them."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest

from accounts import proposals
from accounts.models import Alarm, User
from marketdata.daily_facts import DailySettlement
from marketdata.models import Instrument
from quantsite.testing.ctp.front import Front
from trading import services
from trading.books_models import BookAdoption, BrokerComparison, BrokerRate, BrokerSession, BrokerStatement
from trading.ledger_models import BalanceSnapshot, CashEntry
from trading.limit_models import KillSwitch
from trading.models import AccountState, Fill, Order, Position, TradingAccount
from trading.tests.ctp.broker_bench import BrokerBench, M, broker_bench, unready
from trading.tests.loop_bench import RB

pytestmark = [pytest.mark.django_db(transaction=True)]

DAY, NEXT_DAY = date(2024, 1, 2), date(2024, 1, 3)
NIGHTLY = "20240103"


@pytest.fixture
def front(ctp_front: Callable[..., Front]) -> Front:
    """A broker's front on the second of January 2024."""
    return ctp_front("20240102")


@pytest.fixture
def desk(front: Front, tmp_path: Path) -> Iterator[BrokerBench]:
    """An account at a broker, ready to trade."""
    with broker_bench(front, tmp_path) as made:
        yield made


@pytest.fixture
def early(front: Front, tmp_path: Path) -> Iterator[BrokerBench]:
    """The same before its first login."""
    made = unready(front, tmp_path)
    try:
        yield made
    finally:
        made.end()


def compared(desk: BrokerBench) -> BrokerComparison:
    """The next comparison, of figures that are asked from now on."""
    before = BrokerComparison.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    desk.loop.commands.books.compare_soon()
    rows = BrokerComparison.objects.filter(pk__gt=before).order_by("pk")
    found: BrokerComparison = desk.until(rows.first, "the books are compared")
    return found


def wrong(row: BrokerComparison) -> dict[str, tuple[Any, Any]]:
    """What differs: our figure and the broker's."""
    lines = row.lines or []
    return {f"{one['subject']} {one['field']}": (one["own"], one["broker"]) for one in lines if not one["agrees"]}


def agree(desk: BrokerBench) -> None:
    """Not one difference, and the rows rebuild to what is in memory."""
    row = compared(desk)
    assert wrong(row) == {}
    assert row.differences == 0
    assert services.reconcile(None, desk.account.code) == []


def figures(desk: BrokerBench) -> Any:
    """Funds and positions as the rows have them."""
    state = AccountState.objects.get(account=desk.account)
    held = Position.objects.filter(account=desk.account).order_by("instrument__code", "side")
    money = (state.pre_balance, state.deposit, state.margin, state.frozen_margin, state.commission, state.close_profit)
    return money, list(held.values_list("instrument__code", "side", "volume", "today", "frozen", "open_price"))


def other_terminal(
    desk: BrokerBench, symbol: str, direction: str = "0", offset: str = "0", *, price: float = 4001.0, volume: int = 2
) -> Any:
    """Another terminal's order."""
    return desk.front.foreign(desk.me, symbol, direction, offset, price=price, volume=volume)


def test_the_first_login_begins_the_books_and_they_agree(desk: BrokerBench) -> None:
    assert (BookAdoption.objects.get().trading_day, desk.loop.keeper.trading_day) == (DAY, DAY)
    agree(desk)
    session = BrokerSession.objects.get()
    assert (session.state, session.trading_day) == ("ready", DAY)
    statement = BrokerStatement.objects.get()
    assert "期末结存" in statement.text
    assert statement.confirmed_at is not None


def test_books_agree_after_all_that_an_order_can_do(desk: BrokerBench) -> None:
    """Fills whole and in parts, cancels, refusals, resting closes, two exchanges, another price each time."""
    desk.placed("buy", "open", 4001.0, 3, status="filled")
    agree(desk)
    assert set(BrokerRate.objects.values_list("instrument__code", flat=True)) == {RB}
    resting = desk.placed("buy", "open", 3950.0, 2)
    agree(desk)
    desk.front.on("ReqOrderInsert", "fills", volumes=[1, 1], rest="cancel")
    desk.placed("sell", "open", 3990.0, 4, instrument=M, status="cancelled")
    desk.front.price("rb2405", 4012.0)
    agree(desk)
    desk.placed("sell", "close_today", 4050.0, 1)
    agree(desk)
    desk.placed("sell", "auto", 3999.0, 2, status="filled")
    desk.cancel(resting)
    desk.stands(resting, "cancelled")
    desk.front.on("ReqOrderInsert", "refuse", code=31)
    desk.placed("buy", "open", 3980.0, 1, status="rejected")
    desk.front.price("m2405", 3977.0)
    agree(desk)
    assert not KillSwitch.objects.exists()


def test_instruments_that_the_broker_tells_are_taken_over(desk: BrokerBench) -> None:
    """Our table charges the larger side of rb, the broker's does not: its word counts."""
    row = Instrument.objects.get(code=RB)
    assert (row.listed, row.expires, row.max_limit_volume) == (date(2023, 5, 16), date(2024, 5, 15), 500)
    assert not row.max_margin_side
    desk.placed("buy", "open", 4001.0, 1, status="filled")
    desk.placed("sell", "open", 3999.0, 2, status="filled")
    agree(desk)


def test_case_15_what_another_terminal_does_is_in_both_books(desk: BrokerBench) -> None:
    other_terminal(desk, "rb2405")
    desk.until(lambda: desk.position() == (2, 2), "the position follows")
    agree(desk)
    other_terminal(desk, "rb2405", "1", "3", price=4050.0, volume=1)
    desk.until(lambda: Order.objects.filter(foreign=True).count() == 2, "the order is known")
    agree(desk)
    assert Position.objects.get(instrument__code=RB).frozen == 1


def test_case_43_after_a_restart_in_the_middle_of_the_day_the_books_are_the_same(desk: BrokerBench) -> None:
    desk.placed("buy", "open", 4001.0, 3, status="filled")
    desk.placed("sell", "close_today", 4060.0, 1)
    other_terminal(desk, "m2405")
    desk.until(lambda: desk.position(code=M) == (2, 2), "the position follows")
    agree(desk)
    before, fills = figures(desk), desk.fills()
    desk.restart()
    desk.ready()
    agree(desk)
    assert figures(desk) == before
    assert desk.fills() == fills
    assert BookAdoption.objects.count() == 1
    desk.restart(same_connection=True)
    desk.ready()
    agree(desk)
    assert figures(desk) == before


def test_case_43_trades_while_nobody_was_there_are_booked_once(desk: BrokerBench) -> None:
    resting = desk.placed("buy", "open", 3950.0, 3)
    desk.session.close()
    desk.front.fill(desk.me, desk.theirs(), 1)
    other_terminal(desk, "rb2405")
    desk.restart()
    desk.ready()
    desk.until(lambda: desk.position() == (3, 3), "what was traded meanwhile is there")
    agree(desk)
    resting.refresh_from_db()
    assert (resting.status, resting.traded) == ("partially_filled", 1)


def test_case_46_a_contract_missing_from_the_table_is_a_difference_and_no_crash(desk: BrokerBench) -> None:
    """A product that nobody has told: its lots are shown as what the broker has and we do not."""
    desk.front.contract("zz2405", "SHFE", pre_settlement=100, last=100, bid=99, ask=101)
    desk.placed("buy", "open", 4001.0, 1, status="filled")
    other_terminal(desk, "zz2405", price=101.0)
    row = compared(desk)
    assert wrong(row)["zz2405.SHFE volume"] == (0, 2)
    assert desk.position() == (1, 1)
    compared(desk)
    assert Alarm.objects.open().filter(code="broker_books_differ").exists()
    refused = desk.placed("buy", "open", 4001.0, 1, status="rejected")
    assert refused.reason_code == "stopped"
    desk.placed("sell", "close_today", 3999.0, 1, status="filled")


def test_case_46_a_contract_that_expires_while_it_is_held(desk: BrokerBench) -> None:
    """On its last day its lots end with the settlement, here and there; the next day names it no more."""
    row = desk.loop.keeper.facts.row(RB)
    Instrument.objects.filter(pk=row.pk).update(expires=DAY)
    DailySettlement.objects.create(instrument=row, trading_day=DAY, settlement_price=4010)
    desk.front.contracts["rb2405"].expires = "20240102"
    desk.loop.keeper.facts.forget()
    desk.placed("buy", "open", 4001.0, 2, status="filled")
    agree(desk)
    desk.front.settle({"rb2405": 4010.0})
    desk.me.lots.clear()
    desk.front.next_day(NIGHTLY)
    desk.until(lambda: desk.gateway.ready and desk.loop.keeper.trading_day == NEXT_DAY, "the next day begins")
    agree(desk)
    assert desk.position() == (0, 0)


def test_figures_that_began_before_us_are_adopted_with_their_trades(early: BrokerBench) -> None:
    """Lots of yesterday and trades of today before the first login: in the figures once, and in no fill."""
    desk = early
    desk.me.confirmed = "20240102"
    other_terminal(desk, "rb2405", volume=4)
    desk.front.settle({"rb2405": 4004.0})
    desk.front.next_day(NIGHTLY)
    for symbol, last in (("rb2405", 4006.0), ("m2405", 4000.0)):
        contract = desk.front.contracts[symbol]
        contract.last = contract.bid = contract.ask = type(contract.pre_settlement)(str(last))
    desk.me.confirmed = NIGHTLY
    other_terminal(desk, "rb2405", "1", "1", price=4000.0, volume=1)
    other_terminal(desk, "m2405", price=4010.0)
    desk.street.to(24, desk.street.day + 1)
    desk.begin()
    desk.ready()
    assert desk.position() == (3, 0)
    assert desk.position(code=M) == (2, 2)
    assert not Fill.objects.exists()
    agree(desk)
    assert BookAdoption.objects.get().trading_day == NEXT_DAY


def test_money_that_moves_at_the_bank_is_followed(desk: BrokerBench) -> None:
    desk.front.transfer(desk.me, 12_345.67)
    desk.front.transfer(desk.me, -45.0)
    agree(desk)
    told = set(CashEntry.objects.values_list("kind", "source"))
    assert told == {("deposit", "broker"), ("withdraw", "broker")}


def test_a_day_ends_at_the_brokers_prices_and_the_next_begins(desk: BrokerBench) -> None:
    desk.placed("buy", "open", 4001.0, 3, status="filled")
    desk.placed("sell", "open", 3999.0, 2, instrument=M, status="filled")
    desk.placed("buy", "open", 3950.0, 2)
    agree(desk)
    desk.front.settle({"rb2405": 4007.0, "m2405": 3993.0})
    desk.front.next_day(NIGHTLY)
    desk.until(lambda: desk.gateway.ready and desk.loop.keeper.trading_day == NEXT_DAY, "the next day begins")
    agree(desk)
    row = BalanceSnapshot.objects.get()
    assert {code: told["price"] for code, told in row.prices.items()} == {RB: 4007.0, M: 3993.0}
    assert {told["source"] for told in row.prices.values()} == {"broker"}
    assert float(row.balance) == pytest.approx(float(desk.me.funds.pre_balance), abs=0.005)
    assert desk.position() == (3, 0)
    assert not Order.objects.working().exists()


def test_two_persons_adopt_what_was_lost(desk: BrokerBench, ada: User, rita: User) -> None:
    """A fill of which nobody told: the day before ended while we were away."""
    desk.placed("buy", "open", 4001.0, 2, status="filled")
    desk.session.close()
    other_terminal(desk, "rb2405", volume=1)
    desk.front.settle({"rb2405": 4007.0})
    desk.front.next_day(NIGHTLY)
    desk.restart()
    desk.until(lambda: desk.gateway.ready and desk.loop.keeper.trading_day == NEXT_DAY, "the next day begins")
    assert wrong(compared(desk))[f"{RB} long volume"] == (2, 3)
    proposal = services.ask_adoption(rita, desk.account.code, "filled while we were away")
    proposals.approve(ada, proposal.pk)
    desk.until(lambda: BookAdoption.objects.count() == 2, "the figures are adopted")
    agree(desk)
    assert desk.position() == (3, 0)
    row = BookAdoption.objects.order_by("-pk").first()
    assert row is not None
    assert (row.adopted_by, row.trading_day) == (ada, NEXT_DAY)
    desk.restart()
    desk.ready()
    agree(desk)


@pytest.mark.parametrize("seed", range(2))
def test_a_random_day_leaves_no_unexplained_difference(desk: BrokerBench, seed: int) -> None:
    """Orders at random on two exchanges, prices and other terminals in between; compared again and again."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    found = []
    for step in range(24):
        move(desk, random)
        if step % 4 == 3:
            found.append(wrong(compared(desk)))
    assert found == [{}] * 6
    agree(desk)
    assert Fill.objects.count() > 3


def move(desk: BrokerBench, random: Random) -> None:
    """One thing at random."""
    code = random.choice((RB, M))
    symbol = code.partition(".")[0]
    kind = random.random()
    price = 4000.0 + random.randint(-8, 8)
    if kind < 0.45:
        desk.order(random.choice(("buy", "sell")), "open", price, random.randint(1, 3), instrument=code)
    elif kind < 0.65:
        held = Position.objects.filter(account=desk.account, instrument__code=code).first()
        if held is not None and held.volume > held.frozen:
            side = "sell" if held.side == "long" else "buy"
            desk.order(side, "auto", price, random.randint(1, held.volume - held.frozen), instrument=code)
    elif kind < 0.8:
        desk.front.price(symbol, price)
    elif kind < 0.9:
        other_terminal(desk, symbol, random.choice("01"), price=price, volume=1)
    else:
        for order in list(Order.objects.working().filter(account=desk.account, foreign=False))[:2]:
            services.cancel_order(None, order.pk)
    for _turn in range(5):
        desk.turn()


def test_the_brokers_terms_are_taken_over(front: Front, tmp_path: Path) -> None:
    """The broker margins at the open price: the account's row follows, and a loop made anew is on those terms."""
    made = unready(front, tmp_path)
    try:
        TradingAccount.objects.filter(pk=made.account.pk).update(margin_price=1)
        made.account.refresh_from_db()
        made.begin()
        made.until(lambda: TradingAccount.objects.get(pk=made.account.pk).margin_price == 4, "the terms are taken")
        made.loop.tend()
        assert made.loop.outdated
        made.account.refresh_from_db()
        made.restart(same_connection=True)
        made.ready()
        agree(made)
    finally:
        made.end()
