"""Limits and stops inside an account's loop: what they refuse, what they never refuse, and what they withdraw."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils.translation import override

from quantsite.testing.patience import SOON
from quantsite.web.retold import retold
from trading import services
from trading.domain.risk.rules import Rule
from trading.domain.risk.switches import Strength
from trading.limit_models import RiskLimit, SwitchEffect
from trading.loop import market, risk_check, risk_desk
from trading.metrics import CHECKS_FAILED, REFUSED, RISK_UNREAD
from trading.order_models import AccountEvent, Order
from trading.risk_models import RiskEvent
from trading.tests.loop_bench import HC, RB, Bench, bench
from trading.tests.risk_table import limit, release, stop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]


@pytest.fixture
def table() -> Iterator[Bench]:
    """An account, a market at 4000, and a loop."""
    with bench() as made:
        yield made


def refused(order: Order) -> str:
    """Why an order was refused; '' where it was not."""
    return order.reason_code if order.status == "rejected" else ""


def test_an_opening_beyond_a_limit_is_refused_and_says_the_limit_and_where_it_comes_from(table: Bench) -> None:
    limit(Rule.ORDER_VOLUME, 5, "account", "T1")
    before = REFUSED.labels("max_order_volume")._value.get()
    order = table.placed("buy", "open", 3990.0, 6)
    assert refused(order) == "max_order_volume"
    for word in ("6", "5", "T1", "risk officer"):
        assert word in order.reason_text
    assert REFUSED.labels("max_order_volume")._value.get() == before + 1
    assert refused(table.placed("buy", "open", 3990.0, 5)) == ""


def test_the_narrowest_limit_holds_and_a_change_counts_without_a_restart(table: Bench) -> None:
    limit(Rule.ORDER_VOLUME, 5)
    limit(Rule.ORDER_VOLUME, 8, "account", "T1")
    assert refused(table.placed("buy", "open", 3990.0, 8)) == ""
    limit(Rule.ORDER_VOLUME, 2, "account_product", "T1/rb.SHFE")
    assert refused(table.placed("buy", "open", 3990.0, 3)) == "max_order_volume"
    RiskLimit.objects.get(scope_kind="account_product").delete()
    limit(Rule.ORDER_VOLUME, None, "account", "T1")
    assert refused(table.placed("buy", "open", 3990.0, 20)) == ""


def test_the_loop_takes_a_change_over_as_soon_as_it_is_told(table: Bench) -> None:
    before = table.loop.commands.desk.revision
    table.loop._risk_asked.clear()
    limit(Rule.ORDER_VOLUME, 5)
    assert table.loop._risk_asked.wait(SOON), "nobody rang"
    table.loop.turn(0.2)
    assert table.loop.commands.desk.revision > before


def test_no_limit_keeps_anybody_from_closing(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 3)
    for rule in Rule:
        limit(rule, 0.0, allowed=[])
    stop(Strength.NO_OPENING)
    assert refused(table.placed("buy", "open", 3990.0, 1)) == "stopped"
    order = table.placed("sell", "close_today", 3999.0, 3)
    assert (order.status, order.traded) == ("filled", 3)


def test_what_a_stop_says_is_told_in_the_readers_language_but_for_a_persons_own_words(table: Bench) -> None:
    row = stop(Strength.NO_OPENING)
    told = table.placed("buy", "open", 3990.0, 1).reason_text
    assert told.endswith(f": {row.reason}")
    with override("zh-hans"):
        assert not re.search("[A-Za-z]{3}", retold(told).removesuffix(row.reason)), retold(told)
    table.loop.tend()
    event = RiskEvent.objects.get(kind="refused")
    with override("zh-hans"):
        assert not re.search("[A-Za-z]{3}", event.shown_text.removesuffix(row.reason)), event.shown_text


def test_positions_count_what_is_held_and_what_is_on_order(table: Bench) -> None:
    limit(Rule.POSITION_PRODUCT, 6)
    table.placed("buy", "open", 4001.0, 3)
    resting = table.placed("buy", "open", 3990.0, 3)
    assert refused(table.placed("buy", "open", 3990.0, 1)) == "max_position_product"
    assert refused(table.placed("sell", "open", 4010.0, 6)) == ""  # the other side counts for itself
    services.cancel_order(None, resting.pk)
    table.turn()
    assert refused(table.placed("buy", "open", 3990.0, 3)) == ""


def test_limits_that_nobody_can_read_stop_openings_only(table: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    table.placed("buy", "open", 4001.0, 2)
    resting = table.placed("buy", "open", 3990.0, 1)
    unread = RISK_UNREAD._value.get()
    RiskLimit.objects.create(rule="a rule of next year", scope_kind="platform", maximum=1)
    limit(Rule.ORDER_VOLUME, 5)
    monkeypatch.setattr(risk_desk, "FRESH_SECONDS", -1.0)  # as after some seconds without success
    assert refused(table.placed("buy", "open", 3990.0, 1)) == "risk_unknown"
    assert RISK_UNREAD._value.get() > unread
    services.cancel_order(None, resting.pk)
    table.turn()
    resting.refresh_from_db()
    assert resting.status == "cancelled"
    assert table.placed("sell", "close_today", 3999.0, 2).status == "filled"


def test_what_was_read_holds_on_for_some_seconds(table: Bench) -> None:
    limit(Rule.ORDER_VOLUME, 5)
    table.turn()
    RiskLimit.objects.create(rule="a rule of next year", scope_kind="platform", maximum=1)
    limit(Rule.ORDER_VOLUME, 50)
    assert refused(table.placed("buy", "open", 3990.0, 6)) == "max_order_volume"
    RiskLimit.objects.filter(rule="a rule of next year").delete()
    assert refused(table.placed("buy", "open", 3990.0, 6)) == ""


def test_a_check_that_fails_stops_openings_only(table: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    table.placed("buy", "open", 4001.0, 2)
    failed = CHECKS_FAILED._value.get()

    def breaks(*_given: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(risk_check, "judged_by", breaks)
    monkeypatch.setattr(risk_check, "price_limit_reason", breaks)
    assert refused(table.placed("buy", "open", 3990.0, 1)) == "risk_check_failed"
    assert table.placed("sell", "close_today", 3999.0, 2).status == "filled"
    assert CHECKS_FAILED._value.get() == failed + 2


def test_without_a_fresh_price_nothing_is_opened(table: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    table.placed("buy", "open", 4001.0, 2)
    assert refused(table.placed("buy", "open", 4000.0, 1, instrument=HC)) == "no_price"  # no tick of it has come
    monkeypatch.setattr(market, "UNREAD_SECONDS", -1.0)  # as after some seconds without a server
    assert refused(table.placed("buy", "open", 3990.0, 1)) == "no_price"
    assert table.placed("sell", "close_today", 3999.0, 2).status == "filled"


def test_a_source_that_has_fallen_silent_keeps_nobody_from_cancelling_and_closing(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.placed("buy", "open", 4001.0, 2)
    resting = table.placed("buy", "open", 3990.0, 1)
    monkeypatch.setattr(market, "SILENT_SECONDS", -1.0)
    assert refused(table.placed("buy", "open", 3990.0, 1)) == "no_market"
    services.cancel_order(None, resting.pk)
    table.turn()
    resting.refresh_from_db()
    assert resting.status == "cancelled"
    order = table.placed("sell", "close_today", 4005.0, 2)
    assert order.status == "accepted"


def test_the_day_is_counted_and_a_kill_changes_no_count(table: Bench) -> None:
    limit(Rule.ORDERS_INSTRUMENT, 5)
    limit(Rule.CANCELS_INSTRUMENT, 2)
    limit(Rule.ORDER_RATE, 100)
    orders = [table.placed("buy", "open", 3990.0, 1) for _ in range(3)]
    services.cancel_order(None, orders[0].pk)
    table.placed("buy", "open", 3980.0, 1, type="fak")  # what the exchange ends by itself is no cancel
    table.turn()
    desk = table.loop.commands.desk
    before = desk.counts(RB, {})
    assert (before.orders, before.cancels, before.large_cancels) == (4, 1, 0)
    table.restart(clean=False)
    assert table.loop.commands.desk.counts(RB, {}) == before
    assert table.loop.commands.placing.check._sent.within(60.0, 2**62) == 0
    assert table.loop.commands.placing.check._sent._times == sorted(table.loop.commands.placing.check._sent._times)
    assert len(table.loop.commands.placing.check._sent._times) == 4
    services.cancel_order(None, orders[1].pk)
    table.turn()
    assert refused(table.placed("buy", "open", 3990.0, 1)) == "max_cancels_instrument"
    limit(Rule.CANCELS_INSTRUMENT, 100)
    assert refused(table.placed("buy", "open", 3990.0, 1)) == ""
    assert refused(table.placed("buy", "open", 3990.0, 1)) == "max_orders_instrument"


def test_a_stop_says_who_and_why_and_its_release_counts(table: Bench) -> None:
    row = stop(Strength.NO_OPENING, "product", "rb.SHFE", reason="delivery month")
    order = table.placed("buy", "open", 3990.0, 1)
    assert refused(order) == "stopped"
    for word in ("rb.SHFE", "delivery month", str(row.pk)):
        assert word in order.reason_text
    effect = SwitchEffect.objects.get(switch=row)
    assert (effect.account_id, effect.working, effect.cancelled) == (table.account.pk, 0, 0)
    release(row)
    assert refused(table.placed("buy", "open", 3990.0, 1)) == ""


@pytest.mark.parametrize(
    ("kind", "key", "strategy", "gone"),
    [
        ("platform", "", "", True),
        ("desk", "house", "", True),
        ("desk", "other", "", False),
        ("account", "T1", "", True),
        ("account", "T2", "", False),
        ("product", "rb.SHFE", "", True),
        ("product", "hc.SHFE", "", False),
        ("account_product", "T1/rb.SHFE", "", True),
        ("strategy", "s1", "s1", True),
        ("strategy", "s1", "", False),
    ],
)
def test_a_stop_withdraws_what_rests_in_its_scope(
    table: Bench, kind: str, key: str, strategy: str, *, gone: bool
) -> None:
    table.placed("buy", "open", 4001.0, 2)
    resting = [table.placed("buy", "open", 3990.0 - n, 1) for n in range(3)]
    resting.append(table.placed("sell", "close_today", 4010.0, 2))
    Order.objects.update(strategy_key=strategy)
    table.restart()
    row = stop(Strength.CANCEL_ALL, kind, key)
    table.turn()
    states = set(Order.objects.filter(pk__in=[order.pk for order in resting]).values_list("status", flat=True))
    assert states == ({"cancelled"} if gone else {"accepted"})
    effect = SwitchEffect.objects.filter(switch=row).first()
    if not gone:
        assert effect is None or effect.working == 0
        return
    assert effect is not None
    assert (effect.working, effect.cancelled) == (4, 4)
    last = AccountEvent.objects.filter(kind="cancelled").latest("seq")
    assert effect.last_cancel_at == last.created_at
    assert effect.seconds == (last.created_at - row.set_at).total_seconds()
    # once: what closes may be placed afterwards, and rests
    order = table.placed("sell", "close_today", 4010.0, 2)
    table.turn()
    order.refresh_from_db()
    assert order.status == "accepted"


def test_what_opens_and_still_waits_in_the_inbox_is_refused(table: Bench) -> None:
    order = table.order("buy", "open", 3990.0, 1)
    stop(Strength.CANCEL_ALL)
    table.turn()
    order.refresh_from_db()
    assert refused(order) == "stopped"


def test_a_gateway_that_starts_later_obeys_the_stops_it_finds(table: Bench) -> None:
    order = table.placed("buy", "open", 3990.0, 1)
    table.loop.__exit__()
    row = stop(Strength.CANCEL_ALL)
    table.restart(clean=False)
    table.turn()
    order.refresh_from_db()
    assert order.status == "cancelled"
    assert SwitchEffect.objects.get(switch=row).seconds is not None


def test_a_stop_whose_gateway_dies_half_way_is_carried_on(table: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        table.placed("buy", "open", 3990.0 - n, 1)
    row = stop(Strength.CANCEL_ALL)

    def dies(*_given: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(table.loop.exchange, "send_cancels", dies)
    with pytest.raises(DatabaseError):
        table.loop.commands.heed()
    effect = SwitchEffect.objects.get(switch=row)
    assert (effect.working, effect.cancelled, effect.seconds) == (3, 0, None)
    table.restart(clean=False)
    table.turn()
    effect.refresh_from_db()
    assert (effect.working, effect.cancelled) == (3, 3)
    assert set(Order.objects.values_list("status", flat=True)) == {"cancelled"}


def test_figures_that_are_kept_equal_those_computed_anew(table: Bench) -> None:
    table.street.tick(3000.0, code=HC, upper_limit=3300.0, lower_limit=2700.0, pre_settlement=3000.0)
    table.turn()
    view = table.loop.commands.placing.check.view
    for number in range(12):
        side, price = ("buy", 3990.0 + number) if number % 2 else ("sell", 4012.0 - number)
        table.placed(side, "open", price, number % 4 + 1)
        if number % 3 == 0:
            table.placed("buy", "open", 2990.0 + number, 2, instrument=HC)
            table.ticked(4000.0 + number)
        sums = view.sums()
        held: dict[str, list[int]] = {RB: [0, 0], HC: [0, 0]}
        for row in table.loop.keeper.book.positions():
            held[row.instrument][row.side < 0] += row.volume
        for order in Order.objects.filter(status__in=["accepted", "partially_filled"]).select_related("instrument"):
            held[order.instrument.code][order.direction == "sell"] += order.left
        assert {code: [sums.long.get(code, 0), sums.short.get(code, 0)] for code in held} == held
        assert sums.long_product.get("rb.SHFE", 0) == held[RB][0]
        prices = {RB: table.loop.market.tick(RB).last, HC: 3000.0}  # type: ignore[union-attr]
        assert sums.value == pytest.approx(sum(sum(lots) * prices[code] * 10 for code, lots in held.items()))


def test_refusals_and_limits_that_are_near_become_risk_events_counted_in_batches(table: Bench) -> None:
    limit(Rule.ORDER_VOLUME, 10, "account", "T1")
    for volume in (7, 7, 8, 11, 12):
        table.order("buy", "open", 3990.0, volume)
    table.loop.commands.heed()
    table.loop.commands.carry_out()
    assert not RiskEvent.objects.exists()  # not on the order's way
    table.turn()
    near = RiskEvent.objects.get(kind="warning")
    assert (near.rule, near.level, near.value, near.limit, near.count) == ("max_order_volume", 0.8, 8.0, 10.0, 3)
    gone = RiskEvent.objects.get(kind="refused")
    assert (gone.rule, gone.reason_code, gone.count) == ("max_order_volume", "max_order_volume", 2)
    assert (gone.scope_kind, gone.scope_key, gone.value, gone.limit) == ("account", "T1", 12.0, 10.0)
    assert gone.account_id == table.account.pk
    table.placed("buy", "open", 3990.0, 500)  # what funds refuse concerns the trader
    limit(Rule.ORDER_VOLUME, None, "account", "T1")
    table.placed("buy", "open", 3990.0, 900)
    assert set(RiskEvent.objects.values_list("reason_code", flat=True)) <= {"", "max_order_volume"}
