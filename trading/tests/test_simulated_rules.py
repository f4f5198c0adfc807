"""The rules of the simulated exchange on ticks, one by one, as docs/trading/matching.md states them."""

from math import nan

import pytest

from marketdata.domain.ticks import BACKWARD, OUTSIDE, STALE
from trading.domain.order import OrderType
from trading.domain.simulated.orders import MatchingRules, Queue
from trading.domain.simulated.outcomes import (
    Accepted,
    CancelRefused,
    Reason,
    Refused,
    Traded,
    Triggered,
    Withdrawn,
)
from trading.tests.simulated_parts import BUY, HALF, MS, SELL, Market, depth, fills

DBL_MAX = 1.7976931348623157e308


@pytest.fixture
def market() -> Market:
    opened = Market()
    opened.open()
    return opened


class TestArrival:
    def test_without_latency_an_order_is_known_at_once(self, market: Market) -> None:
        assert market.send(1, BUY, 1, 98.0) == [Accepted(1, market.now)]

    def test_with_latency_the_exchange_knows_nothing_of_it_before(self) -> None:
        market = Market(MatchingRules(latency_ns=700 * MS))
        market.open()
        sent = market.now
        assert market.send(1, BUY, 3, 101.0) == []
        assert market.tick(ask_price=100.0, ask_volume=2) == []
        assert market.matcher.on_clock(sent + 699 * MS) == []
        assert market.matcher.on_clock(sent + 700 * MS) == [
            Accepted(1, sent + 700 * MS),
            Traded(1, sent + 700 * MS, 100.0, 2, 1),
        ]

    def test_it_meets_the_book_that_was_last_seen_before_its_arrival(self) -> None:
        market = Market(MatchingRules(latency_ns=300 * MS))
        market.open()
        market.send(1, BUY, 2, 103.0)
        outcomes = market.tick(ask_price=103.0)
        assert fills(outcomes) == [(1, 101.0, 2)]
        assert outcomes[0].at == market.now - HALF + 300 * MS

    def test_at_the_very_time_of_a_tick_it_meets_that_tick(self) -> None:
        market = Market(MatchingRules(latency_ns=HALF))
        market.open()
        market.send(1, BUY, 2, 103.0)
        assert fills(market.tick(ask_price=103.0)) == [(1, 103.0, 2)]

    def test_before_the_first_tick_a_limit_order_waits_and_a_market_order_ends(self) -> None:
        market = Market()
        assert market.send(1, BUY, 1, 98.0) == [Accepted(1, market.now)]
        ended = [Accepted(2, market.now), Withdrawn(2, market.now, Reason.NO_QUOTE)]
        assert market.send(2, BUY, 1) == ended

    @pytest.mark.parametrize(("price", "taken"), [(110.0, True), (111.0, False), (90.0, True), (89.0, False)])
    def test_a_price_off_the_limits_is_refused(self, market: Market, price: float, taken: bool) -> None:
        market.tick(upper_limit=110.0, lower_limit=90.0)
        outcomes = market.send(1, SELL, 1, price)
        refused = [Refused(1, market.now, Reason.PRICE_OUTSIDE_LIMITS)]
        assert (outcomes[0] == Accepted(1, market.now)) if taken else outcomes == refused
        assert (1 in market.matcher.states()) == (taken and price > 99)

    def test_limits_that_come_to_be_known_later_end_what_they_forbid(self, market: Market) -> None:
        market.send(1, SELL, 1, 111.0)
        market.send(2, SELL, 1, 110.0)
        told = market.tick(upper_limit=110.0, lower_limit=90.0)
        assert told == [Withdrawn(1, market.now, Reason.PRICE_OUTSIDE_LIMITS)]

    def test_one_number_is_one_order(self, market: Market) -> None:
        market.send(1, BUY, 1, 98.0)
        with pytest.raises(ValueError, match="order 1"):
            market.send(1, BUY, 1, 98.0)


