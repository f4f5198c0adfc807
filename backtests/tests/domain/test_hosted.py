"""Runs under the live host on recorded days: fill for fill the run on ticks, and what only a live day refuses."""

from dataclasses import replace

import numpy as np
import pytest

from backtests.domain.engine import RunSetup
from backtests.domain.hosted import HostedResult, run_hosted
from backtests.domain.hosted_exchange import FUNDS
from backtests.domain.result import FillTable, RunResult
from backtests.domain.rules import PLAIN, Rules
from backtests.domain.tick_day import TickDay
from backtests.domain.tick_engine import run_ticks
from backtests.tests.domain.hosted_days import AP, IF, RU, RU_HOLIDAY, contract_of, hosted_day, hosted_leg
from backtests.tests.domain.test_tick_engine_real import Maker
from marketdata.domain.bars import BarSeries
from marketdata.domain.ticks import Tick
from marketdata.tests.domain.recorded import needs_data
from strategies import registry
from strategies.domain.strategy import BaseStrategy
from trading.domain.checks import session_reason
from trading.tests.recorded_ticks import FILES, Recorded, ticks_of

pytestmark = [needs_data, pytest.mark.real_data]
COLUMNS = ("start", "trading_day", "direction", "offset", "price", "volume", "commission", "profit", "bar_index")


class Open(Maker):
    """The market maker, which leaves ticks alone that are stamped when the exchange takes no orders."""

    recorded: Recorded

    def act(self, number: int, tick: Tick) -> None:
        if session_reason(contract_of(self.recorded).table, tick.time) is None:
            super().act(number, tick)


def maker(recorded: Recorded, cls: type[Maker] = Open) -> Maker:
    """A market maker that knows its exchange's hours."""
    made = cls(cls.Parameters())
    if isinstance(made, Open):
        made.recorded = recorded
    return made


def trend() -> BaseStrategy:
    """A strategy for bars, which takes each trade as a bar of one price."""
    return registry.create("double_ma", {"fast": 20, "slow": 60})


def setup(rules: Rules = PLAIN, capital: float = 10_000_000.0) -> RunSetup:
    """One lot a unit."""
    return RunSetup(capital, 1.0, rules=rules)


def on_ticks(recorded: Recorded, strategy: BaseStrategy, asked: RunSetup) -> RunResult:
    """The run on every tick."""
    day, leg = hosted_day(recorded), hosted_leg(recorded, "1m")
    plan = leg.contract.table.plan(day.trading_day)
    return run_ticks([TickDay(day.trading_day, plan.opens, plan.closes, day.ticks[0])], leg.leg, strategy, asked)


def hosted(recorded: Recorded, strategy: BaseStrategy, asked: RunSetup, interval: str = "tick") -> HostedResult:
    """The same under the live host, whose account does not keep own orders apart: a run on ticks does not either."""
    leg = hosted_leg(recorded, "1m" if interval == "tick" else interval)
    return run_hosted([hosted_day(recorded)], [leg], strategy, asked, interval=interval, meet=True)


def same_fills(first: FillTable, second: FillTable) -> None:
    """Every column of every fill."""
    assert len(first) == len(second)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


@pytest.mark.parametrize(
    ("recorded", "rules"),
    [*((recorded, PLAIN) for recorded in FILES), (AP, Rules(latency_ms=700)), (AP, Rules(ignore_queue=True))],
    ids=str,
)
def test_on_ticks_the_host_fills_what_the_run_on_ticks_fills(recorded: Recorded, rules: Rules) -> None:
    asked = setup(rules)
    plain, live = on_ticks(recorded, maker(recorded), asked), hosted(recorded, maker(recorded), asked)
    assert len(plain.fills) > 500
    same_fills(plain.fills, live.run.fills)
    assert live.run.end_equity == plain.end_equity


@pytest.mark.parametrize("recorded", [RU, AP], ids=lambda recorded: recorded.file)
def test_a_strategy_for_bars_that_sees_each_trade_fills_the_same(recorded: Recorded) -> None:
    plain, live = on_ticks(recorded, trend(), setup()), hosted(recorded, trend(), setup())
    assert len(plain.fills) > 400
    same_fills(plain.fills, live.run.fills)


@pytest.mark.parametrize("recorded", [RU, AP, IF], ids=lambda recorded: recorded.file)
def test_the_order_book_strategy_of_the_library_fills_the_same(recorded: Recorded) -> None:
    plain, live = (
        run(recorded, registry.create("imbalance", {"spread": 2}), setup()) for run in (on_ticks, _hosted_run)
    )
    assert len(plain.fills) > 10
    same_fills(plain.fills, live.fills)


def _hosted_run(recorded: Recorded, strategy: BaseStrategy, asked: RunSetup) -> RunResult:
    return hosted(recorded, strategy, asked).run


def test_orders_of_a_tick_that_is_stamped_in_a_break_wait_for_the_market_as_they_do_live() -> None:
    """The one rule that sets the two apart: the run on ticks knows no breaks."""
    plain, live = on_ticks(RU, maker(RU, Maker), setup()), hosted(RU, maker(RU, Maker), setup())
    first = int(np.flatnonzero(plain.fills.start[: len(live.run.fills)] != live.run.fills.start)[0])
    at = int(plain.fills.start[first])
    since = [part.end for part in contract_of(RU).table.plan(hosted_day(RU).trading_day).parts if part.end <= at][-1]
    placed = [tick for tick in ticks_of(RU) if since <= tick.time < since + 5 * 10**9 and not tick.flags]
    assert placed
    assert all(session_reason(contract_of(RU).table, tick.time) for tick in placed)
    assert at - since < 3 * 3600 * 10**9


def test_what_the_funds_do_not_reach_for_is_refused_and_told() -> None:
    live = hosted(AP, maker(AP), setup(capital=50_000.0))
    refused = {sent.place.number for sent in live.sent if sent.refused == FUNDS}
    assert len(refused) == live.run.rejected > 100
    assert not refused & {number for number, _traded in live.fills}
    assert "refused for want of funds" in " ".join(live.run.warnings)


def test_the_last_position_is_closed_against_the_last_book_where_that_is_asked_for() -> None:
    asked = replace(setup(), close_at_end=True)
    plain, live = on_ticks(IF, trend(), asked), hosted(IF, trend(), asked)
    held = float((plain.fills.direction * plain.fills.volume).sum())
    assert held == float((live.run.fills.direction * live.run.fills.volume).sum()) == 0.0


def test_a_run_over_two_days_goes_on_with_what_it_holds() -> None:
    days = [hosted_day(RU_HOLIDAY), hosted_day(RU)]
    leg = hosted_leg(RU, "5m")
    bars = [hosted_leg(each, "5m").leg.bars for each in (RU_HOLIDAY, RU)]
    names = ("start", "trading_day", "open", "high", "low", "close", "volume", "turnover", "open_interest")
    columns = [np.concatenate([getattr(one, name) for one in bars]) for name in names]
    joined = BarSeries(RU.code, "5m", *columns)
    whole = leg._replace(leg=replace(leg.leg, bars=joined))
    found = run_hosted(days, [whole], registry.create("double_ma", {"fast": 3, "slow": 8}), setup(), interval="5m")
    assert found.run.days.trading_day.tolist() == [day.trading_day for day in days]
    assert found.run.days.position[0] != 0.0
    assert {decided.bar_start for decided in found.decided} <= set(joined.start.tolist())
    numbers = [sent.place.number for sent in found.sent]
    assert numbers == sorted(set(numbers))
    held = np.cumsum(found.run.fills.direction * found.run.fills.volume)
    assert np.abs(held).max() == 1.0
