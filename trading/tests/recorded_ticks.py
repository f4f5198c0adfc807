"""The recorded tick files of ../shared/data as the matcher gets them."""

from dataclasses import dataclass
from functools import cache

from marketdata.domain.contract import Contract
from marketdata.domain.normalise import Normaliser
from marketdata.domain.ticks import Tick
from marketdata.importers.tick_file import read_tick_file
from marketdata.tests.domain.recorded import DATA, table


@dataclass(frozen=True)
class Recorded:
    """A file and the facts of its contract."""

    file: str
    code: str
    product: str
    multiplier: float
    price_tick: float

    @property
    def exchange(self) -> str:
        return self.code.rpartition(".")[2]


FILES = (
    Recorded("SHFE.ru1901_tick_20181008", "ru1901.SHFE", "ru", 10, 5.0),
    Recorded("SHFE.ru1901_tick_20181009", "ru1901.SHFE", "ru", 10, 5.0),
    Recorded("CZCE.AP010_tick_20200803", "AP010.CZCE", "AP", 10, 1.0),
    Recorded("CFFEX.IF2101_tick_20210104", "IF2101.CFFEX", "IF", 300, 0.2),
)


@cache
def ticks_of(recorded: Recorded) -> tuple[Tick, ...]:
    """The ticks of a file, with the flags that the normaliser gives them."""
    contract = Contract(
        recorded.code,
        recorded.code.partition(".")[0],
        recorded.exchange,
        recorded.multiplier,
        recorded.price_tick,
        table(recorded.exchange, recorded.product),
    )
    normaliser = Normaliser([contract])
    found = (normaliser.tick(raw) for raw in read_tick_file(DATA / "ticks" / f"{recorded.file}.csv.gz"))
    return tuple(tick for tick in found if tick is not None)