class TestTaking:
    def test_a_marketable_limit_takes_the_displayed_price_and_rests_with_the_remainder(self, market: Market) -> None:
        assert fills(market.send(1, BUY, 15, 102.0)) == [(1, 101.0, 10)]
        assert market.matcher.states()[1]["remaining"] == 5
        assert market.matcher.states()[1]["queue"] == 0

    def test_it_walks_the_levels_that_are_displayed_up_to_its_price(self, market: Market) -> None:
        asks = [(102.0, 3), (103.0, 4), (105.0, 5), (106.0, 6)]
        market.tick(depth=depth([], asks))
        assert fills(market.send(1, BUY, 100, 105.0)) == [(1, 101.0, 10), (1, 102.0, 3), (1, 103.0, 4), (1, 105.0, 5)]

    def test_own_orders_do_not_take_the_same_displayed_lots_twice(self, market: Market) -> None:
        assert fills(market.send(1, SELL, 6)) == [(1, 99.0, 6)]
        assert fills(market.send(2, SELL, 6)) == [(2, 99.0, 4)]
        assert fills(market.send(3, SELL, 6)) == []
        market.tick()
        assert fills(market.send(4, SELL, 6)) == [(4, 99.0, 6)]

    @pytest.mark.parametrize("kind", [OrderType.MARKET, OrderType.BEST])
    def test_a_market_order_takes_what_is_displayed_and_leaves_the_rest(self, market: Market, kind: OrderType) -> None:
        market.tick(depth=depth([(98.0, 1), (97.0, 1), (96.0, 1), (95.0, 1)], []))
        outcomes = market.send(1, SELL, 20, type=kind)
        assert [price for _order, price, _lots in fills(outcomes)] == [99.0, 98.0, 97.0, 96.0, 95.0]
        assert outcomes[-1] == Withdrawn(1, market.now, Reason.REMAINDER)
        assert not market.matcher

    def test_fill_and_kill_takes_to_its_price_and_does_not_rest(self, market: Market) -> None:
        market.tick(depth=depth([], [(102.0, 3), (103.0, 4)]))
        outcomes = market.send(1, BUY, 20, 102.0, type=OrderType.FAK)
        assert fills(outcomes) == [(1, 101.0, 10), (1, 102.0, 3)]
        assert outcomes[-1] == Withdrawn(1, market.now, Reason.REMAINDER)

    def test_fill_or_kill_is_all_or_nothing(self, market: Market) -> None:
        none = market.send(1, BUY, 11, 101.0, type=OrderType.FOK)
        assert none == [Accepted(1, market.now), Withdrawn(1, market.now, Reason.NOT_FILLED_WHOLE)]
        assert fills(market.send(2, BUY, 10, 101.0, type=OrderType.FOK)) == [(2, 101.0, 10)]

    @pytest.mark.parametrize("price", [nan, 0.0, DBL_MAX])
    def test_locked_at_the_limit_there_is_nobody_to_buy_from(self, market: Market, price: float) -> None:
        market.tick({110.0: 5}, bid_price=110.0, bid_volume=900, ask_price=price, ask_volume=0, upper_limit=110.0)
        outcomes = market.send(1, BUY, 1)
        assert outcomes == [Accepted(1, market.now), Withdrawn(1, market.now, Reason.NO_QUOTE)]
        market.send(2, BUY, 1, 110.0)
        assert market.matcher.states()[2]["queue"] == 900

    def test_dbl_max_and_nothing_in_deeper_levels_are_no_quotes(self, market: Market) -> None:
        levels = (DBL_MAX, nan, 0.0, 97.0, 5.0, 5.0, 5.0, 0.0) * 2
        market.tick(depth=levels)
        assert fills(market.send(1, BUY, 20)) == [(1, 101.0, 10)]


