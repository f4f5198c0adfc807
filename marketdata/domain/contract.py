"""What whoever handles ticks must know of a contract."""

from dataclasses import dataclass

from marketdata.domain.sessions import SessionTable


@dataclass(frozen=True, slots=True, eq=False)
class Contract:
    """An instrument as feeds and bar builders see it: ``code`` is ours (``ru1901.SHFE``), ``symbol`` the exchange's."""

    code: str
    symbol: str
    exchange: str
    multiplier: float
    price_tick: float
    table: SessionTable
