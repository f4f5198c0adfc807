"""A source of ticks as small as can be: a clock that beats in a thread, and ticks on request, over the real stream."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from marketdata import stream
from marketdata.domain.bar_builder import BarBuilder
from marketdata.domain.ticks import Clock, encode
from marketdata.instruments import contract_of
from marketdata.models import Instrument
from marketdata.tests.made_ticks import DAY, HALF_SECOND, NINE, tick

BEAT_SECONDS = 0.3


class LiveMarket:
    """Publishes for one instrument from 2024-01-02 09:00 on; the market clock stands where the last tick put it."""

    def __init__(self, instrument: Instrument, source: str = "test") -> None:
        contract = contract_of(instrument)
        self.code = instrument.code
        self.source = source
        self.publisher = stream.publisher(source, 1)
        self.builder = BarBuilder({contract.code: contract}, settings.BAR_INTERVALS, since=NINE - 3600 * 10**9)
        self.seq = 0
        self.beating = threading.Event()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._beat, daemon=True)

    def tick(self, last: float, *, later: float = 0.5, **given: object) -> None:
        """A tick at this price, so many seconds after the one before, and the bars that it closes."""
        self.seq += int(later * 10**9) // HALF_SECOND
        given = {"bid_price": last - 1, "ask_price": last + 1, "pre_settlement": 4000.0, **given}
        one = tick(self.code, self.seq, last=last, **given)  # type: ignore[arg-type]
        for message in (*self.builder.on_tick(one), one):
            self.publisher.send(encode(message))

    def _beat(self) -> None:
        while not self.over.wait(BEAT_SECONDS):
            if self.beating.is_set():
                now = NINE + self.seq * HALF_SECOND
                self.publisher.send(encode(Clock(self.source, now, DAY + 1, 0.0)))


@contextmanager
def live_market(instrument: Instrument) -> Iterator[LiveMarket]:
    """A market that beats, until the end of the test."""
    market = LiveMarket(instrument)
    market.beating.set()
    market.thread.start()
    try:
        yield market
    finally:
        market.over.set()
        market.thread.join(timeout=60)
        market.publisher.close()
