"""Imports of rolls and settlements: the recorded list in full, idempotence, conflicts, and what a row can break."""

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from django.core.management import call_command

from accounts.models import AuditEntry, User
from marketdata.daily_facts import ContractRoll, DailySettlement
from marketdata.daily_services import import_rolls, import_settlements
from marketdata.instruments import ensure_instrument
from marketdata.models import Instrument
from quantsite.common.errors import RefusedError, RuleError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

ROLLS = "continuous,trading_day,from,to,old_close,new_close"
ROLL = "rb88.SHFE,2018-11-29,rb1901.SHFE,rb1905.SHFE,3644,3312"
NEXT = "rb88.SHFE,2019-04-02,rb1905.SHFE,rb1910.SHFE,3838,3560"
SETTLEMENTS = "instrument,trading_day,settlement,pre_settlement,upper_limit,lower_limit"
SETTLED = "IF2101.CFFEX,2021-01-15,5438.3,5470.2,6017.2,4923.2"


def write(path: Path, *rows: str, header: str = ROLLS) -> Path:
    """A file of these rows; the first one is line 2."""
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def settled(path: Path, *rows: str) -> Path:
    """The same for settlements."""
    return write(path, *rows, header=SETTLEMENTS)


@pytest.mark.real_data
def test_the_recorded_list_of_main_contracts_imports_in_full_and_once(shared_data: Path) -> None:
    path = shared_data / "reference" / "wt_hots.json.gz"
    counts = import_rolls(None, path)
    assert (counts.rows_read, counts.stored, counts.warnings) == (2126, 2126, [])
    rb = ContractRoll.objects.of(Instrument.objects.get(code="rb88.SHFE"))
    found = rb.get(trading_day=date(2018, 11, 29))
    assert (found.from_contract, found.to_contract) == ("rb1901.SHFE", "rb1905.SHFE")
    assert (found.old_close, found.new_close, found.closes_day) == (3605.0, 3307.0, date(2018, 11, 29))
    again = import_rolls(None, path)
    assert (again.stored, again.unchanged, again.replaced) == (0, 2126, 0)
    assert AuditEntry.objects.filter(verb="rolls.import").count() == 2


def test_a_table_of_rolls_takes_the_closes_of_the_day_before(tmp_path: Path) -> None:
    counts = import_rolls(None, write(tmp_path / "rolls.csv", ROLL, NEXT))
    assert (counts.rows_read, counts.stored) == (2, 2)
    first = ContractRoll.objects.get(trading_day=date(2018, 11, 29))
    assert (first.closes_day, first.source, first.old_open) == (date(2018, 11, 28), "rolls.csv", None)
    assert Instrument.objects.get().code == "rb88.SHFE", "the contracts themselves are not made"


def test_the_same_again_changes_nothing_and_more_is_added(tmp_path: Path) -> None:
    import_rolls(None, write(tmp_path / "a.csv", ROLL))
    same = import_rolls(None, write(tmp_path / "b.csv", ROLL))
    assert (same.stored, same.unchanged, same.replaced) == (0, 1, 0)
    more = write(tmp_path / "c.csv", ROLL + ",3650,3320", NEXT + ",,", header=ROLLS + ",old_open,new_open")
    counts = import_rolls(None, more)
    assert (counts.stored, counts.unchanged, counts.replaced) == (1, 0, 1)
    row = ContractRoll.objects.get(trading_day=date(2018, 11, 29))
    assert (row.old_open, row.new_open, row.source) == (3650.0, 3320.0, "c.csv")
    fewer = import_rolls(None, write(tmp_path / "d.csv", ROLL))
    assert fewer.unchanged == 1, "what a file does not tell is left alone"


def test_a_contradiction_is_refused_unless_it_replaces(tmp_path: Path) -> None:
    import_rolls(None, write(tmp_path / "a.csv", ROLL))
    other = write(tmp_path / "b.csv", NEXT, ROLL.replace("3312", "3311"))
    with pytest.raises(RuleError) as caught:
        import_rolls(None, other)
    assert (
        "b.csv line 3: 2018-11-29 is stored with other values (new_close 3311 here, 3312 stored)" in caught.value.text
    )
    assert ContractRoll.objects.count() == 1, "nothing of the file was stored"
    counts = import_rolls(None, other, replace=True)
    assert (counts.stored, counts.replaced) == (1, 1)
    assert ContractRoll.objects.get(trading_day=date(2018, 11, 29)).new_close == 3311


