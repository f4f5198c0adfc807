"""A live day's rows against the run on its recorded ticks: the beat's task, the row, evidence, alarm and REST."""

from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Alarm, AuditEntry, User
from backtests.drift.evening import compare_days, plan_reports
from backtests.drift.live import OPENING_PART
from backtests.drift.models import DriftReport
from backtests.drift.reading import report_rows, reports_for
from backtests.drift.work import claim_report
from backtests.tests.live_rows import live_day
from marketdata.instruments import find_instrument
from marketdata.models import Instrument
from marketdata.ticks.models import Tick
from quantsite.common.times import utc_to_ns
from strategies.models import Evidence, StrategyDay, StrategyInstance, StrategyLeg, StrategyLog, StrategyOrder
from strategies.tests.instances import make_instance
from trading.domain.risk.switches import Strength
from trading.limit_models import KillSwitch
from trading.order_models import AccountEvent, Fill, Order
from trading.verbs.switches import set_switch

pytestmark = [pytest.mark.django_db, pytest.mark.real_data]

CODE = "AP010.CZCE"
DAY = date(2020, 8, 3)


@pytest.fixture
def apple(shared_data: Path, settings: Any, tmp_path: Path) -> Instrument:
    """The recorded day of AP010, as rows."""
    settings.TICK_DIR = tmp_path / "ticks"
    path = shared_data / "ticks" / "CZCE.AP010_tick_20200803.csv.gz"
    call_command("import_ticks", str(path), "--instrument", CODE, "--build-bars", "5m", stdout=StringIO())
    return find_instrument(CODE)


@pytest.fixture
def trend(apple: Instrument, alice: User) -> StrategyInstance:
    """double_ma 3/8 on bars of five minutes of it."""
    instance = make_instance(owner=alice, parameters={"fast": 3, "slow": 8}, unit=2)
    StrategyLeg.objects.filter(instance=instance).update(instrument=apple)
    return instance


def compared() -> DriftReport:
    """The report of the one day there is."""
    assert compare_days() == 1
    return DriftReport.objects.get()


def test_a_day_that_went_as_recorded_passes_and_is_evidence(trend: StrategyInstance) -> None:
    live = live_day(trend)
    assert len(live.decided) >= 3
    report = compared()
    assert (report.status, report.told_error) == ("succeeded", "")
    assert (report.passed, report.counts, report.rows) == (True, {}, [])
    assert report.alike == {"signal": len(live.decided), "order": len(live.sent), "fill": len(live.fills)}
    shown = Evidence.objects.get(kind="drift")
    assert (shown.passed, shown.instance, shown.trading_day) == (True, trend, DAY)
    assert shown.source_hash == trend.source_hash
    assert compare_days() == 0


def test_what_nobody_can_explain_raises_an_alarm(trend: StrategyInstance) -> None:
    live_day(trend)
    last = StrategyOrder.objects.filter(instance=trend).order_by("number").last()
    assert last is not None
    Fill.objects.filter(order=last.order).delete()
    assert last.order is not None
    last.delete()
    report = compared()
    assert (report.passed, Evidence.objects.get(kind="drift").passed) == (False, False)
    assert report.counts["unexplained"] == report.unexplained >= 1
    missing = next(row for row in report_rows(report) if row["what"] == "order")
    assert (missing["how"], missing["live"], missing["cause"]) == ("missing", None, "unexplained")
    assert missing["sentence"] == "No rule explains it."
    assert report.cost == pytest.approx(sum(row["cost"] for row in report.rows))
    alarm = Alarm.objects.open().get(code="strategy_drift")
    assert alarm.subject == "strategy trend"


def test_a_pause_and_a_worse_fill_are_named_and_add_up(trend: StrategyInstance) -> None:
    live_day(trend)
    first, *_others, last = StrategyOrder.objects.filter(instance=trend, order__fills__isnull=False).distinct()[::-1]
    fill = Fill.objects.filter(order=first.order).order_by("pk")[0]
    worse = fill.price + (1 if fill.direction == "buy" else -1)
    Fill.objects.filter(pk=fill.pk).update(price=worse)
    StrategyLog.objects.create(instance=trend, kind="paused", text="It is paused.", market_time=last.decided_at)
    assert last.order is not None
    Fill.objects.filter(order=last.order).delete()
    last.delete()
    report = compared()
    assert (report.passed, report.unexplained) == (True, 0)
    assert {"queue", "paused"} <= set(report.counts)
    assert report.costs["queue"] == pytest.approx(float(fill.volume) * 10.0)
    assert sum(report.costs.values()) == pytest.approx(report.cost)


def test_a_gap_explains_what_was_decided_in_it(trend: StrategyInstance) -> None:
    live_day(trend)
    signal = trend.signals.order_by("number")[1]
    signal.target = 0.0
    signal.save()
    StrategyLog.objects.create(
        instance=trend, kind="gap", text="Missed.", market_time=signal.decided_at,
        details={"since": utc_to_ns(signal.decided_at) - 1},
    )  # fmt: skip
    report = compared()
    assert set(report.counts) == {"late"}
    assert report.passed


def happened(trend: StrategyInstance, seq: int, at: datetime) -> None:
    """Something of the account, which tells what the market clock was by the wall."""
    AccountEvent.objects.create(account=trend.account, seq=seq, kind="mark", market_time=at)


def never_sent(order: StrategyOrder) -> None:
    """The order and its fills are gone."""
    Fill.objects.filter(order=order.order).delete()
    order.delete()


