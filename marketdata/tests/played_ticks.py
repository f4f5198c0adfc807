"""The recorded tick files as a live feed would publish them: ticks and bars in the order of time, numbered by epoch."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import merge
from pathlib import Path

from marketdata.domain.bar_builder import BarBuilder
from marketdata.domain.normalise import Normaliser
from marketdata.domain.ticks import BarMessage, Message, SettlementMessage, Tick, encode
from marketdata.importers.tick_file import read_tick_file
from marketdata.instruments import contract_of, ensure_instrument
from marketdata.models import Instrument
from marketdata.stream import Publisher
from quantsite.common.times import ns_to_utc

FILES = {
    "ru1901.SHFE": "SHFE.ru1901_tick_20181009.csv.gz",
    "IF2101.CFFEX": "CFFEX.IF2101_tick_20210104.csv.gz",
    "AP010.CZCE": "CZCE.AP010_tick_20200803.csv.gz",
}
SLICE_SECONDS = 0.02


@dataclass
class Played:
    """What is published, and the same by kind."""

    messages: list[Message]
    ticks: dict[Instrument, list[Tick]]
    bars: list[BarMessage]


def played(folder: Path, codes: Sequence[str], epoch: int, each: int | None = None) -> Played:
    """The files of these contracts (the first ``each`` ticks), side by side; instruments are made where needed."""
    ticks = {_instrument(folder, code): _ticks(folder, code, epoch, each) for code in codes}
    contracts = {instrument.code: contract_of(instrument) for instrument in ticks}
    first = min(found[0].time for found in ticks.values())
    builder = BarBuilder(contracts, ("1m", "5m", "1d"), since=first - 3_600_000_000_000)
    messages: list[Message] = []
    for _number, one in merge(*(enumerate(found) for found in ticks.values()), key=lambda item: item[0]):
        messages += [one, *builder.on_tick(one)]
    messages += builder.finish()
    bars = [one for one in messages if isinstance(one, BarMessage)]
    return Played(messages, ticks, bars)


def settlements(messages: Iterable[Message]) -> list[SettlementMessage]:
    """Those among the messages."""
    return [one for one in messages if isinstance(one, SettlementMessage)]


def play(
    messages: Sequence[Message], publisher: Publisher, rate: float, between: Callable[[int], None] | None = None
) -> None:
    """Send them at ``rate`` a second; ``between`` is told how many are sent after each slice."""
    began = time.monotonic()
    sent = 0
    while sent < len(messages):
        until = min(len(messages), int((time.monotonic() - began) * rate) + 1)
        for message in messages[sent:until]:
            publisher.send(encode(message))
        sent = max(sent, until)
        if between is not None:
            between(sent)
        time.sleep(SLICE_SECONDS)


def _instrument(folder: Path, code: str) -> Instrument:
    first = next(read_tick_file(folder / "ticks" / FILES[code]))
    day = f"{first.trading_day[:4]}-{first.trading_day[4:6]}-{first.trading_day[6:]}"
    return ensure_instrument(code, ns_to_utc(0).date().fromisoformat(day))


def _ticks(folder: Path, code: str, epoch: int, each: int | None) -> list[Tick]:
    instrument = Instrument.objects.select_related("product__exchange").get(code=code)
    normaliser = Normaliser([contract_of(instrument)], first_seq=epoch << 32)
    found: list[Tick] = []
    for raw in read_tick_file(folder / "ticks" / FILES[code]):
        one = normaliser.tick(raw, time.time_ns())
        if one is not None:
            found.append(one)
        if each is not None and len(found) == each:
            break
    return found
