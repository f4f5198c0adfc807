"""Building 88 and 99 out of contracts: equal to what the days say, again and again the same, apart from imports."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from django.db import transaction

from accounts.models import AuditEntry, User
from marketdata import bar_store
from marketdata.daily_facts import MainContractDay
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import to_day_number
from marketdata.domain.continuous import Opening, index_day
from marketdata.instruments import ensure_instrument
from marketdata.klines import get_kline_data, read_klines
from marketdata.locks import lock_bars
from marketdata.main_contracts.continuous import BUILT, BuildOptions, Built, build_continuous, forget_from
from marketdata.main_contracts.services import decide_days, fill_opens, redecide
from marketdata.models import Bar, BarCoverage, BarImport, Instrument, Product
from marketdata.services import BarImportOptions, import_bars
from marketdata.tests.made_contracts import AFTERWARDS, FRI, MON, THU, TUE, WED, store_days, store_roll
from quantsite.common.errors import ConflictError, RefusedError, RuleError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

WEEK = BuildOptions(last=FRI)


@pytest.fixture
def rb(db: None) -> Product:
    """Steel with a week of bars of 30 minutes of two contracts, and a roll in force on Thursday."""
    store_roll("30m")
    decide_days(None, MON, FRI, now=AFTERWARDS)
    fill_opens(MON, FRI)
    return Product.objects.get(exchange="SHFE", code="rb")


def build(rb: Product, options: BuildOptions = WEEK, interval: str = "30m") -> dict[str, Built]:
    """What became of each series."""
    return {built.code: built for built in build_continuous(None, [rb], [interval], options, now=AFTERWARDS)}


def bars_of(code: str, interval: str = "30m", first: date | None = None, last: date | None = None) -> BarSeries:
    """The stored bars of an instrument."""
    found: BarSeries = Bar.objects.series(Instrument.objects.get(code=code), interval, first, last)
    return found


def same(one: BarSeries, other: BarSeries) -> bool:
    """Whether two series have the same bars, whatever their names."""
    return one.data_hash() == other.data_hash()


def test_88_has_the_bars_of_each_days_contract_from_the_night_on(rb: Product) -> None:
    assert build(rb)["rb88.SHFE"] == Built("rb88.SHFE", "30m", stored=48)
    stored = bars_of("rb88.SHFE")
    near, far = bars_of("rb2405.SHFE", "30m", TUE, WED), bars_of("rb2410.SHFE", "30m", THU, FRI)
    before = stored.take(stored.trading_day <= to_day_number(WED))
    after = stored.take(stored.trading_day > to_day_number(WED))
    assert same(before, near)
    assert same(after, far)
    assert np.datetime64(int(after.start[0]), "ns").astype("datetime64[m]") == np.datetime64("2024-03-20T13:00")
    coverage = BarCoverage.objects.get(instrument__code="rb88.SHFE")
    assert (coverage.bars, coverage.first_day, coverage.last_day) == (48, TUE, FRI)
    assert BarImport.objects.get(instrument__code="rb88.SHFE").source == BUILT


def test_99_weighs_with_the_open_interest_of_the_evening_before(rb: Product) -> None:
    build(rb)
    stored = bars_of("rb99.SHFE", "30m", WED, WED)
    parts = [bars_of(code, "30m", WED, WED) for code in ("rb2405.SHFE", "rb2410.SHFE")]
    openings = [Opening(3_719.0 + 12, 950.0), Opening(3_619.0 + 12, 900.0)]
    wanted = index_day(parts, openings, "rb99.SHFE", "30m", to_day_number(WED))
    assert same(stored, wanted)
    assert stored.close[0] == pytest.approx((950 * 3_721 + 900 * 3_621) / 1_850, abs=1e-9)
    assert stored.open_interest.tolist() == [900.0 + 991.0] * 12
    assert bars_of("rb99.SHFE").trading_day[0] == to_day_number(TUE), "Monday has no evening before it"


def test_a_second_build_changes_nothing_and_new_days_are_added(rb: Product) -> None:
    build(rb, BuildOptions(last=WED))
    first = BarCoverage.objects.get(instrument__code="rb88.SHFE").revision
    again = build(rb, BuildOptions(last=WED))
    assert (again["rb88.SHFE"].stored, again["rb88.SHFE"].unchanged) == (0, 12), "the last day is looked at again"
    assert BarCoverage.objects.get(instrument__code="rb88.SHFE").revision == first
    more = build(rb)
    assert (more["rb88.SHFE"].stored, more["rb99.SHFE"].stored) == (24, 24)
    step_by_step = {code: bars_of(code).data_hash() for code in ("rb88.SHFE", "rb99.SHFE")}
    with transaction.atomic():
        for code in step_by_step:
            assert forget_from(Instrument.objects.get(code=code), MON) == 48
    assert not BarCoverage.objects.get(instrument__code="rb88.SHFE").bars
    build(rb)
    assert {code: bars_of(code).data_hash() for code in step_by_step} == step_by_step
    note = BarImport.objects.get(instrument__code="rb88.SHFE")
    assert note.stored == 96, "one row counts them all"


def test_an_interval_that_no_contract_has_is_made_of_a_finer_one(rb: Product) -> None:
    found = build(rb, interval="1d")
    assert (found["rb88.SHFE"].stored, found["rb99.SHFE"].stored) == (4, 4)
    day = bars_of("rb88.SHFE", "1d", THU, THU)
    assert (day.open[0], day.close[0], day.volume[0], day.open_interest[0]) == (3_621.0, 3_633.0, 900.0, 1_200.0)
    store_days("rb2410.SHFE", {THU: (9_000.0, 1.0, 1.0)}, "1d")
    replaced = build(rb, BuildOptions(last=FRI, first=THU, replace=True), "1d")
    assert replaced["rb88.SHFE"].replaced == 1
    assert bars_of("rb88.SHFE", "1d", THU, FRI).open.tolist() == [9_000.0, 3_622.0], "a stored bar goes first"


def test_bars_that_come_out_otherwise_are_told_and_replaced_if_asked(rb: Product) -> None:
    build(rb)
    changed = bars_of("rb2410.SHFE", "30m", THU, THU)
    with transaction.atomic():
        coverage = lock_bars(Instrument.objects.get(code="rb2410.SHFE"), "30m")
        bar_store.delete(changed.take(slice(0, 2)), coverage)
    Bar.objects.filter(instrument__code="rb2410.SHFE", trading_day=FRI).update(close=1.0, low=1.0)
    left = build(rb, BuildOptions(first=THU, last=FRI))["rb88.SHFE"]
    assert (left.stored, left.replaced, left.different) == (0, 0, 12)
    done = build(rb, BuildOptions(first=THU, last=FRI, replace=True))["rb88.SHFE"]
    assert (done.replaced, done.different) == (14, 0)
    assert same(bars_of("rb88.SHFE", "30m", THU, FRI), bars_of("rb2410.SHFE", "30m", THU, FRI))
    assert BarCoverage.objects.get(instrument__code="rb88.SHFE").bars == 46


def imported(tmp_path: Path, day: date, time: str = "10:00:00", options: BarImportOptions | None = None) -> None:
    """One bar of 30 minutes imported into rb88."""
    path = tmp_path / f"{day}.csv"
    path.write_text(f"datetime,open,high,low,close,volume\n{day} {time},1,1,1,1,7\n", encoding="utf-8")
    import_bars(None, path, "rb88.SHFE", "30m", options or BarImportOptions("end"))


def test_imported_bars_are_left_alone_unless_somebody_says_append(rb: Product, tmp_path: Path) -> None:
    imported(tmp_path, WED)
    refused = build(rb)["rb88.SHFE"]
    assert refused.stored == 0
    assert "--append" in refused.text
    assert len(bars_of("rb88.SHFE")) == 1
    appended = build(rb, BuildOptions(first=MON, last=THU, append=True))["rb88.SHFE"]
    assert (appended.stored, appended.different) == (12, 0), "Thursday only: Wednesday is imported"
    assert build(rb)["rb88.SHFE"].stored == 12, "from then on it goes on by itself"
    assert build(rb, BuildOptions(first=MON, last=FRI, replace=True))["rb88.SHFE"].replaced == 0
    assert bars_of("rb88.SHFE", "30m", WED, WED).close.tolist() == [1.0]
    with pytest.raises(ConflictError, match="after imported ones"):
        redecide(None, rb, WED, now=AFTERWARDS)
    assert MainContractDay.objects.filter(trading_day__gte=THU).count() == 3, "nothing was taken back"


def test_adjusted_series_are_read_from_88_and_keep_their_level(rb: Product) -> None:
    build(rb)
    whole = get_kline_data(None, "rb889.SHFE", "30m")
    raw = bars_of("rb88.SHFE")
    # Opens on Thursday: rb2405 3721, rb2410 3621.
    wanted = np.where(raw.trading_day >= to_day_number(THU), raw.close + 100.0, raw.close)
    assert whole.close.tolist() == wanted.tolist()
    part = get_kline_data(None, "rb889.SHFE", "30m", FRI, FRI)
    assert part.close.tolist() == whole.close[whole.trading_day == to_day_number(FRI)].tolist()
    newest = read_klines("rb888r.SHFE", "30m", TUE, WED, limit=13)
    assert newest.bars.close[1] == pytest.approx(3_721.0 * 3_632.0 / 3_732.0), "the closes of Wednesday"
    assert [(part.interval, part.bars) for part in newest.basis.parts] == [("30m", 13)]
    assert get_kline_data(None, "rb888.SHFE", "2h").close.tolist()[-1] == bars_of("rb88.SHFE").close[-1]
    assert len(get_kline_data(None, ensure_instrument("hc889.SHFE", MON), "30m")) == 0


def test_who_may_build_and_what_is_refused(rb: Product, alice: User, bob: User) -> None:
    with pytest.raises(RefusedError):
        build_continuous(bob, [rb], now=AFTERWARDS)
    build_continuous(alice, [rb], ["30m"], WEEK, now=AFTERWARDS)
    entry = AuditEntry.objects.get(verb="continuous.build")
    assert (entry.actor_name, entry.after) == ("alice", {"rb88.SHFE 30m": [48, 0], "rb99.SHFE 30m": [48, 0]})
    with pytest.raises(RuleError, match="no bar interval"):
        build_continuous(None, [rb], ["7x"], now=AFTERWARDS)
    with pytest.raises(RuleError, match="not over"):
        build_continuous(None, [rb], options=BuildOptions(last=date(2024, 7, 1)), now=AFTERWARDS)
    hc = Product.objects.get(exchange="SHFE", code="hc")
    assert [built.text for built in build_continuous(None, [hc], ["5m"], now=AFTERWARDS)] == [
        "nothing to build from"
    ] * 2
    assert {built.code for built in build_continuous(None, None, ["30m"], WEEK, now=AFTERWARDS)} == {
        "rb88.SHFE",
        "rb99.SHFE",
    }, "products with a main contract"
