"""What the rules look at: one order, the market of its instrument, and the account as it stands before the order.

Stable, as are the calls on them in ``order_rules``: ``order_reason(asked, limits)`` and ``judged(asked, limits)``,
where ``asked`` is an :class:`Asked` and ``limits`` what ``limits.effective`` gives.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import NamedTuple

from trading.domain.risk.sent import Fingerprint, SentOrders

Held = Mapping[str, int]
"""Lots by instrument or product."""


class RiskOrder(NamedTuple):
    """An order before it is handed over. Prices in yuan, NaN where it has none; ``opening``: not a close.

    ``product`` is the full code, such as ``rb.SHFE``; ``type`` a value of ``OrderType``.
    """

    instrument: str
    product: str
    exchange: str
    buying: bool
    opening: bool
    type: str
    price: float
    stop_price: float
    volume: int
    multiplier: float
    price_tick: float

    @property
    def direction(self) -> str:
        """The word of the API."""
        return "buy" if self.buying else "sell"

    @property
    def fingerprint(self) -> Fingerprint:
        """What makes two orders the same one sent twice."""
        return (
            self.instrument,
            self.buying,
            self.opening,
            self.type,
            # NaN is not equal to itself
            None if self.price != self.price else self.price,
            None if self.stop_price != self.stop_price else self.stop_price,
            self.volume,
        )


class Quote(NamedTuple):
    """The market of an instrument; NaN where nobody told."""

    last: float = nan
    pre_settlement: float = nan
    upper: float = nan
    lower: float = nan

    @property
    def reference(self) -> float:
        """The last price, before the first trade of a day the previous settlement; NaN without either."""
        return self.last if self.last > 0 else self.pre_settlement


@dataclass(slots=True)
class AccountView:
    """The account before the order, in yuan and lots; ``order_*`` is what the order itself would freeze.

    ``margin`` is that of what is held, ``frozen_margin`` that of working orders, ``day_profit`` is after commissions,
    ``drawdown`` a fraction of the peak (0 or more), ``notional`` the value of both sides' positions and working
    openings at the last price. ``long`` and ``short`` count lots held and those of working opening orders, by
    instrument; ``*_product`` by product.
    """

    balance: float
    available: float
    margin: float
    frozen_margin: float
    day_profit: float
    drawdown: float
    notional: float
    order_margin: float = 0.0
    order_commission: float = 0.0
    long: Held = field(default_factory=dict)
    short: Held = field(default_factory=dict)
    long_product: Held = field(default_factory=dict)
    short_product: Held = field(default_factory=dict)


@dataclass(slots=True)
class DayCounts:
    """What was sent on a trading day in one instrument, by all accounts of a control group."""

    orders: int = 0
    cancels: int = 0
    large_cancels: int = 0

    def __add__(self, other: "DayCounts") -> "DayCounts":
        """Both together: of several accounts of a group."""
        return DayCounts(
            self.orders + other.orders, self.cancels + other.cancels, self.large_cancels + other.large_cancels
        )


@dataclass(slots=True)
class Asked:
    """One order with everything that its rules need. ``now`` is the send time in ns, of the clock that ``sent`` has."""

    order: RiskOrder
    quote: Quote
    view: AccountView
    counts: DayCounts = field(default_factory=DayCounts)
    sent: SentOrders = field(default_factory=SentOrders)
    now: int = 0
