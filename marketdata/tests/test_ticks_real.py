"""The recorded tick files through the commands: imported, exported as bars and as ticks, and imported again.

What comes out of ``export_bars`` is compared with bars that pandas makes of the same files by rules of its own.
"""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.core.management import call_command
from django.db import transaction

from marketdata.instruments import find_instrument
from marketdata.tests.domain.test_bars_of_real_ticks import FILES, Recorded, by_pandas, frame
from marketdata.ticks.models import Tick

pytestmark = [pytest.mark.django_db, pytest.mark.real_data]

COLUMNS = ["datetime", "trading_day", "open", "high", "low", "close", "volume", "turnover", "open_interest"]


@pytest.fixture(params=FILES, ids=lambda recorded: recorded.file)
def recorded(request: pytest.FixtureRequest, shared_data: Path) -> Recorded:
    """One of the files, imported with its minutes."""
    path = shared_data / "ticks" / f"{request.param.file}.csv.gz"
    call_command("import_ticks", str(path), "--instrument", request.param.code, "--build-bars", "1m,5m,1d")
    found: Recorded = request.param
    return found


def exported(recorded: Recorded, interval: str, path: Path) -> pd.DataFrame:
    call_command("export_bars", "--instrument", recorded.code, "--interval", interval, "--output", str(path))
    return pd.read_csv(path, parse_dates=["datetime"])


def test_exported_bars_equal_those_of_pandas_and_exported_ticks_come_back(recorded: Recorded, tmp_path: Path) -> None:
    bars, theirs, rows = exported(recorded, "1m", tmp_path / "bars.csv"), by_pandas(recorded), frame(recorded)
    assert list(bars.columns) == COLUMNS
    assert bars["datetime"].tolist() == theirs.index.tolist()
    for name in ("open", "high", "low", "close", "volume", "open_interest"):
        assert bars[name].tolist() == theirs[name].tolist(), name
    # Differences of sums of 1e11 yuan: both roads subtract, in another order.
    assert np.allclose(bars["turnover"], theirs["turnover"], rtol=0, atol=0.01)
    last = rows.iloc[-1]
    day = f"{last['TradingDay'][:4]}-{last['TradingDay'][4:6]}-{last['TradingDay'][6:]}"
    assert set(bars["trading_day"]) == {day}
    assert bars["volume"].sum() == last["Volume"]
    check_longer(recorded, theirs, tmp_path)
    check_round_trip(recorded, tmp_path)


def check_longer(recorded: Recorded, minutes: pd.DataFrame, folder: Path) -> None:
    """A stored interval, and one that is put together on the way out, against minutes folded by hand."""
    parts = recorded.parts
    for interval, length in (("5m", 5), ("15m", 15)):
        bars = exported(recorded, interval, folder / f"{interval}.csv.gz")
        starts = [_bucket(start, parts, length) for start in minutes.index]
        folded = minutes.groupby(starts, sort=False).agg(
            {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "open_interest": "last"}
        )
        assert bars["datetime"].dt.strftime("%d %H:%M").tolist() == folded.index.tolist(), interval
        for name in folded.columns:
            assert bars[name].tolist() == folded[name].tolist(), (interval, name)
    daily = exported(recorded, "1d", folder / "1d.csv").iloc[0]
    last = frame(recorded).iloc[-1]
    assert [daily["open"], daily["high"], daily["low"], daily["close"], daily["volume"]] == [
        last[name] for name in ("OpenPrice", "HighestPrice", "LowestPrice", "LastPrice", "Volume")
    ]


def _bucket(start: pd.Timestamp, parts: tuple[tuple[str, str], ...], length: int) -> str:
    """The start of the bar of ``length`` trading minutes that a minute belongs to, counted anew after a night."""
    night = start.hour >= 18
    minutes = [
        f"{at // 60:02d}:{at % 60:02d}"
        for begin, end in parts
        if (begin >= "18:00") == night
        for at in range(_minute(begin), _minute(end))
    ]
    at = minutes.index(start.strftime("%H:%M"))
    return f"{start:%d} {minutes[at - at % length]}"


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def check_round_trip(recorded: Recorded, folder: Path) -> None:
    """Ticks out as CSV, the smallest file as Parquet too, and in again: the same to the last bit."""
    instrument = find_instrument(recorded.code)
    want = Tick.objects.series(instrument)
    assert want.seq.tolist() == list(range(1, len(frame(recorded)) + 1))
    for name in ("ticks.csv.gz", *(["ticks.parquet"] if recorded.exchange == "CZCE" else [])):
        path = folder / name
        call_command("export_ticks", "--instrument", recorded.code, "--output", str(path))
        with transaction.atomic():
            Tick.objects.filter(instrument=instrument).delete()
            call_command("import_ticks", str(path))
        assert Tick.objects.series(instrument).checksum() == want.checksum(), name
    text = gzip.decompress((folder / "ticks.csv.gz").read_bytes()).decode()
    assert ",nan" not in text
    assert "e+" not in text
