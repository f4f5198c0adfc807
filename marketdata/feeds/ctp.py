"""Live quotes of a broker's CTP market-data front: subscribed while they are wanted, again after every loss."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from math import inf, nan
from queue import Empty, SimpleQueue
from typing import Any

import structlog

from marketdata.ctp.heard import QUOTE, Heard
from marketdata.ctp.md_session import MdSession
from marketdata.domain.contract import Contract
from marketdata.domain.depth import RawTick
from marketdata.domain.normalise import Normaliser
from marketdata.domain.ticks import Tick
from quantsite.common.errors import RuleError

log = structlog.get_logger(__name__)

DEEPER = range(2, 6)
_LADDER = [f"{side}{what}{level}" for side in ("Bid", "Ask") for what in ("Price", "Volume") for level in DEEPER]
_NO_PRICE = "Price"
"""Fields with it in their name are prices: NaN where there is none; the others of the ladder are volumes."""


class CtpSource:
    """The instruments that were added, as the front publishes them. ``first_seq`` numbers them as a live feed's.

    ``ended`` is called when the connection has ended.
    One thread calls everything here.
    """

    def __init__(self, session: MdSession, first_seq: int, ended: Callable[[], None] = lambda: None) -> None:
        self._session = session
        self._normaliser = Normaliser(first_seq=first_seq)
        self._codes: dict[str, str] = {}
        self._woken: SimpleQueue[None] = SimpleQueue()  # waits in C: an Event costs a quote tens of microseconds
        self._refused = 0
        self._ended = ended
        session.link.wake = partial(self._woken.put, None)

    def add(self, contract: Contract, now: int) -> None:  # noqa: ARG002 - the front begins with what is new
        """See :class:`base.Published`."""
        if contract.code not in self._codes:
            self._codes[contract.code] = contract.symbol
            self._normaliser.add(contract)
            self._session.want(self._codes.values())

    def remove(self, code: str) -> None:
        """See :class:`base.Published`."""
        self._codes.pop(code, None)
        self._session.want(self._codes.values())

    def wait(self, seconds: float) -> None:
        """See :class:`base.LiveSource`."""
        with suppress(Empty):
            self._woken.get(timeout=seconds)
            while True:  # one look takes all that has come
                self._woken.get_nowait()

    def ticks(self, clock: int | None) -> Sequence[Tick]:
        """See :class:`base.LiveSource`; a record that is none is counted and told in the log."""
        found: list[Tick] = []
        for heard in self._session.work(time.monotonic()):
            if heard.name == QUOTE and heard.fields is not None:
                try:
                    tick = self._normaliser.tick(raw_tick(heard.fields), heard.at, clock)
                except RuleError as error:
                    self._refuse(heard, error)
                    continue
                if tick is not None:
                    found.append(tick)
        return found

    def counts(self) -> Mapping[str, int | str]:
        """See :class:`base.LiveSource`."""
        conflated = self._session.link.heard.conflated
        return {"session": str(self._session.state), "unreadable": self._refused, "conflated": conflated}

    def close(self) -> None:
        """See :class:`base.LiveSource`."""
        self._session.close()
        self._ended()

    def _refuse(self, heard: Heard, error: RuleError) -> None:
        self._refused += 1
        if self._refused & (self._refused - 1) == 0:  # 1, 2, 4, 8 ...: one bad instrument must not fill the log
            code = (heard.fields or {}).get("InstrumentID")
            log.warning("quote unreadable", instrument=code, reason=error.text, so_far=self._refused)


def raw_tick(fields: Mapping[str, Any]) -> RawTick:
    """A copied ``CThostFtdcDepthMarketDataField`` as every source hands it on; what is missing (None) is no price."""
    get = fields.get
    return RawTick(
        instrument_id=get("InstrumentID") or "",
        trading_day=get("TradingDay") or "",
        update_time=get("UpdateTime") or "",
        update_millisec=get("UpdateMillisec") or 0,
        last_price=_price(get("LastPrice")),
        volume=get("Volume") or 0,
        turnover=_amount(get("Turnover")),
        open_interest=_amount(get("OpenInterest")),
        exchange_id=get("ExchangeID") or "",
        action_day=get("ActionDay") or "",
        bid_price=_price(get("BidPrice1")),
        bid_volume=get("BidVolume1") or 0,
        ask_price=_price(get("AskPrice1")),
        ask_volume=get("AskVolume1") or 0,
        open_price=_price(get("OpenPrice")),
        highest_price=_price(get("HighestPrice")),
        lowest_price=_price(get("LowestPrice")),
        close_price=_price(get("ClosePrice")),
        average_price=_price(get("AveragePrice")),
        settlement_price=_price(get("SettlementPrice")),
        pre_settlement_price=_price(get("PreSettlementPrice")),
        pre_close_price=_price(get("PreClosePrice")),
        pre_open_interest=_amount(get("PreOpenInterest")),
        upper_limit_price=_price(get("UpperLimitPrice")),
        lower_limit_price=_price(get("LowerLimitPrice")),
        depth=_depth(get),
    )


def _price(value: float | None) -> float:
    return nan if value is None else value


def _amount(value: float | None) -> float:
    """One that is missing is beyond what any column keeps, so that it is not taken for zero."""
    return inf if value is None else value


def _depth(get: Any) -> tuple[float, ...] | None:
    """Levels 2 to 5; None where the front sends one level only."""
    if not (get("BidVolume2") or get("AskVolume2")):
        return None
    return tuple(_price(get(name)) if _NO_PRICE in name else float(get(name) or 0) for name in _LADDER)
