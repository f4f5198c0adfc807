"""A second, plain telling of the rules: recorded file in, fills, equity, statistics and hash out.

Written from the rules alone and sharing no code with the platform, so that both being wrong alike is unlikely.
"""

import datetime as dt
import hashlib
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

OFFSETS = {"open": 0, "close": 1, "close_today": 3}
VALUES = ["open", "high", "low", "close", "volume", "turnover", "open_interest"]


@dataclass(frozen=True)
class Case:
    """One file, how it is imported, and one set of parameters and costs."""

    file: str
    instrument: str
    interval: str
    bar_time: str
    multiplier: float
    tick: float
    fast: int
    slow: int
    rate: float
    per_lot: float
    today_rate: float
    slippage: int
    capital: float
    volume: int
    margin: float = 0.1


@dataclass
class Outcome:
    """What the oracle finds; a fill is (start, day, side, offset, price, commission)."""

    fills: list[tuple[pd.Timestamp, dt.date, int, str, float, float]] = field(default_factory=list)
    equity: dict[dt.date, float] = field(default_factory=dict)
    trades: list[float] = field(default_factory=list)


class TradingDays:
    """Weekdays less the published holidays; from 18:00 on it is the next one."""

    def __init__(self, data: Path) -> None:
        text: Any = pd.read_csv(data / "reference" / "holidays_weekdays_2003-2026.csv")["date"]
        self.closed = set(pd.to_datetime(text).dt.date)

    def of(self, start: pd.Timestamp) -> dt.date:
        """The trading day of a bar that starts then."""
        day = (start + pd.Timedelta(hours=6)).date() if start.hour >= 6 else start.date()
        while day.weekday() > 4 or day in self.closed:
            day += dt.timedelta(days=1)
        return day


def read_bars(case: Case, data: Path) -> Any:
    """The file's bars as a frame with starts and days; a bar of END time 21:00 or 09:00 goes into the one after it."""
    bars: Any = pd.read_csv(data / "bars" / case.file, parse_dates=["datetime"]).reindex(columns=["datetime", *VALUES])
    if case.bar_time == "end":
        opening = bars["datetime"].dt.strftime("%H:%M").isin(["21:00", "09:00"]).to_numpy()
        for row in np.flatnonzero(opening):
            bars.loc[row + 1, "open"] = bars["open"][row]
            bars.loc[row + 1, "high"] = max(bars["high"][row], bars["high"][row + 1])
            bars.loc[row + 1, "low"] = min(bars["low"][row], bars["low"][row + 1])
            for name in ("volume", "turnover"):
                bars.loc[row + 1, name] += bars[name][row]
        bars = bars[~opening].reset_index(drop=True)
        bars["datetime"] -= pd.Timedelta(minutes=int(case.interval.removesuffix("m")))
    days = TradingDays(data)
    return bars.assign(day=[days.of(start) for start in bars["datetime"]])


def crossings(case: Case, bars: Any) -> Any:
    """+1 where the fast average crosses above, -1 where below, on whole ticks, so that sums are exact."""
    ticks = (bars["close"] / case.tick).round()
    apart = ticks.rolling(case.fast).mean() - ticks.rolling(case.slow).mean()
    sign = np.sign(apart.where(apart.abs() >= 1e-9 * ticks, apart * 0))
    return np.where(sign.shift().isna() | (sign == sign.shift()), 0, sign)


