"""Which contract of a product is its main one: the rule, over the figures of one finished trading day.

The rule looks once, after the day session's close, at that day's open interest and volume, and its answer holds for
the whole next trading day, night session first. It never leads to an earlier delivery month, and it leaves a contract
before its last trading days whatever the figures say.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import isfinite

import numpy as np

from marketdata.domain.calendar import TradingCalendar, to_day_number
from quantsite.common.texts import say, unsaid

RATIO = 1.1
"""The next contract's open interest must be above this many times the present one's."""

VOLUME_SHARE = 0.5
"""The next contract must have traded at least this share of the present one's volume: positions alone make no market.
Asking for more volume than the present one's would hold a roll back where day traders stay behind: on 2020-06-16 b2008
had 3.7 times the open interest of b2007 and 0.71 of its volume, six days after the recorded roll."""

LEAVE_DAYS = 8
"""A contract delivered in kind is the main one only while so many trading days are left to it. Of 2,126 recorded rolls
of commodities 8 came later than this would force them; the latest ones of crude oil, which expires before its month
begins, came a day before."""

LEAVE_DAYS_OF_EXCHANGE: Mapping[str, int] = {"CFFEX": 1}
"""Index futures keep their open interest until they settle in cash: of 48 recorded rolls 17 came with the first bar of
the last trading day and none later."""


@dataclass(frozen=True, slots=True)
class RollRule:
    """The figures of the rule, see the constants of the same names."""

    ratio: float = RATIO
    volume_share: float = VOLUME_SHARE
    leave_days: int = LEAVE_DAYS


def rule_of(exchange: str) -> RollRule:
    """The rule for products of an exchange."""
    return RollRule(leave_days=LEAVE_DAYS_OF_EXCHANGE.get(exchange, LEAVE_DAYS))


class Ground(StrEnum):
    """On what ground a contract is the main one; stored with every decision."""

    FIRST = "first"
    KEPT = "kept"
    OPEN_INTEREST = "open_interest"
    EXPIRY = "expiry"


class Obstacle(StrEnum):
    """Why nothing can be decided."""

    NO_DATA = "no_data"
    UNFINISHED = "unfinished"
    NO_PRESENT = "no_present"
    NO_SUCCESSOR = "no_successor"


SENTENCES: Mapping[str, str] = {
    Ground.FIRST: unsaid("the first decision of the product: the largest open interest"),
    Ground.KEPT: unsaid("no later contract has more than %(ratio)g times the open interest and the volume for it"),
    Ground.OPEN_INTEREST: unsaid("more than %(ratio)g times the open interest, at least %(share)g of the volume"),
    Ground.EXPIRY: unsaid("fewer than %(days)d trading days are left to the old contract"),
    Obstacle.NO_DATA: unsaid("no contract has figures of the day"),
    Obstacle.UNFINISHED: unsaid("the bars of the day end before its close"),
    Obstacle.NO_PRESENT: unsaid("the main contract has no figures of the day"),
    Obstacle.NO_SUCCESSOR: unsaid("the main contract is about to end and no later one has figures of the day"),
}


def sentence_of(ground: Ground | Obstacle, rule: RollRule) -> str:
    """The ground as a sentence for people."""
    return say(SENTENCES[ground], ratio=rule.ratio, share=rule.volume_share, days=rule.leave_days)


@dataclass(frozen=True, slots=True)
class ContractDay:
    """A contract at the close of the day that is looked at.

    ``delivery`` is its month (year, month), ``expires`` its last trading day (``None`` where unknown: then it is never
    left for its end), ``open_interest`` and ``volume`` lots as published, ``close`` unadjusted, NaN where unknown.
    """

    code: str
    delivery: tuple[int, int]
    expires: date | None
    open_interest: float
    volume: float
    close: float

    @property
    def complete(self) -> bool:
        """Whether everything that a decision stores is known."""
        return isfinite(self.open_interest) and isfinite(self.volume) and self.close > 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The main contract of a trading day and what it was weighed against.

    ``present`` is the main contract so far (``None`` at the first decision); ``rival`` the strongest of those that
    were not chosen, ``None`` where there is none.
    """

    main: ContractDay
    ground: Ground
    present: ContractDay | None
    rival: ContractDay | None

    @property
    def rolled(self) -> bool:
        """Whether the contract changes."""
        return self.present is not None and self.present.code != self.main.code


def decide(
    contracts: Iterable[ContractDay],
    present: ContractDay | str | None,
    trading_day: date,
    calendar: TradingCalendar,
    rule: RollRule,
) -> Decision | Obstacle:
    """The main contract of ``trading_day`` from the figures of the day before it.

    ``present`` is the main contract so far: its code, or what is known of it where the day has no figures of it (it
    can be left then, not kept). A later contract takes over with more than ``rule.ratio`` times the present one's open
    interest, if it traded and had at least ``rule.volume_share`` of the present one's volume. Of several the one with
    the largest open interest does; of equal ones that of the earliest delivery month. The order of ``contracts``
    changes nothing.
    """
    known = {row.code: row for row in contracts if row.complete}
    if not known:
        return Obstacle.NO_DATA
    lasting = [row for row in known.values() if days_left(row.expires, trading_day, calendar) >= rule.leave_days]
    if present is None:
        traded = [row for row in lasting if row.volume > 0 or row.open_interest > 0]
        return _chosen(traded, None, Ground.FIRST) or Obstacle.NO_DATA
    code = present if isinstance(present, str) else present.code
    here = known.get(code, None if isinstance(present, str) else present)
    if here is None:
        return Obstacle.NO_PRESENT
    later = [row for row in lasting if row.delivery > here.delivery]
    if days_left(here.expires, trading_day, calendar) < rule.leave_days:
        return _chosen(later, here, Ground.EXPIRY) or Obstacle.NO_SUCCESSOR
    if code not in known:
        return Obstacle.NO_PRESENT
    stronger = [row for row in later if _overtakes(row, here, rule)]
    rolled = _chosen(stronger, here, Ground.OPEN_INTEREST)
    return rolled or Decision(here, Ground.KEPT, here, _strongest(later))


def days_left(expires: date | None, day: date, calendar: TradingCalendar) -> int:
    """Trading days from ``day`` to a last trading day: 0 on it, below 0 after it; a year where it is not known.

    Past the calendar's end every weekday counts as one: it is only asked whether few are left.
    """
    if expires is None:
        return 250
    here, last = np.searchsorted(calendar.days, [to_day_number(day), to_day_number(expires) + 1])
    beyond = max((expires - calendar.last).days, 0) * 5 // 7
    return int(last) - 1 - int(here) + beyond


def _overtakes(row: ContractDay, here: ContractDay, rule: RollRule) -> bool:
    """Whether a contract has the open interest and the volume to follow ``here``."""
    traded = row.volume > 0 and row.volume >= rule.volume_share * here.volume
    return traded and row.open_interest > rule.ratio * here.open_interest


def _chosen(rows: list[ContractDay], present: ContractDay | None, ground: Ground) -> Decision | None:
    """The strongest of ``rows``; the runner-up is the present contract, or at the first decision the next one."""
    main = _strongest(rows)
    if main is None:
        return None
    return Decision(main, ground, present, present or _strongest([row for row in rows if row is not main]))


def _strongest(rows: list[ContractDay]) -> ContractDay | None:
    """The largest open interest; of equal ones the earliest delivery month."""
    return min(rows, key=lambda row: (-row.open_interest, row.delivery), default=None)