class TestResting:
    def test_the_displayed_size_at_the_best_price_is_ahead(self, market: Market) -> None:
        market.send(1, BUY, 5, 99.0)
        assert market.tick({99.0: 10}) == []
        assert market.matcher.states()[1]["queue"] == 0
        assert fills(market.tick({99.0: 3})) == [(1, 99.0, 3)]
        assert fills(market.tick({99.0: 9})) == [(1, 99.0, 2)]

    def test_trades_serve_the_queue_first_and_us_with_the_rest(self, market: Market) -> None:
        market.send(1, BUY, 5, 99.0)
        assert fills(market.tick({99.0: 12})) == [(1, 99.0, 2)]

    def test_the_queue_is_never_longer_than_what_is_displayed(self, market: Market) -> None:
        market.send(1, BUY, 5, 99.0)
        market.tick(bid_volume=4)
        market.tick(bid_volume=30)
        assert fills(market.tick({99.0: 6})) == [(1, 99.0, 2)]

    def test_better_than_the_best_nobody_is_ahead(self, market: Market) -> None:
        market.send(1, BUY, 5, 100.0)
        assert fills(market.tick({100.0: 2})) == [(1, 100.0, 2)]

    def test_at_a_displayed_deeper_level_its_size_is_ahead(self, market: Market) -> None:
        market.tick(depth=depth([(98.0, 7), (96.0, 3)], []))
        for number, price in enumerate((98.0, 97.0, 96.0, 95.0), start=1):
            market.send(number, BUY, 1, price)
        assert [state["queue"] for state in market.matcher.states().values()] == [7, 0, 3, None]

    def test_an_unknown_queue_is_what_is_displayed_when_its_price_is_first_seen(self, market: Market) -> None:
        market.send(1, BUY, 5, 98.0)
        assert market.tick({98.0: 50}, bid_price=98.0, bid_volume=6) == []
        assert market.matcher.states()[1]["queue"] == 6
        assert fills(market.tick({98.0: 8}, bid_price=98.0, bid_volume=6)) == [(1, 98.0, 2)]

    def test_trades_through_the_price_fill_up_to_their_volume(self, market: Market) -> None:
        market.send(1, BUY, 50, 99.0)
        assert fills(market.tick({99.0: 4, 98.0: 7})) == [(1, 99.0, 7)]
        assert market.matcher.states()[1]["queue"] == 0

    def test_an_average_away_from_the_last_price_gives_one_lot_to_the_last(self, market: Market) -> None:
        market.send(1, BUY, 50, 98.0)
        assert fills(market.tick({100.0: 40}, last=97.0, bid_price=96.0, ask_price=99.0)) == [(1, 98.0, 1)]

    def test_the_other_side_at_our_price_fills_us_there_up_to_its_size(self, market: Market) -> None:
        market.send(1, BUY, 30, 99.0)
        levels = depth([], [(99.0, 5), (100.0, 6)])
        assert fills(market.tick(bid_price=97.0, ask_price=98.0, ask_volume=4, depth=levels)) == [(1, 99.0, 9)]

    def test_volume_is_split_on_the_two_prices_around_its_average(self, market: Market) -> None:
        market.send(1, SELL, 50, 101.0)
        assert fills(market.tick({100.0: 17, 101.0: 13})) == [(1, 101.0, 3)]

    def test_without_queues_every_trade_at_the_price_fills(self) -> None:
        market = Market(MatchingRules(queue=Queue.NONE))
        market.open()
        market.send(1, BUY, 5, 99.0)
        market.send(2, BUY, 5, 98.0)
        assert fills(market.tick({99.0: 3})) == [(1, 99.0, 3)]

    def test_what_arrived_after_the_last_tick_has_no_part_in_its_trades(self) -> None:
        market = Market(MatchingRules(latency_ns=MS))
        market.open()
        market.send(1, BUY, 5, 100.0)
        assert fills(market.tick({100.0: 9})) == []
        assert fills(market.tick({100.0: 2})) == [(1, 100.0, 2)]

    def test_own_orders_are_served_by_price_then_by_time(self, market: Market) -> None:
        market.send(1, BUY, 4, 99.0)
        market.send(2, BUY, 4, 100.0)
        market.send(3, BUY, 4, 100.0)
        assert fills(market.tick({98.0: 9}, bid_price=98.0, ask_price=102.0)) == [
            (2, 100.0, 4), (3, 100.0, 4), (1, 99.0, 1),
        ]  # fmt: skip

    def test_at_one_price_the_earlier_of_ours_is_ahead_of_the_later(self, market: Market) -> None:
        market.send(1, BUY, 4, 99.0)
        market.tick(bid_volume=12)
        market.send(2, BUY, 4, 99.0)
        assert fills(market.tick({99.0: 17}, bid_volume=12)) == [(1, 99.0, 4), (2, 99.0, 1)]

    def test_both_sides_counted_until_2019_halve_the_volume(self) -> None:
        before = Market(day=17_000)
        before.open()
        before.send(1, BUY, 50, 100.0)
        assert fills(before.tick({100.0: 20})) == [(1, 100.0, 10)]
        index = Market(day=17_000, exchange="CFFEX")
        index.open()
        index.send(1, BUY, 50, 100.0)
        assert fills(index.tick({100.0: 20})) == [(1, 100.0, 20)]

    def test_an_average_outside_the_day_s_range_counts_at_the_last_price(self, market: Market) -> None:
        market.send(1, BUY, 50, 100.0)
        assert fills(market.tick({130.0: 8}, last=100.0, high=110.0, low=95.0)) == [(1, 100.0, 8)]


