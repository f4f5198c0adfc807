"""Order sides and offset flags, and which lots a close hits.

The numbers of :class:`Offset` are CTP's own flags (ThostFtdcUserApiDataType.h, ``THOST_FTDC_OF_*``).
SHFE and INE keep yesterday's and today's lots apart: there a plain close means yesterday's lots and today's
need ``CLOSE_TODAY``. The other exchanges take ``CLOSE`` only and choose the lots themselves; which they
choose is disputed between the field's systems, so it is a dated setting (default: first in, first out).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum

from quantsite.common.errors import RuleError
from quantsite.common.texts import say


class Direction(IntEnum):
    """The side of an order or fill; the value is the sign of the volume it adds."""

    BUY = 1
    SELL = -1


class Side(IntEnum):
    """The side of a position; the value is the sign of its profit when the price rises."""

    LONG = 1
    SHORT = -1


class Offset(IntEnum):
    """What a fill does to a position."""

    OPEN = 0
    CLOSE = 1
    FORCE_CLOSE = 2
    CLOSE_TODAY = 3
    CLOSE_YESTERDAY = 4


class LotChoice(StrEnum):
    """Which lots of a side a close may take, and in which order (always the older first within a choice)."""

    FIFO = "fifo"  # yesterday's lots are the older ones, so this is "yesterday first" too
    TODAY_FIRST = "today_first"
    TODAY_ONLY = "today_only"
    YESTERDAY_ONLY = "yesterday_only"


@dataclass(frozen=True, slots=True)
class OffsetSetting:
    """How one exchange treats closes from ``valid_from`` on.

    ``split`` is true where today's lots need a flag of their own; ``plain_close`` says which lots a close
    without that flag takes.
    """

    exchange: str
    valid_from: date
    split: bool
    plain_close: LotChoice


DEFAULT_SETTING = OffsetSetting("", date.min, split=False, plain_close=LotChoice.FIFO)
# Check the order of the four exchanges left to the default against a real statement before changing it.
SETTINGS: tuple[OffsetSetting, ...] = (
    OffsetSetting("SHFE", date.min, split=True, plain_close=LotChoice.YESTERDAY_ONLY),
    OffsetSetting("INE", date.min, split=True, plain_close=LotChoice.YESTERDAY_ONLY),
)


def setting_on(exchange: str, day: date, settings: Sequence[OffsetSetting] = SETTINGS) -> OffsetSetting:
    """The setting of ``exchange`` in force on a trading day; the default where none is listed."""
    valid = [row for row in settings if row.exchange == exchange and row.valid_from <= day]
    return max(valid, key=lambda row: row.valid_from, default=DEFAULT_SETTING)


def lots_hit(offset: Offset, setting: OffsetSetting) -> LotChoice:
    """The lots that a fill with this closing flag takes. Raises ``RuleError`` for ``OPEN``."""
    if offset == Offset.OPEN:
        raise RuleError("offset_not_closing", say("an opening fill closes no lots: use close, close_today, ..."))
    if offset == Offset.CLOSE_TODAY:
        return LotChoice.TODAY_ONLY
    if offset == Offset.CLOSE_YESTERDAY:
        return LotChoice.YESTERDAY_ONLY
    return setting.plain_close


def split_auto(volume: float, today: float, yesterday: float, setting: OffsetSetting) -> list[tuple[Offset, float]]:
    """The flags to send for a close of ``volume`` lots left to the platform, the older lots first.

    One ``CLOSE`` where the exchange does not split; else ``CLOSE_YESTERDAY`` as far as ``yesterday``
    reaches and ``CLOSE_TODAY`` for the rest. Raises ``RuleError`` when more is closed than is held.
    """
    if volume > today + yesterday:
        given = {"volume": volume, "held": today + yesterday, "today": today, "older": yesterday}
        text = say("cannot close %(volume)g: %(held)g held (%(today)g of today, %(older)g older)", **given)
        raise RuleError("close_exceeds_position", text)
    if not setting.split:
        return [(Offset.CLOSE, volume)]
    older = min(volume, yesterday)
    parts = [(Offset.CLOSE_YESTERDAY, older), (Offset.CLOSE_TODAY, volume - older)]
    return [(offset, part) for offset, part in parts if part > 0]


def recorded_offset(*, today: bool) -> Offset:
    """The closing flag as a record names it, on every exchange: it tells which fee was charged."""
    return Offset.CLOSE_TODAY if today else Offset.CLOSE