def test_a_broken_chain_is_told(tmp_path: Path) -> None:
    counts = import_rolls(None, write(tmp_path / "a.csv", ROLL, NEXT.replace("rb1905", "rb1906")))
    assert counts.warnings == [(3, "rb88.SHFE rolls to rb1905.SHFE on 2018-11-29 but from rb1906.SHFE on 2019-04-02")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ROLL.replace("2018-11-29", "2018-12-01"), "2018-12-01 is no trading day"),
        (ROLL.replace("2018-11-29", "29.11.2018"), "trading_day '29.11.2018' is no date"),
        (ROLL.replace("2018-11-29", "2099-11-30"), "does not reach 2099-11-30"),
        (ROLL.replace("rb88", "rb888"), "rb888.SHFE is no raw main-contract series: write rb88"),
        (ROLL.replace("rb88.SHFE", "rb1905.SHFE"), "rb1905.SHFE is no raw main-contract series"),
        (ROLL.replace("rb1905.SHFE", "hc1905.SHFE"), "hc1905.SHFE is no contract behind rb88.SHFE"),
        (ROLL.replace("rb1905.SHFE", "rb99.SHFE"), "rb99.SHFE is no contract behind rb88.SHFE"),
        (ROLL.replace("rb1905", "rb1810"), "rb1810.SHFE does not expire after rb1901.SHFE: no roll goes back"),
        (ROLL.replace("3644", "0"), "old_close 0 is not above 0"),
        (ROLL.replace("3644", "nan"), "old_close 'nan' is no finite number"),
        (ROLL.replace("3644", ""), "old_close is empty"),
        (ROLL.replace("SHFE,2018", "NYSE,2018"), "names no exchange"),
        (ROLL.replace("rb88", "xx88"), "has no product 'xx'"),
        ("rb88.SHFE,2018-11-29", "has 2 cells, the header has 6"),
        (NEXT, "rb88.SHFE of 2019-04-02 stands in line 2 already"),
    ],
)
def test_a_bad_roll_stops_the_file(tmp_path: Path, row: str, reason: str) -> None:
    with pytest.raises(RuleError) as caught:
        import_rolls(None, write(tmp_path / "rolls.csv", NEXT, row))
    assert caught.value.code == "invalid_rows"
    assert "rolls.csv line 3: " in caught.value.text
    assert reason in caught.value.text
    assert not ContractRoll.objects.exists()
    assert not Instrument.objects.exists()
    assert not AuditEntry.objects.filter(verb="rolls.import").exists()


def test_a_czce_roll_over_the_end_of_a_decade_goes_forward(tmp_path: Path) -> None:
    import_rolls(None, write(tmp_path / "a.csv", "TA88.CZCE,2019-08-16,TA909.CZCE,TA001.CZCE,5254,5188"))
    assert ContractRoll.objects.get().to_contract == "TA001.CZCE"


def hots(path: Path, *entries: dict[str, Any]) -> Path:
    """A list of main contracts of rb, one key a line."""
    path.write_text(json.dumps({"SHFE": {"rb": list(entries)}}, indent=1), encoding="utf-8")
    return path


def test_an_entry_of_the_json_form_is_named_by_its_line(tmp_path: Path) -> None:
    good = {"date": "20181129", "from": "rb1901", "newclose": 3307.0, "oldclse": 3605.0, "to": "rb1905"}
    path = hots(tmp_path / "hots.json", good, {**good, "date": "20190402", "to": "rb1810"})
    with pytest.raises(RuleError) as caught:
        import_rolls(None, path)
    line = 1 + next(at for at, text in enumerate(path.read_text().splitlines()) if "20190402" in text)
    assert f"hots.json line {line}: rb1810.SHFE does not expire after" in caught.value.text
    with pytest.raises(RuleError) as caught:
        import_rolls(None, hots(tmp_path / "hots.json", {"date": "20181129"}))
    assert "SHFE rb: from, to, oldclse, newclose is missing" in caught.value.text


@pytest.mark.parametrize("content", ["{", '{"SHFE": 1}', '{"SHFE": {"rb": [1]}}'])
def test_another_json_is_refused_whole(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RuleError) as caught:
        import_rolls(None, path)
    assert caught.value.code == "unreadable_file"
    assert "is no list of main contracts" in caught.value.text


def test_settlements_are_never_snapped(tmp_path: Path) -> None:
    """IF2101 settled at a mean of the index on its last day, off its grid of 0.2."""
    counts = import_settlements(None, settled(tmp_path / "s.csv", SETTLED, "IF2102.CFFEX,2021-01-15,5440.123,,,"))
    assert (counts.rows_read, counts.stored, counts.warnings) == (2, 2, [])
    row = DailySettlement.objects.get(instrument__code="IF2101.CFFEX")
    assert (row.settlement_price, row.pre_settlement, row.upper_limit, row.lower_limit) == (
        5438.3,
        5470.2,
        6017.2,
        4923.2,
    )
    other = DailySettlement.objects.get(instrument__code="IF2102.CFFEX")
    assert (other.settlement_price, other.upper_limit) == (5440.123, None)


def test_settlements_again_more_and_otherwise(tmp_path: Path) -> None:
    bare = "IF2101.CFFEX,2021-01-15,5438.3,,,"
    import_settlements(None, settled(tmp_path / "a.csv", bare))
    assert import_settlements(None, settled(tmp_path / "a.csv", bare)).unchanged == 1
    assert import_settlements(None, settled(tmp_path / "b.csv", SETTLED)).replaced == 1, "limits are added"
    with pytest.raises(RuleError, match=r"settlement_price 5438 here, 5438\.3 stored"):
        import_settlements(None, settled(tmp_path / "c.csv", SETTLED.replace("5438.3", "5438")))
    counts = import_settlements(None, settled(tmp_path / "c.csv", SETTLED.replace("5438.3", "5438")), replace=True)
    assert counts.replaced == 1
    assert DailySettlement.objects.get().settlement_price == 5438