class TestCancels:
    def test_a_cancel_ends_the_order(self, market: Market) -> None:
        market.send(1, BUY, 5, 98.0)
        assert market.matcher.cancel(1, market.now) == [Withdrawn(1, market.now, Reason.CANCELLED)]
        assert market.matcher.cancel(1, market.now) == [CancelRefused(1, market.now, Reason.ORDER_UNKNOWN)]

    def test_a_fill_on_the_way_comes_first(self) -> None:
        market = Market(MatchingRules(latency_ns=HALF + MS))
        market.open()
        market.send(1, BUY, 5, 100.0)
        market.tick()
        market.tick()
        assert market.matcher.cancel(1, market.now) == []
        outcomes = market.tick({100.0: 5})
        assert outcomes == [Traded(1, market.now, 100.0, 5, 1), CancelRefused(1, market.now, Reason.ORDER_FINAL)]

    def test_a_cancel_never_overtakes_its_order(self) -> None:
        market = Market(MatchingRules(latency_ns=10 * MS))
        market.open()
        market.send(1, BUY, 5, 98.0, arrives=market.now + 50 * MS)
        assert market.matcher.cancel(1, market.now) == []
        arrived = market.now + 50 * MS
        assert market.matcher.on_clock(arrived) == [Accepted(1, arrived), Withdrawn(1, arrived, Reason.CANCELLED)]

    def test_the_end_of_the_day_ends_every_order(self) -> None:
        market = Market(MatchingRules(latency_ns=10 * MS))
        market.open()
        market.send(1, BUY, 5, 98.0)
        market.tick()
        market.send(2, BUY, 5, 98.0)
        assert market.matcher.expire(market.now) == [
            Withdrawn(1, market.now, Reason.EXPIRED), Refused(2, market.now, Reason.MARKET_CLOSED),
        ]  # fmt: skip
        assert not market.matcher

    def test_a_late_tick_of_a_day_that_is_over_does_not_bring_its_book_back(self, market: Market) -> None:
        market.matcher.expire(market.now)
        assert market.tick({100.0: 5}) == []
        assert market.send(1, BUY, 5, 101.0) == [Accepted(1, market.now)]
        assert market.tick({100.0: 5}) == []
        assert market.send(2, BUY, 5)[-1] == Withdrawn(2, market.now, Reason.NO_QUOTE)


