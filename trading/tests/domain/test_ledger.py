"""The account: a day by hand, settlement, margin of both sides, and what must hold after anything."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.instrument import FeeRates, MarginRates
from quantsite.common.errors import RuleError
from trading.domain.ledger import Ledger, Terms
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import LotChoice, Offset, Side

FEES = FeeRates(
    open_by_money=0.0001, open_by_volume=1.0, close_by_money=0.0002, close_today_by_money=0.0, close_today_by_volume=3.0
)
MARGINS = MarginRates(long_by_money=0.1, short_by_money=0.12)
TERMS = Terms(10.0, FEES, MARGINS)
RB, HC = "rb2410.SHFE", "hc2410.SHFE"


def account(balance: float = 100_000.0, terms: Terms = TERMS, **choices: MarginPriceType) -> Ledger:
    ledger = Ledger(balance, **choices)
    ledger.set_terms(RB, terms)
    return ledger


def test_two_days_by_hand() -> None:
    ledger = account()
    # Buy 2 at 4016: 80,320 of value, fee 8.032 + 2 x 1, margin 10 % at the open price.
    assert ledger.open(RB, Side.LONG, 4016.0, 2.0, at=1, trading_day=1) == pytest.approx(10.032)
    ledger.mark(RB, 4025.0)
    funds = ledger.funds
    assert funds.position_profit == 180.0  # 9 x 2 x 10
    assert funds.margin == pytest.approx(8032.0)
    assert funds.balance == pytest.approx(100_169.968)
    assert funds.available == pytest.approx(100_169.968 - 8032.0)
    assert funds.risk_degree == pytest.approx(8032.0 / 100_169.968)

    ledger.settle({RB: 4025.0})
    funds = ledger.funds
    assert funds.pre_balance == funds.balance == pytest.approx(100_169.968)
    assert (funds.commission, funds.close_profit, funds.position_profit) == (0.0, 0.0, 0.0)
    assert funds.margin == pytest.approx(8050.0)  # now at the settlement price

    # Sell 1 of them at 4039: by date 14 x 10, by trade 23 x 10, fee 0.02 % of 40,390.
    (closing,) = ledger.close(RB, Side.LONG, 4039.0, 1.0)
    assert (closing.lot.profit_by_date, closing.lot.profit_by_trade) == (140.0, 230.0)
    assert closing.offset == Offset.CLOSE
    assert closing.commission == pytest.approx(8.078)
    ledger.mark(RB, 4030.0)  # the other one: 5 x 10 since the settlement
    assert ledger.funds.balance == pytest.approx(100_169.968 + 140.0 + 50.0 - 8.078)


def test_a_lot_of_the_same_day_pays_the_close_today_fee() -> None:
    ledger = account()
    ledger.open(RB, Side.SHORT, 4000.0, 2.0, at=1, trading_day=1)
    (closing,) = ledger.close(RB, Side.SHORT, 3990.0, 2.0)
    assert (closing.offset, closing.commission) == (Offset.CLOSE_TODAY, 6.0)


def test_a_close_beyond_the_position_books_nothing() -> None:
    ledger = account()
    ledger.open(RB, Side.LONG, 4000.0, 2.0, at=1, trading_day=1)
    balance, commission = ledger.funds.balance, ledger.funds.commission
    with pytest.raises(RuleError):
        ledger.close(RB, Side.LONG, 4100.0, 2.0, LotChoice.YESTERDAY_ONLY)
    assert (ledger.funds.balance, ledger.funds.commission) == (balance, commission)
    assert ledger.position(RB).volume(Side.LONG) == 2.0


def test_settlement_without_a_price_for_what_is_held_changes_nothing() -> None:
    ledger = account()
    ledger.open(RB, Side.LONG, 4000.0, 2.0, at=1, trading_day=1)
    commission = ledger.funds.commission
    with pytest.raises(KeyError):
        ledger.settle({HC: 3500.0})
    assert ledger.funds.commission == commission
    assert ledger.position(RB).today_volume(Side.LONG) == 2.0


def test_a_new_days_margin_price_follows_the_brokers_type() -> None:
    expected = {
        MarginPriceType.PRE_SETTLEMENT: 4100.0,
        MarginPriceType.LAST: 4300.0,
        MarginPriceType.AVERAGE: 4150.0,
        MarginPriceType.OPEN: 4200.0,
    }
    for price_type, price in expected.items():
        ledger = account(margin_price_type=price_type)
        ledger.settle({RB: 4100.0})
        ledger.open(RB, Side.LONG, 4200.0, 1.0, at=1, trading_day=2)
        ledger.position(RB).average = 4150.0
        ledger.mark(RB, 4300.0)
        assert ledger.funds.margin == pytest.approx(price * 10 * 0.1), price_type


def test_the_larger_side_alone_is_charged_where_the_instrument_says_so() -> None:
    ledger = account(terms=Terms(10.0, FEES, MARGINS, larger_side=True))
    ledger.open(RB, Side.LONG, 4000.0, 1.0, at=1, trading_day=1)
    assert ledger.funds.margin == pytest.approx(4000.0)
    # A short of one lot needs 4,800: 800 more than the long, and its fee of 4 + 1.
    assert ledger.opening_need(RB, Side.SHORT, 4000.0, 1.0) == pytest.approx(800.0 + 5.0)
    ledger.open(RB, Side.SHORT, 4000.0, 1.0, at=2, trading_day=1)
    assert ledger.funds.margin == pytest.approx(4800.0)
    assert ledger.opening_need(RB, Side.LONG, 4000.0, 1.0) == pytest.approx(3200.0 + 5.0)


def test_the_need_of_an_opening_counts_the_relief_of_its_group() -> None:
    grouped = Terms(10.0, FEES, MARGINS, larger_side=True, margin_group="CFFEX.index")
    ledger = account(terms=grouped)
    ledger.set_terms(HC, grouped)
    ledger.open(RB, Side.LONG, 4000.0, 2.0, at=1, trading_day=1)
    # The short of 4,800 stays below the 8,000 of the long: its fee of 4 + 1 is all it needs.
    need, before = ledger.opening_need(HC, Side.SHORT, 4000.0, 1.0), ledger.funds.available
    assert need == pytest.approx(5.0)
    ledger.open(HC, Side.SHORT, 4000.0, 1.0, at=2, trading_day=1)
    assert ledger.funds.available == pytest.approx(before - need)
    assert ledger.opening_need(HC, Side.SHORT, 4000.0, 1.0) == pytest.approx(1600.0 + 5.0)


def test_the_need_of_an_opening_is_what_it_takes_out_of_the_available_funds() -> None:
    ledger = account()
    ledger.mark(RB, 4000.0)
    need, before = ledger.opening_need(RB, Side.SHORT, 4000.0, 3.0), ledger.funds.available
    ledger.open(RB, Side.SHORT, 4000.0, 3.0, at=1, trading_day=1)
    assert need == pytest.approx(14_400.0 + 15.0)
    assert ledger.funds.available == pytest.approx(before - need)


def test_new_terms_are_charged_from_the_next_fill_and_on_all_margin() -> None:
    ledger = account()
    ledger.open(RB, Side.LONG, 4000.0, 1.0, at=1, trading_day=1)
    ledger.set_terms(RB, Terms(10.0, FeeRates(open_by_volume=7.0), MarginRates(long_by_money=0.2)))
    assert ledger.funds.margin == pytest.approx(8000.0)
    assert ledger.open(RB, Side.LONG, 4000.0, 1.0, at=2, trading_day=1) == 7.0


@dataclass(frozen=True)
class Step:
    """One thing that happens to an account."""

    verb: str
    instrument: str
    side: Side
    price: float
    volume: int


STEPS = st.lists(
    st.builds(
        Step,
        verb=st.sampled_from(["open", "close", "mark", "settle"]),
        instrument=st.sampled_from([RB, HC]),
        side=st.sampled_from(list(Side)),
        price=st.integers(3000, 5000).map(float),
        volume=st.integers(1, 5),
    ),
    max_size=40,
)


class Cashbook:
    """The same account kept the plainest way: money in and out by trade, and what is still open."""

    def __init__(self) -> None:
        self.cash = 0.0
        self.open: dict[tuple[str, Side], list[float]] = {}

    def equity(self, prices: dict[str, float]) -> float:
        floating = sum(
            side * (prices[code] - price) * 10.0 for (code, side), lots in self.open.items() for price in lots
        )
        return self.cash + floating


def apply(ledger: Ledger, book: Cashbook, prices: dict[str, float], step: Step) -> None:
    """Do ``step`` in both, a close as far as the position reaches."""
    lots = book.open.setdefault((step.instrument, step.side), [])
    if step.verb == "open":
        book.cash -= ledger.open(step.instrument, step.side, step.price, float(step.volume), at=0, trading_day=0)
        lots.extend([step.price] * step.volume)
    elif step.verb == "close" and lots:
        volume = min(step.volume, len(lots))
        closings = ledger.close(step.instrument, step.side, step.price, float(volume))
        book.cash -= sum(closing.commission for closing in closings)
        for price in lots[:volume]:
            book.cash += step.side * (step.price - price) * 10.0
        del lots[:volume]
    prices[step.instrument] = step.price
    ledger.mark(step.instrument, step.price)
    if step.verb == "settle":
        ledger.settle(dict(prices))


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_the_balance_is_cash_plus_open_profit_after_any_sequence(steps: list[Step]) -> None:
    ledger, book, prices = account(1_000_000.0), Cashbook(), {RB: 4000.0, HC: 4000.0}
    ledger.set_terms(HC, TERMS)
    ledger.mark(RB, 4000.0)
    ledger.mark(HC, 4000.0)
    for step in steps:
        apply(ledger, book, prices, step)
        funds = ledger.funds
        assert funds.balance == pytest.approx(1_000_000.0 + book.equity(prices), abs=1e-6)
        assert funds.available == pytest.approx(funds.balance - funds.margin, abs=1e-6)
        assert funds.margin >= 0.0


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_closing_everything_leaves_no_margin_and_no_floating_profit(steps: list[Step]) -> None:
    ledger, book, prices = account(1_000_000.0), Cashbook(), {RB: 4000.0, HC: 4000.0}
    ledger.set_terms(HC, TERMS)
    for step in steps:
        apply(ledger, book, prices, step)
    for code in (RB, HC):
        for side in Side:
            if ledger.position(code).volume(side):
                ledger.close(code, side, 4000.0, ledger.position(code).volume(side))
    assert ledger.position(RB).is_flat()
    assert ledger.position(HC).is_flat()
    assert (ledger.funds.margin, ledger.funds.position_profit) == (0.0, 0.0)
