"""What an instance holds on a leg by the fills of its own orders: netted, the oldest lots first, as in a backtest."""

from dataclasses import dataclass
from typing import NamedTuple

from trading.domain.offsets import Direction, Offset


class Part(NamedTuple):
    """One part of a fill: what it did to ``lots`` of the position, and the signed lots held after it."""

    offset: Offset
    lots: int
    held: int


@dataclass(slots=True)
class HeldLots:
    """Signed lots of one leg: ``older`` from earlier trading days, ``today`` of the running one (never opposed)."""

    older: int = 0
    today: int = 0

    @property
    def net(self) -> int:
        """Lots held, above 0 long."""
        return self.older + self.today

    def begin_day(self) -> None:
        """What was opened on the day before is of today no more."""
        self.older, self.today = self.net, 0

    def fill(self, direction: Direction, lots: int) -> list[Part]:
        """Take in a fill: it closes older lots, then today's, and opens with the rest."""
        parts = []
        left = lots
        for name, offset in (("older", Offset.CLOSE), ("today", Offset.CLOSE_TODAY)):
            there: int = getattr(self, name)
            part = min(left, abs(there)) if there * direction < 0 else 0
            if part:
                setattr(self, name, there + direction * part)
                left -= part
                parts.append(Part(offset, part, self.net))
        if left:
            self.today += direction * left
            parts.append(Part(Offset.OPEN, left, self.net))
        return parts
