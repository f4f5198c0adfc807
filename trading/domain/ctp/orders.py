"""What CTP tells of one exchange order, as snapshots: each ``OnRtnOrder`` says everything, twice, late, out of order.

A snapshot counts where it leads on: by its rank, and by VolumeTraded, which never goes down. What lags is dropped, and
nothing leaves an end. The text of a snapshot is for people: nothing branches on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple, Self

from trading.domain.ctp.flags import (
    ALL_TRADED,
    CANCEL_REFUSED,
    CANCELLED,
    INSERT_REFUSED,
    IOC,
    NOT_TOUCHED,
    NOT_TRADED,
    NOT_TRADED_OUT,
    PART_TRADED,
    PART_TRADED_OUT,
    SENT_ON,
    SUBMIT_STATUSES,
    TOUCHED,
)
from trading.domain.ctp.identity import SentKey
from trading.domain.events import Refuser
from trading.domain.offsets import Offset


class Phase(IntEnum):
    """How far an exchange order has come; a snapshot of a lower one is late."""

    PREPARED = 0  # its number is stored, nothing is sent
    SENT = 1  # handed to the library, nothing heard of it
    TAKEN = 2  # the broker has it
    QUEUED = 3  # the exchange has it
    ENDED = 4


class End(StrEnum):
    """How it ended."""

    FILLED = "filled"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    ABSENT = "absent"  # neither replay nor query know it


class News(StrEnum):
    """What a snapshot was."""

    MOVED = "moved"
    LATE = "late"
    CANCEL_REFUSED = "cancel_refused"
    UNKNOWN = "unknown"  # a letter of a newer front


RANKS: Mapping[str, Phase] = {
    SENT_ON: Phase.TAKEN,
    NOT_TOUCHED: Phase.TAKEN,
    TOUCHED: Phase.TAKEN,
    NOT_TRADED: Phase.QUEUED,
    NOT_TRADED_OUT: Phase.QUEUED,
    PART_TRADED: Phase.QUEUED,
    PART_TRADED_OUT: Phase.QUEUED,
    ALL_TRADED: Phase.ENDED,
    CANCELLED: Phase.ENDED,
}
OUT_OF_QUEUE = frozenset({PART_TRADED_OUT, NOT_TRADED_OUT})
"""An end where the order may not rest; an order for the day stays at work in it, until CTP says 5 or 0."""


class Snapshot(NamedTuple):
    """The fields of an order's push, or of a row of the query of orders, that its state is read from."""

    status: str
    submit: str
    traded: int
    number: str
    time_condition: str
    text: str

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """``number`` stays as the exchange filled it up: requests want it so."""
        return cls(
            fields.get("OrderStatus") or "",
            fields.get("OrderSubmitStatus") or "",
            fields.get("VolumeTraded") or 0,
            fields.get("OrderSysID") or "",
            fields.get("TimeCondition") or "",
            fields.get("StatusMsg") or "",
        )


@dataclass(slots=True)
class Leg:
    """One exchange order: one of ours has as many as it has parts.

    ``doubt``: it may or may not have arrived. ``cancel_out``: a cancel of ours is under way. ``again``: it was sent a
    second time, after the settlement statement had been confirmed. ``before``: lots of it that are in the figures
    already that were taken over from the broker.
    """

    key: SentKey | None
    offset: Offset
    volume: int
    phase: Phase = Phase.PREPARED
    end: End | None = None
    traded: int = 0
    number: str = ""
    code: str = ""
    text: str = ""
    by: Refuser = Refuser.EXCHANGE
    doubt: bool = False
    again: bool = False
    cancel_out: bool = False
    before: int = 0

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.end is not None

    def hear(self, told: Snapshot) -> News:
        """Take a snapshot in."""
        told = told._replace(traded=max(told.traded - self.before, 0))
        if self.over:
            return self._hear_more(told)
        rank = RANKS.get(told.status)
        refused = self._cancel_refused(told)
        before = (self.phase, self.traded, self.number, self.doubt)
        self.number = told.number if told.number.strip() else self.number
        if rank is None or (told.submit and told.submit not in SUBMIT_STATUSES):
            self.traded = max(self.traded, told.traded)
        if rank is None:
            return News.UNKNOWN
        if told.traded >= self.traded and rank >= self.phase:
            self._move(told, rank)
        if refused and not self.over:
            self.cancel_out = False
            return News.CANCEL_REFUSED
        return News.LATE if before == (self.phase, self.traded, self.number, self.doubt) else News.MOVED

    def refuse(self, code: str, text: str, by: Refuser) -> bool:
        """The front refused it; false where that has been told before, or it has come further already."""
        if self.phase > Phase.SENT:
            return False
        self.phase, self.end, self.doubt = Phase.ENDED, End.REFUSED, False
        self.code, self.text, self.by = code, text, by
        return True

    def not_sent(self, code: str, text: str = "", end: End = End.NOT_SENT) -> None:
        """It is certain that nobody has it."""
        self.phase, self.end, self.doubt = Phase.ENDED, end, False
        self.code, self.text, self.by = code, text, Refuser.DESK

    def lose(self) -> bool:
        """The connection is gone, or the process was: true where nobody can tell now whether it has arrived."""
        self.cancel_out = False
        if self.over or self.phase > Phase.SENT or self.doubt:
            return False
        self.doubt = True
        return True

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        kept: dict[str, Any] = {
            "key": list(self.key) if self.key else None,
            "offset": int(self.offset),
            "volume": self.volume,
            "phase": int(self.phase),
            "end": self.end.value if self.end else "",
            "traded": self.traded,
            "number": self.number,
        }
        kept |= {"again": True} if self.again else {}
        kept |= {"before": self.before} if self.before else {}
        return kept | ({"code": self.code, "text": self.text, "by": self.by.value} if self.code else {})

    @classmethod
    def restored(cls, kept: Mapping[str, Any]) -> Self:
        """Of :meth:`kept`."""
        return cls(
            SentKey(*kept["key"]) if kept["key"] else None,
            Offset(kept["offset"]),
            kept["volume"],
            Phase(kept["phase"]),
            End(kept["end"]) if kept["end"] else None,
            kept["traded"],
            kept["number"],
            kept.get("code", ""),
            kept.get("text", ""),
            Refuser(kept.get("by", Refuser.EXCHANGE)),
            again=kept.get("again", False),
            before=kept.get("before", 0),
        )

    def _hear_more(self, told: Snapshot) -> News:
        """After its end only a cancel with more lots traded is news: a fill that was faster than its report."""
        if self.end is not End.CANCELLED or told.status != CANCELLED or told.traded <= self.traded:
            return News.LATE
        self.traded = min(told.traded, self.volume)
        return News.MOVED

    def _cancel_refused(self, told: Snapshot) -> bool:
        return told.submit == CANCEL_REFUSED and self.cancel_out and told.traded >= self.traded

    def _move(self, told: Snapshot, rank: Phase) -> None:
        self.phase, self.traded, self.doubt = rank, told.traded, False
        if told.status == ALL_TRADED:
            self.end, self.traded = End.FILLED, self.volume
        elif told.status == CANCELLED or (told.status in OUT_OF_QUEUE and told.time_condition == IOC):
            self._end(told)

    def _end(self, told: Snapshot) -> None:
        self.phase, self.text = Phase.ENDED, told.text
        refused = told.submit == INSERT_REFUSED and not told.traded
        self.end = End.REFUSED if refused else End.CANCELLED
        if refused:
            self.code, self.by = "exchange_refused", Refuser.EXCHANGE
