"""The monitor in an account's loop: each figure against a computation of its own, levels told once, limits acted on."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from django.db import OperationalError

from accounts.models import Alarm
from marketdata import bar_store
from marketdata.daily_returns import days_before
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import to_day_number
from marketdata.instruments import trading_calendar
from marketdata.models import BarCoverage, Instrument
from trading import services
from trading.choices import CommandKind
from trading.domain.risk.rules import BreachAction, Rule
from trading.limit_models import KillSwitch
from trading.loop import monitor
from trading.loop.history import HISTORY
from trading.metrics import MONITOR_FAILURES
from trading.models import AccountRisk, AccountState, Fill, FlattenPlan, Order, RiskEvent
from trading.tests.loop_bench import FIRST_DAY, HC, RB, Bench, bench
from trading.tests.risk_table import group, limit, stop
from trading.verbs.inbox import enqueue
from trading.verbs.risk_picture import store_picture

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

LOT = 10
"""Tons in a lot of rb and hc."""


@pytest.fixture
def table() -> Iterator[Bench]:
    """An account, a market at 4000, and a loop."""
    with bench() as made:
        yield made


def seen(table: Bench) -> dict[str, Any]:
    """The picture as it is stored, once the loop has noticed every change of limits."""
    table.loop.commands.heed()
    table.now_everything()
    told: dict[str, Any] = AccountRisk.objects.get(account=table.account).figures
    return told


def used(told: dict[str, Any], rule: Rule, subject: str = "") -> dict[str, Any]:
    """One limit of the picture."""
    return next(row for row in told["limits"] if (row["rule"], row["subject"]) == (rule.value, subject))


def move(table: Bench, kind: CommandKind, amount: int) -> None:
    """Money that comes or goes while the gateway runs."""
    enqueue(None, table.account, kind, payload={"amount": str(amount)}, client_id=f"{kind}-{amount}")


def two_positions(table: Bench) -> None:
    """Five lots of rb bought at 4001, three of hc sold at 3999; then rb stands at 4010, hc at 4030. Two lots rest."""
    table.street.tick(4000.0, code=HC)
    table.placed("buy", "open", 4001.0, 5)
    table.placed("sell", "open", 3999.0, 3, instrument=HC)
    table.placed("buy", "open", 3990.0, 2)
    table.ticked(4010.0)
    table.ticked(4030.0, code=HC)


def test_the_picture_is_what_anybody_would_compute_from_the_fills(table: Bench) -> None:
    two_positions(table)
    told = seen(table)
    paid = float(sum(Fill.objects.values_list("commission", flat=True)))
    profit = 5 * LOT * (4010 - 4001) - 3 * LOT * (4030 - 3999) - paid
    state = AccountState.objects.get(account=table.account)
    margin = {"rb.SHFE": 5 * LOT * 4000 * 0.16, "hc.SHFE": 3 * LOT * 4000 * 0.16}  # at the previous settlement
    assert told["day_profit"] == pytest.approx(profit)
    assert told["balance"] == pytest.approx(1_000_000 + profit)
    assert told["margin_by_product"] == pytest.approx(margin)
    assert told["margin"] == pytest.approx(sum(margin.values()) + float(state.frozen_margin))
    assert told["risk_degree"] == pytest.approx(told["margin"] / told["balance"])
    assert told["net_exposure"] == LOT * (5 * 4010 - 3 * 4030)
    assert told["notional"] == LOT * (7 * 4010 + 3 * 4030)  # two lots are on order
    assert told["concentration"]["products"][0]["share"] == pytest.approx(5 / 8)
    assert (told["working_orders"], told["orders_today"]) == (1, 3)
    assert {row["instrument"]: row["days"] for row in told["expiries"]}.keys() == {RB, HC}
    assert (told["gateway"], told["trading_day"]) == ("running", "2024-01-02")


def test_the_margin_call_at_the_price_limits(table: Bench) -> None:
    """Long lots at 3600, short ones at 4400: what is lost, and the margin there, against what is left."""
    limit(Rule.MARGIN_STRESS, 1.0)
    move(table, CommandKind.WITHDRAW, 930_000)
    two_positions(table)
    told = seen(table)
    lost = 5 * LOT * (4010 - 3600) + 3 * LOT * (4400 - 4030)
    needed = 5 * LOT * 3600 * 0.16 + 3 * LOT * 4400 * 0.16
    call = needed - (told["balance"] - lost)
    assert call > 0
    assert told["stress"]["call"] == pytest.approx(call)
    assert used(told, Rule.MARGIN_STRESS)["used"] == pytest.approx(call)
    assert [hit["price"] for hit in told["stress"]["by_instrument"]] == [3600.0, 4400.0]


def test_a_drawdown_counts_from_the_peak_and_money_that_comes_or_goes_is_none(table: Bench) -> None:
    table.placed("buy", "open", 4001.0, 10)
    table.ticked(4101.0)
    top = seen(table)["balance"]
    table.ticked(4051.0)
    assert seen(table)["drawdown"] == pytest.approx(LOT * 10 * 50 / top)
    move(table, CommandKind.WITHDRAW, 400_000)
    told = seen(table)
    assert told["peak"] == pytest.approx(top - 400_000)
    assert told["drawdown"] == pytest.approx(5_000 / (top - 400_000))
    table.restart(clean=False)
    move(table, CommandKind.DEPOSIT, 100_000)
    told = seen(table)
    assert told["drawdown"] == pytest.approx(5_000 / (top - 300_000))
    assert table.loop.commands.desk.peak == told["peak"] == AccountRisk.objects.get().peak


def test_orders_cancels_and_bursts_are_those_of_the_whole_group() -> None:
    with group("A", "B") as (one, other):
        for _ in range(11):
            services.cancel_order(None, one.placed("buy", "open", 3900.0, 1).pk)
        one.now_everything()
        other.placed("buy", "open", 3900.0, 1)
        told = seen(one)
        assert told["cancels"] == {RB: 11}
        assert (told["orders_today"], told["working_orders"]) == (12, 0)
        assert told["cancel_budget"] == [{"instrument": RB, "used": 11, "limit": 470, "left": 459}]
        day = told["bursts"][0]
        assert (day["exchange"], day["orders"], day["cancels"]) == ("SHFE", 12, 11)
        one.restart(clean=False)
        assert seen(one)["bursts"][0] == day


def test_an_order_that_rests_while_its_exchange_is_closed(table: Bench) -> None:
    limit(Rule.RESTING_CLOSED, 5.0)
    order = table.placed("buy", "open", 3990.0, 2)
    assert seen(table)["resting_closed"] == []
    table.street.to(2.75)  # 11:45, the pause at noon
    table.turn()
    told = seen(table)
    assert [(row["order"], row["opens_at"]) for row in told["resting_closed"]] == [
        (order.pk, "2024-01-02T05:30:00+00:00")
    ]
    assert used(told, Rule.RESTING_CLOSED)["share"] == pytest.approx(0.2)


def test_limits_by_scope_the_worst_first(table: Bench) -> None:
    limit(Rule.POSITION_PRODUCT, 100.0)
    limit(Rule.POSITION_PRODUCT, 10.0, "product", "rb.SHFE")
    limit(Rule.MARGIN, 1_000_000.0, "desk", table.account.desk.code)
    limit(Rule.NOTIONAL, 1.0, "strategy", "double_ma")  # concerns that strategy's orders, not the account
    two_positions(table)
    told = seen(table)
    assert used(told, Rule.POSITION_PRODUCT, "rb.SHFE")["share"] == pytest.approx(0.7)
    assert used(told, Rule.POSITION_PRODUCT, "hc.SHFE")["share"] == pytest.approx(0.03)
    assert used(told, Rule.MARGIN)["scope_key"] == table.account.desk.code
    assert not [row for row in told["limits"] if row["rule"] == Rule.NOTIONAL.value]
    assert told["limits"][0]["rule"] == Rule.POSITION_PRODUCT.value


def test_each_level_is_told_once_and_a_breach_raises_an_alarm_until_it_is_over(table: Bench) -> None:
    limit(Rule.DAILY_LOSS, 10_000.0)
    table.placed("buy", "open", 4001.0, 20)
    for last, kinds in (
        (3970.0, ["warning"]),
        (3969.0, ["warning"]),
        (3958.0, ["warning"]),
        (3940.0, ["warning", "breach"]),
    ):
        table.ticked(last)
        seen(table)
        assert list(RiskEvent.objects.order_by("pk").values_list("kind", flat=True)) == kinds
    warning, breach = RiskEvent.objects.order_by("pk")
    assert (warning.count, warning.rule, breach.limit) == (2, "max_daily_loss", 10_000.0)  # 60 % and 80 %
    assert breach.value == pytest.approx(-seen(table)["day_profit"])
    assert Alarm.objects.open().get().code == "risk_breach"
    table.restart(clean=False)
    seen(table)
    assert RiskEvent.objects.get(kind="breach").count == 1
    table.ticked(3990.0)
    seen(table)
    assert not Alarm.objects.open().exists()
    assert not KillSwitch.objects.exists()  # the limit only warns


@pytest.mark.parametrize(
    ("action", "strength"), [(BreachAction.NO_OPENING, 1), (BreachAction.CANCEL, 2), (BreachAction.FLATTEN, 3)]
)
def test_a_breach_does_what_its_limit_says_once(table: Bench, action: BreachAction, strength: int) -> None:
    row = limit(Rule.CONCENTRATION_PRODUCT, 0.5)
    row.action = action.value
    row.save()
    resting = table.placed("sell", "open", 4200.0, 1)
    table.placed("buy", "open", 4001.0, 10)
    assert used(seen(table), Rule.CONCENTRATION_PRODUCT, "rb.SHFE")["share"] == 2.0
    seen(table)
    found = KillSwitch.objects.get()
    assert (found.scope_kind, found.scope_key, found.strength, found.set_by) == ("account", "T1", strength, None)
    assert found.reason.startswith("rb.SHFE has 100 % of the margin. The limit is 50 % from the platform;")
    table.loop.commands.heed()
    resting.refresh_from_db()
    assert resting.status == ("cancelled" if strength > 1 else "accepted")
    assert table.placed("buy", "open", 4005.0, 1).reason_code == "stopped"
    assert FlattenPlan.objects.count() == (strength == 3)
    assert Alarm.objects.open().get().severity == "critical"


def test_an_account_without_anything_has_a_picture_too(table: Bench) -> None:
    row = stop(1, "platform")  # type: ignore[arg-type]
    told = seen(table)
    assert (told["balance"], told["margin"], told["var"], told["limits"]) == (1_000_000.0, 0.0, 0.0, [])
    assert (told["switches"], told["data_age"]) == ([row.pk], {"max": 0.0, "by_instrument": {}})


def test_what_fails_is_counted_and_stops_nothing_but_a_database_that_is_away(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "holdings_of", lambda *_given: 1 / 0)
    before = MONITOR_FAILURES._value.get()
    assert table.placed("buy", "open", 4001.0, 1).status == "filled"
    assert MONITOR_FAILURES._value.get() > before

    def away(*_given: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(monitor, "holdings_of", away)
    with pytest.raises(OperationalError):
        table.loop.tend()


def test_a_gateway_that_lost_its_account_writes_no_picture(table: Bench) -> None:
    two_positions(table)
    before = seen(table)
    AccountState.objects.filter(account=table.account).update(epoch=10_000)
    table.loop.market.look()
    table.street.tick(4100.0)
    table.loop.monitor.look()
    assert AccountRisk.objects.get().figures == before


def test_an_order_waits_neither_for_measuring_nor_for_storing(table: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    table.turn()
    loop, told, measure = table.loop, [], table.loop.monitor.measure

    def slowly() -> Any:
        seen = measure()
        table.order("buy", "open", 3990.0, 1)
        assert loop._asked.wait(30), "it rings while the loop measures"
        return seen

    def storing(*given: Any) -> bool:
        told.append(list(Order.objects.values_list("status", flat=True)))
        return store_picture(*given)

    monkeypatch.setattr(loop.monitor, "measure", slowly)
    monkeypatch.setattr(monitor, "store_picture", storing)
    loop.tend()
    assert told == [["accepted"]], "it was taken before the picture was stored"
    assert AccountRisk.objects.get().figures["working_orders"] == 0, "the picture is of before"


def history(code: str, closes: np.ndarray) -> None:
    """Stored daily bars that end the day before the market's."""
    instrument = Instrument.objects.get(code=code)
    days = days_before(trading_calendar(), FIRST_DAY, len(closes))
    numbers = [to_day_number(day) for day in days]
    start = [number * 86_400 * 10**9 + 3_600 * 10**9 for number in numbers]
    lots = np.full(len(closes), 10.0)
    bars = BarSeries(code, "1d", start, numbers, closes, closes, closes, closes, lots, lots, lots)  # type: ignore[arg-type]
    coverage = BarCoverage.objects.create(instrument=instrument, interval="1d")
    bar_store.insert(bars, coverage)
    bar_store.refresh(coverage)