class _Account:
    """Cash and one lot batch; there is never more than one entry open."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.cash = case.capital
        self.held = 0
        self.entry: tuple[float, dt.date, float] = (0.0, dt.date.min, 0.0)
        self.out = Outcome()

    def trade(self, bar: Any, target: int) -> None:
        side = 1 if target > self.held else -1
        price = bar.open + side * self.case.slippage * self.case.tick
        if self.held:
            self._close(bar, side, price)
        fee = self._fee(price, self.case.rate)
        if price * self.case.multiplier * abs(target) * self.case.margin + fee <= self.cash:
            self.cash -= fee
            self.held, self.entry = target, (price, bar.day, fee)
            self.out.fills.append((bar.datetime, bar.day, side, "open", price, fee))

    def _close(self, bar: Any, side: int, price: float) -> None:
        opened, day, paid = self.entry
        offset = "close_today" if day == bar.day else "close"
        fee = self._fee(price, self.case.today_rate if offset == "close_today" else self.case.rate)
        gain = self.held * (price - opened) * self.case.multiplier
        self.cash += gain - fee
        self.out.trades.append(gain - fee - paid)
        self.out.fills.append((bar.datetime, bar.day, side, offset, price, fee))
        self.held = 0

    def _fee(self, price: float, rate: float) -> float:
        return (price * self.case.multiplier * rate + self.case.per_lot) * self.case.volume

    def mark(self, bar: Any) -> None:
        floating = self.held * (bar.close - self.entry[0]) * self.case.multiplier
        self.out.equity[bar.day] = self.cash + floating


def replay(case: Case, bars: Any) -> Outcome:
    """Targets fill at the next open that has volume; every day is marked at its last close."""
    account, target, waiting = _Account(case), 0, False
    for bar, cross in zip(bars.itertuples(), crossings(case, bars), strict=True):
        if waiting and bar.volume > 0:
            waiting = False
            account.trade(bar, target)
        if cross:
            target = int(cross) * case.volume
            waiting = target != account.held
        account.mark(bar)
    return account.out


def standard(case: Case, found: Outcome) -> dict[str, float]:
    """The figures of the block ``standard`` that have one textbook formula (simple returns, A = 252, ddof = 1)."""
    path = np.array([case.capital, *found.equity.values()])
    returns, trades = path[1:] / path[:-1] - 1, np.array(found.trades)
    under = path / np.maximum.accumulate(path) - 1
    up, down = np.maximum(returns, 0), np.minimum(returns, 0)
    yearly = np.prod(1 + returns) ** (252 / len(returns)) - 1
    wins, losses = trades[trades > 0], trades[trades < 0]
    figures = {
        "total_return": path[-1] / case.capital - 1,
        "annual_return": yearly,
        "annual_volatility": returns.std(ddof=1) * np.sqrt(252),
        "sharpe": returns.mean() / returns.std(ddof=1) * np.sqrt(252),
        "sortino": returns.mean() * np.sqrt(252) / np.sqrt(np.mean(down**2)),
        "calmar": yearly / -under.min(),
        "omega": up.sum() / -down.sum(),
        "tail_ratio": abs(np.percentile(returns, 95) / np.percentile(returns, 5)),
        "stability": np.corrcoef(np.arange(len(returns)), np.log1p(returns).cumsum())[0, 1] ** 2,
        "var_95": np.percentile(returns, 5),
        "cvar_95": np.sort(returns)[: int((len(returns) - 1) * 0.05) + 1].mean(),
        "max_drawdown": under.min(),
        "win_rate": len(wins) / len(trades),
        "payoff_ratio": wins.mean() / -losses.mean(),
        "profit_factor": wins.sum() / -losses.sum(),
        "expectancy": trades.mean(),
        "trade_count": len(trades),
        "net_profit": path[-1] - case.capital,
        "commission": sum(fill[5] for fill in found.fills),
        "slippage": len(found.fills) * case.slippage * case.tick * case.multiplier * case.volume,
        "trading_days": len(returns),
    }
    return {name: float(figure) for name, figure in figures.items()}


def start_ns(start: pd.Timestamp) -> int:
    """A Shanghai wall clock as nanoseconds UTC."""
    return int(start.tz_localize("Asia/Shanghai").tz_convert("UTC").as_unit("ns").value)


def data_hash(case: Case, bars: Any) -> str:
    """SHA-256 over interval, count and columns as little-endian bytes."""
    digest = hashlib.sha256(case.interval.encode() + b"\0" + struct.pack("<q", len(bars)))
    digest.update(np.array([start_ns(start) for start in bars["datetime"]], dtype="<i8").tobytes())
    digest.update(np.array([(day - dt.date(1970, 1, 1)).days for day in bars["day"]], dtype="<i4").tobytes())
    for name in VALUES:
        digest.update((bars[name].to_numpy(dtype="<f8") + 0.0).tobytes())
    return digest.hexdigest()


def result_hash(case: Case, bars: Any, found: Outcome) -> str:
    """The documented fingerprint, put together by hand."""
    fees = {f"{verb}_by_volume": case.per_lot for verb in ("open", "close", "close_today")}
    fees |= {"open_by_money": case.rate, "close_by_money": case.rate, "close_today_by_money": case.today_rate}
    margins = {"long_by_money": case.margin, "short_by_money": case.margin, "long_by_volume": 0.0}
    document = {
        "parameters": {"fast": case.fast, "slow": case.slow},
        "costs": {
            "multiplier": case.multiplier,
            "price_tick": case.tick,
            "slippage_ticks": float(case.slippage),
            "fees": [{"valid_from": "0001-01-01", **fees}],
            "margins": [{"valid_from": "0001-01-01", **margins, "short_by_volume": 0.0}],
        },
        "data": data_hash(case, bars),
        "engine": "1",
        "fills": [
            [start_ns(start), side, OFFSETS[offset], round(price / case.tick), case.volume]
            for start, _, side, offset, price, _ in found.fills
        ],
        "end_equity": round(round(list(found.equity.values())[-1], 6) * 100),
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
