"""The own books against a broker's, field by field.

Lots are compared exactly, money to a hundredth of a yuan after :func:`~trading.domain.ctp.revalue.revalued`. A field
that the broker did not tell, and one that no rule makes equal, is shown and not judged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trading.domain.ctp.picture import BrokerFunds, BrokerPicture, BrokerPosition, SideKey
from trading.domain.ctp.revalue import OwnBooks, OwnSide, Revalued, revalued

CENT = 0.01
DUST = 1e-6
"""What floats may add to a difference of exactly a hundredth."""


@dataclass(frozen=True, slots=True)
class Line:
    """One field: of the funds, or of a side of an instrument (``subject`` as ``rb2501.SHFE long``)."""

    subject: str
    field: str
    own: float | None
    broker: float | None
    judged: bool = True

    @property
    def agrees(self) -> bool:
        """Whether nothing speaks against it."""
        if not self.judged or self.own is None or self.broker is None:
            return True
        room = 0.0 if self.field in EXACT else CENT + DUST
        return abs(self.own - self.broker) <= room


EXACT = frozenset({"volume", "today", "frozen"})
"""Lots: told in whole numbers."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Every field of one comparison, funds first."""

    lines: Sequence[Line]

    @property
    def differences(self) -> list[Line]:
        """Those that do not agree."""
        return [line for line in self.lines if not line.agrees]


def compared(own: OwnBooks, broker: BrokerPicture) -> Compared:
    """Compare; both must stand after the same order events of the account."""
    at_broker = revalued(own, broker)
    lines = [*_funds(own, broker.funds, at_broker)]
    for key in sorted(own.sides.keys() | broker.positions.keys(), key=lambda one: (one[0], -one[1])):
        lines += _side(key, own.sides.get(key), broker.positions.get(key), at_broker)
    lines += [Line(code, "volume", 0, lots) for code, lots in sorted(broker.unknown.items())]
    return Compared(lines)


def _funds(own: OwnBooks, broker: BrokerFunds, at_broker: Revalued) -> Iterator[Line]:
    funds, plain = own.funds, not broker.credits
    yield Line("", "pre_balance", funds.pre_balance, broker.pre_balance, judged=plain)
    for name in ("deposit", "withdraw", "commission", "close_profit"):
        yield Line("", name, getattr(funds, name), getattr(broker, name))
    yield Line("", "position_profit", at_broker.position_profit, broker.position_profit)
    yield Line("", "balance", at_broker.balance, broker.balance)
    yield Line("", "margin", at_broker.margin, broker.margin, judged=at_broker.steady)
    yield Line("", "frozen_margin", funds.frozen_margin, broker.frozen_margin, judged=False)
    yield Line("", "frozen_commission", funds.frozen_commission, broker.frozen_commission, judged=False)
    yield Line("", "available", at_broker.available, broker.available)


def _side(key: SideKey, own: OwnSide | None, broker: BrokerPosition | None, at_broker: Revalued) -> Iterator[Line]:
    subject = f"{key[0]} {key[1].name.lower()}"
    for name in ("volume", "today", "frozen"):
        yield Line(subject, name, getattr(own, name) if own else 0, getattr(broker, name) if broker else 0)
    if own is None or broker is None:
        return
    floating, margin = at_broker.sides[key]
    yield Line(subject, "position_profit", floating, broker.position_profit)
    yield Line(subject, "margin", margin, broker.margin, judged=not own.shared)
    yield Line(subject, "position_cost", own.position_cost, broker.position_cost, judged=False)
    yield Line(subject, "open_cost", own.open_cost, broker.open_cost, judged=False)