@pytest.mark.parametrize(
    ("scope", "cause"),
    [(("product", "AP.CZCE"), "switch"), (("strategy", "trend"), "switch"), (("product", "rb.SHFE"), "unexplained")],
    ids=str,
)
def test_what_a_stop_kept_from_being_sent_is_named(trend: StrategyInstance, scope: tuple[str, str], cause: str) -> None:
    live_day(trend)
    first, *_others, last = trend.orders.order_by("number")
    happened(trend, 1_000, first.decided_at)
    set_switch(None, *scope, Strength.NO_OPENING, "Something is wrong.")
    StrategyDay.objects.update(updated_at=timezone.now())
    never_sent(last)
    assert set(compared().counts) == {cause}


def test_a_stop_that_was_released_explains_nothing_behind_it(trend: StrategyInstance) -> None:
    live_day(trend)
    first, *_others, last = trend.orders.order_by("number")
    happened(trend, 1_000, first.decided_at)
    stop = set_switch(None, "platform", "", Strength.NO_OPENING, "Something is wrong.")
    KillSwitch.objects.filter(pk=stop.pk).update(released_at=timezone.now())
    happened(trend, 1_001, last.decided_at - timedelta(seconds=30))
    StrategyDay.objects.update(updated_at=timezone.now())
    never_sent(last)
    assert set(compared().counts) == {"unexplained"}


@pytest.mark.parametrize(("away", "cause"), [(600, "late"), (0, "unexplained")])
def test_a_runner_was_away_from_its_stored_state_until_it_was_there_again(
    trend: StrategyInstance, away: int, cause: str
) -> None:
    live_day(trend)
    signal = trend.signals.order_by("number")[1]
    stood = signal.decided_at - timedelta(seconds=300)
    StrategyLog.objects.create(instance=trend, kind="restored", text="Again.", market_time=stood)
    happened(trend, 1_000, stood + timedelta(seconds=away))
    signal.target = 0.0
    signal.save()
    assert set(compared().counts) == {cause}


def test_a_gap_of_which_nobody_knows_the_beginning_explains_nothing_before_it(trend: StrategyInstance) -> None:
    live_day(trend)
    first, second, *_others = trend.signals.order_by("number")
    for signal in (first, second):
        signal.target = 0.0
        signal.save()
    details = {"since": -1, "until": utc_to_ns(second.decided_at)}
    StrategyLog.objects.create(
        instance=trend, kind="gap", text="Missed.", details=details,
        market_time=second.decided_at - timedelta(seconds=1),
    )  # fmt: skip
    assert set(compared().counts) == {"unexplained", "late"}


def test_a_reversal_that_went_out_as_two_orders_is_one(trend: StrategyInstance) -> None:
    """An account's order either closes or opens, so that the runner sends two."""
    live_day(trend)
    whole = next(row for row in trend.orders.order_by("number") if row.lots == 4)
    assert whole.order is not None
    fills = list(Fill.objects.filter(order=whole.order).order_by("pk"))
    part = Order.objects.get(pk=whole.order.pk)
    part.pk, part.client_order_id, part.volume = None, f"{part.client_order_id}-opening", 2
    part.traded = 2
    part.save()
    opening = StrategyOrder.objects.get(pk=whole.pk)
    opening.pk, opening.number, opening.order, opening.lots = None, whole.number + OPENING_PART, part, 2
    opening.save()
    StrategyOrder.objects.filter(pk=whole.pk).update(lots=2)
    assert [fill.volume for fill in fills] == [4]
    Fill.objects.filter(pk=fills[0].pk).update(volume=2)
    fills[0].pk, fills[0].order, fills[0].volume, fills[0].trade_id = None, part, 2, "opening"
    fills[0].save()
    report = compared()
    assert (report.passed, report.counts) == (True, {})


def test_a_day_without_ticks_fails_with_a_sentence(trend: StrategyInstance) -> None:
    live_day(trend)
    Tick.objects.all().delete()
    report = compared()
    assert report.status == "failed"
    assert report.told_error == f"There are no recorded ticks of {CODE} on {DAY}."
    assert not Evidence.objects.filter(kind="drift").exists()


def test_a_report_is_taken_once(trend: StrategyInstance) -> None:
    live_day(trend)
    (number,) = plan_reports()
    assert plan_reports() == [number]
    claim = claim_report(number)
    assert claim is not None
    assert claim_report(number) is None
    assert plan_reports() == []


def test_rest_shows_the_days_to_those_who_see_the_instance(
    trend: StrategyInstance, alice: User, bob: User, ada: User, api: Any
) -> None:
    live_day(trend)
    report = compared()
    base = f"/api/v1/strategies/{trend.pk}/drift/"
    answer = api(alice).get(base)
    assert answer.status_code == 200, answer.json()
    (listed,) = answer.json()["results"]
    assert (listed["strategy"], listed["trading_day"], listed["passed"]) == ("trend", str(DAY), True)
    assert "rows" not in listed
    assert api(alice).get(f"{base}{DAY}/").json()["rows"] == []
    assert api(bob).get(base).status_code in {403, 404}
    assert api(ada).get(f"{base}{DAY}/").status_code == 200
    assert api(bob).post(base, {"trading_day": str(DAY)}).status_code in {403, 404}
    answer = api(alice).post(base, {"trading_day": str(DAY)})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert api(alice).post(base, {"trading_day": str(DAY)}).status_code == 409
    assert api(alice).post(base, {"trading_day": "2020-08-04"}).status_code == 404
    assert AuditEntry.objects.filter(verb="strategy.compare_day", actor=alice).count() == 1
    assert [row.pk for row in reports_for(trend, alice)] == [report.pk]