def test_settlements_of_parquet_and_gzip(tmp_path: Path) -> None:
    table = pa.table(
        {
            "instrument": ["rb2405.SHFE", "rb2405.SHFE"],
            "trading_day": pa.array([date(2024, 1, 3), date(2024, 1, 4)]),
            "settlement": [4001.25, 4002.5],
            "upper_limit": [4300.0, float("nan")],
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "s.parquet")
    assert import_settlements(None, tmp_path / "s.parquet").stored == 2
    assert DailySettlement.objects.get(trading_day=date(2024, 1, 4)).upper_limit is None
    zipped = tmp_path / "s.csv.gz"
    zipped.write_bytes(gzip.compress(b"instrument,trading_day,settlement\nrb2405.SHFE,20240103,4001.25\n"))
    assert import_settlements(None, zipped).unchanged == 1


def test_a_settlement_after_the_last_day_is_told(tmp_path: Path) -> None:
    ensure_instrument("IF2101.CFFEX", date(2021, 1, 4))
    counts = import_settlements(None, settled(tmp_path / "s.csv", SETTLED.replace("01-15", "01-18")))
    assert counts.warnings == [(2, "2021-01-18 lies after IF2101.CFFEX's last trading day 2021-01-15")]
    assert counts.stored == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (SETTLED.replace("6017.2", "4000"), "lower_limit 4923.2 is not below upper_limit 4000"),
        (SETTLED.replace("5438.3", "-1"), "settlement -1 is not above 0"),
        (SETTLED.replace("5470.2", "inf"), "pre_settlement 'inf' is no finite number"),
        (SETTLED.replace("01-15", "01-16"), "2021-01-16 is no trading day"),
        (SETTLED.replace("IF2101", "IO2101-C-3300"), "option"),
    ],
)
def test_a_bad_settlement_stops_the_file(tmp_path: Path, row: str, reason: str) -> None:
    with pytest.raises(RuleError) as caught:
        import_settlements(None, settled(tmp_path / "s.csv", "rb2405.SHFE,2024-01-03,4001,,,", row))
    assert "s.csv line 3: " in caught.value.text
    assert reason in caught.value.text
    assert not DailySettlement.objects.exists()


def test_a_missing_or_unknown_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="'from' is missing; the column 'form' is unknown"):
        import_rolls(None, write(tmp_path / "a.csv", ROLL, header=ROLLS.replace("from", "form")))
    with pytest.raises(RuleError, match="'settlement' is missing"):
        import_settlements(None, write(tmp_path / "a.csv", header="instrument,trading_day,settle"))
    with pytest.raises(RuleError, match="cannot be read"):
        import_settlements(None, tmp_path / "nothing.csv")


def test_who_may_not_import_leaves_a_trace(tmp_path: Path, rita: User) -> None:
    for verb, path in ((import_rolls, write(tmp_path / "a.csv", ROLL)), (import_settlements, tmp_path / "b.csv")):
        with pytest.raises(RefusedError):
            verb(rita, path)
    assert not ContractRoll.objects.exists()
    assert AuditEntry.objects.filter(verb="refused").count() == 2


def test_the_commands_say_what_they_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("import_rolls", str(write(tmp_path / "a.csv", ROLL, NEXT.replace("rb1905", "rb1906"))))
    told = capsys.readouterr()
    assert told.out == "2 rows read, 2 stored, 0 unchanged, 0 replaced, 1 warnings\n"
    assert told.err.startswith("line 3: rb88.SHFE rolls to rb1905.SHFE")
    call_command("import_settlements", str(settled(tmp_path / "s.csv", SETTLED)))
    assert capsys.readouterr().out == "1 rows read, 1 stored, 0 unchanged, 0 replaced, 0 warnings\n"


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("code", "file", "new", "old"),
    [("rb88.SHFE", "SHFE.rb.HOT_5m_2014-2019", 16, 2), ("TA88.CZCE", "CZCE.TA.HOT_5m_2019-2020", 4, 0)],
)
def test_the_lists_date_is_the_first_day_of_the_new_contract(
    shared_data: Path, code: str, file: str, new: int, old: int
) -> None:
    """On that day the recorded main-contract bars close at the new contract's close; on two days the recorder had not
    rolled yet, and they close at the old one's. So both closes of the list are of that day, not of the day before.
    """
    import_rolls(None, shared_data / "reference" / "wt_hots.json.gz")
    lines = gzip.decompress((shared_data / "bars" / f"{file}.csv.gz").read_bytes()).decode().splitlines()[1:]
    last = {line[:10]: float(line.split(",")[4]) for line in lines if "08:00" < line[11:16] < "16:00"}
    rolls = ContractRoll.objects.of(Instrument.objects.get(code=code))
    met = [(roll, last[str(roll.trading_day)]) for roll in rolls if str(roll.trading_day) in last]
    assert sum(close == roll.new_close for roll, close in met) == new
    assert sum(close == roll.old_close for roll, close in met) == old
    assert len(met) == new + old, "every close of the list is met"
