"""Depth records as the exchanges send them -> ticks that mean the same for every exchange.

Dates: only the time of day of a record is believed everywhere, and its trading day (but CZCE writes the natural date
at night). The instant follows from both and the calendar: an evening belongs to the last trading day before, what
follows midnight to the day after that evening. ``ActionDay`` is not asked (DCE writes the trading day into it).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from marketdata.domain.calendar import TradingCalendar, from_day_number, to_day_number
from marketdata.domain.contract import Contract
from marketdata.domain.day_plan import DayPlan
from marketdata.domain.depth import INVALID_ABOVE, RawTick, price_or_nan
from marketdata.domain.hours import NIGHT_BEGINS
from marketdata.domain.sessions import NIGHT_ENDS
from marketdata.domain.ticks import BACKWARD, OUTSIDE, STALE, Tick
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from quantsite.common.times import NS_PER_DAY, NS_PER_MINUTE, NS_PER_SECOND, SHANGHAI_OFFSET_NS

CZCE = "CZCE"
"""Its turnover and average price carry no multiplier, and at night its trading day is the natural date."""

STALE_AFTER = 10 * NS_PER_MINUTE
"""A record further than this from the market clock is an old snapshot."""

NS_PER_MILLISECOND = 1_000_000
EVENING = NIGHT_BEGINS * 60
MORNING = NIGHT_ENDS * 60


@dataclass(frozen=True, slots=True)
class _Midnights:
    """Midnights (ns UTC) of the dates that a trading day's evening, early morning and day fall on."""

    evening: int
    morning: int
    day: int


@dataclass(slots=True)
class _State:
    """What is known of one instrument so far."""

    contract: Contract
    plan: DayPlan | None = None
    last_time: int = 0
    last_volume: int = 0
    accepts: int = 0
    limit: int = 0
    counts: dict[int, int] = field(default_factory=dict)