class TestOpening:
    def test_orders_at_the_opening_price_or_better_fill_at_it_by_price_then_time(self) -> None:
        market = Market()
        market.send(1, BUY, 10, 100.0)
        market.send(2, BUY, 10, 103.0)
        market.send(3, BUY, 10, 99.0)
        market.send(4, BUY, 10, 103.0)
        assert market.tick(last=100.0, bid_price=103.0, ask_price=98.0) == []
        assert fills(market.tick({100.0: 25})) == [(2, 100.0, 10), (4, 100.0, 10), (1, 100.0, 5)]

    def test_what_was_traded_after_the_auction_is_not_the_auction_s(self) -> None:
        market = Market()
        market.send(1, SELL, 50, 100.0)
        market.send(2, SELL, 50, 101.0)
        assert fills(market.tick({100.0: 30, 101.0: 10})) == [(1, 100.0, 30)]

    def test_a_stream_that_begins_within_the_day_tells_no_auction(self) -> None:
        market = Market()
        market.opened = 90.0
        market.send(1, BUY, 50, 100.0)
        assert market.tick({100.0: 500}) == []

    def test_nor_does_one_that_begins_a_minute_after_the_opening(self) -> None:
        market = Market()
        market.matcher.begin_day(market.now - 60_000 * MS)
        market.send(1, BUY, 50, 100.0)
        assert market.tick({100.0: 500}) == []

    def test_only_limit_orders_wait_for_the_auction(self) -> None:
        market = Market()
        market.tick()
        assert market.send(1, BUY, 5)[-1] == Withdrawn(1, market.now, Reason.AUCTION)
        assert market.send(2, BUY, 5, 105.0, type=OrderType.FAK)[-1] == Withdrawn(2, market.now, Reason.AUCTION)
        assert market.send(3, BUY, 5, 105.0) == [Accepted(3, market.now)]

    def test_without_an_auction_the_book_serves_from_the_opening_on(self) -> None:
        market = Market()
        market.matcher.begin_day(market.now + 2 * HALF)
        market.send(1, BUY, 5, 101.0)
        assert market.tick() == []
        assert fills(market.tick()) == [(1, 101.0, 5)]

    def test_volume_counts_anew_on_a_new_trading_day_and_the_old_book_is_gone(self, market: Market) -> None:
        market.tick({100.0: 900})
        market.tomorrow()
        market.send(1, BUY, 50, 101.0)
        assert fills(market.tick({101.0: 20}, bid_price=98.0, ask_price=103.0)) == [(1, 101.0, 20)]


class TestStops:
    @pytest.mark.parametrize(
        ("direction", "stop", "last", "filled"), [(BUY, 103.0, 103.0, 101.0), (SELL, 97.0, 96.0, 99.0)]
    )
    def test_a_stop_that_the_last_price_reaches_takes_the_book(
        self, market: Market, direction: int, stop: float, last: float, filled: float
    ) -> None:
        side = BUY if direction > 0 else SELL
        assert market.send(1, side, 4, type=OrderType.STOP, stop_price=stop) == [Accepted(1, market.now)]
        assert market.tick({stop - direction: 1}) == []
        outcomes = market.tick({last: 1})
        assert outcomes == [Triggered(1, market.now), Traded(1, market.now, filled, 4, 1)]

    def test_a_last_price_before_its_arrival_does_not_trigger(self, market: Market) -> None:
        market.tick({105.0: 1})
        assert market.send(1, BUY, 4, type=OrderType.STOP, stop_price=103.0) == [Accepted(1, market.now)]

    def test_with_a_price_it_becomes_a_limit_order(self, market: Market) -> None:
        market.send(1, BUY, 15, 101.0, type=OrderType.STOP, stop_price=103.0)
        assert fills(market.tick({103.0: 1})) == [(1, 101.0, 10)]
        assert fills(market.tick({101.0: 2}, ask_price=102.0)) == [(1, 101.0, 2)]

    def test_its_time_at_a_price_counts_from_the_trigger(self, market: Market) -> None:
        market.send(1, BUY, 2, 100.0, type=OrderType.STOP, stop_price=103.0)
        market.send(2, BUY, 2, 100.0)
        market.tick({103.0: 1})
        assert fills(market.tick({100.0: 3})) == [(2, 100.0, 2), (1, 100.0, 1)]

    def test_without_a_quote_it_ends(self, market: Market) -> None:
        market.send(1, BUY, 15, type=OrderType.STOP, stop_price=103.0)
        outcomes = market.tick({110.0: 1}, ask_price=nan, ask_volume=0)
        assert outcomes == [Triggered(1, market.now), Withdrawn(1, market.now, Reason.NO_QUOTE)]


@pytest.mark.parametrize("flag", [STALE, BACKWARD, OUTSIDE])
def test_a_flagged_tick_changes_nothing(market: Market, flag: int) -> None:
    market.send(1, BUY, 5, 99.0)
    market.send(2, BUY, 5, type=OrderType.STOP, stop_price=101.0)
    before = market.matcher.states(), market.matcher.market_state(), market.matcher.last_tick
    assert market.tick({98.0: 500}, last=120.0, flags=flag, ask_price=90.0) == []
    assert (market.matcher.states(), market.matcher.market_state(), market.matcher.last_tick) == before
