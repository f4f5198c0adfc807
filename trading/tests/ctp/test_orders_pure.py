"""One exchange order from snapshots in any order, and ours folded out of several: no rows, no front."""

import itertools
import random
from datetime import date

import pytest

from quantsite.common.times import ns_to_utc
from trading.domain import events
from trading.domain.checks import Reason
from trading.domain.ctp.combos import AS_LIMIT, AT_MARKET, ComboRow, combo_for, combos_on, type_of
from trading.domain.ctp.folding import CtpOrder
from trading.domain.ctp.identity import (
    SentKey,
    SystemKey,
    TradeKey,
    fill_id,
    foreign_id,
    key_of_fill,
    plain_ref,
    sent_key,
    system_key,
    trade_key,
)
from trading.domain.ctp.orders import End, Leg, News, Phase, Snapshot
from trading.domain.ctp.times import instant_on
from trading.domain.ctp.wire import Investor, action_fields, insert_fields
from trading.domain.offsets import Direction, Offset
from trading.domain.order import OrderState
from trading.domain.order_status import OrderStatus, OrderType

DAY, FRIDAY, MONDAY = date(2024, 1, 2), date(2024, 1, 5), date(2024, 1, 8)
KEY = SentKey(1, -7, "12")


def told(status: str, traded: int = 0, submit: str = "3", number: str = "  9", time: str = "3") -> Snapshot:
    return Snapshot(status, submit, traded, number, time, "")


def leg(volume: int = 3) -> Leg:
    return Leg(KEY, Offset.OPEN, volume, Phase.SENT)


def order(*legs: Leg, kind: OrderType = OrderType.LIMIT) -> CtpOrder:
    return CtpOrder(1, "rb2405.SHFE", Direction.BUY, kind, sum(each.volume for each in legs), list(legs))


