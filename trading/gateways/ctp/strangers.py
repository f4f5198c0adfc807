"""Orders that other terminals of the account sent: they become rows like ours, for the position follows them."""

from typing import Any

import structlog

from trading.domain.account_orders import Part, exchange_offset
from trading.domain.ctp.combos import type_of
from trading.domain.ctp.flags import DIRECTION_OF, LIMIT_PRICE, OFFSET_OF
from trading.domain.ctp.folding import CtpOrder
from trading.domain.ctp.identity import code_of, foreign_id, sent_key, system_key
from trading.domain.ctp.orders import Leg, Phase
from trading.domain.gateway import Stranger
from trading.domain.offsets import setting_on
from trading.gateways.ctp.book import Found
from trading.gateways.ctp.desk import CtpDesk
from trading.gateways.ctp.metrics import UNKNOWN_WORDS

log = structlog.get_logger(__name__)


class Strangers:
    """Meets them; ``met`` are those whose rows are to be made."""

    def __init__(self, desk: CtpDesk) -> None:
        self.met: list[Stranger] = []
        self._desk = desk
        self._number = 0
        self._lost: set[int] = set()

    def meet(self, fields: dict[str, Any]) -> Found | None:
        """Know an order from now on; None where it is written in words that nobody here knows."""
        day = self._desk.book.day
        direction = DIRECTION_OF.get(fields.get("Direction") or "")
        offset = OFFSET_OF.get((fields.get("CombOffsetFlag") or "")[:1])
        key = None if day is None else system_key(fields, day)
        if day is None or key is None or direction is None or offset is None:
            UNKNOWN_WORDS.labels("foreign order").inc()
            log.error("order of another terminal not understood", account=self._desk.around.account, order=fields)
            return None
        before = self._desk.adopted.lots_of(key)
        volume = (fields.get("VolumeTotalOriginal") or 0) - before
        if volume <= 0:  # all of it is in the figures that were taken over
            return None
        self._number -= 1
        flag = exchange_offset(offset, setting_on(key.exchange, day))
        kind = type_of(*(fields.get(name) or "" for name in ("OrderPriceType", "TimeCondition", "VolumeCondition")))
        order = CtpOrder(self._number, code_of(fields), direction, kind, volume, foreign=True)
        order.legs = [Leg(sent_key(fields), flag, volume, Phase.SENT, before=before)]
        self._desk.add(order)
        priced = fields.get("OrderPriceType") == LIMIT_PRICE
        self.met.append(
            Stranger(
                order.order_id, foreign_id(key), order.code, direction, kind,
                fields.get("LimitPrice") if priced else None, Part(flag, volume), day,
            )
        )  # fmt: skip
        return Found(order, order.legs[0])

    def known(self, number: int, order_id: int | None) -> None:
        """A stranger has its row; None: it cannot have one, and what becomes of it is told to nobody."""
        desk, order = self._desk, self._desk.book.orders[number]
        if order_id is None:
            self._lost.add(number)
            return
        desk.book.rename(order, order_id)
        desk.reports[:] = [
            each._replace(order_id=order_id) if each.order_id == number else each for each in desk.reports
        ]

    def told(self) -> list[Stranger]:
        """Those met since this was asked last."""
        met, self.met = self.met, []
        return met

    def is_lost(self, order_id: int) -> bool:
        """Whether nobody can be told of an order."""
        return order_id in self._lost
