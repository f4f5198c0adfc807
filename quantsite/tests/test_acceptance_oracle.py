"""The main job on recorded bars, from file to figures, held against a second telling of the rules."""

import csv
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from backtests.domain.statistics import HEADLINE
from quantsite.tests.acceptance_oracle import Case, read_bars, replay, result_hash, standard

pytestmark = [pytest.mark.django_db, pytest.mark.real_data, pytest.mark.embedded]

RB = ("SHFE.rb2401_1m.csv.gz", "rb2401.SHFE", "1m", "end", 10.0, 1.0)
IF = ("CFFEX.IF1908_1m.csv.gz", "IF1908.CFFEX", "1m", "start", 300.0, 0.2)
AU = ("SHFE.au1912_1m.csv.gz", "au1912.SHFE", "1m", "start", 1000.0, 0.05)
TA = ("CZCE.TA.HOT_5m_2019-2020.csv.gz", "TA88.CZCE", "5m", "end", 5.0, 2.0)
CASES = [
    Case(*RB, fast=5, slow=20, rate=1e-4, per_lot=0.0, today_rate=3e-4, slippage=1, capital=1e6, volume=3),
    Case(*IF, fast=10, slow=30, rate=2.3e-5, per_lot=0.0, today_rate=3.45e-4, slippage=2, capital=4e5, volume=1),
    Case(*AU, fast=20, slow=60, rate=0.0, per_lot=10.0, today_rate=0.0, slippage=0, capital=1e6, volume=2),
    Case(*TA, fast=1, slow=2, rate=0.0, per_lot=3.1, today_rate=0.0, slippage=1, capital=5e5, volume=2, margin=0.07),
]


def arguments(case: Case) -> list[str]:
    """The options of the command."""
    given = {
        "instrument": case.instrument,
        "interval": case.interval,
        "multiplier": case.multiplier,
        "commission-rate": case.rate,
        "commission-per-lot": case.per_lot,
        "close-today-rate": case.today_rate,
        "slippage-ticks": case.slippage,
        "margin-rate": case.margin,
        "capital": case.capital,
        "volume": case.volume,
    }
    parameters = [f"--set=fast={case.fast}", f"--set=slow={case.slow}"]
    return ["double_ma", *parameters, *(f"--{name}={value}" for name, value in given.items()), "--json"]


@pytest.mark.parametrize("case", CASES, ids=[case.instrument for case in CASES])
def test_fills_equity_statistics_and_hash_agree(case: Case, shared_data: Path, tmp_path: Path) -> None:
    what = ["--instrument", case.instrument, "--interval", case.interval, "--bar-time", case.bar_time]
    call_command("import_bars", str(shared_data / "bars" / case.file), *what)
    files, out = [tmp_path / "fills.csv", tmp_path / "equity.csv"], StringIO()
    call_command("run_backtest", *arguments(case), f"--fills={files[0]}", f"--equity={files[1]}", stdout=out)
    printed = json.loads(out.getvalue())
    fills, days = (list(csv.DictReader(file.open(encoding="utf-8"))) for file in files)
    bars = read_bars(case, shared_data)
    found = replay(case, bars)
    assert printed["bars"] == len(bars)
    assert [(row["datetime"], row["trading_day"], row["direction"], row["offset"]) for row in fills] == [
        (str(start), str(day), "buy" if side > 0 else "sell", offset) for start, day, side, offset, _, _ in found.fills
    ]
    assert [float(row["price"]) for row in fills] == pytest.approx([fill[4] for fill in found.fills], rel=1e-9)
    assert [float(row["commission"]) for row in fills] == pytest.approx([fill[5] for fill in found.fills], abs=1e-6)
    assert [row["trading_day"] for row in days] == [str(day) for day in found.equity]
    assert [float(row["equity"]) for row in days] == pytest.approx(list(found.equity.values()), rel=1e-9)
    expected = standard(case, found)
    figures = printed["statistics"]["standard"]
    assert {name: figures[name] for name in expected} == pytest.approx(expected, rel=1e-8, abs=1e-9)
    assert set(HEADLINE) <= set(expected)
    assert printed["result_hash"] == result_hash(case, bars, found)
