"""Bars of the recorded tick files against bars that pandas makes of the same files, by rules written down once more."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import pytest

from marketdata.domain.bar_builder import build_bars
from marketdata.domain.bars import BarSeries
from marketdata.domain.contract import Contract
from marketdata.domain.depth import RawTick
from marketdata.domain.normalise import Normaliser
from marketdata.domain.resample import resample
from marketdata.domain.ticks import OUTSIDE, BarMessage, SettlementMessage, Tick
from marketdata.tests.domain.recorded import DATA, needs_data, table
from quantsite.common.times import SHANGHAI_OFFSET_NS

pytestmark = [needs_data, pytest.mark.real_data]

DBL_MAX = 1.7976931348623157e308
INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "1d")
PRICES = ["open", "high", "low", "close"]


@dataclass(frozen=True)
class Recorded:
    """A file, its contract, and the parts of its trading day as a person reads them off the exchange's page."""

    file: str
    code: str
    product: str
    multiplier: float
    parts: tuple[tuple[str, str], ...]
    settlement: float
    turnover_scale: float = 1.0

    @property
    def exchange(self) -> str:
        return self.code.rpartition(".")[2]


DAY = (("09:00", "10:15"), ("10:30", "11:30"), ("13:30", "15:00"))
FILES = (
    Recorded("SHFE.ru1901_tick_20181008", "ru1901.SHFE", "ru", 10, DAY, 12310.0),
    Recorded("SHFE.ru1901_tick_20181009", "ru1901.SHFE", "ru", 10, (("21:00", "23:00"), *DAY), 12620.0),
    Recorded("CZCE.AP010_tick_20200803", "AP010.CZCE", "AP", 10, DAY, 7104.0, turnover_scale=10),
    Recorded("CFFEX.IF2101_tick_20210104", "IF2101.CFFEX", "IF", 300, (("09:30", "11:30"), ("13:00", "15:00")), 5278.6),
)
every_file = pytest.mark.parametrize("recorded", FILES, ids=lambda recorded: recorded.file)


@cache
def frame(recorded: Recorded) -> pd.DataFrame:
    """The file with numbers as numbers, N/A as NaN."""
    rows = pd.read_csv(DATA / "ticks" / f"{recorded.file}.csv.gz", dtype=str, keep_default_na=False)
    texts = {"TradingDay", "InstrumentID", "ExchangeID", "ExchangeInstID", "UpdateTime", "ActionDay"}
    for name in set(rows.columns) - texts:
        rows[name] = pd.to_numeric(rows[name].replace({"N/A": None, "": None}))
    return rows


@cache
def ticks(recorded: Recorded) -> tuple[Tick, ...]:
    """The file through the normaliser; what it does not tell is DBL_MAX, as CTP would send it."""
    contract = contract_of(recorded)
    normaliser = Normaliser([contract])
    rows = frame(recorded).replace({np.nan: DBL_MAX})
    found = []
    for row in rows.to_dict("records"):
        raw = RawTick(
            instrument_id=row["InstrumentID"],
            trading_day=row["TradingDay"],
            action_day=row["ActionDay"],
            update_time=row["UpdateTime"],
            update_millisec=int(row["UpdateMillisec"]),
            last_price=row["LastPrice"],
            volume=int(row["Volume"]),
            turnover=row["Turnover"],
            open_interest=row["OpenInterest"],
            bid_price=row["BidPrice1"],
            bid_volume=int(row["BidVolume1"]),
            ask_price=row["AskPrice1"],
            ask_volume=int(row["AskVolume1"]),
            open_price=row["OpenPrice"],
            highest_price=row["HighestPrice"],
            lowest_price=row["LowestPrice"],
            settlement_price=row["SettlementPrice"],
            average_price=row.get("AveragePrice", DBL_MAX),
            pre_settlement_price=row["PreSettlementPrice"],
            upper_limit_price=row["UpperLimitPrice"],
            lower_limit_price=row["LowerLimitPrice"],
        )
        tick = normaliser.tick(raw)
        assert tick is not None
        found.append(tick)
    return tuple(found)


@cache
def contract_of(recorded: Recorded) -> Contract:
    symbol = recorded.code.partition(".")[0]
    hours = table(recorded.exchange, recorded.product)
    return Contract(recorded.code, symbol, recorded.exchange, recorded.multiplier, 1.0, hours)