class Normaliser:
    """Makes ticks of depth records, one instrument's in the order in which they come.

    ``first_seq`` is the number of an instrument's first tick of a trading day: 1 for files, whose numbers must be
    the same each time; ``epoch << 32`` for a live feed, whose numbers must differ from those before its start.
    """

    def __init__(self, contracts: Mapping[str, Contract] | Iterable[Contract] = (), first_seq: int = 1) -> None:
        self._first_seq = first_seq
        self._states: dict[str, _State] = {}
        self._days: dict[str, int] = {}
        self._midnights: dict[int, _Midnights] = {}
        self._seconds: dict[str, int] = {}
        for contract in contracts.values() if isinstance(contracts, Mapping) else contracts:
            self.add(contract)

    def add(self, contract: Contract) -> None:
        """From now on records of ``contract.symbol`` are known; one that is known already goes on as it was."""
        self._states.setdefault(contract.symbol, _State(contract))

    def tick(self, raw: RawTick, received: int = 0, clock: int | None = None) -> Tick | None:
        """The tick of a record; None for an instrument that was not added.

        ``clock`` is the market clock (ns UTC): a record far from it is marked as stale. Raises :class:`RuleError`
        ``invalid_tick`` for a record without a readable trading day or time.
        """
        state = self._states.get(raw.instrument_id)
        if state is None:
            return None
        contract = state.contract
        day, time = self._when(raw, contract)
        flags = 0
        if clock is not None and not -STALE_AFTER < time - clock < STALE_AFTER:
            flags = STALE
        flags |= self._place(state, day, time, raw.volume, stale=bool(flags))
        number = state.counts.get(day, 0)
        state.counts[day] = number + 1
        scale = contract.multiplier
        turnover, average = raw.turnover, price_or_nan(raw.average_price)
        if contract.exchange == CZCE:
            turnover *= scale
        else:
            average /= scale
        return Tick(
            contract.code,
            day,
            self._first_seq + number,
            time,
            received,
            price_or_nan(raw.last_price),
            raw.volume,
            turnover if turnover < INVALID_ABOVE else float("nan"),
            raw.open_interest if raw.open_interest < INVALID_ABOVE else float("nan"),
            price_or_nan(raw.bid_price),
            raw.bid_volume,
            price_or_nan(raw.ask_price),
            raw.ask_volume,
            price_or_nan(raw.open_price),
            price_or_nan(raw.highest_price),
            price_or_nan(raw.lowest_price),
            price_or_nan(raw.close_price),
            average,
            price_or_nan(raw.settlement_price),
            price_or_nan(raw.pre_settlement_price),
            price_or_nan(raw.pre_close_price),
            raw.pre_open_interest if raw.pre_open_interest < INVALID_ABOVE else float("nan"),
            price_or_nan(raw.upper_limit_price),
            price_or_nan(raw.lower_limit_price),
            flags,
            raw.depth,
        )

    def _place(self, state: _State, day: int, time: int, volume: int, *, stale: bool) -> int:
        """The flags of a tick by its time and what came before it; remembers it where it goes forward."""
        plan = state.plan
        if plan is None or plan.trading_day != day:
            plan = state.contract.table.plan(day)
            if stale:
                return 0 if plan.minute_at(time) else OUTSIDE
            state.plan, state.accepts, state.limit, state.last_time, state.last_volume = plan, 0, 0, 0, 0
        flags = 0
        if not state.accepts <= time < state.limit:
            minute = plan.minute_at(time)
            if minute is None:
                flags = OUTSIDE
            else:
                state.accepts, state.limit = minute.accepts, minute.limit
        if time < state.last_time or volume < state.last_volume:
            flags |= BACKWARD
        elif not stale:
            state.last_time, state.last_volume = time, volume
        return flags

    def _when(self, raw: RawTick, contract: Contract) -> tuple[int, int]:
        """Trading day (days since the epoch) and instant (ns UTC) of a record."""
        seconds = self._seconds.get(raw.update_time)
        if seconds is None:
            seconds = self._seconds[raw.update_time] = _seconds_of(raw)
        calendar = contract.table.calendar
        day = self._days.get(raw.trading_day)
        if day is None:
            day = self._days[raw.trading_day] = _day_of(raw)
        if contract.exchange == CZCE and seconds >= EVENING and raw.action_day in ("", raw.trading_day):
            day = to_day_number(calendar.next_after(from_day_number(day)))
        midnights = self._midnights.get(day)
        if midnights is None:
            midnights = self._midnights[day] = _midnights_of(calendar, day)
        midnight = (
            midnights.evening if seconds >= EVENING else midnights.morning if seconds < MORNING else midnights.day
        )
        return day, midnight + seconds * NS_PER_SECOND + raw.update_millisec * NS_PER_MILLISECOND


def _midnights_of(calendar: TradingCalendar, day: int) -> _Midnights:
    evening = to_day_number(calendar.previous_before(from_day_number(day)))
    return _Midnights(*(number * NS_PER_DAY - SHANGHAI_OFFSET_NS for number in (evening, evening + 1, day)))


def _seconds_of(raw: RawTick) -> int:
    """``HH:MM:SS`` as seconds after midnight. Raises :class:`RuleError` ``invalid_tick``."""
    parts = raw.update_time.split(":")
    if len(parts) == 3 and all(part.isdecimal() for part in parts):
        hours, minutes, seconds = map(int, parts)
        if hours < 24 and minutes < 60 and seconds < 60:
            return (hours * 60 + minutes) * 60 + seconds
    raise _refused(raw, "UpdateTime", raw.update_time, "HH:MM:SS")


def _day_of(raw: RawTick) -> int:
    """``YYYYMMDD`` as days since the epoch. Raises :class:`RuleError` ``invalid_tick``."""
    text = raw.trading_day
    try:
        if len(text) == len("20180102") and text.isdecimal():
            return to_day_number(date(int(text[:4]), int(text[4:6]), int(text[6:])))
    except ValueError:
        pass  # no such date: refused below
    raise _refused(raw, "TradingDay", text, "YYYYMMDD")


def _refused(raw: RawTick, field_name: str, value: str, form: str) -> RuleError:
    given = {"instrument": raw.instrument_id, "field": field_name, "value": value, "form": form}
    text = say("%(instrument)s: %(field)s %(value)r is not %(form)s.", **given)
    return RuleError("invalid_tick", text)
