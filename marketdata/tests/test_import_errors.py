"""Every rule that a row can break, named with file, line, value and reason; nothing or only the sound rows go in."""

import csv
import gzip
from pathlib import Path

import pytest

from marketdata.models import Bar, Instrument
from marketdata.services import BarImportOptions, import_bars
from marketdata.tests.bar_csv import HEADER, SOUND, row_of, write_bars
from quantsite.common.errors import RuleError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

END = BarImportOptions("end")

BAD_ROWS = [
    ("2024-01-02 09:20:00,4000,3999,3990,3995,1", "high 3999 is below open 4000"),
    ("2024-01-02 09:20:00,4000,4010,4005,4007,1", "low 4005 is above open 4000"),
    ("2024-01-02 09:20:00,4000,4010,3990,4011,1", "high 4010 is below close 4011"),
    ("2024-01-02 09:20:00,0,4010,0,4001,1", "open 0 is not above 0"),
    ("2024-01-02 09:20:00,4000.5,4010,3990,4001,1", "open 4000.5 is no multiple of the price tick 1"),
    ("2024-01-02 09:20:00,4000,4010,3990,4001,-1", "volume -1 is below 0"),
    ("2024-01-02 09:20:00,4000,4010,3990,4001,1.5", "volume 1.5 is no whole number of lots"),
    ("2024-01-02 09:20:00,4000,4010,3990,4001,", "volume is empty"),
    ("2024-01-02 09:20:00,4000,nan,3990,4001,1", "high 'nan' is no finite number"),
    ("2024-01-02 09:20:00,4000,inf,3990,4001,1", "high 'inf' is no finite number"),
    ("2024-01-02 09:20:00,4000,4_010,3990,4001,1", "high '4_010' is no finite number"),
    ("2024-01-02 09:20:00,4000,4010,3990,4001", "has 5 cells, the header has 6"),
    ("2024-02-30 09:20:00,4000,4010,3990,4001,1", "datetime '2024-02-30 09:20:00' is no date and time"),
    ("02/01/2024 09:20,4000,4010,3990,4001,1", "datetime '02/01/2024 09:20' is no date and time"),
    ("2024-01-02T09:20:00Z,4000,4010,3990,4001,1", "without a zone"),
    ("2024-01-02 09:20:00.5,4000,4010,3990,4001,1", "has a fraction of a second"),
    ("2099-01-02 09:20:00,4000,4010,3990,4001,1", "lies outside the trading calendar"),
    ("2024-01-02 09:10:00,4000,4010,3990,4001,1", "2024-01-02 09:10:00 stands in line 3 already"),
    ("2024-01-02 09:12:00,4000,4010,3990,4001,1", "comes after 2024-01-02 09:15:00 in line 4: rows must ascend"),
]


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
def test_one_bad_row_stops_the_file(tmp_path: Path, row: str, reason: str) -> None:
    path = write_bars(tmp_path / "rb.csv", *SOUND, row)
    with pytest.raises(RuleError) as caught:
        import_bars(None, path, "rb2405.SHFE", "5m", END)
    assert caught.value.code == "invalid_rows"
    assert "rb.csv line 5: " in caught.value.text
    assert reason in caught.value.text
    assert "Nothing was imported" in caught.value.text
    assert not Bar.objects.exists()
    assert not Instrument.objects.exists()


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
def test_skip_takes_the_sound_rows_and_writes_the_others_down(tmp_path: Path, row: str, reason: str) -> None:
    path, rejects = tmp_path / "rb.csv", tmp_path / "refused.csv"
    write_bars(path, SOUND[0], SOUND[1], SOUND[2], row, "2024-01-02 09:25:00,4001,4001,4001,4001,9")
    outcome = import_bars(None, path, "rb2405.SHFE", "5m", BarImportOptions("end", skip_errors=True, rejects=rejects))
    assert (outcome.rows_read, outcome.stored, outcome.refused, outcome.rejects) == (5, 4, 1, rejects)
    header, refused = csv.reader(rejects.read_text(encoding="utf-8").splitlines())
    assert header == ["line", "reason", *HEADER.split(",")]
    assert refused[0] == "5"
    assert reason in refused[1]
    assert refused[2:] == row.split(",")
    assert row_of(outcome).refused == 1


