"""Deciding main contracts: once a day, the same by night and by day, with its reason, and taken back by few."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from accounts.models import AuditEntry, User
from marketdata.daily_facts import ContractRoll, MainContractDay
from marketdata.daily_services import import_rolls
from marketdata.instruments import trading_calendar
from marketdata.main_contracts.continuous import BuildOptions, build_continuous
from marketdata.main_contracts.rows import reason_text
from marketdata.main_contracts.services import decide_days, fill_opens, redecide
from marketdata.main_contracts.state import last_finished_day, late_products, main_contract_on
from marketdata.models import Bar, Instrument, Product
from marketdata.tests.made_contracts import AFTERWARDS, FRI, MON, THU, TUE, WED, store_days, store_roll
from quantsite.common.errors import RefusedError, RuleError
from quantsite.common.times import ns_to_utc

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

AFTER_WEEKEND = date(2024, 3, 25)


@pytest.fixture
def rb(db: None) -> Product:
    """Steel, nothing stored of it yet."""
    return Product.objects.get(exchange="SHFE", code="rb")


def decided() -> list[tuple[str, str, str, bool]]:
    """Trading day, contract, ground and whether it rolled, of every decision."""
    rows = MainContractDay.objects.order_by("trading_day").select_related("instrument")
    return [(str(row.trading_day), row.instrument.symbol, row.rule, row.rolled) for row in rows]


def test_a_week_is_decided_day_by_day_with_its_reason(rb: Product) -> None:
    store_roll()
    reports = decide_days(None, MON, FRI, now=AFTERWARDS)
    assert [(str(report.day), str(report.trading_day)) for report in reports][-1] == ("2024-03-22", "2024-03-25")
    assert decided() == [
        ("2024-03-19", "rb2405", "first", False),
        ("2024-03-20", "rb2405", "kept", False),
        ("2024-03-21", "rb2410", "open_interest", True),
        ("2024-03-22", "rb2410", "kept", False),
        ("2024-03-25", "rb2410", "kept", False),
    ]
    row = MainContractDay.objects.get(trading_day=THU)
    assert row.decided_from == WED
    assert row.reason["main"] == {
        "contract": "rb2410.SHFE",
        "expires": "2024-10-15",
        "open_interest": 991.0,
        "volume": 350.0,
        "close": 3_621.0,
    }
    assert row.reason["present"] == row.reason["rival"]
    assert (row.reason["present"]["contract"], row.reason["present"]["open_interest"]) == ("rb2405.SHFE", 900.0)
    assert [row.reason[name] for name in ("ratio", "volume_share", "leave_days")] == [1.1, 0.5, 8]
    assert row.reason["said"] == reason_text(row) == "more than 1.1 times the open interest, at least 0.5 of the volume"
    roll = ContractRoll.objects.get()
    assert (roll.instrument.code, roll.trading_day, roll.closes_day) == ("rb88.SHFE", THU, WED)
    assert (roll.from_contract, roll.to_contract) == ("rb2405.SHFE", "rb2410.SHFE")
    assert (roll.old_close, roll.new_close, roll.old_open) == (3_721.0, 3_621.0, None)
    assert (roll.rule, roll.reason) == ("open_interest", row.reason)
    audit = AuditEntry.objects.filter(verb="main_contracts.decide")
    assert audit.count() == 5


def test_a_decided_day_is_never_decided_again(rb: Product) -> None:
    """What the data say later changes nothing: who asks at night and who asks by day gets one answer."""
    store_roll()
    decide_days(None, MON, WED, now=AFTERWARDS)
    before = decided()
    Bar.objects.filter(instrument__code="rb2405.SHFE", trading_day=WED).update(open_interest=9e6)
    again = decide_days(None, MON, WED, now=AFTERWARDS)
    assert [(report.already, report.outcomes) for report in again] == [(1, []), (1, []), (1, [])]
    assert decided() == before
    night, by_day = main_contract_on(rb, THU), main_contract_on(rb, THU)
    assert night == by_day
    assert night is not None
    assert night.instrument.code == "rb2410.SHFE"
    assert ContractRoll.objects.count() == 1
    assert AuditEntry.objects.filter(verb="main_contracts.decide").count() == 3, "nothing decided leaves no entry"


def test_the_opens_of_a_roll_come_with_its_first_day(rb: Product) -> None:
    store_roll()
    decide_days(None, MON, WED, now=AFTERWARDS)
    assert fill_opens(MON, WED) == 0
    assert fill_opens(MON, THU) == 1
    roll = ContractRoll.objects.get()
    assert (roll.old_open, roll.new_open) == (3_721.0, 3_621.0)
    assert fill_opens(MON, THU) == 0


def test_a_roll_waits_over_a_holiday_for_the_next_trading_day(rb: Product) -> None:
    """4 and 5 April 2024 were closed, and so was the night of the 3rd: what the 3rd says begins on Monday the 8th."""
    wednesday = date(2024, 4, 3)
    store_days("rb2405.SHFE", {wednesday: (3_700.0, 10.0, 100.0)})
    store_days("rb2410.SHFE", {wednesday: (3_600.0, 20.0, 200.0)})
    (report,) = decide_days(None, wednesday, date(2024, 4, 7), now=AFTERWARDS)
    assert report.trading_day == date(2024, 4, 8)
    assert main_contract_on(rb, date(2024, 4, 7)) is None


def test_minutes_serve_where_there_are_no_daily_bars(rb: Product) -> None:
    store_roll("30m")
    decide_days(None, MON, WED, now=AFTERWARDS)
    assert decided()[-1] == ("2024-03-21", "rb2410", "open_interest", True)
    assert MainContractDay.objects.get(trading_day=THU).reason["main"]["close"] == 3_600 + 20 + 12, "of the last bar"


def test_a_day_without_data_is_said_and_nothing_is_stored(rb: Product) -> None:
    store_roll()
    decide_days(None, MON, MON, now=AFTERWARDS)
    Bar.objects.filter(trading_day=TUE).delete()
    (report,) = decide_days(None, TUE, TUE, now=AFTERWARDS)
    (outcome,) = report.outcomes
    assert (outcome.row, outcome.missing, outcome.text) == (None, True, "no contract has figures of the day")
    in_force = main_contract_on(rb, WED)
    assert in_force is not None
    assert in_force.trading_day == TUE, "the contract of the day before stays"
    decide_days(None, WED, WED, now=AFTERWARDS)
    assert decided()[-1] == ("2024-03-21", "rb2410", "open_interest", True)
    (late,) = decide_days(None, TUE, TUE, now=AFTERWARDS)
    assert late.already == 1, "a day before a decided one is past"


def test_a_main_contract_that_traded_and_has_no_bar_is_a_hole(rb: Product) -> None:
    store_roll()
    decide_days(None, MON, TUE, now=AFTERWARDS)
    Bar.objects.filter(instrument__code="rb2405.SHFE", trading_day=WED).delete()
    (report,) = decide_days(None, WED, WED, now=AFTERWARDS)
    assert (report.outcomes[0].row, report.outcomes[0].missing) == (None, True)
    assert report.outcomes[0].text == "the main contract has no figures of the day"


def test_a_recording_that_broke_off_decides_nothing(rb: Product) -> None:
    """Without the last two half hours of both contracts the close is not seen."""
    store_roll("30m")
    for row in Instrument.objects.filter(code__in=["rb2405.SHFE", "rb2410.SHFE"]):
        late = Bar.objects.series(row, "30m", MON, MON).start[-2:].tolist()
        Bar.objects.filter(instrument=row, start__in=[ns_to_utc(start) for start in late]).delete()
    (report,) = decide_days(None, MON, MON, now=AFTERWARDS)
    assert (report.outcomes[0].row, report.outcomes[0].text) == (None, "the bars of the day end before its close")
    late = Bar.objects.series(Instrument.objects.get(code="rb2405.SHFE"), "30m", TUE, TUE).start[-2:].tolist()
    Bar.objects.filter(instrument__code="rb2405.SHFE", start__in=[ns_to_utc(start) for start in late]).delete()
    (report,) = decide_days(None, TUE, TUE, now=AFTERWARDS)
    assert [row.instrument.code for row in report.decided] == ["rb2405.SHFE"], "rb2410 traded to the end"


def test_a_quiet_main_contract_counts_with_what_it_had(rb: Product) -> None:
    """wr hardly trades: a day without a bar is a day without a trade."""
    store_days("wr2405.SHFE", {MON: (4_000.0, 5.0, 30.0), WED: (4_000.0, 5.0, 30.0)})
    far = {MON: (4_100.0, 1.0, 20.0), TUE: (4_100.0, 1.0, 32.0), WED: (4_100.0, 6.0, 34.0)}
    store_days("wr2410.SHFE", far)
    decide_days(None, MON, WED, now=AFTERWARDS)
    assert [row[1:3] for row in decided()] == [("wr2405", "first"), ("wr2405", "kept"), ("wr2410", "open_interest")]
    quiet = MainContractDay.objects.get(trading_day=WED).reason["main"]
    assert (quiet["volume"], quiet["open_interest"]) == (0.0, 30.0)


def test_a_contract_is_left_before_it_ends_also_without_figures(rb: Product) -> None:
    """rb2405 ends on 2024-05-15: on 6 May seven trading days are left."""
    last_april = date(2024, 4, 29)
    store_days("rb2405.SHFE", {last_april: (3_500.0, 9_000.0, 9_000.0)})
    may_eve = date(2024, 4, 30)
    store_days("rb2410.SHFE", {last_april: (3_400.0, 1.0, 50.0), may_eve: (3_410.0, 1.0, 50.0)})
    decide_days(None, last_april, may_eve, now=AFTERWARDS)
    assert decided() == [("2024-04-30", "rb2405", "first", False), ("2024-05-06", "rb2410", "expiry", True)]
    roll = ContractRoll.objects.get()
    assert (roll.old_close, roll.new_close) == (3_501.0, 3_411.0), "the last price known"


def test_after_a_long_gap_the_series_begins_anew(rb: Product) -> None:
    store_days("rb2405.SHFE", {MON: (3_700.0, 900.0, 900.0)})
    decide_days(None, MON, MON, now=AFTERWARDS)
    later = date(2025, 3, 3)
    store_days("rb2505.SHFE", {later: (3_300.0, 900.0, 900.0)})
    decide_days(None, later, later, now=datetime(2025, 6, 2, tzinfo=UTC))
    assert decided()[-1] == ("2025-03-04", "rb2505", "first", False)
    assert not ContractRoll.objects.exists(), "a spread between prices of two years is none"


def test_a_day_that_is_not_over_decides_nothing(rb: Product) -> None:
    store_roll()
    noon = datetime(2024, 3, 20, 4, 0, tzinfo=UTC)
    with pytest.raises(RuleError, match="2024-03-20 is not over") as error:
        decide_days(None, MON, WED, now=noon)
    assert error.value.code == "day_not_over"
    assert not MainContractDay.objects.exists()
    calendar = trading_calendar()
    assert last_finished_day(calendar, datetime(2024, 3, 20, 7, 29, tzinfo=UTC)) == TUE
    assert last_finished_day(calendar, datetime(2024, 3, 20, 7, 30, tzinfo=UTC)) == WED
    assert last_finished_day(calendar, datetime(2024, 3, 23, 19, 0, tzinfo=UTC)) == FRI, "a Sunday in Shanghai"


def test_imported_rolls_are_not_mixed_with_decisions(rb: Product, tmp_path: Path) -> None:
    """Where an import tells the rolls nothing is decided; after its last one the chain goes on from its contract."""
    store_roll()
    path = tmp_path / "rolls.csv"
    path.write_text(
        "continuous,trading_day,from,to,old_close,new_close\nrb88.SHFE,2024-03-20,rb2405.SHFE,rb2410.SHFE,3700,3600\n",
        encoding="utf-8",
    )
    import_rolls(None, path)
    first, second, third = decide_days(None, MON, WED, now=AFTERWARDS)
    assert [report.outcomes[0].row for report in (first, second)] == [None, None]
    assert "rolls.csv" in first.outcomes[0].text
    assert [row.instrument.code for row in third.decided] == ["rb2410.SHFE"]
    assert decided() == [("2024-03-21", "rb2410", "kept", False)]


def test_who_may_decide(rb: Product, bob: User, alice: User) -> None:
    store_roll()
    with pytest.raises(RefusedError):
        decide_days(bob, MON, MON, now=AFTERWARDS)
    decide_days(alice, MON, MON, now=AFTERWARDS)
    with pytest.raises(RefusedError):
        redecide(alice, rb, MON, now=AFTERWARDS)
    assert AuditEntry.objects.filter(verb="refused", actor_name="alice").count() == 1
    assert len(decided()) == 1


def test_an_administrator_takes_decisions_back(rb: Product, ada: User) -> None:
    store_roll("30m")
    decide_days(None, MON, THU, now=AFTERWARDS)
    fill_opens(MON, THU)
    build_continuous(None, [rb], ["30m"], BuildOptions(last=FRI), now=AFTERWARDS)
    series = Instrument.objects.get(code="rb88.SHFE")
    assert Bar.objects.series(series, "30m").trading_day[-1] == (FRI - date(1970, 1, 1)).days
    Bar.objects.filter(instrument__code="rb2405.SHFE", trading_day=WED).update(open_interest=9_000.0)
    now = datetime(2024, 3, 22, 4, 0, tzinfo=UTC)  # Friday noon: Thursday is the last day that is over
    reports = redecide(ada, rb, WED, now=now)
    assert [report.already for report in reports] == [0, 0]
    assert decided()[1:] == [
        ("2024-03-20", "rb2405", "kept", False),
        ("2024-03-21", "rb2405", "kept", False),
        ("2024-03-22", "rb2410", "open_interest", True),
    ]
    assert ContractRoll.objects.get().trading_day == FRI
    entry = AuditEntry.objects.get(verb="main_contracts.redecide")
    assert entry.actor_name == "ada"
    assert entry.before == {"2024-03-21": "rb2410.SHFE", "2024-03-22": "rb2410.SHFE"}
    assert entry.after == {"2024-03-21": "rb2405.SHFE", "2024-03-22": "rb2410.SHFE"}
    kept = Bar.objects.series(series, "30m")
    assert kept.trading_day[-1] == (WED - date(1970, 1, 1)).days, "what was built of the days taken back is gone"
    build_continuous(None, [rb], ["30m"], BuildOptions(last=THU), now=now)
    rebuilt = Bar.objects.series(series, "30m", THU, THU)
    assert rebuilt.open[0] == 3_721.0, "rb2405 again"


def test_taking_back_from_a_sunday_on_is_from_friday_on(rb: Product) -> None:
    store_roll()
    decide_days(None, THU, FRI, now=AFTERWARDS)
    now = datetime(2024, 3, 24, 4, 0, tzinfo=UTC)
    (report,) = redecide(None, rb, date(2024, 3, 24), now=now)
    assert (report.day, len(report.decided), len(decided())) == (FRI, 1, 2)


def test_products_late_are_those_the_desk_follows(rb: Product) -> None:
    store_roll()
    decide_days(None, MON, TUE, now=AFTERWARDS)
    calendar = trading_calendar()
    assert late_products(calendar, datetime(2024, 3, 20, 9, 59, tzinfo=UTC)) == [], "until six it is time"
    assert late_products(calendar, datetime(2024, 3, 20, 10, 0, tzinfo=UTC)) == [(rb, WED)]
    assert late_products(calendar, datetime(2024, 4, 16, 10, 0, tzinfo=UTC)) == [(rb, WED)]
    assert late_products(calendar, datetime(2024, 4, 19, 10, 0, tzinfo=UTC)) == [], "not followed any more"
