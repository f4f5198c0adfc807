"""The recorded ticks of ../shared/data, as benchmarks take them."""

from itertools import islice
from pathlib import Path

from django.conf import settings

from marketdata.domain.normalise import Normaliser
from marketdata.domain.ticks import Tick
from marketdata.importers.tick_file import read_tick_file
from marketdata.instruments import contract_of, ensure_instrument
from quantsite.common.times import ns_to_utc

FOLDER = Path(settings.BASE_DIR).parent / "shared" / "data" / "ticks"
CODES = {
    "CFFEX.IF2101_tick_20210104.csv.gz": "IF2101.CFFEX",
    "CZCE.AP010_tick_20200803.csv.gz": "AP010.CZCE",
    "SHFE.ru1901_tick_20181008.csv.gz": "ru1901.SHFE",
    "SHFE.ru1901_tick_20181009.csv.gz": "ru1901.SHFE",
}


def recorded_ticks(number: int) -> list[Tick]:
    """The first ticks of the busiest file. Raises ``SystemExit`` where it is not there."""
    path = FOLDER / "SHFE.ru1901_tick_20181009.csv.gz"
    if not path.exists():
        raise SystemExit(f"the recorded ticks are not here: {FOLDER}")
    instrument = ensure_instrument(CODES[path.name], ns_to_utc(1_539_000_000 * 10**9).date())
    normaliser = Normaliser([contract_of(instrument)])
    ticks = (normaliser.tick(raw) for raw in read_tick_file(path))
    return list(islice((tick for tick in ticks if tick is not None), number))