@cache
def built(recorded: Recorded) -> tuple[BarMessage | SettlementMessage, ...]:
    return tuple(build_bars(ticks(recorded), contract_of(recorded), INTERVALS))


def bars_of(recorded: Recorded, interval: str) -> list[BarMessage]:
    return [bar for bar in built(recorded) if isinstance(bar, BarMessage) and bar.interval == interval]


def by_pandas(recorded: Recorded) -> pd.DataFrame:
    """Minute bars by the rules of the trade, from wall times alone: the index is the wall time of each start."""
    rows = frame(recorded)
    wall = pd.to_datetime(rows["ActionDay"] + " " + rows["UpdateTime"])
    wall += pd.to_timedelta(rows["UpdateMillisec"], unit="ms")
    start = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[ns]")
    for number, (begin, end) in enumerate(recorded.parts):
        for date in sorted(set(rows["ActionDay"])):
            if (begin >= "18:00") != (date != rows["TradingDay"].iloc[-1]):
                continue
            opens, closes = (pd.Timestamp(f"{date} {clock}") for clock in (begin, end))
            inside = (wall >= opens) & (wall < closes)
            start[inside] = wall[inside].dt.floor("min")
            start[(wall >= closes) & (wall <= closes + pd.Timedelta(seconds=5))] = closes - pd.Timedelta(minutes=1)
            if number == 0:
                start[(wall >= opens - pd.Timedelta(minutes=5)) & (wall < opens)] = opens
    rows = rows.assign(start=start, Turnover=rows["Turnover"] * recorded.turnover_scale)
    rows = rows[rows["start"].notna() & (rows["Volume"] > 0)]
    groups = rows.groupby("start", sort=True)
    bars = groups.agg(
        open=("LastPrice", "first"),
        high=("LastPrice", "max"),
        low=("LastPrice", "min"),
        close=("LastPrice", "last"),
        volume=("Volume", "last"),
        turnover=("Turnover", "last"),
        open_interest=("OpenInterest", "last"),
    )
    for total in ("volume", "turnover"):
        bars[total] = bars[total].diff().fillna(bars[total])
    return bars[bars["volume"] > 0]


def as_frame(bars: list[BarMessage]) -> pd.DataFrame:
    walls = [np.datetime64(bar.start + SHANGHAI_OFFSET_NS, "ns") for bar in bars]
    names = [*PRICES, "volume", "turnover", "open_interest"]
    return pd.DataFrame([[getattr(bar, name) for name in names] for bar in bars], columns=names, index=walls)


@every_file
def test_minutes_equal_those_of_pandas_in_every_field(recorded: Recorded) -> None:
    ours, theirs = as_frame(bars_of(recorded, "1m")), by_pandas(recorded)
    assert list(ours.index) == list(theirs.index)
    assert len(ours) > 200
    for name in (*PRICES, "volume", "open_interest"):
        assert ours[name].tolist() == theirs[name].tolist(), name
    # Differences of cumulative sums of 1e11 yuan: both roads subtract, in another order.
    assert np.allclose(ours["turnover"], theirs["turnover"], rtol=0, atol=0.01)


@every_file
def test_the_days_volume_is_the_last_cumulative_volume(recorded: Recorded) -> None:
    rows = frame(recorded)
    for interval in INTERVALS:
        bars = bars_of(recorded, interval)
        assert sum(bar.volume for bar in bars) == int(rows["Volume"].iloc[-1]), interval
        turnover = rows["Turnover"].iloc[-1] * recorded.turnover_scale
        assert sum(bar.turnover for bar in bars) == pytest.approx(turnover, abs=1.0), interval
        assert bars[-1].open_interest == rows["OpenInterest"].iloc[-1]
    assert not any(bar.partial for bar in built(recorded) if isinstance(bar, BarMessage))


@every_file
def test_longer_bars_equal_those_folded_in_columns(recorded: Recorded) -> None:
    """Two roads: the builder folds minute by minute, ``resample`` whole columns."""
    minutes = as_series(bars_of(recorded, "1m"), recorded.code, "1m")
    for interval in INTERVALS[1:-1]:
        folded = resample(minutes, contract_of(recorded).table, interval)
        ours = as_series(bars_of(recorded, interval), recorded.code, interval)
        assert ours.start.tolist() == folded.start.tolist(), interval
        for name in (*PRICES, "volume", "open_interest"):
            assert getattr(ours, name).tolist() == getattr(folded, name).tolist(), (interval, name)
        assert np.allclose(ours.turnover, folded.turnover, rtol=1e-12)


