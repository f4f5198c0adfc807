"""A strategy's own orders in a live host: limits that are renewed, stops kept here, replies, targets, cancels."""

import pytest

from quantsite.common.errors import RuleError
from strategies.domain.hosting.intents import Cause, Place, Withdraw
from strategies.domain.hosting.news import News, NewsKind
from strategies.domain.strategy import Reply
from strategies.tests.domain.hosting.rig import Act, Rig, Told, heard, numbers, placed
from trading.domain.offsets import Direction


def limit(volume: float, price: float, **given: object) -> Act:
    return lambda s: s.desk.limit(volume, price, **given)


def stop(volume: float, price: float, **given: object) -> Act:
    return lambda s: s.desk.stop(volume, price, **given)


def both(*acts: Act) -> Act:
    def act(strategy: object) -> None:
        for each in acts:
            each(strategy)

    return act


def test_a_limit_order_goes_to_the_exchange_on_its_grid() -> None:
    rig = Rig(Told({1: limit(2.0, 495.2)}), unit=3)
    sent = rig.bar()
    assert placed(sent) == [("limit", 6, 495.0)]
    assert isinstance(sent[0], Place)
    assert (sent[0].own, sent[0].cause, sent[0].decision_price) == (1, Cause.ORDER, 495.0)


def test_a_day_order_is_placed_anew_for_what_is_left_on_the_next_day() -> None:
    rig = Rig(Told({1: limit(3.0, 495.0)}))
    rig.bar()
    rig.fill(1, 495.0, 1)
    assert rig.cancel(1, "expired") == []
    rig.host.end_day()
    assert placed(rig.next_day()) == [("limit", 2, 495.0)]
    rig.bar()
    assert [kind for kind, *_ in heard(rig.strategy)] == ["filled"]


def test_one_that_somebody_cancelled_at_the_exchange_ends_and_the_strategy_hears_of_it() -> None:
    rig = Rig(Told({1: limit(3.0, 495.0)}))
    rig.bar()
    assert rig.cancel(1) == []
    assert rig.tick() == []
    rig.bar()
    assert heard(rig.strategy) == [("cancelled", 3, 495.0, 0.0, 1)]


def test_a_refused_order_ends_and_is_not_sent_again() -> None:
    rig = Rig(Told({1: both(limit(1.0, 495.0), lambda s: s.desk.market(1.0))}))
    rig.bar()
    assert rig.reject(1) + rig.reject(2) == []
    assert [rig.tick(later=second) for second in range(40)] == [[]] * 40
    rig.bar()
    assert [row[:2] for row in heard(rig.strategy)] == [("rejected", 1), ("rejected", 1)]


def test_a_limit_order_outside_the_days_price_limits_waits_for_the_next_day() -> None:
    rig = Rig(Told({1: limit(1.0, 400.0)}))
    rig.bar()
    assert rig.reject(1, "price_outside_limits") == []
    assert [rig.tick(later=second) for second in (10, 1_000)] == [[], []]
    assert placed(rig.next_day()) == [("limit", 1, 400.0)]
    rig.bar()
    assert heard(rig.strategy) == []


def test_an_order_refused_for_the_moment_is_placed_again_a_little_later() -> None:
    rig = Rig(Told({1: both(limit(1.0, 495.0), lambda s: s.desk.market(1.0))}))
    rig.bar()
    assert rig.reject(1, "outside_session") + rig.reject(2, "broker_not_ready") == []
    assert rig.tick(later=4) == []
    assert [row[0] for row in placed(rig.tick(later=5))] == ["limit", "market"]


def test_a_market_order_goes_on_until_it_is_filled() -> None:
    rig = Rig(Told({1: lambda s: s.desk.market(-3.0)}))
    rig.bar()
    rig.fill(1, 499.0, 1)
    rig.cancel(1, "remainder")
    assert [row[:2] for row in placed(rig.tick())] == [("market", -2)]
    rig.fill(2, 498.0, 2)
    assert list(rig.host.resting) == []
    rig.bar()
    assert heard(rig.strategy) == [("filled", -1, 499.0, -1.0, 1), ("filled", -2, 498.0, -3.0, 1)]


