"""``import_bars`` and ``import_instruments`` as they are typed, and the figures that they leave on ``/metrics``."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from marketdata.metrics import bar_metrics
from marketdata.models import Bar, BarImport
from marketdata.tests.bar_csv import SOUND, write_bars

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

RB = ("--instrument", "rb2405.SHFE", "--interval", "5m", "--bar-time", "end")


def run(*words: object) -> tuple[str, str]:
    """What a command prints: stdout and stderr."""
    out, err = StringIO(), StringIO()
    call_command(*map(str, words), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_import_bars_ends_with_one_line(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "rb.csv", *SOUND)
    out, err = run("import_bars", path, *RB)
    assert out == "rb2405.SHFE 5m: 3 rows read, 3 stored, 0 unchanged, 0 auctions merged, 0 warnings\n"
    assert err == ""
    out, _err = run("import_bars", path, *RB)
    assert out == "rb2405.SHFE 5m: 3 rows read, 0 stored, 3 unchanged, 0 auctions merged, 0 warnings\n"


def test_the_first_warnings_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    odd = [f"2024-01-02 18:{minute:02d}:00,4001,4001,4001,4001,0" for minute in range(4, 59)]
    out, err = run("import_bars", write_bars(tmp_path / "rb.csv", *SOUND, *odd), *RB[:2], "--interval", "1m", *RB[4:])
    assert "55 warnings" in out
    assert err.splitlines()[0] == "line 5: 2024-01-02 18:04:00 lies outside the trading hours of its date"
    assert len(err.splitlines()) == 51
    assert f"... and 5 more bars outside the trading hours (all stand in import {BarImport.objects.get().pk})" in err


def test_strict_sessions_by_option(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "rb.csv", "2024-01-02 18:30:00,4001,4001,4001,4001,0")
    with pytest.raises(CommandError, match=r"rb\.csv line 2: 2024-01-02 18:30:00 lies outside"):
        run("import_bars", path, *RB, "--sessions", "strict")
    assert not Bar.objects.exists()


def test_skip_writes_beside_nobody_elses_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    path = write_bars(folder / "rb.csv", *SOUND, "x,1,1,1,1,1")
    out, _err = run("import_bars", path, *RB, "--on-error", "skip")
    assert "3 stored" in out
    assert "1 refused (see rb.rejected.csv)" in out
    assert (tmp_path / "rb.rejected.csv").read_text(encoding="utf-8").splitlines()[1].startswith("5,")


def test_replace_and_user_by_option(tmp_path: Path, alice: User) -> None:
    run("import_bars", write_bars(tmp_path / "a.csv", *SOUND), *RB)
    other = write_bars(tmp_path / "b.csv", SOUND[0].replace(",100", ",101"))
    with pytest.raises(CommandError, match="volume 101 here, 100 stored"):
        run("import_bars", other, *RB)
    out, _err = run("import_bars", other, *RB, "--replace", "--user", "alice")
    assert "1 replaced" in out
    assert BarImport.objects.order_by("-pk")[0].actor == alice


def test_who_may_not_is_told_so(tmp_path: Path, bob: User) -> None:
    with pytest.raises(CommandError, match=r"bob lacks the permission marketdata\.add_barimport"):
        run("import_bars", write_bars(tmp_path / "rb.csv", *SOUND), *RB, "--user", "bob")


def test_a_word_that_is_no_choice_is_named(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "rb.csv", *SOUND)
    with pytest.raises(CommandError, match="--bar-time"):
        run("import_bars", path, "--instrument", "rb2405.SHFE", "--interval", "5m", "--bar-time", "middle")


def test_import_instruments_ends_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(
        "InstrumentID,ExchangeID,ProductID,ProductClass,DeliveryYear,DeliveryMonth,VolumeMultiple,PriceTick\n"
        "rb2605,SHFE,rb,1,2026,5,10,1\nSP a2605&a2607,DCE,a,3,2026,5,10,1\n",
        encoding="utf-8",
    )
    out, _err = run("import_instruments", path, "--valid-from", "2025-06-02")
    assert out == "2 rows read, 1 created, 0 updated, 0 unchanged, 0 margin rates, 1 combinations left out\n"


def test_the_figures_count_what_was_imported(tmp_path: Path) -> None:
    run("import_bars", write_bars(tmp_path / "rb.csv", *SOUND), *RB)
    samples = {
        (sample.name, *sample.labels.values()): sample.value for metric in bar_metrics() for sample in metric.samples
    }
    assert samples["quantsite_bars", "5m"] == 3
    assert samples["quantsite_newest_bar_timestamp_seconds", "5m"] == 1_704_157_800  # 2024-01-02 01:10 UTC
    assert samples["quantsite_imported_bars_total", "stored"] == 3
    assert samples["quantsite_calendar_days_left",] > 0
