"""Files of ticks made for tests, with the columns that every source has."""

from pathlib import Path

HEADER = "TradingDay,InstrumentID,ExchangeID,LastPrice,Volume,Turnover,OpenInterest,UpdateTime,UpdateMillisec"


def row(time: str, last: object, volume: object, **other: str) -> str:
    """A record of rb2405 on 2024-01-02; ``time`` is ``HH:MM:SS`` or ``HH:MM:SS.mmm``."""
    clock, _dot, millis = time.partition(".")
    day, symbol = other.get("day", "20240102"), other.get("symbol", "rb2405")
    exchange = other.get("exchange", "SHFE")
    turnover = f"{float(str(volume)) * 40_000:.0f}" if str(volume).replace(".", "").isdecimal() else "0"
    return f"{day},{symbol},{exchange},{last},{volume},{turnover},1000,{clock},{millis or 0}"


SOUND = (
    row("08:59:00", 3990, 7),  # the auction's match
    row("09:00:00.500", 4000, 10),
    row("09:00:30", 4005, 12),
    row("09:01:10", 3998, 20),
    row("09:01:10", 3999, 20),
    row("14:59:59.500", 4010, 25),
    row("15:00:00", 4012, 30),
)
"""Three minutes with trades: 09:00, 09:01 and 14:59."""


def write_ticks(path: Path, *rows: str, header: str = HEADER) -> Path:
    """A CSV file of these rows; gives its path."""
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path