def test_a_cancel_is_a_withdrawal_and_a_fill_that_was_faster_counts() -> None:
    rig = Rig(Told({1: limit(1.0, 495.0), 2: lambda s: s.desk.cancel(1)}))
    rig.bar()
    assert rig.bar() == [Withdraw(1)]
    assert list(rig.host.resting) == []
    rig.fill(1, 495.0)
    rig.bar()
    assert rig.host.positions == [1]
    assert heard(rig.strategy) == [("filled", 1, 495.0, 1.0, 1)]


def test_cancel_says_whether_the_order_rests() -> None:
    said: list[object] = []
    rig = Rig(
        Told({
            1: both(limit(1.0, 495.0), stop(1.0, 505.0), lambda s: said.append(s.desk.cancel_all())),
            2: lambda s: said.append((s.desk.cancel(1), s.desk.cancel(9))),
        })
    )  # fmt: skip
    rig.bar()
    rig.bar()
    assert said == [2, (False, False)]


# --- stops -------------------------------------------------------------------------------------------------------


def test_a_stop_order_waits_here_and_becomes_a_market_order_at_its_price() -> None:
    rig = Rig(Told({1: stop(1.0, 505.0)}))
    assert rig.bar() == []
    assert rig.tick(504.0) == []
    sent = rig.tick(505.0)
    assert [row[:2] for row in placed(sent)] == [("market", 1)]
    assert isinstance(sent[0], Place)
    assert (sent[0].cause, sent[0].decision_price, sent[0].own) == (Cause.STOP, 505.0, 1)
    assert rig.tick(506.0) == []


def test_a_stop_is_not_triggered_before_the_day_has_traded() -> None:
    rig = Rig(Told({1: stop(-1.0, 495.0)}))
    rig.bar()
    rig.host.end_day()
    rig.day, rig.minute, rig.volume = rig.day + 1, 0, 0
    rig.host.begin_day(rig.day)
    assert rig.tick(490.0, traded=0) == []
    assert len(placed(rig.tick(490.0))) == 1


def test_stops_outlive_the_day() -> None:
    rig = Rig(Told({1: stop(-1.0, 495.0)}))
    rig.bar()
    assert placed(rig.next_day(496.0)) == []
    assert len(placed(rig.tick(495.0))) == 1


# --- replies -----------------------------------------------------------------------------------------------------


def test_a_filled_order_is_answered_at_once_and_a_repeating_one_for_good() -> None:
    rig = Rig(Told({1: limit(2.0, 495.0, reply=Reply(5.0, repeat=True))}))
    rig.bar()
    assert rig.fill(1, 495.0, 1) == []
    assert placed(rig.fill(1, 495.0, 1)) == [("limit", -2, 500.0)]
    assert placed(rig.fill(2, 500.0, 2)) == [("limit", 2, 495.0)]
    assert placed(rig.fill(3, 495.0, 2)) == [("limit", -2, 500.0)]
    assert [order.number for order in rig.host.resting] == [4]


def test_a_reply_that_does_not_repeat_is_the_last() -> None:
    rig = Rig(Told({1: limit(-1.0, 505.0, reply=Reply(5.0))}))
    rig.bar()
    assert placed(rig.fill(1, 505.0)) == [("limit", 1, 500.0)]
    assert rig.fill(2, 500.0) == []
    assert list(rig.host.resting) == []


def test_an_order_that_expires_partly_filled_replies_with_its_whole_volume() -> None:
    rig = Rig(Told({1: limit(3.0, 495.0, reply=Reply(5.0))}))
    rig.bar()
    rig.fill(1, 495.0, 1)
    rig.cancel(1, "expired")
    rig.next_day()
    assert placed(rig.fill(2, 495.0, 2)) == [("limit", -3, 500.0)]


# --- to a target -------------------------------------------------------------------------------------------------


def test_a_stop_to_a_target_takes_what_is_missing_when_it_acts() -> None:
    rig = Rig(Told({1: both(lambda s: s.desk.market(-2.0), stop(1.0, 505.0, side=Direction.BUY, to_target=True))}))
    rig.bar()
    rig.fill(1, 500.0, 2)
    assert [row[:2] for row in placed(rig.tick(505.0))] == [("market", 3)]


