"""Lots: which are hit, what they earned by date and by trade, what settlement makes of them."""

import pytest

from quantsite.common.errors import RuleError
from trading.domain.offsets import LotChoice, Side
from trading.domain.position import Position


def held_over_night() -> Position:
    """Two lots of yesterday at 100, settled at 110; three of today at 120 and one at 125; multiplier 10."""
    position = Position(10.0)
    position.open(Side.LONG, 100.0, 2.0, 4.0, at=1, trading_day=1)
    position.settle(110.0)
    position.open(Side.LONG, 120.0, 3.0, 6.0, at=2, trading_day=2)
    position.open(Side.LONG, 125.0, 1.0, 2.0, at=3, trading_day=2)
    return position


def test_today_and_yesterday_are_told_apart() -> None:
    position = held_over_night()
    assert (position.volume(Side.LONG), position.today_volume(Side.LONG)) == (6.0, 4.0)
    assert (position.volume(Side.SHORT), position.net_volume()) == (0.0, 6.0)


@pytest.mark.parametrize(
    ("choice", "hit"),
    [
        (LotChoice.FIFO, [(100.0, 2.0, False), (120.0, 1.0, True)]),
        (LotChoice.TODAY_FIRST, [(120.0, 3.0, True)]),
        (LotChoice.TODAY_ONLY, [(120.0, 3.0, True)]),
    ],
)
def test_a_close_hits_the_lots_of_its_choice(choice: LotChoice, hit: list[tuple[float, float, bool]]) -> None:
    closed = held_over_night().close(Side.LONG, 130.0, 3.0, choice)
    assert [(lot.open_price, lot.volume, lot.today) for lot in closed] == hit


def test_profit_by_date_counts_from_the_settlement_and_by_trade_from_the_opening() -> None:
    old, new = held_over_night().close(Side.LONG, 130.0, 3.0, LotChoice.FIFO)
    assert (old.profit_by_date, old.profit_by_trade) == ((130 - 110) * 2 * 10, (130 - 100) * 2 * 10)
    assert (new.profit_by_date, new.profit_by_trade) == ((130 - 120) * 10, (130 - 120) * 10)


def test_the_commission_of_the_opening_goes_with_the_part_closed() -> None:
    position = held_over_night()
    _, part = position.close(Side.LONG, 130.0, 3.0, LotChoice.FIFO)
    assert part.open_commission == pytest.approx(2.0), "one of three lots that cost 6"
    (rest,) = position.close(Side.LONG, 130.0, 2.0, LotChoice.FIFO)
    assert rest.open_commission == pytest.approx(4.0)


def test_floating_profit_and_costs() -> None:
    position = held_over_night()
    position.last = 130.0
    # by date: 2 lots from 110, 3 from 120, 1 from 125; by trade the first two from 100
    assert position.position_profit() == (20 * 2 + 10 * 3 + 5 * 1) * 10
    assert position.open_profit() == (30 * 2 + 10 * 3 + 5 * 1) * 10
    assert position.position_cost(Side.LONG) == (110 * 2 + 120 * 3 + 125) * 10
    assert position.open_cost(Side.LONG) == (100 * 2 + 120 * 3 + 125) * 10


def test_without_a_last_price_the_mark_is_the_previous_settlement_or_the_own_base() -> None:
    position = Position(10.0)
    position.open(Side.SHORT, 100.0, 1.0, 0.0, at=1, trading_day=1)
    assert position.position_profit() == 0.0
    position.settle(110.0)
    assert position.position_profit() == 0.0
    position.open(Side.SHORT, 120.0, 1.0, 0.0, at=2, trading_day=2)
    assert position.position_profit() == 100.0, "the new short is marked at 110"


def test_settlement_rolls_every_lot_into_yesterday() -> None:
    position = held_over_night()
    position.settle(128.0)
    assert position.today_volume(Side.LONG) == 0.0
    assert position.position_cost(Side.LONG) == 128 * 6 * 10
    assert [lot.open_price for lot in position.lots(Side.LONG)] == [100.0, 120.0, 125.0]


@pytest.mark.parametrize(
    ("volume", "choice"),
    [(7.0, LotChoice.FIFO), (5.0, LotChoice.TODAY_ONLY), (3.0, LotChoice.YESTERDAY_ONLY), (0.0, LotChoice.FIFO)],
)
def test_a_close_that_does_not_fit_raises_and_changes_nothing(volume: float, choice: LotChoice) -> None:
    position = held_over_night()
    before = [(lot.open_price, lot.volume, lot.commission) for lot in position.lots(Side.LONG)]
    with pytest.raises(RuleError):
        position.close(Side.LONG, 130.0, volume, choice)
    assert [(lot.open_price, lot.volume, lot.commission) for lot in position.lots(Side.LONG)] == before


@pytest.mark.parametrize("volume", [0.0, -1.0, float("nan")])
def test_an_opening_needs_a_volume(volume: float) -> None:
    position = Position(10.0)
    with pytest.raises(RuleError, match="above 0"):
        position.open(Side.LONG, 100.0, volume, 0.0, at=1, trading_day=1)
    assert position.is_flat()
