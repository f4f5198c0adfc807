"""Targets of signals: what goes out at once, what waits, what is sent again and what is not."""

from math import isnan

import pytest

from marketdata.domain.bars import Bar
from marketdata.domain.ticks import STALE
from quantsite.common.errors import RuleError
from quantsite.common.times import NS_PER_MINUTE, NS_PER_SECOND
from strategies.domain.hosting.host import HostSetup, LiveHost
from strategies.domain.hosting.intents import Cause, Decided, Place
from strategies.domain.hosting.news import News, NewsKind
from strategies.domain.strategy import Signal
from strategies.tests.domain.hosting.market import TERMS
from strategies.tests.domain.hosting.rig import BEGIN, DAY, Rig, Told, heard, numbers, placed, wish
from trading.domain.offsets import Offset

MARKET = "market"


def test_a_signal_is_a_row_and_its_gap_a_market_order_at_once() -> None:
    rig = Rig(Told({2: wish(1)}), unit=3)
    assert rig.bar(501.0) == []
    decided, place = rig.bar(502.0)
    at = BEGIN + 2 * NS_PER_MINUTE
    assert decided == Decided(at, BEGIN + NS_PER_MINUTE, 0, 1.0, "told", (("figure", 1.5),), 502.0, 0)
    assert isinstance(place, Place)
    assert (place.number, place.lots, place.decision_price, place.decided_at) == (1, 3, 502.0, at)
    assert (place.cause, place.own) == (Cause.TARGET, 0)
    assert isnan(place.price)


def test_fills_are_told_when_the_next_bar_closes_and_before_it_is_decided_on() -> None:
    seen = []
    rig = Rig(Told({1: wish(2), 2: lambda s: seen.append((s.desk.position(), len(s.heard)))}))
    rig.bar()
    rig.fill(1, 501.0, 1)
    rig.fill(1, 502.0, 1)
    assert rig.host.positions == [2]
    assert heard(rig.strategy) == []
    rig.bar()
    assert heard(rig.strategy) == [("filled", 1, 501.0, 1.0, 0), ("filled", 1, 502.0, 2.0, 0)]
    assert {update.at for update in rig.strategy.heard} == {BEGIN + NS_PER_MINUTE}
    assert seen == [(2.0, 2)]


def test_a_reversal_closes_older_lots_then_todays_then_opens() -> None:
    rig = Rig(Told({1: wish(2), 2: wish(3), 3: wish(-1)}))
    rig.bar()
    rig.fill(1, lots=2)
    rig.next_day()
    rig.bar()
    rig.fill(2, lots=1)
    assert [row[:2] for row in placed(rig.bar())] == [(MARKET, -4)]
    rig.fill(3, 499.0, 4)
    rig.bar()
    last = [(u.offset, u.volume, u.position) for u in rig.strategy.heard[-3:]]
    assert last == [(Offset.CLOSE, 2.0, 1.0), (Offset.CLOSE_TODAY, 1.0, 0.0), (Offset.OPEN, 1.0, -1.0)]


def test_what_the_book_did_not_fill_goes_out_with_the_next_tick() -> None:
    rig = Rig(Told({1: wish(5)}))
    rig.bar()
    assert rig.fill(1, lots=2) == []
    assert rig.cancel(1, "remainder") == []
    assert [(kind, lots) for kind, lots, _ in placed(rig.tick())] == [(MARKET, 3)]
    assert rig.tick() == []  # one under way at a time


def test_nothing_is_sent_where_the_other_side_displays_nothing() -> None:
    rig = Rig(Told({1: wish(1)}))
    rig.bar()
    rig.cancel(1, "no_quote")
    assert rig.tick(later=10, ask_volume=0, ask_price=float("nan")) == []
    assert numbers(rig.tick(later=11)) == [2]


def test_an_attempt_that_filled_nothing_is_not_repeated_with_every_tick() -> None:
    rig = Rig(Told({1: wish(1)}))
    rig.bar()
    rig.cancel(1, "remainder")
    assert [bool(rig.tick(later=second)) for second in (0, 1, 4)] == [False] * 3
    assert numbers(rig.tick(later=5)) == [2]


def test_attempts_in_vain_grow_rare_until_one_fills() -> None:
    rig = Rig(Told({1: wish(2)}))
    rig.bar()
    last, waits = 0, []
    for number in range(1, 10):
        rig.host.on_news(News(number, NewsKind.CANCELLED, rig.now + last * NS_PER_SECOND, reason="remainder"))
        second = next(second for second in range(last, last + 400) if rig.tick(later=second))
        waits.append(second - last)
        last = second
    assert waits == [5, 10, 20, 40, 80, 160, 320, 320, 320]
    rig.host.on_news(News(10, NewsKind.FILLED, rig.now + last * NS_PER_SECOND, 500.0, 1))
    rig.host.on_news(News(10, NewsKind.CANCELLED, rig.now + last * NS_PER_SECOND, reason="remainder"))
    assert numbers(rig.tick(later=last)) == [11]


