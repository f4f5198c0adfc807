"""What a strategy is to hear of its orders, and when."""

from strategies.domain.hosting.intents import Place
from strategies.domain.strategy import BaseStrategy, OrderUpdate, UpdateKind
from trading.domain.offsets import Offset


class Hearing:
    """Collects updates until the strategy may hear them; ``unit`` are the lots of a unit in which they are told."""

    def __init__(self, unit: int) -> None:
        self.listens = False
        self.heard: list[OrderUpdate] = []
        self._unit = unit

    def note(  # noqa: PLR0917 - in the order of the update's own fields
        self,
        kind: UpdateKind,
        place: Place,
        at: int,
        price: float,
        lots: int,
        held: int,
        offset: Offset = Offset.OPEN,
    ) -> None:
        """Something became of ``lots`` of an order, after which ``held`` lots are held."""
        if self.listens:
            volume, position = lots / self._unit, held / self._unit
            update = OrderUpdate(kind, at, place.direction, offset, price, volume, position, place.own, place.leg)
            self.heard.append(update)

    def tell(self, strategy: BaseStrategy, bar_start: int | None) -> None:
        """Hand on what was heard: on bars once, stamped with the bar's start; on ticks until nothing follows."""
        while self.heard:
            heard, self.heard = self.heard, []
            for update in heard:
                strategy.on_order_update(update if bar_start is None else update._replace(at=bar_start))
            if bar_start is not None:
                return