def test_value_at_risk_and_shortfall_from_stored_bars(table: Bench) -> None:
    chance = np.random.default_rng(3)
    moves = chance.normal(0.0, 0.015, (2, 120))
    for code, row in zip((RB, HC), moves, strict=True):
        history(code, 4000.0 * np.cumprod(np.concatenate([[1.0], 1 + row])))
    limit(Rule.VALUE_AT_RISK, 10_000.0, confidence=0.95, days=100)
    limit(Rule.SHORTFALL, 10_000.0, confidence=0.95, days=100)
    two_positions(table)
    assert seen(table)["var"] is None or seen(table)["tail_days"] == 100
    HISTORY.wait()
    told = seen(table)
    exposure = np.array([5 * LOT * 4010.0, -3 * LOT * 4030.0])
    lost = sorted(-(exposure @ moves[:, -100:]), reverse=True)
    assert (told["tail_days"], told["tail_left_out"]) == (100, [])
    assert told["var"] == pytest.approx(lost[5])  # 95 losses of 100 are no larger
    assert told["shortfall"] == pytest.approx(sum(lost[:5]) / 5)
    assert used(told, Rule.VALUE_AT_RISK)["share"] == pytest.approx(lost[5] / 10_000)


def test_without_a_history_the_figures_say_so(table: Bench) -> None:
    limit(Rule.VALUE_AT_RISK, 10_000.0)
    two_positions(table)
    HISTORY.wait()
    told = seen(table)
    assert (told["var"], told["shortfall"], told["tail_left_out"]) == (None, None, [HC, RB])
    assert told["limits"][0]["rule"] == "max_value_at_risk"  # what is not known comes first
    assert told["limits"][0]["share"] is None
