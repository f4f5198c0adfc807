"""The backtest on ticks by hand: what each rule of the engine and its desk does to fills, funds and updates."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backtests.domain.rules import Rules
from backtests.tests.domain.tick_market import FIRST_DAY, OnTicks, day_of, fills_of, run, tick
from marketdata.domain.bars import Bar, BarSeries
from marketdata.domain.ticks import OUTSIDE, Tick
from quantsite.common.errors import RuleError
from strategies.domain.strategy import BaseStrategy, Reply, Signal, UpdateKind
from strategies.library.double_ma import DoubleMa
from strategies.library.grid import Grid

QUIET = [day_of(*[tick(number) for number in range(1, 9)])]


class Buyer(OnTicks):
    """Wants to be long from the third tick on, flat from the sixth."""

    def generate_signals(self) -> list[Signal]:
        count = len(self.seen)
        return [Signal(1.0)] if count == 3 else [Signal(0.0)] if count == 6 else []


def test_a_signal_takes_the_displayed_prices_of_the_tick_that_it_was_made_on() -> None:
    result, strategy = run(QUIET, Buyer, volume=4.0, fee=2.0)
    assert fills_of(result) == [(1, 101.0, 4.0), (-1, 99.0, 4.0)]
    assert result.fills.start.tolist() == [strategy.seen[2].time, strategy.seen[5].time]
    assert result.net_profit == -2 * 10 * 4 - 2 * 2 * 4
    assert (len(result.trades), len(result.days), result.rejected) == (1, 1, 0)
    assert [update.order for update in strategy.updates] == [0, 0]


def test_what_the_book_does_not_fill_is_sent_again_with_the_next_tick() -> None:
    result, strategy = run(QUIET, Buyer, volume=25.0)
    assert fills_of(result)[:3] == [(1, 101.0, 10.0), (1, 101.0, 10.0), (1, 101.0, 5.0)]
    assert result.fills.start[:3].tolist() == [strategy.seen[at].time for at in (2, 3, 4)]
    assert result.days.position.tolist() == [0.0]


def test_latency_moves_a_fill_to_the_book_that_is_there_by_then() -> None:
    ticks = [tick(number, ask_price=101.0 + (number > 3)) for number in range(1, 9)]
    result, strategy = run([day_of(*ticks)], Buyer, rules=Rules(latency_ms=600))
    assert fills_of(result) == [(1, 102.0, 1.0), (-1, 99.0, 1.0)]
    assert result.fills.start[0] == strategy.seen[2].time + 600_000_000


class Rester(OnTicks):
    """A limit order at the bid with the first tick."""

    def act(self, number: int, tick: Tick) -> None:
        if number == 1:
            self.order = self.desk.limit(5.0, 99.0)


@pytest.mark.parametrize(("ignore", "filled"), [(False, 2.0), (True, 5.0)])
def test_a_resting_order_waits_for_the_queue_before_it_unless_that_is_ignored(ignore: bool, filled: float) -> None:
    served = tick(2, last=99.0, volume=22, turnover=1000.0 * 10 + 12 * 990.0)
    result, strategy = run([day_of(tick(1), served)], Rester, rules=Rules(ignore_queue=ignore))
    assert fills_of(result) == [(1, 99.0, filled)]
    update = strategy.updates[0]
    assert (update.kind, update.order, update.position) == (UpdateKind.FILLED, strategy.order, filled)
    ended = strategy.updates[1:]
    assert [one.kind for one in ended] == ([] if ignore else [UpdateKind.CANCELLED])


class Canceller(Rester):
    """Takes the order back with the third tick."""

    def act(self, number: int, tick: Tick) -> None:
        super().act(number, tick)
        if number == 3:
            self.answers = (self.desk.cancel(self.order), self.desk.cancel(99), self.desk.cancel_all())


def test_a_cancelled_order_does_not_fill() -> None:
    ticks = [tick(1), tick(2), tick(3), tick(4, last=98.0, ask_price=98.0, bid_price=97.0)]
    result, strategy = run([day_of(*ticks)], Canceller)
    assert fills_of(result) == []
    assert strategy.answers == (True, False, 1)
    assert [one.kind for one in strategy.updates] == [UpdateKind.CANCELLED]


class Stopper(OnTicks):
    """Long at the market, with a stop below."""

    def act(self, number: int, tick: Tick) -> None:
        if number == 1:
            self.desk.market(2.0)
            self.desk.stop(-2.0, 97.0)


def test_a_stop_takes_the_bids_once_the_last_price_reaches_it() -> None:
    down = tick(3, last=97.0, bid_price=96.0, ask_price=98.0)
    result, strategy = run([day_of(tick(1), tick(2), down)], Stopper)
    assert fills_of(result) == [(1, 101.0, 2.0), (-1, 96.0, 2.0)]
    assert result.net_profit == -5 * 2 * 10
    assert strategy.desk.position() == 0.0


class Reverser(OnTicks):
    """Two long, then three short by one order: two rows, a close and an opening."""

    def act(self, number: int, tick: Tick) -> None:
        if number in (1, 2):
            self.desk.market({1: 2.0, 2: -5.0}[number])


def test_an_order_closes_what_is_held_before_it_opens() -> None:
    result, _strategy = run([day_of(tick(1), tick(2))], Reverser)
    assert list(zip(result.fills.offset.tolist(), result.fills.volume.tolist(), strict=True)) == [
        (0, 2.0), (3, 2.0), (0, 3.0),
    ]  # fmt: skip
    assert result.days.position.tolist() == [-3.0]


def test_an_opening_beyond_the_funds_is_refused_counted_and_told() -> None:
    result, strategy = run(QUIET, Buyer, capital=99.0, margin=0.1)
    assert (len(result.fills), result.rejected) == (0, 1)
    assert [one.kind for one in strategy.updates] == [UpdateKind.REJECTED]
    assert result.warnings == ("1 orders were refused for want of funds.",)


def test_a_full_account_may_turn_round() -> None:
    result, _strategy = run([day_of(tick(1), tick(2))], Reverser, capital=1_000.0, margin=0.3)
    assert fills_of(result) == [(1, 101.0, 2.0), (-1, 99.0, 2.0), (-1, 99.0, 3.0)]
    poorer, _strategy = run([day_of(tick(1), tick(2))], Reverser, capital=900.0, margin=0.3)
    assert fills_of(poorer) == [(1, 101.0, 2.0)]


class Greedy(OnTicks):
    """Many resting openings at once."""

    def act(self, number: int, tick: Tick) -> None:
        if number == 1:
            self.orders = [self.desk.limit(1.0, 98.0) for _ in range(5)]


def test_resting_orders_hold_their_margin_back() -> None:
    result, strategy = run(QUIET, Greedy, capital=300.0, margin=0.1)
    assert result.rejected == 2
    assert len([one for one in strategy.updates if one.kind == UpdateKind.CANCELLED]) == 3


class Again(OnTicks):
    """Another opening once the first is cancelled, or partly filled."""

    def act(self, number: int, tick: Tick) -> None:
        if number == 1:
            self.order = self.desk.limit(2.0, 99.0)
        if number == 3:
            self.desk.limit(1.0, 98.0)


class CancelsFirst(Again):
    """Cancels before it orders anew."""

    def act(self, number: int, tick: Tick) -> None:
        if number == 2:
            self.desk.cancel(self.order)
        super().act(number, tick)


def test_what_an_order_holds_back_is_free_again_as_it_fills_or_ends() -> None:
    one_lot = tick(2, last=99.0, volume=21, turnover=100 * 100.0 + 11 * 990.0)
    rest = tick(3, last=99.0, volume=21, turnover=one_lot.turnover)
    assert run([day_of(tick(1), one_lot, rest)], Again, capital=298.0, margin=0.1)[0].rejected == 0
    assert run([day_of(tick(1), one_lot, rest)], Again, capital=290.0, margin=0.1)[0].rejected == 1
    assert run(QUIET, CancelsFirst, capital=200.0, margin=0.1)[0].rejected == 0
    assert run(QUIET, Again, capital=200.0, margin=0.1)[0].rejected == 1


class FromTheFirst(Buyer):
    """Wants to be long from the first tick on."""

    def generate_signals(self) -> list[Signal]:
        return [Signal(1.0)]


def test_before_the_opening_a_signal_waits_and_then_takes_the_book_of_a_contract_that_nobody_trades() -> None:
    ticks = [tick(number, volume=0, turnover=0.0, open=float("nan")) for number in (1, 2, 3, 4)]
    day = replace(day_of(*ticks), opens=ticks[2].time)
    result, _strategy = run([day], FromTheFirst)
    assert fills_of(result) == [(1, 101.0, 1.0)]
    assert result.fills.start.tolist() == [ticks[2].time]


def test_days_settle_at_their_last_price_and_orders_end_with_them() -> None:
    second = [tick(number, FIRST_DAY + 1, last=104.0, bid_price=98.0) for number in (1, 2)]
    result, strategy = run([day_of(*QUIET[0].ticks[:5]), day_of(*second)], Rester)
    assert fills_of(result) == []
    assert strategy.updates[0].at == QUIET[0].closes
    held, _strategy = run([day_of(*QUIET[0].ticks[:5]), day_of(*second)], Stopper)
    assert held.days.equity.tolist() == [1e6 - 20.0, 1e6 + 60.0]
    assert held.days.position.tolist() == [2.0, 2.0]


def test_the_position_is_closed_at_the_end_against_the_last_book() -> None:
    result, _strategy = run([day_of(*QUIET[0].ticks[:5])], Buyer, volume=3.0, close_at_end=True)
    assert fills_of(result) == [(1, 101.0, 3.0), (-1, 99.0, 3.0)]
    thin = [*QUIET[0].ticks[:4], tick(5, bid_volume=1)]
    left, _strategy = run([day_of(*thin)], Buyer, volume=3.0, close_at_end=True)
    assert left.days.position.tolist() == [2.0]
    assert left.warnings == ("The book of the last tick did not take all of the position: 2 lots stay open.",)


def test_a_flagged_tick_is_not_seen_and_fills_nothing() -> None:
    ticks = [tick(1), tick(2, flags=OUTSIDE, last=90.0, ask_price=90.0), tick(3)]
    result, strategy = run([day_of(*ticks)], Rester)
    assert [seen.seq for seen in strategy.seen] == [1, 3]
    assert fills_of(result) == []


class OldStyle(OnTicks):
    """Written for bars."""

    on_tick = BaseStrategy.on_tick

    def initialize(self) -> None:
        super().initialize()
        self.bars: list[Bar] = []
        self.histories: list[BarSeries] = []

    def on_market_data(self, bar: Bar) -> None:
        self.bars.append(bar)
        self.histories.append(self.desk.history(2))


def test_a_strategy_for_bars_sees_each_tick_that_traded_as_a_bar_of_one_price() -> None:
    ticks = [tick(1), tick(2), tick(3, volume=20, turnover=20_000.0), tick(4, last=101.0, volume=30, turnover=30_100.0)]
    _result, strategy = run([day_of(*ticks)], OldStyle)
    assert strategy.bars[0] == Bar(ticks[0].time, FIRST_DAY, 100.0, 100.0, 100.0, 100.0, 10, 10_000.0, 0.0)
    assert [(bar.start, bar.close, bar.volume, bar.turnover) for bar in strategy.bars[1:]] == [
        (ticks[1].time, 100.0, 10, 10_000.0), (ticks[3].time, 101.0, 10, 10_100.0),
    ]  # fmt: skip
    assert [series.close.tolist() for series in strategy.histories] == [[100.0], [100.0, 100.0], [100.0, 101.0]]


def test_a_strategy_of_columns_decides_over_its_window_of_traded_ticks() -> None:
    prices = [100.0 + round(4 * np.sin(number / 5)) for number in range(60)]
    turnover = np.cumsum([10 * 10 * price for price in prices])
    ticks = [
        tick(number, last=price, turnover=float(paid), bid_price=price - 1, ask_price=price + 1)
        for number, (price, paid) in enumerate(zip(prices, turnover, strict=True), start=1)
    ]
    times, close = np.array([one.time for one in ticks]), np.array(prices)
    days, nothing = np.full(60, FIRST_DAY, dtype=np.int32), np.zeros(60)
    bars = BarSeries("", "", times, days, close, close, close, close, nothing, nothing, nothing)
    made = DoubleMa(DoubleMa.Parameters(fast=2, slow=5))
    made.initialize()
    wanted = made.target_positions(bars)
    turns = [at for at in np.flatnonzero(~np.isnan(wanted)) if at == 0 or wanted[at] != wanted[at - 1]]
    result, _strategy = run([day_of(*ticks)], _SmallDoubleMa)
    first_of_turn = list(dict.fromkeys(result.fills.start.tolist()))
    assert first_of_turn == [ticks[at].time for at in turns]
    assert len(turns) >= 4


class _SmallDoubleMa(DoubleMa):
    """double_ma 2/5, whatever is asked."""

    def __init__(self, _parameters: Any) -> None:
        super().__init__(DoubleMa.Parameters(fast=2, slow=5))


def test_a_strategy_that_wakes_on_bars_is_refused() -> None:
    with pytest.raises(RuleError, match="grid decides on bars only") as refused:
        run(QUIET, Grid)
    assert refused.value.code == "no_form"


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda desk: desk.limit(1.0, 99.0, reply=Reply(1.0)), "Replies"),
        (lambda desk: desk.stop(1.0, 99.0, to_target=True), "Orders to a target"),
        (lambda desk: desk.wake_at(1), "Wakes"),
        (lambda desk: desk.wake_on(1.0), "Wakes"),
        (lambda desk: desk.market(0.5), "whole lots"),
        (lambda desk: desk.limit(1.0, float("inf")), "must be a number"),
    ],
)
def test_what_ticks_do_not_know_is_refused_with_the_way_out(act: Any, told: str) -> None:
    class Asks(OnTicks):
        def act(self, number: int, tick: Tick) -> None:
            act(self.desk)

    with pytest.raises(RuleError, match=told):
        run(QUIET, Asks)


def test_an_order_made_in_an_update_is_an_order_like_any_other() -> None:
    class Takes(Rester):
        def on_order_update(self, update: Any) -> None:
            super().on_order_update(update)
            if update.kind == UpdateKind.FILLED and update.order == self.order:
                self.desk.limit(-update.volume, 101.0)

    ticks = [tick(1), tick(2, last=98.0, ask_price=98.0, bid_price=97.0), tick(3, last=102.0, bid_price=101.0)]
    result, _strategy = run([day_of(*ticks)], Takes)
    assert fills_of(result) == [(1, 99.0, 5.0), (-1, 101.0, 5.0)]


def test_outside_a_day_no_order_is_taken() -> None:
    class Late(Rester):
        def on_order_update(self, update: Any) -> None:
            super().on_order_update(update)
            if update.kind == UpdateKind.CANCELLED:
                self.late = self.desk.limit(1.0, 99.0)

    _result, strategy = run([day_of(tick(1))], Late)
    assert strategy.late == 0
