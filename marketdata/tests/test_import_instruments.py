"""A CTP list of instruments: the recorded one in full, and what a row can break."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from accounts.models import AuditEntry, User
from marketdata.instruments import ensure_instrument
from marketdata.models import Instrument, MarginRate
from marketdata.services import import_instruments
from quantsite.common.errors import RefusedError, RuleError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

NAMES = (
    "InstrumentID,ExchangeID,InstrumentName,ProductID,ProductClass,DeliveryYear,DeliveryMonth,VolumeMultiple,PriceTick,"
    "OpenDate,ExpireDate,LongMarginRatio,ShortMarginRatio,MaxMarginSideAlgorithm,MaxLimitOrderVolume"
)
RB = "rb2605,SHFE,rb2605,rb,1,2026,5,10,1,20250516,20260515,0.07,0.08,1,500"
TA = "TA605,CZCE,TA605,TA,1,2026,5,5,2,20250519,20260514,0.07,0.07,1,1000"
DAY = date(2025, 6, 2)


def write(path: Path, *rows: str, names: str = NAMES) -> Path:
    """A file of these rows; the first one is line 2."""
    path.write_text("\n".join([names, *rows]), encoding="utf-8")
    return path


@pytest.mark.real_data
def test_the_recorded_list_imports_in_full_and_once(shared_data: Path) -> None:
    path = shared_data / "reference" / "instruments_2025.csv"
    counts = import_instruments(None, path, DAY)
    assert (counts.rows_read, counts.created, counts.updated, counts.margin_rates) == (792, 789, 0, 789)
    assert counts.left_out == {"combinations": 2, "spot options": 1}
    sc = Instrument.objects.select_related("product").get(code="sc2506.INE")
    assert (sc.multiplier, sc.price_tick, sc.listed, sc.expires) == (
        1000,
        Decimal("0.1"),
        date(2022, 6, 1),
        date(2025, 5, 30),
    )
    assert (sc.max_limit_volume, sc.max_market_volume, sc.max_margin_side) == (500, 30, True)
    assert MarginRate.objects.get(instrument=sc).long_by_money == Decimal("0.17")
    again = import_instruments(None, path, DAY)
    assert (again.created, again.updated, again.unchanged, again.margin_rates) == (0, 0, 789, 0)
    later = import_instruments(None, path, date(2025, 7, 1))
    assert (later.updated, later.margin_rates) == (0, 0), "the same rates need no new row"


def test_a_changed_row_updates_the_instrument_and_dates_the_margin(tmp_path: Path) -> None:
    import_instruments(None, write(tmp_path / "a.csv", RB, TA), DAY)
    changed = RB.replace("20260515", "20260518").replace("0.07,0.08", "0.09,0.09")
    counts = import_instruments(None, write(tmp_path / "b.csv", changed, TA), date(2025, 9, 1))
    assert (counts.created, counts.updated, counts.unchanged, counts.margin_rates) == (0, 1, 1, 1)
    rb = Instrument.objects.get(code="rb2605.SHFE")
    assert rb.expires == date(2026, 5, 18)
    rates = MarginRate.objects.filter(instrument=rb).order_by("valid_from")
    assert [(rate.valid_from, rate.long_by_money, rate.short_by_money) for rate in rates] == [
        (DAY, Decimal("0.07"), Decimal("0.08")),
        (date(2025, 9, 1), Decimal("0.09"), Decimal("0.09")),
    ]


def test_the_exchanges_own_dates_replace_computed_ones(tmp_path: Path) -> None:
    made = ensure_instrument("TA605.CZCE", DAY)
    assert (made.expiry_by_rule, made.delivery_year) == (True, 2026)
    import_instruments(None, write(tmp_path / "a.csv", TA), DAY)
    made.refresh_from_db()
    assert (made.expiry_by_rule, made.expires, made.name) == (False, date(2026, 5, 14), "TA605")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (RB.replace(",10,1,", ",0,1,"), "must be above 0"),
        (RB.replace(",10,1,", ",ten,1,"), "VolumeMultiple 'ten' is no number"),
        (RB.replace("20260515", "20261315"), "ExpireDate '20261315' is no date"),
        (RB.replace("20250516", "20270516"), "lies after ExpireDate"),
        (RB.replace("2026,5", "2026,6"), "contradict the code rb2605"),
        (TA.replace("2026,5", "2025,5"), "contradict the code TA605"),
        (RB.replace("0.07,", "7,"), "LongMarginRatio 7 is no fraction"),
        (RB.replace("SHFE", "DCE"), "Did you mean 'rb' of SHFE"),
        (RB.replace("SHFE", "NYSE"), "names no exchange"),
        (RB.replace("rb2605", "RB2605"), "Did you mean 'rb2605.SHFE'"),
        (RB.replace("rb,1,", "rb,9,"), "ProductClass '9' is unknown"),
        (RB.replace(",500", ",many"), "MaxLimitOrderVolume 'many'"),
        ("rb2605,SHFE", "number of cells"),
        (TA, "stands in line 2 already"),
    ],
)
def test_a_bad_row_stops_the_file(tmp_path: Path, row: str, reason: str) -> None:
    with pytest.raises(RuleError) as caught:
        import_instruments(None, write(tmp_path / "list.csv", TA, row), DAY)
    assert "list.csv line 3: " in caught.value.text
    assert reason in caught.value.text
    assert not Instrument.objects.exists()
    assert not MarginRate.objects.exclude(instrument=None).exists()


def test_unknown_margins_leave_the_products_default(tmp_path: Path) -> None:
    counts = import_instruments(None, write(tmp_path / "a.csv", RB.replace("0.07,0.08", "1.79769e+308,")), DAY)
    assert (counts.created, counts.margin_rates) == (1, 0)


def test_options_and_combinations_are_counted_not_taken(tmp_path: Path) -> None:
    rows = [
        "IO2509-C-3300,CFFEX,IO,IO,6,2025,9,100,0.2,20240923,20250919,1.79769e+308,1.79769e+308,0,100",
        "au2604C308,SHFE,au,au_o,2,2026,4,1000,0.02,20250523,20260325,,,0,100",
        "SP a2605&a2607,DCE,SP,a,3,2026,5,10,1,20250523,20260325,,,0,100",
        RB,
    ]
    counts = import_instruments(None, write(tmp_path / "a.csv", *rows), DAY)
    assert (counts.rows_read, counts.created) == (4, 1)
    assert counts.left_out == {"spot options": 1, "options": 1, "combinations": 1}


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="PriceTick are missing"):
        import_instruments(None, write(tmp_path / "a.csv", names="InstrumentID,ExchangeID,ProductID"), DAY)
    with pytest.raises(RuleError, match="cannot be read"):
        import_instruments(None, tmp_path / "none.csv", DAY)


def test_only_who_may_imports_and_it_is_written_down(tmp_path: Path, rita: User, alice: User) -> None:
    path = write(tmp_path / "a.csv", RB)
    with pytest.raises(RefusedError):
        import_instruments(rita, path, DAY)
    import_instruments(alice, path, DAY)
    entry = AuditEntry.objects.get(verb="instruments.import")
    assert entry.actor == alice
    assert entry.after is not None
    assert (entry.object_text, entry.after["created"]) == ("a.csv", 1)
