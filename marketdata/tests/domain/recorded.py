"""The recorded bars and lists of ../shared/data, as columns for tests."""

import csv
import gzip
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from marketdata.domain.reference import reference_session_table
from marketdata.domain.sessions import SessionTable
from quantsite.common.times import SHANGHAI, SHANGHAI_OFFSET_NS, ns_to_utc, utc_to_ns

DATA = Path(__file__).parents[3].parent / "shared" / "data"

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded data of {DATA} is absent")


def instants(*walls: str) -> npt.NDArray[np.int64]:
    """Shanghai wall times as ns UTC."""
    return np.array(
        [utc_to_ns(datetime.fromisoformat(wall).replace(tzinfo=SHANGHAI)) for wall in walls], dtype=np.int64
    )


def walls(column: npt.NDArray[np.int64]) -> list[str]:
    """ns UTC as Shanghai wall times to the minute."""
    return [ns_to_utc(moment).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M") for moment in column.tolist()]


def table(exchange: str, product: str) -> SessionTable:
    """The session table of a product from the reference files."""
    return reference_session_table(exchange, product)


def bar_times(name: str) -> npt.NDArray[np.int64]:
    """The datetime column of a recorded file as ns UTC, whatever it stands for."""
    lines = gzip.decompress((DATA / "bars" / f"{name}.csv.gz").read_bytes()).decode().splitlines()[1:]
    local = np.array([line.split(",", 1)[0] for line in lines], dtype="datetime64[ns]")
    return local.astype(np.int64) - SHANGHAI_OFFSET_NS


def listed_2025() -> list[dict[str, str]]:
    """The futures of the CTP instrument list of March 2025."""
    with (DATA / "reference" / "instruments_2025.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["ProductClass"] == "1"]


def ticks_of_ricequant() -> dict[str, float]:
    """Product code in capitals to price tick, of the newest contracts, as another platform has them."""
    with gzip.open(DATA / "reference" / "rq_future_info.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["underlying_symbol"]]
    return {row["underlying_symbol"]: float(row["tick_size"]) for row in rows}


def listed_2020() -> list[dict[str, str]]:
    """The futures of the list of 2020-06-16, expired ones too."""
    with gzip.open(DATA / "reference" / "futures_2020-06-16.csv.gz", "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))