def test_a_refused_target_is_told_and_dropped_until_the_next_signal() -> None:
    rig = Rig(Told({1: wish(1), 3: wish(1)}))
    rig.bar()
    rig.reject(1)
    assert [rig.tick(later=second) for second in range(20)] == [[]] * 20
    assert numbers(rig.bar()) == []
    assert heard(rig.strategy) == [("rejected", 1, 500.0, 0.0, 0)]
    assert numbers(rig.bar()) == [2]


def test_a_refusal_for_the_moment_only_keeps_the_target() -> None:
    rig = Rig(Told({1: wish(1)}))
    rig.bar()
    rig.reject(1, "outside_session")
    assert numbers(rig.tick(later=6)) == [2]
    rig.bar()
    assert heard(rig.strategy) == []


def test_a_target_that_is_repeated_on_ticks_after_its_refusal_is_not_sent_at_once_again() -> None:
    class Stubborn(Told):
        def on_market_data(self, bar: object) -> None:
            self.signals = [Signal(1.0)]

    rig = Rig(Stubborn({}), interval="tick")
    first = rig.host.outbox.number
    rig.reject(first)
    sent = [numbers(rig.tick(later=second)) for second in range(29)]
    assert sent == [[]] * 29
    assert numbers(rig.tick(later=31)) == [first + 1]


def test_orders_of_a_bar_that_ends_a_session_wait_for_the_next_tick() -> None:
    rig = Rig(Told({1: wish(1)}))
    assert placed(rig.bar(shut=(0,))) == []
    assert rig.tick(later=1, flags=STALE) == []
    assert numbers(rig.tick(later=2)) == [1]


def test_the_newest_target_wins_while_the_market_is_shut_and_over_night() -> None:
    rig = Rig(Told({1: wish(1), 2: wish(-2)}))
    rig.bar(shut=(0,))
    rig.bar(shut=(0,))
    sent = rig.next_day()
    assert [lots for _, lots, _ in placed(sent)] == [-2]


def test_a_reached_target_does_not_pull_back_what_own_orders_do_later() -> None:
    rig = Rig(Told({1: wish(1), 2: lambda s: s.desk.market(1.0)}))
    rig.bar()
    rig.fill(1)
    rig.bar()
    rig.fill(2)
    assert rig.host.positions == [2]
    assert rig.tick() == []


def test_a_new_target_meets_an_order_under_way_by_what_it_makes_of_it() -> None:
    rig = Rig(Told({1: wish(3), 2: wish(-1)}))
    rig.bar()
    assert placed(rig.bar()) == []
    rig.fill(1, lots=3)
    assert [lots for _, lots, _ in placed(rig.tick())] == [-4]


def test_orders_in_flight_when_the_connection_is_lost_are_not_sent_twice() -> None:
    rig = Rig(Told({1: wish(1), 2: wish(1), 3: wish(1)}))
    rig.bar()
    for _ in range(2):
        assert placed(rig.bar()) == []
        assert rig.tick() == []
    assert list(rig.host.working) == [1]
    rig.fill(1)
    assert rig.host.positions == [1]
    assert rig.tick() == []


def test_a_fill_after_the_end_of_its_order_counts() -> None:
    rig = Rig(Told({1: wish(2)}))
    rig.bar()
    rig.cancel(1, "remainder")
    rig.fill(1, lots=1)
    assert rig.host.positions == [1]
    assert [lots for _, lots, _ in placed(rig.tick(later=6))] == [1]
    assert rig.host.on_news(News(77, NewsKind.FILLED, rig.now, 1.0, 5)) == []
    assert rig.host.positions == [1]


@pytest.mark.parametrize("target", [float("nan"), float("inf"), 0.5])
def test_a_target_that_is_no_number_of_lots_is_refused(target: float) -> None:
    rig = Rig(Told({1: wish(target)}))
    with pytest.raises(RuleError, match="target"):
        rig.bar()


def test_an_instance_goes_on_with_its_lots_and_numbers() -> None:
    rig = Rig(Told({1: wish(1)}), positions=[3], first_number=41)
    assert placed(rig.bar())[0][:2] == (MARKET, -2)
    assert list(rig.host.working) == [41]


class Many(Told):
    """As many instruments as it is given."""

    name = "many"
    legs = 0

    def on_bars(self, bars: tuple[Bar | None, ...]) -> None:
        self.signals = [Signal(1.0, leg=leg) for leg, bar in enumerate(bars) if bar is not None]


def test_a_strategy_on_any_number_of_legs_is_hosted_on_two_or_more() -> None:
    host = LiveHost(Many({}), TERMS, HostSetup(1, "1m"))
    bar = Bar(BEGIN, DAY, 500.0, 500.0, 500.0, 500.0, 1.0, 0.0, 0.0)
    sent = [each for each in host.on_bars((None, bar), BEGIN) if isinstance(each, Place)]
    assert [place.leg for place in sent] == [1]
    with pytest.raises(RuleError, match="two instruments or more"):
        LiveHost(Many({}), TERMS[:1], HostSetup(1, "1m"))


def test_a_strategy_on_other_legs_or_without_a_form_for_ticks_is_refused() -> None:
    with pytest.raises(RuleError, match="1 instruments at a time, not 2"):
        LiveHost(Told({}), TERMS, HostSetup(1, "1m"))
    with pytest.raises(RuleError, match="decides on bars only"):
        LiveHost(Many({}), TERMS, HostSetup(1, "tick"))
