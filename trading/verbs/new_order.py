"""What a new order says, before it is a row: one form for REST, the admin, strategies and commands."""

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from quantsite.common.errors import ConflictError
from quantsite.common.numbers import on_grid as is_on_grid
from quantsite.common.numbers import round_to_tick
from trading.domain.checks import Draft
from trading.order_models import Order

CLIENT_ID = re.compile(r"[\x21-\x7e]{1,64}")
"""The caller's own name of what is asked for: printable ASCII without a blank."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as asked for; prices in the quoted unit, ``None`` where the type has none, volume in lots."""

    instrument: str
    direction: str
    offset: str
    type: str
    volume: int
    client_order_id: str
    price: float | None = None
    stop_price: float | None = None

    def draft(self) -> Draft:
        """The order as the static checks see it."""
        return Draft(
            direction=self.direction,
            offset=self.offset,
            type=self.type,
            price=math.nan if self.price is None else self.price,
            stop_price=math.nan if self.stop_price is None else self.stop_price,
            volume=self.volume,
        )

    def columns(self, price_tick: float) -> dict[str, Any]:
        """The columns of its row beside account and instrument; prices stand on the grid exactly."""
        return {
            "client_order_id": self.client_order_id,
            "direction": self.direction,
            "offset": self.offset,
            "type": self.type,
            "volume": self.volume,
            "price": on_grid(self.price, price_tick),
            "stop_price": on_grid(self.stop_price, price_tick),
        }


def on_grid(price: float | None, tick: float) -> Decimal | None:
    """A price as its column keeps it, without binary dust; one off the grid stays what it is, and is refused so."""
    if price is None or math.isnan(price):
        return None
    if not math.isfinite(price) or not is_on_grid(price, tick):
        return Decimal(repr(price))
    return Decimal(repr(round_to_tick(price, tick)))


def same_or_conflict(found: Order, columns: dict[str, Any], instrument_id: int, text: str) -> Order:
    """The stored order where it says the same. Raises ``ConflictError`` ``client_order_id_used`` where it does not."""
    differing = {name for name, value in columns.items() if getattr(found, name) != value}
    if differing or found.instrument_id != instrument_id:
        fields = dict.fromkeys(sorted(differing), text)
        raise ConflictError("client_order_id_used", text, fields=fields)
    return found