def test_blank_lines_count_as_lines_and_are_no_rows(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "rb.csv", SOUND[0], "", SOUND[1], "", "x,1,1,1,1,1")
    with pytest.raises(RuleError, match="line 6: datetime 'x'"):
        import_bars(None, path, "rb2405.SHFE", "5m", END)
    path = write_bars(tmp_path / "rb.csv", SOUND[0], "", SOUND[1], "")
    assert import_bars(None, path, "rb2405.SHFE", "5m", END).rows_read == 2


def test_lines_stay_right_after_broken_rows(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "rb.csv", SOUND[0], "a,b", "", "c,d,e", SOUND[1], "2024-01-02 09:15:00,1,2,3,4,5")
    with pytest.raises(RuleError) as caught:
        import_bars(None, path, "rb2405.SHFE", "5m", END)
    assert [line.split(":")[0] for line in caught.value.text.splitlines()[:3]] == [
        "rb.csv line 3",
        "rb.csv line 5",
        "rb.csv line 7",
    ]


def test_many_bad_rows_are_counted_and_the_first_ones_shown(tmp_path: Path) -> None:
    rows = [f"2024-01-02 09:{minute:02d}:00,1,2,3,4,5" for minute in range(10, 40)]
    with pytest.raises(RuleError) as caught:
        import_bars(None, write_bars(tmp_path / "rb.csv", *rows), "rb2405.SHFE", "1m", END)
    assert caught.value.text.count("rb.csv line ") == 10
    assert "... and 20 more refused rows" in caught.value.text


def test_bars_that_do_not_fit_the_interval_are_refused(tmp_path: Path) -> None:
    """One-minute times read as five-minute ends before the opening's first five minutes are over."""
    path = write_bars(tmp_path / "rb.csv", *(f"2024-01-02 09:0{minute}:00,1,1,1,1,1" for minute in (1, 2, 3)))
    with pytest.raises(RuleError, match="is the interval right"):
        import_bars(None, path, "rb2405.SHFE", "5m", END)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("date,open,high,low,close,volume", "'datetime' is missing"),
        ("datetime,open,high,low,close,vol", "'vol' is unknown (did you mean 'volume'?)"),
        ("datetime,open,high,low,close,volume,close", "'close' stands there twice"),
        ("datetime,Open,high,low,close,volume", "did you mean 'open'"),
    ],
)
def test_a_wrong_header_says_what_is_wrong(tmp_path: Path, header: str, reason: str) -> None:
    cells = ",".join(["1"] * (header.count(",") + 1))
    with pytest.raises(RuleError) as caught:
        import_bars(None, write_bars(tmp_path / "rb.csv", cells, header=header), "rb2405.SHFE", "5m", END)
    assert caught.value.code == "invalid_header"
    assert reason in caught.value.text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00\x01",
        gzip.compress(b"datetime", mtime=0)[:-4],
        b"PAR1 is not enough",
        b"datetime,open\n\xff,1\n",
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rb.csv"
    path.write_bytes(content)
    with pytest.raises(RuleError) as caught:
        import_bars(None, path, "rb2405.SHFE", "5m", END)
    assert caught.value.code == "unreadable_file"
    assert "rb.csv" in caught.value.text


def test_a_missing_file_and_a_file_without_rows_are_named(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="No such file"):
        import_bars(None, tmp_path / "none.csv", "rb2405.SHFE", "5m", END)
    with pytest.raises(RuleError, match=r"rb\.csv has no rows"):
        import_bars(None, write_bars(tmp_path / "rb.csv"), "rb2405.SHFE", "5m", END)


def test_rejects_that_cannot_be_written_undo_the_import(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "rb.csv", *SOUND, BAD_ROWS[0][0])
    options = BarImportOptions("end", skip_errors=True, rejects=tmp_path / "no" / "such" / "folder.csv")
    with pytest.raises(RuleError) as caught:
        import_bars(None, path, "rb2405.SHFE", "5m", options)
    assert caught.value.code == "unwritable_rejects"
    assert not Bar.objects.exists()


def test_rejects_never_overwrite_the_file_itself(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "rb.csv", *SOUND, BAD_ROWS[0][0])
    before = path.read_bytes()
    options = BarImportOptions("end", skip_errors=True, rejects=tmp_path / "." / "rb.csv")
    with pytest.raises(RuleError, match="would overwrite"):
        import_bars(None, path, "rb2405.SHFE", "5m", options)
    assert path.read_bytes() == before
