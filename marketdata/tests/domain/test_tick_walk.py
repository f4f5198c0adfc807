"""Made-up ticks: on the grid, within the limits, a book that does not cross, totals that only grow."""

from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.contract import Contract
from marketdata.domain.depth import RawTick
from marketdata.domain.normalise import Normaliser
from marketdata.domain.tick_walk import DayTotals, TickWalk
from marketdata.tests.domain.recorded import instants, table
from quantsite.common.numbers import on_grid
from quantsite.common.times import NS_PER_SECOND

SIM = Contract("simrb2605.SIM", "simrb2605", "SIM", 10.0, 1.0, table("SIM", "simrb"))
DAY, NEXT = 20_780, 20_781
OPENS = int(instants("2026-11-23 09:00")[0])


def walk(seed: int, steps: int, price: float = 3_600.0) -> list[RawTick]:
    made = TickWalk(SIM, price, seed)
    return [made.tick(DAY, OPENS + step * NS_PER_SECOND // 2) for step in range(steps)]


@given(seed=st.integers(0, 10_000), price=st.floats(0, 50_000))
@settings(max_examples=30, deadline=None)
def test_what_every_tick_keeps(seed: int, price: float) -> None:
    volume, turnover = 0, 0.0
    for raw in walk(seed, 200, price):
        assert on_grid(raw.last_price, 1.0)
        assert raw.lower_limit_price < raw.last_price < raw.upper_limit_price
        assert 0 <= raw.bid_price <= raw.last_price <= raw.ask_price
        assert raw.ask_price - raw.bid_price == 1.0
        assert raw.lowest_price <= raw.last_price <= raw.highest_price
        assert raw.lowest_price <= raw.open_price <= raw.highest_price
        assert raw.volume >= volume
        assert raw.turnover >= turnover
        volume, turnover = raw.volume, raw.turnover
        assert raw.depth is not None
        assert len(raw.depth) == 16
        assert list(raw.depth[:4]) == sorted(raw.depth[:4], reverse=True)
        assert list(raw.depth[8:12]) == sorted(raw.depth[8:12])
    assert volume > 0


def test_the_same_seed_gives_the_same_ticks_and_another_one_others() -> None:
    assert walk(1, 50) == walk(1, 50)
    assert walk(1, 50) != walk(2, 50)


def test_a_normaliser_reads_them_back_at_their_times() -> None:
    normaliser = Normaliser([SIM])
    for step, raw in enumerate(walk(3, 20)):
        tick = normaliser.tick(raw)
        assert tick is not None
        assert (tick.instrument, tick.trading_day, tick.flags) == (SIM.code, DAY, 0)
        assert tick.time == OPENS + step * NS_PER_SECOND // 2
        assert tick.seq == step + 1
        assert abs(tick.average - tick.turnover / tick.volume / 10) < 1e-9


def test_a_new_day_counts_from_zero_and_a_settled_record_trades_nothing() -> None:
    made = TickWalk(SIM, 3_600.0, 1)
    day = [made.tick(DAY, OPENS + step) for step in range(100)]
    closed = made.tick(DAY, OPENS, settled=True)
    assert (closed.volume, closed.turnover) == (day[-1].volume, day[-1].turnover)
    assert abs(closed.settlement_price - closed.turnover / closed.volume / 10) < 1e-9
    assert day[-1].settlement_price == 0.0
    following = made.tick(NEXT, OPENS)
    assert following.volume < day[-1].volume
    assert following.pre_settlement_price == day[-1].last_price


def test_it_goes_on_where_a_recording_of_the_day_ends() -> None:
    made = TickWalk(SIM, 3_650.0, 1, totals=DayTotals(DAY, 5_000, 1.8e8, 3_600.0, 3_700.0, 3_590.0))
    raw = made.tick(DAY, OPENS)
    assert raw.volume >= 5_000
    assert (raw.open_price, raw.highest_price, raw.lowest_price) == (3_600.0, 3_700.0, 3_590.0)