def as_series(bars: list[BarMessage], code: str, interval: str) -> BarSeries:
    names = ("start", "trading_day", *PRICES, "volume", "turnover", "open_interest")
    return BarSeries(code, interval, *(np.array([getattr(bar, name) for bar in bars]) for name in names))


@every_file
def test_the_daily_bar_is_the_exchanges_own(recorded: Recorded) -> None:
    last = frame(recorded).iloc[-1]
    (bar,) = bars_of(recorded, "1d")
    assert [bar.open, bar.high, bar.low, bar.close] == [
        last["OpenPrice"],
        last["HighestPrice"],
        last["LowestPrice"],
        last["LastPrice"],
    ]
    assert bar.settlement == recorded.settlement
    settled = [message for message in built(recorded) if isinstance(message, SettlementMessage)]
    assert [message.settlement for message in settled] == [recorded.settlement]
    assert settled[0].upper_limit == last["UpperLimitPrice"]


@every_file
def test_a_day_put_together_from_minutes_agrees_with_the_exchanges_own(recorded: Recorded) -> None:
    """Volume and close are the same; the exchange's high and low also know trades between two snapshots."""
    minutes = as_series(bars_of(recorded, "1m"), recorded.code, "1m")
    folded = resample(minutes, contract_of(recorded).table, "1d")
    (day,) = bars_of(recorded, "1d")
    assert folded.start.tolist() == [day.start]
    assert folded.trading_day.tolist() == [day.trading_day]
    assert (folded.volume[0], folded.close[0]) == (day.volume, day.close)
    assert (folded.turnover[0], folded.open_interest[0]) == (pytest.approx(day.turnover, abs=1.0), day.open_interest)
    assert day.low <= folded.low[0] <= folded.high[0] <= day.high


def test_the_auction_belongs_to_the_first_minute_and_ends_to_the_last() -> None:
    apple = as_frame(bars_of(FILES[2], "1m"))
    first = apple.iloc[0]
    assert str(apple.index[0]) == "2020-08-03 09:00:00"
    assert (first["open"], first["volume"] > 419) == (7169.0, True)  # the match at 08:59: 419 lots at 7169
    rubber = frame(FILES[1])
    shown = as_frame(bars_of(FILES[1], "1m"))
    for end, start in (("23:00:00", "2018-10-08 22:59:00"), ("15:00:00", "2018-10-09 14:59:00")):
        at_end = rubber[rubber["UpdateTime"] == end]
        assert len(at_end)
        assert shown.loc[start, "close"] == at_end["LastPrice"].iloc[-1]
        assert shown.loc[start, "open_interest"] == at_end["OpenInterest"].iloc[-1]
    assert "2018-10-08 23:00:00" not in shown.index
    assert "2018-10-09 15:00:00" not in shown.index
    index = as_frame(bars_of(FILES[3], "1m"))
    assert (str(index.index[0]), index.iloc[0]["open"]) == ("2021-01-04 09:30:00", 5230.0)  # the match at 09:29
    assert str(index.index[-1]) == "2021-01-04 14:59:00"


def test_records_outside_the_sessions_are_flagged_and_kept() -> None:
    apple = ticks(FILES[2])
    assert apple[0].flags == OUTSIDE  # the snapshot of Friday evening that the login brought
    assert [tick.seq for tick in apple] == list(range(1, len(apple) + 1))
    index = ticks(FILES[3])
    late = [tick for tick in index if tick.flags & OUTSIDE]
    rows = frame(FILES[3])
    assert len(late) == int(
        ((rows["UpdateTime"] > "15:00:05") | rows["UpdateTime"].between("11:30:06", "12:59:59")).sum()
    )


def test_turnover_and_average_mean_yuan_and_price_everywhere() -> None:
    apple, rubber = ticks(FILES[2])[-1], ticks(FILES[1])[-1]
    assert apple.turnover == 15_669_790_080.0
    assert apple.turnover / apple.volume / 10 == pytest.approx(apple.average, abs=1)
    assert rubber.average == pytest.approx(12_623.71, abs=0.01)
    assert rubber.turnover / rubber.volume / 10 == pytest.approx(rubber.average, abs=0.5)