def test_a_stop_to_a_target_that_is_reached_ends_and_tells() -> None:
    rig = Rig(Told({1: both(lambda s: s.desk.market(1.0), stop(1.0, 505.0, side=Direction.BUY, to_target=True))}))
    rig.bar()
    rig.fill(1)
    assert rig.tick(506.0) == []
    rig.bar()
    assert heard(rig.strategy)[-1] == ("cancelled", 0, 506.0, 1.0, 2)


def test_a_limit_to_a_target_is_replaced_where_another_fill_changed_what_is_missing() -> None:
    rig = Rig(Told({1: both(limit(2.0, 495.0, to_target=True), lambda s: s.desk.market(1.0))}))
    assert [row[:2] for row in placed(rig.bar())] == [("limit", 2), ("market", 1)]
    assert rig.fill(2) == [Withdraw(1)]
    assert placed(rig.cancel(1)) == [("limit", 1, 495.0)]
    rig.fill(3, 495.0, 1)
    assert rig.host.positions == [2]
    assert list(rig.host.resting) == []


def test_one_with_nothing_to_do_waits_here_and_ends_at_its_price() -> None:
    rig = Rig(Told({1: both(limit(1.0, 495.0, to_target=True), lambda s: s.desk.market(1.0))}))
    rig.bar()
    rig.fill(2)
    assert rig.cancel(1) == []
    assert rig.tick(496.0) == []
    assert len(list(rig.host.resting)) == 1
    rig.tick(495.0)
    assert list(rig.host.resting) == []
    rig.bar()
    assert heard(rig.strategy)[-1] == ("cancelled", 0, 495.0, 1.0, 1)


# --- what a desk refuses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "act",
    [
        limit(0.0, 495.0),
        limit(0.5, 495.0),
        limit(1.0, float("nan")),
        limit(1.0, 495.0, reply=Reply(0.0)),
        limit(1.0, 495.0, reply=Reply(1.0), to_target=True),
        stop(float("inf"), 495.0),
    ],
)
def test_what_is_no_order_is_refused(act: Act) -> None:
    rig = Rig(Told({1: act}))
    with pytest.raises(RuleError) as caught:
        rig.bar()
    assert caught.value.code == "invalid_order"


# --- on ticks ----------------------------------------------------------------------------------------------------


def on_ticks(acts: dict[int, Act]) -> Rig:
    return Rig(Told(acts), interval="tick", unit=2)


def test_on_ticks_the_strategy_hears_at_once_and_in_units() -> None:
    rig = on_ticks({1: lambda s: s.desk.market(2.0)})
    assert rig.host.outbox.number == 1
    rig.fill(1, 501.0, 2)
    rig.cancel(1, "remainder")
    assert heard(rig.strategy) == [("filled", 1, 501.0, 1.0, 1), ("cancelled", 1, 500.0, 1.0, 1)]
    assert rig.strategy.heard[0].at == rig.now
    assert rig.tick() == []


def test_on_ticks_orders_end_with_their_day() -> None:
    rig = on_ticks({1: both(limit(1.0, 495.0), stop(-1.0, 490.0))})
    assert rig.cancel(1, "expired") == []
    rig.host.end_day()
    assert [row[0] for row in heard(rig.strategy)] == ["cancelled", "cancelled"]
    assert numbers(rig.next_day()) == []


def test_on_ticks_an_own_cancel_is_told_when_it_is_true() -> None:
    rig = on_ticks({1: limit(1.0, 495.0), 2: lambda s: s.desk.cancel(1)})
    assert rig.tick() == [Withdraw(1)]
    assert heard(rig.strategy) == []
    rig.cancel(1)
    assert heard(rig.strategy) == [("cancelled", 2 / 2, 495.0, 0.0, 1)]


def test_on_ticks_there_are_no_replies_targets_and_wakes() -> None:
    acts = (
        limit(1.0, 495.0, reply=Reply(5.0)),
        limit(1.0, 495.0, to_target=True),
        lambda s: s.desk.wake_at(1),
        lambda s: s.desk.wake_on(1.0),
    )
    for act in acts:
        rig = on_ticks({2: act})
        with pytest.raises(RuleError, match="on bars"):
            rig.tick()


def test_news_of_acceptance_change_nothing_but_the_table() -> None:
    rig = Rig(Told({1: limit(1.0, 495.0)}))
    rig.bar()
    assert rig.host.on_news(News(1, NewsKind.ACCEPTED, rig.now)) == []
    assert rig.host.working[1].accepted