STORIES = {
    "filled": [told("a", number=""), told("3"), told("1", 1), told("1", 2), told("0", 3)],
    "cancelled": [told("a", number=""), told("3"), told("1", 2), told("5", 2)],
    "at once": [told("a", number=""), told("0", 3)],
    "refused": [told("a", number=""), told("5", submit="4", number="")],
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_case_13_snapshots_twice_and_in_any_order_come_to_the_same(story: list[Snapshot]) -> None:
    straight = leg()
    for each in story:
        straight.hear(each)
    drawn = random.Random(13)  # noqa: S311 - repeatable, not secret
    shuffles = (
        list(itertools.permutations(story))
        if len(story) < 4
        else [drawn.sample(story * 2, len(story) * 2) for _ in range(200)]
    )
    for shuffled in shuffles:
        other = leg()
        for each in shuffled:
            other.hear(each)
        assert (other.end, other.traded) == (straight.end, straight.traded)


def test_case_13_nothing_leaves_an_end_and_volume_never_goes_down() -> None:
    one = leg()
    assert one.hear(told("1", 2)) is News.MOVED
    assert one.hear(told("3", 0)) is News.LATE
    assert one.hear(told("1", 1)) is News.LATE
    assert one.hear(told("5", 2)) is News.MOVED
    for late in (told("3"), told("1", 2), told("0", 3), told("z")):
        assert one.hear(late) is News.LATE
    assert (one.end, one.traded) == (End.CANCELLED, 2)


def test_case_02_05_and_48_which_end_a_snapshot_tells() -> None:
    ends = []
    for snapshot in (told("5", 2), told("5", submit="4"), told("5", 1, submit="4"), told("4", time="1"), told("2", 1)):
        one = leg()
        one.hear(snapshot)
        ends.append((one.end, one.traded))
    assert ends == [
        (End.CANCELLED, 2),
        (End.REFUSED, 0),
        (End.CANCELLED, 1),
        (End.CANCELLED, 0),
        (None, 1),  # for the day: it stays at work
    ]


def test_case_06_a_refused_cancel_is_told_once_for_each_that_was_asked_for() -> None:
    one = leg()
    one.hear(told("3"))
    assert one.hear(told("3", submit="5")) is News.LATE  # nobody here asked
    one.cancel_out = True
    assert one.hear(told("3", submit="5")) is News.CANCEL_REFUSED
    assert one.hear(told("3", submit="5")) is News.LATE
    assert not one.over


def test_case_44_unknown_letters_change_no_state() -> None:
    one = leg()
    assert one.hear(told("z", number="")) is News.UNKNOWN
    assert (one.phase, one.end) == (Phase.SENT, None)
    assert one.hear(told("3", submit="9")) is News.MOVED


def test_case_04_and_09_a_refusal_counts_once_and_not_after_the_exchange_has_it() -> None:
    one = leg()
    assert one.refuse("ctp_31", "no money", events.Refuser.BROKER)
    assert not one.refuse("ctp_31", "no money", events.Refuser.BROKER)
    other = leg()
    other.hear(told("3"))
    assert not other.refuse("ctp_31", "", events.Refuser.BROKER)


def test_case_10_only_what_nobody_has_told_of_comes_into_doubt() -> None:
    silent, alive = leg(), leg()
    alive.hear(told("a", number=""))
    assert (silent.lose(), silent.lose(), alive.lose()) == (True, False, False)
    silent.hear(told("3"))
    assert not silent.doubt


def test_case_12_what_is_kept_and_restored_hears_a_replay_as_nothing_new() -> None:
    one = leg()
    for each in STORIES["cancelled"]:
        one.hear(each)
    again = Leg.restored(one.kept())
    assert again == one
    assert {again.hear(each) for each in STORIES["cancelled"]} == {News.LATE}


def test_case_16_the_two_sides_of_a_self_trade_have_keys_of_their_own() -> None:
    trade = {"ExchangeID": "SHFE", "InstrumentID": "rb2405", "TradeID": "        77", "Direction": "0"}
    bought, sold = trade_key(trade, DAY), trade_key({**trade, "Direction": "1"}, DAY)
    assert bought != sold
    assert fill_id(bought) == fill_id(sold) == "SHFE:77"
    assert key_of_fill(DAY, "rb2405.SHFE", "SHFE:77", Direction.SELL) == sold


def test_case_17_a_number_counts_at_its_exchange_on_its_day() -> None:
    keys = {
        system_key({"ExchangeID": exchange, "OrderSysID": "  9"}, day)
        for exchange in ("SHFE", "DCE")
        for day in (FRIDAY, MONDAY)
    }
    assert len(keys) == 4
    assert len({foreign_id(key) for key in keys if key}) == 4
    trades = {TradeKey(day, "SHFE", "rb2405", "1", Direction.BUY) for day in (FRIDAY, MONDAY)}
    assert len(trades) == 2


def test_case_18_blanks_are_no_part_of_a_key_and_go_back_as_they_came() -> None:
    assert system_key({"ExchangeID": "SHFE", "OrderSysID": "         123"}, DAY) == SystemKey(DAY, "SHFE", "123")
    assert system_key({"ExchangeID": "SHFE", "OrderSysID": "        "}, DAY) is None
    one = leg()
    one.hear(told("3", number="         123"))
    fields = action_fields(Investor("9999", "1"), order(one), one, 5)
    assert fields["OrderSysID"] == "         123"


@pytest.mark.parametrize(
    ("text", "ref"), [("12", "12"), ("          12", "12"), ("000000000012", "12"), ("", ""), ("x1", "x1")]
)
def test_references_however_they_are_filled_up(text: str, ref: str) -> None:
    assert plain_ref(text) == ref
    assert (sent_key({"OrderRef": text}) is None) == (not ref)


def run(made: CtpOrder, state: OrderState, *fills: int) -> OrderStatus:
    """Take what the order tells into a state of ours, after so many lots have come as trades; gives where it stands."""
    for number, volume in enumerate(fills, len(state.trades)):
        made.filled += volume
        state.apply(events.Traded(at=1, trade_id=str(number), price=1.0, volume=volume))
    for event in made.news(1):
        state.apply(event)
    return state.status


def submitting(volume: int) -> OrderState:
    state = OrderState(1, volume)
    state.apply(events.Submitting(at=1))
    return state


def test_case_19_two_exchange_orders_fold_into_one() -> None:
    older, today = (
        Leg(KEY, Offset.CLOSE_YESTERDAY, 2, Phase.SENT),
        Leg(SentKey(1, -7, "13"), Offset.CLOSE_TODAY, 1, Phase.SENT),
    )
    made, state = order(older, today), submitting(3)
    older.hear(told("a", number=""))
    assert run(made, state) is OrderStatus.SUBMITTED
    today.hear(told("5", submit="4", number=""))
    assert run(made, state) is OrderStatus.SUBMITTED  # the other part is alive
    older.hear(told("3"))
    assert run(made, state) is OrderStatus.ACCEPTED
    older.hear(told("0", 2))
    assert run(made, state) is OrderStatus.ACCEPTED  # its trades have not come
    assert run(made, state, 2) is OrderStatus.CANCELLED
    assert (state.traded, state.reason_code) == (2, "exchange_refused")


def test_an_end_waits_for_its_trades() -> None:
    one = leg()
    made, state = order(one), submitting(3)
    one.hear(told("5", 2))
    assert run(made, state) is OrderStatus.ACCEPTED
    assert run(made, state, 1) is OrderStatus.PARTIALLY_FILLED
    assert run(made, state, 1) is OrderStatus.CANCELLED
    assert state.traded == 2


def test_nothing_is_told_twice() -> None:
    one = leg()
    made = order(one)
    one.hear(told("3"))
    assert len(made.news(1)) == 1
    assert made.news(2) == ()


def test_order_types_by_exchange_and_date() -> None:
    def asked(exchange: str, kind: OrderType, *, as_limit: bool = False) -> object:
        return combo_for(exchange, kind, DAY, market_as_limit=as_limit)

    assert asked("DCE", OrderType.MARKET) == AT_MARKET
    assert asked("SHFE", OrderType.MARKET, as_limit=True) == AS_LIMIT
    for refused in (
        asked("SHFE", OrderType.MARKET),
        asked("SHFE", OrderType.STOP),
        asked("CZCE", OrderType.FOK),
        asked("DCE", OrderType.BEST),
        asked("XXXX", OrderType.LIMIT),
    ):
        assert isinstance(refused, Reason)
        assert refused.code == "type_not_taken"
    later = ComboRow("DCE", MONDAY, {})
    dated = [ComboRow("DCE", date.min, {OrderType.LIMIT: AT_MARKET}), later]
    assert OrderType.LIMIT in combos_on("DCE", FRIDAY, dated)
    assert OrderType.LIMIT not in combos_on("DCE", MONDAY, dated)
    assert [type_of(*letters) for letters in ("213", "223", "211", "111", "311")] == [
        OrderType.FOK, OrderType.LIMIT, OrderType.FAK, OrderType.MARKET, OrderType.BEST,
    ]  # fmt: skip


def test_case_42_what_is_sent_is_plain_and_ascii() -> None:
    one = leg()
    written = insert_fields(Investor("9999", "100001"), order(one), one, AS_LIMIT, 4400)
    assert type(written["LimitPrice"]) is float
    assert type(written["VolumeTotalOriginal"]) is int
    assert all(str(value).isascii() for value in written.values())
    assert (written["ExchangeID"], written["InstrumentID"], written["OrderRef"]) == ("SHFE", "rb2405", "12")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("21:05:00", "2024-01-05T13:05"),
        ("00:30:00", "2024-01-05T16:30"),
        ("09:01:00", "2024-01-08T01:01"),
        ("14:59:59", "2024-01-08T06:59"),
    ],
)
def test_times_of_a_mondays_night_are_those_of_friday(text: str, utc: str) -> None:
    at = instant_on(MONDAY, FRIDAY, text)
    assert at is not None
    assert ns_to_utc(at).isoformat().startswith(utc)
    assert instant_on(MONDAY, FRIDAY, "") is None
